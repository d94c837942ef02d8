package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

const sessionCookie = "cluster_session"

// session is who is signed in. It lies in the browser, sealed: any server can read it, nobody else can.
type session struct {
	Name, User, Protocol  string
	Flow, Began, Finished string
	Expires               time.Time
}

// handler routes the host's own pages beside the library's, below /sso/.
func (n *node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/sso/", n.service)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { n.show(w, r, http.StatusOK, "sign-in", nil) })
	mux.HandleFunc("GET /account", n.accountPage)
	csrf := http.NewCrossOriginProtection()
	csrf.AddInsecureBypassPattern("POST /sso/callback/") // there the sealed flow says that this browser asked for it
	return csrf.Handler(mux)
}

func (n *node) accountPage(w http.ResponseWriter, r *http.Request) {
	if s, ok := n.session(r); ok {
		n.show(w, r, http.StatusOK, "account", s)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (n *node) startSession(w http.ResponseWriter, r *http.Request, s session) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := n.keys.Seal(r.Context(), plain, []byte(sessionCookie))
	if err != nil {
		return err
	}
	// With https it would be Secure, and its name would begin with __Host-.
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: base64.RawURLEncoding.EncodeToString(sealed), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // see above
	return nil
}

func (n *node) session(r *http.Request) (s session, ok bool) {
	sent, err := r.Cookie(sessionCookie)
	if err != nil {
		return s, false
	}
	return openSession(r.Context(), n.keys, sent.Value)
}

func openSession(ctx context.Context, keys *entra.Keyring, value string) (s session, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return s, false
	}
	plain, err := keys.Open(ctx, sealed, []byte(sessionCookie))
	if err != nil || json.Unmarshal(plain, &s) != nil {
		return s, false
	}
	return s, time.Now().Before(s.Expires)
}

type errorView struct {
	Text  string
	Retry bool
}

func (n *node) show(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, page, struct {
		Server string
		Data   any
	}{n.Name, data}); err != nil {
		n.log.WarnContext(r.Context(), "page", "error", err)
	}
}

var pages = template.Must(template.New("").Parse(`{{define "head"}}<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Cluster</title>
<style>
:root { color-scheme: light dark }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.25rem }
input, button { font: inherit; padding: .5rem .75rem; box-sizing: border-box }
input { width: 100%; margin: .25rem 0 1rem }
footer { opacity: .7; margin-top: 3rem }
</style>
<main>{{end}}

{{define "foot"}}</main>
<footer>This page comes from {{.Server}}.</footer>
</html>
{{end}}

{{define "sign-in"}}{{template "head"}}<h1>Sign in</h1>
<form method="post" action="/sso/discover">
<label for="address">Your work email address</label>
<input id="address" name="address" type="email" autocomplete="username" value="ann@contoso.com" required>
<button type="submit">Continue</button>
</form>
{{template "foot" .}}{{end}}

{{define "account"}}{{template "head"}}<h1>{{.Data.Name}}</h1>
<p>You began to sign in on {{.Data.Began}} and finished on {{.Data.Finished}}, over {{.Data.Protocol}}.</p>
<p><a href="/">Sign in again</a></p>
{{template "foot" .}}{{end}}

{{define "error"}}{{template "head"}}<h1>You are not signed in</h1>
<p>{{.Data.Text}}</p>
{{if .Data.Retry}}<p><a href="/">Sign in again</a></p>{{end}}
{{template "foot" .}}{{end}}
`))
