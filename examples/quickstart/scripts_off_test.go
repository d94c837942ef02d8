package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// newPlainBrowser is one in which no page runs a script. The driver's own still do: they come from outside of the page.
func newPlainBrowser(t *testing.T, b *browser) *browser {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.open("/")
	return b
}

// carry takes the answer from the provider to the host by hand, where its page would send it by script.
func (b *browser) carry() {
	b.t.Helper()
	b.at("Going back…")
	b.shoot("going-back")
	b.press("Continue")
}

// Whoever has scripts switched off signs in over both protocols and by every way of answering, and out again.
func TestSignInWithoutScripts(t *testing.T) {
	chromium := startChromium(t)
	h := startHost(t)
	for name, test := range map[string]struct {
		address, who string
		mode         string // of the response, over OAuth 2.0
		posted       bool
	}{
		"OAuth 2.0, query":     {address: entratest.Ann, who: annArcher},
		"OAuth 2.0, form_post": {address: entratest.Ann, who: annArcher, mode: "form_post", posted: true},
		"WS-Federation":        {address: entratest.Bob, who: bobBrandt, posted: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := h.stored(t, "contoso").Clone()
			c.ResponseMode = test.mode
			_, _, err := h.registry.Save(t.Context(), entra.Environment("test"), c)
			require.NoError(t, err)
			b := newPlainBrowser(t, newBrowser(t, chromium, h))
			b.enter(test.address)
			b.pick(test.address)
			if test.posted {
				b.carry()
			}
			b.at(test.who)
			b.press("Sign out everywhere")
			b.do(chromedp.WaitVisible(`//p[contains(., "signed out of this browser")]`))
			b.press("Continue")
			b.do(chromedp.WaitVisible(`//a[.="Sign in again"]`))
			b.open("/account")
			b.at("Sign in")
			assert.Empty(t, b.complaints())
		})
	}
}

// Every step of an admin's works without a script, too: adding with a certificate as a file, testing, switching on, exchanging, importing, deleting.
func TestAdminWithoutScripts(t *testing.T) {
	chromium := startChromium(t)
	h := startHostAt(t, filepath.Join(t.TempDir(), "quickstart.json"), true)
	_, pfx, der := newPair(t, "portal", time.Now().Add(20*24*time.Hour))
	next, _, _ := newPair(t, "the next one", time.Now().Add(365*24*time.Hour))
	h.onlyCertificate(t, der)
	file := filepath.Join(t.TempDir(), "portal.pfx")
	require.NoError(t, os.WriteFile(file, pfx, 0o600))

	b := newPlainBrowser(t, newBrowser(t, chromium, h))
	b.open("/connections")
	b.press("Add a connection")
	b.at("Add a connection")
	assert.Empty(t, b.texts("button.copy:not([hidden])"), "a button that could do nothing is not shown")
	b.fill("name", "contoso")
	b.fill("display_name", "Contoso")
	b.fill("entra_id_domain", "contoso.com")
	b.fill("client_id", entratest.ContosoApp)
	b.unfold("Instead of a secret")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#client_certificate_file"), []string{file}))
	b.fill("client_certificate_password", "test-wrong")
	b.press("Add the connection")
	b.do(chromedp.WaitVisible(chromedp.CSS("#client_certificate-error")))
	b.shoot("certificate-error")
	assert.Equal(t, []string{"Client certificate: The PFX has another password, or is damaged."}, b.texts("#problems li"))
	assert.Empty(t, b.value("client_certificate_password"))
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#client_certificate_file"), []string{file}))
	b.fill("client_certificate_password", pfxPassword)
	b.press("Add the connection")
	b.at("Contoso")
	b.shoot("certificate")
	assert.Contains(t, b.text(), "Now: CN=portal, valid until")
	connection := b.path()

	b.press("Test")
	b.press("Begin a test sign-in")
	b.pick(entratest.Ann)
	b.at("Contoso")
	assert.Contains(t, b.text(), "It worked for Ann Archer")
	b.press("Setup guide")
	b.do(chromedp.WaitVisible(chromedp.CSS("#manifest")))
	b.press("Settings")
	b.press("Off")
	b.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=true]")))
	b.tick("app-portal")
	b.press("Save for whom it is on")
	b.do(chromedp.WaitVisible(`//p[contains(., "On for Portal")]`))

	b.open("/connections")
	b.press("What ends soon")
	b.at("What ends soon")
	b.shoot("expiring")
	assert.Contains(t, b.text(), "The client certificate ends on")
	b.choose("days", "60")
	b.press("Show")
	assert.Equal(t, "60", b.value("days"))
	b.press("Contoso")
	b.at("Contoso")
	b.fill("next_client_certificate", "no PEM")
	b.press("Add it")
	b.do(chromedp.WaitVisible(chromedp.CSS("#next_client_certificate-error")))
	b.paste("next_client_certificate", next)
	b.press("Add it")
	b.press("Have the next one take its place")
	b.do(chromedp.WaitVisible(`//p[starts-with(normalize-space(), "Now: CN=the next one")]`))

	b.open("/connections/import")
	b.fill("export", `{"name": "fabrikam", "strategy": "wsfed:azure_ad", "options": {"client_id": "`+entratest.FabrikamApp+`", "entra_id_domain": "fabrikam.com"}}`)
	b.press("Import")
	assert.Equal(t, []string{"saved"}, b.texts(".outcomes .badge"))
	b.open(connection)
	b.press("Delete this connection")
	b.press("Delete it")
	b.do(chromedp.WaitVisible(`//p[normalize-space()="Deleted."]`))
	b.choose("as", "adatum")
	b.press("Change")
	b.do(chromedp.WaitVisible(`//h2[.="You act as an administrator of Adatum"]`))
	assert.Len(t, b.complaints(), 2, "422 for the two forms with faults, and nothing else: %v", b.complaints())
}
