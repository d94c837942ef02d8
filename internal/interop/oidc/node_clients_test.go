package oidc_test

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const (
	nodeScopes = "openid profile email offline_access User.Read"
	appScope   = "https://graph.microsoft.com/.default"
)

// nodeClient is one of the client libraries of Node, at one address of the fake.
type nodeClient struct {
	*peer
	entra *fakeEntra
}

// openIDClient and msalNode begin with the library's configuration. At the address where the fake listens the library uses Node's own
// network, with the fake's certificate among the roots; at the public cloud's name it is given a function that leads there.
func openIDClient(t *testing.T, e *fakeEntra, tenant string, proof args) (*nodeClient, *failure) {
	t.Helper()
	return newNodeClient(t, "openid-client.js", e, e.URL+"/"+tenant+"/v2.0", proof)
}

func msalNode(t *testing.T, e *fakeEntra, tenant string, proof args) (*nodeClient, *failure) {
	t.Helper()
	return newNodeClient(t, "msal-node.js", e, e.URL+"/"+tenant, proof)
}

func newNodeClient(t *testing.T, script string, e *fakeEntra, authority string, proof args) (*nodeClient, *failure) {
	t.Helper()
	c := &nodeClient{newPeer(t, script, "NODE_EXTRA_CA_CERTS="+e.roots), e}
	with := args{"authority": authority, "redirectUri": callback}
	maps.Copy(with, proof)
	if e.URL == msalPublic {
		roots, err := os.ReadFile(e.roots)
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(e.address)
		require.NoError(t, err)
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		with["via"] = args{"port": n, "ca": string(roots)}
	}
	_, failed := c.ask(t, "configure", with)
	return c, failed
}

// bySecret and byCertificate prove an application.
func bySecret(clientID, secret string) args { return args{"clientId": clientID, "secret": secret} }

func byCertificate(t *testing.T, clientID string, key *rsa.PrivateKey, certificate *x509.Certificate, encode func([]byte) string) args {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	sum := sha256.Sum256(certificate.Raw)
	return args{
		"clientId": clientID, "thumbprint": encode(sum[:]),
		"key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
}

// nodeTokens is what a library made of a token response.
type nodeTokens struct {
	Claims      map[string]any
	Access      string
	Scope       string
	Scopes      []string
	Refreshable bool
	Cached      bool
	Account     struct{ Home, Local, Tenant, Name string }
}

// answer has the library begin a sign-in, and somebody go through it.
func (c *nodeClient) answer(t *testing.T, who string) string {
	t.Helper()
	var address string
	c.must(t, "authorize", args{"scope": nodeScopes}, &address)
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "S256", u.Query().Get("code_challenge_method"))
	back, err := c.entra.Authenticate(t.Context(), address, who)
	require.NoError(t, err)
	return back.URL.String()
}

func (c *nodeClient) redeem(t *testing.T, who string) (tokens nodeTokens, failed *failure) {
	t.Helper()
	value, failed := c.ask(t, "redeem", args{"answer": c.answer(t, who), "scope": nodeScopes})
	if failed == nil {
		require.NoError(t, json.Unmarshal(value, &tokens))
	}
	return tokens, failed
}

// TestNodeClientsSignIn: whole flows of both libraries, at one tenant and at organizations, by secret and by certificate.
func TestNodeClientsSignIn(t *testing.T) {
	t.Parallel()
	secret := bySecret(entratest.ContosoApp, entratest.ContosoSecret)
	multi := bySecret(entratest.MultiTenantApp, entratest.MultiTenantSecret)
	for name, test := range map[string]struct {
		library  func(*testing.T, *fakeEntra, string, args) (*nodeClient, *failure)
		login    string // "": where the fake listens
		tenant   string
		proof    args // nil: by certificate
		encoding func([]byte) string
	}{
		"openid-client":               {openIDClient, "", entratest.ContosoID, secret, nil},
		"openid-client, certificate":  {openIDClient, "", entratest.ContosoID, nil, base64.RawURLEncoding.EncodeToString},
		"openid-client, organization": {openIDClient, msalPublic, "organizations", multi, nil},
		"msal-node":                   {msalNode, "", entratest.ContosoID, secret, nil},
		"msal-node, certificate":      {msalNode, "", entratest.ContosoID, nil, hex.EncodeToString},
		"msal-node, organizations":    {msalNode, msalPublic, "organizations", multi, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEntra(t, test.login)
			proof := test.proof
			if proof == nil {
				key, certificate := e.registerCertificate(t)
				proof = byCertificate(t, entratest.ContosoApp, key, certificate, test.encoding)
			}
			c, failed := test.library(t, e, test.tenant, proof)
			require.Nil(t, failed, "%+v", failed)
			clientID, ok := proof["clientId"].(string)
			require.True(t, ok)

			tokens, failed := c.redeem(t, entratest.Ann)
			require.Nil(t, failed, "%+v", failed)
			checkAnnsClaims(t, e, clientID, tokens.Claims)
			assert.Equal(t, entratest.ContosoID, unverified(t, tokens.Access)["tid"])
			c.renew(t, tokens)

			if test.tenant == entratest.ContosoID {
				var own nodeTokens
				c.must(t, "application", args{"scope": appScope}, &own)
				assert.Equal(t, "app", unverified(t, own.Access)["idtyp"])
				assert.Equal(t, clientID, unverified(t, own.Access)["appid"])
			}
		})
	}
}

