package entratest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signedOutPage is the sign-out page when there is nothing left to ask.
type signedOutPage struct {
	Asking  bool
	Action  string
	Choices []choice
	Names   []string
	Frames  []string // addresses that the page loads
	Return  string   // where it leads; "": nowhere
}

// wsfedSignOut ends the browser's session, tells the applications that it reached over WS-Federation, and offers the way back.
// A wreply is followed only to an address that is registered with an application.
// https://docs.oasis-open.org/wsfed/federation/v1.2/os/ws-federation-1.2-spec-os.html, section 13.2.4.
func (s *Server) wsfedSignOut(w http.ResponseWriter, r *http.Request, q url.Values) *failure {
	ended := s.endSession(r, func(signedIn) bool { return true })
	body := signedOutPage{Frames: cleanUpAddresses(ended)}
	for _, p := range ended {
		body.Names = append(body.Names, p.username)
	}
	if reply := q.Get("wreply"); reply != "" && s.registeredReply(q.Get("wtrealm"), reply, ended) {
		body.Return = reply
	}
	s.render(w, http.StatusOK, "signout.html", "Signed out", body, frameOrigins(body.Frames)...)
	return nil
}

// registeredReply tells whether an address is a reply address of the application that asks, or of one that the session reached.
func (s *Server) registeredReply(realm, reply string, ended []signedIn) bool {
	if realm != "" {
		_, app := s.dir().applicationByRealm(realm)
		return app != nil && slices.Contains(app.replyURLs(), reply)
	}
	for _, p := range ended {
		for _, id := range p.apps {
			if _, app := s.dir().application(id); app != nil && slices.Contains(app.replyURLs(), reply) {
				return true
			}
		}
	}
	return false
}

// cleanUpAddresses are what the sign-out page loads in hidden frames: the reply address that each application was answered at,
// with wa=wsignoutcleanup1.0.
func cleanUpAddresses(ended []signedIn) []string {
	var out []string
	for _, p := range ended {
		for _, entry := range p.apps {
			address, ok := strings.CutPrefix(entry, wsfedStart)
			if !ok {
				continue
			}
			u, err := url.Parse(address)
			if err != nil {
				continue
			}
			q := u.Query()
			q.Set("wa", waCleanUp)
			u.RawQuery = q.Encode()
			if frame := u.String(); !slices.Contains(out, frame) {
				out = append(out, frame)
			}
		}
	}
	return out
}

// frameOrigins are the origins that the page's content security policy must let it frame.
func frameOrigins(frames []string) []string {
	var out []string
	for _, frame := range frames {
		if u, err := url.Parse(frame); err == nil {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
