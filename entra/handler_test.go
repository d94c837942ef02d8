package entra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

func serve(s http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func post(target string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func forApp(c *entra.Config) {
	c.BeginOptions = func(*http.Request) (entra.BeginOptions, error) { return entra.BeginOptions{Application: "app"}, nil }
	c.OnSignIn = func(w http.ResponseWriter, _ *http.Request, in *entra.SignIn) {
		fmt.Fprintf(w, "signed in %s for %s", in.Identity.Name, in.ReturnTo)
	}
}

func TestHandlers(t *testing.T) {
	s := newStage(t, forApp)
	res := serve(s, post("https://auth.example.com/sso/discover", url.Values{"address": {"ann@CONTOSO.com."}, "return_to": {"/inbox"}}))
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	to, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "https://auth.example.com/sso/callback/oauth2", to.Query().Get("redirect_uri"))

	back := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?code=c&state="+to.Query().Get("state"), nil)
	back.AddCookie(res.Cookies()[0])
	res = serve(s, back)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "signed in Ann for /inbox", body(t, res))
	require.Len(t, res.Cookies(), 1)
	require.Negative(t, res.Cookies()[0].MaxAge, "the flow's cookie is removed")

	res = serve(s, back) // the same answer once more: the browser's back button
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Contains(t, body(t, res), "Please sign in again")
}

// Host and forwarding headers never shape an address (attack 40).
func TestHostHeaderIsNotBelieved(t *testing.T) {
	s := newStage(t, forApp)
	r := httptest.NewRequest(http.MethodGet, "https://evil.example/sso/begin?connection=conn_contoso", nil)
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-Proto", "http")
	r.Header.Set("Forwarded", "host=evil.example")
	res := serve(s, r)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.NotContains(t, res.Header.Get("Location"), "evil")
	require.Contains(t, res.Header.Get("Location"), url.QueryEscape("https://auth.example.com/sso/callback/oauth2"))
}

// A request may say return_to and login_hint, and nothing else.
func TestQueryCannotChoose(t *testing.T) {
	s := newStage(t, forApp)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.UpstreamParams = map[string]entra.UpstreamParam{"username": {Alias: "login_hint"}, "prompt": {Alias: "prompt"}, "lang": {Value: "de"}}
	})
	res := serve(s, httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/begin?connection=conn_contoso&login_hint=ann&prompt=none&application=x&organization=y&domain_hint=z&lang=fr", nil))
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	to, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "ann", to.Query().Get("username"))
	require.Equal(t, "de", to.Query().Get("lang"))
	for _, name := range []string{"prompt", "login_hint", "application", "organization", "domain_hint"} {
		require.False(t, to.Query().Has(name), name)
	}
	require.Equal(t, "app", s.door.begun[0].Options.Application)
	require.Empty(t, s.door.begun[0].Options.Organization)
}

// A reserved parameter is refused although a store may hold one (attack 21).
func TestReservedUpstreamParameters(t *testing.T) {
	for _, name := range []string{"redirect_uri", "STATE", "ſtate", "Request_URI", "claims", "", " state", "wctx", "WReply", "wreqptr", "code_challenge"} {
		s := newStage(t)
		s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.UpstreamParams = map[string]entra.UpstreamParam{name: {Value: "x"}} })
		_, err := s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "app"})
		requireKind(t, entra.KindConfiguration, err)
		require.Empty(t, s.door.begun, "%q", name)
	}
	s := newStage(t)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.UpstreamParams = map[string]entra.UpstreamParam{"static": {Value: "a\r\nb"}}
	})
	_, err := s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "app"})
	requireKind(t, entra.KindConfiguration, err)

	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.UpstreamParams = map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}}
	})
	for _, hint := range []string{"a\r\nb", "a\x00", strings.Repeat("a", 513), "\xff", "a\u2028b"} {
		d := s.begin(t, entra.BeginOptions{Hints: map[string]string{"login_hint": hint}})
		require.NotContains(t, d.URL, "login_hint", "%q is left out", hint)
	}
}

// What discovery answers depends on the domain alone (attack 10), and nothing that is not an address is routed (attack 9).
func TestDiscovery(t *testing.T) {
	s := newStage(t, forApp)
	discover := func(address string) *http.Response {
		return serve(s, post("https://auth.example.com/sso/discover", url.Values{"address": {address}}))
	}
	for _, known := range []string{"ann@contoso.com", "nobody-at-all@contoso.com", "ANN@Contoso.COM", "ann@\uff43ontoso.com."} { // IDNA maps a full-width letter to the letter itself
		res := discover(known)
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		require.Contains(t, res.Header.Get("Location"), "https://login.example/")
	}
	var first string
	for i, unknown := range []string{
		"ann@nowhere.example", "bob@nowhere.example", "", "ann", "@contoso.com", "attacker@evil.example@contoso.com", `"a@b"@contoso.com`, "ann(x)@contoso.com", "ann @contoso.com",
		"ann@contoso.com\r\n", "ann@sub.contoso.com", "ann@contoso.com.evil.example", "ann@[127.0.0.1]", "ann@contoso..com",
	} {
		res := discover(unknown)
		require.Equal(t, http.StatusNotFound, res.StatusCode, "%q", unknown)
		require.Empty(t, res.Cookies())
		page := attemptRE.ReplaceAllString(body(t, res), "")
		require.NotContains(t, strings.ToLower(page), "contoso")
		if i == 0 {
			first = page
		}
		require.Equal(t, first, page, "%q", unknown)
	}
	require.Len(t, s.door.begun, 4)
	require.Equal(t, "nobody-at-all@contoso.com", s.door.begun[1].Options.Hints["login_hint"])
}

