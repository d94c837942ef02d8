package bulk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Connections answers what an import asks of the host's connections, among those that the importer may see: entra.View does. Answers are kept for the
// length of a run.
type Connections interface {
	// Resolve finds a connection by its name, else by a home realm domain: it is a provisioning.Resolve.
	Resolve(ctx context.Context, name, domain string) (connectionID string, found bool, err error)
	// Tenant returns the one tenant that a connection is pinned to, a GUID in lower case; "" where it is pinned to none.
	Tenant(ctx context.Context, connectionID string) (string, error)
	// Proven reports whether the domain (canonical) is the connection's by the word of the environment, or of whoever vouches for it; Entra's alone is
	// not enough to reach users who exist.
	Proven(ctx context.Context, connectionID, domain string) (bool, error)
}

// Importer is who imports. Its zero value is nobody and may do nothing, so that a host that loses an id hands out no rights.
type Importer struct {
	organization string
	environment  bool
}

// ByEnvironment is the host itself, or its operator.
func ByEnvironment() Importer { return Importer{environment: true} }

// ByOrganization is an administrator of a customer, who may be hostile and may do less: their users join this organization and no other; each of them
// waits for a connection; an address counts as unverified whatever the file says; passwords and feature flags are refused; and a user who exists is
// reached only if this organization is the user's only one and the address's domain is proven.
func ByOrganization(id string) Importer { return Importer{organization: id} }

// Config of an Import.
type Config struct {
	Users provisioning.UserStore // required; a provisioning.BulkFinder and BulkCreator is faster
	By    Importer               // required

	// Source names where the records come from, the same at every import of them: with a record's id it is the key by which the record is known. Another
	// name makes the same file new: its users are then found by address. Required; at most 100 bytes, without control characters.
	Source string

	// Connections finds the connections that records name. nil: there are none, and a record that names one is bad.
	Connections Connections
	// Connection is the name for records that name none; "": their home realm domain decides.
	Connection string
	// Expiry is how long a record waits for its person; 0: 90 days.
	Expiry time.Duration
	// Organization finds the host's organization by the id that the file uses. nil: it is the host's own id.
	Organization func(ctx context.Context, external string) (id string, found bool, err error)

	// Keep takes what a UserStore has no place for: phone numbers, user names, roles, permissions, scopes, password hashes and whatever else the file
	// says. It is called before the users are made, and again for the same keys when a run is interrupted or meets somebody else's write; so it must
	// be idempotent, by Kept.Key. A record that turns out bad afterwards has a Result that says so. nil: nothing is kept, and a record that has
	// something to keep ends the run with a *NotKeptError, unless Ignore names it.
	Keep func(context.Context, []Kept) error
	// Ignore names what may get lost: "phone", "username", "roles", "permissions", "scopes", and columns or members by their own names.
	Ignore []string

	// Report hears of every row, in the order of the file; one call at a time. nil: nobody listens.
	Report func(Result)
	// Checkpoint is called when everything before a place is stored and reported. A later run may go on there (Resume), or begin anew: that changes nothing
	// either. Its error ends the run. It also tells the progress. nil: nobody listens.
	Checkpoint func(context.Context, Checkpoint) error

	// DryRun reads and decides, and writes nothing: neither users, nor Keep. It cannot see what earlier rows of the same file would have made, more than
	// one batch before.
	DryRun bool
	// Batch is how many records are stored at once; 0: 1,000; at most 5,000.
	Batch int
	// Parallel is how many users are looked up at once where the store is no provisioning.BulkFinder; 0: 8.
	Parallel int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Kept is what Keep gets of one record.
type Kept struct {
	// Key is an import key that the user will hold once the record is in. The user who exists is found by it later.
	Key provisioning.Key
	// UserID is the user, where one exists already; "" for one who is about to be made.
	UserID string
	// Organization is whose administrator imports; "" is the environment. The roles, permissions and scopes of the record are then that administrator's
	// word: give only what they may hand out themselves.
	Organization string
	Record       *Record
}

// DefaultExpiry is the default of Config.Expiry.
const DefaultExpiry = 90 * 24 * time.Hour

const (
	defaultBatch, maxBatch = 1000, 5000
	defaultParallel        = 8
	maxSource              = 100
)

// NotKeptError ends a run whose file says what nobody would keep.
type NotKeptError struct {
	Line  int64
	Names []string
}

// Error names them.
func (e *NotKeptError) Error() string {
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = clip(n)
	}
	return fmt.Sprintf("bulk: line %d: nobody keeps %s: set Config.Keep, or name what may get lost in Config.Ignore", e.Line, strings.Join(names, ", "))
}

// Import puts the records of a file into a UserStore. Every Run may be on another file of the same source. It is safe for concurrent use as far as the
// functions of its Config are.
type Import struct {
	cfg       Config
	authority string // of import keys
}

// New returns an Import.
func New(c Config) (*Import, error) {
	switch {
	case c.Users == nil:
		return nil, errors.New("bulk: Config.Users is required")
	case !c.By.environment && c.By.organization == "":
		return nil, errors.New("bulk: Config.By is required: ByEnvironment or ByOrganization")
	case c.Source == "" || len(c.Source) > maxSource || !checkValue(c.Source) || strings.HasPrefix(c.Source, "organization:"):
		return nil, errors.New("bulk: Config.Source is required: at most 100 bytes without control characters, and not \"organization:…\"")
	case c.Batch < 0 || c.Batch > maxBatch || c.Parallel < 0 || c.Expiry < 0:
		return nil, errors.New("bulk: Config.Batch, Parallel or Expiry is out of range")
	}
	i := &Import{cfg: c, authority: c.Source}
	if !c.By.environment { // customers choose names of sources too, and must not reach each other's keys
		i.authority = fmt.Sprintf("organization:%q:%s", c.By.organization, c.Source)
	}
	if i.cfg.Batch == 0 {
		i.cfg.Batch = defaultBatch
	}
	if i.cfg.Parallel == 0 {
		i.cfg.Parallel = defaultParallel
	}
	if i.cfg.Expiry == 0 {
		i.cfg.Expiry = DefaultExpiry
	}
	if i.cfg.Now == nil {
		i.cfg.Now = time.Now
	}
	if i.cfg.Report == nil {
		i.cfg.Report = func(Result) {}
	}
	if i.cfg.Checkpoint == nil {
		i.cfg.Checkpoint = func(context.Context, Checkpoint) error { return nil }
	}
	return i, nil
}
