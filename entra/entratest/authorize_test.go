package entratest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// authorizeURL is a good request of the sample's main application, with changes: "" takes a parameter away.
func authorizeURL(s *entratest.Server, authority string, changes ...string) string {
	q := url.Values{
		"client_id": {entratest.ContosoApp}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"the-state"},
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return s.URL + "/" + authority + "/oauth2/v2.0/authorize?" + q.Encode()
}

// Errors that Entra shows itself: nobody has said yet where an answer may go.
func TestErrorPages(t *testing.T) {
	tenants := entratest.Sample()
	tenants[0].Applications[2].Disabled = true
	s := start(t, &entratest.Options{Tenants: tenants})
	tests := map[string]struct {
		authority string
		changes   []string
		who       string
		code      int
	}{
		"unknown tenant":                    {"nobody.example", nil, "", 90002},
		"no application":                    {"contoso.com", []string{"client_id", ""}, "", 900144},
		"unknown application":               {"contoso.com", []string{"client_id", "00000000-0000-0000-0000-00000000beef"}, "", 700016},
		"another tenant's application":      {"fabrikam.com", nil, "", 700016},
		"disabled application":              {"contoso.com", []string{"client_id", entratest.ContosoOwnKeyApp}, "", 7000112},
		"single tenant at common":           {"common", nil, "", 50194},
		"single tenant at organizations":    {"organizations", nil, "", 50194},
		"work application at consumers":     {"consumers", nil, "", 9002332},
		"personal app at organizations":     {"organizations", []string{"client_id", entratest.PersonalApp}, "", 9002346},
		"no redirect URI":                   {"contoso.com", []string{"redirect_uri", ""}, "", 900971},
		"unregistered redirect URI":         {"contoso.com", []string{"redirect_uri", "https://evil.example/"}, "", 50011},
		"redirect URI with a slash more":    {"contoso.com", []string{"redirect_uri", callback + "/"}, "", 50011},
		"redirect URI in capitals":          {"contoso.com", []string{"redirect_uri", strings.ToUpper(callback)}, "", 50011},
		"unknown user":                      {"contoso.com", nil, "nobody@contoso.com", 50034},
		"user of another tenant":            {"contoso.com", nil, entratest.Tina, 50020},
		"personal account at a tenant":      {"contoso.com", nil, entratest.Pia, 50020},
		"disabled user":                     {"contoso.com", nil, entratest.Carl, 50057},
		"unassigned user":                   {"contoso.com", []string{"client_id", entratest.ContosoAssignedApp}, entratest.Ben, 50105},
		"personal account at organizations": {"organizations", []string{"client_id", entratest.MultiTenantApp}, entratest.Pia, 50020},
		"work account at consumers":         {"consumers", []string{"client_id", entratest.MultiTenantApp}, entratest.Ann, 50020},
		"guest's own name at common":        {"common", []string{"client_id", entratest.MultiTenantApp}, entratest.Gus, 50034},
		"permission without consent":        {"contoso.com", []string{"scope", "openid Directory.Read.All"}, entratest.Ann, 90094},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.Authenticate(t.Context(), authorizeURL(s, test.authority, test.changes...), test.who)
			var page *entratest.PageError
			require.ErrorAs(t, err, &page)
			assert.Equal(t, test.code, page.Code, page.Error())
			assert.NotEmpty(t, page.Text)
		})
	}
	t.Run("assigned by group", func(t *testing.T) {
		_, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "client_id", entratest.ContosoAssignedApp), entratest.Ann)
		require.NoError(t, err)
	})
}

// Errors that go back to the application, with state.
func TestErrorAnswers(t *testing.T) {
	s := start(t, nil)
	tests := map[string]struct {
		changes []string
		oauth   string
		code    string
	}{
		"no response type":                 {[]string{"response_type", ""}, "invalid_request", "AADSTS900144"},
		"implicit":                         {[]string{"response_type", "id_token"}, "unsupported_response_type", "AADSTS700054"},
		"unknown response type":            {[]string{"response_type", "cod"}, "unsupported_response_type", "AADSTS70004"},
		"unknown response mode":            {[]string{"response_mode", "web_message"}, "invalid_request", "AADSTS9002313"},
		"no scope":                         {[]string{"scope", ""}, "invalid_request", "AADSTS900144"},
		"unknown scope":                    {[]string{"scope", "openid Everything.Read"}, "invalid_scope", "AADSTS70011"},
		"select_account with a hint":       {[]string{"prompt", "select_account", "login_hint", entratest.Ann}, "invalid_request", "AADSTS90023"},
		"unknown prompt":                   {[]string{"prompt", "create"}, "invalid_request", "AADSTS90023"},
		"silent without a session":         {[]string{"prompt", "none"}, "login_required", "AADSTS50058"},
		"silent, hint without session":     {[]string{"prompt", "none", "login_hint", entratest.Ann}, "login_required", "AADSTS50058"},
		"bad max_age":                      {[]string{"max_age", "-1"}, "invalid_request", "AADSTS9002313"},
		"bad claims":                       {[]string{"claims", "{"}, "invalid_request", "AADSTS9002313"},
		"challenge method without a value": {[]string{"code_challenge_method", "S256"}, "invalid_request", "AADSTS9002313"},
		"unknown challenge method":         {[]string{"code_challenge_method", "S512", "code_challenge", strings.Repeat("a", 43)}, "invalid_request", "AADSTS9002313"},
		"short challenge":                  {[]string{"code_challenge_method", "S256", "code_challenge", "abc"}, "invalid_request", "AADSTS501491"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			back, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", test.changes...), entratest.Ann)
			require.NoError(t, err)
			got := answerOf(t, back)
			assert.Equal(t, test.oauth, got.Get("error"))
			assert.True(t, strings.HasPrefix(got.Get("error_description"), test.code+": "), got.Get("error_description"))
			assert.Contains(t, got.Get("error_description"), "Correlation ID: ")
			assert.Equal(t, "the-state", got.Get("state"))
			assert.Empty(t, got.Get("code"))
		})
	}
	t.Run("doubled parameter", func(t *testing.T) {
		_, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com")+"&state=other", entratest.Ann)
		var page *entratest.PageError
		require.ErrorAs(t, err, &page)
		assert.Equal(t, 9000411, page.Code)
	})
	t.Run("by form_post too", func(t *testing.T) {
		back, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "none", "response_mode", "form_post"), "")
		require.NoError(t, err)
		assert.Equal(t, http.MethodPost, back.Method)
		assert.Equal(t, "login_required", answerOf(t, back).Get("error"))
	})
}

