package main

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

//go:embed pages assets
var files embed.FS

// pages are the templates by name, each within the layout.
var pages = func() map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "pages/layout.html", "pages/form.html"))
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		if name != "pages/layout.html" && name != "pages/form.html" {
			all[strings.TrimSuffix(strings.TrimPrefix(name, "pages/"), ".html")] = template.Must(template.Must(layout.Clone()).ParseFS(files, name))
		}
	}
	return all
}()

func assets() http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "max-age=300")
		serve.ServeHTTP(w, r)
	})
}

// frame is what every page has around its own data.
type frame struct {
	Title, Here, Width string
	SignedIn, Fake     bool
	View               any
}

// titles are the pages' titles; which part of the navigation they belong to; and how wide they are.
var titles = map[string]struct {
	title, here, width string
}{
	"sign-in":        {"Sign in", "sign-in", "narrow"},
	"sso":            {"Sign in with SSO", "sign-in", "narrow"},
	"no-connection":  {"No company sign-in", "sign-in", "narrow"},
	"error":          {"Error", "", "narrow"},
	"signed-out":     {"Signed out", "", "narrow"},
	"account":        {"Account", "account", ""},
	"connections":    {"Connections", "connections", ""},
	"new-connection": {"Add a connection", "connections", "medium"},
	"connection":     {"Connection", "connections", "medium"},
	"test":           {"Test a connection", "connections", "medium"},
	"guide":          {"Setup guide", "connections", "medium"},
	"delete":         {"Delete a connection", "connections", "narrow"},
	"import":         {"Import connections", "connections", "medium"},
	"expiring":       {"What ends soon", "connections", "medium"},
	"trouble":        {"Trouble at the fake Entra", "trouble", "narrow"},
}

// show answers with a page.
func (h *host) show(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	t := titles[name]
	var b bytes.Buffer
	err := pages[name].ExecuteTemplate(&b, "layout", frame{Title: t.title, Here: t.here, Width: t.width, SignedIn: h.sessions.current(r) != nil, Fake: h.source.fake != nil, View: view})
	if err != nil {
		h.log.ErrorContext(r.Context(), "page", "name", name, "error", err)
		http.Error(w, "This page is broken.", http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	// A browser holds form-action against the redirects after a form too: to the company's sign-in page.
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self' "+h.source.login+"; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

const discover = "/sso/discover" // the library's handler for home realm discovery

type addressForm struct {
	Discover string
	Problem  bool // what is wrong is described on the page
}

type signInView struct {
	addressForm
	Buttons   []entra.Button
	Blank     bool // there is no connection at all
	Universal bool // the button that serves every company
	Try       []person
	Place     placeView
}

// placeView says what people sign in to, and offers what else there is.
type placeView struct {
	Application, Organization   string
	Applications, Organizations []choice
}

func placeViewOf(p place) placeView {
	v := placeView{Application: p.Application.Name, Organization: organizations.name(p.Organization), Organizations: []choice{{Label: "None in particular"}}}
	for _, a := range applications {
		v.Applications = append(v.Applications, choice{Value: a.ID, Label: a.Name, Selected: a.ID == p.Application.ID})
	}
	for _, o := range organizations {
		v.Organizations = append(v.Organizations, choice{Value: o.ID, Label: o.Name, Selected: o.ID == p.Organization})
	}
	return v
}

type noConnectionView struct {
	addressForm
	Domain  string // "" : the address is none
	Attempt string
}

type errorView struct {
	Heading, Public, Next, Attempt string
	Retry                          bool
	Back                           string // where else to go than to the sign-in page
}

// menders name who can mend what a test finds, where it is not the admin who reads it.
var menders = map[aadsts.Mender]string{
	aadsts.MenderUser:        "The person who signs in",
	aadsts.MenderTenantAdmin: "The tenant’s administrator",
	aadsts.MenderHost:        "The operator of this server",
}

// whoMends says in words who can mend an error.
var whoMends = map[aadsts.Mender]string{
	aadsts.MenderTenantAdmin: "Your company’s IT can help: they run its sign-in.",
	aadsts.MenderAppOwner:    "Whoever set up this connection can help.",
	aadsts.MenderHost:        "We have to mend this ourselves.",
}

// headings are the errors' headlines; the library's Public text says the rest.
var headings = map[entra.Kind]string{
	entra.KindNoConnection: "No company sign-in here",
	entra.KindDisabled:     "This sign-in is switched off",
	entra.KindFlow:         "This sign-in is no longer valid",
	entra.KindToken:        "We could not verify your sign-in",
	entra.KindRefused:      "You cannot sign in with this account",
	entra.KindVerify:       "First verify your address",
	entra.KindUnavailable:  "Your company’s sign-in did not answer",
	entra.KindLimited:      "Too many attempts",
}

func errorViewOf(e *entra.Error) errorView {
	heading, ok := headings[e.Kind]
	if !ok {
		heading = "You are not signed in"
	}
	return errorView{Heading: heading, Public: e.Public, Next: whoMends[e.Mender], Attempt: e.Attempt, Retry: e.Retry}
}
