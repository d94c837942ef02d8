package oauth2_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

func TestAdminConsentURL(t *testing.T) {
	f := newFake(t)
	for name, tt := range map[string]struct {
		change func(*oauth2.Config)
		q      oauth2.AdminConsentRequest
		tenant string
		scope  string
	}{
		"one tenant":          {at(contoso), oauth2.AdminConsentRequest{}, contoso, "https://graph.test/.default"},
		"a domain":            {at("Contoso.test"), oauth2.AdminConsentRequest{}, "contoso.test", "https://graph.test/.default"},
		"organizations":       {anyTenant, oauth2.AdminConsentRequest{}, "organizations", "https://graph.test/.default"},
		"common":              {at("common", contoso), oauth2.AdminConsentRequest{}, "organizations", "https://graph.test/.default"},
		"an admitted tenant":  {at("common", contoso), oauth2.AdminConsentRequest{Tenant: contoso}, contoso, "https://graph.test/.default"},
		"a tenant's domain":   {anyTenant, oauth2.AdminConsentRequest{Tenant: "Fabrikam.com"}, "fabrikam.com", "https://graph.test/.default"},
		"scopes":              {at(contoso), oauth2.AdminConsentRequest{Scopes: []string{"User.Read", "api://x/y"}}, contoso, "User.Read api://x/y"},
		"a cloud sans Graph":  {func(c *oauth2.Config) { c.Cloud.Graph = "" }, oauth2.AdminConsentRequest{}, contoso, ".default"},
		"form_post all alike": {func(c *oauth2.Config) { c.ResponseMode = "form_post" }, oauth2.AdminConsentRequest{}, contoso, "https://graph.test/.default"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.q.State = testState
			address, err := f.client(t, tt.change).AdminConsentURL(tt.q)
			require.NoError(t, err)
			u, err := url.Parse(address)
			require.NoError(t, err)
			require.Equal(t, f.URL+"/"+tt.tenant+"/v2.0/adminconsent", "http://"+u.Host+u.Path)
			require.Equal(t, url.Values{"client_id": {clientID}, "redirect_uri": {callback}, "state": {testState}, "scope": {tt.scope}}, u.Query())
		})
	}
	for name, tt := range map[string]struct {
		change func(*oauth2.Config)
		q      oauth2.AdminConsentRequest
	}{
		"no state":                {at(contoso), oauth2.AdminConsentRequest{State: "-"}},
		"consumers":               {at("consumers"), oauth2.AdminConsentRequest{}},
		"personal accounts":       {at("common", cloud.Consumers), oauth2.AdminConsentRequest{Tenant: cloud.Consumers}},
		"another tenant":          {at(contoso), oauth2.AdminConsentRequest{Tenant: fabrikam}},
		"a tenant not admitted":   {at("organizations", contoso), oauth2.AdminConsentRequest{Tenant: fabrikam}},
		"common as the tenant":    {anyTenant, oauth2.AdminConsentRequest{Tenant: "common"}},
		"a path as the tenant":    {anyTenant, oauth2.AdminConsentRequest{Tenant: "a/../b"}},
		"a scope of two":          {at(contoso), oauth2.AdminConsentRequest{Scopes: []string{"a b"}}},
		"a scope with a line end": {at(contoso), oauth2.AdminConsentRequest{Scopes: []string{"a\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.q.State == "" {
				tt.q.State = testState
			}
			_, err := f.client(t, tt.change).AdminConsentURL(tt.q)
			require.ErrorIs(t, err, oauth2.ErrInvalid)
		})
	}
	require.Zero(t, f.count(""), "no network")
}

