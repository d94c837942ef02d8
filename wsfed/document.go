package wsfed

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"unicode/utf8"
)

// document is what the gate let through: elements and attributes in document order, as places in the bytes. It is not modified once parsed.
type document struct {
	src   []byte
	nodes []node // nodes[0] is the root
	attrs []attribute
}

// span is a range of a document's bytes.
type span struct{ from, to int }

type node struct {
	prefix, local, space span
	from, open           int // '<' of the start tag, and the byte after it
	shut, to             int // '<' of the end tag, and the byte after it
	attrs, attrsEnd      int
	parent, next         int // next is the first element behind this one's subtree
}

type attribute struct {
	prefix, local, space span
	value                span // without the quotes, as written
	declares             bool // a namespace
}

func (d *document) bytes(s span) []byte { return d.src[s.from:s.to] }

// root is the bytes of the root element, without what may stand around it.
func (d *document) root() []byte { return d.element(0) }

// element is the bytes of one element, from its start tag to its end tag.
func (d *document) element(i int) []byte { return d.src[d.nodes[i].from:d.nodes[i].to] }

// is reports whether element i has this namespace and name.
func (d *document) is(i int, space, local string) bool {
	n := &d.nodes[i]
	return string(d.bytes(n.local)) == local && string(d.bytes(n.space)) == space
}

// name is the local name of element i.
func (d *document) name(i int) string { return string(d.bytes(d.nodes[i].local)) }

// children are the element children of element i, in order.
func (d *document) children(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for c := i + 1; c < d.nodes[i].next; c = d.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}

// child returns the only child of element i with this name; -1 when there is none. Two are an error.
func (d *document) child(i int, space, local string) (int, error) {
	found := -1
	for c := range d.children(i) {
		if !d.is(c, space, local) {
			continue
		}
		if found >= 0 {
			return -1, errors.New("more than one " + local)
		}
		found = c
	}
	return found, nil
}

// need returns the only child of element i with this name; none and two are errors.
func (d *document) need(i int, space, local string) (int, error) {
	c, err := d.child(i, space, local)
	if err == nil && c < 0 {
		err = errors.New("no " + local)
	}
	return c, err
}

// attributes are the attributes of element i, namespace declarations among them.
func (d *document) attributes(i int) []attribute {
	return d.attrs[d.nodes[i].attrs:d.nodes[i].attrsEnd]
}

// attr returns the value of the attribute of element i that has this name and no namespace.
func (d *document) attr(i int, local string) (value string, ok bool) {
	for _, a := range d.attributes(i) {
		if a.prefix == (span{}) && string(d.bytes(a.local)) == local {
			return unescape(d.bytes(a.value)), true
		}
	}
	return "", false
}

// text returns the whole text of element i. An element that has element children has no text.
func (d *document) text(i int) (string, error) {
	n := &d.nodes[i]
	if n.next != i+1 {
		return "", errors.New(d.name(i) + " holds elements where text was expected")
	}
	return unescape(d.src[n.open:n.shut]), nil
}

// blank reports whether there is nothing but white space between the element children of element i.
func (d *document) blank(i int) bool {
	from := d.nodes[i].open
	for c := range d.children(i) {
		if len(bytes.TrimLeft(d.src[from:d.nodes[c].from], " \t\r\n")) > 0 {
			return false
		}
		from = d.nodes[c].to
	}
	return len(bytes.TrimLeft(d.src[from:d.nodes[i].shut], " \t\r\n")) == 0
}

// namespace resolves a prefix in the scope of element i; "" when it is not declared.
func (d *document) namespace(i int, prefix string) string {
	for ; i >= 0; i = d.nodes[i].parent {
		for _, a := range d.attributes(i) {
			if a.declares && string(d.declared(a)) == prefix {
				return string(d.bytes(a.value))
			}
		}
	}
	return ""
}

// declared is the prefix that a namespace declaration declares; empty for the default namespace.
func (d *document) declared(a attribute) []byte {
	if a.prefix == (span{}) {
		return nil
	}
	return d.bytes(a.local)
}

// detach returns element i as a document of its own: its bytes, with the namespace declarations of its ancestors
// written into its start tag. Exclusive canonicalization renders only those that are used, wherever they were declared.
func (d *document) detach(i int) []byte {
	type declaration struct{ prefix, space []byte }
	var inherited []declaration
	seen := func(prefix []byte) bool {
		for _, have := range inherited {
			if bytes.Equal(have.prefix, prefix) {
				return true
			}
		}
		for _, a := range d.attributes(i) {
			if a.declares && bytes.Equal(d.declared(a), prefix) {
				return true
			}
		}
		return false
	}
	for up := d.nodes[i].parent; up >= 0; up = d.nodes[up].parent {
		for _, a := range d.attributes(up) {
			if a.declares && !seen(d.declared(a)) {
				inherited = append(inherited, declaration{d.declared(a), d.bytes(a.value)})
			}
		}
	}
	if len(inherited) == 0 {
		return d.element(i)
	}
	n := &d.nodes[i]
	out := make([]byte, 0, n.to-n.from+64*len(inherited))
	out = append(out, d.src[n.from:n.local.to]...)
	for _, ns := range inherited {
		out = append(out, " xmlns"...)
		if len(ns.prefix) > 0 {
			out = append(append(out, ':'), ns.prefix...)
		}
		quote := byte('"')
		if bytes.IndexByte(ns.space, quote) >= 0 {
			quote = '\''
		}
		out = append(append(append(append(out, '='), quote), ns.space...), quote)
	}
	return append(out, d.src[n.local.to:n.to]...)
}

// unescape resolves references and reads each line end as LF (XML 1.0, 2.11), in text that passed the gate.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return string(raw)
	}
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '&':
			r, size := decodeReference(raw[i:])
			b.WriteRune(r)
			i += max(size, 1)
		case c == '\r':
			b.WriteByte('\n')
			if i++; i < len(raw) && raw[i] == '\n' {
				i++
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

var entities = [...]struct {
	text string
	char rune
}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}

// decodeReference reads the reference at the start of s, and how many bytes it takes: 0 if it is none of the
// predefined entities and no reference to a character that XML allows.
func decodeReference(s []byte) (char rune, size int) {
	if len(s) < 2 || s[1] != '#' {
		for _, e := range entities {
			if len(s) >= len(e.text) && string(s[:len(e.text)]) == e.text {
				return e.char, len(e.text)
			}
		}
		return 0, 0
	}
	i, base := 2, rune(10)
	if i < len(s) && s[i] == 'x' {
		i, base = 3, 16
	}
	first := i
	for ; i < len(s) && i < first+8; i++ {
		digit := rune(99)
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digit = rune(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			digit = rune(c|0x20-'a') + 10
		}
		if digit >= base {
			break
		}
		if char = char*base + digit; char > utf8.MaxRune {
			return 0, 0
		}
	}
	if i == first || i == len(s) || s[i] != ';' || !isChar(char) {
		return 0, 0
	}
	return char, i + 1
}

// isChar is the production Char of XML 1.0, 2.2.
func isChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return utf8.ValidRune(r)
}
