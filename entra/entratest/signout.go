package entratest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

type signOutPage struct {
	Asking  bool
	Action  string
	Choices []choice
	Names   []string
	Frames  []string
	Return  string
}

// serveLogout is the end-session endpoint. With a logout_hint, or a single account, it asks nobody.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request
func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request) {
	values, failed := parameters(r)
	if failed != nil {
		s.showError(w, r, failed)
		return
	}
	a, failed := s.dir().authority(r.PathValue("tenant"))
	if failed != nil {
		s.showError(w, r, failed)
		return
	}
	q := url.Values(values)
	people := s.session(r)
	leaving := func(signedIn) bool { return true }
	hint := q.Get("logout_hint")
	switch {
	case r.Method == http.MethodPost && r.PostFormValue("entratest") != "":
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			s.showError(w, r, fail(9002313, "The sign-out page was posted from another origin."))
			return
		}
		chosen := r.PostFormValue("username")
		leaving = func(p signedIn) bool { return strings.EqualFold(p.username, chosen) }
	case hint != "" && slices.ContainsFunc(people, func(p signedIn) bool { return p.hinted(hint) }):
		leaving = func(p signedIn) bool { return p.hinted(hint) }
	case len(people) > 1:
		s.askSignOut(w, r.URL.Path+"?"+q.Encode(), people)
		return
	}
	back := ""
	if wanted := q.Get("post_logout_redirect_uri"); s.registeredAt(a, wanted) {
		back = wanted
		if state := q.Get("state"); state != "" {
			back = addQuery(back, url.Values{"state": {state}})
		}
	}
	s.showSignedOut(w, s.endSession(r, leaving), back)
}

// hinted tells whether a logout_hint means this person: only the value of the login_hint claim does, not a user name.
func (p signedIn) hinted(hint string) bool { return hint == loginHint(&account{username: p.username}) }

// registeredAt tells whether an address is a redirect URI of an application that may be used at an authority.
func (s *Server) registeredAt(a authority, address string) bool {
	for i := range s.dir().tenants {
		t := &s.dir().tenants[i]
		for j := range t.Applications {
			app := &t.Applications[j]
			if slices.Contains(app.RedirectURIs, address) && admitApplication(a, t, app, app.ClientID) == nil {
				return true
			}
		}
	}
	return false
}

func (s *Server) askSignOut(w http.ResponseWriter, action string, people []signedIn) {
	body := signOutPage{Asking: true, Action: action}
	for _, p := range people {
		name := p.username
		if _, u := s.dir().homeOf(p.username); u != nil {
			name = u.DisplayName
		}
		body.Choices = append(body.Choices, choice{Username: p.username, Name: name, Initials: initials(name)})
	}
	s.render(w, http.StatusOK, "signout.html", "Sign out", body)
}

// showSignedOut tells the applications in hidden frames, and then goes back, if there is where to.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#single-sign-out
func (s *Server) showSignedOut(w http.ResponseWriter, gone []signedIn, back string) {
	body := signOutPage{Return: back}
	for _, p := range gone {
		body.Names = append(body.Names, p.username)
		for _, app := range p.apps {
			if address := s.cleanUp(app, p.sid); address != "" {
				body.Frames = append(body.Frames, address)
			}
		}
	}
	s.render(w, http.StatusOK, "signout.html", "Signed out", body, origins(body.Frames)...)
}

// cleanUp is the address at which an application, as noteApplication remembered it, learns that a session has ended. OpenID
// Connect's front-channel logout carries the sid, and unlike the specification's no iss.
func (s *Server) cleanUp(app, sid string) string {
	if reply, ok := strings.CutPrefix(app, wsfedApplication); ok {
		return addQuery(reply, url.Values{"wa": {waCleanUp}})
	}
	if _, a := s.dir().application(app); a != nil && a.LogoutURL != "" {
		return addQuery(a.LogoutURL, url.Values{"sid": {sid}})
	}
	return ""
}

// wsfedApplication marks, among a session's applications, the reply address of one that was reached over WS-Federation.
const wsfedApplication = "wsfed "

// origins are the origins of addresses, which the page's content security policy lets it frame.
func origins(addresses []string) []string {
	var out []string
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	return out
}
