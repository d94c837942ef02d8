package entratest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// The XML that the fake sends is a tree of its own, written in two ways: as Entra writes it, and in the exclusive canonical
// form over which signatures are made. It can hold elements, attributes and text, and nothing else: the fake sends nothing else.

// element is one XML element.
type element struct {
	name     string // with its prefix
	attrs    []attr // in written order, namespace declarations among them
	children []child
}

// attr is an attribute or a namespace declaration (xmlns, xmlns:p).
type attr struct{ name, value string }

// child is an *element or an xmlText.
type child interface{ child() }

type xmlText string

func (*element) child() {}
func (xmlText) child()  {}

// el makes an element. Children that are nil elements are left out.
func el(name string, attrs []attr, children ...child) *element {
	e := &element{name: name, attrs: attrs}
	for _, c := range children {
		if n, ok := c.(*element); ok && n == nil {
			continue
		}
		e.children = append(e.children, c)
	}
	return e
}

// at makes an attribute list of names and values in turn.
func at(pairs ...string) []attr {
	list := make([]attr, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, attr{pairs[i], pairs[i+1]})
	}
	return list
}

// String writes e the way Entra does: attributes in the order given, empty elements closed in their start tag. A carriage return
// is written as a character reference, because a parser would turn a literal one into a line feed (XML 1.0, section 2.11).
func (e *element) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *element) write(b *strings.Builder) {
	b.WriteString("<" + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a.name + `="` + escapeAttr.Replace(a.value) + `"`)
	}
	if len(e.children) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	for _, c := range e.children {
		switch c := c.(type) {
		case *element:
			c.write(b)
		case xmlText:
			b.WriteString(escapeText.Replace(string(c)))
		}
	}
	b.WriteString("</" + e.name + ">")
}

// canonical returns e, with e as the apex, in Exclusive XML Canonicalization 1.0 without comments
// (https://www.w3.org/TR/xml-exc-c14n/). scope holds the namespaces declared around e, by prefix.
func (e *element) canonical(scope map[string]string) []byte {
	var b strings.Builder
	e.writeCanonical(&b, scope, nil)
	return []byte(b.String())
}

// writeCanonical: in scope are the namespaces declared so far, rendered are those that an ancestor in the output has declared.
func (e *element) writeCanonical(b *strings.Builder, scope, rendered map[string]string) {
	scope = e.scope(scope)
	plain := make([]attr, 0, len(e.attrs))
	used := []string{xmlPrefix(e.name)}
	for _, a := range e.attrs {
		if _, declares := a.declares(); declares {
			continue
		}
		plain = append(plain, a)
		if p := xmlPrefix(a.name); p != "" { // an attribute without prefix is in no namespace
			used = append(used, p)
		}
	}
	// Section 3 of the recommendation: a namespace node is rendered where its prefix is visibly used, unless the nearest output
	// ancestor that renders the prefix gives it the same value; in the order of the prefixes, the default one first.
	slices.Sort(used)
	used = slices.Compact(used)
	b.WriteString("<" + e.name)
	inner := cloneScope(rendered)
	for _, p := range used {
		if inner[p] == scope[p] {
			continue
		}
		inner[p] = scope[p]
		name := "xmlns"
		if p != "" {
			name += ":" + p
		}
		b.WriteString(" " + name + `="` + escapeAttr.Replace(scope[p]) + `"`)
	}
	// Canonical XML 1.0, section 2.3: attributes by namespace URI, then by local name.
	slices.SortFunc(plain, func(x, y attr) int {
		return strings.Compare(x.key(scope), y.key(scope))
	})
	for _, a := range plain {
		b.WriteString(" " + a.name + `="` + escapeAttr.Replace(a.value) + `"`)
	}
	b.WriteString(">")
	for _, c := range e.children {
		switch c := c.(type) {
		case *element:
			c.writeCanonical(b, scope, inner)
		case xmlText:
			b.WriteString(escapeText.Replace(string(c)))
		}
	}
	b.WriteString("</" + e.name + ">")
}

