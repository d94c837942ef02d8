package oauth2_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const (
	contoso  = "c0a70500-0000-4000-8000-000000000001"
	fabrikam = "fab71ca0-0000-4000-8000-000000000002"
	clientID = "c0a70500-0000-4000-8000-0000000000a1"
	objectID = "c0a70500-0000-4000-8000-000000000101"
	callback = "https://auth.example.com/sso/callback/oauth2"
	instance = "login.test"

	testState = "state-of-this-sign-in-0123456789abcdef"
	testNonce = "nonce-of-this-sign-in-0123456789abcdef"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// signingKeys are made once: generating them is most of the time that the tests take.
var signingKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	list := make([]*rsa.PrivateKey, 3)
	for i := range list {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		list[i] = k
	}
	return list
})

// fake is the part of Entra that a client talks to. It answers whatever a test tells it to, and counts.
type fake struct {
	*httptest.Server
	transport *counter

	mu        sync.Mutex
	now       time.Time
	discovery map[string]any // members put over the right ones; nil removes one
	keys      []map[string]any
	token     map[string]any                                              // the token endpoint's answer
	intercept func(w http.ResponseWriter, r *http.Request) (handled bool) // comes before everything else
	forms     []url.Values                                                // what came to the token endpoint
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{now: start, discovery: map[string]any{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.transport = &counter{next: f.Server.Client().Transport, seen: map[string]int{}}
	f.keys = []map[string]any{f.jwk("one", 0, f.URL+"/{tenantid}/v2.0")}
	return f
}

// counter counts requests by host and path, and lets none leave for another host.
type counter struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen map[string]int
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.seen[r.URL.Host+r.URL.Path]++
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// count returns how many requests had a path with this ending, at any host.
func (f *fake) count(ending string) int {
	f.transport.mu.Lock()
	defer f.transport.mu.Unlock()
	n := 0
	for address, times := range f.transport.seen {
		if strings.HasSuffix(address, ending) {
			n += times
		}
	}
	return n
}

// elsewhere returns the requests that went to another host.
func (f *fake) elsewhere() []string {
	f.transport.mu.Lock()
	defer f.transport.mu.Unlock()
	var list []string
	for address := range f.transport.seen {
		if !strings.HasPrefix("http://"+address, f.URL+"/") {
			list = append(list, address)
		}
	}
	return list
}

func (f *fake) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fake) advance(d time.Duration) { f.set(func() { f.now = f.now.Add(d) }) }

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) cloud() cloud.Cloud {
	return cloud.Cloud{Name: "test", Login: f.URL, IssuerV2: f.URL + "/{tenantid}/v2.0", KeyInstance: instance, Graph: "https://graph.test"}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	intercept := f.intercept
	f.mu.Unlock()
	if intercept != nil && intercept(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch rest {
	case "v2.0/.well-known/openid-configuration":
		answer(w, f.document(tenant, r.URL.RawQuery))
	case "discovery/v2.0/keys":
		answer(w, map[string]any{"keys": f.keys})
	case "oauth2/v2.0/token":
		if r.ParseForm() == nil {
			f.forms = append(f.forms, r.PostForm)
		}
		if f.token["error"] != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
		}
		answer(w, f.token)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) document(tenant, query string) map[string]any {
	issued := tenant
	switch tenant {
	case "common", "organizations":
		issued = "{tenantid}"
	case "consumers":
		issued = cloud.Consumers
	case "contoso.test":
		issued = contoso
	}
	keys := f.URL + "/" + tenant + "/discovery/v2.0/keys"
	if query != "" {
		keys += "?" + query
	}
	d := map[string]any{
		"issuer":                 f.URL + "/" + issued + "/v2.0",
		"authorization_endpoint": f.URL + "/" + tenant + "/oauth2/v2.0/authorize",
		"token_endpoint":         f.URL + "/" + tenant + "/oauth2/v2.0/token",
		"end_session_endpoint":   f.URL + "/" + tenant + "/oauth2/v2.0/logout",
		"jwks_uri":               keys,
		"cloud_instance_name":    instance,
	}
	override(d, f.discovery)
	return d
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(data)
}

// override puts members over those of m; nil removes one.
func override(m, with map[string]any) map[string]any {
	maps.Copy(m, with)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

// jwk is a signing key as Entra publishes it, with one of the test's keys.
func (f *fake) jwk(kid string, key int, issuer string) map[string]any {
	public := signingKeys()[key].PublicKey
	return map[string]any{
		"kty": "RSA", "use": "sig", "kid": kid, "issuer": issuer, "cloud_instance_name": instance,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}
}

// claims of a token that is right, with members put over them; nil removes one.
func (f *fake) claims(with map[string]any) map[string]any {
	now := f.clock()
	return override(map[string]any{
		"iss": f.URL + "/" + contoso + "/v2.0", "sub": "pairwise-subject", "aud": clientID, "tid": contoso, "oid": objectID,
		"iat": now.Add(-5 * time.Minute).Unix(), "nbf": now.Add(-5 * time.Minute).Unix(), "exp": now.Add(65 * time.Minute).Unix(),
		"nonce": testNonce, "ver": "2.0", "name": "Ann Archer", "preferred_username": "ann@contoso.test",
	}, with)
}

func (f *fake) sign(with map[string]any) string {
	return signed(map[string]any{"alg": "RS256", "typ": "JWT", "kid": "one"}, f.claims(with), 0)
}

// signed signs with RS256 whatever the header says.
func signed(header, claims map[string]any, key int) string {
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return signedText(string(h), string(c), key)
}

func signedText(header, claims string, key int) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	digest := sha256.Sum256([]byte(input))
	value, err := rsa.SignPKCS1v15(rand.Reader, signingKeys()[key], crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(value)
}

// config of a client of Contoso's, changed by the functions.
func (f *fake) config(change ...func(*oauth2.Config)) oauth2.Config {
	c := oauth2.Config{
		Cloud: f.cloud(), Tenant: contoso, ClientID: clientID, RedirectURL: callback,
		Credential: credential.FromSecret(credential.NewSecret("test-secret")),
		HTTPClient: &http.Client{Transport: f.transport}, Now: f.clock, Metadata: &oauth2.Metadata{},
	}
	for _, by := range change {
		by(&c)
	}
	return c
}

func (f *fake) client(t *testing.T, change ...func(*oauth2.Config)) *oauth2.Client {
	t.Helper()
	c, err := oauth2.New(f.config(change...))
	require.NoError(t, err)
	return c
}

// at changes the tenant of a client's configuration.
func at(tenant string, allowed ...string) func(*oauth2.Config) {
	return func(c *oauth2.Config) { c.Tenant, c.AllowedTenants = tenant, allowed }
}

func anyTenant(c *oauth2.Config) { c.Tenant, c.AnyTenant = "organizations", true }

// begin begins a sign-in and returns what Redeem needs.
func begin(t *testing.T, c *oauth2.Client, q oauth2.SignInRequest) (url.Values, *oauth2.Pending) {
	t.Helper()
	if q.State == "" {
		q.State = testState
	}
	address, p, err := c.SignIn(t.Context(), q)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query(), p
}

// requireRefused demands a VerificationError of that check, with nothing of the token in its text.
func requireRefused(t *testing.T, err error, check oauth2.Check, token string) {
	t.Helper()
	var refused *oauth2.VerificationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, check, refused.Check, "%v", err)
	if token == "" {
		return
	}
	require.NotContains(t, err.Error(), contoso)
	require.NotContains(t, err.Error(), testNonce)
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 {
			require.NotContains(t, err.Error(), part)
		}
	}
}

func text(claims map[string]any) string {
	data, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// isRefused reports whether err is a VerificationError of that check; "" is any.
func isRefused(err error, check oauth2.Check) bool {
	var refused *oauth2.VerificationError
	return errors.As(err, &refused) && (check == "" || refused.Check == check)
}

func newTestFuzz(t *testing.T) *testFuzz {
	t.Helper()
	f := newFake(t)
	c := f.client(t, f.inMemory(func(*http.Request) {}))
	_, p := begin(t, c, oauth2.SignInRequest{})
	f.answers(p, nil)
	return &testFuzz{fake: f, client: c, pending: p}
}