func TestLimiter(t *testing.T) {
	var steps []string
	s := newStage(t, forApp, func(c *entra.Config) {
		c.Limit = func(_ *http.Request, step string) error { steps = append(steps, step); return errors.New("too many") }
	})
	for _, r := range []*http.Request{
		post("https://auth.example.com/sso/discover", url.Values{"address": {"ann@contoso.com"}}),
		httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/begin?connection=conn_contoso", nil),
		httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?state=x", nil),
		httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/signout/oauth2?sid=x", nil),
	} {
		require.Equal(t, http.StatusTooManyRequests, serve(s, r).StatusCode)
	}
	require.Equal(t, []string{"discover", "begin", "callback", "signout"}, steps)
	require.Empty(t, s.door.begun)
}

// Front-channel sign-out answers 200 whatever it is told, and tells nobody whether there was a session (attack 25).
func TestFrontChannelSignOut(t *testing.T) {
	var notices []entra.SignOutNotice
	fail := errors.New("no such session")
	s := newStage(t, func(c *entra.Config) {
		c.OnSignOut = func(_ context.Context, _ *http.Request, n entra.SignOutNotice) error {
			notices = append(notices, n)
			return fail
		}
	})
	for _, path := range []string{"/sso/signout/oauth2?sid=s1", "/sso/signout/oauth2", "/sso/signout/unknown?sid=s1"} {
		res := serve(s, httptest.NewRequest(http.MethodGet, "https://auth.example.com"+path, nil))
		require.Equal(t, http.StatusOK, res.StatusCode, path)
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		require.Empty(t, body(t, res))
	}
	require.Equal(t, []entra.SignOutNotice{{SessionID: "s1"}}, notices)
}

func TestRequestsThatAreNotAnswers(t *testing.T) {
	s := newStage(t, forApp)
	large := post("https://auth.example.com/sso/callback/oauth2", url.Values{"state": {strings.Repeat("x", 600<<10)}})
	json := httptest.NewRequest(http.MethodPost, "https://auth.example.com/sso/callback/oauth2", strings.NewReader(`{"state":"x"}`))
	json.Header.Set("Content-Type", "application/json")
	query := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?state="+strings.Repeat("x", 20<<10), nil)
	_, err := entra.ReadArrival(post("https://auth.example.com/sso/callback/oauth2", url.Values{"state": {strings.Repeat("x", 600<<10)}}))
	require.ErrorContains(t, err, "too large")
	for _, r := range []*http.Request{large, json, query} {
		require.Equal(t, http.StatusBadRequest, serve(s, r).StatusCode)
	}
	for path, status := range map[string]int{
		"/sso/callback/saml": http.StatusBadRequest, "/sso/unknown": http.StatusNotFound, "/sso": http.StatusNotFound, "/other": http.StatusNotFound,
		"/sso/callback/oauth2/more": http.StatusBadRequest, "/ssoo/begin": http.StatusNotFound,
	} {
		require.Equal(t, status, serve(s, httptest.NewRequest(http.MethodGet, "https://auth.example.com"+path, nil)).StatusCode, path)
	}
	require.Zero(t, s.door.finished)
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := entra.New(entra.Config{})
	for _, field := range []string{"BaseURL", "Connections", "Protocols", "Keys", "Replay"} {
		require.ErrorContains(t, err, field)
	}
	good := newStage(t).config
	for _, base := range []string{"auth.example.com", "http://auth.example.com/sso", "https://auth.example.com/sso?x=1", "https://user@auth.example.com", "https://auth.example.com/#x", "ftp://auth.example.com"} {
		c := good
		c.BaseURL = base
		_, err := entra.New(c)
		require.ErrorContains(t, err, "BaseURL", base)
	}
	c := good
	c.ReturnURLs = []string{"//app.example.com"}
	_, err = entra.New(c)
	require.ErrorContains(t, err, "ReturnURLs")
	c = good
	c.Protocols = []entra.Protocol{&gullible{}, &gullible{}}
	_, err = entra.New(c)
	require.ErrorContains(t, err, "twice")
}
