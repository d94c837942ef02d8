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

// Users is a provisioning.UserStore with all its further abilities. It knows no local identities, so Change.DropOtherIdentities changes
// nothing here.
type Users struct{ store *Store }

var (
	_ provisioning.UserStore   = (*Users)(nil)
	_ provisioning.UserReader  = (*Users)(nil)
	_ provisioning.UserLister  = (*Users)(nil)
	_ provisioning.UserEraser  = (*Users)(nil)
	_ provisioning.BulkFinder  = (*Users)(nil)
	_ provisioning.BulkCreator = (*Users)(nil)
)

// keysStep is how many keys one query asks for.
const keysStep = 50

// UserByKey implements provisioning.UserStore: one query.
func (s *Users) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	for part := range slices.Chunk(keys, keysStep) {
		u, err := s.store.userByKey(ctx, part)
		if err == nil || !errors.Is(err, sql.ErrNoRows) || ctx.Err() != nil {
			return u, s.store.failed(ctx, "finding a user by key", err, nil)
		}
	}
	if ctx.Err() != nil {
		return nil, s.store.failed(ctx, "finding a user by key", ctx.Err(), nil)
	}
	return nil, fmt.Errorf("sqlstore: no user has the key: %w", provisioning.ErrNotFound)
}

func (s *Store) userByKey(ctx context.Context, keys []provisioning.Key) (*provisioning.User, error) {
	const holder = "(SELECT user_id FROM {identities} WHERE environment = ? AND hash = ?)"
	text, args := holder, []any{s.config.Environment, s.config.Environment, keys[0].Hash()}
	for _, k := range keys[1:] { // the first that is not NULL: the order of the keys
		text += ", " + holder
		args = append(args, s.config.Environment, k.Hash())
	}
	if len(keys) > 1 {
		text = "COALESCE(" + text + ")"
	}
	return scanUser(s.reader().QueryRowContext(ctx, s.sql("SELECT "+userColumns+" FROM {users} u WHERE u.environment = ? AND u.id = "+text), args...))
}

// User implements provisioning.UserReader: one query.
func (s *Users) User(ctx context.Context, id string) (*provisioning.User, error) {
	st := s.store
	if err := ctx.Err(); err != nil {
		return nil, st.failed(ctx, "reading a user", err, nil)
	}
	u, err := st.userByID(ctx, st.reader(), id)
	return u, st.failed(ctx, "reading a user", err, nil)
}

// UsersByEmail implements provisioning.UserStore: one query. Users come in the order of their ids.
func (s *Users) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	st, address := s.store, addressHash(folded)
	if err := ctx.Err(); err != nil || address == nil {
		return nil, st.failed(ctx, "finding users by address", err, nil)
	}
	// CROSS JOIN keeps SQLite, which has no statistics, from reading all users of the environment and asking of each whether it was found.
	list, err := st.users(ctx, st.reader(), "SELECT "+userColumns+` FROM (
		SELECT id AS found FROM {users} WHERE environment = ? AND email_hash = ?
		UNION SELECT user_id FROM {identities} WHERE environment = ? AND address_hash = ?
	) f CROSS JOIN {users} u WHERE u.environment = ? AND u.id = f.found ORDER BY u.id`, st.config.Environment, address, st.config.Environment, address, st.config.Environment)
	return list, st.failed(ctx, "finding users by address", err, nil)
}

func (s *Store) users(ctx context.Context, q querier, text string, args ...any) (list []*provisioning.User, err error) {
	rows, err := q.QueryContext(ctx, s.sql(text), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, rows.Err()
}

// Create implements provisioning.UserStore.
func (s *Users) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	st := s.store
	n, err := st.newUser(c)
	if err != nil {
		return nil, err
	}
	err = st.write(ctx, func(u unit) error {
		// What finds the user goes first: a person's first sign-in on two machines at once is a conflict, not an address that is taken.
		if err := st.insert(ctx, u, "identities", identityColumns, st.identityRows(n.identities)); err != nil {
			return err
		}
		return st.emailTaken(st.insert(ctx, u, "users", n.columns(), [][]any{n.row()}))
	})
	if err != nil {
		return nil, st.failed(ctx, "creating a user", err, provisioning.ErrConflict)
	}
	return n.user, nil
}

// emailTaken turns the one unique rule of the table users, beside ids that never come twice, into its error.
func (s *Store) emailTaken(err error) error {
	if err != nil && s.config.UniqueEmails && s.engine.Taken(err) {
		return provisioning.ErrEmailTaken
	}
	return err
}

// newUser is a user to be inserted.
type newUser struct {
	user       *provisioning.User
	stored     []column
	identities []identity
}

func (s *Store) newUser(c provisioning.Change) (*newUser, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	n := &newUser{user: &provisioning.User{ID: s.config.NewID(), Version: rand.Text()}}
	if !possible(n.user.ID) {
		return nil, fmt.Errorf("sqlstore: Config.NewID gave no UTF-8 of 1 to %d bytes", maxID)
	}
	c.Apply(n.user)
	var err error
	if n.identities, err = identities(n.user); err != nil {
		return nil, err
	}
	now := micro(s.config.Now())
	n.stored = []column{
		{"environment", s.config.Environment},
		{"id", n.user.ID},
		{"version", n.user.Version},
		{"suspended", false},
		{"emergency", false},
		{"created", now},
		{"changed", now},
	}
	rest, err := s.columns(n.user, c, true)
	if err != nil {
		return nil, err
	}
	n.stored = append(n.stored, rest...)
	return n, nil
}

func (n *newUser) columns() []string {
	names := make([]string, len(n.stored))
	for i, c := range n.stored {
		names[i] = c.name
	}
	return names
}

func (n *newUser) row() []any {
	values := make([]any, len(n.stored))
	for i, c := range n.stored {
		values[i] = c.value
	}
	return values
}
