package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Provider-initiated sign-in. An answer that nobody asked for can be anybody's: whoever posts their own to somebody else's browser would have
// that person signed in as them, and watch what is entered there (login CSRF, RFC 6749 section 10.12). So such an answer signs in nobody, and nothing
// in it is verified or used up. At a connection that allows it, it is a wish to sign in, worth what a link to the begin handler
// is worth: the sign-in begins afresh as our own request, bound to this browser, and the person comes back as whoever they are.

// unaskedAtOnce bounds how many of them are looked up at once.
const unaskedAtOnce = 4

// unsolicited says what becomes of an answer without a state. It is always an *Error; of KindFlow, with Again where the sign-in may begin afresh.
func (s *Service) unsolicited(ctx context.Context, got received, cookies []*http.Cookie) error {
	refused := NewError(KindFlow, errNoState)
	// Where this browser has a sign-in of ours under way, the provider lost its state, and beginning afresh would go round in circles.
	if got.Realm == "" || s.underway(cookies) {
		return refused
	}
	lister, ok := s.cfg.Connections.(ConnectionLister)
	if !ok {
		return refused
	}
	select {
	case s.unasked <- struct{}{}:
		defer func() { <-s.unasked }()
	default: // anybody can post such answers, and each costs a look at connections: at every one where the store has no index of realms
		return NewError(KindLimited, errors.New("too many answers that nobody asked for, at once"))
	}
	var only *Connection
	for c, err := range lister.Connections(ctx, Filter{Realm: got.Realm}) {
		if err != nil {
			return NewError(KindUnavailable, fmt.Errorf("connections: %w", err))
		}
		// Looked at again: a store that knows no Filter.Realm lists them all.
		if c.Strategy != got.strategy || !c.Enabled || c.WTRealm() != got.Realm {
			continue
		}
		if only != nil { // also one that does not allow it: a stranger must not choose between customers
			return NewError(KindFlow, fmt.Errorf("%w, and more than one connection has its realm", errNoState))
		}
		only = c
	}
	if only == nil || !only.AllowProviderInitiated {
		return refused
	}
	refused.Err = errUnsolicited
	refused.ConnectionID = only.ID
	refused.Again = &BeginOptions{continues: &continued{byHomeRealm: true}} // nobody chose an organization: it leads to the connection's own
	return refused
}

var errUnsolicited = errors.New("the provider began this sign-in; it begins afresh as our own request")

// underway reports whether this browser holds a flow, whatever its state.
func (s *Service) underway(cookies []*http.Cookie) bool {
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, s.cookiePrefix()) {
			return true
		}
	}
	return false
}

// onward returns what to begin once more with. What goes on has all of the sign-in that it goes on with; where there was none, the
// host says which application and organization it is for, as at the begin handler.
func (s *Service) onward(r *http.Request, again BeginOptions) (BeginOptions, error) {
	if again.continues == nil || again.continues.round > 0 {
		return again, nil
	}
	o, err := s.requestOptions(r, "", "")
	o.continues = again.continues
	return o, err
}
