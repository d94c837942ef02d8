package wsfed_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestSplitText is VU#475445 (CVE-2017-11427 and its sisters): a comment, which canonicalization drops, cuts a value in two, and a
// careless reader takes the first half. Each value is either refused or read in full.
func TestSplitText(t *testing.T) {
	cuts := map[string]string{ // what stands on the wire, inside a value
		"comment":                "<!-- x -->",
		"empty comment":          "<!---->",
		"empty CDATA":            "<![CDATA[]]>",
		"processing instruction": "<?x y?>",
	}
	const name = "ceo@contoso.example.evil.example"
	first, second := name[:19], name[19:]
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			good.attributes = strings.Replace(good.attributes, ">Mallory<", ">"+name+"<", 1)
			for what, cut := range cuts {
				// Canonicalization keeps processing instructions: then they are signed.
				signedAs := name
				if cut[1] == '?' {
					signedAs = first + cut + second
				}
				k := good
				k.attributes = strings.Replace(good.attributes, name, signedAs, 1)
				wire := strings.Replace(response(k.signed()), signedAs, first+cut+second, 1)
				require.Contains(t, wire, first+cut+second)
				t.Run("attribute "+what, func(t *testing.T) { wholeOrRefused(t, wire, name) })
				t.Run("CDATA of a half, "+what, func(t *testing.T) {
					wholeOrRefused(t, strings.Replace(response(good.signed()), name, "<![CDATA["+first+"]]>"+second, 1), name)
				})
			}
			t.Run("CDATA of the whole", func(t *testing.T) {
				wholeOrRefused(t, strings.Replace(response(good.signed()), name, "<![CDATA["+name+"]]>", 1), name)
			})
			t.Run("CDATA that holds markup", func(t *testing.T) {
				k := good
				k.attributes = strings.Replace(good.attributes, name, "&lt;b&gt;", 1)
				wholeOrRefused(t, strings.Replace(response(k.signed()), "&lt;b&gt;", "<![CDATA[<b>]]>", 1), "<b>")
			})
			t.Run("an element inside the value, signed", func(t *testing.T) {
				k := good
				k.attributes = strings.Replace(good.attributes, name, first+`<b xmlns="">`+second+"</b>", 1)
				wholeOrRefused(t, response(k.signed()), name)
			})
		})
	}

	// The same where the value decides who it is, or for whom.
	places := map[string]string{"NameID": "mallory-pairwise", "issuer": issuer, "audience": realm, "object id": mallory, "tenant id": tenant}
	for place, value := range places {
		for what, cut := range cuts {
			if cut[1] == '?' {
				continue
			}
			t.Run(place+" "+what, func(t *testing.T) {
				wire := strings.ReplaceAll(response(token20().signed()), ">"+value+"<", ">"+value[:8]+cut+value[8:]+"<")
				require.Contains(t, wire, cut)
				wholeOrRefused(t, wire, "Mallory")
			})
			t.Run(place+" "+what+" with more behind it", func(t *testing.T) {
				k := token20()
				k.subject = strings.ReplaceAll(k.subject, ">"+value+"<", ">"+value+".evil<")
				k.issuer = strings.ReplaceAll(k.issuer, ">"+value+"<", ">"+value+".evil<")
				k.conditions = strings.ReplaceAll(k.conditions, ">"+value+"<", ">"+value+".evil<")
				k.attributes = strings.ReplaceAll(k.attributes, ">"+value+"<", ">"+value+".evil<")
				wire := strings.ReplaceAll(response(k.signed()), value+".evil<", value+cut+".evil<")
				require.Contains(t, wire, cut)
				d := newDoor(t)
				id, err := d.Verify(t.Context(), []byte(wire))
				if place == "NameID" && err == nil {
					require.Equal(t, value+".evil", id.Subject)
					return
				}
				requireRefused(t, d, id, err, nil)
			})
		}
	}
}

// wholeOrRefused: the identity's display name is want to the last byte, or there is no identity.
func wholeOrRefused(t *testing.T, wresult, want string) {
	t.Helper()
	d := newDoor(t)
	id, err := d.Verify(t.Context(), []byte(wresult))
	if err != nil {
		requireRefused(t, d, id, err, nil)
		return
	}
	assert.Equal(t, want, id.Name)
	assert.Equal(t, mallory, id.ObjectID)
	assert.Equal(t, "mallory-pairwise", id.Subject)
}

