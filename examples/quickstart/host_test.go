package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// visitor is a browser without a screen: it keeps cookies, follows no redirect, and sends what a test tells it to.
type visitor struct {
	t      *testing.T
	h      *host
	client *http.Client
}

func newVisitor(t *testing.T, h *host) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &visitor{t: t, h: h, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) send(method, path string, form url.Values, header http.Header) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.h.base+path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	if header != nil {
		r.Header = header
		r.Host = header.Get("Host")
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return v.answer(r)
}

func (v *visitor) answer(r *http.Request) (*http.Response, string) {
	v.t.Helper()
	res, err := v.client.Do(r)
	require.NoError(v.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	return res, string(body)
}

// signIn goes the whole way, from the address to the account page.
func (v *visitor) signIn(address string) (page string) {
	v.t.Helper()
	return v.signInFrom(address, http.MethodPost, "/sso/discover", url.Values{"address": {address}})
}

// signInAt goes the whole way from a connection's button.
func (v *visitor) signInAt(connection, address string) (page string) {
	v.t.Helper()
	return v.signInFrom(address, http.MethodGet, "/sso/begin?connection="+connection, nil)
}

func (v *visitor) signInFrom(address, method, path string, form url.Values) (page string) {
	v.t.Helper()
	res, body := v.send(method, path, form, nil)
	require.Equal(v.t, http.StatusSeeOther, res.StatusCode, body)
	back, err := v.h.source.fake.Authenticate(v.t.Context(), res.Header.Get("Location"), address)
	require.NoError(v.t, err)
	res, body = v.answer(back)
	require.Equal(v.t, http.StatusSeeOther, res.StatusCode, body)
	require.Equal(v.t, "/account", res.Header.Get("Location"))
	for _, c := range res.Cookies() {
		if c.Name == sessionCookie && c.MaxAge >= 0 {
			assert.True(v.t, c.HttpOnly)
			assert.Equal(v.t, http.SameSiteLaxMode, c.SameSite)
		}
	}
	res, page = v.send(http.MethodGet, "/account", nil, nil)
	require.Equal(v.t, http.StatusOK, res.StatusCode)
	return page
}

func TestSignIn(t *testing.T) {
	h := startHost(t)
	for address, want := range map[string]string{entratest.Ann: "Ann Archer", entratest.Bob: "Bob Brandt"} {
		assert.Contains(t, newVisitor(t, h).signIn(address), "<h1>"+want+"</h1>")
	}
}

func TestSessionEnds(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	v.signIn(entratest.Ann)
	cookies := v.client.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(h.base, "http://"), Path: "/"})
	res, _ := v.send(http.MethodPost, "/sign-out", url.Values{}, nil)
	require.Equal(t, "/signed-out", res.Header.Get("Location"))

	// The cookie is worth nothing any more, even if somebody kept it.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/account", nil)
	require.NoError(t, err)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	res, _ = newVisitor(t, h).answer(r)
	assert.Equal(t, http.StatusSeeOther, res.StatusCode)
}

// Whoever signs in gets a new session, and the one before ends: nobody can have planted it.
func TestSessionIsNew(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	v.signIn(entratest.Ann)
	first := v.client.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(h.base, "http://"), Path: "/"})
	v.signIn(entratest.Bob)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/account", nil)
	require.NoError(t, err)
	for _, c := range first {
		r.AddCookie(c)
	}
	require.NotEmpty(t, first)
	assert.Nil(t, h.sessions.current(r))
}

// Front-channel sign-out names the session of the provider; another id ends nothing.
func TestSignedOutAtProvider(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	v.signIn(entratest.Ann)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/account", nil)
	require.NoError(t, err)
	for _, c := range v.client.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	in := h.sessions.current(r)
	require.NotNil(t, in)
	require.NotEmpty(t, in.Identity.SessionID)
	for _, n := range []entra.SignOutNotice{{SessionID: "another"}, {SessionID: in.Identity.SessionID, Issuer: "https://login.example/another"}} {
		require.NoError(t, h.signedOutAtProvider(t.Context(), r, n))
		require.NotNil(t, h.sessions.current(r))
	}
	require.NoError(t, h.signedOutAtProvider(t.Context(), r, entra.SignOutNotice{SessionID: in.Identity.SessionID}))
	assert.Nil(t, h.sessions.current(r))
}

