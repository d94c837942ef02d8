package oauth2

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Pending is what the caller keeps between SignIn and Redeem, where the browser's owner can neither read nor change it: sealed, or on
// the server. It is used once.
//
// Its JSON holds everything (max_age in nanoseconds), for it is what hosts keep. Printed or logged by itself it shows neither Verifier, Nonce,
// State nor Claims; what encodes it as JSON in a log, as slog's JSON handler does where it stands inside something else, shows them.
type Pending struct {
	Verifier   string        `json:"verifier"` // PKCE code verifier (RFC 7636)
	Nonce      string        `json:"nonce"`
	State      string        `json:"state"`
	ForceLogin bool          `json:"force_login"`
	MaxAge     time.Duration `json:"max_age"`
	Claims     string        `json:"claims"` // as in SignInRequest
	Begun      time.Time     `json:"begun"`
}

// check refuses a Pending that SignIn did not make: a check that lacks its input is no check.
func (p *Pending) check() error {
	if p == nil || len(p.State) < minState || len(p.Nonce) < minState || len(p.Verifier) < 43 || p.Begun.IsZero() {
		return errors.New("the pending sign-in is incomplete")
	}
	return nil
}

// fresh reports whether the token must show when the person signed in.
func (p *Pending) fresh() bool { return p.ForceLogin || p.MaxAge > 0 }

// String says what was demanded and when, and of State only whether there is one.
func (p Pending) String() string {
	return fmt.Sprintf("pending sign-in (state: %t, force_login: %t, max_age: %s, begun: %s)",
		p.State != "", p.ForceLogin, p.MaxAge, p.Begun.UTC().Format(time.RFC3339))
}

// Format writes String for every verb and flag. fmt never asks it about %p, nor about %w in what is no error: go vet refuses both.
func (p Pending) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }

// LogValue is a group of what String says.
func (p Pending) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Bool("state", p.State != ""), slog.Bool("force_login", p.ForceLogin), slog.Duration("max_age", p.MaxAge), slog.Time("begun", p.Begun),
	)
}
