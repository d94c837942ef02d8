package main

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

//go:embed pages assets
var files embed.FS

// pages are the templates by name, each within the layout.
var pages = func() map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "pages/layout.html"))
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		if name != "pages/layout.html" {
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
	Title, Here            string
	Narrow, SignedIn, Fake bool
	View                   any
}

// titles are the pages' titles; which part of the navigation they belong to; and whether they hold a form's width only.
var titles = map[string]struct {
	title, here string
	narrow      bool
}{
	"sign-in":       {"Sign in", "sign-in", true},
	"sso":           {"Sign in with SSO", "sign-in", true},
	"no-connection": {"No company sign-in", "sign-in", true},
	"error":         {"Not signed in", "", true},
	"signed-out":    {"Signed out", "", true},
	"account":       {"Account", "account", false},
	"connections":   {"Connections", "connections", false},
	"connection":    {"Connection", "connections", false},
}

// show answers with a page.
func (h *host) show(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	t := titles[name]
	var b bytes.Buffer
	err := pages[name].ExecuteTemplate(&b, "layout", frame{Title: t.title, Here: t.here, Narrow: t.narrow, SignedIn: h.sessions.current(r) != nil, Fake: h.source.fake != nil, View: view})
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
	Buttons []entra.Button
	Try     []person
	Fake    bool
}

type noConnectionView struct {
	addressForm
	Domain  string // "" : the address is none
	Attempt string
}

type errorView struct {
	Heading, Public, Next, Attempt string
	Retry                          bool
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

type accountView struct {
	Name, Initials, Address, Connection, ConnectionID, Protocol string
	Verdict, Why, Reason, Joined, Changed, UserID               string
	Confirmed                                                   bool
	Evidence                                                    []claims.Evidence
	Groups                                                      []claims.Group
	GroupsFrom                                                  string
	Tenant, Object, Issuer, Kind, Attempt                       string
	IDToken, AccessToken                                        string
}

// protocols are the strategies in words.
var protocols = map[entra.Strategy]string{
	entra.OAuth2: "OAuth 2.0",
	entra.WSFed:  "WS-Federation",
}

var verdicts = map[provisioning.Action]string{
	provisioning.ActionSignIn: "Signed in as the user we know.",
	provisioning.ActionLink:   "Linked to an existing user.",
	provisioning.ActionCreate: "A new user was created.",
}

var kinds = map[claims.Kind]string{
	claims.KindMember:   "Member of the tenant",
	claims.KindGuest:    "Guest of the tenant",
	claims.KindPersonal: "Personal Microsoft account",
	claims.KindExternal: "External identity",
}

var groupSources = map[string]string{
	"token":  "from the token",
	"graph":  "from Microsoft Graph",
	"before": "from an earlier sign-in, as this one could not learn them",
}

// howManyGroups also says where they come from. Unknown is not none.
func howManyGroups(groups []claims.Group, known bool, from string) string {
	switch {
	case !known:
		return "Not known. Tokens then say nothing of groups."
	case len(groups) == 0:
		return "None, " + groupSources[from] + "."
	case len(groups) == 1:
		return "One, " + groupSources[from] + "."
	}
	return fmt.Sprintf("%d, %s.", len(groups), groupSources[from])
}

func accountViewOf(in *entra.SignIn, idToken, accessToken string) accountView {
	id, d := in.Identity, in.Decision
	name := cmp.Or(id.Name, strings.TrimSpace(id.GivenName+" "+id.FamilyName), id.Username, "Signed in")
	groups, known := in.Groups()
	v := accountView{
		Name: name, Initials: initials(name), Address: cmp.Or(id.Email.Address, id.Username),
		Connection: cmp.Or(in.Connection.DisplayName, in.Connection.Name), ConnectionID: in.Connection.ID, Protocol: protocols[in.Connection.Strategy],
		Verdict: verdicts[d.Action], Why: sentence(d.Reason.Explain()), Reason: string(d.Reason), Joined: d.Joined, Changed: strings.Join(d.Changed, ", "),
		Confirmed: d.Confirmed, Evidence: d.Evidence,
		Groups: groups, GroupsFrom: howManyGroups(groups, known, in.GroupsFrom),
		Tenant: id.TenantID, Object: id.ObjectID, Issuer: id.Issuer, Kind: cmp.Or(kinds[id.Kind], "Not said; treated as a guest"), Attempt: in.Attempt,
		IDToken: idToken, AccessToken: accessToken,
	}
	if in.User != nil {
		v.UserID = in.User.ID
	}
	return v
}

// sentence makes a sentence of a phrase.
func sentence(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + phrase[size:] + "."
}

// initials of the first and the last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first := string([]rune(words[0])[:1])
	if len(words) > 1 {
		first += string([]rune(words[len(words)-1])[:1])
	}
	return strings.ToUpper(first)
}

type connectionRow struct {
	ID, Name, Protocol, Domains string
	Enabled                     bool
}

func connectionRowOf(c *entra.Connection) connectionRow {
	return connectionRow{ID: c.ID, Name: cmp.Or(c.DisplayName, c.Name), Protocol: protocols[c.Strategy], Domains: strings.Join(c.HomeRealmDomains, ", "), Enabled: c.Enabled}
}

type connectionView struct {
	connectionRow
	Version, Callback, Saved string
	Findings                 entra.Findings
	Fields                   []field
}

type field struct {
	Name, Value, Note string
	Code              bool
}

func connectionViewOf(c *entra.Connection, callback, saved string, findings entra.Findings) connectionView {
	onOff := func(on bool) string {
		if on {
			return "On"
		}
		return "Off"
	}
	proof := "None"
	if !c.ClientSecret.IsZero() {
		proof = "Set, and kept sealed"
	}
	v := connectionView{
		connectionRow: connectionRowOf(c), Version: c.Version, Callback: callback,
		Saved:    map[string]string{"on": "Switched on.", "off": "Switched off. Sign-ins that are under way are refused."}[saved],
		Findings: findings,
		Fields: []field{
			{Name: "Name", Value: c.Name, Code: true},
			{Name: "Strategy", Value: string(c.Strategy), Code: true},
			{Name: "Entra domain", Value: c.EntraDomain},
			{Name: "Tenant id", Value: c.TenantID, Code: true, Note: "pinned when the connection was saved"},
			{Name: "Client id", Value: c.ClientID, Code: true},
			{Name: "Client secret", Value: proof},
		},
	}
	for _, p := range c.DomainProofs {
		v.Fields = append(v.Fields, field{Name: "Home realm domain", Value: p.Domain, Note: string(p.State)})
	}
	button := "Shown"
	if len(c.ProvenDomains()) > 0 && !c.AlwaysShowButton {
		button = "Hidden"
	}
	v.Fields = append(v.Fields,
		field{Name: "Sign-in button", Value: button, Note: map[string]string{"Hidden": "the home realm domain leads here", "Shown": ""}[button]},
		field{Name: "Create missing users", Value: onOff(c.CreateMissingUsers)},
		field{Name: "Trust email addresses", Value: onOff(c.TrustEmails)},
		field{Name: "Sync profile at sign-in", Value: onOff(c.SyncProfile)},
		field{Name: "Get user groups", Value: onOff(c.UserGroups)},
		field{Name: "Extended profile", Value: onOff(c.ExtendedProfile)},
	)
	return v
}
