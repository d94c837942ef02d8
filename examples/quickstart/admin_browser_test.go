package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// What an admin does in a browser, from nothing to people who sign in, and on from there.
func TestAdminAddsContoso(t *testing.T) {
	chromium := startChromium(t)
	h := startHostAt(t, filepath.Join(t.TempDir(), "quickstart.json"), true)
	admin := newBrowser(t, chromium, h)
	admin.at("Sign in")
	admin.shoot("empty-sign-in")
	assert.Equal(t, []string{"Sign in with SSO"}, admin.texts(".buttons a"), "the universal button, and no connection's")
	admin.open("/connections")
	admin.at("Connections")
	admin.shoot("empty-connections")
	assert.Contains(t, admin.text(), "No connection yet")

	// What is wrong is said beside the field, and nothing that was typed is lost.
	admin.press("Add a connection")
	admin.at("Add a connection")
	admin.shoot("new-connection")
	assert.Equal(t, []string{h.base + "/sso/callback/oauth2", h.base + "/sso/callback/wsfed"}, admin.texts(".copybox code"))
	admin.fill("display_name", "Contoso")
	admin.fill("entra_id_domain", "common")
	admin.fill("client_id", "not a GUID")
	admin.fill("home_realm_domains", "gmail.com")
	admin.fill("upstream_params", "{prompt}")
	admin.press("Add the connection")
	admin.do(chromedp.WaitVisible(chromedp.CSS("#problems")))
	admin.shoot("field-errors")
	for field, want := range map[string]string{
		"name": "Name is missing.", "entra_id_domain": "stands for many tenants", "client_id": "Client ID is not a GUID.", "home_realm_domains": "Anybody can get an address at gmail.com.",
		"upstream_params": "They are not written as",
	} {
		assert.Contains(t, get(admin, chromedp.TextContent(chromedp.CSS("#"+field+"-error"))), want, field)
		assert.Contains(t, admin.attribute(field, "aria-describedby"), field+"-error")
		assert.Equal(t, "true", admin.attribute(field, "aria-invalid"), field)
	}
	assert.Equal(t, "Contoso", admin.value("display_name"))
	assert.Equal(t, "{prompt}", admin.value("upstream_params"))
	assert.Len(t, admin.texts("#problems li"), 5)

	admin.fill("name", "contoso")
	admin.fill("entra_id_domain", "contoso.com")
	admin.fill("client_id", entratest.ContosoApp)
	admin.fill("client_secret", entratest.ContosoSecret)
	admin.fill("home_realm_domains", "")
	admin.fill("upstream_params", `{"login_hint": {"alias": "login_hint"}}`)
	admin.tick("is_extended_attributes_required")
	admin.press("Add the connection")
	admin.at("Contoso")
	admin.shoot("added")
	assert.Contains(t, admin.text(), "Saved. Test it, then switch it on.")
	assert.Contains(t, admin.text(), entratest.ContosoID, "the tenant is pinned")
	assert.Empty(t, admin.value("client_secret"), "a secret is never shown again")
	assert.NotContains(t, get(admin, chromedp.OuterHTML(chromedp.CSS("html"))), entratest.ContosoSecret)

	// Tested while it is off: by itself, and with a person, who becomes no user.
	admin.press("Test")
	admin.do(chromedp.WaitVisible(chromedp.CSS(".results")))
	assert.NotEmpty(t, admin.texts(".results .ok, .results li.ok"))
	assert.Empty(t, admin.texts(".results li.error"))
	admin.press("Begin a test sign-in")
	admin.pick(entratest.Ann)
	admin.at("Contoso")
	admin.shoot("tested")
	text := admin.text()
	for _, want := range []string{"It worked for Ann Archer", "A new user would be created.", "3, from the token.", "Every claim"} {
		assert.Contains(t, text, want)
	}
	assert.Contains(t, admin.texts(".claims dt"), "preferred_username")
	stranger := newBrowser(t, chromium, h)
	stranger.open(admin.path())
	assert.NotContains(t, stranger.text(), "Ann Archer", "only whoever began a test sees what came of it")
	users, err := h.store.users.CountUsers(t.Context(), provisioning.UserFilter{})
	require.NoError(t, err)
	assert.Zero(t, users)

	admin.press("Setup guide")
	admin.do(chromedp.WaitVisible(chromedp.CSS("#manifest")))
	admin.shoot("guide")
	assert.Contains(t, admin.text(), h.base+"/sso/callback/oauth2")

	// Switched on for one application, it shows its button there and nowhere else.
	admin.press("Settings")
	admin.press("Off")
	admin.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=true]")))
	assert.Contains(t, admin.text(), "On for nobody")
	admin.tick("app-portal")
	admin.press("Save for whom it is on")
	admin.do(chromedp.WaitVisible(`//p[contains(., "On for Portal")]`))
	admin.shoot("switched-on")

	ann := newBrowser(t, chromium, h)
	assert.Equal(t, []string{"Contoso", "Sign in with SSO"}, ann.texts(".buttons a"), "no domains: a button")
	ann.signInTo("orders", "")
	assert.Empty(t, ann.texts(".buttons a"), "off for this application, which shows no universal button either")
	ann.signInTo("portal", "")
	ann.press("Contoso")
	ann.pick(entratest.Ann)
	ann.at(annArcher)
	ann.shoot("account")
	person, user := ann.person(), get(ann, chromedp.TextContent(chromedp.CSS("#user")))
	require.NotEmpty(t, user)
	assert.Contains(t, ann.text(), "Principal engineer", "the extended profile")

	// The other protocol, and she is who she was.
	admin.choose("strategy", string(entra.WSFed))
	admin.press("Save")
	admin.do(chromedp.WaitVisible(`//p[contains(., "WS-Federation · Shared")]`))
	assert.Equal(t, []string{h.base + "/sso/callback/wsfed"}, admin.texts("#callback-url"))
	again := newBrowser(t, chromium, h)
	again.press("Contoso")
	again.pick(entratest.Ann)
	again.at(annArcher)
	assert.Contains(t, again.text(), "WS-Federation")
	assert.Contains(t, again.text(), "Signed in as the user we know.")
	assert.Equal(t, person, again.person())
	assert.Equal(t, user, get(again, chromedp.TextContent(chromedp.CSS("#user"))))

	// Proven domains: no button, and at once to the provider; forced: the button too.
	admin.fill("home_realm_domains", "@contoso.com")
	admin.press("Save")
	admin.do(chromedp.WaitVisible(`//strong[text()="contoso.com"]/following-sibling::*[text()="proven"]`))
	admin.shoot("proven")
	again.open("/signed-out")
	again.open("/")
	assert.Equal(t, []string{"Sign in with SSO"}, again.texts(".buttons a"))
	other := newBrowser(t, chromium, h)
	other.press("Sign in with SSO")
	other.enter(entratest.Ann)
	other.at("Pick an account")
	admin.tick("is_force_show_sso_button")
	admin.press("Save")
	admin.do(chromedp.WaitVisible(`//p[normalize-space()="Saved. New sign-ins go by it."]`))
	again.open("/")
	assert.Equal(t, []string{"Contoso", "Sign in with SSO"}, again.texts(".buttons a"))

	// Deleting says who depends on it.
	admin.press("Delete this connection")
	admin.at("Delete Contoso?")
	admin.shoot("delete")
	assert.Contains(t, admin.text(), "One user signs in through it, and could not any more.")
	admin.press("Delete it")
	admin.do(chromedp.WaitVisible(`//p[normalize-space()="Deleted."]`))
	for _, b := range []*browser{ann, again, other} {
		assert.Empty(t, b.complaints())
	}
	assert.Len(t, admin.complaints(), 1, "422 for the form with faults, and nothing else: %v", admin.complaints())
}

