// Package ownstore shows how a host that has a table of users keeps enterprise users in it: a provisioning.UserStore over database/sql, here with SQLite.
// The table stays as it is, with its unique column of addresses; three small ones beside it hold what a sign-in needs. The contract
// suite of package provisioningtest passes (store_test.go): copy the store, change its SQL to your tables, and run the suite against your database.
package ownstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Store is the host's store of users.
type Store struct{ DB *sql.DB }

var (
	_ provisioning.UserStore  = Store{}
	_ provisioning.UserReader = Store{}
	_ provisioning.UserEraser = Store{}
)

// UserByKey implements provisioning.UserStore.
func (s Store) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	for _, k := range keys {
		where, args := "u.id = (SELECT user_id FROM sso_keys WHERE hash = ?)", []any{k.Hash()}
		if k == provisioning.PendingKey(k.ConnectionID, k.Subject) {
			where, args = "u.id = (SELECT user_id FROM sso_pending WHERE connection_id = ? AND object_id = ?)", []any{k.ConnectionID, k.Subject}
		}
		if users, err := read(ctx, s.DB, where, args...); err != nil || len(users) > 0 {
			return first(users, err)
		}
	}
	return nil, provisioning.ErrNotFound
}

// UsersByEmail implements provisioning.UserStore.
func (s Store) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	return read(ctx, s.DB, "u.email = ?1 OR u.id IN (SELECT user_id FROM sso_pending WHERE address = ?1)", folded)
}

// User implements provisioning.UserReader.
func (s Store) User(ctx context.Context, id string) (*provisioning.User, error) {
	return first(read(ctx, s.DB, "u.id = ?", number(id)))
}

// Create implements provisioning.UserStore.
func (s Store) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	return s.write(ctx, c, func(*sql.Tx) (*provisioning.User, error) { return &provisioning.User{}, nil })
}

// Update implements provisioning.UserStore.
func (s Store) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	return s.write(ctx, c, func(tx *sql.Tx) (*provisioning.User, error) {
		u, err := first(read(ctx, tx, "u.id = ?", number(id)))
		if err == nil && c.Version != "" && c.Version != u.Version {
			err = provisioning.ErrConflict
		}
		return u, err
	})
}

// Erase implements provisioning.UserEraser. The tables beside follow by themselves.
func (s Store) Erase(ctx context.Context, id, version string) error {
	done, err := s.DB.ExecContext(ctx, `DELETE FROM users WHERE id = ?1
		AND (?2 = '' OR ?2 = COALESCE((SELECT CAST(version AS TEXT) FROM sso_users WHERE user_id = ?1), '0'))`, number(id), version)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if _, err := s.User(ctx, id); err != nil {
		return err
	}
	return provisioning.ErrConflict
}

// write changes the user whom load reads, in one transaction: all of the change or nothing.
func (s Store) write(ctx context.Context, c provisioning.Change, load func(*sql.Tx) (*provisioning.User, error)) (*provisioning.User, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	tx, err := s.DB.BeginTx(ctx, nil) // with the write lock, see Open: what load reads stays so
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	u, err := load(tx)
	if err != nil {
		return nil, err
	}
	c.Apply(u)
	if err := save(ctx, tx, u, c.DropOtherIdentities); err != nil {
		return nil, taken(err)
	}
	saved, err := first(read(ctx, tx, "u.id = ?", number(u.ID)))
	if err != nil {
		return nil, err
	}
	return saved, tx.Commit()
}

func save(ctx context.Context, tx *sql.Tx, u *provisioning.User, dropOthers bool) (err error) {
	exec := func(query string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, args...)
		}
	}
	if u.ID == "" {
		if err := tx.QueryRowContext(ctx, `INSERT INTO users (email) VALUES (NULL) RETURNING id`).Scan(&u.ID); err != nil {
			return err
		}
	}
	data, err := json.Marshal(u)
	exec(`UPDATE users SET email = NULLIF(?, ''), email_verified = ?, password_hash = CASE WHEN ? THEN NULL ELSE password_hash END WHERE id = ?`,
		provisioning.Fold(u.Profile.Email), u.Profile.EmailVerified, dropOthers, u.ID)
	exec(`INSERT INTO sso_users (user_id, version, data) VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET version = version + 1, data = excluded.data`, u.ID, string(data))
	exec(`DELETE FROM sso_keys WHERE user_id = ?`, u.ID)
	for _, k := range u.Keys {
		exec(`INSERT INTO sso_keys (hash, user_id, connection_id) VALUES (?, ?, NULLIF(?, ''))`, k.Hash(), u.ID, k.ConnectionID)
	}
	exec(`DELETE FROM sso_pending WHERE user_id = ?`, u.ID)
	for _, p := range u.Pending {
		exec(`INSERT INTO sso_pending (user_id, connection_id, object_id, address) VALUES (?, ?, NULLIF(?, ''), NULLIF(?, ''))`, u.ID, p.ConnectionID, p.ObjectID, provisioning.Fold(p.Address))
	}
	return err
}

// taken says which unique rule an error is about. Every driver names it in its own way; this is SQLite's.
func taken(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "UNIQUE constraint failed: users.email"):
		return provisioning.ErrEmailTaken
	case strings.Contains(text, "UNIQUE constraint failed: sso_"):
		return fmt.Errorf("%w: %w", provisioning.ErrConflict, err)
	}
	return err
}

// read returns users. One of before has no row beside: it has an address, and perhaps a password. What the host's own pages change, it reads from their columns.
func read(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, where string, args ...any,
) ([]*provisioning.User, error) {
	rows, err := db.QueryContext(ctx, `SELECT u.id, COALESCE(u.email, ''), u.email_verified, u.disabled, COALESCE(s.version, 0), COALESCE(s.data, '{}')
		FROM users u LEFT JOIN sso_users s ON s.user_id = u.id WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var users []*provisioning.User
	for rows.Next() {
		u := &provisioning.User{}
		var id, email, version string
		var verified, disabled bool
		var data []byte
		if err := rows.Scan(&id, &email, &verified, &disabled, &version, &data); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, u); err != nil {
			return nil, err
		}
		u.ID, u.Version, u.Suspended, u.Profile.EmailVerified = id, version, disabled, verified
		if provisioning.Fold(u.Profile.Email) != email { // else it is the same as the person spells it
			u.Profile.Email = email
		}
		users = append(users, u)
	}
	return users, rows.Err()
}

func first(users []*provisioning.User, err error) (*provisioning.User, error) {
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0:
		return nil, provisioning.ErrNotFound
	}
	return users[0], nil
}

// number is a user's id in the table; 0 is nobody's.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id { // "01" and "+1" are no ids
		return 0
	}
	return n
}
