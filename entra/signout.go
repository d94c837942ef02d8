package entra

import "context"

// SignOut returns where to send the browser so that the provider signs the person out too, after the host ended its own session. It is ""
// where the protocol offers none.
//
// Errors: always *Error, as those of Begin; KindDisabled is none of them.
func (s *Service) SignOut(ctx context.Context, connectionID string, o SignOutOptions) (url string, err error) {
	attempt := newAttempt()
	url, err = s.signOut(ctx, connectionID, o)
	return url, s.fail(ctx, "signout", attempt, nil, err)
}

func (s *Service) signOut(ctx context.Context, connectionID string, o SignOutOptions) (string, error) {
	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return "", err
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return "", err
	}
	if d, ok := driver.(SignOuter); ok {
		return d.SignOut(ctx, t, o)
	}
	return "", nil
}

// ReadSignOut tells whether a request at one of our addresses says that the provider signs somebody out: Entra's front-channel sign-out
// (OpenID Connect Front-Channel Logout 1.0) or WS-Federation's clean-up. nil: it is something else. Nothing in a notice is signed, so the
// worst that a forged one may do is to end a session.
//
// Errors: always *Error: KindFlow for an address that is none of ours, and what the protocol refuses.
func (s *Service) ReadSignOut(a *Arrival) (*SignOutNotice, error) {
	got, err := s.receive(a)
	if err != nil {
		return nil, asError(err)
	}
	return got.SignOut, nil
}
