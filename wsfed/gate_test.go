package wsfed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateRefuses(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` a%d="1"`, i)
		}
		return "<a" + b.String() + "/>"
	}
	declared := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<a xmlns:a%d="urn:a" xmlns:b%d="urn:b">`, i, i)
		}
		return b.String() + strings.Repeat("</a>", n)
	}
	for name, doc := range map[string]string{
		"nothing":                          "",
		"white space only":                 " \n",
		"text only":                        "hello",
		"document type":                    `<!DOCTYPE a><a/>`,
		"document type with an entity":     `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`,
		"comment":                          `<a><!-- c --></a>`,
		"comment in front":                 `<!-- c --><a/>`,
		"comment behind":                   `<a/><!-- c -->`,
		"CDATA":                            `<a><![CDATA[x]]></a>`,
		"processing instruction":           `<a><?p x?></a>`,
		"processing instruction in front":  `<?p x?><a/>`,
		"processing instruction behind":    `<a/><?p x?>`,
		"a second XML declaration":         `<?xml version="1.0"?><?xml version="1.0"?><a/>`,
		"XML declaration after a space":    ` <?xml version="1.0"?><a/>`,
		"XML declaration inside":           `<a><?xml version="1.0"?></a>`,
		"XML declaration without version":  `<?xml encoding="utf-8"?><a/>`,
		"XML declaration, parts swapped":   `<?xml version="1.0" standalone="yes" encoding="utf-8"?><a/>`,
		"XML declaration without a space":  `<?xml version="1.0"encoding="utf-8"?><a/>`,
		"XML declaration without an end":   `<?xml version="1.0" ><a/>`,
		"XML 1.1":                          `<?xml version="1.1"?><a/>`,
		"UTF-7 label":                      `<?xml version="1.0" encoding="utf-7"?><a/>`,
		"UTF-16 label":                     `<?xml version="1.0" encoding="UTF-16"?><a/>`,
		"Latin-1 label":                    `<?xml version="1.0" encoding="iso-8859-1"?><a/>`,
		"UTF-16":                           "\xfe\xff\x00<\x00a\x00/\x00>",
		"two byte order marks":             "\ufeff\ufeff<a/>",
		"broken UTF-8":                     "<a>\xff</a>",
		"overlong UTF-8":                   "<a>\xc0\x80</a>",
		"surrogate":                        "<a>\xed\xa0\x80</a>",
		"cut UTF-8":                        "<a>\xe2\x82</a>",
		"NUL":                              "<a>\x00</a>",
		"NUL in a name":                    "<a\x00/>",
		"NUL in an attribute":              "<a b=\"\x00\"/>",
		"control character":                "<a>\x01</a>",
		"escape":                           "<a>\x1b[0m</a>",
		"delete":                           "<a>\x7f</a>",
		"U+FFFE":                           "<a>\ufffe</a>",
		"U+FFFF in an attribute":           "<a b=\"\uffff\"/>",
		"two roots":                        `<a/><b/>`,
		"text behind the root":             `<a/>x`,
		"no end":                           `<a>`,
		"no end of the tag":                `<a`,
		"no end of the text":               `<a>x`,
		"end without start":                `</a>`,
		"crossed":                          `<a><b></a></b>`,
		"end of another prefix":            `<p:a xmlns:p="urn:p" xmlns:q="urn:p"></q:a>`,
		"end in another case":              `<a></A>`,
		"end tag with an attribute":        `<a></a b="c">`,
		"slash in a tag":                   `<a / >`,
		"bare ampersand":                   `<a>&</a>`,
		"unknown entity":                   `<a>&nbsp;</a>`,
		"reference without an end":         `<a>&amp</a>`,
		"reference to NUL":                 `<a>&#0;</a>`,
		"reference to a surrogate":         `<a>&#xD800;</a>`,
		"reference to U+FFFE":              `<a>&#xFFFE;</a>`,
		"reference past Unicode":           `<a>&#x110000;</a>`,
		"reference that overflows":         `<a>&#x10000000000000041;</a>`,
		"empty reference":                  `<a>&#;</a>`,
		"empty hexadecimal reference":      `<a>&#x;</a>`,
		"hexadecimal in capitals":          `<a>&#X41;</a>`,
		"signed reference":                 `<a>&#-65;</a>`,
		"hexadecimal digits in decimal":    `<a>&#6a;</a>`,
		"end of CDATA in text":             `<a>]]></a>`,
		"attribute twice":                  `<a b="1" b="2"/>`,
		"attribute twice by namespace":     `<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>`,
		"prefix declared twice":            `<a xmlns:p="urn:x" xmlns:p="urn:y"/>`,
		"default namespace twice":          `<a xmlns="urn:x" xmlns="urn:y"/>`,
		"attribute without value":          `<a b/>`,
		"attribute without quotes":         `<a b=c/>`,
		"attributes without space":         `<a b="1"c="2"/>`,
		"less-than in an attribute":        `<a b="<"/>`,
		"line feed in an attribute":        "<a b=\"x\ny\"/>",
		"tab in an attribute":              "<a b=\"x\ty\"/>",
		"carriage return in an attribute":  "<a b=\"x\ry\"/>",
		"attribute without an end":         `<a b="x`,
		"two colons":                       `<x::y xmlns:x="urn:x"/>`,
		"three parts":                      `<x:y:z xmlns:x="urn:x"/>`,
		"colon in front":                   `<:y/>`,
		"colon behind":                     `<x: xmlns:x="urn:x"/>`,
		"attribute with two colons":        `<a xmlns:x="urn:x" x::y="1"/>`,
		"name that begins with a digit":    `<1a/>`,
		"name that begins with a dash":     `<-a/>`,
		"name outside ASCII":               `<é/>`,
		"name outside ASCII inside":        `<aé/>`,
		"space before the name":            `< a/>`,
		"undeclared prefix":                `<p:a/>`,
		"undeclared prefix of attribute":   `<a p:b="1"/>`,
		"prefix out of scope":              `<a><b xmlns:p="urn:p"/><p:c/></a>`,
		"relative namespace":               `<a xmlns="relative"/>`,
		"relative namespace with a prefix": `<a xmlns:p="../x"/>`,
		"namespace with a reference":       `<a xmlns="urn:a&amp;b"/>`,
		"namespace with a space":           `<a xmlns="urn:a b"/>`,
		"namespace outside ASCII":          `<a xmlns="urn:é"/>`,
		"namespace with a quote":           `<a xmlns='urn:"'/>`,
		"namespace with a backslash":       `<a xmlns="urn:\"/>`,
		"namespace with a caret":           `<a xmlns="urn:^"/>`,
		"namespace with a backtick":        "<a xmlns=\"urn:`\"/>",
		"namespace with braces":            `<a xmlns="urn:{a}"/>`,
		"namespace with a bar":             `<a xmlns="urn:a|b"/>`,
		"namespace with greater-than":      `<a xmlns="urn:a>b"/>`,
		"namespace with brackets":          `<a xmlns="http://[::1]/"/>`,
		"namespace with two fragments":     `<a xmlns="urn:a#b#c"/>`,
		"namespace with a bare percent":    `<a xmlns="urn:a%"/>`,
		"namespace with half an escape":    `<a xmlns="urn:a%4"/>`,
		"namespace with a broken escape":   `<a xmlns="urn:a%4g"/>`,
		"namespace with a broken one":      `<a xmlns="urn:a%g4b"/>`,
		"scheme with an escape":            `<a xmlns="u%72n:a"/>`,
		"prefix for no namespace":          `<a xmlns:p=""/>`,
		"prefix xml declared":              `<a xmlns:xml="urn:x"/>`,
		"prefix xmlns declared":            `<a xmlns:xmlns="urn:x"/>`,
		"namespace of xml":                 `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`,
		"namespace of xmlns":               `<a xmlns="http://www.w3.org/2000/xmlns/"/>`,
		"element with prefix xmlns":        `<xmlns:a/>`,
		"too deep":                         nested(maxDepth + 1),
		"20,000 levels":                    nested(20_000),
		"too many attributes":              attributes(maxAttributes + 1),
		"20,000 attributes":                attributes(20_000),
		"too many namespaces":              declared(maxBindings/2 + 1),
		"too many elements":                "<a>" + strings.Repeat("<b/>", tokenLimits.elements) + "</a>",
		"too long":                         "<a>" + strings.Repeat("x", tokenLimits.bytes) + "</a>",
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parse([]byte(doc), tokenLimits)
			require.Error(t, err)
			assert.Zero(t, d)
			assert.Less(t, len(err.Error()), 120, "the content is not part of the text")
		})
	}
}

