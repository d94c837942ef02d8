package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// Deque's axe finds nothing serious on any page, light or dark, with everything unfolded.
func TestAccessibility(t *testing.T) {
	axe := axeSource(t)
	chromium := startChromium(t)
	h := startHost(t)
	b := newBrowser(t, chromium, h)
	check := func(page string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			require.NoError(t, err)
			for _, v := range b.violations(axe) {
				if v.Impact == "serious" || v.Impact == "critical" {
					t.Errorf("%s, %s: %s (%s): %s", page, scheme, v.Help, v.ID, strings.Join(v.where(), "; "))
				}
			}
		}
	}
	open := func(path, heading string) {
		t.Helper()
		b.open(path)
		b.at(heading)
		check(path)
	}

	open("/", "Sign in")
	open("/sign-in/sso", "Sign in with SSO")
	open("/signed-out", "You are signed out")
	open("/nowhere", "No such page")
	open("/connections", "Connections")
	open("/connections/new", "Add a connection")
	b.press("Add the connection")
	b.do(chromedp.WaitVisible(chromedp.CSS("#problems")))
	check("a form with faults")
	b.shoot("unfolded")
	open("/connections/expiring", "What ends soon")
	certificate, _, _ := newPair(t, "portal", time.Now().Add(10*24*time.Hour))
	c := h.stored(t, "fabrikam").Clone()
	c.ClientCertificate, c.InsecureSHA1 = credential.NewSecret(certificate), true
	_, _, err := h.registry.Save(t.Context(), entra.Environment("test"), c)
	require.NoError(t, err)
	open("/connections/fabrikam", "Fabrikam")
	b.shoot("fabrikam")
	b.press("Add it")
	b.do(chromedp.WaitVisible(chromedp.CSS("#problems")))
	check("an exchange with a fault")
	open("/connections/expiring?days=90", "What ends soon")
	open("/connections/contoso", "Contoso")
	b.press("Test")
	b.press("Begin a test sign-in")
	b.pick(entratest.Ann)
	b.at("Contoso")
	check("a tested connection")
	open("/connections/fabrikam/guide", "Fabrikam")
	open("/connections/contoso/delete", "Delete Contoso?")
	open("/connections/import", "Import connections")
	b.fill("export", `[{"name": "x", "strategy": "wsfed:azure_ad"}]`)
	b.press("Import")
	b.do(chromedp.WaitVisible(chromedp.CSS(".outcomes")))
	check("an import with faults")
	open("/trouble", "Trouble at the fake Entra")
	b.open("/")
	b.enter("eve@example.com")
	b.at("No company sign-in for example.com")
	check("nobody's domain")
	b.enter(entratest.Maya)
	b.pick(entratest.Maya)
	b.at("Maya Many")
	check("an account with many groups")
}

// violation is a rule of axe's that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target  []string `json:"target"`
		Summary string   `json:"failureSummary"`
	}
}

func (v violation) where() []string {
	var all []string
	for _, n := range v.Nodes {
		all = append(all, strings.Join(n.Target, " ")+": "+n.Summary)
	}
	return all
}

// violations runs axe over the page. The debugger puts it there: the page's policy lets no script in.
func (b *browser) violations(axe string) []violation {
	b.t.Helper()
	text := get(b, chromedp.Evaluate[string](axe+`
		;for (const d of document.querySelectorAll("details")) d.open = true;
		axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify([r.violations, r.passes.length]))`, chromedp.EvalAwaitPromise))
	var found []violation
	var passed int
	require.NoError(b.t, json.Unmarshal([]byte(text), &[]any{&found, &passed}))
	assert.Positive(b.t, passed, "axe looked at something")
	return found
}

// axeSource is axe-core from npm, as the lock file has it.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(testservers.NodeModules(t, filepath.Join("testdata", "node")), "axe-core", "axe.min.js"))
	require.NoError(t, err)
	return string(source)
}
