package entratest

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pageTemplates are parsed when the program starts: the files are part of it.
var pageTemplates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page is what every page's layout needs; Body is the page's own.
type page struct {
	Title string
	Nonce string // of the page's script, by the content security policy
	Body  any
}

// render answers with a page. frames are the origins that it may frame.
func (s *Server) render(w http.ResponseWriter, status int, name, title string, body any, frames ...string) {
	nonce := rand.Text()
	if len(frames) == 0 {
		frames = []string{"'none'"}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-"+nonce+
		"'; img-src data:; base-uri 'none'; frame-ancestors 'none'; frame-src "+strings.Join(frames, " "))
	w.WriteHeader(status)
	_ = pageTemplates.ExecuteTemplate(w, name, page{Title: title, Nonce: nonce, Body: body}) // the browser has gone
}

// choice is an account that the page offers.
type choice struct {
	Username, Name, Note, Initials string
	SignedIn                       bool
}

type accountPage struct {
	Action            string
	Tenant            string
	Application       string
	Hint              string
	Choices           []choice
	Code              int
	Problem           string
	CreatesFreshLogin bool
}

// showAccountPage asks who is there.
func (s *Server) showAccountPage(w http.ResponseWriter, r *http.Request, q *signInRequest, hint string, problem *failure) (*account, *failure) {
	body := accountPage{
		Action: q.resume, Application: q.app.Name, Hint: hint, Tenant: "any organization", CreatesFreshLogin: q.prompt == "login",
		Choices: s.choices(r, q),
	}
	if q.authority.tenant != nil {
		body.Tenant = q.authority.tenant.Name
	}
	if problem != nil {
		body.Code, body.Problem = problem.code, problem.text
	}
	s.render(w, http.StatusOK, "account.html", "Pick an account", body)
	return nil, nil
}

// maxChoices keeps the page short; whoever is not on it types their address.
const maxChoices = 8

// choices lists the accounts that could sign in here: those of the session first, then the tenant's.
func (s *Server) choices(r *http.Request, q *signInRequest) []choice {
	var out []choice
	add := func(username string, signedIn bool) {
		known := slices.ContainsFunc(out, func(c choice) bool { return strings.EqualFold(c.Username, username) })
		acc, err := s.findAccount(q.authority, q.app, username)
		if known || err != nil || len(out) == maxChoices || q.domainHint != "" && !acc.livesAt(q.domainHint) {
			return
		}
		c := choice{Username: username, Name: acc.user.DisplayName, Initials: initials(acc.user.DisplayName), SignedIn: signedIn}
		switch {
		case acc.user.Guest:
			c.Note = "Guest of " + acc.tenant.Name
		case acc.tenant.Personal:
			c.Note = "Personal account"
		default:
			c.Note = acc.tenant.Name
		}
		out = append(out, c)
	}
	for _, p := range s.session(r) {
		add(p.username, true)
	}
	for _, t := range s.dir().tenants {
		if q.authority.shared() || q.authority.tenant.ID == t.ID {
			for i := range t.Users {
				add(t.Users[i].signInName(), false)
			}
		}
	}
	return out
}

// initials are the first letters of the first two words.
func initials(name string) string {
	var out []rune
	for word := range strings.FieldsSeq(name) {
		if len(out) < 2 {
			out = append(out, []rune(strings.ToUpper(word))[0])
		}
	}
	return string(out)
}

type consentPage struct {
	Action, Application, Username, Tenant string
	Admin                                 bool
	Permissions                           []string
}

// askConsent asks for consent, which is all that prompt=consent does here: nothing is withheld without it.
// https://learn.microsoft.com/entra/identity-platform/application-consent-experience
func (s *Server) askConsent(w http.ResponseWriter, _ *http.Request, q *signInRequest, acc *account) (*account, *failure) {
	s.render(w, http.StatusOK, "consent.html", "Permissions requested", consentPage{
		Action: q.resume, Application: q.app.Name, Username: acc.username, Tenant: acc.tenant.Name,
		Permissions: []string{"View your basic profile", "Maintain access to data you have given it access to"},
	})
	return nil, nil
}

type errorPage struct {
	Code                                  int
	Text, TraceID, CorrelationID, Instant string
}

// showError answers with an error page: what Entra does when it cannot, or must not, go back to the application.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func (s *Server) showError(w http.ResponseWriter, r *http.Request, f *failure) {
	a := s.errorAnswer(r, f)
	s.render(w, f.status, "error.html", "Sign-in problem", errorPage{
		Code: f.code, Text: f.text, TraceID: a.TraceID, CorrelationID: a.CorrelationID, Instant: a.Timestamp,
	})
}

type postPage struct {
	Action string
	Fields []field
}

type field struct{ Name, Value string }

// postForm answers with a page that posts a form to the application at once: response_mode=form_post, and WS-Federation.
// https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
func (s *Server) postForm(w http.ResponseWriter, action string, values url.Values) {
	var fields []field
	for name, list := range values {
		for _, value := range list {
			fields = append(fields, field{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	s.render(w, http.StatusOK, "post.html", "Working…", postPage{Action: action, Fields: fields})
}