func TestGateAccepts(t *testing.T) {
	for name, doc := range map[string]string{
		"smallest":              `<a/>`,
		"white space around":    " \r\n<a/>\t\n",
		"byte order mark":       "\ufeff<a/>",
		"declaration":           `<?xml version="1.0"?><a/>`,
		"declaration, no label": `<?xml version="1.0" standalone="no"?><a/>`,
		"declaration in full":   "\ufeff<?xml version='1.0' encoding = \"UTF-8\" standalone='yes' ?>\n<a/>",
		"predefined entities":   `<a b="&lt;&gt;&quot;&apos;&amp;">&lt;&gt;&quot;&apos;&amp;</a>`,
		"references":            `<a b="&#9;&#xA;">&#65;&#x42;&#xD;&#x1F600;</a>`,
		"both quotes":           `<a b='"' c="'"/>`,
		"greater-than":          `<a b=">">x>y ]> ]] ></a>`,
		"]]> in an attribute":   `<a b="]]>"/>`,
		"space in the tags":     "<a\n b = '1'\tc='2' ></a >",
		"default undeclared":    `<a xmlns="urn:x"><b xmlns=""/></a>`,
		"prefix used early":     `<p:a p:b="1" xmlns:p="urn:p"/>`,
		"prefix shadowed":       `<p:a xmlns:p="urn:p"><p:a xmlns:p="urn:q"/><p:b/></p:a>`,
		"namespaces":            `<a xmlns="urn:%4a%4A#f" xmlns:p="http://u@h:1/A-._~/?q=!$'()*+,;#" xmlns:q="a+b-c.1:x"/>`,
		"xml:lang":              `<a xml:lang="en"/>`,
		"same name, no prefix":  `<a xmlns="urn:x" xmlns:p="urn:x" b="1" p:b="2"/>`,
		"as deep as allowed":    strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth),
		"text of all kinds":     "<a>é€😀\uFEFF\uFFFD\t\r\n</a>",
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parse([]byte(doc), tokenLimits)
			require.NoError(t, err)
			agree(t, &d)
		})
	}
}

