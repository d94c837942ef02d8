package entratest

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// browserSession is the single sign-on session of one browser: the people who signed in, and where to.
type browserSession struct {
	people []*signedIn
}

// signedIn is a person in a browser's session. Which account that gives is decided per request: the same person is a member
// in one tenant and a guest in another.
type signedIn struct {
	username string
	sid      string
	authTime time.Time
	apps     []string // client ids of the applications that were signed in to
}

// sessionCookie has the name of Entra's own.
// https://learn.microsoft.com/entra/identity/authentication/concept-authentication-web-browser-cookies
const sessionCookie = "ESTSAUTHPERSISTENT"

// session returns the people of a browser's session; copies, so that they can be read without the lock.
func (s *Server) session(r *http.Request) []signedIn {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.sessions[cookie.Value]
	if b == nil {
		return nil
	}
	people := make([]signedIn, len(b.people))
	for i, p := range b.people {
		people[i] = *p
		people[i].apps = slices.Clone(p.apps)
	}
	return people
}

// signInSession notes that a person has just signed in, with fresh credentials, in this browser.
func (s *Server) signInSession(w http.ResponseWriter, r *http.Request, username string) signedIn {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var b *browserSession
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		b = s.sessions[cookie.Value]
	}
	if b == nil {
		b = &browserSession{}
		id := rand.Text()
		s.sessions[id] = b
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	for _, p := range b.people {
		if strings.EqualFold(p.username, username) {
			p.authTime = now
			return *p
		}
	}
	p := &signedIn{username: username, sid: newGUID(), authTime: now}
	b.people = append(b.people, p)
	return *p
}

// noteApplication remembers that a session reached an application, which is told when the session ends.
func (s *Server) noteApplication(sid, clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.sessions {
		for _, p := range b.people {
			if p.sid == sid && !slices.Contains(p.apps, clientID) {
				p.apps = append(p.apps, clientID)
			}
		}
	}
}

// endSession takes people out of a browser's session: those whom the filter names. It returns them.
func (s *Server) endSession(r *http.Request, ends func(signedIn) bool) []signedIn {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.sessions[cookie.Value]
	if b == nil {
		return nil
	}
	var ended []signedIn
	b.people = slices.DeleteFunc(b.people, func(p *signedIn) bool {
		if !ends(*p) {
			return false
		}
		ended = append(ended, *p)
		return true
	})
	if len(b.people) == 0 {
		delete(s.sessions, cookie.Value)
	}
	return ended
}
