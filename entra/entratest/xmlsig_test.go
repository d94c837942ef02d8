package entratest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"
)

// signingTime is when the tests of this file sign; the certificate is valid then.
var signingTime = time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)

var testSigner = sync.OnceValue(func() xmlSigner {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "accounts.accesscontrol.entratest.invalid"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     signingTime.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return xmlSigner{key: key, certificate: der}
})

// verifySignature checks one enveloped signature by two implementations that are not ours. The signed element is named by its
// tag and its identifier's attribute.
func verifySignature(t *testing.T, document, namespace, tag, idAttr string, certificate []byte) error {
	t.Helper()
	if err := verifyGoxmldsig(document, tag, idAttr, certificate); err != nil {
		return fmt.Errorf("goxmldsig: %w", err)
	}
	if err := verifyXMLSec(t, document, namespace+":"+tag, idAttr, certificate); err != nil {
		return fmt.Errorf("xmlsec1: %w", err)
	}
	return nil
}

func verifyGoxmldsig(document, tag, idAttr string, certificate []byte) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(strings.TrimPrefix(document, byteOrderMark)); err != nil {
		return err
	}
	signed := doc.FindElement("//" + tag)
	if signed == nil {
		return fmt.Errorf("no %s", tag)
	}
	trusted, err := x509.ParseCertificate(certificate)
	if err != nil {
		return err
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{trusted}})
	v.IdAttribute = idAttr
	v.Clock = dsig.NewFakeClockAt(signingTime)
	_, err = v.Validate(signed.Copy())
	return err
}

