package main

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

const (
	sessionCookie   = "quickstart_session"
	sessionLifetime = 8 * time.Hour
	maxSessions     = 10_000
)

// session is one browser that somebody has signed in with.
type session struct {
	in      *entra.SignIn
	expires time.Time
}

// sessions are the host's own; the library knows nothing of them. They end with the process.
type sessions struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]*session // by the cookie's hash: what memory holds opens no session
}

func newSessions() *sessions { return &sessions{by: map[[sha256.Size]byte]*session{}} }

// start gives the browser a new session, under a name that nobody can have planted in it before.
func (s *sessions) start(w http.ResponseWriter, in *entra.SignIn) {
	kept := *in
	kept.Tokens = nil // the host asks Graph for nothing later, so it keeps no token
	token, now := rand.Text(), time.Now()

	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.by {
		if now.After(one.expires) || len(s.by) >= maxSessions {
			delete(s.by, key)
		}
	}
	expires := now.Add(sessionLifetime)
	if !in.NotAfter.IsZero() && in.NotAfter.Before(expires) {
		expires = in.NotAfter // what the sign-in rests on is not known to hold for longer
	}
	s.by[sha256.Sum256([]byte(token))] = &session{in: &kept, expires: expires}
	http.SetCookie(w, cookie(token, 0))
}

// cookie holds a session's token; maxAge is in seconds, 0 until the browser closes. With https it would be Secure, and its name would begin with __Host-; not every browser takes that over
// http, not even from this very machine.
func cookie(token string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: maxAge} //nolint:gosec // see above
}

// current returns who is signed in, or nil.
func (s *sessions) current(r *http.Request) *entra.SignIn {
	sent, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.by[sha256.Sum256([]byte(sent.Value))]
	if one == nil || time.Now().After(one.expires) {
		return nil
	}
	return one.in
}

// end ends the browser's session and takes its cookie.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	s.forget(r)
	http.SetCookie(w, cookie("", -1))
}

// forget ends the session that the request's cookie names.
func (s *sessions) forget(r *http.Request) {
	sent, err := r.Cookie(sessionCookie)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, sha256.Sum256([]byte(sent.Value)))
}

// endAt ends the sessions that began with a provider's session. Nobody signs such a notice, so it ends nothing but an exact match.
func (s *sessions) endAt(issuer, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.by {
		if one.in.Identity.SessionID == id && (issuer == "" || one.in.Identity.Issuer == issuer) {
			delete(s.by, key)
		}
	}
}
