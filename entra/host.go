package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// What a host implements, beside provisioning.UserStore. A store serves one environment. Every method of every interface here is called by many
// goroutines at once, gets the caller's context unchanged, and returns that context's error when it ends.

// Errors of the stores; a store may wrap them, callers use errors.Is.
var (
	// ErrNotFound is one value with provisioning.ErrNotFound, as ErrConflict is with its namesake, so that one type can be both stores.
	ErrNotFound = provisioning.ErrNotFound
	// ErrConflict says that the connection has changed since it was read, or exists already: read it again.
	ErrConflict = provisioning.ErrConflict
	// ErrNoConnection is inside an *Error of KindNoConnection: the address's domain belongs to no connection. Stores do not return it.
	ErrNoConnection = errors.New("entra: no connection for this domain")
)

// ProviderError is Entra's own error, wherever it came from.
type ProviderError = aadsts.Error

// ConnectionStore finds connections.
type ConnectionStore interface {
	// Connection returns the connection; ErrNotFound. Nobody modifies what it returns.
	Connection(ctx context.Context, id string) (*Connection, error)
	// HomeRealm names the connection for which domain is proven, by the very text that Connection.ProvenDomains lists: a subdomain is asked for by hrd.Lookup,
	// as "*.contoso.com". Pending and lapsed domains do not route.
	hrd.Directory
}

// Filter selects connections. A zero Filter selects all; set fields must all match.
type Filter struct {
	Name         string // exactly
	Application  string // environment-level connections that list it (or AllApplications)
	Organization string // its own connections, and shared ones that it switched on
	// Realm selects the connections of strategy WSFed whose WTRealm this is, exactly. A store that does not know it lists more than was asked for: whoever asks by
	// it looks at the realm again, so that this costs time and nothing else. A sign-in that the provider began asks by it, and strangers can do that.
	Realm string
}

// Matches reports whether the filter selects a connection: for stores that look through what they hold, in the place of an index.
func (f Filter) Matches(c *Connection) bool {
	shared := c.OrganizationID == ""
	switch {
	case f.Name != "" && c.Name != f.Name,
		f.Application != "" && !(shared && (c.AllApplications || slices.Contains(c.EnabledApplications, f.Application))),
		f.Organization != "" && c.OrganizationID != f.Organization && !(shared && slices.Contains(c.Organizations, f.Organization)),
		f.Realm != "" && (c.Strategy != WSFed || c.WTRealm() != f.Realm):
		return false
	}
	return true
}

// ConnectionLister lists connections.
type ConnectionLister interface {
	// Connections yields the connections that match, in the order of their ids. An error ends the listing.
	Connections(ctx context.Context, f Filter) iter.Seq2[*Connection, error]
}

// ConnectionAdmin writes connections; only a Registrar calls it.
type ConnectionAdmin interface {
	ConnectionLister
	// Put stores a copy of c and returns its new version; c itself stays as it is. Times are kept as UTC, to the second at least. Version "" creates: an id that exists is
	// ErrConflict. Otherwise c.Version must still be the stored one, else, and where there is none, ErrConflict.
	// A name within the same owner, or a proven domain within the environment, that another connection
	// holds is *TakenError; then nothing is stored. The check and the write are one step.
	Put(ctx context.Context, c *Connection) (version string, err error)
	// Delete removes a connection; ErrNotFound; ErrConflict unless version is "" or still the stored one.
	Delete(ctx context.Context, id, version string) error
}

// TakenError says that another connection holds a name or a proven domain.
type TakenError struct {
	Field        string // "name" or "home_realm_domains"
	Value        string
	ConnectionID string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("entra: %s %q belongs to another connection", e.Field, e.Value)
}

// FlowStore keeps flows on the server, for hosts that do not want them in a cookie. It sees sealed bytes only.
type FlowStore interface {
	// Put keeps sealed under id until expires.
	Put(ctx context.Context, id string, sealed []byte, expires time.Time) error
	// Take reads and deletes in one step, so that of any number of callers one gets it; ErrNotFound for the others and after expiry.
	Take(ctx context.Context, id string) ([]byte, error)
}

// ReplayStore remembers what may be used only once. Several machines share one.
type ReplayStore interface {
	// Remember keeps id (64 hex digits) at least until the time given and reports whether it was new: one atomic
	// add, so that of any number of callers one gets true. An error refuses the sign-in.
	Remember(ctx context.Context, id string, until time.Time) (first bool, err error)
}

// Sealer encrypts and authenticates: a Keyring, or the host's KMS.
type Sealer interface {
	// Seal encrypts plain and binds it to about, which is not stored.
	Seal(ctx context.Context, plain, about []byte) ([]byte, error)
	// Open returns what was sealed; with another about, or anything altered, it is an error.
	Open(ctx context.Context, sealed, about []byte) ([]byte, error)
}

// Observer hears of each step of a sign-in, discover, begin, verify, enrich, provision, and of refresh and recheck. There may be more in later versions.
// Nothing secret is handed to it.
type Observer interface {
	// Start is called as a step begins; the returned context is the step's, the function is called once with its outcome.
	Start(ctx context.Context, step string) (context.Context, func(error))
}
