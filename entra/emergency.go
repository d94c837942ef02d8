package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// AdmitLocal decides whether a person may sign in without their organization's sign-in page: by a password, a passkey or a code of the host's own. The host calls it after
// that credential was verified, never before, with the user whose credential it was; so only who holds the credential learns that an account is special, and what discovery answers
// to an address stays the same for everybody (BeginByAddress knows no users).
//
// What an organization's administrator proved by Entra's discovery alone (ProofByEntra) routes, and takes nothing from anybody: it closes the local way for people of that connection, who
// hold an identity of it or are in its organization and in no other. Everybody else keeps theirs until the environment, or its authority, has proven the domain.
//
// It is nil where no connection that is on claims the domain of the user's own address, and for a break-glass user (User.Emergency), who gets in whatever state the
// connection, the store or Entra is in. The latter is audited as provisioning.EventEmergency, and logged; a host alerts on it.
//
// Errors: always *Error. KindUseConnection: the person has to go through the connection; ConnectionID and Again say where to Begin. KindRefused: the user is suspended. KindUnavailable: the store failed.
func (s *Service) AdmitLocal(ctx context.Context, user *provisioning.User) error {
	attempt := newAttempt()
	if user == nil {
		return s.fail(ctx, "local", attempt, nil, NewError(KindConfiguration, errors.New("a local sign-in needs the user whose credential was verified")))
	}
	if user.Suspended {
		return s.fail(ctx, "local", attempt, nil, NewError(KindRefused, errors.New("the user is suspended")))
	}
	c, err := s.homeOf(ctx, user.Profile.Email)
	switch {
	case user.Emergency:
		s.emergency(ctx, attempt, user, c)
		return nil
	case err != nil:
		return s.fail(ctx, "local", attempt, nil, err)
	case c == nil || !c.closes(ctx, user):
		return nil
	}
	e := NewError(KindUseConnection, fmt.Errorf("connection %s claims the domain of the user's address", c.ID))
	e.ConnectionID, e.Again = c.ID, &BeginOptions{Hints: withHint(nil, "login_hint", user.Profile.Email), continues: &continued{byHomeRealm: true}}
	return s.fail(ctx, "local", attempt, nil, e)
}

// homeOf returns the connection that an address's domain leads to, or nil: nobody's domain, no address, or a connection that is off and leads nowhere.
func (s *Service) homeOf(ctx context.Context, address string) (*Connection, error) {
	id, err := s.discover(ctx, address)
	var e *Error
	if errors.As(err, &e) && e.Kind == KindNoConnection {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := s.connection(ctx, id)
	switch {
	case errors.As(err, &e) && e.Kind == KindNoConnection:
		return nil, nil
	case err != nil:
		return nil, err
	case !c.Enabled:
		return nil, nil
	}
	return c, nil
}

// closes reports whether a connection to which the user's address leads closes their local way in.
func (c *Connection) closes(ctx context.Context, user *provisioning.User) bool {
	if _, holds := user.KeyAt(c.ID); holds {
		return true
	}
	if c.OrganizationID != "" && slices.Equal(user.Organizations, []string{c.OrganizationID}) {
		return true
	}
	domain, err := hrd.Domain(user.Profile.Email)
	if err != nil {
		return false
	}
	_, proven, _ := hrd.Lookup(ctx, listedDomains(c.environmentDomains()), domain) // a list has no errors
	return proven
}

// listedDomains is a directory of one connection's domains.
type listedDomains []string

func (l listedDomains) HomeRealm(_ context.Context, domain string) (connectionID string, found bool, err error) {
	return "", slices.Contains(l, domain), nil
}

func (s *Service) emergency(ctx context.Context, attempt string, user *provisioning.User, c *Connection) {
	a := provisioning.Audit{Event: provisioning.EventEmergency, Time: s.now().UTC(), UserID: user.ID}
	if c != nil {
		a.ConnectionID = c.ID
	}
	s.log.WarnContext(ctx, "emergency sign-in", "attempt", attempt, "user", user.ID, "connection", a.ConnectionID)
	if s.cfg.Audit != nil {
		s.cfg.Audit(ctx, a)
	}
}
