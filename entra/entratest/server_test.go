package entratest_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func ExampleStart() {
	s, err := entratest.Start(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	// What an application sends the browser to, and what the browser brings back.
	start := s.URL + "/contoso.com/oauth2/v2.0/authorize?" + url.Values{
		"client_id": {entratest.ContosoApp}, "redirect_uri": {"http://localhost:8080/sso/callback/oauth2"},
		"response_type": {"code"}, "scope": {"openid profile"}, "state": {"xyz"},
	}.Encode()
	back, err := s.Authenticate(context.Background(), start, entratest.Ann)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(back.Method, back.URL.Path, back.URL.Query().Get("state"), back.URL.Query().Has("code"))
	// Output: GET /sso/callback/oauth2 xyz true
}

func ExampleServer_SetFaults() {
	s, err := entratest.Start(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	s.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: 1}})
	for range 2 {
		response, err := s.Client().Get(s.URL + "/contoso.com/v2.0/.well-known/openid-configuration")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response.StatusCode)
		_ = response.Body.Close()
	}
	// Output:
	// 503
	// 200
}

func TestAddresses(t *testing.T) {
	s := start(t, nil)
	assert.Regexp(t, `^http://localhost:\d+$`, s.URL)
	assert.Regexp(t, `^http://localhost:\d+$`, s.GraphURL)
	assert.NotEqual(t, s.URL, s.GraphURL)
	c := s.Cloud()
	assert.Equal(t, s.URL, c.Login)
	assert.Equal(t, s.GraphURL, c.Graph)
	assert.Equal(t, s.URL+"/{tenantid}/v2.0", c.IssuerV2)
	assert.Equal(t, "https://sts.entratest.invalid/{tenantid}/", c.IssuerV1)

	_, err := entratest.Start(&entratest.Options{Addr: strings.TrimPrefix(s.URL, "http://")})
	require.ErrorContains(t, err, "address already in use")
	_, err = entratest.Start(&entratest.Options{GraphAddr: strings.TrimPrefix(s.URL, "http://")})
	require.ErrorContains(t, err, "address already in use")
	_, err = entratest.Start(&entratest.Options{Addr: "x"})
	require.ErrorContains(t, err, "missing port")
	for _, reached := range []string{"0.0.0.0:0", "[::]:0"} {
		_, err = entratest.Start(&entratest.Options{Addr: reached})
		require.ErrorContains(t, err, "is not a loopback address")
		_, err = entratest.Start(&entratest.Options{GraphAddr: reached})
		require.ErrorContains(t, err, "is not a loopback address")
	}
	numbers := start(t, &entratest.Options{Addr: "127.0.0.1:0", GraphAddr: ":0"})
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, numbers.URL)
	assert.Regexp(t, `^http://localhost:\d+$`, numbers.GraphURL)
}

// A handler that somebody else serves.
func TestNew(t *testing.T) {
	var s *entratest.Server
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler().ServeHTTP(w, r) }))
	defer web.Close()
	s, err := entratest.New(nil, web.URL, "http://graph.invalid")
	require.NoError(t, err)
	defer s.Close()
	back, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), entratest.Ann)
	require.NoError(t, err)
	assert.NotEmpty(t, answerOf(t, back).Get("code"))
}

func TestContradictoryTenants(t *testing.T) {
	for name, change := range map[string]func([]entratest.Tenant){
		"tenant without GUID":     func(tenants []entratest.Tenant) { tenants[0].ID = "contoso" },
		"GUID in capitals":        func(tenants []entratest.Tenant) { tenants[0].ID = strings.ToUpper(tenants[0].ID) },
		"same tenant twice":       func(tenants []entratest.Tenant) { tenants[1].ID = tenants[0].ID },
		"same domain twice":       func(tenants []entratest.Tenant) { tenants[1].Domains = []string{"CONTOSO.com"} },
		"same application twice":  func(tenants []entratest.Tenant) { tenants[1].Applications[0].ClientID = entratest.ContosoApp },
		"application without id":  func(tenants []entratest.Tenant) { tenants[1].Applications[0].ClientID = "" },
		"user without id":         func(tenants []entratest.Tenant) { tenants[0].Users[0].ID = "" },
		"same user twice":         func(tenants []entratest.Tenant) { tenants[0].Users[1].UPN = "ANN@contoso.com" },
		"same object twice":       func(tenants []entratest.Tenant) { tenants[0].Users[1].ID = entratest.AnnID },
		"user with a group's id":  func(tenants []entratest.Tenant) { tenants[0].Groups[0].ID = entratest.AnnID },
		"personal tenant, own id": func(tenants []entratest.Tenant) { tenants[0].Personal = true },
		"consumers' id for work":  func(tenants []entratest.Tenant) { tenants[2].Personal = false },
	} {
		t.Run(name, func(t *testing.T) {
			tenants := entratest.Sample()
			change(tenants)
			_, err := entratest.Start(&entratest.Options{Tenants: tenants})
			require.Error(t, err)
			s := start(t, nil)
			require.Error(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant { change(tenants); return tenants }))
			_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), entratest.Ann)
			require.NoError(t, err, "nothing has changed")
		})
	}
}

