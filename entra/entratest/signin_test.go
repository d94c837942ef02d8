package entratest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// The whole way, by go-oidc and golang.org/x/oauth2, at each kind of authority and in each response mode.
func TestSignIn(t *testing.T) {
	s := start(t, nil)
	template := s.URL + "/{tenantid}/v2.0"
	issuer := func(tenant string) string { return s.URL + "/" + tenant + "/v2.0" }
	tests := map[string]struct {
		authority, issuer, app, secret string
		who, oid, tid                  string
	}{
		"tenant by GUID":               {entratest.ContosoID, issuer(entratest.ContosoID), entratest.ContosoApp, entratest.ContosoSecret, entratest.Ann, entratest.AnnID, entratest.ContosoID},
		"tenant by domain":             {"fabrikam.com", issuer(entratest.FabrikamID), entratest.FabrikamApp, entratest.FabrikamSecret, entratest.Tina, entratest.TinaID, entratest.FabrikamID},
		"common, owner's tenant":       {"common", template, entratest.MultiTenantApp, entratest.MultiTenantSecret, entratest.Ben, entratest.BenID, entratest.ContosoID},
		"common, another tenant":       {"common", template, entratest.MultiTenantApp, entratest.MultiTenantSecret, entratest.Bob, entratest.BobID, entratest.FabrikamID},
		"common, personal":             {"common", template, entratest.MultiTenantApp, entratest.MultiTenantSecret, entratest.Pia, entratest.PiaID, cloud.Consumers},
		"organizations":                {"organizations", template, entratest.MultiTenantApp, entratest.MultiTenantSecret, entratest.Bob, entratest.BobID, entratest.FabrikamID},
		"consumers":                    {"consumers", issuer(cloud.Consumers), entratest.PersonalApp, entratest.PersonalSecret, entratest.Pia, entratest.PiaID, cloud.Consumers},
		"another tenant's own":         {"fabrikam.com", issuer(entratest.FabrikamID), entratest.MultiTenantApp, entratest.MultiTenantSecret, entratest.Bob, entratest.BobID, entratest.FabrikamID},
		"guest at the inviting tenant": {"contoso.com", issuer(entratest.ContosoID), entratest.ContosoApp, entratest.ContosoSecret, entratest.Bob, entratest.BobGuestID, entratest.ContosoID},
	}
	for name, test := range tests {
		for _, mode := range []string{"query", "form_post"} {
			t.Run(name+", "+mode, func(t *testing.T) {
				a := newApp(t, s, test.authority, test.issuer, test.app, test.secret)
				claims, token := a.signIn(test.who, params("response_mode", mode)...)
				assert.Equal(t, test.oid, claims["oid"])
				assert.Equal(t, test.tid, claims["tid"])
				assert.Equal(t, issuer(test.tid), claims["iss"])
				assert.Equal(t, test.app, claims["aud"])
				assert.Equal(t, "the-nonce", claims["nonce"])
				assert.Equal(t, "2.0", claims["ver"])
				assert.Equal(t, "openid profile email User.Read", token.Extra("scope"), "without offline_access")
				assert.NotEmpty(t, token.RefreshToken)
			})
		}
	}
}

func TestFormPost(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	back, err := s.Authenticate(t.Context(), a.config.AuthCodeURL("a&b\"<c>", params("response_mode", "form_post")...), entratest.Ann)
	require.NoError(t, err)
	assert.Equal(t, http.MethodPost, back.Method)
	assert.Equal(t, callback, back.URL.String(), "nothing in the address")
	assert.Equal(t, "application/x-www-form-urlencoded", back.Header.Get("Content-Type"))
	assert.Equal(t, s.URL, back.Header.Get("Origin"))
	got := answerOf(t, back)
	assert.Equal(t, "a&b\"<c>", got.Get("state"))
	assert.NotEmpty(t, got.Get("code"))
	assert.NotEmpty(t, got.Get("session_state"))
}

func TestFragment(t *testing.T) {
	s := start(t, nil)
	back, err := s.Authenticate(t.Context(), contoso(t, s).config.AuthCodeURL("x", params("response_mode", "fragment")...), entratest.Ann)
	require.NoError(t, err)
	assert.Empty(t, back.URL.RawQuery)
	assert.Contains(t, back.URL.Fragment, "code=")
}

// A redirect URI may have a query of its own.
func TestRedirectURIWithQuery(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.AddRedirectURI(entratest.ContosoApp, callback+"?x=1"))
	a := contoso(t, s)
	a.config.RedirectURL = callback + "?x=1"
	got := a.answer(nil, entratest.Ann)
	assert.Equal(t, "1", got.Get("x"))
	assert.NotEmpty(t, got.Get("code"))
	require.Error(t, s.AddRedirectURI("00000000-0000-0000-0000-000000000000", callback))
}