// Two admins change one connection. The second is told what the first did, and decides.
func TestAdminsInEachOthersWay(t *testing.T) {
	chromium := startChromium(t)
	h := startHost(t)
	first, second := newBrowser(t, chromium, h), newBrowser(t, chromium, h)
	first.open("/connections/contoso")
	second.open("/connections/contoso")
	first.fill("display_name", "Contoso Ltd")
	first.press("Save")
	first.at("Contoso Ltd")
	second.fill("entra_id_domain", "contoso.onmicrosoft.com")
	second.press("Save")
	second.do(chromedp.WaitVisible(`//h2[.="Somebody else changed this connection"]`))
	second.shoot("conflict")
	assert.Equal(t, []string{"Display name", "Contoso Ltd", "Contoso", "Entra ID domain", "contoso.com", "contoso.onmicrosoft.com"}, second.texts(".notice tbody th, .notice tbody td"))
	assert.Equal(t, "contoso.onmicrosoft.com", second.value("entra_id_domain"), "what was typed stays")
	second.fill("display_name", "Contoso Ltd")
	second.press("Save")
	second.do(chromedp.WaitVisible(`//p[normalize-space()="Saved. New sign-ins go by it."]`))
	c, err := h.store.connections.Connection(t.Context(), "contoso")
	require.NoError(t, err)
	assert.Equal(t, "Contoso Ltd", c.DisplayName)
	assert.Equal(t, "contoso.onmicrosoft.com", c.EntraDomain)
	assert.Equal(t, entratest.ContosoSecret, c.ClientSecret.Reveal(), "left empty it stays as it was")
}

