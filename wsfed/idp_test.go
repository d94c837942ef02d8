package wsfed

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// A small identity provider for the tests of what surrounds the token. The attacks on tokens have a forger of their own, which uses no XML library.

const (
	idpTenant = "11111111-2222-4333-8444-555555555555"
	idpObject = "aaaaaaaa-0000-4000-8000-000000000001"
	idpRealm  = "spn:7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910"
	idpReply  = "https://auth.example.com/sso/wsfed"
	idpLogin  = "https://login.idp.invalid"
	adfsURL   = "https://adfs.idp.invalid/FederationMetadata/2007-06/FederationMetadata.xml"
	adfsName  = "http://adfs.idp.invalid/adfs/services/trust"
)

var idpNow = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// idpBegun is the driver's state of a sign-in that begins at idpNow.
var idpBegun = []byte("2030-01-02T03:04:05Z")

var idpCloud = cloud.Cloud{Name: "idp", Login: idpLogin, IssuerV1: "https://sts.idp.invalid/{tenantid}/"}

type idpKey struct {
	private *rsa.PrivateKey
	*x509.Certificate
}

func newIDPKey(bits int) idpKey {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: idpNow.AddDate(-9, 0, 0), NotAfter: idpNow.AddDate(-1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return idpKey{private, certificate}
}

var idpKeys = sync.OnceValue(func() [3]idpKey { return [3]idpKey{newIDPKey(2048), newIDPKey(2048), newIDPKey(2048)} })

// sign adds an enveloped signature.
func (k idpKey) sign(t testing.TB, document, idName string) string {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(document))
	context, err := dsig.NewSigningContext(crypto.Signer(k.private), [][]byte{k.Raw})
	require.NoError(t, err)
	context.IdAttribute = idName
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	require.NoError(t, context.SetSignatureMethod(dsig.RSASHA256SignatureMethod))
	signature, err := context.ConstructSignature(doc.Root(), true)
	require.NoError(t, err)
	out, err := etree.NewDocumentWithRoot(signature).WriteToString()
	require.NoError(t, err)
	end := strings.LastIndex(document, "</")
	return document[:end] + out + document[end:]
}

// idpToken is an answer; zero fields are filled in.
type idpToken struct {
	id, issuer, tenant string
	authenticated      time.Time
	attributes         string
}

func (k idpKey) answer(t testing.TB, o idpToken) string {
	t.Helper()
	if o.id == "" {
		o.id = "_" + strings.ToLower(rand.Text())
	}
	if o.tenant == "" {
		o.tenant = idpTenant
	}
	if o.issuer == "" {
		o.issuer = strings.Replace(idpCloud.IssuerV1, "{tenantid}", o.tenant, 1)
	}
	authn := ""
	if !o.authenticated.IsZero() {
		authn = fmt.Sprintf(`<AuthnStatement AuthnInstant="%s"></AuthnStatement>`, o.authenticated.Format(time.RFC3339))
	}
	if o.attributes == "" {
		o.attributes = fmt.Sprintf(`<Attribute Name="http://schemas.microsoft.com/identity/claims/tenantid"><AttributeValue>%s</AttributeValue></Attribute>`+
			`<Attribute Name="http://schemas.microsoft.com/identity/claims/objectidentifier"><AttributeValue>%s</AttributeValue></Attribute>`, o.tenant, idpObject)
	}
	assertion := fmt.Sprintf(`<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="%s" IssueInstant="%s" Version="2.0"><Issuer>%s</Issuer>`+
		`<Subject><NameID>pairwise</NameID><SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></SubjectConfirmation></Subject>`+
		`<Conditions NotBefore="%s" NotOnOrAfter="%s"><AudienceRestriction><Audience>%s</Audience></AudienceRestriction></Conditions>`+
		`<AttributeStatement>%s</AttributeStatement>%s</Assertion>`,
		o.id, idpNow.Format(time.RFC3339), o.issuer, idpNow.Add(-5*time.Minute).Format(time.RFC3339), idpNow.Add(time.Hour).Format(time.RFC3339), idpRealm, o.attributes, authn)
	return envelope(k.sign(t, assertion, "ID"))
}

