package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// changed is the form of a connection as a browser would send it, with some of it changed.
func changed(c *entra.Connection, with url.Values) url.Values {
	form := url.Values{"version": {c.Version}}
	for _, s := range formSections {
		for _, f := range s.fields {
			if v := f.get(c); v != "" {
				form.Set(f.name, v)
			}
		}
	}
	maps.Copy(form, with)
	return form
}

func (h *host) stored(t *testing.T, id string) *entra.Connection {
	t.Helper()
	c, err := h.store.connections.Connection(t.Context(), id)
	require.NoError(t, err)
	return c
}

// A form that is sent back as it was changes nothing, whatever the connection holds.
func TestFormKeepsEverything(t *testing.T) {
	h := startHost(t)
	pair, _, der := newPair(t, "portal", time.Now().Add(365*24*time.Hour))
	certificate := certificatePEM(der)
	full := &entra.Connection{
		ID: "full", Name: "full", DisplayName: "Full", Strategy: entra.WSFed, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp,
		ClientSecret: credential.NewSecret("test-first"), NextClientSecret: credential.NewSecret("test-second"),
		Groups: entra.GroupOptions{Kind: entra.GroupsAssigned, Form: entra.GroupSAM, Emitted: true, Source: entra.GroupsGraph, Prefixes: []string{"All staff"}, OnFailure: entra.GroupsKeep, MaxAgeHours: 12},
		Realm:  "https://portal.contoso.com", UpstreamParams: map[string]entra.UpstreamParam{"prompt": {Value: "a \"b\" <c>"}, "whr": {Alias: "domain_hint"}},
		HomeRealmDomains: []string{"@full.example", "Full2.example"}, AllowProviderInitiated: true, MaxSessionSeconds: 3600, UserGroups: true,
		InsecureSHA1: true, AllowMissingConfirmation: true, AllowCarriageReturns: true, MetadataSigners: []string{certificate + "\n", certificate}, ClientCertificate: credential.NewSecret(pair),
		ButtonOrder: -1, Profile: entra.ProfileOptions{Fields: []string{"jobTitle"}, Manager: true, Photo: true}, EnabledApplications: []string{"portal"}, Organizations: []string{"adatum"},
	}
	saved, found, err := h.registry.Save(t.Context(), entra.Environment("test"), full)
	require.NoError(t, err, found)
	before := saved.Clone()
	res, body := newVisitor(t, h).send(http.MethodPost, "/connections/full", changed(before, nil), nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	after := h.stored(t, "full").Clone()
	assert.NotEqual(t, before.Version, after.Version)
	after.Version = before.Version
	for i := range after.DomainProofs {
		assert.True(t, after.DomainProofs[i].At.Equal(before.DomainProofs[i].At))
		after.DomainProofs[i].At = before.DomainProofs[i].At
	}
	assert.True(t, before.ClientSecret.Equal(after.ClientSecret) && before.NextClientSecret.Equal(after.NextClientSecret))
	assert.True(t, before.ClientCertificate.Equal(after.ClientCertificate))
	after.ClientSecret, after.NextClientSecret, after.ClientCertificate = before.ClientSecret, before.NextClientSecret, before.ClientCertificate
	assert.Equal(t, before, after)
}

// What an admin did is there after a restart: a connection added by hand, one changed and one deleted.
func TestAdminsWorkSurvivesARestart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "quickstart.json")
	h := startHostAt(t, data, false)
	v := newVisitor(t, h)
	res, body := v.send(http.MethodPost, "/connections/new", url.Values{
		"name": {"ours"}, "strategy": {"oauth2:azure_ad"}, "organization_id": {"adatum"}, "entra_id_domain": {"contoso.com"}, "client_id": {entratest.ContosoApp},
		"client_secret": {entratest.ContosoSecret}, "upstream_params": {"{\r\n\"prompt\": {\"value\": \"login\"}\r\n}"},
	}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	added, _, _ := strings.Cut(strings.TrimPrefix(res.Header.Get("Location"), "/connections/"), "?")
	res, _ = v.send(http.MethodPost, "/connections/contoso", changed(h.stored(t, "contoso"), url.Values{"display_name": {"Contoso Ltd"}}), nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	res, _ = v.send(http.MethodPost, "/connections/fabrikam/delete", url.Values{"version": {h.stored(t, "fabrikam").Version}}, nil)
	require.Equal(t, "/connections?saved=deleted", res.Header.Get("Location"))

	again := startHostAt(t, data, false)
	ours := again.stored(t, added)
	assert.Equal(t, "adatum", ours.OrganizationID)
	assert.Equal(t, entratest.ContosoSecret, ours.ClientSecret.Reveal())
	assert.Equal(t, "login", ours.UpstreamParams["prompt"].Value)
	assert.Equal(t, "Contoso Ltd", again.stored(t, "contoso").DisplayName)
	_, err := again.store.connections.Connection(t.Context(), "fabrikam")
	require.ErrorIs(t, err, entra.ErrNotFound)
	_, body = newVisitor(t, again).send(http.MethodGet, "/connections", nil, nil)
	assert.Contains(t, body, "Load the sample")
	res, _ = newVisitor(t, again).send(http.MethodPost, "/connections/sample", url.Values{}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Contains(t, newVisitor(t, again).signIn(entratest.Bob), "Bob Brandt")
	assert.Equal(t, "Contoso Ltd", again.stored(t, "contoso").DisplayName, "what is there stays as it is")
}

// An organization's administrator who sends more than the form shows gains nothing by it, and neither sees nor touches another's connection.
func TestForgedForms(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	res, _ := v.send(http.MethodPost, "/connections/as", url.Values{"as": {"adatum"}}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	form := url.Values{
		"name": {"ours"}, "strategy": {"oauth2:azure_ad"}, "entra_id_domain": {"contoso.com"}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret},
		"organization_id": {"northwind"}, "is_trust_emails_enabled": {"yes"}, "is_any_tenant_allowed": {"yes"}, "cloud": {"usgov"}, "home_realm_domains": {"fabrikam.com"},
		"federated_token_file": {"/etc/passwd"}, "is_insecure_sha1": {"yes"}, "is_insecure_mutable_subject": {"yes"}, "is_missing_confirmation_allowed": {"yes"},
		"is_carriage_return_allowed": {"yes"}, "metadata_signers": {"x"},
	}
	res, body := v.send(http.MethodPost, "/connections/new", form, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	id, _, _ := strings.Cut(strings.TrimPrefix(res.Header.Get("Location"), "/connections/"), "?")
	c := h.stored(t, id)
	assert.Equal(t, "adatum", c.OrganizationID)
	assert.False(t, c.TrustEmails)
	assert.False(t, c.AnyTenant)
	assert.Empty(t, c.Cloud+c.FederatedTokenFile)
	assert.Empty(t, c.MetadataSigners)
	assert.False(t, c.InsecureSHA1 || c.InsecureMutableSubject || c.AllowMissingConfirmation || c.AllowCarriageReturns)
	assert.Empty(t, c.ProvenDomains(), "another's domain is pending here, and goes on leading where it did")
	assert.Contains(t, newVisitor(t, h).signIn(entratest.Bob), "Fabrikam")

	res, _ = v.send(http.MethodPost, "/connections/"+id+"/applications", url.Values{"version": {c.Version}, "all": {"yes"}}, nil)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	res, _ = v.send(http.MethodPost, "/connections/"+id+"/domains", url.Values{"domain": {"fabrikam.com"}}, nil)
	assert.Equal(t, http.StatusForbidden, res.StatusCode, "the operator's word is the operator's")
	for _, path := range []string{"", "/test", "/guide", "/delete"} {
		res, _ = v.send(http.MethodGet, "/connections/contoso"+path, nil, nil)
		assert.Equal(t, http.StatusNotFound, res.StatusCode, path)
	}
	for _, path := range []string{"", "/enabled", "/applications", "/domains", "/secret", "/tenant", "/publish", "/test", "/delete"} {
		res, _ = v.send(http.MethodPost, "/connections/contoso"+path, changed(h.stored(t, "contoso"), nil), nil)
		assert.Equal(t, http.StatusNotFound, res.StatusCode, path)
	}
	res, _ = v.send(http.MethodPost, "/connections/sample", url.Values{}, nil)
	assert.Equal(t, http.StatusNotFound, res.StatusCode)
}

// A part of the form that is the operator's as a whole is not shown to an organization's administrator.
func TestFormOfAnAdministrator(t *testing.T) {
	for _, by := range []entra.Actor{entra.Environment("test"), entra.Administrator("adatum", "test")} {
		var folded []string
		for _, s := range formOf(&entra.Connection{}, nil, nil, by).Sections {
			if s.Folds {
				assert.NotEmpty(t, s.Fields, s.Legend)
				folded = append(folded, s.ID)
			}
		}
		assert.Equal(t, by.IsEnvironment(), slices.Contains(folded, "adfs"))
	}
}

// Somebody signs in while the page that asks before deleting is open: the number is said once more.
func TestDeleteSaysWhoDepends(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	_, body := v.send(http.MethodGet, "/connections/contoso/delete", nil, nil)
	assert.Contains(t, body, "No user depends on it.")
	newVisitor(t, h).signIn(entratest.Ann)
	version := h.stored(t, "contoso").Version
	res, body := v.send(http.MethodPost, "/connections/contoso/delete", url.Values{"version": {version}}, nil)
	assert.Equal(t, http.StatusConflict, res.StatusCode)
	assert.Contains(t, body, "<strong>One user</strong>")
	res, _ = v.send(http.MethodPost, "/connections/contoso/delete", url.Values{"version": {version}, "users": {"1"}}, nil)
	assert.Equal(t, http.StatusSeeOther, res.StatusCode)
}

// A test sign-in that fails tells the admin who began it why; whoever comes by another way is told what everybody is.
func TestFailedTest(t *testing.T) {
	h := startHost(t)
	require.NoError(t, h.source.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].Secrets = []string{"test-another"}
		return tenants
	}))
	v := newVisitor(t, h)
	_, body := v.send(http.MethodGet, "/connections/contoso/test", nil, nil)
	assert.Contains(t, body, "It cannot work yet.")
	assert.Contains(t, body, "AADSTS7000215")

	res, _ := v.send(http.MethodPost, "/connections/contoso/test", url.Values{}, nil)
	back, err := h.source.fake.Authenticate(t.Context(), res.Header.Get("Location"), entratest.Ann)
	require.NoError(t, err)
	_, body = v.answer(back)
	assert.Contains(t, body, "The test sign-in did not succeed")
	assert.Contains(t, body, "AADSTS7000215")

	res, _ = v.send(http.MethodGet, "/sso/begin?connection=contoso", nil, nil)
	back, err = h.source.fake.Authenticate(t.Context(), res.Header.Get("Location"), entratest.Ann)
	require.NoError(t, err)
	_, body = v.answer(back)
	assert.NotContains(t, body, "The test sign-in did not succeed")
	assert.NotContains(t, body, "Invalid client secret")
}

