package wsfed

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

func TestNewRefusesWhatCouldNotVerify(t *testing.T) {
	good := Config{Realm: idpRealm, Reply: idpReply, Tenant: idpTenant, Replay: &onceStore{}}
	_, err := New(good)
	require.NoError(t, err)

	elliptic := func() *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return c
	}
	static := func(issuer string, c ...*x509.Certificate) *Provider {
		return &Provider{Issuer: issuer, SignInURL: "https://x.example/wsfed", Certificates: c}
	}
	trusted := idpKeys()[0].Certificate
	const entraIssuer = "https://sts.windows.net/" + idpTenant + "/"
	for name, change := range map[string]func(*Config){
		"no realm":                   func(c *Config) { c.Realm = "" },
		"no reply":                   func(c *Config) { c.Reply = "" },
		"relative reply":             func(c *Config) { c.Reply = "/sso" },
		"reply of another kind":      func(c *Config) { c.Reply = "javascript://x/" },
		"no replay store":            func(c *Config) { c.Replay = nil },
		"no tenant":                  func(c *Config) { c.Tenant = "" },
		"tenant is a word":           func(c *Config) { c.Tenant = "common" },
		"tenant is a path":           func(c *Config) { c.Tenant = "a/../b" },
		"tenant and list":            func(c *Config) { c.AllowedTenants = []string{idpTenant} },
		"tenant and any":             func(c *Config) { c.AnyTenant = true },
		"list of domains":            func(c *Config) { c.Tenant, c.AllowedTenants = "", []string{"contoso.example"} },
		"issuer without a tenant":    func(c *Config) { c.Issuer = "https://sts.windows.net/" },
		"issuer of another tenant":   func(c *Config) { c.Issuer = "https://sts.windows.net/99999999-2222-4333-8444-555555555555/" },
		"metadata over http":         func(c *Config) { c.MetadataURL = "http://login.microsoftonline.com/x" },
		"metadata at a stranger's":   func(c *Config) { c.MetadataURL = "https://evil.example/" + idpTenant },
		"metadata like Entra's host": func(c *Config) { c.MetadataURL = "https://login.microsoftonline.com.evil.example/" },
		"metadata with a user":       func(c *Config) { c.MetadataURL = "https://login.microsoftonline.com@evil.example/" },
		"provider without keys":      func(c *Config) { c.Provider = static(entraIssuer) },
		"provider without issuer":    func(c *Config) { c.Provider = static("", trusted) },
		"provider of another tenant": func(c *Config) {
			c.Provider = static("https://sts.windows.net/99999999-2222-4333-8444-555555555555/", trusted)
		},
		"provider with nil": func(c *Config) { c.Provider = static(entraIssuer, nil) },
		"provider with too many keys": func(c *Config) {
			c.Provider = static(entraIssuer, slices.Repeat([]*x509.Certificate{trusted}, maxKeys+1)...)
		},
		"provider with an EC key":      func(c *Config) { c.Provider = static(entraIssuer, elliptic()) },
		"provider with a weak key":     func(c *Config) { c.Provider = static(entraIssuer, newIDPKey(1024).Certificate) },
		"AD FS with a tenant":          func(c *Config) { c.SubjectClaim, c.MetadataURL = NameIdentifierClaim, adfsURL },
		"AD FS without metadata":       func(c *Config) { c.Tenant, c.SubjectClaim = "", NameIdentifierClaim },
		"AD FS with Entra's issuer":    func(c *Config) { adfs(c); c.Issuer = entraIssuer },
		"AD FS with Entra's metadata":  func(c *Config) { adfs(c); c.MetadataURL = "https://login.microsoftonline.com/common/m.xml" },
		"AD FS with Entra's provider":  func(c *Config) { adfs(c); c.Provider = static(entraIssuer, trusted) },
		"AD FS, known by UPN":          func(c *Config) { adfs(c); c.SubjectClaim = upnClaim },
		"AD FS, known by UPN, in caps": func(c *Config) { adfs(c); c.SubjectClaim = strings.ToUpper(upnClaim) },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			p, err := New(c)
			require.Error(t, err)
			assert.Nil(t, p)
		})
	}
}