func envelope(token string) string {
	return `<t:RequestSecurityTokenResponse xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust"><t:RequestedSecurityToken>` + token +
		`</t:RequestedSecurityToken></t:RequestSecurityTokenResponse>`
}

// idpMetadata is a metadata document.
func idpMetadata(issuer, endpoint string, keys ...idpKey) string {
	descriptors := ""
	for _, k := range keys {
		descriptors += keyDescriptor(` use="signing"`, k)
	}
	return metadataWith(issuer, roleDescriptor("SecurityTokenServiceType", descriptors+passive(endpoint)))
}

func keyDescriptor(use string, k idpKey) string {
	return `<KeyDescriptor` + use + `><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` +
		base64.StdEncoding.EncodeToString(k.Raw) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`
}

func passive(endpoint string) string {
	return `<fed:PassiveRequestorEndpoint><wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>` + endpoint +
		`</wsa:Address></wsa:EndpointReference></fed:PassiveRequestorEndpoint>`
}

func roleDescriptor(kind, inner string) string {
	return `<RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" xsi:type="fed:` + kind + `">` + inner + `</RoleDescriptor>`
}

func metadataWith(issuer, roles string) string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="` + issuer + `">` + roles + `</EntityDescriptor>`
}

// idpNet is the network: documents by address.
type idpNet struct {
	mu      sync.Mutex
	pages   map[string]string // by URL without query
	fetched []string
	block   chan struct{} // when set, answers wait for it
	down    bool
}

func (n *idpNet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.fetched = append(n.fetched, r.URL.String())
	address := *r.URL
	address.RawQuery = ""
	page, ok := n.pages[address.String()]
	down, block := n.down, n.block
	n.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down {
		return nil, errors.New("no route")
	}
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), ContentLength: -1, Request: r}, nil
}

func (n *idpNet) put(url, page string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pages == nil {
		n.pages = map[string]string{}
	}
	n.pages[url] = page
}

func (n *idpNet) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.fetched)
}

func (n *idpNet) setDown(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
}

// idpClock is a clock that tests move.
type idpClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *idpClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *idpClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func tenantMetadataURL(tenant string) string {
	return idpLogin + "/" + tenant + "/FederationMetadata/2007-06/FederationMetadata.xml"
}

// world is a relying party beside its provider.
type world struct {
	*RelyingParty
	config Config
	net    *idpNet
	clock  *idpClock
	replay *onceStore
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{net: &idpNet{}, clock: &idpClock{now: idpNow}, replay: &onceStore{}}
	w.net.put(tenantMetadataURL(idpTenant), idpMetadata("https://sts.idp.invalid/"+idpTenant+"/", idpLogin+"/"+idpTenant+"/wsfed", idpKeys()[0]))
	w.net.put(tenantMetadataURL("common"), idpMetadata("https://sts.idp.invalid/{tenantid}/", idpLogin+"/common/wsfed", idpKeys()[0]))
	w.net.put(adfsURL, idpMetadata(adfsName, "https://adfs.idp.invalid/adfs/ls/", idpKeys()[0]))
	w.config = Config{
		Realm: idpRealm, Reply: idpReply, Cloud: idpCloud, Tenant: idpTenant, Replay: w.replay,
		HTTPClient: &http.Client{Transport: w.net}, Now: w.clock.Now,
	}
	for _, f := range change {
		f(&w.config)
	}
	p, err := New(w.config)
	require.NoError(t, err)
	w.RelyingParty = p
	return w
}

func adfs(c *Config) {
	c.Tenant, c.MetadataURL, c.SubjectClaim = "", adfsURL, NameIdentifierClaim
}
