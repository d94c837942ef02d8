package wsfed_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// sample is an answer, or a bare assertion, that somebody else made, and the configuration under which it is accepted.
type sample struct {
	name     string
	document string
	bare     bool
	person   string // what names the person in it
	signer   *x509.Certificate
	config   wsfed.Config
	now      time.Time
}

// verify is our verdict on a document under the sample's configuration, with nothing used up yet.
func (s *sample) verify(t testing.TB, document string) (*claims.Identity, error) {
	t.Helper()
	c := s.config
	c.Reply, c.Replay = reply, memory.NewReplay()
	c.Now = func() time.Time { return s.now }
	p, err := wsfed.New(c)
	require.NoError(t, err)
	if s.bare {
		return p.VerifyToken(t.Context(), []byte(document))
	}
	return p.Verify(t.Context(), []byte(document))
}

// fixtures are captures from real servers, which lie beside the repository.
func fixtures(t testing.TB) (good, broken []*sample) {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "fixtures")); err == nil {
			dir = filepath.Join(dir, "shared", "fixtures")
			break
		}
		if dir == filepath.Dir(dir) {
			t.Log("no captures: the folder shared/fixtures is not beside the repository")
			return nil, nil
		}
	}
	read := func(file string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		return data
	}
	one := func(file, certificate string, bare bool, person, at string, config wsfed.Config) *sample {
		block, _ := pem.Decode(read(certificate + ".pem"))
		require.NotNil(t, block)
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		now, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		config.Provider.Certificates = []*x509.Certificate{parsed}
		return &sample{name: file, document: string(read(file + ".xml")), bare: bare, person: person, signer: parsed, config: config, now: now}
	}
	const tenant = "add29489-7269-41f4-8841-b63c95564420"
	const user = "d1ad9ce7-b322-4221-ab74-1e1011e1bbcb"
	entra := func() wsfed.Config {
		return wsfed.Config{
			Realm: "spn:fe78e0b4-6fe7-47e6-812c-fb75cee266a4", Tenant: tenant,
			Provider: &wsfed.Provider{Issuer: "https://sts.windows.net/" + tenant + "/"},
		}
	}
	other := func(issuer, realm, claim string) wsfed.Config {
		return wsfed.Config{Realm: realm, SubjectClaim: claim, InsecureMutableSubject: true, Provider: &wsfed.Provider{Issuer: issuer}}
	}
	const email = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
	adfs := func() wsfed.Config { return other("https://test-adfs.auth0.com", "urn:auth0:auth0", email) }
	blackbaud := func() wsfed.Config {
		return other("Blackbaud Authentication Service", "http://account.blackbaud.com/", wsfed.NameIdentifierClaim)
	}
	const entraA = "entra_2017_rstr2005_saml20_a"
	good = []*sample{
		one(entraA, entraA, false, user, "2017-04-23T16:20:00Z", entra()),
		one("entra_2017_saml20_assertion_b", "entra_2017_saml20_assertion_b", true, user, "2017-04-23T16:20:00Z", entra()),
		one("adfs_2013_saml11_assertion", "adfs_2013_saml11_assertion", true, "", "2013-07-11T12:40:00Z", adfs()),
		one("blackbaud_wstrust13_saml11", "blackbaud_wstrust13_saml11", false, "", "2015-10-05T13:30:00Z", blackbaud()),
	}
	for _, file := range []string{"tampered_attr_saml20", "tampered_sig_saml20", "reformatted_saml20", "two_signatures_saml20"} {
		broken = append(broken, one(file, entraA, true, "", "2017-03-20T15:55:00Z", entra()))
	}
	broken = append(
		broken,
		one("blackbaud_wstrust13_saml11_bad", "blackbaud_wstrust13_saml11", false, "", "2015-09-26T15:30:00Z", blackbaud()),
		one("acs_2014_rstr_saml11", "acs_2014_rstr_saml11", false, "", "2014-06-27T20:00:00Z",
			other("https://c4sc-identity.accesscontrol.windows.net/", "https://c4sc-identity.accesscontrol.windows.net", upnClaim)),
		one("adfs_2017_rstr2005_saml11_crlf", "adfs_2017_rstr2005_saml11_crlf", false, "", "2017-07-28T15:30:00Z",
			other("http://sts.sub2.fracas365.msftonlinerepro.com/adfs/services/trust", "https://app1.sub2.fracas365.msftonlinerepro.com/sampapp/", upnClaim)),
	)
	for _, s := range good {
		id, err := s.verify(t, s.document)
		require.NoError(t, err, s.name)
		if s.person == "" {
			s.person = id.Subject
		}
	}
	return good, broken
}

