package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of what is parsed. Entra keeps tokens far below: a header of a web server holds 8 to 16 KB.
const (
	maxPayload = 256 << 10 // bytes
	maxDepth   = 16        // objects and lists within each other
)

// ParseObject reads one JSON object strictly, so that no two readers can see different things in the same bytes.
//
// Refused, at every depth: a member given twice; two members that differ only in case; a member whose name is not
// printable ASCII (every claim that Entra defines is, and no look-alike letter, such as the long s of "ſub", is). Refused
// too: anything but one object, bytes that are not UTF-8, more than 256 KB or 16 levels. RFC 8259, section 4, leaves what
// becomes of duplicates to each reader, and encoding/json itself takes the last and ignores case.
//
// Numbers come back as json.Number, exactly as they were written. On error the map is nil.
func ParseObject(data []byte) (map[string]any, error) {
	switch {
	case len(data) > maxPayload:
		return nil, fmt.Errorf("claims: JSON is longer than %d bytes", maxPayload)
	case !utf8.Valid(data):
		return nil, errors.New("claims: JSON is not UTF-8")
	case !json.Valid(data): // one value, nothing after it: Decoder.Token alone would not look at the end
		return nil, errors.New("claims: not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("claims: JSON is not an object")
	}
	return object, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON is nested deeper than %d levels", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, errors.New("not JSON") // the decoder's own error repeats input
	}
	switch tok {
	case json.Delim('{'):
		return parseMembers(dec, depth)
	case json.Delim('['):
		return parseElements(dec, depth)
	}
	return tok, nil
}

func parseMembers(dec *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, errors.New("not JSON")
		}
		name, _ := tok.(string)
		if !isPrintableASCII(name) {
			return nil, fmt.Errorf("member name %+q is not printable ASCII", clip(name))
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, fmt.Errorf("member %q is given twice, perhaps in another case", clip(name))
		}
		seen[folded] = true
		if object[name], err = parseValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token() // the closing brace
	return object, err
}

func parseElements(dec *json.Decoder, depth int) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token() // the closing bracket
	return list, err
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// clip bounds what a name from outside adds to an error.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}