// TestReadAdminConsent is attack 24, as far as it concerns the answer itself.
func TestReadAdminConsent(t *testing.T) {
	f := newFake(t)
	good := func(with url.Values) url.Values {
		v := url.Values{"admin_consent": {"True"}, "tenant": {contoso}, "scope": {"https://graph.test/User.Read " + `"<b>` + " x"}, "state": {testState}}
		for name, values := range with {
			if v[name] = values; values == nil {
				delete(v, name)
			}
		}
		return v
	}
	said, err := f.client(t).ReadAdminConsent(testState, good(nil))
	require.NoError(t, err)
	require.Equal(t, &oauth2.AdminConsent{Tenant: contoso, Scopes: []string{"https://graph.test/User.Read", "x"}}, said)
	said, err = f.client(t, anyTenant).ReadAdminConsent(testState, good(url.Values{"tenant": nil, "scope": nil}))
	require.NoError(t, err)
	require.Empty(t, said.Tenant)
	long := strings.Repeat("a", 257)
	said, err = f.client(t).ReadAdminConsent(testState, good(url.Values{"scope": {long + " " + long[1:] + strings.Repeat(" x", 100)}}))
	require.NoError(t, err)
	require.Len(t, said.Scopes, 64)
	require.Equal(t, long[1:], said.Scopes[0])

	for name, tt := range map[string]struct {
		change func(*oauth2.Config)
		state  string
		with   url.Values
		check  oauth2.Check
	}{
		"another state":         {at(contoso), testState, url.Values{"state": {"another-state-0123456789"}}, oauth2.CheckState},
		"no state":              {at(contoso), testState, url.Values{"state": nil}, oauth2.CheckState},
		"no state on both":      {at(contoso), "", url.Values{"state": nil}, oauth2.CheckState},
		"a sign-in's answer":    {at(contoso), testState, url.Values{"admin_consent": nil, "code": {"c"}}, oauth2.CheckResponse},
		"consent False":         {at(contoso), testState, url.Values{"admin_consent": {"False"}}, oauth2.CheckResponse},
		"tenant twice":          {at(contoso), testState, url.Values{"tenant": {contoso, fabrikam}}, oauth2.CheckResponse},
		"tenant in two cases":   {at(contoso), testState, url.Values{"Tenant": {fabrikam}}, oauth2.CheckResponse},
		"no tenant at all":      {at(contoso), testState, url.Values{"tenant": {"contoso.test"}}, oauth2.CheckResponse},
		"another tenant":        {at(contoso), testState, url.Values{"tenant": {fabrikam}}, oauth2.CheckTenant},
		"a tenant not admitted": {at("organizations", contoso), testState, url.Values{"tenant": {fabrikam}}, oauth2.CheckTenant},
		"personal accounts":     {anyTenant, testState, url.Values{"tenant": {cloud.Consumers}}, oauth2.CheckTenant},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := f.client(t, tt.change).ReadAdminConsent(tt.state, good(tt.with))
			requireRefused(t, err, tt.check, "")
			require.Nil(t, said)
		})
	}
	// The error comes first: the refusal's answer says admin_consent=True and may name a tenant too.
	_, err = f.client(t).ReadAdminConsent(testState, good(url.Values{"error": {"consent_required"}, "error_description": {"AADSTS65004: no"}}))
	var e *aadsts.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 65004, e.Code)
	require.False(t, e.NeedsConsent())
}

func TestDriverConsents(t *testing.T) {
	f := newFake(t)
	d := f.driver(t).(entra.Consenter)
	target := f.target(func(t *entra.Target) { t.Connection.ResponseMode = "form_post" })
	address, err := d.BeginConsent(t.Context(), entra.BeginRequest{Target: target, State: testState})
	require.NoError(t, err)
	require.Contains(t, address, "/"+contoso+"/v2.0/adminconsent?")
	answer := url.Values{"admin_consent": {"True"}, "tenant": {contoso}, "state": {testState}}
	finish := func(a entra.Arrival) (*entra.Consent, error) {
		return d.FinishConsent(t.Context(), entra.FinishRequest{Target: target, State: testState, Arrival: &a})
	}
	said, err := finish(entra.Arrival{Method: http.MethodGet, Path: callbackPath, Query: answer})
	require.NoError(t, err)
	require.Equal(t, contoso, said.Tenant)
	_, err = finish(entra.Arrival{Method: http.MethodPost, Path: callbackPath, Form: answer})
	requireKind(t, err, entra.KindToken)
	_, err = finish(entra.Arrival{Method: http.MethodGet, Path: callbackPath, Query: answer, Form: answer})
	requireKind(t, err, entra.KindToken)
	target = f.target(func(t *entra.Target) { t.Credential = nil })
	_, err = finish(entra.Arrival{Method: http.MethodGet, Path: callbackPath, Query: answer})
	requireKind(t, err, entra.KindConfiguration)
	_, err = d.BeginConsent(t.Context(), entra.BeginRequest{Target: target, State: testState})
	requireKind(t, err, entra.KindConfiguration)
}

func TestAdminConsentAtEntra(t *testing.T) {
	s := entraTenant(t)
	c, err := oauth2.New(entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret))
	require.NoError(t, err)
	address, err := c.AdminConsentURL(oauth2.AdminConsentRequest{State: testState})
	require.NoError(t, err)
	back, err := s.Authenticate(t.Context(), address, entratest.Ada)
	require.NoError(t, err)
	said, err := c.ReadAdminConsent(testState, back.URL.Query())
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoID, said.Tenant)
	browser := s.NewBrowser()
	browser.Decline = true
	back, err = browser.Authenticate(t.Context(), address, entratest.Ada)
	require.NoError(t, err)
	_, err = c.ReadAdminConsent(testState, back.URL.Query())
	var e *aadsts.Error
	require.ErrorAs(t, err, &e)
}

func ExampleClient_AdminConsentURL() {
	client, err := oauth2.New(oauth2.Config{
		Cloud: cloud.Public(), Tenant: "contoso.com", ClientID: "c0a70500-0000-4000-8000-0000000000a1",
		Credential: credential.FromSecret(credential.NewSecret("secret")), RedirectURL: "https://auth.example.com/callback",
	})
	if err != nil {
		panic(err)
	}
	address, err := client.AdminConsentURL(oauth2.AdminConsentRequest{State: "MDEyMzQ1Njc4OWFiY2RlZg"})
	if err != nil {
		panic(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	fmt.Println(u.Host + u.Path)
	fmt.Println(u.Query().Get("scope"))
	// Output:
	// login.microsoftonline.com/contoso.com/v2.0/adminconsent
	// https://graph.microsoft.com/.default
}
