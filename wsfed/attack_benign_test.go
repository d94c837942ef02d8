package wsfed_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// benign is an answer that must pass, and the key that signed it.
type benign struct {
	make func(token) string
	by   keyPair
}

// benignVariants are the forms in which real providers send what means the same.
func benignVariants() map[string]benign {
	k := keys()
	by := func(s signature) func(token) string {
		return func(good token) string { return response(good.sign(s)) }
	}
	wire := func(pairs ...string) func(token) string {
		return func(good token) string { return strings.NewReplacer(pairs...).Replace(response(good.signed())) }
	}
	value := func(s string) string { // breaks a base64 value into lines, as MIME does
		var out []string
		for ; len(s) > 64; s = s[64:] {
			out = append(out, s[:64])
		}
		return "\n" + strings.Join(append(out, s), "\r\n") + "\n"
	}
	thumbprint := base64.StdEncoding.EncodeToString([]byte("twenty bytes, SHA-1 "))
	variants := map[string]func(token) string{
		"as Entra":                         by(signature{}),
		"second key of the metadata":       by(signature{key: k.second.key, keyInfo: x509KeyInfo(k.second)}),
		"key with an expired certificate":  by(signature{key: k.expired.key, keyInfo: x509KeyInfo(k.expired)}),
		"no KeyInfo":                       by(signature{keyInfo: "-"}),
		"no KeyInfo and the second key":    by(signature{keyInfo: "-", key: k.second.key}),
		"KeyInfo of a key name":            by(signature{keyInfo: keyInfo("<KeyName>key 1</KeyName>")}),
		"KeyInfo of a foreign certificate": by(signature{keyInfo: x509KeyInfo(k.foreign)}),
		"KeyInfo of two certificates":      by(signature{keyInfo: x509KeyInfo(k.foreign, k.trusted)}),
		"KeyInfo of another trusted one":   by(signature{keyInfo: x509KeyInfo(k.second)}),
		"KeyInfo of issuer and serial":     by(signature{keyInfo: keyInfo("<X509Data><X509IssuerSerial><X509IssuerName>CN=x</X509IssuerName><X509SerialNumber>1</X509SerialNumber></X509IssuerSerial></X509Data>")}),
		"KeyInfo of a WS-Security thumbprint": by(signature{keyInfo: keyInfo(`<o:SecurityTokenReference xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><o:KeyIdentifier ValueType="http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1" EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">` +
			thumbprint + `</o:KeyIdentifier></o:SecurityTokenReference>`)}),
		"SHA-384":           by(signature{method: rsaSHA384, digest: digSHA384}),
		"SHA-512":           by(signature{method: rsaSHA512, digest: digSHA512}),
		"prefixed as AD FS": by(signature{prefix: "ds:"}),

		"WS-Trust 1.3 collection": func(good token) string { return collection(good.signed()) },
		"white space in the envelope": wire("<t:RequestedSecurityToken>", "\n  <t:RequestedSecurityToken>\r\n\t", "</t:RequestedSecurityToken>", "\n</t:RequestedSecurityToken>\n",
			"</t:RequestSecurityTokenResponse>", "\n</t:RequestSecurityTokenResponse>\n"),
		"white space around it": func(good token) string { return "\n " + response(good.signed()) + " \n" },
		"signed white space inside the token": func(good token) string {
			good.conditions = "\n  " + strings.ReplaceAll(good.conditions, "><", ">\n    <") + "\n  "
			good.attributes = strings.ReplaceAll(good.attributes, "><", ">\n    <")
			good.authns = "\n\t" + good.authns + "\n"
			return response(good.signed())
		},
		"white space in the signature value": func(good token) string {
			signed := response(good.signed())
			v := between(signed, "<SignatureValue>", "</SignatureValue>")
			return strings.Replace(signed, v, value(v), 1)
		},
		"white space in the certificate": wire(k.trusted.base64(), value(k.trusted.base64())),
		"XML declaration":                func(good token) string { return `<?xml version="1.0" encoding="utf-8"?>` + response(good.signed()) },
		"byte order mark":                func(good token) string { return "\ufeff" + response(good.signed()) },
		"empty elements closed at once":  wire("></CanonicalizationMethod>", "/>", "></SignatureMethod>", " />", "></Transform>", "/>", "></DigestMethod>", "/>"),
		"single quotes and spaces":       wire(` IssueInstant="`+stamp(0)+`"`, "\n IssueInstant = '"+stamp(0)+"' "),
		"character references":           wire(">Mallory<", ">&#77;&#x61;llor&#121;<"),
		"a reference in an attribute":    wire(`NotBefore="2030`, `NotBefore="&#50;030`),
		"unused declarations":            wire("<t:RequestSecurityTokenResponse ", `<t:RequestSecurityTokenResponse xmlns:x="urn:x" xmlns:y="urn:y" `),
		"another prefix of WS-Trust":     wire("t:Request", "wst:Request", "xmlns:t=", "xmlns:wst="),
		"one-time use": func(good token) string {
			good.conditions = oneTime(good)
			return response(good.signed())
		},
	}
	out := make(map[string]benign, len(variants))
	for name, f := range variants {
		out[name] = benign{f, k.trusted}
	}
	for name, by := range map[string]keyPair{
		"second key of the metadata": k.second, "key with an expired certificate": k.expired, "no KeyInfo and the second key": k.second,
	} {
		out[name] = benign{out[name].make, by}
	}
	return out
}

