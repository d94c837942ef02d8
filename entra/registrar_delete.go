package entra

import (
	"context"
	"fmt"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// InUseError says how many users depend on a connection that was to be deleted.
type InUseError struct {
	ConnectionID string
	Users        int // who hold an identity of it, or wait for a first sign-in through it
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("entra: %d users depend on connection %s: assign them to another one, or delete it all the same", e.Users, e.ConnectionID)
}

// Delete removes a connection on which nobody depends. Version "" deletes whatever is stored.
//
// Errors: *InUseError, where RegistrarConfig.Users can tell; ErrNotFound; ErrConflict; the stores' own.
func (r *Registrar) Delete(ctx context.Context, by Actor, id, version string) error {
	before, err := r.deletable(ctx, by, id)
	if err != nil {
		return err
	}
	if r.cfg.Users != nil {
		n, err := r.cfg.Users.CountUsers(ctx, provisioning.UserFilter{ConnectionID: id})
		if err != nil {
			return err
		}
		if n > 0 {
			return &InUseError{ConnectionID: id, Users: n}
		}
	}
	return r.delete(ctx, by, before, version)
}

// DeleteInUse removes a connection although users may depend on it: the actor has seen the number and goes on. Their identities of it stay and are of no
// more use, since a connection that is made anew has another id; whoever has no other way to sign in is locked out.
//
// Errors: ErrNotFound; ErrConflict; the store's own.
func (r *Registrar) DeleteInUse(ctx context.Context, by Actor, id, version string) error {
	before, err := r.deletable(ctx, by, id)
	if err != nil {
		return err
	}
	return r.delete(ctx, by, before, version)
}

func (r *Registrar) deletable(ctx context.Context, by Actor, id string) (*Connection, error) {
	before, err := r.cfg.Store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	if !by.owns(before.OrganizationID) {
		return nil, ErrNotFound // another's connection is none
	}
	return before, nil
}

func (r *Registrar) delete(ctx context.Context, by Actor, before *Connection, version string) error {
	if err := r.cfg.Store.Delete(ctx, before.ID, version); err != nil {
		return err
	}
	r.audit(ctx, by, before, nil)
	return nil
}
