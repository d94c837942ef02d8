package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	browserlog "github.com/chromedp/cdproto/log"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startHost serves a host with a fake Entra of its own, at localhost, where cookies are shared between ports.
func startHost(t *testing.T, wrap ...func(http.Handler) http.Handler) *host {
	t.Helper()
	return startHostAt(t, filepath.Join(t.TempDir(), "quickstart.json"), false, wrap...)
}

// startHostAt serves a host that keeps its data in a file, and begins without connections where the test wants to add them.
func startHostAt(t *testing.T, data string, empty bool, wrap ...func(http.Handler) http.Handler) *host {
	t.Helper()
	for _, name := range []string{"ENTRA_TENANT", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET"} {
		t.Setenv(name, "")
	}
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	h, err := newHost(t.Context(), "http://localhost:"+port, data, empty, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(h.close)
	server.Config.Handler = h.handler()
	for _, w := range wrap {
		server.Config.Handler = w(server.Config.Handler)
	}
	server.Start()
	t.Cleanup(server.Close)
	return h
}

// startChromium starts Chromium with an empty profile. newBrowser opens windows in it.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
			t.Fatal("chromium is not installed, and TENANTDOOR_REQUIRE_SERVICES=1 asks for it")
		}
		t.Skip("chromium is not installed")
	}
	// Chromium leaves folders behind where it keeps temporary things, and its children may still write when it has ended. The path of its socket must be short.
	folder, err := os.MkdirTemp("", "chromium-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), // it outlives t.Context(), and is closed in a cleanup
		chromedp.ExecPath(path), chromedp.Env("TMPDIR="+folder), chromedp.WindowSize(1200, 900), chromedp.WSURLReadTimeout(patience),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// browser is one person's browser: it shares no cookie with another.
type browser struct {
	t   *testing.T
	ctx context.Context // chromedp's handle of a window
	h   *host

	mu       sync.Mutex
	problems []string
}

// newBrowser opens the sign-in page.
func newBrowser(t *testing.T, chromium context.Context, h *host) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, h: h}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	_, err := chromedp.Call(ctx, browserlog.Enable, cdp.Empty{})
	require.NoError(t, err)
	b.open("/")
	return b
}

// listen collects what a browser complains about: refused by the content security policy, not found, a broken script.
func (b *browser) listen(event any) {
	var text string
	switch e := event.(type) {
	case *browserlog.EventEntryAdded:
		if e.Entry.Source == browserlog.EntrySourceRecommendation {
			return // on forms for people's passwords; a client secret is none
		}
		text = string(e.Entry.Source) + ": " + e.Entry.Text
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.problems)
}

// patience bounds one step of a person, and the start of Chromium, on a machine that does other things as well.
const patience = 2 * time.Minute

// do takes steps; what they fail with is shown together with the page.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		require.NoError(b.t, err, "at %s:\n%s", b.path(), b.text())
	}
}

// get runs an action that returns something.
func get[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	require.NoError(b.t, err)
	return v
}

func (b *browser) open(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.h.base + path)) }

// at waits for the page with this heading.
func (b *browser) at(heading string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(`//h1[normalize-space()="` + heading + `"]`))
}

// press clicks a button or a link by its text, and waits until the page that it leads to is there.
func (b *browser) press(text string) {
	b.t.Helper()
	click := chromedp.Click(`//main//*[self::a or self::button][normalize-space()="` + text + `"]`)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, click)); err != nil {
		require.NoError(b.t, err, "pressing %q at %s:\n%s", text, b.path(), b.text())
	}
}

// enter types an address into the page's box, and Enter.
func (b *browser) enter(address string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#address"), address+"\r"))
}

// pick clicks an account on the fake tenant's page.
func (b *browser) pick(address string) {
	b.t.Helper()
	b.at("Pick an account")
	b.do(chromedp.Click(chromedp.CSS(`button[name=username][value="` + address + `"]`)))
}

// text returns what a person reads on the page.
func (b *browser) text() string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](`document.body.innerText`))
}

// path returns where the browser is, without the query: what Entra answers is in there, and belongs in no log.
func (b *browser) path() string {
	b.t.Helper()
	location, _, _ := strings.Cut(get(b, chromedp.Location()), "?")
	return strings.TrimPrefix(location, b.h.base)
}

// texts returns the texts of all elements that a selector finds.
func (b *browser) texts(selector string) []string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("`+selector+`")].map(e => e.textContent.trim())`))
}

// person returns the tenant and the object id that the account page shows.
func (b *browser) person() [2]string {
	b.t.Helper()
	id := [2]string{get(b, chromedp.TextContent(chromedp.CSS("#tenant"))), get(b, chromedp.TextContent(chromedp.CSS("#object")))}
	assert.NotContains(b.t, id, "")
	return id
}

// shoot keeps what the page looks like, light, dark and narrow, in the folder that TENANTDOOR_SCREENSHOTS names.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("TENANTDOOR_SCREENSHOTS")
	if folder == "" {
		return
	}
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1200}, {"dark", "dark", 1200}, {"narrow", "light", 390}} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}})
		require.NoError(b.t, err)
		b.do(chromedp.EmulateViewport(look.width, 800))
		require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+"-"+look.name+".png"), get(b, chromedp.FullScreenshot(100)), 0o600))
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	require.NoError(b.t, err)
	b.do(chromedp.ResetViewport())
}

// fill types into an input in place of what is in there.
func (b *browser) fill(id, text string) {
	b.t.Helper()
	get(b, chromedp.Evaluate[bool](`(document.getElementById("`+id+`").select(), true)`))
	b.do(chromedp.SendKeys(chromedp.CSS("#"+id), "\b"+text))
}

// choose chooses in a select.
func (b *browser) choose(id, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#"+id), value))
}

// tick changes a check box.
func (b *browser) tick(id string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS("#" + id))) }

// value returns what is in an input.
func (b *browser) value(id string) string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](`document.getElementById("`+id+`").value`))
}

// attribute returns an attribute, or "".
func (b *browser) attribute(id, name string) string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](`document.getElementById("`+id+`").getAttribute("`+name+`") ?? ""`))
}

// signInTo chooses on the sign-in page what to sign in to.
func (b *browser) signInTo(application, organization string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS("details.place summary")))
	b.choose("application", application)
	b.choose("organization", organization)
	b.press("Change")
	b.at("Sign in")
}

// paste puts text into an input in one piece.
func (b *browser) paste(id, text string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#"+id), text))
}

// unfold opens the part of a form with this name.
func (b *browser) unfold(name string) {
	b.t.Helper()
	b.do(chromedp.Click(`//summary[normalize-space()="` + name + `"]`))
}