// Two secrets, and then the second takes the first one's place.
func TestSecrets(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	act := func(form url.Values) {
		t.Helper()
		form.Set("version", h.stored(t, "contoso").Version)
		res, body := v.send(http.MethodPost, "/connections/contoso/secret", form, nil)
		require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	}
	for next, want := range map[string]string{" test-next": "Next client secret has white space around it.", "": "Next client secret is missing."} {
		res, body := v.send(http.MethodPost, "/connections/contoso/secret", url.Values{"do": {"add"}, "name": {"client_secret"}, "version": {h.stored(t, "contoso").Version}, "next_client_secret": {next}}, nil)
		assert.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
		assert.Contains(t, body, `<a href="#next_client_secret">`+want)
		assert.Contains(t, body, `id="next_client_secret-error"`)
		assert.NotContains(t, body, "test-next")
	}
	act(url.Values{"do": {"add"}, "name": {"client_secret"}, "next_client_secret": {"test-next"}, "next_client_secret_expires_at": {"2099-01-31"}})
	assert.Equal(t, entratest.ContosoSecret, h.stored(t, "contoso").ClientSecret.Reveal())
	assert.Equal(t, 2099, h.stored(t, "contoso").NextClientSecretExpires.Year())
	_, body := v.send(http.MethodGet, "/connections/contoso", nil, nil)
	assert.NotContains(t, body, "test-next")
	act(url.Values{"do": {"promote"}, "name": {"client_secret"}})
	assert.Equal(t, "test-next", h.stored(t, "contoso").ClientSecret.Reveal())
	act(url.Values{"name": {"client_secret"}})
	assert.True(t, h.stored(t, "contoso").ClientSecret.IsZero())
}

