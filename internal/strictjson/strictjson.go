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
	_, err := Parse(data, known)
	return err
}

// Parse reads what Check accepts, in the same pass: objects as map[string]any, lists as []any, numbers as json.Number, exactly as they were written.
// On error the map is nil.
func Parse(data []byte, known Names) (map[string]any, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errNotJSON
	}
	w := walker{data: data, known: known}
	if w.space(); w.data[w.i] != '{' {
		return nil, errNotObject
	}
	return w.object(0)
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

func (w *walker) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch w.data[w.i] {
	case '{':
		return w.object(depth)
	case '[':
		return w.array(depth)
	case '"':
		return w.text()
	}
	start := w.i
	for w.i < len(w.data) && !delimits(w.data[w.i]) {
		w.i++
	}
	switch word := string(w.data[start:w.i]); word {
	case "true", "false":
		return word == "true", nil
	case "null":
		return nil, nil
	default:
		return json.Number(word), nil
	}
}

func delimits(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

// text reads a string. What escapes stand for is encoding/json's to say.
func (w *walker) text() (string, error) {
	start, escaped := w.i, false
	for w.i++; w.data[w.i] != '"'; w.i++ {
		if w.data[w.i] == '\\' {
			escaped = true
			w.i++
		}
	}
	w.i++
	if !escaped {
		return string(w.data[start+1 : w.i-1]), nil
	}
	var s string
	if err := json.Unmarshal(w.data[start:w.i], &s); err != nil {
		return "", errNotJSON
	}
	return s, nil
}

func (w *walker) array(depth int) ([]any, error) {
	list := []any{}
	w.i++
	for {
		if w.space(); w.data[w.i] == ']' {
			w.i++
			return list, nil
		}
		v, err := w.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if w.space(); w.data[w.i] == ',' {
			w.i++
		}
	}
}

func (w *walker) object(depth int) (map[string]any, error) {
	var seen seenNames
	members := make(map[string]any)
	w.i++
	for {
		if w.space(); w.data[w.i] == '}' {
			w.i++
			return members, nil
		}
		name, err := w.name(depth, &seen)
		if err != nil {
			return nil, err
		}
		w.space()
		w.i++ // the colon
		w.space()
		if members[name], err = w.value(depth + 1); err != nil {
			return nil, err
		}
		if w.space(); w.data[w.i] == ',' {
			w.i++
		}
	}
}

func (w *walker) name(depth int, seen *seenNames) (string, error) {
	name, err := w.text()
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", errName
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return "", errName
		}
	}
	if !seen.add(name) {
		return "", errDuplicate
	}
	if depth == 0 && !w.known[name] && w.known[strings.ToLower(name)] {
		return "", errLookAlike
	}
	return name, nil
}

// fewNames is how many names are compared one by one. A token has about 25 members.
const fewNames = 32

// seenNames are the names of an object so far, of printable ASCII.
type seenNames struct {
	few  [fewNames]string
	n    int
	many map[string]bool // in lower case; once they are more
}

// add reports whether the name was new, in whatever case.
func (s *seenNames) add(name string) bool {
	if s.many == nil {
		for _, old := range s.few[:s.n] {
			if len(old) == len(name) && strings.EqualFold(old, name) {
				return false
			}
		}
		if s.n < fewNames {
			s.few[s.n] = name
			s.n++
			return true
		}
		s.many = make(map[string]bool, 2*fewNames)
		for _, old := range s.few {
			s.many[strings.ToLower(old)] = true
		}
	}
	folded := strings.ToLower(name)
	if s.many[folded] {
		return false
	}
	s.many[folded] = true
	return true
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
