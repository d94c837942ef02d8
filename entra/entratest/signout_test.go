package entratest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func logoutURL(s *entratest.Server, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return s.URL + "/contoso.com/oauth2/v2.0/logout?" + q.Encode()
}

// Signing out tells each application of the session, by sid and without iss, and leads back to a registered address only.
func TestSignOut(t *testing.T) {
	s := start(t, nil)
	var mu sync.Mutex
	var told []url.Values
	host := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		assert.Empty(t, r.Cookies(), "third-party cookies are blocked")
		told = append(told, r.URL.Query())
	}))
	defer host.Close()
	require.NoError(t, s.SetLogoutURL(entratest.ContosoApp, host.URL+"/signed-out?x=1"))

	a := contoso(t, s)
	b := s.NewBrowser()
	claims, _ := a.signInWith(b, entratest.Ann)
	back, err := b.Authenticate(t.Context(), logoutURL(s, "post_logout_redirect_uri", callback, "state", "bye"), "")
	require.NoError(t, err)
	assert.Equal(t, callback+"?state=bye", back.URL.String())
	assert.Equal(t, []url.Values{{"sid": {claims["sid"].(string)}, "x": {"1"}}}, told)

	_, err = b.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), "")
	require.EqualError(t, err, "entratest: the server asks who is there", "the session is over")
	_, err = b.Authenticate(t.Context(), logoutURL(s, "post_logout_redirect_uri", callback), "")
	require.NoError(t, err, "once more does no harm")
}

func TestSignOutLeadsNowhereElse(t *testing.T) {
	s := start(t, nil)
	for _, address := range []string{"", "https://evil.example/", callback + "/", "http://localhost:8080", "javascript:alert(1)"} {
		b := s.NewBrowser()
		_, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), entratest.Ann)
		require.NoError(t, err)
		_, err = b.Authenticate(t.Context(), logoutURL(s, "post_logout_redirect_uri", address), "")
		require.ErrorContains(t, err, "without a page to go on with", address)
		_, err = b.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), "")
		require.Error(t, err, "signed out all the same")
	}
	_, err := s.Authenticate(t.Context(), s.URL+"/nobody.example/oauth2/v2.0/logout", "")
	var page *entratest.PageError
	require.ErrorAs(t, err, &page)
	assert.Equal(t, 90002, page.Code)
}

// With several people in the browser only the login_hint claim says who goes; a user name does not.
func TestSignOutOfOneAccount(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	b := s.NewBrowser()
	ann, _ := a.signInWith(b, entratest.Ann)
	a.signInWith(b, entratest.Ben, params("prompt", "login")...)
	_, err := b.Authenticate(t.Context(), logoutURL(s, "logout_hint", entratest.Ann), "")
	require.EqualError(t, err, "entratest: the server asks who is there")
	_, err = b.Authenticate(t.Context(), logoutURL(s, "logout_hint", ann["login_hint"].(string), "post_logout_redirect_uri", callback), "")
	require.NoError(t, err)
	claims, _ := a.signInWith(b, "", params("prompt", "none")...)
	assert.Equal(t, entratest.BenID, claims["oid"], "Ben is left")

	a.signInWith(b, entratest.Ann, params("prompt", "login")...)
	_, err = b.Authenticate(t.Context(), logoutURL(s, "post_logout_redirect_uri", callback), entratest.Ben)
	require.NoError(t, err)
	claims, _ = a.signInWith(b, "", params("prompt", "none")...)
	assert.Equal(t, entratest.AnnID, claims["oid"], "Ann is left")
}

func TestSignOutPage(t *testing.T) {
	s := start(t, nil)
	response, err := s.Client().Get(logoutURL(s))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "You are signed out")
	assert.Contains(t, response.Header.Get("Content-Security-Policy"), "frame-src 'none'")
}

func TestSignOutPageRefusesOtherOrigins(t *testing.T) {
	s := start(t, nil)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, logoutURL(s), strings.NewReader("entratest=signout&username="+entratest.Ann))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	q.Header.Set("Origin", "https://evil.example")
	status, body := do(t, s, q)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, string(body), "AADSTS9002313")
}