// A domain that went to another tenant is no typing mistake: the operator confirms it, or finds out what happened.
func TestTenantChanged(t *testing.T) {
	h := startHost(t)
	require.NoError(t, h.source.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Domains = []string{"contoso.onmicrosoft.com"}
		tenants[1].Domains = append(tenants[1].Domains, "contoso.com")
		return tenants
	}))
	v := newVisitor(t, h)
	res, body := v.send(http.MethodPost, "/connections/contoso", changed(h.stored(t, "contoso"), nil), nil)
	assert.Equal(t, http.StatusConflict, res.StatusCode)
	assert.Contains(t, body, "contoso.com belongs to another tenant than before")
	assert.Equal(t, entratest.ContosoID, h.stored(t, "contoso").TenantID)
	res, _ = v.send(http.MethodPost, "/connections/contoso/tenant", url.Values{}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Equal(t, entratest.FabrikamID, h.stored(t, "contoso").TenantID)
}

// What one connection has, another is told beside the field.
func TestTaken(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	res, body := v.send(http.MethodPost, "/connections/fabrikam", changed(h.stored(t, "fabrikam"), url.Values{"home_realm_domains": {"fabrikam.com\ncontoso.com"}}), nil)
	assert.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	assert.Contains(t, body, "“contoso.com” belongs to another connection.")
	assert.Contains(t, body, `id="home_realm_domains-error"`)
}

