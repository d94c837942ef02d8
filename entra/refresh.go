package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Refresher is a Driver whose tokens can be refreshed.
type Refresher interface {
	// Refresh trades a refresh token for new tokens, verifies that they are the person's, by tenant id and object id, and says what they say. Errors are
	// those of Driver.Finish.
	Refresh(ctx context.Context, t Target, refresh credential.Secret, person *claims.Identity) (*claims.Identity, *credential.Token, error)
}

// Refreshed is what a person still may, by the word of Entra now. It is no SignIn: nobody was asked anything.
type Refreshed struct {
	Identity *claims.Identity  // complete: with what Graph knows
	Tokens   *credential.Token // Entra's; the host stores the new refresh token in the place of the old one
	// GroupsFrom and GroupsAt are those of a SignIn: "token", "graph", "before", or "" where the groups are not known.
	GroupsFrom string
	GroupsAt   time.Time
	Photo      *graph.Photo

	groups claims.Groups
	grants []provisioning.Grant
}

// Groups returns the person's groups as they are now, as SignIn.Groups does for a sign-in.
func (r *Refreshed) Groups() (list []claims.Group, ok bool) { return r.groups.Known() }

// Roles returns what Config.GroupRules give for the groups, each once, in order: none where the groups are not known, or have been unknown for too long.
func (r *Refreshed) Roles() []string { return provisioning.Roles(r.grants) }

// Grants says why the person has each role.
func (r *Refreshed) Grants() []provisioning.Grant { return slices.Clone(r.grants) }

// AccessTokenClaims returns ext_groups and extra_claims for the host's next access token. Groups that are not known are absent.
func (r *Refreshed) AccessTokenClaims(o claims.TokenOptions) (map[string]any, error) {
	return claims.AccessToken(r.groups, r.Identity.Extended, o)
}

// Refresh trades the refresh token of a sign-in (SignIn.Tokens, where the connection's scopes hold offline_access) for new tokens: to go on asking
// Graph, or to learn whether Entra still lets the person in and which groups they are in now. person is SignIn.Identity, or one that
// holds its TenantID and ObjectID; tokens of anybody else are refused.
//
// What the connection makes of groups at a sign-in it makes of them here: the identity is enriched, groups are filtered, those known before count while they are young enough (as
// Config.Users has them), Config.GroupRules give roles, and whoever is in none of the required groups is refused.
//
// It is no sign-in: nobody was asked anything, nothing is provisioned and nothing written, so that a User keeps the groups and roles of the last sign-in. A
// connection that is switched off refreshes nothing; whether the person is suspended, and whether their application and organization still have the connection
// switched on, is for the host to look at (Service.MayEnter, Connection.EnabledFor).
//
// Entra offers no way to revoke a single refresh token, and signing out leaves it alive: a host that ends a session deletes the token.
//
// Errors: always *Error, and then nothing comes with it. With KindProvider and Retry the person has to sign in again. KindRefused with ErrGroupRequired: they may not go on, and the host
// ends their session. KindUnavailable, ErrGroupsUnknown among its causes: nothing was learned; the refresh token that the host has is still good, so that it can ask again later.
func (s *Service) Refresh(ctx context.Context, connectionID string, refresh credential.Secret, person *claims.Identity) (*Refreshed, error) {
	attempt := newAttempt()
	r, err := s.refresh(ctx, connectionID, refresh, person)
	if err != nil {
		e := asError(err)
		e.ConnectionID = connectionID // where its Again begins a sign-in
		return nil, s.fail(ctx, "refresh", attempt, nil, e)
	}
	return r, nil
}

func (s *Service) refresh(ctx context.Context, connectionID string, refresh credential.Secret, person *claims.Identity) (_ *Refreshed, err error) {
	ctx, done := s.cfg.Observer.Start(ctx, "refresh")
	defer func() { done(err) }()

	if refresh.IsZero() || person == nil {
		return nil, NewError(KindConfiguration, errors.New("a refresh needs the token, and whose it is"))
	}
	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	if !c.Enabled {
		return nil, NewError(KindDisabled, fmt.Errorf("connection %s is switched off", c.ID))
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return nil, err
	}
	refresher, ok := driver.(Refresher)
	if !ok {
		return nil, NewError(KindConfiguration, fmt.Errorf("connection %s: there are no tokens to refresh over %q", c.ID, c.Strategy))
	}
	id, token, err := refresher.Refresh(ctx, t, refresh, person)
	if err != nil {
		return nil, err
	}
	got, err := s.enrich(ctx, t, id, token)
	if err != nil {
		return nil, err
	}
	in := &SignIn{Identity: id, Connection: c, Tokens: token}
	in.enriched(got, s.now())
	if err := s.standing(ctx, in); err != nil {
		return nil, err
	}
	return &Refreshed{Identity: id, Tokens: token, GroupsFrom: in.GroupsFrom, GroupsAt: in.GroupsAt, Photo: in.Photo, groups: in.groups, grants: in.grants}, nil
}

// standing decides what groups a person has who was not provisioned anew, and what the groups give; or that they are not let in.
func (s *Service) standing(ctx context.Context, in *SignIn) (err error) {
	if err = s.requireGroup(ctx, in); err != nil {
		return err
	}
	rules, err := s.rules(ctx, in.Connection)
	if err != nil {
		return err
	}
	if _, known := in.groups.Known(); !known && in.Connection.UserGroups {
		if in.User, err = s.storedUser(ctx, in); err != nil {
			return err
		}
		s.groupsBefore(in)
	}
	in.grant(rules)
	return nil
}