func TestGateAcceptsCaptures(t *testing.T) {
	for _, name := range []string{entraA.file, entraB.file, adfs2013.file, adfsCRLF.file, blackbaud.file, "acs_2014_rstr_saml11.xml", "md_adfs_v4.xml", "md_entra_common_2017.xml"} {
		t.Run(name, func(t *testing.T) {
			d, err := parse(fixture(t, name), metadataLimits)
			require.NoError(t, err)
			agree(t, &d)
		})
	}
}

// FuzzGate: what the gate accepts, encoding/xml reads too, and both see the same elements, namespaces, attributes and text.
func FuzzGate(f *testing.F) {
	for _, seed := range []string{`<a/>`, `<p:a xmlns:p="urn:p" p:b="&#65;">x&amp;<b/>y</p:a>`, "\ufeff<?xml version='1.0' encoding='utf-8'?><a xmlns='urn:x'>\r\n<b xmlns=''/></a>"} {
		f.Add([]byte(seed))
	}
	files, _ := filepath.Glob("../../shared/fixtures/*.xml")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && len(data) < 10_000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := parse(doc, tokenLimits)
		if err != nil {
			if d.src != nil || d.nodes != nil {
				t.Fatal("a refused document is returned")
			}
			return
		}
		agree(t, &d)
		// A detached element is a document of its own, and says the same.
		for i := range min(len(d.nodes), 8) {
			alone, err := parse(d.detach(i), metadataLimits)
			if err != nil {
				t.Fatalf("detached: %v", err)
			}
			for j := range alone.nodes {
				if !alone.is(j, string(d.bytes(d.nodes[i+j].space)), d.name(i+j)) {
					t.Fatal("detached: another name")
				}
			}
			agree(t, &alone)
		}
	})
}