// A customer's administrator sees their own connections only, may not say what steers whom we trust, and proves a domain by signing in.
func TestOrganizationsAdministrator(t *testing.T) {
	chromium := startChromium(t)
	h := startHostAt(t, filepath.Join(t.TempDir(), "quickstart.json"), true)
	require.NoError(t, h.source.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].GroupClaims = "SecurityGroup, DirectoryRole" // as the setup guide has it
		return tenants
	}))
	b := newBrowser(t, chromium, h)
	b.open("/connections")
	b.choose("as", "adatum")
	b.press("Change")
	b.do(chromedp.WaitVisible(`//h2[.="You act as an administrator of Adatum"]`))
	b.press("Add a connection")
	b.at("Add a connection")
	b.shoot("new-connection-organization")
	for _, guarded := range []string{"organization_id", "is_trust_emails_enabled", "is_any_tenant_allowed", "cloud", "metadata_url"} {
		assert.Empty(t, b.texts("#"+guarded), guarded)
	}
	b.fill("name", "ours")
	b.fill("display_name", "Adatum")
	b.fill("entra_id_domain", "contoso.com")
	b.fill("client_id", entratest.ContosoApp)
	b.fill("client_secret", entratest.ContosoSecret)
	b.fill("home_realm_domains", "contoso.com")
	b.press("Add the connection")
	b.at("Adatum")
	b.shoot("pending")
	assert.Equal(t, []string{"pending", "pending"}, b.texts(".badge"))
	connection := b.path()

	// By a record in DNS, once it is there; then a second domain by an administrator of the tenant.
	b.press("Look for the record")
	b.do(chromedp.WaitVisible(`//p[normalize-space()="No domain could be proven. Nothing has changed."]`))
	b.press("Put it into the fake DNS")
	b.press("Look for the record")
	b.do(chromedp.WaitVisible(`//span[.="proven"]`))
	assert.Contains(t, b.text(), "the operator’s records say so")
	b.fill("home_realm_domains", "contoso.com contoso.onmicrosoft.com")
	b.press("Save")

	b.press("Test")
	b.press("Begin a test sign-in")
	b.pick(entratest.Ada)
	b.at("Adatum")
	b.shoot("tested-by-administrator")
	b.press("Prove contoso.onmicrosoft.com by this sign-in")
	assert.Equal(t, []string{"proven", "proven"}, b.texts(".badge"))
	b.press("Off")
	b.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=true]")))

	ann := newBrowser(t, chromium, h)
	ann.enter(entratest.Ann)
	ann.pick(entratest.Ann)
	ann.at(annArcher)

	b.open("/connections")
	b.choose("as", "northwind")
	b.press("Change")
	b.do(chromedp.WaitVisible(`//h2[.="You act as an administrator of Northwind Traders"]`))
	assert.NotContains(t, b.text(), "contoso.com")
	b.open(connection)
	b.at("No such page")
}

// An export of Kinde's, with one connection that is right and one that is not.
func TestImport(t *testing.T) {
	chromium := startChromium(t)
	h := startHostAt(t, filepath.Join(t.TempDir(), "quickstart.json"), true)
	b := newBrowser(t, chromium, h)
	b.open("/connections")
	b.press("Import")
	b.at("Import connections")
	b.shoot("import")
	b.fill("export", "{")
	b.press("Import")
	b.do(chromedp.WaitVisible(chromedp.CSS("#problem")))

	file := filepath.Join(t.TempDir(), "export.json")
	require.NoError(t, os.WriteFile(file, []byte(`[
	  {"name": "contoso", "display_name": "Contoso", "strategy": "oauth2:azure_ad", "enabled_applications": ["3f1c9e2b7a"],
	   "options": {"client_id": "`+entratest.ContosoApp+`", "client_secret": "`+entratest.ContosoSecret+`", "entra_id_domain": "contoso.com",
	     "home_realm_domains": ["@contoso.com"], "is_create_missing_user": true, "is_retrieve_provider_user_groups": true, "upstream_params": {"username": {"alias": "login_hint"}}}},
	  {"name": "broken", "strategy": "oauth2:azure_ad", "enabled_applications": [], "options": {"client_id": "x", "entra_id_domain": "common", "home_realm_domains": ["gmail.com"]}}
	]`), 0o600))
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.press("Import")
	b.do(chromedp.WaitVisible(chromedp.CSS(".outcomes")))
	b.shoot("imported")
	assert.Equal(t, []string{"saved", "not saved"}, b.texts(".outcomes .badge"))
	assert.Len(t, b.texts(".outcomes li:nth-child(2) li.error"), 3, "every fault")
	assert.Contains(t, b.text(), `No application here has the id "3f1c9e2b7a".`)
	b.press("Contoso")
	b.at("Contoso")
	b.press("Off")
	b.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=true]")))
	b.tick("app-portal")
	b.press("Save for whom it is on")
	b.do(chromedp.WaitVisible(`//p[contains(., "On for Portal")]`))
	ann := newBrowser(t, chromium, h)
	ann.enter(entratest.Ann)
	ann.pick(entratest.Ann)
	ann.at(annArcher)
}
