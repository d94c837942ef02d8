package entra

import (
	"context"
	"fmt"

	"github.com/tenantdoor/tenantdoor/hrd"
)

// BeginByAddress begins a sign-in at the connection that the address's domain belongs to: home realm discovery. The address becomes the
// hint login_hint unless o has one; it goes upstream where the connection's upstream parameters say {"login_hint": {"alias": "login_hint"}}. What comes back depends on the domain alone, never on whether anybody has an account.
//
// Errors: KindNoConnection (ErrNoConnection inside) when the domain is nobody's or the address is none, and those of Begin.
func (s *Service) BeginByAddress(ctx context.Context, address string, o BeginOptions) (*Departure, error) {
	attempt := newAttempt()
	d, err := s.beginByAddress(ctx, address, o, attempt)
	return d, s.fail(ctx, "discover", attempt, nil, err)
}

func (s *Service) beginByAddress(ctx context.Context, address string, o BeginOptions, attempt string) (*Departure, error) {
	octx, done := s.cfg.Observer.Start(ctx, "discover")
	id, err := s.discover(octx, address)
	done(err)
	if err != nil {
		return nil, err
	}
	if o.Hints["login_hint"] == "" {
		o.Hints = withHint(o.Hints, "login_hint", address)
	}
	return s.begin(ctx, id, o, journey{attempt: attempt, byHomeRealm: true})
}

func (s *Service) discover(ctx context.Context, address string) (connectionID string, err error) {
	domain, err := hrd.Domain(address)
	if err != nil {
		return "", NewError(KindNoConnection, fmt.Errorf("%w: %w", ErrNoConnection, err))
	}
	id, found, err := hrd.Lookup(ctx, s.cfg.Connections, domain)
	if err != nil {
		return "", NewError(KindUnavailable, fmt.Errorf("home realm: %w", err))
	}
	if !found {
		return "", NewError(KindNoConnection, ErrNoConnection)
	}
	return id, nil
}