// WS-Federation's clean-up names nobody: it ends the session of the browser that brings it, and no other.
func TestCleanUp(t *testing.T) {
	h := startHost(t)
	bob, tina := newVisitor(t, h), newVisitor(t, h)
	bob.signIn(entratest.Bob)
	tina.signIn(entratest.Tina)
	res, _ := bob.send(http.MethodGet, "/sso/callback/wsfed?wa=wsignoutcleanup1.0", nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	res, _ = bob.send(http.MethodGet, "/account", nil, nil)
	assert.Equal(t, http.StatusSeeOther, res.StatusCode)
	res, _ = tina.send(http.MethodGet, "/account", nil, nil)
	assert.Equal(t, http.StatusOK, res.StatusCode)
}

// A form on another site can neither sign anybody out nor switch a connection.
func TestForeignFormsAreRefused(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	for path, form := range map[string]url.Values{
		"/sign-out":                     {},
		"/connections/fabrikam/enabled": {"enabled": {"no"}, "version": {"1"}},
		"/sso/discover":                 {"address": {entratest.Ann}},
		"/connections/as":               {"as": {""}},
		"/connections/new":              {"name": {"x"}},
		"/connections/import":           {"export": {"{}"}},
		"/connections/contoso":          {"name": {"x"}},
		"/connections/contoso/test":     {},
		"/connections/contoso/secret":   {"name": {"client_secret"}},
		"/connections/contoso/delete":   {},
		"/trouble":                      {"trouble": {"forged"}},
	} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			res, _ := v.send(http.MethodPost, path, form, http.Header{name: {value}, "Host": {strings.TrimPrefix(h.base, "http://")}})
			assert.Equal(t, http.StatusForbidden, res.StatusCode, "%s with %s", path, name)
		}
	}
}

// A name that somebody pointed at this machine (DNS rebinding) shows and changes nothing.
func TestOtherNamesAreRefused(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	res, body := v.send(http.MethodGet, "/connections", nil, http.Header{"Host": {"evil.example"}})
	assert.Equal(t, http.StatusFound, res.StatusCode)
	assert.Equal(t, h.base+"/", res.Header.Get("Location"))
	assert.NotContains(t, body, "Fabrikam")
	res, _ = v.send(http.MethodPost, "/sign-out", url.Values{}, http.Header{"Host": {"evil.example"}})
	assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode)
}

func TestSwitch(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	c, err := h.store.connections.Connection(t.Context(), "fabrikam")
	require.NoError(t, err)

	res, _ := v.send(http.MethodPost, "/connections/fabrikam/enabled", url.Values{"enabled": {"no"}, "version": {c.Version}}, nil)
	require.Equal(t, "/connections/fabrikam?saved=off", res.Header.Get("Location"))
	res, body := v.send(http.MethodPost, "/sso/discover", url.Values{"address": {entratest.Bob}}, nil)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.Contains(t, body, "This sign-in is switched off")

	res, body = v.send(http.MethodPost, "/connections/fabrikam/enabled", url.Values{"enabled": {"yes"}, "version": {c.Version}}, nil)
	assert.Equal(t, http.StatusConflict, res.StatusCode, "a page from before the change")
	assert.Contains(t, body, "Nothing was saved.")
	res, _ = v.send(http.MethodPost, "/connections/nobody/enabled", url.Values{}, nil)
	assert.Equal(t, http.StatusNotFound, res.StatusCode)
}

