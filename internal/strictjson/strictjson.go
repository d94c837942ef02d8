// Package strictjson refuses JSON that two readers could understand differently. It stands before everything in JSON that the library
// verifies or believes: tokens, discovery documents, key sets.
package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting; Entra's documents and tokens nest three deep.
const maxDepth = 16

// The reasons why Check refuses.
var (
	errNotJSON   = errors.New("not JSON in UTF-8")
	errNotObject = errors.New("not an object")
	errTooDeep   = errors.New("nested deeper than 16 levels")
	errName      = errors.New("a member's name is not printable ASCII, or is empty")
	errDuplicate = errors.New("a member is given twice, perhaps in another case")
	errLookAlike = errors.New("a member's name differs from a known one only in case")
)

// Check accepts data if it is one JSON object that every reader understands alike. RFC 8259, section 4, leaves open which of
// two members with one name counts, and encoding/json takes "SUB" and "\u017fub" (with the long s) for "sub", so that what one
// reader checks another might not use. Refused are, at any depth, names that are not printable ASCII and names that differ only in
// case; at the top, a name that differs only in case from one in known.
//
// No error repeats what was read. Bounding the size is the caller's business.
func Check(data []byte, known Names) error {
	if !utf8.Valid(data) || !json.Valid(data) {
		return errNotJSON
	}
	w := walker{data: data, known: known}
	if w.space(); w.data[w.i] != '{' {
		return errNotObject
	}
	return w.value(0)
}

// walker goes over JSON that is known to be valid, so that it need not look out for anything else than the end of a value.
type walker struct {
	data  []byte
	i     int
	known Names
}

func (w *walker) space() {
	for w.i < len(w.data) {
		switch w.data[w.i] {
		case ' ', '\t', '\n', '\r':
			w.i++
		default:
			return
		}
	}
}

func (w *walker) value(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch w.data[w.i] {
	case '{':
		return w.object(depth)
	case '[':
		return w.array(depth)
	case '"':
		w.text()
	default: // a number, true, false, null
		for w.i < len(w.data) && !delimits(w.data[w.i]) {
			w.i++
		}
	}
	return nil
}

func delimits(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

// text skips a string and returns it, quotes included, and whether it holds an escape.
func (w *walker) text() (quoted []byte, escaped bool) {
	start := w.i
	for w.i++; w.data[w.i] != '"'; w.i++ {
		if w.data[w.i] == '\\' {
			escaped = true
			w.i++
		}
	}
	w.i++
	return w.data[start:w.i], escaped
}

func (w *walker) array(depth int) error {
	w.i++
	for {
		if w.space(); w.data[w.i] == ']' {
			w.i++
			return nil
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
		if w.space(); w.data[w.i] == ',' {
			w.i++
		}
	}
}

func (w *walker) object(depth int) error {
	w.i++
	seen := make(map[string]bool)
	for {
		if w.space(); w.data[w.i] == '}' {
			w.i++
			return nil
		}
		if err := w.name(depth, seen); err != nil {
			return err
		}
		w.space()
		w.i++ // the colon
		w.space()
		if err := w.value(depth + 1); err != nil {
			return err
		}
		if w.space(); w.data[w.i] == ',' {
			w.i++
		}
	}
}

func (w *walker) name(depth int, seen map[string]bool) error {
	quoted, escaped := w.text()
	name := string(quoted[1 : len(quoted)-1])
	if escaped {
		if err := json.Unmarshal(quoted, &name); err != nil {
			return errNotJSON
		}
	}
	if name == "" {
		return errName
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return errName
		}
	}
	folded := strings.ToLower(name)
	if seen[folded] {
		return errDuplicate
	}
	seen[folded] = true
	if depth == 0 && w.known[folded] && !w.known[name] {
		return errLookAlike
	}
	return nil
}

// Names is the set of member names that a document is read by.
type Names map[string]bool

// NamesOf makes a set.
func NamesOf(list ...string) Names {
	set := make(Names, len(list))
	for _, n := range list {
		set[n] = true
	}
	return set
}
