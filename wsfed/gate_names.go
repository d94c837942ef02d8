package wsfed

import "bytes"

// The gate's half that deals with names: elements and attributes are called by a prefix and a local name, and mean a namespace and a local name. What
// is equal by the one and not by the other is where two readers part ways, so both are looked at.
// https://www.w3.org/TR/xml-names/.

// binding is a namespace declaration in scope.
type binding struct {
	prefix, space span
	depth         int
}

// name reads prefix:local or local. Colons elsewhere (x::y, :x, x:) are parser trouble: Go's own encoding/xml once
// wrote them back as something else (CVE-2020-29509 and its siblings).
func (g *gate) name() (prefix, local span, err error) {
	if local, err = g.part(); err != nil || g.peek(0) != ':' {
		return span{}, local, err
	}
	prefix = local
	g.pos++
	if local, err = g.part(); err == nil && g.peek(0) == ':' {
		err = g.fail("malformed name")
	}
	return prefix, local, err
}

func (g *gate) part() (span, error) {
	start := g.pos
	if class[g.peek(0)]&isNameStart == 0 {
		return span{}, g.fail("malformed name")
	}
	for g.pos < len(g.src) && class[g.src[g.pos]]&isName != 0 {
		g.pos++
	}
	return span{start, g.pos}, nil
}

// attributes reads the attributes of n up to the end of its tag, binds the namespaces that they declare, and then
// resolves their own: a prefix may be declared after it is used.
func (g *gate) attributes(n *node) error {
	for {
		spaced := g.skipSpace()
		if c := g.peek(0); c == '>' || c == '/' {
			break
		}
		if !spaced {
			return g.fail("attributes are not apart")
		}
		if len(g.attrs)-n.attrs == maxAttributes {
			return g.fail("too many attributes")
		}
		var a attribute
		var err error
		if a.prefix, a.local, err = g.name(); err != nil {
			return err
		}
		if a.value, err = g.quoted(); err != nil {
			return err
		}
		if a.declares, err = g.bind(a); err != nil {
			return err
		}
		g.attrs = append(g.attrs, a)
	}
	n.attrsEnd = len(g.attrs)
	return g.distinct(g.attrs[n.attrs:])
}

// distinct resolves the prefixes of one element's attributes and refuses two of the same name, be it as written or as resolved.
func (g *gate) distinct(attrs []attribute) error {
	for i := range attrs {
		a := &attrs[i]
		if !a.declares && a.prefix != (span{}) {
			var err error
			if a.space, err = g.lookup(a.prefix); err != nil {
				return err
			}
		}
		for _, b := range attrs[:i] {
			if a.declares == b.declares && bytes.Equal(g.bytes(a.local), g.bytes(b.local)) &&
				(a.declares && (a.prefix == span{}) == (b.prefix == span{}) || !a.declares && bytes.Equal(g.bytes(a.space), g.bytes(b.space))) {
				return g.fail("the same attribute twice")
			}
		}
	}
	return nil
}

// bind takes a namespace declaration into scope and reports whether a is one.
func (g *gate) bind(a attribute) (bool, error) {
	var prefix span
	switch {
	case a.prefix == (span{}) && string(g.bytes(a.local)) == "xmlns":
	case string(g.bytes(a.prefix)) == "xmlns":
		prefix = a.local
	default:
		return false, nil
	}
	space := g.bytes(a.value)
	switch {
	case bytes.HasPrefix(g.bytes(prefix), []byte("xml")):
		return true, g.fail("a reserved prefix is declared")
	case len(space) == 0 && prefix != (span{}):
		return true, g.fail("a prefix is declared for no namespace")
	case len(space) > 0 && !isNamespace(space):
		return true, g.fail("a namespace name is not an absolute URI")
	case g.bound == maxBindings:
		return true, g.fail("too many namespace declarations")
	}
	g.bindings[g.bound] = binding{prefix, a.value, g.depth}
	g.bound++
	return true, nil
}

// lookup finds the namespace of a prefix; the empty prefix without a declaration has none. The prefix xml, which nobody may
// declare, stands for its own namespace: "xml" is no absolute URI, so it is equal to no other.
func (g *gate) lookup(prefix span) (span, error) {
	p := g.bytes(prefix)
	for i := g.bound - 1; i >= 0; i-- {
		if b := &g.bindings[i]; bytes.Equal(g.bytes(b.prefix), p) {
			return b.space, nil
		}
	}
	switch string(p) {
	case "", "xml":
		return prefix, nil
	}
	return span{}, g.fail("a prefix is not declared")
}

// isNamespace accepts an absolute URI in the characters of RFC 3986, written without references: equal names are then equal bytes. Brackets, which could only be
// about an IPv6 address, are not among them. Canonicalization of relative URIs is undefined (https://www.w3.org/TR/xml-c14n/#NoNSPrefixRewriting and Appendix A
// there), and libxml2 canonicalizes nothing whose namespace is no URI.
func isNamespace(uri []byte) bool {
	scheme := bytes.IndexByte(uri, ':')
	if scheme < 1 || len(uri) > 512 {
		return false
	}
	fragment := false
	for i, c := range uri {
		switch {
		case i < scheme && !isScheme(c, i):
			return false
		case class[c]&isURI != 0:
		case c == '#' && !fragment:
			fragment = true
		case c == '%' && i+2 < len(uri) && isHex(uri[i+1]) && isHex(uri[i+2]):
		default:
			return false
		}
	}
	switch string(uri) {
	case "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/":
		return false
	}
	return true
}

func isScheme(c byte, i int) bool {
	switch {
	case 'a' <= c|0x20 && c|0x20 <= 'z':
		return true
	case '0' <= c && c <= '9', c == '+', c == '-', c == '.':
		return i > 0
	}
	return false
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