// What people sign in to decides on the buttons; an unknown name is the first application.
func TestPlaces(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	c := h.stored(t, "contoso-wsfed").Clone()
	c.AllApplications, c.Organizations = false, []string{"northwind"}
	_, _, err := h.registry.Save(t.Context(), entra.Environment("test"), c)
	require.NoError(t, err)
	_, body := v.send(http.MethodGet, "/", nil, nil)
	assert.NotContains(t, body, annButton)
	v.send(http.MethodPost, "/place", url.Values{"application": {"orders"}, "organization": {"northwind"}}, nil)
	_, body = v.send(http.MethodGet, "/", nil, nil)
	assert.Contains(t, body, annButton)
	assert.Contains(t, body, "to Orders, at Northwind Traders.")
	assert.NotContains(t, body, "Sign in with SSO")
	v.send(http.MethodPost, "/place", url.Values{"application": {"<script>"}, "organization": {"<script>"}}, nil)
	_, body = v.send(http.MethodGet, "/", nil, nil)
	assert.Contains(t, body, "to Portal.")

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: placeCookie, Value: "nowhere:nobody"})
	assert.Equal(t, place{Application: applications[0]}, placeOf(r), "what a browser says is looked up, not believed")
}

// Whoever becomes somebody else while their test is under way does not get its report, and neither does who began no test.
func TestReportsOfOthers(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	res, _ := v.send(http.MethodPost, "/connections/contoso/test", url.Values{}, nil)
	back, err := h.source.fake.Authenticate(t.Context(), res.Header.Get("Location"), entratest.Ann)
	require.NoError(t, err)
	v.send(http.MethodPost, "/connections/as", url.Values{"as": {"adatum"}}, nil)
	res, body := v.answer(back)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.Contains(t, body, "This test is over")
	v.send(http.MethodPost, "/connections/as", url.Values{"as": {""}}, nil)
	_, body = v.send(http.MethodGet, "/connections/contoso/test", nil, nil)
	assert.NotContains(t, body, "Ann Archer")
}