// What each kind of person's ID token carries, and above all does not.
func TestClaims(t *testing.T) {
	s := start(t, &entratest.Options{Now: func() time.Time { return noon }})
	a := contoso(t, s)
	a.verifier = a.provider.Verifier(oidcConfig(entratest.ContosoApp, noon))

	t.Run("member", func(t *testing.T) {
		claims, _ := a.signIn(entratest.Ann)
		assert.Equal(t, "Ann Archer", claims["name"])
		assert.Equal(t, entratest.Ann, claims["preferred_username"])
		assert.Equal(t, entratest.Ann, claims["email"])
		assert.Equal(t, true, claims["xms_edov"])
		assert.InDelta(t, 0, claims["acct"], 0)
		assert.Equal(t, "Ann", claims["given_name"])
		assert.Equal(t, "Archer", claims["family_name"])
		assert.ElementsMatch(t, []any{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}, claims["groups"], "nested yes, distribution lists no")
		assert.Equal(t, []any{"Portal.Admin"}, claims["roles"])
		assert.InDelta(t, noon.Unix(), claims["auth_time"], 0)
		assert.InDelta(t, noon.Add(-5*time.Minute).Unix(), claims["iat"], 0)
		assert.InDelta(t, noon.Add(-5*time.Minute).Unix(), claims["nbf"], 0)
		assert.InDelta(t, noon.Add(time.Hour).Unix(), claims["exp"], 0)
		for _, name := range []string{"sub", "uti", "rh", "aio", "sid", "login_hint"} {
			assert.NotEmpty(t, claims[name], name)
		}
		for _, name := range []string{"idp", "upn", "wids", "at_hash", "c_hash", "azp", "hasgroups", "_claim_names"} {
			assert.NotContains(t, claims, name)
		}
	})
	t.Run("without groups or roles", func(t *testing.T) {
		claims, _ := a.signIn(entratest.Ben)
		for _, name := range []string{"groups", "roles", "_claim_names", "_claim_sources"} {
			assert.NotContains(t, claims, name, "empty claims are left out")
		}
	})
	t.Run("with too many groups", func(t *testing.T) {
		token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Maya).Get("code"))
		require.NoError(t, err)
		raw, _ := token.Extra("id_token").(string)
		claims := unverified(t, raw)
		assert.NotContains(t, claims, "groups")
		assert.Equal(t, map[string]any{"groups": "src1"}, claims["_claim_names"])
		assert.Equal(t, map[string]any{"src1": map[string]any{
			"endpoint": "https://graph.windows.net/" + entratest.ContosoID + "/users/" + entratest.MayaID + "/getMemberObjects",
		}}, claims["_claim_sources"])
	})
	t.Run("somebody else's address", func(t *testing.T) {
		claims, _ := a.signIn(entratest.Mallory)
		assert.Equal(t, entratest.Bob, claims["email"])
		assert.NotContains(t, claims, "xms_edov")
		assert.Equal(t, entratest.Mallory, claims["preferred_username"])
	})
	t.Run("guest from Entra", func(t *testing.T) {
		claims, _ := a.signIn(entratest.Bob)
		assert.Equal(t, "https://sts.entratest.invalid/"+entratest.FabrikamID+"/", claims["idp"])
		assert.InDelta(t, 1, claims["acct"], 0)
		assert.Equal(t, entratest.Bob, claims["preferred_username"])
		assert.Equal(t, entratest.Bob, claims["email"])
		assert.NotContains(t, claims, "given_name")
	})
	t.Run("guest from elsewhere", func(t *testing.T) {
		claims, _ := a.signIn(entratest.Gus)
		assert.Equal(t, "google.com", claims["idp"])
		assert.Equal(t, entratest.GusID, claims["oid"])
		assert.Equal(t, entratest.ContosoID, claims["tid"])
	})
	t.Run("personal", func(t *testing.T) {
		p := newApp(t, s, "consumers", s.URL+"/"+cloud.Consumers+"/v2.0", entratest.PersonalApp, entratest.PersonalSecret)
		p.verifier = p.provider.Verifier(oidcConfig(entratest.PersonalApp, noon))
		claims, _ := p.signIn(entratest.Pia)
		assert.Equal(t, "9188040d-6c67-4c5b-b112-36a304b66dad", claims["tid"])
		assert.Regexp(t, "^00000000-0000-0000-", claims["oid"])
		for _, name := range []string{"idp", "acct", "groups", "roles", "wids"} {
			assert.NotContains(t, claims, name)
		}
	})
	t.Run("without the profile scope", func(t *testing.T) {
		b := contoso(t, s)
		b.verifier = a.verifier
		b.config.Scopes = []string{"openid"}
		claims, token := b.signIn(entratest.Ann)
		for _, name := range []string{"oid", "name", "preferred_username", "given_name"} {
			assert.NotContains(t, claims, name)
		}
		assert.NotEmpty(t, claims["tid"])
		assert.Empty(t, token.RefreshToken, "offline_access was not asked for")
	})
}

