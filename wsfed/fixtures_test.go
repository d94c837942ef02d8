package wsfed

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

// fixture reads a capture from a real server, which lies beside the repository.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "shared", "fixtures", name))
		if err == nil {
			return data
		}
	}
	t.Skip("no captures: the folder shared/fixtures is not beside the repository")
	return nil
}

func fixtureCertificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(fixture(t, name))
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

// onceStore is a replay store.
type onceStore struct {
	mu    sync.Mutex
	ids   map[string]time.Time
	calls int
	err   error
}

// forget is what a store does that loses its data.
func (s *onceStore) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ids)
}

func (s *onceStore) Remember(_ context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return false, s.err
	}
	if _, seen := s.ids[id]; seen {
		return false, nil
	}
	if s.ids == nil {
		s.ids = map[string]time.Time{}
	}
	s.ids[id] = until
	return true, nil
}

const (
	captureTenant = "add29489-7269-41f4-8841-b63c95564420"
	captureRealm  = "spn:fe78e0b4-6fe7-47e6-812c-fb75cee266a4"
	upnClaim      = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
)

// captured is a capture and the configuration under which it verifies.
type captured struct {
	file, certificate string
	bare              bool // an assertion without its envelope
	at                string
	config            Config
}

func entraCapture(file, certificate string, bare bool, at string) captured {
	return captured{file, certificate, bare, at, Config{
		Realm: captureRealm, Tenant: captureTenant,
		Provider: &Provider{Issuer: "https://sts.windows.net/" + captureTenant + "/"},
	}}
}

func otherCapture(file, certificate string, bare bool, at, issuer, realm, claim string) captured {
	return captured{file, certificate, bare, at, Config{
		Realm: realm, SubjectClaim: claim, InsecureMutableSubject: true, Provider: &Provider{Issuer: issuer},
	}}
}

func (c captured) open(t testing.TB) (*RelyingParty, *onceStore) {
	t.Helper()
	now, err := time.Parse(time.RFC3339, c.at)
	require.NoError(t, err)
	store := &onceStore{}
	config := c.config
	config.Reply, config.Replay = "https://rp.example/wsfed", store
	config.Now = func() time.Time { return now }
	provider := *config.Provider
	provider.Certificates = []*x509.Certificate{fixtureCertificate(t, c.certificate)}
	config.Provider = &provider
	p, err := New(config)
	require.NoError(t, err)
	return p, store
}

func (c captured) verify(t testing.TB) (*claims.Identity, error) {
	t.Helper()
	p, _ := c.open(t)
	if c.bare {
		return p.VerifyToken(t.Context(), fixture(t, c.file))
	}
	return p.Verify(t.Context(), fixture(t, c.file))
}