func TestConsentDeclined(t *testing.T) {
	s := start(t, nil)
	b := s.NewBrowser()
	b.Decline = true
	back, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "consent"), entratest.Ann)
	require.NoError(t, err)
	got := answerOf(t, back)
	assert.Equal(t, "access_denied", got.Get("error"))
	assert.Equal(t, "cancel", got.Get("error_subcode"))
	assert.Contains(t, got.Get("error_description"), "AADSTS65004")

	b.Decline = false
	back, err = b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "consent"), entratest.Ann)
	require.NoError(t, err)
	assert.NotEmpty(t, answerOf(t, back).Get("code"))
	// Now with a session: the consent page comes all the same.
	b.Decline = true
	back, err = b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "consent"), "")
	require.NoError(t, err)
	assert.Equal(t, "access_denied", answerOf(t, back).Get("error"))
}

// One sign-in serves the next, and each other application, as far as hints, prompts and age allow.
func TestSingleSignOn(t *testing.T) {
	now := noon
	s := start(t, &entratest.Options{Now: func() time.Time { return now }})
	a := contoso(t, s)
	a.verifier = a.provider.Verifier(oidcConfig(entratest.ContosoApp, noon))
	b := s.NewBrowser()
	silently := func(changes ...string) error {
		back, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", changes...), "")
		if err == nil {
			require.NotEmpty(t, answerOf(t, back).Get("code"), answerOf(t, back).Get("error_description"))
		}
		return err
	}
	first, _ := a.signInWith(b, entratest.Ann)
	second, _ := a.signInWith(b, "", params("prompt", "none")...)
	assert.Equal(t, first["sid"], second["sid"], "one session")

	require.NoError(t, silently())
	require.NoError(t, silently("login_hint", entratest.Ann, "prompt", "none"))
	require.NoError(t, silently("login_hint", first["login_hint"].(string), "prompt", "none"), "the claim's value is a hint")
	require.NoError(t, silently("domain_hint", "contoso.com"))
	require.NoError(t, silently("domain_hint", "organizations"))
	const asks = "entratest: the server asks who is there"
	require.EqualError(t, silently("prompt", "login"), asks)
	require.EqualError(t, silently("prompt", "select_account"), asks)
	require.EqualError(t, silently("login_hint", entratest.Ben), asks)
	require.EqualError(t, silently("domain_hint", "fabrikam.com"), asks)
	require.EqualError(t, silently("max_age", "0"), asks)

	now = noon.Add(10 * time.Minute)
	require.NoError(t, silently("max_age", "3600"))
	require.EqualError(t, silently("max_age", "60"), asks)
	fresh, _ := a.signInWith(b, entratest.Ann, params("prompt", "login")...)
	assert.InDelta(t, now.Unix(), fresh["auth_time"], 0)
	assert.Equal(t, first["sid"], fresh["sid"])
	require.NoError(t, silently("max_age", "60"))

	// A second person in the same browser: now only a hint decides.
	other, _ := a.signInWith(b, entratest.Ben, params("prompt", "select_account")...)
	assert.NotEqual(t, first["sid"], other["sid"])
	require.EqualError(t, silently(), asks)
	back, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "none"), "")
	require.NoError(t, err)
	assert.Equal(t, "interaction_required", answerOf(t, back).Get("error"), "two accounts")
	require.NoError(t, silently("login_hint", entratest.Ben, "prompt", "none"))
}

