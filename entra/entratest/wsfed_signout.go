package entratest

import (
	"net/http"
	"net/url"
	"slices"
)

// wsfedSignOut ends the browser's session, tells the applications that it reached over WS-Federation, and offers the way back.
// A wreply is followed only to an address that is registered with an application.
// https://docs.oasis-open.org/wsfed/federation/v1.2/os/ws-federation-1.2-spec-os.html, section 13.2.4.
func (s *Server) wsfedSignOut(w http.ResponseWriter, r *http.Request, a authority, q url.Values) {
	back := q.Get("wreply")
	if !s.registeredReply(a, q.Get("wtrealm"), back) {
		back = ""
	}
	s.showSignedOut(w, s.endSession(r, func(signedIn) bool { return true }), back)
}

// registeredReply tells whether an address is a reply address of the application that asks, or, when the request names none, of any
// that may be used at this authority.
func (s *Server) registeredReply(a authority, realm, reply string) bool {
	if realm != "" {
		_, app := s.dir().applicationByRealm(realm)
		return app != nil && slices.Contains(app.replyURLs(), reply)
	}
	for i := range s.dir().tenants {
		t := &s.dir().tenants[i]
		for j := range t.Applications {
			app := &t.Applications[j]
			if slices.Contains(app.replyURLs(), reply) && admitApplication(a, t, app, app.ClientID) == nil {
				return true
			}
		}
	}
	return false
}
