package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var known = NamesOf("sub", "tid")

func TestCheck(t *testing.T) {
	for _, good := range []string{
		`{}`, ` {"a" : [ ] , "b" : { } } `, `{"a":"\\","b":1.5e+3,"c":true,"d":null}`, `{"a":[1,{"x":null}],"b":"\"}"}`, `{"sub":"A","Other":1}`,
		`{"a":{"Sub":1}}`, strings.Repeat(`{"a":`, 16) + "{}" + strings.Repeat("}", 16),
	} {
		require.NoError(t, Check([]byte(good), known), good)
	}
	for bad, want := range map[string]error{
		``: errNotJSON, `{`: errNotJSON, `{"a":1}x`: errNotJSON, `{"a":1}{}`: errNotJSON, "{\"a\":\"\xff\"}": errNotJSON, `{'a':1}`: errNotJSON, `{"a":01}`: errNotJSON,
		`[]`: errNotObject, `null`: errNotObject, `"a"`: errNotObject,
		`{"":1}`: errName, `{"\u017fub":1}`: errName, `{"ſub":1}`: errName, "{\"a\u200b\":1}": errName, `{"a":{"b\u0000":1}}`: errName,
		`{"a":1,"a":2}`: errDuplicate, `{"x":1,"X":2}`: errDuplicate, `{"a":[{"b":1,"B":2}]}`: errDuplicate, `{"a":1,"\u0061":2}`: errDuplicate,
		`{"Sub":1}`: errLookAlike, `{"\u0053ub":1}`: errLookAlike, `{"TID":1}`: errLookAlike,
		strings.Repeat(`{"a":`, 18) + "1" + strings.Repeat("}", 18): errTooDeep, `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: errTooDeep,
	} {
		require.ErrorIs(t, Check([]byte(bad), known), want, bad)
	}
}

// Past the number that is compared one by one, duplicates are still found, wherever they stand.
func TestManyNames(t *testing.T) {
	object := func(last string) []byte {
		var b strings.Builder
		b.WriteString("{")
		for i := range 100 {
			fmt.Fprintf(&b, `"name%02d":%d,`, i, i)
		}
		return []byte(b.String() + `"` + last + `":true}`)
	}
	all, err := Parse(object("other"), known)
	require.NoError(t, err)
	require.Len(t, all, 101)
	require.Equal(t, json.Number("31"), all["name31"])
	for _, twice := range []string{"name00", "NAME31", "name32", "Name99"} {
		all, err = Parse(object(twice), known)
		require.ErrorIs(t, err, errDuplicate, twice)
		require.Nil(t, all)
	}
	require.ErrorIs(t, Check(object("Sub"), known), errLookAlike)
}

// FuzzCheck: the verdict is that of a slow reader, which walks the tokens of encoding/json; and where it is good, encoding/json finds each known member
// under its own name or not at all.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"sub":"a","Sub":"b"}`, `{"a":{"b":1,"b":2}}`, `{"a":[1,{"x":null}],"b":"\"}"}`, `{"\u017fub":1}`, `{"ſub":1}`, `[]`, ` {"a" : [ ] , "b" : { } } `,
		`{"a":"\\","b":1.5e+3,"c":true}`, `{"a":1}x`, "{\"a\":\"\xff\"}", `{"":1}`, strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data, known)
		if err != nil && errors.Is(err, errNotJSON) {
			return
		}
		require.Equal(t, slow(t, data), err)
		if err != nil {
			return
		}
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &all))
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var plain map[string]any
		require.NoError(t, dec.Decode(&plain))
		parsed, err := Parse(data, known)
		require.NoError(t, err)
		require.Equal(t, plain, parsed, "read as encoding/json reads it")
		var one struct {
			Subject json.RawMessage `json:"sub"`
		}
		require.NoError(t, json.Unmarshal(data, &one))
		require.Equal(t, all["sub"], one.Subject)
	})
}

// slow judges valid JSON by way of the decoder's tokens. The first refusal in reading order counts, as in Check.
func slow(t *testing.T, data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	first, err := dec.Token()
	require.NoError(t, err)
	if first != json.Delim('{') {
		return errNotObject
	}
	return slowObject(t, dec, 0)
}

func slowValue(t *testing.T, dec *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	token, err := dec.Token()
	require.NoError(t, err)
	switch token {
	case json.Delim('{'):
		return slowObject(t, dec, depth)
	case json.Delim('['):
		for dec.More() {
			if err := slowValue(t, dec, depth+1); err != nil {
				return err
			}
		}
		_, err = dec.Token()
		require.NoError(t, err)
	}
	return nil
}

func slowObject(t *testing.T, dec *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		require.NoError(t, err)
		name, _ := token.(string)
		folded := strings.ToLower(name)
		switch {
		case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }):
			return errName
		case seen[folded]:
			return errDuplicate
		case depth == 0 && known[folded] && !known[name]:
			return errLookAlike
		}
		seen[folded] = true
		if err := slowValue(t, dec, depth+1); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	require.NoError(t, err)
	return nil
}