// checkAnnsClaims compares with the sample's Ann.
func checkAnnsClaims(t *testing.T, e *fakeEntra, clientID string, claims map[string]any) {
	t.Helper()
	for name, want := range map[string]any{
		"iss": e.URL + "/" + entratest.ContosoID + "/v2.0", "aud": clientID, "tid": entratest.ContosoID, "oid": entratest.AnnID, "ver": "2.0",
		"sub": subjectOf(t, e, clientID, entratest.Ann), "preferred_username": entratest.Ann, "email": entratest.Ann, "xms_edov": true,
		"name": "Ann Archer", "given_name": "Ann", "family_name": "Archer", "acct": 0.0,
	} {
		assert.Equal(t, want, claims[name], name)
	}
	assert.ElementsMatch(t, []any{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}, claims["groups"])
}

// renew gets new tokens by refresh token, in the library's way.
func (c *nodeClient) renew(t *testing.T, old nodeTokens) {
	t.Helper()
	var tokens nodeTokens
	if old.Refreshable { // openid-client leaves tokens to the application
		c.must(t, "refresh", nil, &tokens)
		assert.Equal(t, old.Claims["sub"], tokens.Claims["sub"])
		assert.NotEqual(t, old.Access, tokens.Access)
		return
	}
	assert.Equal(t, entratest.AnnID+"."+entratest.ContosoID, old.Account.Home)
	assert.Equal(t, entratest.AnnID, old.Account.Local)
	assert.Equal(t, entratest.ContosoID, old.Account.Tenant)
	assert.Equal(t, entratest.Ann, old.Account.Name)
	before := c.entra.CountRequests(entratest.EndpointToken)
	c.must(t, "silent", args{"scope": "User.Read"}, &tokens)
	assert.True(t, tokens.Cached)
	assert.Equal(t, old.Access, tokens.Access)
	c.must(t, "silent", args{"scope": "User.Read", "force": true}, &tokens)
	assert.False(t, tokens.Cached)
	assert.NotEqual(t, old.Access, tokens.Access)
	assert.Equal(t, old.Claims["sub"], tokens.Claims["sub"])
	assert.Equal(t, before+1, c.entra.CountRequests(entratest.EndpointToken))
}

// TestNodeClientsRefused: what Entra refuses is the library's own error with Entra's code in it; and the libraries refuse what the fake
// gets wrong on demand, so that its tokens are judged as Entra's are.
func TestNodeClientsRefused(t *testing.T) {
	e := newEntra(t, "")
	for name, library := range map[string]struct {
		begin func(*testing.T, *fakeEntra, string, args) (*nodeClient, *failure)
		err   string // its error type
	}{
		"openid-client": {openIDClient, "ResponseBodyError"},
		"msal-node":     {msalNode, "ServerError"},
	} {
		t.Run(name, func(t *testing.T) {
			for secret, code := range map[string]string{"not-the-secret": "AADSTS7000215", entratest.ExpiredSecret: "AADSTS7000222"} {
				c, failed := library.begin(t, e, entratest.ContosoID, bySecret(entratest.ContosoApp, secret))
				require.Nil(t, failed, "%+v", failed)
				_, failed = c.redeem(t, entratest.Ann)
				requireFailure(t, failed, library.err, "invalid_client", code)
				_, failed = c.ask(t, "application", args{"scope": appScope})
				requireFailure(t, failed, library.err, "invalid_client", code)
			}
			c, failed := library.begin(t, e, entratest.ContosoID, bySecret(entratest.ContosoApp, entratest.ContosoSecret))
			require.Nil(t, failed, "%+v", failed)
			_, failed = c.ask(t, "redeem", args{"answer": c.answer(t, entratest.Ann), "scope": nodeScopes, "verifier": "another-verifier-0123456789-0123456789-0123456789"})
			requireFailure(t, failed, library.err, "invalid_grant", "AADSTS501481")

			e.SetFaults(entratest.Faults{WrongNonce: "another sign-in's"})
			defer e.SetFaults(entratest.Faults{})
			_, failed = c.redeem(t, entratest.Ann)
			require.NotNil(t, failed, "a wrong nonce")
		})
	}
}

func requireFailure(t *testing.T, f *failure, kind string, code any, aadsts string) {
	t.Helper()
	require.NotNil(t, f)
	require.Equal(t, kind, f.Type, "%+v", f)
	require.Equal(t, code, f.Code, "%+v", f)
	require.Contains(t, f.Description, aadsts)
}