// agree compares a document with what encoding/xml reads from the same bytes.
func agree(t testing.TB, d *document) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(d.root()))
	decoder.Strict = true
	next := 0
	var open []int
	texts := map[int]*strings.Builder{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("encoding/xml refuses what the gate accepts: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if next == len(d.nodes) {
				t.Fatal("encoding/xml sees more elements")
			}
			sameElement(t, d, next, token)
			if parent := d.nodes[next].parent; parent >= 0 && parent != open[len(open)-1] {
				t.Fatal("another parent")
			}
			open = append(open, next)
			texts[next] = &strings.Builder{}
			next++
		case xml.EndElement:
			i := open[len(open)-1]
			open = open[:len(open)-1]
			if d.nodes[i].next != next {
				t.Fatal("another subtree")
			}
			if next == i+1 {
				if text, err := d.text(i); err != nil || text != texts[i].String() {
					t.Fatalf("another text: %q and %q", text, texts[i])
				}
			}
		case xml.CharData:
			texts[open[len(open)-1]].Write(token)
		default:
			t.Fatalf("encoding/xml sees a %T", token)
		}
	}
	if next != len(d.nodes) {
		t.Fatal("encoding/xml sees fewer elements")
	}
}

func sameElement(t testing.TB, d *document, i int, want xml.StartElement) {
	t.Helper()
	space := func(s span) string {
		if v := string(d.bytes(s)); v != "xml" {
			return v
		}
		return "http://www.w3.org/XML/1998/namespace"
	}
	n := d.nodes[i]
	if d.name(i) != want.Name.Local || space(n.space) != want.Name.Space {
		t.Fatalf("another name: %q %q", d.name(i), want.Name)
	}
	attrs := d.attributes(i)
	if len(attrs) != len(want.Attr) {
		t.Fatal("another number of attributes")
	}
	for k, a := range attrs {
		name := xml.Name{Space: space(a.space), Local: string(d.bytes(a.local))}
		if a.declares && a.prefix != (span{}) {
			name.Space = "xmlns"
		}
		if name != want.Attr[k].Name || unescape(d.bytes(a.value)) != want.Attr[k].Value {
			t.Fatalf("another attribute: %q %q", name, want.Attr[k])
		}
	}
}

func TestGateAllocations(t *testing.T) {
	doc := response8K()
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := parse(doc, tokenLimits); err != nil {
			t.Fatal(err)
		}
	})
	assert.LessOrEqual(t, allocations, 2.0)
}

func BenchmarkGate(b *testing.B) {
	doc := response8K()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(doc, tokenLimits); err != nil {
			b.Fatal(err)
		}
	}
}

// response8K has the shape of Entra's answers, in 8 KB.
func response8K() []byte {
	var b strings.Builder
	b.WriteString(`<t:RequestSecurityTokenResponse xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust"><t:RequestedSecurityToken><Assertion ID="_a" Version="2.0" xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Issuer>https://sts.windows.net/add29489-7269-41f4-8841-b63c95564420/</Issuer><X509Certificate>`)
	b.WriteString(strings.Repeat("MIIDBTCCAe2gAwIBAgIQY4RNIR0dX6dB", 100))
	b.WriteString(`</X509Certificate><AttributeStatement>`)
	for i := 0; b.Len() < 8000; i++ {
		fmt.Fprintf(&b, `<Attribute Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/claim%d"><AttributeValue>d1ad9ce7-b322-4221-ab74-1e1011e1bbcb</AttributeValue></Attribute>`, i)
	}
	b.WriteString(`</AttributeStatement></Assertion></t:RequestedSecurityToken></t:RequestSecurityTokenResponse>`)
	return []byte(b.String())
}
