package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

const (
	adminCookie   = "quickstart_admin"
	adminLifetime = 8 * time.Hour
	maxAdmins     = 1_000
)

// admin is a browser on the connection pages. The quickstart believes everybody on this machine to be whoever they say they are; a real host
// knows from its own sign-in who is the operator, and who speaks for which customer.
type admin struct {
	organization string // whose administrator; "": the operator
	tested       string // the connection that a test sign-in was begun for, until it ends
	report       *entra.TestReport
	expires      time.Time
}

// actor is the admin as the library knows them. Everything that a connection page does, it does as this actor.
func (a admin) actor() entra.Actor {
	if a.organization == "" {
		return entra.Environment("connections page")
	}
	return entra.Administrator(a.organization, "connections page")
}

// admins are kept by the hash of their cookie, which is also what a test sign-in carries to say whose it is.
type admins struct {
	mu sync.Mutex
	by map[string]admin
}

func newAdmins() *admins { return &admins{by: map[string]admin{}} }

func adminKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// current returns the browser's admin and their key. Without a cookie it is the operator, with nothing kept yet.
func (s *admins) current(r *http.Request) (admin, string) {
	sent, err := r.Cookie(adminCookie)
	if err != nil {
		return admin{}, ""
	}
	key := adminKey(sent.Value)
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.by[key]
	if !ok || time.Now().After(one.expires) {
		return admin{}, ""
	}
	return one, key
}

// change changes what is kept for the browser's admin, and gives the browser a cookie if it has none. It returns the key.
func (s *admins) change(w http.ResponseWriter, r *http.Request, change func(*admin)) string {
	one, key := s.current(r)
	if key == "" {
		token := rand.Text()
		key = adminKey(token)
		http.SetCookie(w, &http.Cookie{Name: adminCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // as the session's cookie
	}
	change(&one)
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, a := range s.by {
		if time.Now().After(a.expires) || len(s.by) >= maxAdmins {
			delete(s.by, other)
		}
	}
	one.expires = time.Now().Add(adminLifetime)
	s.by[key] = one
	return key
}

// keep keeps the report of a test sign-in for the admin who began it: nobody else can read it. It reports whether there still is one.
func (s *admins) keep(key string, report *entra.TestReport) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.by[key]
	if !ok || one.tested != report.Connection.ID {
		return false
	}
	one.tested, one.report = "", report
	s.by[key] = one
	return true
}

// act changes whom the browser acts as. What one of them was shown, the other is not.
func (h *host) act(w http.ResponseWriter, r *http.Request) {
	as := r.PostFormValue("as")
	if as != "" && organizations.name(as) == "" {
		h.notFound(w, r)
		return
	}
	h.admins.change(w, r, func(a *admin) { *a = admin{organization: as} })
	http.Redirect(w, r, "/connections", http.StatusSeeOther)
}