// TestBenignVariants: a verifier that refuses everything passes every other test of the corpus. These must pass, and be read in full.
func TestBenignVariants(t *testing.T) {
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			for name, v := range benignVariants() {
				t.Run(name, func(t *testing.T) {
					id := accept(t, v.make(good))
					assert.Equal(t, issuer, id.Issuer)
					assert.Equal(t, tenant, id.TenantID)
					assert.Equal(t, mallory, id.ObjectID)
					assert.Equal(t, "mallory-pairwise", id.Subject)
					assert.Equal(t, "Mallory", id.Name)
					assert.True(t, forgeNow.Add(-time.Second).Equal(id.AuthTime), "%s", id.AuthTime)
				})
			}
		})
	}
}

// TestReadInFull: values reach the identity whole, with every character that XML can hold.
func TestReadInFull(t *testing.T) {
	names := map[string][2]string{ // canonical, and what it means
		"markup":          {`Ann &amp; &lt;Bob&gt; "x" 'y'`, `Ann & <Bob> "x" 'y'`},
		"a whole token":   {`&lt;Assertion ID="_x"&gt;evil&lt;/Assertion&gt;`, `<Assertion ID="_x">evil</Assertion>`},
		"carriage return": {"a&#xD;\nb", "a\r\nb"},
		"line feed":       {"a\nb", "a\nb"},
		"non-ASCII":       {"Zoë 山田 مريم", "Zoë 山田 مريم"},
		"emoji":           {"👩‍🚀", "👩‍🚀"},
		"long":            {strings.Repeat("long ", 1000) + "x", strings.Repeat("long ", 1000) + "x"},
	}
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			for name, pair := range names {
				t.Run(name, func(t *testing.T) {
					k := good
					k.attributes = strings.Replace(k.attributes, ">Mallory<", ">"+pair[0]+"<", 1)
					assert.Equal(t, pair[1], accept(t, response(k.signed())).Name)
				})
			}
		})
	}
}

func TestGroupsAreReadInFull(t *testing.T) {
	k := token20()
	var ids []string
	for i := range 150 {
		ids = append(ids, "c0a70500-0000-4000-8000-"+strings.Repeat("0", 12-len(number(i)))+number(i))
	}
	k.attributes = strings.Replace(k.attributes, "</AttributeStatement>", attribute20(claimGroups, ids...)+"</AttributeStatement>", 1)
	groups, known := accept(t, response(k.signed())).Groups.Known()
	require.True(t, known)
	require.Len(t, groups, len(ids))
	for i, g := range groups {
		require.Equal(t, ids[i], g.ID)
	}
	t.Run("none", func(t *testing.T) {
		_, known := accept(t, response(token20().signed())).Groups.Known()
		require.False(t, known, "an absent claim says nothing")
	})
	t.Run("overage", func(t *testing.T) {
		k := token20()
		link := attribute20("http://schemas.microsoft.com/claims/groups.link", "https://graph.windows.net/x/users/y/getMemberObjects")
		k.attributes = strings.Replace(k.attributes, "</AttributeStatement>", link+"</AttributeStatement>", 1)
		groups := accept(t, response(k.signed())).Groups
		require.True(t, groups.Overage())
	})
}

// TestSessionIndex reads what SAML 2.0 calls the session; Entra's WS-Federation tokens carry none.
func TestSessionIndex(t *testing.T) {
	assert.Equal(t, "s-1", accept(t, response(token20().signed())).SessionID)
	k := token20()
	k.authns = authn20("")
	assert.Empty(t, accept(t, response(k.signed())).SessionID)
}