var (
	entraA    = entraCapture("entra_2017_rstr2005_saml20_a.xml", "entra_2017_rstr2005_saml20_a.pem", false, "2017-04-23T16:20:00Z")
	entraB    = entraCapture("entra_2017_saml20_assertion_b.xml", "entra_2017_saml20_assertion_b.pem", true, "2017-04-23T16:20:00Z")
	adfs2013  = otherCapture("adfs_2013_saml11_assertion.xml", "adfs_2013_saml11_assertion.pem", true, "2013-07-11T12:40:00Z", "https://test-adfs.auth0.com", "urn:auth0:auth0", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress")
	blackbaud = otherCapture("blackbaud_wstrust13_saml11.xml", "blackbaud_wstrust13_saml11.pem", false, "2015-10-05T13:30:00Z", "Blackbaud Authentication Service", "http://account.blackbaud.com/", NameIdentifierClaim)
	adfsCRLF  = otherCapture("adfs_2017_rstr2005_saml11_crlf.xml", "adfs_2017_rstr2005_saml11_crlf.pem", false, "2017-07-28T15:30:00Z",
		"http://sts.sub2.fracas365.msftonlinerepro.com/adfs/services/trust", "https://app1.sub2.fracas365.msftonlinerepro.com/sampapp/", upnClaim)
)

func TestCapturesVerify(t *testing.T) {
	for _, c := range []captured{entraA, entraB} {
		t.Run(c.file, func(t *testing.T) {
			id, err := c.verify(t)
			require.NoError(t, err)
			assert.Equal(t, captureTenant, id.TenantID)
			assert.Equal(t, "d1ad9ce7-b322-4221-ab74-1e1011e1bbcb", id.ObjectID)
			assert.Equal(t, "https://sts.windows.net/"+captureTenant+"/", id.Issuer)
			assert.Equal(t, "User1", id.Name)
			assert.False(t, id.AuthTime.IsZero())
		})
	}
	for _, c := range []captured{adfs2013, blackbaud} {
		t.Run(c.file, func(t *testing.T) {
			id, err := c.verify(t)
			require.NoError(t, err)
			assert.Empty(t, id.TenantID, "Entra's ids are not read from another provider")
			assert.Empty(t, id.ObjectID)
			assert.NotEmpty(t, id.Subject)
			assert.Equal(t, c.config.Provider.Issuer, id.Issuer)
		})
	}
}

func TestCaptureWithCarriageReturn(t *testing.T) {
	_, err := adfsCRLF.verify(t)
	requireCheck(t, err, CheckSignature)

	allowed := adfsCRLF
	allowed.config.AllowCarriageReturns = true
	id, err := allowed.verify(t)
	require.NoError(t, err)
	assert.Equal(t, "street\r\nVia Roggia Arzona 1", id.Raw["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/streetAddress"])
}

func TestBrokenCapturesAreRefused(t *testing.T) {
	const at = "2017-03-20T15:55:00Z"
	for _, c := range []captured{
		entraCapture("tampered_attr_saml20.xml", "entra_2017_rstr2005_saml20_a.pem", true, at),
		entraCapture("tampered_sig_saml20.xml", "entra_2017_rstr2005_saml20_a.pem", true, at),
		entraCapture("reformatted_saml20.xml", "entra_2017_rstr2005_saml20_a.pem", true, at),
		entraCapture("two_signatures_saml20.xml", "entra_2017_rstr2005_saml20_a.pem", true, at),
		otherCapture("blackbaud_wstrust13_saml11_bad.xml", "blackbaud_wstrust13_saml11.pem", false, "2015-09-26T15:30:00Z", "Blackbaud Authentication Service", "http://account.blackbaud.com/", NameIdentifierClaim),
		otherCapture("acs_2014_rstr_saml11.xml", "acs_2014_rstr_saml11.pem", false, "2014-06-27T20:00:00Z", "https://c4sc-identity.accesscontrol.windows.net/", "https://c4sc-identity.accesscontrol.windows.net", upnClaim),
	} {
		t.Run(c.file, func(t *testing.T) {
			c.config.AllowCarriageReturns = true // no way in
			id, err := c.verify(t)
			requireCheck(t, err, CheckSignature)
			assert.Nil(t, id)
		})
	}
}

func TestCaptureMetadata(t *testing.T) {
	common, err := ParseMetadata(fixture(t, "md_entra_common_2017.xml"))
	require.NoError(t, err)
	assert.Equal(t, "https://sts.windows.net/{tenantid}/", common.Issuer)
	assert.Equal(t, "https://login.microsoftonline.com/common/wsfed", common.SignInURL)
	assert.Len(t, common.Certificates, 3)
	assert.NotNil(t, common.signer)

	adfs, err := ParseMetadata(fixture(t, "md_adfs_v4.xml"))
	require.NoError(t, err)
	assert.Equal(t, "http://fs.msidlab11.com/adfs/services/trust", adfs.Issuer)
	assert.Equal(t, "https://fs.msidlab11.com/adfs/ls/", adfs.SignInURL)
	assert.Len(t, adfs.Certificates, 1, "the encryption key is none of them")
	assert.NotNil(t, adfs.signer)

	// The token verifies with the keys of the metadata, though their certificates have long expired.
	c := entraA
	p, _ := c.open(t)
	p.c.Provider = common
	_, err = p.Verify(t.Context(), fixture(t, c.file))
	require.NoError(t, err)
}

func requireCheck(t testing.TB, err error, want Check) {
	t.Helper()
	var refused *VerificationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Check, err.Error())
}