// What an application's registration changes.
func TestRegistration(t *testing.T) {
	with := func(t *testing.T, change func(*entratest.Application, []entratest.Tenant)) (*entratest.Server, *app) {
		tenants := entratest.Sample()
		change(&tenants[0].Applications[0], tenants)
		s := start(t, &entratest.Options{Tenants: tenants})
		return s, contoso(t, s)
	}
	t.Run("nothing optional", func(t *testing.T) {
		_, a := with(t, func(app *entratest.Application, _ []entratest.Tenant) { app.OptionalClaims, app.GroupClaims = nil, "" })
		a.config.Scopes = []string{"openid", "profile"}
		claims, _ := a.signIn(entratest.Ann)
		for _, name := range []string{"email", "xms_edov", "sid", "login_hint", "acct", "auth_time", "groups", "given_name"} {
			assert.NotContains(t, claims, name)
		}
		claims, _ = a.signIn(entratest.Gus)
		assert.Equal(t, entratest.Gus, claims["email"], "guests have it by default")
	})
	t.Run("unverified addresses removed", func(t *testing.T) {
		_, a := with(t, func(app *entratest.Application, _ []entratest.Tenant) { app.RemoveUnverifiedEmail = true })
		claims, _ := a.signIn(entratest.Mallory)
		assert.NotContains(t, claims, "email")
		claims, _ = a.signIn(entratest.Ann)
		assert.Equal(t, entratest.Ann, claims["email"])
	})
	t.Run("verified primary email and another form of xms_edov", func(t *testing.T) {
		_, a := with(t, func(app *entratest.Application, _ []entratest.Tenant) {
			app.OptionalClaims = []string{"email", "xms_edov", "verified_primary_email", "upn"}
			app.EdovAs = "1"
		})
		claims, _ := a.signIn(entratest.Ann)
		assert.Equal(t, []any{entratest.Ann}, claims["verified_primary_email"])
		assert.Equal(t, "1", claims["xms_edov"])
		assert.Equal(t, entratest.Ann, claims["upn"])
		claims, _ = a.signIn(entratest.Mallory)
		assert.NotContains(t, claims, "verified_primary_email")
	})
	t.Run("all groups and directory roles", func(t *testing.T) {
		_, a := with(t, func(app *entratest.Application, tenants []entratest.Tenant) {
			app.GroupClaims = "All"
			tenants[0].Users[0].DirectoryRoles = []string{entratest.GlobalAdministrator}
		})
		claims, _ := a.signIn(entratest.Ann)
		assert.Contains(t, claims["groups"], entratest.ContosoNewsletter)
		assert.Equal(t, []any{entratest.GlobalAdministrator}, claims["wids"])
	})
	t.Run("names of assigned groups", func(t *testing.T) {
		_, a := with(t, func(app *entratest.Application, _ []entratest.Tenant) {
			app.GroupClaims, app.GroupNames = "ApplicationGroup", true
			app.Assigned = []string{entratest.ContosoEngineering, entratest.ContosoStaff}
		})
		claims, _ := a.signIn(entratest.Ann)
		assert.Equal(t, []any{"Engineering"}, claims["groups"], "All staff is nested, not direct")
	})
	t.Run("limit of two hundred groups", func(t *testing.T) {
		_, a := with(t, func(_ *entratest.Application, tenants []entratest.Tenant) {
			tenants[0].Users[1].Groups = tenants[0].Users[3].Groups[:200]
			tenants[0].Users[0].Groups = tenants[0].Users[3].Groups[:201]
		})
		claims, _ := a.signIn(entratest.Ben)
		assert.Len(t, claims["groups"], 200)
		token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Ann).Get("code"))
		require.NoError(t, err)
		raw, _ := token.Extra("id_token").(string)
		assert.NotContains(t, unverified(t, raw), "groups")
	})
}

// One oid and tid per person and tenant; sub differs per application, and stays.
func TestSubjectIsPairwise(t *testing.T) {
	s := start(t, nil)
	one, _ := contoso(t, s).signIn(entratest.Ann)
	again, _ := contoso(t, s).signIn(entratest.Ann)
	other := newApp(t, s, "contoso.com", s.URL+"/"+entratest.ContosoID+"/v2.0", entratest.MultiTenantApp, entratest.MultiTenantSecret)
	two, _ := other.signIn(entratest.Ann)
	assert.Equal(t, one["sub"], again["sub"])
	assert.NotEqual(t, one["sub"], two["sub"])
	assert.Equal(t, one["oid"], two["oid"])
	assert.NotEqual(t, one["uti"], again["uti"])
}

func TestClientInfo(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	form := codeForm(a, a.answer(nil, entratest.Bob).Get("code"))
	form.Set("client_info", "1")
	_, answer, _ := post(t, s, "contoso.com", form)
	info, _ := answer["client_info"].(string)
	assert.Equal(t, map[string]any{"uid": entratest.BobID, "utid": entratest.FabrikamID}, unverified(t, "."+info+"."), "a guest's home account")
}