func verifyXMLSec(t *testing.T, document, node, idAttr string, certificate []byte) error {
	t.Helper()
	binary, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
			t.Fatal("xmlsec1 is required (apt install xmlsec1)")
		}
		t.Log("xmlsec1 is not installed: signatures are checked by goxmldsig alone")
		return nil
	}
	dir := t.TempDir()
	file, trusted := filepath.Join(dir, "signed.xml"), filepath.Join(dir, "certificate.pem")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	require.NoError(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600))
	out, err := exec.Command(binary, "--verify", "--id-attr:"+idAttr, node, "--trusted-pem", trusted,
		"--verification-gmt-time", signingTime.Format(time.DateTime), file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// texts are what names and descriptions can hold; each must survive signing and parsing unchanged.
var texts = map[string]string{
	"plain":           "Ann Example",
	"markup":          `Ann & <Bob> "the" 'builder' ]]>`,
	"carriage return": "street\r\nVia Roggia 1\rend",
	"white space":     "  tab\there\nand\nthere  ",
	"non-ASCII":       "Zoë Łukasiewicz 山田太郎 مريم",
	"emoji":           "👩‍🚀 rocket 🚀",
	"combining":       "e\u0301 is not é",
	"entity-like":     "&amp; &#65; &lt;",
	"next line":       "a\u0085b\u2028c",
}

func sampleAssertion(value string) assertion {
	return assertion{
		id: "_edc15efd-1117-4bf9-89da-28b1663fb890", issuer: "https://sts.windows.net/add29489-7269-41f4-8841-b63c95564420/",
		audience: "https://app.example/?a=1&b=<\">", subject: "RrX3SPSxDw6z4KHaKB2V_mnv0G-LbRZdYvo1RQa1L7s",
		issued: signingTime, notBefore: signingTime.Add(-5 * time.Minute), expires: signingTime.Add(55 * time.Minute),
		authenticated: signingTime.Add(-78 * time.Millisecond),
		claims: []samlClaim{
			samlClaimOf(claimTenantID, "add29489-7269-41f4-8841-b63c95564420"),
			samlClaimOf(claimDisplayName, value),
			samlClaimOf(claimEmailAddress, ""),
			samlClaimOf(claimGroups, "a", "b"),
		},
	}
}

func TestSignedTokensVerifyElsewhere(t *testing.T) {
	versions := []struct {
		kind                   TokenType
		namespace, id, display string
	}{
		{SAML20, nsSAML20, "ID", "//Attribute[@Name='" + claimDisplayName + "']/AttributeValue"},
		{SAML11, nsSAML11, "AssertionID", "//Attribute[@AttributeName='displayname']/AttributeValue"},
	}
	for _, version := range versions {
		for name, value := range texts {
			t.Run(string(version.kind)+"/"+name, func(t *testing.T) {
				a := sampleAssertion(value)
				signed, err := a.signed(version.kind, testSigner())
				require.NoError(t, err)
				for _, document := range []string{signed.String(), a.response(version.kind, signed).String()} {
					require.NoError(t, verifySignature(t, document, version.namespace, "Assertion", version.id, testSigner().certificate))
					doc := etree.NewDocument()
					require.NoError(t, doc.ReadFromString(document))
					require.Equal(t, value, doc.FindElement(version.display).Text())
				}
				// The checkers do see what is signed.
				bent := strings.Replace(signed.String(), ">a</", ">c</", 1)
				require.Error(t, verifyGoxmldsig(bent, "Assertion", version.id, testSigner().certificate))
			})
		}
	}
}

func TestBentSignaturesFail(t *testing.T) {
	s := testSigner()
	s.corrupt = true
	for kind, id := range map[TokenType]string{SAML20: "ID", SAML11: "AssertionID"} {
		signed, err := sampleAssertion("Ann").signed(kind, s)
		require.NoError(t, err)
		require.Error(t, verifyGoxmldsig(signed.String(), "Assertion", id, s.certificate))
	}
}

func TestMetadataVerifiesElsewhere(t *testing.T) {
	f := federation{
		id: "_0ded55d8-a72f-4e13-ab9e-f40be80b1476", entityID: "https://sts.windows.net/{tenantid}/",
		passive: "https://login.microsoftonline.com/common/wsfed", saml: "https://login.microsoftonline.com/common/saml2",
		certificates: [][]byte{testSigner().certificate, testSigner().certificate},
	}
	signed, err := f.signed(testSigner())
	require.NoError(t, err)
	for _, start := range []string{"", xmlDeclaration, byteOrderMark + xmlDeclaration} {
		require.NoError(t, verifySignature(t, start+signed.String(), nsMetadata, "EntityDescriptor", "ID", testSigner().certificate))
	}
}

// TestCanonicalForm holds the rules that the tokens need against examples worked out by hand from the recommendations.
func TestCanonicalForm(t *testing.T) {
	tests := map[string]struct {
		in   *element
		want string
	}{
		"attributes without namespace come first, then by namespace": {
			el("a", at("z:k", "1", "b", "2", "xmlns:z", "urn:a", "y:k", "3", "xmlns:y", "urn:b", "a", "4")),
			`<a xmlns:y="urn:b" xmlns:z="urn:a" a="4" b="2" z:k="1" y:k="3"></a>`,
		},
		"a namespace is rendered where it is used": {
			el("a", at("xmlns:u", "urn:u", "xmlns", "urn:d"), el("u:b", nil, el("u:c", nil)), el("u:b", nil)),
			`<a xmlns="urn:d"><u:b xmlns:u="urn:u"><u:c></u:c></u:b><u:b xmlns:u="urn:u"></u:b></a>`,
		},
		"the default namespace taken back": {
			el("a", at("xmlns", "urn:d"), el("b", at("xmlns", ""))),
			`<a xmlns="urn:d"><b xmlns=""></b></a>`,
		},
		"escapes": {
			el("a", at("b", "<&>\"'\t\n\r"), xmlText("<&>\"'\t\n\r")),
			"<a b=\"&lt;&amp;>&quot;'&#x9;&#xA;&#xD;\">&lt;&amp;&gt;\"'\t\n&#xD;</a>",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, string(tt.in.canonical(nil))) })
	}
}

func TestCharactersThatXMLCannotHold(t *testing.T) {
	require.Equal(t, "a\uFFFDb\uFFFDc\uFFFD", xmlClean("a\x00b\x1bc\xff"))
	require.Equal(t, "tab\tline\n\r 👩", xmlClean("tab\tline\n\r 👩"))
}
