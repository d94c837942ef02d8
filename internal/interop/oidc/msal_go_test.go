package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const msalPublic = "https://login.microsoftonline.com"

var msalScopes = []string{"User.Read"}

// newMSAL is Microsoft's library for Go as its users set it up; only its HTTP client is ours, so that names lead to loopback.
func newMSAL(t *testing.T, e *fakeEntra, authority, clientID string, credential confidential.Credential, options ...confidential.Option) confidential.Client {
	t.Helper()
	c, err := confidential.New(authority, clientID, credential, append(options, confidential.WithHTTPClient(e.Client()))...)
	require.NoError(t, err)
	return c
}

func msalSecret(t *testing.T, secret string) confidential.Credential {
	t.Helper()
	c, err := confidential.NewCredFromSecret(secret)
	require.NoError(t, err)
	return c
}

// msalSignIn is the authorization code flow with PKCE. MSAL leaves the challenge to the application.
func msalSignIn(t *testing.T, e *fakeEntra, c confidential.Client, clientID, who string) (confidential.AuthResult, error) {
	t.Helper()
	address, err := c.AuthCodeURL(t.Context(), clientID, callback, msalScopes)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	verifier := oauth2.GenerateVerifier()
	query := u.Query()
	query.Set("state", "the-state")
	query.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier))
	query.Set("code_challenge_method", "S256")
	u.RawQuery = query.Encode()

	back, err := e.Authenticate(t.Context(), u.String(), who)
	require.NoError(t, err)
	answer := back.URL.Query()
	require.Equal(t, "the-state", answer.Get("state"))
	return c.AcquireTokenByAuthCode(t.Context(), answer.Get("code"), callback, msalScopes, confidential.WithChallenge(verifier))
}

// TestMSALSignsIn: at the public cloud's own address, by GUID, domain and organizations; then from its cache, then by refresh token.
func TestMSALSignsIn(t *testing.T) {
	for name, at := range map[string]struct{ tenant, app, secret string }{
		"by id":         {entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret},
		"by domain":     {"contoso.com", entratest.ContosoApp, entratest.ContosoSecret},
		"organizations": {"organizations", entratest.MultiTenantApp, entratest.MultiTenantSecret},
		"common":        {"common", entratest.MultiTenantApp, entratest.MultiTenantSecret},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEntra(t, msalPublic)
			e.SetFaults(entratest.Faults{TokenLifetime: time.Minute}) // MSAL refreshes what lives less than five
			c := newMSAL(t, e, msalPublic+"/"+at.tenant, at.app, msalSecret(t, at.secret))

			result, err := msalSignIn(t, e, c, at.app, entratest.Ann)
			require.NoError(t, err)
			checkAnn(t, e, at.app, result)
			assert.NotEmpty(t, result.AccessToken)
			assert.Contains(t, result.GrantedScopes, "User.Read")

			before := e.CountRequests(entratest.EndpointToken)
			account, err := c.Account(t.Context(), result.Account.HomeAccountID)
			require.NoError(t, err)
			e.SetFaults(entratest.Faults{})
			refreshed, err := c.AcquireTokenSilent(t.Context(), msalScopes, confidential.WithSilentAccount(account))
			require.NoError(t, err)
			assert.NotEqual(t, result.AccessToken, refreshed.AccessToken)
			assert.Equal(t, before+1, e.CountRequests(entratest.EndpointToken))

			cached, err := c.AcquireTokenSilent(t.Context(), msalScopes, confidential.WithSilentAccount(account))
			require.NoError(t, err)
			assert.Equal(t, refreshed.AccessToken, cached.AccessToken)
			assert.Equal(t, before+1, e.CountRequests(entratest.EndpointToken))

			e.RevokeTokens(entratest.ContosoID, entratest.Ann)
			_, err = c.AcquireTokenSilent(t.Context(), []string{"GroupMember.Read.All"}, confidential.WithSilentAccount(account))
			requireMSALError(t, err, http.StatusBadRequest, "AADSTS50173")
		})
	}
}

// checkAnn compares what MSAL made of the ID token with the sample's Ann.
func checkAnn(t *testing.T, e *fakeEntra, clientID string, r confidential.AuthResult) {
	t.Helper()
	id := r.IDToken
	assert.Equal(t, e.URL+"/"+entratest.ContosoID+"/v2.0", id.Issuer)
	assert.Equal(t, clientID, id.Audience)
	assert.Equal(t, entratest.ContosoID, id.TenantID)
	assert.Equal(t, entratest.AnnID, id.Oid)
	assert.Equal(t, entratest.Ann, id.PreferredUsername)
	assert.Equal(t, entratest.Ann, id.Email)
	assert.Equal(t, []string{"Ann Archer", "Ann", "Archer"}, []string{id.Name, id.GivenName, id.FamilyName})
	assert.Equal(t, subjectOf(t, e, clientID, entratest.Ann), id.Subject)
	assert.ElementsMatch(t, []any{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}, unverified(t, id.RawToken)["groups"])

	assert.Equal(t, entratest.AnnID+"."+entratest.ContosoID, r.Account.HomeAccountID)
	assert.Equal(t, entratest.Ann, r.Account.PreferredUsername)
}

