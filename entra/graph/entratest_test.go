package graph_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// The same through a fake Entra on the wire: tokens from its token endpoint, groups from its Graph.

const callback = "http://localhost:8080/sso/callback/oauth2"

func startEntra(t *testing.T) *entratest.Server {
	t.Helper()
	s, err := entratest.Start(nil)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func contoso(s *entratest.Server, c credential.Credential) credential.Request {
	return credential.Request{Cloud: s.Cloud(), Tenant: entratest.ContosoID, ClientID: entratest.ContosoApp, Credential: c}
}

func secret() credential.Credential {
	return credential.FromSecret(credential.NewSecret(entratest.ContosoSecret))
}

func appToken(s *entratest.Server, e *credential.Endpoint, c credential.Credential) func(context.Context) (string, error) {
	q := contoso(s, c)
	q.Form = url.Values{"scope": {s.Cloud().Graph + "/.default"}}
	return func(ctx context.Context) (string, error) {
		token, err := e.AppToken(ctx, q)
		if err != nil {
			return "", err
		}
		return token.Access.Reveal(), nil
	}
}

// delegatedToken signs upn in with a code.
func delegatedToken(t *testing.T, s *entratest.Server, e *credential.Endpoint, upn string) func(context.Context) (string, error) {
	t.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	authorize := s.Cloud().Login + "/" + entratest.ContosoID + "/oauth2/v2.0/authorize?" + url.Values{
		"client_id": {entratest.ContosoApp}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid profile User.Read"}, "state": {rand.Text()}, "nonce": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
	answer, err := s.Authenticate(t.Context(), authorize, upn)
	require.NoError(t, err)
	q := contoso(s, secret())
	q.Form = url.Values{"grant_type": {"authorization_code"}, "code": {answer.URL.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	token, err := e.Token(t.Context(), q)
	require.NoError(t, err)
	require.False(t, token.ID.IsZero())
	_, err = e.Token(t.Context(), q)
	var refused *aadsts.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 54005, refused.Code, "a code is redeemed once")
	assert.False(t, refused.Retry)
	return func(context.Context) (string, error) { return token.Access.Reveal(), nil }
}

func TestEntraGroups(t *testing.T) {
	s := startEntra(t)
	e := &credential.Endpoint{HTTPClient: s.Client()}
	c := graph.New(graph.Config{HTTPClient: s.Client()})
	people := map[string]string{entratest.Ann: entratest.AnnID, entratest.Ben: entratest.BenID, entratest.Maya: entratest.MayaID}
	for upn, id := range people {
		app := graph.Caller{Cloud: s.Cloud(), Tenant: entratest.ContosoID, User: id, Token: appToken(s, e, secret())}
		me := app
		me.Me, me.Token = true, delegatedToken(t, s, e, upn)
		byApp, err := c.Groups(t.Context(), app, graph.GroupQuery{})
		require.NoError(t, err)
		var ids []string
		for _, g := range byApp {
			ids = append(ids, g.ID)
		}
		slices.Sort(ids)
		switch upn {
		case entratest.Ann:
			assert.ElementsMatch(t, []string{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins, entratest.ContosoNewsletter}, ids)
		case entratest.Ben:
			assert.Empty(t, ids)
		case entratest.Maya:
			assert.Len(t, ids, 1000)
		}
		for _, as := range []graph.Caller{app, me} {
			for _, names := range []bool{true, false} {
				got, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: names})
				require.NoError(t, err)
				var same []string
				for _, g := range got {
					same = append(same, g.ID)
				}
				slices.Sort(same)
				assert.Equal(t, ids, same, "%s, names %v, me %v", upn, names, as.Me)
			}
		}
		named, err := c.GroupNames(t.Context(), app, ids)
		require.NoError(t, err)
		for _, g := range named {
			assert.NotEmpty(t, g.Name)
		}
	}
	assert.Equal(t, 1, countAppTokens(s), "one app-only token for all")

	security, err := c.Groups(t.Context(), graph.Caller{Cloud: s.Cloud(), Tenant: entratest.ContosoID, User: entratest.AnnID, Token: appToken(s, e, secret())}, graph.GroupQuery{SecurityOnly: true, Names: true})
	require.NoError(t, err)
	for _, g := range security {
		assert.NotEqual(t, entratest.ContosoNewsletter, g.ID)
		assert.NotEmpty(t, g.Name)
	}
	assert.Len(t, security, 3)
}

// countAppTokens counts requests to the token endpoint beyond the two of each delegated token.
func countAppTokens(s *entratest.Server) int { return s.CountRequests("token") - 3*2 }

// Attack 6, on the wire.
func TestAttack6TokenOfAnotherUser(t *testing.T) {
	s := startEntra(t)
	e := &credential.Endpoint{HTTPClient: s.Client()}
	c := graph.New(graph.Config{HTTPClient: s.Client()})
	as := graph.Caller{Cloud: s.Cloud(), Tenant: entratest.ContosoID, User: entratest.AdaID, Me: true, Token: delegatedToken(t, s, e, entratest.Ann)}
	_, err := c.Groups(t.Context(), as, graph.GroupQuery{})
	require.ErrorIs(t, err, graph.ErrOtherUser)
	_, err = c.Profile(t.Context(), as, nil)
	require.ErrorIs(t, err, graph.ErrOtherUser)
	as.User = entratest.AnnID
	profile, err := c.Profile(t.Context(), as, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, profile["displayName"])
	_, err = c.Photo(t.Context(), as, 100_000)
	require.NoError(t, err)
}

func TestEntraThrottles(t *testing.T) {
	s := startEntra(t)
	e := &credential.Endpoint{HTTPClient: s.Client()}
	c := graph.New(graph.Config{HTTPClient: s.Client()})
	as := graph.Caller{Cloud: s.Cloud(), Tenant: entratest.ContosoID, User: entratest.MayaID, Token: appToken(s, e, secret())}
	s.SetFaults(entratest.Faults{Throttle: 1, RetryAfter: time.Second})
	got, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: true})
	require.NoError(t, err)
	assert.Len(t, got, 1000)
	s.SetFaults(entratest.Faults{Throttle: 1, RetryAfter: time.Hour})
	_, err = c.Groups(t.Context(), as, graph.GroupQuery{Names: true})
	var refused *graph.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusTooManyRequests, refused.Status)
}

func TestEntraCertificate(t *testing.T) {
	s := startEntra(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	e := &credential.Endpoint{HTTPClient: s.Client()}
	token := appToken(s, e, credential.FromCertificates(credential.KeyPair{Signer: key, Certificate: certificate}))
	_, err = token(t.Context())
	var refused *aadsts.Error
	require.ErrorAs(t, err, &refused, "not uploaded yet")
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].Certificates = [][]byte{der}
		return tenants
	}))
	_, err = token(t.Context())
	require.NoError(t, err)
}

func TestEntraSecrets(t *testing.T) {
	s := startEntra(t)
	e := &credential.Endpoint{HTTPClient: s.Client()}
	for value, code := range map[string]int{"wrong": 7000215, entratest.ExpiredSecret: 7000222} {
		_, err := appToken(s, e, credential.FromSecret(credential.NewSecret(value)))(t.Context())
		var refused *aadsts.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, code, refused.Code)
		assert.Equal(t, aadsts.MenderAppOwner, refused.Mender)
		assert.NotEmpty(t, refused.CorrelationID)
		assert.NotEmpty(t, refused.TraceID)
		assert.False(t, refused.Time.IsZero())
	}
}
