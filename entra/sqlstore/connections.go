package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Connections is an entra.ConnectionRegistry. Nothing is cached here; Store.Cache does that. The id of a connection has at most 255 bytes.
type Connections struct{ store *Store }

var _ entra.ConnectionRegistry = (*Connections)(nil)

// Connection implements entra.ConnectionStore.
func (c *Connections) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	s := c.store
	if err := ctx.Err(); err != nil {
		return nil, s.failed(ctx, "reading a connection", err, nil)
	}
	if !possible(id) {
		return nil, fmt.Errorf("sqlstore: connection: %w", entra.ErrNotFound)
	}
	var version string
	var encoded []byte
	err := s.reader().QueryRowContext(ctx, s.sql("SELECT version, encoded FROM {connections} WHERE environment = ? AND id = ?"), s.config.Environment, id).Scan(&version, &encoded)
	switch {
	case ctx.Err() == nil && errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("sqlstore: connection %q: %w", id, entra.ErrNotFound)
	case err != nil:
		return nil, s.failed(ctx, "reading a connection", err, nil)
	}
	return s.decode(ctx, id, version, encoded)
}

// decode reads a connection; what stands in another one's place is none.
func (s *Store) decode(ctx context.Context, id, version string, encoded []byte) (*entra.Connection, error) {
	c, err := entra.DecodeConnection(ctx, encoded, s.config.Sealer)
	if err != nil {
		return nil, err
	}
	if c.ID != id {
		return nil, fmt.Errorf("sqlstore: in the place of connection %q stands another one", id)
	}
	c.Version = version
	return c, nil
}

// HomeRealm implements hrd.Directory.
func (c *Connections) HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error) {
	s := c.store
	if err := ctx.Err(); err != nil {
		return "", false, s.failed(ctx, "reading a home realm", err, nil)
	}
	if !possible(domain) {
		return "", false, nil
	}
	err = s.reader().QueryRowContext(ctx, s.sql("SELECT connection_id FROM {domains} WHERE environment = ? AND domain = ?"), s.config.Environment, domain).Scan(&connectionID)
	if ctx.Err() == nil && errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return connectionID, err == nil, s.failed(ctx, "reading a home realm", err, nil)
}

// Put implements entra.ConnectionAdmin. Writers of one environment go one after the other, so that it can be said who holds a name or a domain; the unique
// indexes hold it all the same.
func (c *Connections) Put(ctx context.Context, connection *entra.Connection) (version string, err error) {
	s, next := c.store, connection.Clone()
	if next == nil || !possible(next.ID) {
		return "", fmt.Errorf("sqlstore: the id of a connection is UTF-8 of 1 to %d bytes", maxID)
	}
	for i := range next.DomainProofs {
		next.DomainProofs[i].At = next.DomainProofs[i].At.Round(0).UTC()
	}
	next.Version = rand.Text()
	encoded, err := entra.EncodeConnection(ctx, next, s.config.Sealer)
	if err != nil {
		return "", s.failed(ctx, "storing a connection", err, nil)
	}
	err = s.write(ctx, func(u unit) error {
		if err := s.announce(ctx, u); err != nil {
			return err
		}
		at, err := s.storedVersion(ctx, u, next.ID)
		if err != nil {
			return err
		}
		if at != connection.Version { // "" is none, on both sides
			return entra.ErrConflict
		}
		if err := s.checkTaken(ctx, u, next); err != nil {
			return err
		}
		if err := s.removeConnection(ctx, u, next.ID); err != nil {
			return err
		}
		return s.insertConnection(ctx, u, next, encoded)
	})
	s.written.Add(1)
	if err != nil {
		return "", s.failed(ctx, "storing a connection", err, entra.ErrConflict)
	}
	return next.Version, nil
}

// Delete implements entra.ConnectionAdmin.
func (c *Connections) Delete(ctx context.Context, id, version string) error {
	s := c.store
	if err := ctx.Err(); err != nil {
		return s.failed(ctx, "deleting a connection", err, nil)
	}
	if !possible(id) {
		return fmt.Errorf("sqlstore: connection: %w", entra.ErrNotFound)
	}
	err := s.write(ctx, func(u unit) error {
		if err := s.announce(ctx, u); err != nil {
			return err
		}
		at, err := s.storedVersion(ctx, u, id)
		switch {
		case err != nil:
			return err
		case at == "":
			return entra.ErrNotFound
		case version != "" && version != at:
			return entra.ErrConflict
		}
		return s.removeConnection(ctx, u, id)
	})
	s.written.Add(1)
	return s.failed(ctx, "deleting a connection", err, entra.ErrConflict)
}

