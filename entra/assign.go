package entra

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// People returns the actor as provisioning knows it, for the acts of a provisioning.Provisioner.
func (a Actor) People() provisioning.Actor {
	return provisioning.Actor{Environment: a.IsEnvironment(), Organization: a.Organization, Name: a.Name}
}

// AssignOptions of one assignment.
type AssignOptions struct {
	ObjectID string    // the person's object id, a lower-case GUID: only they match, by whatever address
	Address  string    // or their user principal name or address
	TenantID string    // for a connection of several tenants; "" where the connection is pinned to one
	Expires  time.Time // zero: provisioning.DefaultPendingLifetime from now
	Note     string    // why; for the audit log
	DryRun   bool      // look and say what would be done
}

// Assign lets an existing user be whoever signs in through the connection as the options say: the way to tie an account to a connection that does not trust addresses.
// The environment may assign any connection to any user; an organization's administrator their own connection to users of their organization alone, with addresses that the environment
// has proven for it. It reports whether anything changed, or with DryRun would change.
//
// Errors: always *Error. KindNoConnection: there is none, or it is not the actor's. KindConfiguration: the options do not fit the connection, or the user store lacks an ability.
// KindRefused, with an *provisioning.ActError inside that says why. KindUnavailable: a store failed.
func (s *Service) Assign(ctx context.Context, by Actor, connectionID, userID string, o AssignOptions) (changed bool, err error) {
	changed, err = s.assign(ctx, by, connectionID, userID, o)
	if err == nil {
		return changed, nil
	}
	e := asError(err)
	var refused *provisioning.ActError
	if errors.As(err, &refused) {
		e = NewError(KindRefused, err)
		e.Public = "This could not be done: " + refused.Fix + "."
	}
	e.ConnectionID = connectionID
	return false, s.fail(ctx, "assign", newAttempt(), nil, e)
}

func (s *Service) assign(ctx context.Context, by Actor, connectionID, userID string, o AssignOptions) (bool, error) {
	if s.provisioner == nil {
		return false, NewError(KindConfiguration, errors.New("there are no users: Config.Users is nil"))
	}
	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return false, err
	}
	if !by.owns(c.OrganizationID) {
		return false, NewError(KindNoConnection, fmt.Errorf("connection %q: %w", connectionID, ErrNotFound)) // another's connection is none
	}
	tenant := o.TenantID
	if !c.UseCommonEndpoint && c.TenantID != "" {
		if tenant != "" && tenant != c.TenantID {
			return false, NewError(KindConfiguration, fmt.Errorf("connection %s is pinned to another tenant", c.ID))
		}
		tenant = c.TenantID
	}
	if tenant != "" && !c.admits(tenant) {
		return false, NewError(KindConfiguration, fmt.Errorf("connection %s does not lead to this tenant", c.ID))
	}
	return s.provisioner.Assign(ctx, provisioning.Order{By: by.People(), Note: o.Note, DryRun: o.DryRun}, provisioning.Assignment{
		UserID: userID, ProvenDomains: c.environmentDomains(),
		Wait: provisioning.Pending{ConnectionID: c.ID, ConnectionName: c.Name, TenantID: tenant, ObjectID: o.ObjectID, Address: o.Address, Expires: o.Expires},
	})
}
