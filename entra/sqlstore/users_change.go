package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Update implements provisioning.UserStore.
func (s *Users) Update(ctx context.Context, id string, c provisioning.Change) (user *provisioning.User, err error) {
	st := s.store
	if err := c.Check(); err != nil {
		return nil, err
	}
	err = st.changeUser(ctx, id, c.Version, func(u unit, old *provisioning.User) (err error) {
		user, err = st.update(ctx, u, old, c)
		return err
	})
	if err != nil {
		return nil, st.failed(ctx, "changing a user", err, provisioning.ErrConflict)
	}
	return user, nil
}

// changeUser runs f on a user in a transaction that holds the user's row. The user has its new version already.
func (s *Store) changeUser(ctx context.Context, id, version string, f func(unit, *provisioning.User) error) error {
	return s.write(ctx, func(u unit) error {
		if !possible(id) {
			return provisioning.ErrNotFound
		}
		if err := s.claimVersion(ctx, u, id, version); err != nil {
			return err
		}
		user, err := s.userByID(ctx, u, id)
		if err != nil {
			return err
		}
		return f(u, user)
	})
}

// claimVersion gives the user a new version if it still has the one that was read: of those who read the same version one goes on, the others
// wait until it is done and find another version. It is the first statement, so what is read after it nobody else changes.
func (s *Store) claimVersion(ctx context.Context, u unit, id, version string) error {
	text, args := "UPDATE {users} SET version = ?, changed = ? WHERE environment = ? AND id = ?", []any{rand.Text(), micro(s.config.Now()), s.config.Environment, id}
	if version != "" {
		text, args = text+" AND version = ?", append(args, version)
	}
	rows, err := exec(ctx, u, s.sql(text), args...)
	if err != nil || rows == 1 {
		return err
	}
	if _, err := s.userByID(ctx, u, id); err != nil {
		return err
	}
	return fmt.Errorf("sqlstore: user %q has changed: %w", id, provisioning.ErrConflict)
}

func (s *Store) userByID(ctx context.Context, q querier, id string) (*provisioning.User, error) {
	if !possible(id) {
		return nil, provisioning.ErrNotFound
	}
	user, err := scanUser(q.QueryRowContext(ctx, s.sql("SELECT "+userColumns+" FROM {users} u WHERE u.environment = ? AND u.id = ?"), s.config.Environment, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, provisioning.ErrNotFound
	}
	return user, err
}

func (s *Store) update(ctx context.Context, u unit, old *provisioning.User, c provisioning.Change) (*provisioning.User, error) {
	next := old.Clone()
	c.Apply(next)
	changed, err := s.columns(next, c, false)
	if err != nil {
		return nil, err
	}
	if err := s.moveIdentities(ctx, u, old, next); err != nil { // before the address, as in Create
		return nil, err
	}
	if len(changed) == 0 {
		return next, nil
	}
	text, args := "UPDATE {users} SET ", []any{}
	for i, column := range changed {
		if i > 0 {
			text += ", "
		}
		text += column.name + " = ?"
		args = append(args, column.value)
	}
	_, err = u.ExecContext(ctx, s.sql(text+" WHERE environment = ? AND id = ?"), append(args, s.config.Environment, next.ID)...)
	return next, s.emailTaken(err)
}

// moveIdentities takes away what finds the user no longer, and adds what is new.
func (s *Store) moveIdentities(ctx context.Context, u unit, old, next *provisioning.User) error {
	before, err := identities(old)
	if err != nil {
		return err
	}
	after, err := identities(next)
	if err != nil {
		return err
	}
	var gone []any
	for _, row := range before {
		if !slices.Contains(after, row) {
			gone = append(gone, row.hash)
		}
	}
	for part := range slices.Chunk(gone, insertStep) {
		text := "DELETE FROM {identities} WHERE environment = ? AND user_id = ? AND hash IN (" + marks(len(part)) + ")"
		if _, err := u.ExecContext(ctx, s.sql(text), append([]any{s.config.Environment, old.ID}, part...)...); err != nil {
			return err
		}
	}
	var added []identity
	for _, row := range after {
		if !slices.Contains(before, row) {
			added = append(added, row)
		}
	}
	return s.insert(ctx, u, "identities", identityColumns, s.identityRows(added))
}

// Erase implements provisioning.UserEraser. Nothing of the user is left.
func (s *Users) Erase(ctx context.Context, id, version string) error {
	st := s.store
	err := st.changeUser(ctx, id, version, func(u unit, old *provisioning.User) error {
		if err := st.moveIdentities(ctx, u, old, &provisioning.User{ID: old.ID}); err != nil {
			return err
		}
		_, err := u.ExecContext(ctx, st.sql("DELETE FROM {users} WHERE environment = ? AND id = ?"), st.config.Environment, old.ID)
		return err
	})
	return st.failed(ctx, "erasing a user", err, provisioning.ErrConflict)
}

// SetSuspended refuses a user at every sign-in, or lets them in again. provisioning.ErrNotFound.
func (s *Users) SetSuspended(ctx context.Context, id string, suspended bool) error {
	return s.store.setSwitch(ctx, id, "suspended", suspended)
}

// SetEmergency makes a user a break-glass user, or an ordinary one again; see provisioning.User. provisioning.ErrNotFound.
func (s *Users) SetEmergency(ctx context.Context, id string, emergency bool) error {
	return s.store.setSwitch(ctx, id, "emergency", emergency)
}

func (s *Store) setSwitch(ctx context.Context, id, column string, on bool) error {
	err := s.changeUser(ctx, id, "", func(u unit, _ *provisioning.User) error {
		_, err := u.ExecContext(ctx, s.sql("UPDATE {users} SET "+column+" = ? WHERE environment = ? AND id = ?"), on, s.config.Environment, id)
		return err
	})
	return s.failed(ctx, "switching a user's "+column, err, provisioning.ErrConflict)
}