// scope returns outer with the declarations of e.
func (e *element) scope(outer map[string]string) map[string]string {
	inner := cloneScope(outer)
	for _, a := range e.attrs {
		if p, ok := a.declares(); ok {
			inner[p] = a.value
		}
	}
	return inner
}

// declares returns the prefix that a declares, if it is a namespace declaration.
func (a attr) declares() (prefix string, ok bool) {
	if a.name == "xmlns" {
		return "", true
	}
	return strings.CutPrefix(a.name, "xmlns:")
}

// key sorts attributes as Canonical XML asks: no namespace before every namespace.
func (a attr) key(scope map[string]string) string {
	p := xmlPrefix(a.name)
	if p == "" {
		return "\x00" + a.name
	}
	return scope[p] + "\x00" + strings.TrimPrefix(a.name, p+":")
}

func xmlPrefix(name string) string {
	p, _, found := strings.Cut(name, ":")
	if !found {
		return ""
	}
	return p
}

func cloneScope(m map[string]string) map[string]string {
	c := make(map[string]string, len(m)+2) // never nil
	maps.Copy(c, m)
	return c
}

// Canonical XML 1.0, section 2.3, text nodes and attribute nodes. As escapes for sending they are right too.
var (
	escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	escapeAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

// xmlClean replaces what XML 1.0 cannot hold (section 2.2: control characters, surrogates, broken UTF-8) by U+FFFD.
func xmlClean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000:
			return r
		}
		return '\uFFFD'
	}, s)
}

const (
	nsSignature     = "http://www.w3.org/2000/09/xmldsig#"
	algExclusive    = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algEnveloped    = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algRSASHA256    = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algDigestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
)

// xmlSigner makes enveloped signatures.
type xmlSigner struct {
	key         *rsa.PrivateKey
	certificate []byte // DER, shown in KeyInfo
	prefix      string // "" as Entra writes, "ds" as AD FS does in SAML 1.1
	corrupt     bool   // flips a bit of the signature
}

// sign puts an enveloped signature over e, whose identifier is id, at position i of e's children.
// Nothing around e may declare a namespace that e uses without declaring it itself.
func (s xmlSigner) sign(e *element, id string, i int) error {
	digest := sha256.Sum256(e.canonical(nil))
	declaration := "xmlns"
	p := ""
	if s.prefix != "" {
		declaration, p = "xmlns:"+s.prefix, s.prefix+":"
	}
	info := el(p+"SignedInfo", nil,
		el(p+"CanonicalizationMethod", at("Algorithm", algExclusive)),
		el(p+"SignatureMethod", at("Algorithm", algRSASHA256)),
		el(p+"Reference", at("URI", "#"+id),
			el(p+"Transforms", nil,
				el(p+"Transform", at("Algorithm", algEnveloped)),
				el(p+"Transform", at("Algorithm", algExclusive))),
			el(p+"DigestMethod", at("Algorithm", algDigestSHA256)),
			el(p+"DigestValue", nil, xmlText(base64.StdEncoding.EncodeToString(digest[:])))))

	scope := map[string]string{s.prefix: nsSignature}
	hashed := sha256.Sum256(info.canonical(scope))
	value, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, hashed[:])
	if err != nil {
		return err
	}
	if s.corrupt {
		value[len(value)/2] ^= 1
	}
	// AD FS prefixes everything but KeyInfo; Entra prefixes nothing.
	keyInfo := el("KeyInfo", nil, el("X509Data", nil,
		el("X509Certificate", nil, xmlText(base64.StdEncoding.EncodeToString(s.certificate)))))
	if s.prefix != "" {
		keyInfo.attrs = at("xmlns", nsSignature)
	}
	e.children = slices.Insert(e.children, i, child(el(p+"Signature", at(declaration, nsSignature),
		info,
		el(p+"SignatureValue", nil, xmlText(base64.StdEncoding.EncodeToString(value))),
		keyInfo)))
	return nil
}
