package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// maxSessionSeconds bounds Connection.MaxSessionSeconds: a year.
const maxSessionSeconds = 366 * 24 * 3600

// notAfter is SignIn.NotAfter, and what it comes from.
func (s *Service) notAfter(in *SignIn) (at time.Time, by string) {
	earliest := func(t time.Time, source string) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at, by = t.UTC(), source
		}
	}
	if n := in.Connection.MaxSessionSeconds; n > 0 {
		earliest(s.now().Add(time.Duration(n)*time.Second), "connection")
	}
	earliest(in.Identity.SessionEnd, "provider")
	if _, known := in.groups.Known(); known && in.Connection.Groups.maxAge(s.cfg.GroupsMaxAge) > 0 {
		since := s.now()
		if in.GroupsFrom == groupsFromBefore {
			since = in.User.GroupsAt
		}
		earliest(since.Add(in.Connection.Groups.maxAge(s.cfg.GroupsMaxAge)), "groups")
	}
	return at, by
}

// MayEnter decides whether a person who signed in may act in an organization: right after the sign-in, and whenever they switch later. Access is bound to the
// connection: one organization's connection opens no other's door, and a shared one only the doors of organizations that switched it on. Everything is read anew, so that
// what was switched off, suspended or taken away since the sign-in counts; the session must be the person's, which is for the host to know.
//
// A host that kept no SignIn fills one with Connection (its ID is enough), Identity (TenantID is enough), Application, ByHomeRealm and User (its ID is enough where Config.Users is a
// provisioning.UserReader; else its Organizations too).
//
// Errors: always *Error, and then they may not. KindNoConnection; KindDisabled: the connection is off, is not on for this application and organization, or leads to another tenant than
// the person came from; KindRefused: the user is suspended or no member, or the organization is suspended or unknown; KindUnavailable: a store failed.
func (s *Service) MayEnter(ctx context.Context, in *SignIn, organization string) error {
	if err := s.mayEnter(ctx, in, organization); err != nil {
		e := asError(err)
		if in != nil && in.Connection != nil {
			e.ConnectionID = in.Connection.ID
		}
		return s.fail(ctx, "enter", newAttempt(), nil, e)
	}
	return nil
}

func (s *Service) mayEnter(ctx context.Context, in *SignIn, organization string) error {
	if in == nil || in.Connection == nil || in.Identity == nil || organization == "" {
		return NewError(KindConfiguration, errors.New("whether somebody may enter depends on the sign-in and on the organization"))
	}
	c, err := s.connection(ctx, in.Connection.ID)
	if err != nil {
		return err
	}
	own := c.OrganizationID == organization
	shared := c.OrganizationID == "" && slices.Contains(c.Organizations, organization)
	switch {
	case !own && !shared, !c.EnabledFor(in.Application, organization, in.ByHomeRealm):
		return NewError(KindDisabled, fmt.Errorf("connection %s is not on for application %q and organization %q", c.ID, in.Application, organization))
	case in.Identity.TenantID != "" && !c.admits(in.Identity.TenantID), in.Identity.TenantID == "" && !c.ADFS():
		return NewError(KindDisabled, fmt.Errorf("connection %s does not lead to the person's tenant", c.ID))
	}
	if s.cfg.Organizations != nil {
		o, err := s.cfg.Organizations.Organization(ctx, organization)
		switch {
		case errors.Is(err, ErrNotFound):
			return NewError(KindRefused, fmt.Errorf("organization %q is not known", organization))
		case err != nil:
			return NewError(KindUnavailable, fmt.Errorf("organization %q: %w", organization, err))
		case o.Suspended:
			return NewError(KindRefused, fmt.Errorf("organization %q is suspended", organization))
		}
	}
	return s.belongs(ctx, in, organization)
}

// belongs looks at the user as they are now, where the host has users.
func (s *Service) belongs(ctx context.Context, in *SignIn, organization string) error {
	if s.cfg.Users == nil {
		return nil
	}
	if in.User == nil {
		return NewError(KindConfiguration, errors.New("whether somebody may enter depends on the user"))
	}
	u := in.User
	if reader, ok := s.cfg.Users.(provisioning.UserReader); ok {
		var err error
		u, err = reader.User(ctx, in.User.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			return NewError(KindRefused, errors.New("there is no such user any more"))
		case err != nil:
			return NewError(KindUnavailable, fmt.Errorf("user: %w", err))
		}
	}
	switch {
	case u.Suspended:
		return NewError(KindRefused, errors.New("the user is suspended"))
	case !slices.Contains(u.Organizations, organization):
		return NewError(KindRefused, fmt.Errorf("the user is no member of organization %q", organization))
	}
	return nil
}
