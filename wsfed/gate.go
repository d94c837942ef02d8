package wsfed

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// The gate is one strict pass over raw bytes, before any XML library sees them. It accepts the small part of XML that tokens and
// metadata are written in, and refuses all that parsers are known to disagree about: document type declarations, comments,
// processing instructions, CDATA sections, names outside ASCII, encodings other than UTF-8, line ends inside attribute values, relative
// namespace names, anything after the root. What two parsers cannot read differently, nobody can hide between them.
//
// What it accepts, every conforming parser accepts too, and reads in the same way (FuzzGate holds this against encoding/xml).
// XML 1.0: https://www.w3.org/TR/xml/. Names are in gate_names.go.

// limits bound what the gate lets through, and by that the work of all that comes after it.
type limits struct {
	bytes    int
	elements int
}

var (
	tokenLimits    = limits{bytes: 512 << 10, elements: 10_000}
	metadataLimits = limits{bytes: 1 << 20, elements: 20_000}
)

// Bounds on the shape, the same for every document. Real tokens stay below a third of each.
const (
	maxDepth      = 48
	maxAttributes = 48 // of one element
	maxBindings   = 64 // namespace declarations in scope at once
)

// gateError is the gate's refusal. It names the place and the rule, never the content.
type gateError struct {
	at   int
	rule string
}

func (e *gateError) Error() string { return fmt.Sprintf("%s (at byte %d)", e.rule, e.at) }

// gate is the state of the pass. It lives on the stack.
type gate struct {
	document
	limits limits
	pos    int

	open  [maxDepth]int // elements that have not ended
	depth int

	bindings [maxBindings]binding
	bound    int
}

// parse lets src through, as a document that points into it, or refuses it.
func parse(src []byte, l limits) (document, error) {
	if len(src) > l.bytes {
		return document{}, &gateError{l.bytes, "too long"}
	}
	if !utf8.Valid(src) {
		return document{}, &gateError{0, "not UTF-8"}
	}
	elements := bytes.Count(src, []byte("<")) - bytes.Count(src, []byte("</"))
	if elements > l.elements+1 { // one for the XML declaration
		return document{}, &gateError{0, "too many elements"}
	}
	g := gate{limits: l}
	g.src = src
	g.nodes = make([]node, 0, elements)
	g.attrs = make([]attribute, 0, min(bytes.Count(src, []byte("=")), 4*elements))
	if err := g.run(); err != nil {
		return document{}, err
	}
	return g.document, nil
}

func (g *gate) fail(rule string) error { return &gateError{g.pos, rule} }

func (g *gate) run() error {
	if bytes.HasPrefix(g.src, []byte("\ufeff")) {
		g.pos += len("\ufeff")
	}
	if bytes.HasPrefix(g.src[g.pos:], []byte("<?xml ")) {
		if err := g.declaration(); err != nil {
			return err
		}
	}
	g.skipSpace()
	if g.peek(0) != '<' {
		return g.fail("no root element")
	}
	for {
		if err := g.tag(); err != nil {
			return err
		}
		if g.depth == 0 {
			break
		}
		if err := g.text(); err != nil {
			return err
		}
	}
	if g.skipSpace(); g.pos != len(g.src) {
		return g.fail("something follows the root element")
	}
	return nil
}

// peek returns the byte n places ahead; 0, which no document holds, past the end.
func (g *gate) peek(n int) byte {
	if g.pos+n < len(g.src) {
		return g.src[g.pos+n]
	}
	return 0
}

// skipSpace reports whether there was white space to skip.
func (g *gate) skipSpace() bool {
	start := g.pos
	for g.pos < len(g.src) && class[g.src[g.pos]]&isSpace != 0 {
		g.pos++
	}
	return g.pos > start
}

// declaration reads <?xml version="1.0" encoding="utf-8" standalone="…"?>: in this order, with no other version or encoding.
func (g *gate) declaration() error {
	g.pos += len("<?xml")
	spaced := false
	for i, pseudo := range declarations {
		spaced = g.skipSpace() || spaced
		if !bytes.HasPrefix(g.src[g.pos:], []byte(pseudo.name)) {
			if i == 0 {
				return g.fail("XML declaration without a version")
			}
			continue
		}
		if !spaced {
			return g.fail("malformed XML declaration")
		}
		g.pos += len(pseudo.name)
		value, err := g.quoted()
		if err != nil {
			return err
		}
		if !pseudo.allows(g.bytes(value)) {
			return g.fail("XML declaration names another " + pseudo.name)
		}
		spaced = false
	}
	g.skipSpace()
	if g.peek(0) != '?' || g.peek(1) != '>' {
		return g.fail("malformed XML declaration")
	}
	g.pos += len("?>")
	return nil
}

type pseudoAttribute struct{ name, value, other string }

var declarations = [...]pseudoAttribute{{"version", "1.0", "1.0"}, {"encoding", "utf-8", "UTF-8"}, {"standalone", "yes", "no"}}

func (p pseudoAttribute) allows(value []byte) bool {
	return string(value) == p.value || string(value) == p.other
}

// tag reads one start tag, empty-element tag or end tag. The position is at its '<'.
func (g *gate) tag() error {
	switch g.peek(1) {
	case '/':
		if g.depth == 0 {
			return g.fail("end tag without its start tag")
		}
		return g.endTag()
	case '!':
		return g.fail("comments, CDATA sections and document type declarations are refused")
	case '?':
		return g.fail("processing instructions are refused")
	}
	return g.startTag()
}

