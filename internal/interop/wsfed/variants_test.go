package wsfed_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// variant of an answer.
type variant struct {
	name     string
	document string
	must     expectation
}

type expectation int

const (
	either  expectation = iota // but if it is accepted, then by all, and for what the original says
	passed                     // means the same, in a form that we accept
	refused                    // an attack
)

// randomEdits is how many places of each answer are edited blindly.
const randomEdits = 120

var (
	assertionPattern = regexp.MustCompile(`(?s)<(?:\w+:)?Assertion\s.*</(?:\w+:)?Assertion>`)
	signaturePattern = regexp.MustCompile(`(?s)<(?:\w+:)?Signature[\s>].*?</(?:\w+:)?Signature>`)
	keyInfoPattern   = regexp.MustCompile(`(?s)<(?:\w+:)?KeyInfo[\s>].*?</(?:\w+:)?KeyInfo>`)
	valuePattern     = regexp.MustCompile(`(?s)(<(?:\w+:)?SignatureValue[^>]*>)(.*?)(</)`)
	audiencePattern  = regexp.MustCompile(`(<(?:\w+:)?Audience[^>]*>)([^<])([^<]*)(</)`)
	idPattern        = regexp.MustCompile(`\s(?:ID|AssertionID)=["']([^"']+)["']`)
)

// withoutKeyInfo leaves out what is not signed and nobody trusts, but what some parse nevertheless: random edits go there too.
func withoutKeyInfo(document string) string { return keyInfoPattern.ReplaceAllString(document, "") }

// replaceFirst is ReplaceAllString for the first match, which has to be there.
func replaceFirst(t *testing.T, pattern *regexp.Regexp, document, with string) string {
	t.Helper()
	at := pattern.FindStringSubmatchIndex(document)
	require.NotNil(t, at, "%s", pattern)
	return document[:at[0]] + string(pattern.ExpandString(nil, with, document, at)) + document[at[1]:]
}