// What ends soon is there for the operator, connection by connection.
func TestExpiring(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	_, body := v.send(http.MethodGet, "/connections/expiring", nil, nil)
	assert.Contains(t, body, "Nothing ends within 30 days")
	certificate, _, _ := newPair(t, "portal", time.Now().Add(70*24*time.Hour))
	for id, with := range map[string]url.Values{
		"contoso":  {"client_secret_expires_at": {time.Now().Add(50 * 24 * time.Hour).Format(time.DateOnly)}},
		"fabrikam": {"client_certificate": {certificate}},
	} {
		res, body := v.send(http.MethodPost, "/connections/"+id, changed(h.stored(t, id), with), nil)
		require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	}
	link := regexp.MustCompile(`<h2><a href="/connections/([^"]+)">`)
	for days, want := range map[string][]string{"": nil, "30": nil, "forged": nil, "60": {"contoso"}, "90": {"contoso", "fabrikam"}} {
		_, body = v.send(http.MethodGet, "/connections/expiring?days="+days, nil, nil)
		var got []string
		for _, match := range link.FindAllStringSubmatch(body, -1) {
			got = append(got, match[1])
		}
		assert.Equal(t, want, got, days)
	}
	_, body = v.send(http.MethodGet, "/connections/expiring?days=90", nil, nil)
	assert.Contains(t, body, "The client secret ends on ")
	assert.Contains(t, body, "The client certificate ends on ")
	_, body = v.send(http.MethodGet, "/connections", nil, nil)
	assert.Contains(t, body, `href="/connections/expiring"`)

	v.send(http.MethodPost, "/connections/as", url.Values{"as": {"adatum"}}, nil)
	res, _ := v.send(http.MethodGet, "/connections/expiring", nil, nil)
	assert.Equal(t, http.StatusNotFound, res.StatusCode, "it asks the providers of other customers too")
	_, body = v.send(http.MethodGet, "/connections", nil, nil)
	assert.NotContains(t, body, "/connections/expiring")
}

func TestConnectionsIn(t *testing.T) {
	for text, want := range map[string]int{
		`{"name": "a"}`: 1, `[{"name": "a"}, {"name": "b"}]`: 2, "\xef\xbb\xbf[{}]": 1, `{"code": "OK", "connection": {"name": "a"}}`: 1, `{"connections": [{}, {}], "has_more": false}`: 2,
	} {
		list, err := connectionsIn([]byte(text))
		require.NoError(t, err, text)
		assert.Len(t, list, want, text)
	}
	for _, text := range []string{"", " ", "[]", "{", "[1", `{"connections": []}`, "name,strategy"} {
		_, err := connectionsIn([]byte(text))
		require.Error(t, err, text)
	}
	many := "{}" + strings.Repeat(",{}", maxImported-1)
	list, err := connectionsIn([]byte("[" + many + "]"))
	require.NoError(t, err)
	assert.Len(t, list, maxImported)
	for _, text := range []string{"[" + many + ",{}]", `{"connections": [` + many + ",{}]}"} {
		_, err = connectionsIn([]byte(text))
		require.EqualError(t, err, "it holds 101 connections, and at most 100 are imported at once: part it into several files")
	}
}
