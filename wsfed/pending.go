package wsfed

import (
	"fmt"
	"log/slog"
	"time"
)

// Pending is what the caller keeps between SignIn and VerifyRequest or VerifyForm, where the browser's owner can neither read nor change it: sealed,
// or on the server, bound to this browser. It is used once.
//
// Its JSON holds everything (max_age in nanoseconds), for it is what hosts keep. Printed or logged by itself it does not show Context; what
// encodes it as JSON in a log, as slog's JSON handler does where it stands inside something else, shows it.
type Pending struct {
	Context    string        `json:"context"` // the wctx
	ForceLogin bool          `json:"force_login"`
	MaxAge     time.Duration `json:"max_age"`
	Begun      time.Time     `json:"begun"`
}

// check refuses a Pending that SignIn did not make: a check that lacks its input is no check.
func (p *Pending) check() error {
	if p == nil || p.Context == "" || p.MaxAge < 0 || p.Begun.IsZero() {
		return fmt.Errorf("%w: the pending sign-in is incomplete", ErrInvalid)
	}
	return nil
}

// demands are what the token must say. A maximum age counts back from the request, because the person may take their time on the way.
func (p *Pending) demands() []Option {
	list := []Option{IssuedSince(p.Begun)}
	switch {
	case p.ForceLogin:
		list = append(list, AuthenticatedSince(p.Begun))
	case p.MaxAge != 0:
		list = append(list, AuthenticatedSince(p.Begun.Add(-p.MaxAge)))
	}
	return list
}

// String says what was demanded and when, and of Context only whether there is one.
func (p Pending) String() string {
	return fmt.Sprintf("pending sign-in (context: %t, force_login: %t, max_age: %s, begun: %s)",
		p.Context != "", p.ForceLogin, p.MaxAge, p.Begun.UTC().Format(time.RFC3339))
}

// Format writes String for every verb and flag. fmt never asks it about %p, nor about %w in what is no error: go vet refuses both.
func (p Pending) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }

// LogValue is a group of what String says.
func (p Pending) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Bool("context", p.Context != ""), slog.Bool("force_login", p.ForceLogin), slog.Duration("max_age", p.MaxAge), slog.Time("begun", p.Begun),
	)
}