// fromFake are answers of our fake Entra.
func fromFake(t *testing.T) []*sample {
	t.Helper()
	fake, err := entratest.Start(nil)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	var samples []*sample
	for name, client := range map[string]string{"fake 2.0": entratest.ContosoApp, "fake 1.1": entratest.ContosoSAML11App, "fake, own key": entratest.ContosoOwnKeyApp} {
		page := newBrowser(t).get(t, fake.URL+"/"+entratest.ContosoID+"/FederationMetadata/2007-06/FederationMetadata.xml?appid="+client)
		provider, err := wsfed.ParseMetadata([]byte(page.body))
		require.NoError(t, err)
		config := wsfed.Config{Realm: "spn:" + client, Cloud: fake.Cloud(), Tenant: entratest.ContosoID, Provider: provider, Reply: reply, Replay: memory.NewReplay()}
		party, err := wsfed.New(config)
		require.NoError(t, err)
		address, _ := begin(t, party, "state", nil)
		answer, err := fake.Authenticate(t.Context(), address, entratest.Ann)
		require.NoError(t, err)
		require.NoError(t, answer.ParseForm())
		samples = append(samples, &sample{
			name: name, document: answer.PostForm.Get("wresult"), person: entratest.AnnID, config: config, now: time.Now(),
			signer: provider.Certificates[len(provider.Certificates)-1], // the latest signs
		})
	}
	return samples
}

// fromNPM are answers of npm's wsfed and saml.
func fromNPM(t *testing.T) []*sample {
	t.Helper()
	endpoints := map[string]options{
		"npm wsfed": {"token": "own", "lifetime": 240}, "npm saml 1.1": {"token": "1.1"}, "npm saml 2.0": {"token": "2.0"},
		"npm saml, prefixed": {"token": "2.0", "signatureNamespacePrefix": "ds"},
	}
	paths := map[string]options{}
	for name, o := range endpoints {
		paths[path(name)] = o
	}
	provider := startNPMProvider(t, paths)
	var samples []*sample
	for name := range endpoints {
		party := newRelyingParty(t, provider.metadata(path(name)), npmIssuer)
		form, _ := provider.answer(t, party, "state")
		document := form.Get("wresult")
		samples = append(samples, elsewhere(name, document, npmIssuer, provider.keys.parsed))
	}
	return samples
}

// path makes a name fit for a path.
func path(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c == ' ' || c == ',' {
			out[i] = '-'
		}
	}
	return string(out)
}

// fromPHP is an answer of SimpleSAMLphp.
func fromPHP(t *testing.T) []*sample {
	t.Helper()
	provider := startSimpleSAMLphp(t)
	address, _ := begin(t, provider.party(t), "state", nil)
	answer := provider.signIn(t, newBrowser(t), address, "ann", "anns password")
	s := elsewhere("SimpleSAMLphp", requireAnswer(t, answer).Get("wresult"), phpIssuer, provider.keys.parsed)
	s.config.AllowMissingConfirmation = true
	return []*sample{s}
}

func elsewhere(name, document, issuer string, signer *x509.Certificate) *sample {
	return &sample{name: name, document: document, person: "ann-1", signer: signer, now: time.Now(), config: wsfed.Config{
		Realm: realm, SubjectClaim: wsfed.NameIdentifierClaim, Provider: &wsfed.Provider{Issuer: issuer, Certificates: []*x509.Certificate{signer}},
	}}
}