// variants of a sample.
func variants(t *testing.T, s *sample) iter.Seq[variant] {
	t.Helper()
	return func(yield func(variant) bool) {
		for _, all := range [][]variant{benign(t, s), edits(s), rewrites(t, s), wrappings(t, s)} {
			for _, v := range all {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// benign variants are written differently, and mean the same.
func benign(t *testing.T, s *sample) []variant {
	t.Helper()
	value := valuePattern.FindStringSubmatch(s.document)
	require.NotNil(t, value)
	var wrapped strings.Builder
	for i, c := range strings.Join(strings.Fields(value[2]), "") {
		if i%60 == 0 {
			wrapped.WriteString("\n  ")
		}
		wrapped.WriteRune(c)
	}
	assertion := assertionPattern.FindString(s.document)
	tag, _, _ := strings.Cut(assertion, ">")
	spaced := strings.Replace(tag, " ", " \n\t ", 1)
	audience := audiencePattern.FindStringSubmatch(s.document)
	require.NotNil(t, audience)
	return []variant{
		{"as it came", s.document, passed},
		{"no KeyInfo", withoutKeyInfo(s.document), passed},
		{"white space in the signature value", replaceFirst(t, valuePattern, s.document, "${1}"+wrapped.String()+"${3}"), passed},
		{"white space between attributes", strings.Replace(s.document, tag, spaced, 1), passed},
		{"single quotes", strings.Replace(s.document, tag, strings.ReplaceAll(tag, `"`, `'`), 1), passed},
		{"a character reference", replaceFirst(t, audiencePattern, s.document, fmt.Sprintf("${1}&#x%x;${3}${4}", audience[2])), passed},
		{"a CDATA section", replaceFirst(t, audiencePattern, s.document, "${1}<![CDATA[${2}${3}]]>${4}"), either},
		{"part of it in a CDATA section", replaceFirst(t, audiencePattern, s.document, "${1}<![CDATA[${2}]]>${3}${4}"), either},
		{"a declaration", `<?xml version="1.0" encoding="UTF-8"?>` + strings.TrimPrefix(strings.TrimSpace(s.document), `<?xml version="1.0"?>`), either},
		{"white space after it", s.document + "\n", either},
		{"white space before it", "\n" + s.document, either},
		{"a prefix declared and not used", strings.Replace(s.document, tag, tag+` xmlns:unused="urn:unused"`, 1), either},
		{"a processing instruction", replaceFirst(t, audiencePattern, s.document, "${1}${2}<?x y?>${3}${4}"), refused},
		{"a comment", replaceFirst(t, audiencePattern, s.document, "${1}${2}<!-- x -->${3}${4}"), refused},
		{"a document type", "<!DOCTYPE x>" + assertion, refused},
	}
}

// edits are blind: a place anywhere, and something done to it. The same ones each time.
func edits(s *sample) []variant {
	random := rand.New(rand.NewPCG(1, uint64(len(s.name))))
	const letters = "aZ0 <>&;\"'/=:-+\n\r\t\x00\xff"
	out := make([]variant, 0, randomEdits)
	for range randomEdits {
		i, c := random.IntN(len(s.document)), letters[random.IntN(len(letters))]
		before, at, after := s.document[:i], s.document[i:i+1], s.document[i+1:]
		var name, document string
		switch random.IntN(5) {
		case 0:
			name, document = fmt.Sprintf("byte %d becomes %q", i, c), before+string(rune(c))+after
		case 1:
			name, document = fmt.Sprintf("byte %d goes", i), before+after
		case 2:
			name, document = fmt.Sprintf("byte %d twice", i), before+at+at+after
		case 3:
			name, document = fmt.Sprintf("%q before byte %d", c, i), before+string(rune(c))+at+after
		default:
			name, document = fmt.Sprintf("a bit of byte %d", i), before+string([]byte{s.document[i] ^ 1<<random.IntN(7)})+after
		}
		out = append(out, variant{name, document, either})
	}
	return out
}

// rewrites change what an answer says, or how it is signed.
func rewrites(t *testing.T, s *sample) []variant {
	t.Helper()
	signature := signaturePattern.FindString(s.document)
	require.NotEmpty(t, signature)
	const dsig, more = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#"
	const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	out := []variant{
		{"another person", strings.ReplaceAll(s.document, s.person, someoneElse(s.person)), refused},
		{"a person and a comment", strings.Replace(s.document, s.person, s.person[:2]+"<!---->"+s.person[2:], 1), refused},
		{"another audience", replaceFirst(t, audiencePattern, s.document, "${1}x${2}${3}${4}"), refused},
		{"later", strings.Replace(s.document, `NotOnOrAfter="2`, `NotOnOrAfter="3`, 1), refused},
		{"no signature", strings.Replace(s.document, signature, "", 1), refused},
		{"two signatures", strings.Replace(s.document, signature, signature+signature, 1), refused},
		{"no signature value", replaceFirst(t, valuePattern, s.document, "${1}${3}"), refused},
	}
	for _, change := range [][2]string{
		{more + "rsa-sha256", more + "hmac-sha256"},
		{more + "rsa-sha256", dsig + "rsa-sha1"},
		{"http://www.w3.org/2001/04/xmlenc#sha256", dsig + "sha1"},
		{`URI="#`, `URI="`},
		{`URI="#`, `NoURI="#`},
		{`URI="#`, `URI="#x`},
		{exclusive, exclusive + "WithComments"},
		{dsig + "enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116"},
	} {
		if changed := strings.ReplaceAll(s.document, change[0], change[1]); changed != s.document {
			out = append(out, variant{change[0] + " becomes " + change[1], changed, refused})
		}
	}
	return out
}

func someoneElse(person string) string {
	last := person[len(person)-1]
	if last == '7' {
		return person[:len(person)-1] + "8"
	}
	return person[:len(person)-1] + "7"
}

// wrappings put the signed assertion somewhere else and a forged one in its place, in every combination of where it goes, what
// the forged one is called, and which of them holds the signature.
func wrappings(t *testing.T, s *sample) []variant {
	t.Helper()
	original := assertionPattern.FindString(s.document)
	signature := signaturePattern.FindString(original)
	unsigned := strings.Replace(original, signature, "", 1)
	require.Contains(t, unsigned, s.person)
	forged := strings.ReplaceAll(unsigned, s.person, someoneElse(s.person))
	id := idPattern.FindStringSubmatch(forged)
	require.NotNil(t, id)

	namespace := "urn:oasis:names:tc:SAML:2.0:assertion"
	if !strings.Contains(original, namespace) {
		namespace = "urn:oasis:names:tc:SAML:1.0:assertion"
	}
	// Where the signed one goes: inside of the forged one, or beside it.
	into := func(open, end string) func(forged, signed string) string {
		return func(forged, signed string) string {
			at := strings.LastIndex(forged, "</")
			return forged[:at] + open + signed + end + forged[at:]
		}
	}
	places := map[string]func(forged, signed string) string{
		"advice":    into(`<Advice xmlns="`+namespace+`">`, `</Advice>`),
		"attribute": into(`<AttributeStatement xmlns="`+namespace+`"><Attribute Name="x" AttributeName="x" AttributeNamespace="x:y"><AttributeValue>`, `</AttributeValue></Attribute></AttributeStatement>`),
		"object":    into(`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Object>`, `</Object></Signature>`),
		"child":     into("", ""),
		"before":    func(forged, signed string) string { return signed + forged },
		"after":     func(forged, signed string) string { return forged + signed },
		"around": func(forged, signed string) string { // the forged one inside of the signed one
			at := strings.LastIndex(signed, "</")
			return signed[:at] + forged + signed[at:]
		},
	}
	names := map[string]string{
		"same name": forged, "another name": strings.Replace(forged, id[1], id[1]+"x", 1), "no name": strings.Replace(forged, id[0], "", 1),
	}
	var out []variant
	for place, put := range places {
		for name, forged := range names {
			at := strings.LastIndex(forged, "</")
			withSignature := forged[:at] + signature + forged[at:]
			for holder, token := range map[string]string{
				"signed one":  put(forged, original),
				"forged one":  put(withSignature, unsigned),
				"both":        put(withSignature, original),
				"none of two": put(forged, unsigned),
			} {
				document := strings.Replace(s.document, original, token, 1)
				out = append(out, variant{"wrapped: " + place + ", " + name + ", signature in " + holder, document, refused})
			}
		}
	}
	return out
}
