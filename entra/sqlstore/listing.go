package sqlstore

import (
	"context"
	"iter"

	"github.com/tenantdoor/tenantdoor/entra"
)

// pageSize is how many rows a listing reads at once. No rows are open while the caller works on one, so a listing holds no connection and no lock.
const pageSize = 200

// listings are the hashes under which a connection is listed; they follow the comments of entra.Filter.
func listings(c *entra.Connection) []string {
	seen := map[string]bool{}
	var list []string
	add := func(h string) {
		if !seen[h] {
			seen[h] = true
			list = append(list, h)
		}
	}
	add(byName(c.Name))
	if c.OrganizationID != "" {
		add(byOrganization(c.OrganizationID))
		return list
	}
	for _, organization := range c.Organizations {
		add(byOrganization(organization))
	}
	for _, application := range c.EnabledApplications {
		add(byApplication(application))
	}
	if c.AllApplications {
		add(byAnyApplication())
	}
	return list
}

func byName(name string) string                 { return hash("listing name", name) }
func byOrganization(organization string) string { return hash("listing organization", organization) }
func byApplication(application string) string   { return hash("listing application", application) }
func byAnyApplication() string                  { return hash("listing every application") }

// realmLength is how much of a realm the table of realms holds, in code points, which the migrations cut with SUBSTR: an index of the whole could be too long for it.
const realmLength = 255

// realm returns what a connection is found by over WS-Federation, "" where it is not. It is the same text that 0002_realms.sql makes of stored connections.
func realm(c *entra.Connection) string {
	if c.Strategy != entra.WSFed || !storable(c.WTRealm()) {
		return ""
	}
	return beginning(c.WTRealm())
}

// beginning cuts a realm to realmLength.
func beginning(realm string) string {
	n := 0
	for i := range realm {
		if n++; n > realmLength {
			return realm[:i]
		}
	}
	return realm
}

// Connections implements entra.ConnectionLister.
func (c *Connections) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	s := c.store
	return func(yield func(*entra.Connection, error) bool) {
		after, more := "", true
		for more {
			page, err := s.connectionPage(ctx, f, after)
			if err != nil {
				yield(nil, s.failed(ctx, "listing connections", err, nil))
				return
			}
			more = len(page) == pageSize
			for _, row := range page {
				after = row.id
				connection, err := s.decode(ctx, row.id, row.version, row.encoded)
				if err == nil && !f.Matches(connection) {
					continue // another realm that begins like this one
				}
				if !yield(connection, err) || err != nil {
					return
				}
			}
		}
	}
}

// inOrder begins a listing of a table in the order of its primary key. Left alone, MySQL reads the whole environment by another index and sorts it, for every
// page; to the other engines the hint is a comment.
func inOrder(alias, columns string) string {
	return "SELECT /*+ INDEX(" + alias + " PRIMARY) */ " + columns
}

type connectionRow struct {
	id, version string
	encoded     []byte
}

func (s *Store) connectionPage(ctx context.Context, f entra.Filter, after string) (page []connectionRow, err error) {
	text, args := inOrder("c", "c.id, c.version, c.encoded")+" FROM {connections} c WHERE c.environment = ? AND c.id > ?", []any{s.config.Environment, after}
	match := func(hashes ...any) {
		text += " AND c.id IN (SELECT connection_id FROM {listings} WHERE environment = ? AND hash IN (" + marks(len(hashes)) + "))"
		args = append(append(args, s.config.Environment), hashes...)
	}
	if f.Name != "" {
		match(byName(f.Name))
	}
	if f.Application != "" {
		match(byApplication(f.Application), byAnyApplication())
	}
	if f.Organization != "" {
		match(byOrganization(f.Organization))
	}
	if f.Realm != "" {
		if !storable(f.Realm) {
			return nil, nil
		}
		text += " AND c.id IN (SELECT connection_id FROM {realms} WHERE environment = ? AND realm = ?)"
		args = append(args, s.config.Environment, beginning(f.Realm))
	}
	rows, err := s.reader().QueryContext(ctx, s.sql(text+" ORDER BY c.id LIMIT ?"), append(args, pageSize)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row connectionRow
		if err := rows.Scan(&row.id, &row.version, &row.encoded); err != nil {
			return nil, err
		}
		page = append(page, row)
	}
	return page, rows.Err()
}