func TestTenants(t *testing.T) {
	const other = "99999999-2222-4333-8444-555555555555"
	for name, c := range map[string]struct {
		change func(*Config)
		tenant string
		want   Check // "" : accepted
	}{
		"pinned":                        {func(c *Config) {}, idpTenant, ""},
		"pinned, in capitals":           {func(c *Config) { c.Tenant = strings.ToUpper(idpTenant) }, idpTenant, ""},
		"pinned, another":               {func(c *Config) {}, other, CheckTenant},
		"listed":                        {func(c *Config) { c.Tenant, c.AllowedTenants = "", []string{other, idpTenant} }, idpTenant, ""},
		"not listed":                    {func(c *Config) { c.Tenant, c.AllowedTenants = "", []string{other} }, idpTenant, CheckTenant},
		"any":                           {func(c *Config) { c.Tenant, c.AnyTenant = "", true }, other, ""},
		"any, personal account":         {func(c *Config) { c.Tenant, c.AnyTenant = "", true }, cloud.Consumers, CheckTenant},
		"any, personal account, named":  {func(c *Config) { c.Tenant, c.AnyTenant, c.AllowedTenants = "", true, []string{cloud.Consumers} }, cloud.Consumers, ""},
		"listed, personal, not by name": {func(c *Config) { c.Tenant, c.AllowedTenants = "", []string{other} }, cloud.Consumers, CheckTenant},
		"by domain":                     {func(c *Config) { c.Tenant = "contoso.example" }, idpTenant, ""},
		"any, in capitals":              {func(c *Config) { c.Tenant, c.AnyTenant = "", true }, "AAAAAAAA-2222-4333-8444-555555555555", CheckTenant},
		"by domain, another":            {func(c *Config) { c.Tenant = "contoso.example" }, other, CheckTenant},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.change)
			w.net.put(tenantMetadataURL("contoso.example"), idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]))
			id, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{tenant: c.tenant})))
			if c.want != "" {
				requireCheck(t, err, c.want)
				assert.Zero(t, w.replay.calls)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.tenant, id.TenantID)
		})
	}
}

// The expected issuer can be unknown beforehand, as in clouds of which only the metadata says it. Then the metadata's template rules.
func TestIssuerFromMetadata(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Cloud.IssuerV1 = "" })
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{issuer: "https://sts.windows.net/" + idpTenant + "/"})))
	requireCheck(t, err, CheckIssuer)
}

func TestIssuerOfAnotherProvider(t *testing.T) {
	w := newWorld(t, adfs)
	for _, issuer := range []string{adfsName + "/", strings.ToUpper(adfsName), sts, "http://evil.invalid/adfs/services/trust"} {
		_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{issuer: issuer})))
		requireCheck(t, err, CheckIssuer)
	}
	_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{issuer: adfsName})))
	require.NoError(t, err)
}

func TestSubjectClaim(t *testing.T) {
	const employee = "http://schemas.example/employeeid"
	attribute := func(name string, values ...string) string {
		out := `<Attribute Name="` + name + `">`
		for _, v := range values {
			out += "<AttributeValue>" + v + "</AttributeValue>"
		}
		return out + "</Attribute>"
	}
	w := newWorld(t, adfs, func(c *Config) { c.SubjectClaim = employee })
	verify := func(attributes string) (string, error) {
		id, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{issuer: adfsName, attributes: attributes})))
		if err != nil {
			return "", err
		}
		assert.Empty(t, id.TenantID)
		assert.Empty(t, id.ObjectID, "AD FS can write any claim under any name")
		return id.Subject, nil
	}
	entraIDs := attribute(claimTenantID, idpTenant) + attribute("http://schemas.microsoft.com/identity/claims/objectidentifier", idpObject)
	subject, err := verify(attribute(employee, "4711") + entraIDs)
	require.NoError(t, err)
	assert.Equal(t, "4711", subject)
	for name, attributes := range map[string]string{
		"missing":     entraIDs,
		"empty":       attribute(employee, ""),
		"two values":  attribute(employee, "1", "2"),
		"twice":       attribute(employee, "1") + attribute(employee, "1"),
		"other case":  attribute(strings.ToUpper(employee), "1"),
		"no value":    attribute(employee),
		"with markup": attribute(employee, "1<x>2</x>"),
	} {
		_, err := verify(attributes)
		requireCheck(t, err, CheckClaims)
		_ = name
	}
}

func TestReplay(t *testing.T) {
	w := newWorld(t)
	answer := []byte(idpKeys()[0].answer(t, idpToken{id: "_one"}))
	_, err := w.Verify(t.Context(), answer)
	require.NoError(t, err)
	_, err = w.Verify(t.Context(), answer)
	requireCheck(t, err, CheckReplay)
	for id, until := range w.replay.ids {
		assert.Regexp(t, "^[0-9a-f]{64}$", id)
		assert.True(t, until.After(idpNow.Add(time.Hour+DefaultSkew)), "as long as it can be valid")
	}

	// The same id in another signature is the same assertion.
	_, err = w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{id: "_one", authenticated: idpNow})))
	requireCheck(t, err, CheckReplay)

	// An answer that is refused uses nothing up.
	late := []byte(idpKeys()[0].answer(t, idpToken{id: "_two"}))
	_, err = w.Verify(t.Context(), late, AuthenticatedSince(idpNow))
	requireCheck(t, err, CheckFreshness)
	_, err = w.Verify(t.Context(), late)
	require.NoError(t, err)
}

func TestReplayStoreThatFailsRefuses(t *testing.T) {
	w := newWorld(t)
	w.replay.err = errors.New("connection lost")
	id, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{})))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, w.replay.err)
	assert.Nil(t, id)
}

func TestConcurrentReplay(t *testing.T) {
	w := newWorld(t)
	answer := []byte(idpKeys()[0].answer(t, idpToken{}))
	var wg sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		wg.Go(func() { _, results[i] = w.Verify(t.Context(), answer) })
	}
	wg.Wait()
	accepted := 0
	for _, err := range results {
		if err == nil {
			accepted++
			continue
		}
		requireCheck(t, err, CheckReplay)
	}
	assert.Equal(t, 1, accepted)
}