// TestHostileXML is what parsers disagree about, or choke on. Where it could be signed it is, so that the signature is no excuse.
func TestHostileXML(t *testing.T) {
	good := token20()
	signed := response(good.signed())
	start := "<t:RequestSecurityTokenResponse"
	inName := func(inner string) string { return strings.Replace(signed, ">Mallory<", ">"+inner+"<", 1) }
	// trusted signs a name, whatever it is.
	trusted := func(inner string) string {
		k := good
		k.attributes = strings.Replace(k.attributes, ">Mallory<", ">"+inner+"<", 1)
		return response(k.signed())
	}
	attribute := func(more string) string {
		return strings.Replace(signed, start, start+" "+more, 1)
	}
	billion := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">`
	for i := range 9 {
		billion += `<!ENTITY ` + string(rune('b'+i)) + ` "` + strings.Repeat("&"+string(rune('a'+i))+";", 10) + `">`
	}
	billion += `]>`
	list := []attack{
		{"DTD", `<!DOCTYPE x>` + signed, byXML},
		{"DTD in another case", `<!doctype x>` + signed, byXML},
		{"DTD with an entity", `<!DOCTYPE x [<!ENTITY m "Mallory">]>` + inName("&m;"), byXML},
		{"DTD with nested entities", billion + inName("&j;"), byXML},
		{"DTD with an external entity", `<!DOCTYPE x [<!ENTITY m SYSTEM "file:///etc/passwd">]>` + inName("&m;"), byXML},
		{"DTD with an external subset", `<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">` + signed, byXML},
		{"DTD with a parameter entity", `<!DOCTYPE x [<!ENTITY % p SYSTEM "https://evil.example/p"> %p;]>` + signed, byXML},
		{"DTD with a default attribute", `<!DOCTYPE x [<!ATTLIST Assertion ID CDATA "` + good.id + `">]>` + signed, byXML},
		{"DTD with an ID attribute", `<!DOCTYPE x [<!ATTLIST x Foo ID #IMPLIED>]>` + signed, byXML},
		{"DTD behind the root's start", strings.Replace(signed, "><wsp:", "><!DOCTYPE x><wsp:", 1), byXML},
		{"undefined entity", inName("&mallory;"), byXML},
		{"entity of HTML", inName("Mallory&nbsp;"), byXML},
		{"bare ampersand", inName("Mallory & Co"), byXML},
		{"unfinished reference", inName("Mallory&#77"), byXML},
		{"reference in upper case", inName("&#X4D;allory"), byXML},
		{"reference to NUL", inName("Mallory&#0;"), byXML},
		{"reference to a control character", inName("Mallory&#x1;"), byXML},
		{"reference to a surrogate", inName("Mallory&#xD800;"), byXML},
		{"reference to U+FFFE", inName("Mallory&#xFFFE;"), byXML},
		{"reference past Unicode", inName("Mallory&#x110000;"), byXML},
		{"reference that overflows", inName("Mallory&#x10000000000000041;"), byXML},
		{"NUL", trusted("Mallory\x00"), byXML},
		{"NUL in front", "\x00" + signed, byXML},
		{"NUL behind", signed + "\x00", byXML},
		{"control character", trusted("Mallory\x1b"), byXML},
		{"U+FFFF", trusted("Mallory\uffff"), byXML},
		{"broken UTF-8", trusted("Mallory\xff"), byXML},
		{"overlong UTF-8", trusted("Mallory\xc0\xbc"), byXML},
		{"surrogate in UTF-8", trusted("Mallory\xed\xa0\x80"), byXML},
		{"cut UTF-8 at the end", signed + "\xc3", byXML},

		{"comment in front", "<!-- x -->" + signed, byXML},
		{"comment behind", signed + "<!-- x -->", byXML},
		{"processing instruction in front", "<?x y?>" + signed, byXML},
		{"processing instruction behind", signed + "<?x y?>", byXML},
		{"style sheet", `<?xml-stylesheet href="https://evil.example/x.xsl"?>` + signed, byXML},
		{"declaration twice", `<?xml version="1.0"?><?xml version="1.0"?>` + signed, byXML},
		{"declaration in the middle", strings.Replace(signed, "<t:RequestedSecurityToken>", `<?xml version="1.0"?><t:RequestedSecurityToken>`, 1), byXML},
		{"XML 1.1", `<?xml version="1.1"?>` + signed, byXML},
		{"UTF-7 label", `<?xml version="1.0" encoding="UTF-7"?>` + signed, byXML},
		{"UTF-7", `<?xml version="1.0" encoding="UTF-7"?>+ADw-x/+AD4-`, byXML},
		{"ISO-8859-1 label", `<?xml version="1.0" encoding="ISO-8859-1"?>` + trusted("Mall\xf6ry"), byXML},
		{"UTF-16 label", `<?xml version="1.0" encoding="UTF-16"?>` + signed, byXML},
		{"UTF-16 byte order mark", "\xff\xfe" + utf16LE(signed), byXML},
		{"UTF-16 without a mark", utf16LE(signed), byXML},
		{"EBCDIC", "\x4c\x6f\xa7\x94\x93" + signed, byXML},
		{"two byte order marks", "\ufeff\ufeff" + signed, byXML},

		{"two roots", signed + signed, byXML},
		{"two roots, the good one first", signed + `<evil></evil>`, byXML},
		{"trailing text", signed + "evil", byXML},
		{"leading text", "evil" + signed, byXML},
		{"trailing end tag", signed + "</t:RequestSecurityTokenResponse>", byXML},
		{"cut off", signed[:len(signed)-20], byXML},
		{"cut off in a tag", signed[:len(signed)-1], byXML},
		{"empty", "", byXML},
		{"white space", " \n", byXML},
		{"not XML", "wresult", byXML},
		{"mismatched end tag", strings.Replace(signed, "</Issuer>", "</Audience>", 1), byXML},
		{"mismatched prefix", strings.Replace(signed, "</t:RequestedSecurityToken>", "</RequestedSecurityToken>", 1), byXML},
		{"other case in the end tag", strings.Replace(signed, "</Issuer>", "</issuer>", 1), byXML},
		{"end tag with an attribute", strings.Replace(signed, "</Issuer>", `</Issuer a="b">`, 1), byXML},

		{"CVE-2020-29509: colons in an attribute's name", attribute(`x::y="1"`), byXML},
		{"CVE-2020-29510: a directive", strings.Replace(signed, "<t:RequestedSecurityToken>", `<!x <!-- --> ><t:RequestedSecurityToken>`, 1), byXML},
		{"CVE-2020-29511: colons in an element's name", strings.Replace(signed, "<t:RequestType>", "<t::y></t::y><t:RequestType>", 1), byXML},
		{"name that begins with a colon", attribute(`:y="1"`), byXML},
		{"name that ends with a colon", attribute(`y:="1"`), byXML},
		{"name that begins with a digit", attribute(`1y="1"`), byXML},
		{"empty name", attribute(`="1"`), byXML},
		{"attribute without quotes", attribute(`y=1`), byXML},
		{"attribute without a value", attribute(`y`), byXML},
		{"attributes without space", attribute(`y="1"z="2"`), byXML},
		{"markup in an attribute", attribute(`y="<"`), byXML},
		{"open quote", attribute(`y="1`), byXML},
		{"duplicate attribute", attribute(`y="1" y="2"`), byXML},
		{"duplicate ID", strings.Replace(signed, ` ID="`, ` ID="_evil" ID="`, 1), byXML},
		{"duplicate attribute by namespace", attribute(`xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2"`), byXML},
		{"duplicate namespace declaration", attribute(`xmlns:a="urn:x" xmlns:a="urn:y"`), byXML},
		{"undeclared prefix of an element", strings.Replace(signed, "<t:RequestType>", "<u:x></u:x><t:RequestType>", 1), byXML},
		{"undeclared prefix of an attribute", attribute(`u:y="1"`), byXML},
		{"prefix taken back", attribute(`xmlns:a=""`), byXML},
		{"empty prefix declared", attribute(`xmlns:="urn:x"`), byXML},
		{"prefix xml bound elsewhere", attribute(`xmlns:xml="urn:x"`), byXML},
		{"prefix xmlns bound", attribute(`xmlns:xmlns="urn:x"`), byXML},
		{"namespace of xmlns bound", attribute(`xmlns:a="http://www.w3.org/2000/xmlns/"`), byXML},
		{"namespace of xml as default", attribute(`xmlns="http://www.w3.org/XML/1998/namespace"`), byXML},
		{"relative namespace", attribute(`xmlns:a="../x"`), byXML},
		{"relative namespace, signed", trusted(`<a:x xmlns:a="evil"></a:x>`), byForm},
		{"CDATA end in text", inName("]]>"), byXML},
		{"open CDATA", inName("<![CDATA[Mallory"), byXML},
		{"open comment", inName("<!-- Mallory"), byXML},
		{"two hyphens in a comment", inName("Mallory<!-- -- -->"), byXML},
		{"non-ASCII white space in a tag", strings.Replace(signed, start, start+"\u00a0", 1), byXML},
		{"next line as white space in a tag", strings.Replace(signed, start, start+"\u0085", 1), byXML},

		{"20,000 levels", strings.Replace(signed, "<t:RequestType>", strings.Repeat("<a>", 20000)+strings.Repeat("</a>", 20000)+"<t:RequestType>", 1), byXML},
		{"20,000 levels that never end", strings.Repeat("<a>", 20000), byXML},
		{"20,000 levels in the token, signed", trusted(strings.Repeat("<a>", 20000) + strings.Repeat("</a>", 20000)), byXML},
		{"20,000 attributes", attribute(many(20000, `a%="1" `)), byXML},
		{"20,000 attributes in the token, signed", trusted(`<a xmlns="" ` + many(20000, `a%="1" `) + `></a>`), byXML},
		{"20,000 elements", response(strings.Repeat("<a></a>", 20000)), byXML},
		{"20,000 namespace declarations", attribute(many(20000, `xmlns:a%="urn:%" `)), byXML},
		{"5,000 nested namespace declarations", nestedNamespaces(5000), byXML},
		{"40 levels of 40 declarations", wideNamespaces(40, 40), byForm},
		{"2 MB of text", trusted(strings.Repeat("evil ", 400<<10)), byXML},
		{"2 MB of white space", strings.Repeat(" ", 2<<20) + signed, byXML},
		{"2 MB of references", inName(strings.Repeat("&#65;", 400<<10)), byXML},
		{"2 MB in an attribute", attribute(`a="` + strings.Repeat("evil ", 400<<10) + `"`), byXML},
		{"2 MB of a name", attribute(strings.Repeat("a", 2<<20) + `="1"`), byXML},
		{"2 MB of a tag that does not end", "<" + strings.Repeat("a", 2<<20), byXML},
		{"2 MB of less-than signs", strings.Repeat("<", 2<<20), byXML},
		{"2 MB of quotes", "<a " + strings.Repeat(`"`, 2<<20), byXML},
	}
	refuseAll(t, false, list)
}

