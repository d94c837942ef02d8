package entra_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

func discoverJSON(s http.Handler, body string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, "https://auth.example.com/sso/discover", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return serve(s, r)
}

type discovered struct {
	URL   string `json:"url"`
	Error *struct{ Kind, Message, Attempt string }
}

func readDiscovered(t *testing.T, res *http.Response) (d discovered) {
	t.Helper()
	require.Equal(t, "application/json; charset=utf-8", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.NoError(t, json.NewDecoder(res.Body).Decode(&d))
	return d
}

// A page's script asks by JSON, gets the address and the cookie, and the person comes back as from a form.
func TestDiscoverByJSON(t *testing.T) {
	s := newStage(t, forApp)
	res := discoverJSON(s, `{"address": "ann@CONTOSO.com.", "return_to": "/inbox"}`)
	require.Equal(t, http.StatusOK, res.StatusCode)
	to := readDiscovered(t, res)
	require.Nil(t, to.Error)
	require.Contains(t, to.URL, "https://login.example/authorize?")
	require.Len(t, res.Cookies(), 1)
	require.Empty(t, res.Header.Get("Access-Control-Allow-Origin"), "no page of another origin reads it")

	_, state, _ := strings.Cut(to.URL, "state=")
	back := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?code=c&state="+state, nil)
	back.AddCookie(res.Cookies()[0])
	require.Equal(t, "signed in Ann for /inbox", body(t, serve(s, back)))
}

// Whoever is not led anywhere gets the same answer, whether the address is unknown, malformed or of somebody with an account (attacks 9 and 10).
func TestDiscoverByJSONTellsNothing(t *testing.T) {
	s := newStage(t, forApp)
	for _, address := range []string{"ann@nowhere.example", "bob@nowhere.example", "", "ann", "attacker@evil.example@contoso.com", `\"a@b\"@contoso.com`, "ann@contoso.com\\r\\n"} {
		res := discoverJSON(s, `{"address": "`+address+`"}`)
		require.Equal(t, http.StatusNotFound, res.StatusCode, address)
		require.Empty(t, res.Cookies())
		d := readDiscovered(t, res)
		require.Empty(t, d.URL)
		require.Equal(t, "no_connection", d.Error.Kind)
		require.Equal(t, "There is no single sign-on for this address. Check the spelling, or sign in another way.", d.Error.Message)
		require.Len(t, d.Error.Attempt, 10)
	}
	for _, known := range []string{"ann@contoso.com", "nobody-at-all@contoso.com"} {
		require.Equal(t, http.StatusOK, discoverJSON(s, `{"address": "`+known+`"}`).StatusCode)
	}
}

func TestDiscoverByJSONRefuses(t *testing.T) {
	s := newStage(t, forApp)
	for _, bad := range []string{
		``, `{`, `[]`, `"ann@contoso.com"`, `{"address": "ann@contoso.com"} {}`, `{"address": ["ann@contoso.com"]}`, `{"address": "ann@contoso.com", "address": "x"}`,
		`{"Address": "ann@contoso.com"}`, `{"address": "ann@contoso.com", "organization": "org"}`, `{"address": "ann@contoso.com", "return_to": null}`,
		`{"address": "` + strings.Repeat("a", 9<<10) + `"}`, "{\"address\": \"\xff\"}",
	} {
		res := discoverJSON(s, bad)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, bad)
		require.Equal(t, "flow", readDiscovered(t, res).Error.Kind)
	}
	require.Empty(t, s.door.begun)

	limited := newStage(t, forApp, func(c *entra.Config) { c.Limit = func(*http.Request, string) error { return errors.New("slow down") } })
	res := discoverJSON(limited, `{"address": "ann@contoso.com"}`)
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	require.Equal(t, "limited", readDiscovered(t, res).Error.Kind)

	own := newStage(t, forApp, func(c *entra.Config) {
		c.OnError = func(w http.ResponseWriter, _ *http.Request, _ *entra.Error) { _, _ = w.Write([]byte("<p>page</p>")) }
	})
	require.Equal(t, "no_connection", readDiscovered(t, discoverJSON(own, `{"address": "x@nowhere.example"}`)).Error.Kind, "a script gets no page")
}

// The universal button leads to a page that asks for the address, and keeps where the person wanted to go.
func TestAddressPage(t *testing.T) {
	s := newStage(t, forApp)
	res := serve(s, httptest.NewRequest(http.MethodGet, "https://auth.example.com"+s.UniversalButton().Href+`?return_to=%2Finbox%22%3E%3Cscript%3E`, nil))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	page := body(t, res)
	for _, part := range []string{`action="/sso/discover"`, `<label for="address">`, `id="address" name="address"`, `name="return_to" value="/inbox&#34;&gt;&lt;script&gt;"`, `<html lang="en">`} {
		require.Contains(t, page, part)
	}
	require.NotContains(t, page, "<script>")
}