// TestMSALRefused: what Entra refuses comes out of MSAL as its own error, with Entra's code.
func TestMSALRefused(t *testing.T) {
	e := newEntra(t, msalPublic)
	authority := msalPublic + "/" + entratest.ContosoID
	for secret, code := range map[string]string{"not-the-secret": "AADSTS7000215", entratest.ExpiredSecret: "AADSTS7000222"} {
		c := newMSAL(t, e, authority, entratest.ContosoApp, msalSecret(t, secret))
		_, err := msalSignIn(t, e, c, entratest.ContosoApp, entratest.Ann)
		requireMSALError(t, err, http.StatusUnauthorized, code)
		_, err = c.AcquireTokenByCredential(t.Context(), []string{"https://graph.microsoft.com/.default"})
		requireMSALError(t, err, http.StatusUnauthorized, code)
	}

	c := newMSAL(t, e, authority, entratest.ContosoApp, msalSecret(t, entratest.ContosoSecret))
	_, err := c.AcquireTokenByAuthCode(t.Context(), "not-a-code", callback, msalScopes)
	requireMSALError(t, err, http.StatusBadRequest, "AADSTS9002313")
	address, err := c.AuthCodeURL(t.Context(), entratest.ContosoApp, callback, msalScopes)
	require.NoError(t, err)
	back, err := e.Authenticate(t.Context(), address+"&code_challenge_method=S256&code_challenge="+oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier()), entratest.Ann)
	require.NoError(t, err)
	_, err = c.AcquireTokenByAuthCode(t.Context(), back.URL.Query().Get("code"), callback, msalScopes, confidential.WithChallenge(oauth2.GenerateVerifier()))
	requireMSALError(t, err, http.StatusBadRequest, "AADSTS501481")
}

func requireMSALError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused msalerrors.CallErr
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Resp.StatusCode)
	require.Contains(t, refused.Error(), code)
}

// TestMSALClientCredentials: an application's own token, by secret and by certificate.
func TestMSALClientCredentials(t *testing.T) {
	e := newEntra(t, msalPublic)
	key, certificate := e.registerCertificate(t)
	byCertificate, err := confidential.NewCredFromCert([]*x509.Certificate{certificate}, key)
	require.NoError(t, err)
	for name, credential := range map[string]confidential.Credential{
		"secret": msalSecret(t, entratest.ContosoSecret), "certificate": byCertificate,
	} {
		t.Run(name, func(t *testing.T) {
			c := newMSAL(t, e, msalPublic+"/"+entratest.ContosoID, entratest.ContosoApp, credential)
			before := e.CountRequests(entratest.EndpointToken)
			result, err := c.AcquireTokenByCredential(t.Context(), []string{"https://graph.microsoft.com/.default"})
			require.NoError(t, err)
			claims := unverified(t, result.AccessToken)
			assert.Equal(t, entratest.ContosoApp, claims["appid"])
			assert.Equal(t, "app", claims["idtyp"])
			assert.ElementsMatch(t, []any{"GroupMember.Read.All", "User.Read.All"}, claims["roles"])
			again, err := c.AcquireTokenByCredential(t.Context(), []string{"https://graph.microsoft.com/.default"})
			require.NoError(t, err)
			assert.Equal(t, result.AccessToken, again.AccessToken, "from the cache")
			assert.Equal(t, before+1, e.CountRequests(entratest.EndpointToken))

			result, err = msalSignIn(t, e, c, entratest.ContosoApp, entratest.Ann)
			require.NoError(t, err)
			assert.Equal(t, entratest.AnnID, result.IDToken.Oid)
		})
	}

	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: certificate.SerialNumber, Subject: certificate.Subject, NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, other.Public(), other)
	require.NoError(t, err)
	unknown, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	unregistered, err := confidential.NewCredFromCert([]*x509.Certificate{unknown}, other)
	require.NoError(t, err)
	c := newMSAL(t, e, msalPublic+"/"+entratest.ContosoID, entratest.ContosoApp, unregistered)
	_, err = c.AcquireTokenByCredential(t.Context(), []string{"https://graph.microsoft.com/.default"})
	requireMSALError(t, err, http.StatusUnauthorized, "AADSTS700027")
}

// TestMSALInstanceDiscovery: a login host that MSAL does not know it asks Entra about, unless it is told not to.
func TestMSALInstanceDiscovery(t *testing.T) {
	const login = "https://login.unknown.example"
	for _, discovers := range []bool{true, false} {
		e := newEntra(t, login)
		c := newMSAL(t, e, login+"/"+entratest.ContosoID, entratest.ContosoApp, msalSecret(t, entratest.ContosoSecret), confidential.WithInstanceDiscovery(discovers))
		result, err := msalSignIn(t, e, c, entratest.ContosoApp, entratest.Ann)
		require.NoError(t, err)
		checkAnn(t, e, entratest.ContosoApp, result)
		assert.Equal(t, discovers, e.CountRequests(entratest.EndpointInstance) > 0)
	}
}