// What a restart needs is in two files that only their owner reads, and no secret is in clear in the one with the data.
func TestRestart(t *testing.T) {
	t.Setenv("ENTRA_TENANT", "")
	t.Setenv("ENTRA_CLIENT_ID", "")
	t.Setenv("ENTRA_CLIENT_SECRET", "")
	data := filepath.Join(t.TempDir(), "quickstart.json")
	log := slog.New(slog.DiscardHandler)
	first, err := newHost(t.Context(), "http://localhost:8080", data, false, log)
	require.NoError(t, err)
	defer first.close()
	c, err := first.store.connections.Connection(t.Context(), "contoso")
	require.NoError(t, err)
	off := c.Clone()
	off.Enabled = false
	_, _, err = first.registry.Save(t.Context(), entra.Environment("test"), off)
	require.NoError(t, err)
	_, err = first.store.users.Create(t.Context(), provisioning.Change{
		AddKeys: []provisioning.Key{{ConnectionID: "contoso", Authority: entratest.ContosoID, Subject: entratest.AnnID}},
		Profile: &provisioning.Profile{Email: entratest.Ann},
	})
	require.NoError(t, err)
	require.NoError(t, first.store.save(t.Context()))

	for _, name := range []string{data, strings.TrimSuffix(data, "json") + "key"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	text, err := os.ReadFile(data)
	require.NoError(t, err)
	assert.NotContains(t, string(text), entratest.ContosoSecret)
	assert.NotContains(t, string(text), entratest.FabrikamSecret)

	second, err := newHost(t.Context(), "http://localhost:8081", data, false, log)
	require.NoError(t, err)
	defer second.close()
	c, err = second.store.connections.Connection(t.Context(), "contoso")
	require.NoError(t, err)
	assert.False(t, c.Enabled, "switched off it was, and off it stays")
	assert.Equal(t, entratest.ContosoSecret, c.ClientSecret.Reveal())
	u, err := second.store.users.UserByKey(t.Context(), provisioning.Key{ConnectionID: "contoso", Authority: entratest.ContosoID, Subject: entratest.AnnID})
	require.NoError(t, err)
	assert.Equal(t, entratest.Ann, u.Profile.Email)

	// A real tenant's connections are not mixed with the fake one's.
	_, err = openStore(t.Context(), data, realEntra)
	require.ErrorContains(t, err, `it holds connections of "quickstart"`)

	// Without the key the data opens nothing, and says so instead of beginning anew over it.
	require.NoError(t, os.Remove(strings.TrimSuffix(data, "json")+"key"))
	_, err = newHost(t.Context(), "http://localhost:8082", data, false, log)
	require.ErrorContains(t, err, "delete it to begin anew")
}

func TestListen(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "8080"} {
		_, err := listen(t.Context(), addr)
		require.ErrorContains(t, err, "-addr", addr)
	}
	first, err := listen(t.Context(), "")
	require.NoError(t, err)
	defer first.Close()
	second, err := listen(t.Context(), "")
	require.NoError(t, err)
	defer second.Close()
	assert.NotEqual(t, first.Addr().String(), second.Addr().String())
	_, err = listen(t.Context(), first.Addr().String())
	require.Error(t, err, "an address that was asked for is not exchanged for another")
}

// Half a real tenant is a mistake, not a reason to start the fake one.
func TestRealTenant(t *testing.T) {
	t.Setenv("ENTRA_TENANT", "contoso.com")
	t.Setenv("ENTRA_CLIENT_ID", "")
	t.Setenv("ENTRA_CLIENT_SECRET", "")
	_, err := newSource("http://localhost:8080")
	require.ErrorContains(t, err, "ENTRA_CLIENT_ID")

	t.Setenv("ENTRA_CLIENT_ID", entratest.ContosoApp)
	t.Setenv("ENTRA_CLIENT_SECRET", "not-a-real-one")
	s, err := newSource("http://localhost:8080")
	require.NoError(t, err)
	assert.Nil(t, s.fake)
	assert.Nil(t, s.client, "the library's own client: public addresses only")
	assert.Equal(t, "https://login.microsoftonline.com", s.login)
	require.Len(t, s.connections, 1)
	assert.NoError(t, s.connections[0].Check().Err())
}

// run starts, says where, and stops when it is told to.
func TestRun(t *testing.T) {
	t.Setenv("ENTRA_TENANT", "")
	t.Setenv("ENTRA_CLIENT_ID", "")
	t.Setenv("ENTRA_CLIENT_SECRET", "")
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "localhost:0", filepath.Join(t.TempDir(), "quickstart.json"), false, in) }()
	text := make([]byte, 4096)
	n, err := out.Read(text)
	require.NoError(t, err)
	assert.Contains(t, string(text[:n]), "http://localhost:")
	assert.Contains(t, string(text[:n]), entratest.Ann)
	stop()
	require.NoError(t, <-ended)
}