// announce takes the next number of the environment's changes. It is the first statement of each that writes connections: they wait for each other on its
// row, and what a transaction reads after it is how the one before has left it.
func (s *Store) announce(ctx context.Context, u unit) error {
	text := "INSERT INTO {feed} (environment, number) VALUES (?, 1)" + s.engine.Upsert("environment") + "number = {feed}.number + 1"
	if _, err := exec(ctx, u, s.sql(text), s.config.Environment); err != nil {
		return err
	}
	if s.engine.Notify == "" {
		return nil
	}
	_, err := u.ExecContext(ctx, s.sql(s.engine.Notify), s.channel())
	return err
}

// channel is the name that the feed has with engines that can tell.
func (s *Store) channel() string { return s.config.Prefix + "feed" }

// storedVersion returns the version of a connection, "" where there is none.
func (s *Store) storedVersion(ctx context.Context, u unit, id string) (version string, err error) {
	err = u.QueryRowContext(ctx, s.sql("SELECT version FROM {connections} WHERE environment = ? AND id = ?"), s.config.Environment, id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return version, err
}

// checkTaken reports whether another connection holds the name or one of the domains.
func (s *Store) checkTaken(ctx context.Context, u unit, c *entra.Connection) error {
	holder := func(text, value string) (id string, err error) {
		err = u.QueryRowContext(ctx, s.sql(text), s.config.Environment, value).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) || id == c.ID {
			return "", nil
		}
		return id, err
	}
	id, err := holder("SELECT id FROM {connections} WHERE environment = ? AND name_hash = ?", nameHash(c))
	if err != nil {
		return err
	}
	if id != "" {
		return &entra.TakenError{Field: "name", Value: c.Name, ConnectionID: id}
	}
	for _, domain := range c.ProvenDomains() {
		id, err := holder("SELECT connection_id FROM {domains} WHERE environment = ? AND domain = ?", domain)
		if err != nil {
			return err
		}
		if id != "" {
			return &entra.TakenError{Field: "home_realm_domains", Value: domain, ConnectionID: id}
		}
	}
	return nil
}

// nameHash is unique, since a name is within its owner.
func nameHash(c *entra.Connection) string { return hash("name", c.OrganizationID, c.Name) }

func (s *Store) removeConnection(ctx context.Context, u unit, id string) error {
	for _, text := range []string{
		"DELETE FROM {realms} WHERE environment = ? AND connection_id = ?",
		"DELETE FROM {listings} WHERE environment = ? AND connection_id = ?",
		"DELETE FROM {domains} WHERE environment = ? AND connection_id = ?",
		"DELETE FROM {connections} WHERE environment = ? AND id = ?",
	} {
		if _, err := u.ExecContext(ctx, s.sql(text), s.config.Environment, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) insertConnection(ctx context.Context, u unit, c *entra.Connection, encoded []byte) error {
	var domains, lists, realms [][]any
	for _, domain := range c.ProvenDomains() {
		domains = append(domains, []any{s.config.Environment, domain, c.ID})
	}
	for _, h := range listings(c) {
		lists = append(lists, []any{s.config.Environment, h, c.ID})
	}
	if realm := realm(c); realm != "" {
		realms = append(realms, []any{s.config.Environment, realm, c.ID})
	}
	row := []any{s.config.Environment, c.ID, c.Version, nameHash(c), string(encoded), micro(s.config.Now())}
	if err := s.insert(ctx, u, "connections", []string{"environment", "id", "version", "name_hash", "encoded", "changed"}, [][]any{row}); err != nil {
		return err
	}
	if err := s.insert(ctx, u, "domains", []string{"environment", "domain", "connection_id"}, domains); err != nil {
		return err
	}
	if err := s.insert(ctx, u, "realms", []string{"environment", "realm", "connection_id"}, realms); err != nil {
		return err
	}
	return s.insert(ctx, u, "listings", []string{"environment", "hash", "connection_id"}, lists)
}