// many repeats a template n times, with a number for each %.
func many(n int, template string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(template, "%", number(i)))
	}
	return b.String()
}

func number(i int) string {
	const digits = "0123456789"
	if i < 10 {
		return digits[i : i+1]
	}
	return number(i/10) + digits[i%10:i%10+1]
}

func nestedNamespaces(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`<a xmlns:p` + number(i) + `="urn:` + number(i) + `">`)
	}
	return response(b.String() + strings.Repeat("</a>", n))
}

func wideNamespaces(levels, declarations int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(`<a ` + strings.ReplaceAll(many(declarations, `xmlns:p%="urn:@%" `), "@", number(i)) + `>`)
	}
	return response(b.String() + strings.Repeat("</a>", levels))
}

func utf16LE(s string) string {
	var b strings.Builder
	for i := range len(s) { // the corpus is ASCII here
		b.WriteByte(s[i])
		b.WriteByte(0)
	}
	return b.String()
}

// TestSOAPFault: a fault is reported as one, and its text, which nobody signed, is not in the error's.
func TestSOAPFault(t *testing.T) {
	d := newDoor(t)
	id, err := d.Verify(t.Context(), []byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>`+
		`<s:Reason><s:Text xml:lang="en">Call +1 555 0100</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`))
	requireRefused(t, d, id, err, byEnvelope)
	var fault *wsfed.FaultError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "Sender", fault.Code)
	assert.NotContains(t, err.Error(), "555")
}
