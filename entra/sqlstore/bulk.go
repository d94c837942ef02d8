package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// bulkStep is how many users go into one transaction.
const bulkStep = 1000

// bulkAttempts is how often a step is tried as a whole when somebody else takes what was free a moment before; after that its users go in
// one by one.
const bulkAttempts = 3

// CreateMany implements provisioning.BulkCreator: a transaction for every thousand users, in which COPY brings them in on PostgreSQL, one prepared INSERT on
// SQLite, and INSERT with many rows elsewhere.
func (s *Users) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	each := make([]error, len(changes))
	for start := 0; start < len(changes); start += bulkStep {
		end := min(start+bulkStep, len(changes))
		if err := s.createStep(ctx, changes[start:end], each[start:end]); err != nil {
			return nil, err
		}
	}
	return each, ctx.Err()
}

func (s *Users) createStep(ctx context.Context, changes []provisioning.Change, each []error) error {
	b := bulk{store: s.store, users: make([]*newUser, len(changes)), each: each}
	for i, c := range changes {
		b.users[i], b.each[i] = s.store.newUser(c)
	}
	for range bulkAttempts {
		err := s.store.write(ctx, func(u unit) error { return b.create(ctx, u) })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !s.store.engine.Taken(err) {
			return s.store.failed(ctx, "creating users", err, nil)
		}
	}
	for i, c := range changes {
		_, each[i] = s.Create(ctx, c)
		if ctx.Err() != nil {
			return s.store.failed(ctx, "creating users", ctx.Err(), nil)
		}
	}
	return nil
}

// bulk is a step.
type bulk struct {
	store *Store
	users []*newUser // nil where the change itself is wrong
	each  []error
}

// create inserts those whose identities and addresses are free, in the table and among those before them.
func (b *bulk) create(ctx context.Context, u unit) error {
	s := b.store
	// The first statement of a transaction writes (see write); this one changes no row.
	if _, err := u.ExecContext(ctx, s.sql("DELETE FROM {identities} WHERE environment = ? AND hash = ''"), s.config.Environment); err != nil {
		return err
	}
	if s.engine.Bulk != "" && u.conn != nil { // in a transaction of the host's it would stay
		if _, err := u.ExecContext(ctx, s.engine.Bulk); err != nil {
			return err
		}
	}
	taken, err := b.taken(ctx, u)
	if err != nil {
		return err
	}
	var users [][]any
	var found []identity
	var columns []string
	for i, n := range b.users {
		if n == nil {
			continue
		}
		if b.each[i] = n.claim(taken); b.each[i] != nil {
			continue
		}
		columns = n.columns()
		users, found = append(users, n.row()), append(found, n.identities...)
	}
	sortIdentities(found) // over all users: two steps at once wait for each other, and no part of the index is come to twice
	if err := s.insertMany(ctx, u, "identities", identityColumns, s.identityRows(found)); err != nil {
		return err
	}
	return s.insertMany(ctx, u, "users", columns, users)
}

// taken returns which hashes of the step somebody has.
func (b *bulk) taken(ctx context.Context, u unit) (map[string]bool, error) {
	var hashes, emails []string
	for _, n := range b.users {
		if n == nil {
			continue
		}
		for _, row := range n.identities {
			hashes = append(hashes, row.hash)
		}
		if claim := n.claimed(); claim != "" {
			emails = append(emails, claim)
		}
	}
	taken := map[string]bool{}
	// Addresses first: whoever comes in between has then both, an identity and an address, which is a conflict and not an address that is taken.
	if err := b.store.collect(ctx, u, taken, "email_claim", "users", "email_claim", emails); err != nil {
		return nil, err
	}
	return taken, b.store.collect(ctx, u, taken, "hash", "identities", "hash", hashes)
}

// claim takes what is unique about a user, if all of it is free: keys before the address, as in Create.
func (n *newUser) claim(taken map[string]bool) error {
	for _, row := range n.identities {
		if taken[row.hash] {
			return fmt.Errorf("sqlstore: a key or a pending identity is taken: %w", provisioning.ErrConflict)
		}
	}
	email := n.claimed()
	if email != "" && taken[email] {
		return provisioning.ErrEmailTaken
	}
	for _, row := range n.identities {
		taken[row.hash] = true
	}
	taken[email] = true
	return nil
}

// claimed returns the hash of the user's address where addresses are unique, else "".
func (n *newUser) claimed() string {
	i := slices.IndexFunc(n.stored, func(c column) bool { return c.name == "email_claim" })
	if i < 0 {
		return ""
	}
	claim, _ := n.stored[i].value.(string)
	return claim
}

func (s *Store) insertMany(ctx context.Context, u unit, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	switch {
	case s.engine.Copy != nil && u.conn != nil:
		return s.engine.Copy(ctx, u.conn, s.config.Schema, s.config.Prefix+table, columns, rows)
	case s.engine.Single:
		return s.insertEach(ctx, u, table, columns, rows)
	}
	return s.insert(ctx, u, table, columns, rows)
}

// insertEach adds rows by one statement, prepared once. Each row is checked for itself, so that SQLite need not note what an INSERT of many rows has changed so
// far, in case that it fails in the middle.
func (s *Store) insertEach(ctx context.Context, u unit, table string, columns []string, rows [][]any) (err error) {
	statement, err := u.PrepareContext(ctx, s.sql("INSERT INTO {"+table+"} ("+strings.Join(columns, ", ")+") VALUES ("+marks(len(columns))+")"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	quick := context.WithoutCancel(ctx) // a row is too short to be interrupted, which the driver starts a goroutine for
	for _, row := range rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := statement.ExecContext(quick, row...); err != nil {
			return err
		}
	}
	return nil
}
