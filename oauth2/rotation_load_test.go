package oauth2_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const (
	loadWorkers   = 64
	loadRotations = 10
	loadInterval  = 5 * time.Minute // a key that nobody knows causes at most one fetch in this time
)

// TestRotationUnderLoad: while Entra rolls its keys over ten times, 64 clients that share one Metadata verify 10,000 tokens, old and new,
// amid forged ones that name keys nobody has. No genuine token fails, no forged one passes, and keys are fetched once in five minutes.
func TestRotationUnderLoad(t *testing.T) {
	verifications := int64(10_000)
	if raceDetector() || testing.Short() {
		verifications /= 5
	}
	l := newLoad(t)
	l.issue(t)                // fetches metadata for the first time
	l.rotate(t, l.clients[0]) // and for the first time for an unknown key: from now on a forged token's must wait for the clock, which only rotate moves

	var taken atomic.Int64
	var workers sync.WaitGroup
	for _, c := range l.clients {
		workers.Go(func() {
			for n := taken.Add(1); n <= verifications && !t.Failed(); n = taken.Add(1) {
				if n%(verifications/loadRotations) == 1 {
					l.rotate(t, c)
				}
				l.verify(t, c, n)
			}
		})
	}
	workers.Wait()

	var last time.Time
	for _, r := range l.entra.Requests() {
		if r.Endpoint == entratest.EndpointKeys {
			assert.GreaterOrEqual(t, r.At.Sub(last), loadInterval, "two fetches in one interval")
			last = r.At
		}
	}
	assert.Equal(t, 2+loadRotations, l.entra.CountRequests(entratest.EndpointKeys))
	assert.Equal(t, 2+loadRotations, l.entra.CountRequests(entratest.EndpointDiscovery))
}

// load is a fake Entra whose keys rotate, and those who verify its tokens.
type load struct {
	entra    *entratest.Server
	metadata oauth2.Metadata
	clients  []*oauth2.Client
	now      atomic.Int64 // Unix seconds
	rotating sync.Mutex
	issued   atomic.Pointer[[]issuedToken] // one of every key so far, the newest last; keys stay published, and nothing expires
}

type issuedToken struct{ raw, nonce string }

func newLoad(t *testing.T) *load {
	t.Helper()
	keys := make([]*rsa.PrivateKey, 3+loadRotations)
	var made sync.WaitGroup
	for i := range keys {
		made.Go(func() { keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) }) // does not fail
	}
	made.Wait()

	l := new(load)
	l.now.Store(start.Unix())
	l.issued.Store(new([]issuedToken))
	var err error
	l.entra, err = entratest.Start(&entratest.Options{Now: l.clock, Keys: keys})
	require.NoError(t, err)
	t.Cleanup(l.entra.Close)
	require.NoError(t, l.entra.AddRedirectURI(entratest.MultiTenantApp, callback))
	for range loadWorkers {
		c, err := oauth2.New(oauth2.Config{
			Cloud: l.entra.Cloud(), Tenant: "organizations", AnyTenant: true,
			ClientID: entratest.MultiTenantApp, Credential: appSecret(), RedirectURL: callback,
			Metadata: &l.metadata, HTTPClient: l.entra.Client(), Now: l.clock,
		})
		require.NoError(t, err)
		l.clients = append(l.clients, c)
	}
	return l
}

func appSecret() credential.Credential {
	return credential.FromSecret(credential.NewSecret(entratest.MultiTenantSecret))
}

func (l *load) clock() time.Time { return time.Unix(l.now.Load(), 0) }

func (l *load) advance() { l.now.Add(int64(loadInterval / time.Second)) }

// rotate rolls the keys over as soon as a fetch is allowed again, and hands the first token of the new key to everybody at once. The
// clock stands still until the new key is known.
func (l *load) rotate(t *testing.T, c *oauth2.Client) {
	l.rotating.Lock()
	defer l.rotating.Unlock()
	l.entra.RotateKeys(false)
	l.advance()
	token := l.issue(t)
	_, err := c.Verify(t.Context(), token.raw, token.nonce)
	assert.NoError(t, err)
}

// issue signs somebody in, without verifying the ID token.
func (l *load) issue(t *testing.T) issuedToken {
	address, p, err := l.clients[0].SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	if !assert.NoError(t, err) {
		return issuedToken{}
	}
	back, err := l.entra.Authenticate(t.Context(), address, entratest.Ann)
	if !assert.NoError(t, err) {
		return issuedToken{}
	}
	endpoint := credential.Endpoint{HTTPClient: l.entra.Client(), Now: l.clock}
	answer, err := endpoint.Token(t.Context(), credential.Request{
		Cloud: l.entra.Cloud(), Tenant: "organizations", ClientID: entratest.MultiTenantApp, Credential: appSecret(),
		Form: url.Values{
			"grant_type": {"authorization_code"}, "code": {back.URL.Query().Get("code")}, "redirect_uri": {callback},
			"code_verifier": {p.Verifier}, "scope": {"openid profile email"},
		},
	})
	if !assert.NoError(t, err) {
		return issuedToken{}
	}
	token := issuedToken{answer.ID.Reveal(), p.Nonce}
	l.issued.Store(new(append(slices.Clone(*l.issued.Load()), token)))
	return token
}

// verify verifies the newest token, an older one, or a forged one.
func (l *load) verify(t *testing.T, c *oauth2.Client, n int64) {
	tokens := *l.issued.Load()
	token := tokens[len(tokens)-1]
	switch n % 8 {
	case 0:
		_, err := c.Verify(t.Context(), forged(token.raw, n), token.nonce)
		assert.True(t, isRefused(err, oauth2.CheckKey), "%v", err)
		return
	case 1, 2, 3:
		token = tokens[n/8%int64(len(tokens))]
	}
	_, err := c.Verify(t.Context(), token.raw, token.nonce)
	assert.NoError(t, err)
}

// forged is a token whose header names a key that nobody has, another one each time.
func forged(raw string, n int64) string {
	_, rest, _ := strings.Cut(raw, ".")
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"typ":"JWT","alg":"RS256","kid":"nobody's %d"}`, n)) + "." + rest
}

// raceDetector reports whether the test was built with -race, under which all of this takes ten times as long.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
