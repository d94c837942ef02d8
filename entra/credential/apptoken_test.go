package credential_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

const graphScope = "https://graph.microsoft.com/.default"

func (s *tokenServer) appRequest() credential.Request {
	q := s.request()
	q.Form = url.Values{"scope": {graphScope}}
	return q
}

// numbered answers with access-1, access-2, …, each for life seconds.
func numbered(t *testing.T, life int) *tokenServer {
	t.Helper()
	var n atomic.Int32
	return serve(t, func(w http.ResponseWriter, _ url.Values) {
		answerJSON(w, 200, map[string]any{"token_type": "Bearer", "access_token": fmt.Sprintf("access-%d", n.Add(1)), "expires_in": life})
	})
}

func TestAppTokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	for life, kept := range map[int]time.Duration{3600: 55 * time.Minute, 120: time.Minute} {
		s := numbered(t, life)
		now := start
		e := &credential.Endpoint{HTTPClient: s.Client(), Now: func() time.Time { return now }}
		_, err := e.AppToken(t.Context(), s.appRequest())
		require.NoError(t, err)
		assert.Equal(t, url.Values{"grant_type": {"client_credentials"}, "scope": {graphScope}, "client_id": {clientID}, "client_secret": {plain}}, s.last.Load().Form)
		now = start.Add(kept - time.Second)
		got, err := e.AppToken(t.Context(), s.appRequest())
		require.NoError(t, err)
		assert.Equal(t, "access-1", got.Access.Reveal())
		now = start.Add(kept)
		got, err = e.AppToken(t.Context(), s.appRequest())
		require.NoError(t, err)
		assert.Equal(t, "access-2", got.Access.Reveal())
	}
}

// A token goes to nobody but who has the credential that got it, for the same application, tenant, cloud and scope.
func TestAppTokenKeepsApart(t *testing.T) {
	s := numbered(t, 3600)
	other := numbered(t, 3600)
	pair := validPair(t)
	e := s.endpoint()
	first, err := e.AppToken(t.Context(), s.appRequest())
	require.NoError(t, err)
	require.Equal(t, "access-1", first.Access.Reveal())
	read := func(context.Context) (string, error) { return "a.b.c", nil }
	for name, change := range map[string]func(*credential.Request){
		"secret":      func(q *credential.Request) { q.Credential = credential.FromSecret(credential.NewSecret("wrong")) },
		"certificate": func(q *credential.Request) { q.Credential = credential.FromCertificates(pair) },
		"assertion":   func(q *credential.Request) { q.Credential = credential.FromAssertion(read) },
		"its twin":    func(q *credential.Request) { q.Credential = credential.FromAssertion(read) },
		"tenant":      func(q *credential.Request) { q.Tenant = "contoso.com" },
		"client":      func(q *credential.Request) { q.ClientID = "another" },
		"scope":       func(q *credential.Request) { q.Form.Set("scope", "https://other.example/.default") },
		"claims":      func(q *credential.Request) { q.Form.Set("claims", "{}") },
	} {
		before := s.requests.Load()
		q := s.appRequest()
		change(&q)
		_, err := e.AppToken(t.Context(), q)
		require.NoError(t, err, name)
		assert.Equal(t, before+1, s.requests.Load(), name)
		_, err = e.AppToken(t.Context(), q)
		require.NoError(t, err, name)
		assert.Equal(t, before+1, s.requests.Load(), "%s: kept too", name)
	}
	q := s.appRequest()
	q.Cloud = other.cloud()
	_, err = e.AppToken(t.Context(), q)
	require.NoError(t, err)
	assert.EqualValues(t, 1, other.requests.Load(), "cloud")

	before := s.requests.Load()
	q = s.appRequest()
	q.Credential = credential.FromSecret(credential.NewSecret(plain)) // made anew, the same secret
	_, err = e.AppToken(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, before, s.requests.Load())
}

// byValue is a host's Credential whose values cannot be compared; asking must not panic, nor share.
type byValue struct{ secrets []string }

func (c byValue) Authenticate(_ context.Context, _, _ string, form url.Values) error {
	form.Set("client_secret", c.secrets[0])
	return nil
}

// TestAppTokenOfACertificateWithoutItsKey: a certificate is public, so that it alone gets nothing of what its holder got.
func TestAppTokenOfACertificateWithoutItsKey(t *testing.T) {
	s := numbered(t, 3600)
	e := &credential.Endpoint{HTTPClient: s.Client(), Now: func() time.Time { return start }}
	held := validPair(t)
	ask := func(p credential.KeyPair) error {
		q := s.appRequest()
		q.Credential = credential.FromCertificates(p)
		_, err := e.AppToken(t.Context(), q)
		return err
	}
	require.NoError(t, ask(held))
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, signer := range map[string]crypto.Signer{"another key": foreign, "none": nil} {
		require.Error(t, ask(credential.KeyPair{Signer: signer, Certificate: held.Certificate}), name)
	}
	require.NoError(t, ask(held))
}

func TestAppTokenOfUnknownCredentialIsNotKept(t *testing.T) {
	s := numbered(t, 3600)
	e := s.endpoint()
	for range 2 {
		q := s.appRequest()
		q.Credential = byValue{[]string{"x"}}
		_, err := e.AppToken(t.Context(), q)
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2, s.requests.Load())
}