func (g *gate) startTag() error {
	if g.depth == maxDepth {
		return g.fail("nested too deeply")
	}
	if len(g.nodes) == g.limits.elements {
		return g.fail("too many elements")
	}
	n := node{from: g.pos, parent: -1, attrs: len(g.attrs)}
	if g.depth > 0 {
		n.parent = g.open[g.depth-1]
	}
	g.pos++
	var err error
	if n.prefix, n.local, err = g.name(); err != nil {
		return err
	}
	g.open[g.depth] = len(g.nodes)
	g.depth++

	if err := g.attributes(&n); err != nil {
		return err
	}
	if n.space, err = g.lookup(n.prefix); err != nil {
		return err
	}
	empty := g.peek(0) == '/'
	if empty {
		g.pos++
	}
	if g.peek(0) != '>' {
		return g.fail("malformed tag")
	}
	g.pos++
	n.open, n.shut = g.pos, g.pos
	g.nodes = append(g.nodes, n)
	if empty {
		g.leave()
	}
	return nil
}

func (g *gate) endTag() error {
	n := &g.nodes[g.open[g.depth-1]]
	n.shut = g.pos
	g.pos += len("</")
	prefix, local, err := g.name()
	if err != nil {
		return err
	}
	if !bytes.Equal(g.bytes(prefix), g.bytes(n.prefix)) || !bytes.Equal(g.bytes(local), g.bytes(n.local)) {
		return g.fail("end tag without its start tag")
	}
	g.skipSpace()
	if g.peek(0) != '>' {
		return g.fail("malformed tag")
	}
	g.pos++
	g.leave()
	return nil
}

// leave ends the innermost element: its subtree is complete, its namespace declarations go out of scope.
func (g *gate) leave() {
	for g.bound > 0 && g.bindings[g.bound-1].depth == g.depth {
		g.bound--
	}
	g.depth--
	n := &g.nodes[g.open[g.depth]]
	n.to, n.next = g.pos, len(g.nodes)
}

// quoted reads ="value". A line end or tab inside would be read as a space by some parsers and as itself by others.
func (g *gate) quoted() (span, error) {
	g.skipSpace()
	if g.peek(0) != '=' {
		return span{}, g.fail("attribute without a value")
	}
	g.pos++
	g.skipSpace()
	quote := g.peek(0)
	if quote != '"' && quote != '\'' {
		return span{}, g.fail("attribute value without quotes")
	}
	g.pos++
	start := g.pos
	for g.pos < len(g.src) {
		c := g.src[g.pos]
		if class[c]&isPlain != 0 && c != quote {
			g.pos++
			continue
		}
		switch {
		case c == quote:
			g.pos++
			return span{start, g.pos - 1}, nil
		case c == '"' || c == '\'' || c == ']' || c == '>':
			g.pos++
		case c == '&':
			if err := g.reference(); err != nil {
				return span{}, err
			}
		case c == '<':
			return span{}, g.fail("'<' inside an attribute value")
		case class[c]&isSpace != 0:
			return span{}, g.fail("line end or tab inside an attribute value")
		default:
			if err := g.oddity(); err != nil {
				return span{}, err
			}
		}
	}
	return span{}, g.fail("attribute value without an end")
}

// text reads character data up to the next '<'.
func (g *gate) text() error {
	start := g.pos
	for g.pos < len(g.src) {
		c := g.src[g.pos]
		switch {
		case class[c]&(isPlain|isSpace) != 0 || c == '"' || c == '\'' || c == ']':
			g.pos++
		case c == '<':
			return nil
		case c == '>':
			if g.pos-start >= 2 && g.src[g.pos-1] == ']' && g.src[g.pos-2] == ']' {
				return g.fail("']]>' in text")
			}
			g.pos++
		case c == '&':
			if err := g.reference(); err != nil {
				return err
			}
		default:
			if err := g.oddity(); err != nil {
				return err
			}
		}
	}
	return g.fail("the document ends inside an element")
}

// oddity stands at a control character, or at the first byte that U+FFFE and U+FFFF share with allowed characters.
func (g *gate) oddity() error {
	if g.src[g.pos] != 0xEF {
		return g.fail("control character")
	}
	if rest := g.src[g.pos+1:]; rest[0] == 0xBF && rest[1] >= 0xBE { // the bytes are there: all is valid UTF-8
		return g.fail("a character that XML does not allow")
	}
	g.pos += 3
	return nil
}

// reference reads &name; of the five predefined ones, or a character reference.
func (g *gate) reference() error {
	_, size := decodeReference(g.src[g.pos:])
	if size == 0 {
		return g.fail("unknown entity or malformed character reference")
	}
	g.pos += size
	return nil
}

// Classes of bytes. A byte of no class needs a closer look.
const (
	isSpace     = 1 << iota
	isNameStart // ASCII only: no name in any token or metadata document is anything else
	isName
	isPlain // means nothing anywhere in text or attribute values
	isURI   // may stand in a namespace name anywhere; '#' and '%' may at some places (RFC 3986, section 2). '&' would be a reference
)

var class = func() (t [256]byte) {
	for c := range 256 {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		switch {
		case c == ' ':
			t[c] = isSpace | isPlain
		case c == '\t' || c == '\n' || c == '\r':
			t[c] = isSpace
		case letter:
			t[c] = isNameStart | isName | isPlain
		case '0' <= c && c <= '9' || c == '-' || c == '.':
			t[c] = isName | isPlain
		case c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' || c == ']':
		case c > ' ' && c != 0x7F && c != 0xEF:
			t[c] = isPlain
		}
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?@!$'()*+,;=") {
		t[c] |= isURI
	}
	return t
}()
