package entra

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Refresher is a Driver whose tokens can be refreshed.
type Refresher interface {
	// Refresh trades a refresh token for new tokens, verifies that they are the person's, by tenant id and object id, and says what they say. Errors are
	// those of Driver.Finish.
	Refresh(ctx context.Context, t Target, refresh credential.Secret, person *claims.Identity) (*claims.Identity, *credential.Token, error)
}

// Refresh trades the refresh token of a sign-in (SignIn.Tokens, where the connection's scopes hold offline_access) for new tokens: to go on asking
// Graph, or to learn whether Entra still lets the person in and which groups they are in now. person is SignIn.Identity, or one that
// holds its TenantID and ObjectID; tokens of anybody else are refused. The identity that comes back is enriched as at a sign-in.
//
// It is no sign-in: nobody was asked anything, nothing is provisioned and nothing written. The host stores the new refresh token in the place of the old one;
// tenantdoor stores none. A connection that is switched off refreshes nothing; whether the person's application and organization
// still have it switched on is for the host to look at (Connection.EnabledFor).
//
// Entra offers no way to revoke a single refresh token, and signing out leaves it alive: a host that ends a session deletes the token.
//
// Errors: always *Error; with KindProvider and Retry the person has to sign in again.
func (s *Service) Refresh(ctx context.Context, connectionID string, refresh credential.Secret, person *claims.Identity) (*claims.Identity, *credential.Token, error) {
	attempt := newAttempt()
	id, token, err := s.refresh(ctx, connectionID, refresh, person)
	if err != nil {
		e := asError(err)
		e.ConnectionID = connectionID // where its Again begins a sign-in
		return nil, nil, s.fail(ctx, "refresh", attempt, nil, e)
	}
	return id, token, nil
}

func (s *Service) refresh(ctx context.Context, connectionID string, refresh credential.Secret, person *claims.Identity) (_ *claims.Identity, _ *credential.Token, err error) {
	ctx, done := s.cfg.Observer.Start(ctx, "refresh")
	defer func() { done(err) }()

	if refresh.IsZero() || person == nil {
		return nil, nil, NewError(KindConfiguration, errors.New("a refresh needs the token, and whose it is"))
	}
	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return nil, nil, err
	}
	if !c.Enabled {
		return nil, nil, NewError(KindDisabled, fmt.Errorf("connection %s is switched off", c.ID))
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	refresher, ok := driver.(Refresher)
	if !ok {
		return nil, nil, NewError(KindConfiguration, fmt.Errorf("connection %s: there are no tokens to refresh over %q", c.ID, c.Strategy))
	}
	id, token, err := refresher.Refresh(ctx, t, refresh, person)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.enrich(ctx, t, id, token); err != nil {
		return nil, nil, err
	}
	return id, token, nil
}
