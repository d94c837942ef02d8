package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Config of a Store. The zero value is good for one environment that has no secrets in connections.
type Config struct {
	// Environment keeps several environments apart in the same tables. At most 64 bytes; "" is an environment like any other.
	Environment string
	// Sealer seals the secrets of connections. nil: connections with secrets are refused. It is the same on all machines.
	Sealer entra.Sealer
	// Prefix begins the name of every table and index: lower-case ASCII letters, digits and "_", at most 30. "" is tenantdoor_.
	Prefix string
	// Schema holds the tables on PostgreSQL (on MySQL: the database); it must exist. "" is what the connection finds by itself.
	Schema string
	// UniqueEmails makes Create and Update answer provisioning.ErrEmailTaken to an address that another user's profile has. Unverified ones count too:
	// provisioning.ErrEmailTaken says who can make use of that. Switched on
	// later, Migrate fails as long as two users share an address.
	UniqueEmails bool
	// Now is the clock by which flows and replay ids expire; nil: time.Now.
	Now func() time.Time
	// Logger hears of a feed that is broken (Cache.Run); nil: silent.
	Logger *slog.Logger
	// NewID makes the id of a new user: at most 255 bytes, never one that was used. nil: 26 letters and digits, of which the first 10 say when the user was
	// made, so that imports are fast and users are listed in that order; the rest is chance (80 bits). Where an id must not tell the time, crypto/rand.Text does.
	NewID func() string
}

// Store is one environment in a database. It is safe for concurrent use, starts no goroutine and needs no closing: the *sql.DB is the host's.
type Store struct {
	db      *sql.DB
	tx      *sql.Tx // the host's; nil: each call is a transaction of its own
	engine  Engine
	config  Config
	names   *strings.Replacer
	writer  chan struct{}  // with Engine.OneWriter: held by the one who writes
	written *atomic.Uint64 // counts this process's writes of connections
}

var (
	prefixRule = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,29}$`)
	schemaRule = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,62}$`)
)

// tables of the schema, without the prefix. {name} stands for the whole name in a statement.
var tables = []string{"users", "identities", "connections", "domains", "listings", "realms", "feed", "flows", "replay", "schema_version"}

// New returns a Store over a database of this engine. Hosts call the New or Open of package sqlite, postgres or mysql instead.
func New(db *sql.DB, e Engine, c Config) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: a database is required")
	}
	if c.Prefix == "" {
		c.Prefix = "tenantdoor_"
	}
	switch {
	case !prefixRule.MatchString(c.Prefix):
		return nil, fmt.Errorf("sqlstore: Config.Prefix %q must be lower-case letters, digits and underscores, at most 30", c.Prefix)
	case c.Schema != "" && !schemaRule.MatchString(c.Schema):
		return nil, fmt.Errorf("sqlstore: Config.Schema %q must be letters, digits and underscores", c.Schema)
	case len(c.Environment) > 64 || !storable(c.Environment):
		return nil, errors.New("sqlstore: Config.Environment must be UTF-8 of at most 64 bytes")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.NewID == nil {
		now := c.Now
		c.NewID = func() string { return newID(now()) }
	}
	s := &Store{db: db, engine: e, config: c, names: c.names(), written: new(atomic.Uint64)}
	if e.OneWriter {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}

// names fills tables' names into statements.
func (c Config) names() *strings.Replacer {
	pairs := []string{"{prefix}", c.Prefix}
	for _, table := range tables {
		pairs = append(pairs, "{"+table+"}", c.table(table))
	}
	return strings.NewReplacer(pairs...)
}

func (c Config) table(name string) string {
	if c.Schema == "" {
		return c.Prefix + name
	}
	return c.Schema + "." + c.Prefix + name
}

// WithTx returns a Store whose calls are part of the host's own transaction: what they write is there when the host commits. A call
// that fails leaves the transaction as it was before the call, and open, unless the database has ended it (a deadlock). Nothing is tried again.
//
// On PostgreSQL and MySQL the transaction should have the isolation level read committed. The Store must not be used beside the transaction's own
// statements at the same time, and not after its end. Migrate and Cache are not for it.
func (s *Store) WithTx(tx *sql.Tx) *Store {
	t := *s
	t.tx = tx
	return &t
}

// Connections returns the connections of the environment.
func (s *Store) Connections() *Connections { return &Connections{s} }

// Users returns the users of the environment.
func (s *Store) Users() *Users { return &Users{s} }

// Flows returns the flows of the environment.
func (s *Store) Flows() *Flows { return &Flows{s} }

// Replay returns what was used in the environment and may not be used again.
func (s *Store) Replay() *Replay { return &Replay{s} }