func TestFreshness(t *testing.T) {
	w := newWorld(t)
	verify := func(authenticated, since time.Time) error {
		_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{authenticated: authenticated})), AuthenticatedSince(since))
		return err
	}
	require.NoError(t, verify(idpNow, idpNow.Add(-time.Minute)))
	require.NoError(t, verify(idpNow.Add(-time.Hour), idpNow.Add(-time.Hour)))
	require.NoError(t, verify(idpNow.Add(-freshLeeway), idpNow))
	requireCheck(t, verify(idpNow.Add(-freshLeeway-time.Second), idpNow), CheckFreshness)
	requireCheck(t, verify(time.Time{}, idpNow), CheckFreshness)
	requireCheck(t, verify(idpNow.Add(DefaultSkew+time.Second), idpNow), CheckNotYetValid)
}

func TestIssuedSince(t *testing.T) {
	w := newWorld(t)
	verify := func(since time.Time) error {
		_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{})), IssuedSince(since)) // issued at idpNow
		return err
	}
	require.NoError(t, verify(time.Time{}))
	require.NoError(t, verify(idpNow.Add(-time.Hour)), "the person took their time")
	require.NoError(t, verify(idpNow.Add(DefaultSkew+time.Millisecond)), "the token's times may be whole seconds")
	requireCheck(t, verify(idpNow.Add(DefaultSkew+time.Second)), CheckIssued)
}

func TestFault(t *testing.T) {
	w := newWorld(t)
	for name, doc := range map[string]string{
		"SOAP 1.1": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode xmlns:w="urn:w">w:FailedAuthentication</faultcode><faultstring> no &lt;b&gt; </faultstring></s:Fault></s:Body></s:Envelope>`,
		"SOAP 1.2": `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><s:Fault><s:Code><s:Value>s:FailedAuthentication</s:Value></s:Code><s:Reason><s:Text xml:lang="en">no &lt;b&gt;</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Verify(t.Context(), []byte(doc))
			requireCheck(t, err, CheckEnvelope)
			var fault *FaultError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, "FailedAuthentication", fault.Code)
			assert.Equal(t, "no <b>", fault.Reason)
			assert.NotContains(t, err.Error(), "<b>", "anybody can have written it")
		})
	}
	for _, doc := range []string{
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>`,
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`,
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + idpKeys()[0].answer(t, idpToken{}) + `</s:Body></s:Envelope>`,
	} {
		_, err := w.Verify(t.Context(), []byte(doc))
		requireCheck(t, err, CheckEnvelope)
	}
	long := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>&lt;script&gt;</faultcode><faultstring>` + strings.Repeat("x", 2000) + `</faultstring></s:Fault></s:Body></s:Envelope>`
	_, err := w.Verify(t.Context(), []byte(long))
	var fault *FaultError
	require.ErrorAs(t, err, &fault)
	assert.Empty(t, fault.Code)
	assert.Len(t, fault.Reason, 512)
}

func TestEncryptedIsSaidSo(t *testing.T) {
	w := newWorld(t)
	for _, token := range []string{
		`<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></EncryptedAssertion>`,
		`<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/>`,
	} {
		_, err := w.Verify(t.Context(), []byte(envelope(token)))
		requireCheck(t, err, CheckEncrypted)
		require.ErrorIs(t, err, ErrEncrypted)
	}
}

// goxmldsig gives up its search for a signature after a thousand elements; a SAML 1.1 signature stands behind them all.
func TestManyGroups(t *testing.T) {
	w := newWorld(t)
	groups := `<Attribute Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/groups">` + strings.Repeat("<AttributeValue>cccccccc-0000-4000-8000-000000000001</AttributeValue>", 3000) + `</Attribute>`
	ids := `<Attribute Name="` + claimTenantID + `"><AttributeValue>` + idpTenant + `</AttributeValue></Attribute>` +
		`<Attribute Name="http://schemas.microsoft.com/identity/claims/objectidentifier"><AttributeValue>` + idpObject + `</AttributeValue></Attribute>`
	_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{attributes: groups + ids})))
	require.NoError(t, err)
}

// Namespaces can be declared on the envelope, and the assertion signed as if it stood alone.
func TestInheritedNamespaces(t *testing.T) {
	w := newWorld(t)
	answer := idpKeys()[0].answer(t, idpToken{})
	const xmlns = ` xmlns="urn:oasis:names:tc:SAML:2.0:assertion"`
	require.Contains(t, answer, "<Assertion"+xmlns)
	answer = strings.Replace(answer, "<Assertion"+xmlns, "<Assertion", 1)
	answer = strings.Replace(answer, "<t:RequestedSecurityToken", "<t:RequestedSecurityToken"+xmlns, 1)
	_, err := w.Verify(t.Context(), []byte(answer))
	require.NoError(t, err)
}

// forgetful is a replay store for fuzzing and benchmarks, which use one answer many times.
type forgetful struct{}

func (forgetful) Remember(context.Context, string, time.Time) (bool, error) { return true, nil }