func TestForgetAppToken(t *testing.T) {
	s := numbered(t, 3600)
	e := s.endpoint()
	_, err := e.AppToken(t.Context(), s.appRequest())
	require.NoError(t, err)
	e.ForgetAppToken(s.appRequest())
	e.ForgetAppToken(credential.Request{})
	got, err := e.AppToken(t.Context(), s.appRequest())
	require.NoError(t, err)
	assert.Equal(t, "access-2", got.Access.Reveal())
}

func TestAppTokenThatIsNotKept(t *testing.T) {
	for name, body := range map[string]string{
		"without an end": `{"token_type":"Bearer","access_token":"x"}`,
		"an error":       `{"error":"invalid_client","error_codes":[7000222]}`,
	} {
		s := serve(t, func(w http.ResponseWriter, _ url.Values) { answerRaw(w, body) })
		e := s.endpoint()
		for range 2 {
			_, err := e.AppToken(t.Context(), s.appRequest())
			if name == "an error" {
				var refused *aadsts.Error
				require.ErrorAs(t, err, &refused)
			} else {
				require.NoError(t, err)
			}
		}
		assert.EqualValues(t, 2, s.requests.Load(), name)
	}
}

func TestAppRequestsThatAreRefused(t *testing.T) {
	s := numbered(t, 3600)
	for name, change := range map[string]func(*credential.Request){
		"common":        func(q *credential.Request) { q.Tenant = "common" },
		"organizations": func(q *credential.Request) { q.Tenant = "organizations" },
		"consumers":     func(q *credential.Request) { q.Tenant = "consumers" },
		"bad tenant":    func(q *credential.Request) { q.Tenant = "x/y" },
		"no scope":      func(q *credential.Request) { q.Form = nil },
		"another grant": func(q *credential.Request) { q.Form.Set("grant_type", "password") },
		"no credential": func(q *credential.Request) { q.Credential = nil },
		"secret beside": func(q *credential.Request) { q.Form.Set("client_secret", "x") },
	} {
		q := s.appRequest()
		change(&q)
		_, err := s.endpoint().AppToken(t.Context(), q)
		require.Error(t, err, name)
	}
	assert.Zero(t, s.requests.Load())
}

// memoryLogin answers in memory after a wait, so that it runs in a synctest bubble.
type memoryLogin struct {
	wait     time.Duration
	requests atomic.Int32
}

func (m *memoryLogin) RoundTrip(r *http.Request) (*http.Response, error) {
	n := m.requests.Add(1)
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(m.wait):
	}
	return memoryAnswer(fmt.Sprintf(`{"token_type":"Bearer","access_token":"access-%d","expires_in":3600}`, n)), nil
}

func TestAppTokenIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		login := &memoryLogin{wait: 3 * time.Second}
		e := &credential.Endpoint{HTTPClient: &http.Client{Transport: login}}
		q := credential.Request{Cloud: publicCloud, Tenant: tenant, ClientID: clientID, Credential: credential.FromSecret(credential.NewSecret(plain)), Form: url.Values{"scope": {graphScope}}}

		// The one who begins leaves at once; the others get the token all the same.
		impatient, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := e.AppToken(impatient, q)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		leave()
		for range 50 {
			all.Go(func() {
				got, err := e.AppToken(t.Context(), q)
				if assert.NoError(t, err) {
					assert.Equal(t, "access-1", got.Access.Reveal())
					assert.Empty(t, got.Scope, "each has a token of its own")
					got.Scope = "changed"
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, login.requests.Load())
		got, err := e.AppToken(t.Context(), q)
		require.NoError(t, err)
		assert.Empty(t, got.Scope)
		assert.EqualValues(t, 1, login.requests.Load())
	})
}

func TestAppTokenHasItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		login := &memoryLogin{wait: time.Hour}
		e := &credential.Endpoint{HTTPClient: &http.Client{Transport: login}}
		q := credential.Request{Cloud: publicCloud, Tenant: tenant, ClientID: clientID, Credential: credential.FromSecret(credential.NewSecret(plain)), Form: url.Values{"scope": {graphScope}}}
		begun := time.Now()
		_, err := e.AppToken(t.Context(), q)
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(begun), 30*time.Second)
		login.wait = 0
		_, err = e.AppToken(t.Context(), q)
		require.NoError(t, err, "a failed call is not kept")
	})
}

func TestPanicInACredentialIsAnError(t *testing.T) {
	st := stub(func(url.Values) error { panic("secret-in-a-panic") })
	s := numbered(t, 3600)
	q := s.appRequest()
	q.Credential = &st
	_, err := s.endpoint().AppToken(t.Context(), q)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret-in-a-panic")
	require.NotErrorIs(t, err, context.Canceled)
}

// The number of kept tokens is bounded, whatever the number of tenants.
func TestKeptTokensAreBounded(t *testing.T) {
	login := &memoryLogin{}
	e := &credential.Endpoint{HTTPClient: &http.Client{Transport: login}}
	q := credential.Request{Cloud: publicCloud, ClientID: clientID, Credential: credential.FromSecret(credential.NewSecret(plain)), Form: url.Values{"scope": {graphScope}}}
	const tenants = 4096 + 50
	for i := range tenants {
		q.Tenant = fmt.Sprintf("t%d.example", i)
		_, err := e.AppToken(t.Context(), q)
		require.NoError(t, err)
	}
	assert.Equal(t, 4096, credential.Kept(e))
}
