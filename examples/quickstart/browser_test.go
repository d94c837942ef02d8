package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const (
	annArcher = "Ann Archer"
	bobBrandt = "Bob Brandt"
	annButton = "Contoso over WS-Federation"
	byName    = "Contoso, groups by name"
)

// What people do in their browsers, from the sign-in page to their groups and out again.
func TestBrowser(t *testing.T) {
	chromium := startChromium(t)
	h := startHost(t)

	t.Run("Ann of Contoso over OAuth 2.0", func(t *testing.T) {
		b := newBrowser(t, chromium, h)
		b.at("Sign in")
		b.shoot("sign-in")
		assert.Equal(t, []string{annButton, byName, "Sign in with SSO"}, b.texts(".buttons a"), "what a home realm domain leads to shows no button")
		b.enter(entratest.Ann)
		b.at("Pick an account")
		b.shoot("pick-an-account")
		b.pick(entratest.Ann)
		b.at(annArcher)
		b.shoot("account-oauth2")

		assert.Equal(t, "/account", b.path())
		text := b.text()
		for _, want := range []string{"OAuth 2.0", "A new user was created.", `"ext_provider"`, `"ext_groups"`, `"extra_claims"`} {
			assert.Contains(t, text, want)
		}
		assert.ElementsMatch(t, []string{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}, b.texts(".groups code"))

		b.press("Sign out")
		b.at("You are signed out")
		b.shoot("signed-out")
		b.press("Sign in again")
		b.at("Sign in")
		b.enter(entratest.Ann) // her tenant still knows her, and so do we
		b.at(annArcher)
		assert.Contains(t, b.text(), "Signed in as the user we know.")
		assert.Empty(t, b.complaints())
	})

	t.Run("Bob of Fabrikam over WS-Federation", func(t *testing.T) {
		b := newBrowser(t, chromium, h)
		b.press("Sign in with SSO")
		b.at("Sign in with SSO")
		b.shoot("sso")
		b.enter(entratest.Bob)
		b.pick(entratest.Bob)
		b.at(bobBrandt)
		b.shoot("account-wsfed")
		assert.Contains(t, b.text(), "WS-Federation")
		assert.ElementsMatch(t, []string{entratest.FabrikamSales, entratest.FabrikamStaff}, b.texts(".groups code"))
		assert.Empty(t, b.complaints())
	})

	t.Run("Maya is in too many groups for a token", func(t *testing.T) {
		b := newBrowser(t, chromium, h)
		b.enter(entratest.Maya)
		b.pick(entratest.Maya)
		b.at("Maya Many")
		b.shoot("account-overage")
		assert.Len(t, b.texts(".groups code"), 1000)
		assert.Contains(t, b.text(), "1000, from Microsoft Graph.")
	})

	t.Run("the same person over both protocols", func(t *testing.T) {
		over := func(begin func(b *browser)) [2]string {
			b := newBrowser(t, chromium, h)
			begin(b)
			b.pick(entratest.Ann)
			b.at(annArcher)
			return b.person()
		}
		assert.Equal(t, over(func(b *browser) { b.enter(entratest.Ann) }), over(func(b *browser) { b.press(annButton) }))
	})

	t.Run("a domain without a connection", func(t *testing.T) {
		b := newBrowser(t, chromium, h)
		b.enter("eve@example.com")
		b.at("No company sign-in for example.com")
		b.shoot("no-connection")
		assert.Contains(t, b.text(), "Nobody has set up single sign-on for this domain.")
		b.enter(entratest.Ann) // the page offers another try
		b.at("Pick an account")
	})

	for name, who := range map[string][2]string{"OAuth 2.0": {entratest.Ann, annArcher}, "WS-Federation": {entratest.Bob, bobBrandt}} {
		t.Run("sign-out everywhere over "+name, func(t *testing.T) {
			b := newBrowser(t, chromium, h)
			b.enter(who[0])
			b.pick(who[0])
			b.at(who[1])
			b.press("Sign out everywhere")
			b.at("You are signed out")
			assert.Equal(t, "/signed-out", b.path())
			b.open("/account")
			b.at("Sign in")
			b.enter(who[0])
			b.at("Pick an account") // the tenant has forgotten them too
			assert.Empty(t, b.complaints())
		})
	}

	t.Run("a connection switched off midway", func(t *testing.T) {
		admin := newBrowser(t, chromium, h)
		admin.open("/connections")
		admin.at("Connections")
		admin.shoot("connections")
		admin.press("Fabrikam")
		admin.at("Fabrikam")
		admin.shoot("connection")
		admin.do(chromedp.WaitVisible(chromedp.CSS("button.copy")))
		assert.Equal(t, []string{h.base + "/sso/callback/wsfed"}, admin.texts("#callback-url"))

		bob := newBrowser(t, chromium, h)
		bob.enter(entratest.Bob)
		bob.at("Pick an account")

		admin.press("On")
		admin.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=false]")))
		admin.shoot("connection-off")
		bob.pick(entratest.Bob)
		bob.at("This sign-in is switched off")
		assert.NotEmpty(t, bob.texts("#attempt"))
		bob.open("/account")
		bob.at("Sign in")

		admin.press("Off")
		admin.do(chromedp.WaitVisible(chromedp.CSS("button[role=switch][aria-checked=true]")))
		assert.Empty(t, admin.complaints())
	})
}

// An answer that one browser asked for is worth nothing in another (login CSRF, RFC 6749 section 10.12), and is not spent there either.
func TestCallbackInAnotherBrowser(t *testing.T) {
	chromium := startChromium(t)
	var hold atomic.Bool
	held := make(chan string, 1)
	h := startHost(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/sso/callback/") && hold.CompareAndSwap(true, false) {
				held <- r.URL.RequestURI()
				w.WriteHeader(http.StatusNoContent) // the browser stays where it is
				return
			}
			next.ServeHTTP(w, r)
		})
	})

	hold.Store(true)
	first := newBrowser(t, chromium, h)
	first.enter(entratest.Ann)
	first.pick(entratest.Ann)
	var answer string
	select {
	case answer = <-held:
	case <-t.Context().Done():
		t.Fatal("the fake Entra sent nobody back")
	}

	second := newBrowser(t, chromium, h)
	second.open(answer)
	second.at("This sign-in is no longer valid")
	second.shoot("error")
	assert.Len(t, second.texts("#attempt"), 1)
	second.open("/account")
	second.at("Sign in")

	first.open(answer)
	first.at(annArcher)
	first.open(answer) // once
	first.at("This sign-in is no longer valid")
}

// By keyboard alone, the sign-in page is walked in the order in which one sees it.
func TestKeyboard(t *testing.T) {
	chromium := startChromium(t)
	b := newBrowser(t, chromium, startHost(t))
	b.at("Sign in")
	var order []string
	for range 5 {
		order = append(order, get(b, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.textContent.trim()`)))
		b.do(chromedp.KeyEvent("\t"))
	}
	assert.Equal(t, []string{"address", "Continue", annButton, byName, "Sign in with SSO"}, order)
}