// An unassigned person who is signed in gets no page when none may be shown.
func TestUnassignedSilently(t *testing.T) {
	s := start(t, nil)
	b := s.NewBrowser()
	_, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), entratest.Ben)
	require.NoError(t, err)
	back, err := b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "none", "client_id", entratest.ContosoAssignedApp), "")
	require.NoError(t, err)
	assert.Equal(t, "interaction_required", answerOf(t, back).Get("error"))
	assert.Contains(t, answerOf(t, back).Get("error_description"), "AADSTS50105")

	back, err = b.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "prompt", "none", "scope", "openid Directory.Read.All"), "")
	require.NoError(t, err)
	assert.Equal(t, "consent_required", answerOf(t, back).Get("error"))
}

// A person signed in at home is a guest elsewhere, in one session.
func TestSessionAcrossTenants(t *testing.T) {
	s := start(t, nil)
	b := s.NewBrowser()
	home := newApp(t, s, "fabrikam.com", s.URL+"/"+entratest.FabrikamID+"/v2.0", entratest.FabrikamApp, entratest.FabrikamSecret)
	atHome, _ := home.signInWith(b, entratest.Bob)
	away, _ := contoso(t, s).signInWith(b, "")
	assert.Equal(t, entratest.BobID, atHome["oid"])
	assert.Equal(t, entratest.BobGuestID, away["oid"])
	assert.Equal(t, atHome["sid"], away["sid"])
}

func TestAutoSignIn(t *testing.T) {
	s := start(t, &entratest.Options{AutoSignIn: true})
	back, err := s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "login_hint", entratest.Ann), "")
	require.NoError(t, err)
	assert.NotEmpty(t, answerOf(t, back).Get("code"))
	back, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "login_hint", entratest.Ann, "prompt", "consent"), "")
	require.NoError(t, err)
	assert.NotEmpty(t, answerOf(t, back).Get("code"))
	_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com"), "")
	require.EqualError(t, err, "entratest: the server asks who is there")
	_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "login_hint", entratest.Tina), "")
	var page *entratest.PageError
	require.ErrorAs(t, err, &page)
	assert.Equal(t, 50020, page.Code)
}

// What was asked for by claims is in the token, unless a fault keeps it out.
func TestRequestedClaims(t *testing.T) {
	tenants := entratest.Sample()
	tenants[0].Applications[0].OptionalClaims = nil
	s := start(t, &entratest.Options{Tenants: tenants})
	a := contoso(t, s)
	wanted := params("claims", `{"id_token":{"auth_time":{"essential":true},"acrs":{"essential":true,"value":"c1"}},"access_token":{"xms_cc":{"values":["cp1"]}}}`)
	claims, _ := a.signIn(entratest.Ann, wanted...)
	assert.Equal(t, []any{"c1"}, claims["acrs"])
	assert.NotEmpty(t, claims["auth_time"])
	claims, _ = a.signIn(entratest.Ann)
	assert.NotContains(t, claims, "acrs")
	assert.NotContains(t, claims, "auth_time")
	claims, _ = a.signIn(entratest.Ann, params("max_age", "0")...)
	assert.NotEmpty(t, claims["auth_time"])
	s.SetFaults(entratest.Faults{NoContexts: true})
	claims, _ = a.signIn(entratest.Ann, wanted...)
	assert.NotContains(t, claims, "acrs")
}

// A posted request is as good as one by GET; the account page leads back to it.
func TestPostedRequest(t *testing.T) {
	s := start(t, nil)
	u, err := url.Parse(authorizeURL(s, "contoso.com"))
	require.NoError(t, err)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+u.Path, strings.NewReader(u.RawQuery))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body := do(t, s, q)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, string(body), "Pick an account")
	assert.Contains(t, string(body), "state=the-state")
}

// Nobody else's page signs a browser in.
func TestAccountPageRefusesOtherOrigins(t *testing.T) {
	s := start(t, nil)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, authorizeURL(s, "contoso.com"), strings.NewReader("entratest=account&username="+entratest.Ann))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	q.Header.Set("Origin", "https://evil.example")
	status, body := do(t, s, q)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, string(body), "AADSTS9002313")
}

// The pages hold what comes from outside as text, and let nothing run but their own script.
func TestPages(t *testing.T) {
	tenants := entratest.Sample()
	tenants[0].Applications[0].Name = `<script>alert(1)</script>`
	s := start(t, &entratest.Options{Tenants: tenants})
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, authorizeURL(s, "contoso.com", "login_hint", `"><u>`, "state", `"><i>`), nil)
	require.NoError(t, err)
	response, err := s.Client().Do(q)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	policy := response.Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.Contains(t, policy, "frame-ancestors 'none'")
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))

	_, body := get(t, s, authorizeURL(s, "contoso.com", "login_hint", `"><u>`, "state", `"><i>`))
	page := string(body)
	assert.NotContains(t, page, "<script>alert")
	assert.NotContains(t, page, `"><u>`)
	assert.NotContains(t, page, `"><i>`)
	assert.Contains(t, page, `<html lang="en">`)
	assert.Contains(t, page, `<label for="username">`)
	assert.Contains(t, page, "Ann Archer")
	assert.NotContains(t, page, "Carl Closed", "disabled")
}