// What was declared is copied: changing it afterwards changes nothing.
func TestTenantsAreCopied(t *testing.T) {
	tenants := entratest.Sample()
	s := start(t, &entratest.Options{Tenants: tenants})
	tenants[0].Applications[0].RedirectURIs[0] = "http://elsewhere.invalid/"
	tenants[0].Users[0].Groups[0] = "x"
	claims, _ := contoso(t, s).signIn(entratest.Ann)
	assert.Contains(t, claims["groups"], entratest.ContosoEngineering)
}

func TestAuthenticateRefuses(t *testing.T) {
	s := start(t, nil)
	_, err := s.Authenticate(t.Context(), "https://login.microsoftonline.com/common/oauth2/v2.0/authorize", entratest.Ann)
	require.ErrorContains(t, err, "does not start at this server")
	_, err = s.Authenticate(t.Context(), s.URL+"/nothing", entratest.Ann)
	require.ErrorContains(t, err, "answered 404")
	_, err = s.Authenticate(t.Context(), "://", entratest.Ann)
	require.ErrorContains(t, err, "start address")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Authenticate(ctx, authorizeURL(s, "contoso.com"), entratest.Ann)
	require.ErrorIs(t, err, context.Canceled)
}

// Close may come twice, cuts requests that hang, and leaves nothing running.
func TestClose(t *testing.T) {
	s, err := entratest.Start(nil)
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), entratest.Ann)
	require.NoError(t, err)
	s.SetFaults(entratest.Faults{Delay: map[string]time.Duration{entratest.EndpointKeys: time.Hour}})
	hanging := make(chan error)
	go func() {
		q, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, s.URL+"/common/discovery/v2.0/keys", nil)
		if err != nil {
			hanging <- err
			return
		}
		response, err := s.Client().Do(q)
		if err == nil {
			err = response.Body.Close()
		}
		hanging <- err
	}()
	require.Eventually(t, func() bool { return s.CountRequests(entratest.EndpointKeys) == 1 }, time.Minute, time.Millisecond)
	s.Close()
	s.Close()
	require.Error(t, <-hanging)
	require.Eventually(t, func() bool { return !strings.Contains(stacks(), "entratest.(*Server)") }, time.Minute, time.Millisecond, "goroutines of the server go on")
	_, err = net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.Error(t, err)
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// Many people sign in while the tenants, the faults and the keys change.
func TestConcurrency(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	var group sync.WaitGroup
	for i := range 4 {
		who := []string{entratest.Ann, entratest.Ben, entratest.Bob, entratest.Gus}[i]
		group.Go(func() {
			b := s.NewBrowser()
			for range 3 {
				back, err := b.Authenticate(t.Context(), a.config.AuthCodeURL("x"), who)
				if !assert.NoError(t, err) {
					return
				}
				token, err := a.config.Exchange(a.ctx, back.URL.Query().Get("code"))
				if assert.NoError(t, err) {
					assert.NotEmpty(t, token.AccessToken)
				}
				_, err = b.Authenticate(t.Context(), s.URL+"/contoso.com/oauth2/v2.0/logout?post_logout_redirect_uri="+url.QueryEscape(callback), "")
				assert.NoError(t, err)
			}
		})
	}
	group.Go(func() {
		for i := range 5 {
			s.SetFaults(entratest.Faults{Overage: i%2 == 0, Fail: map[string]int{entratest.EndpointKeys: 1}})
			assert.NoError(t, s.AddRedirectURI(entratest.ContosoApp, fmt.Sprintf("http://localhost/%d", i)))
			s.RevokeTokens("contoso.com", entratest.Maya)
			s.RotateKeys(i%2 == 0)
			s.Requests()
		}
	})
	group.Wait()
}
