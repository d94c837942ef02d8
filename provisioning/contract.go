package provisioning

import (
	"context"
	"errors"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Errors of a UserStore; a store may wrap them.
var (
	ErrNotFound   = errors.New("provisioning: not found")
	ErrConflict   = errors.New("provisioning: conflict")               // a key is taken, a user would hold two of one connection, or the version has changed: read again
	ErrEmailTaken = errors.New("provisioning: email address is taken") // the host keeps addresses unique and another user has this one
)

// Key is what an identity is known by: (connection id, tenant id, object id); for AD FS (connection id, issuer, subject).
// Lookup only: (connection id, "", object id) of a pending identity, and ("", source, record id) of an import.
type Key struct{ ConnectionID, Authority, Subject string }

// KeyOf returns the key of a person at a connection. An Entra identity without tenant or object id is an error.
func KeyOf(connectionID string, id *claims.Identity) (Key, error) { panic("sketch") }

// Hash returns 64 hex digits, for a unique column that no collation merges.
func (k Key) Hash() string { panic("sketch") }

// Profile is what the host shows of a user.
type Profile struct {
	Email                          string
	EmailVerified                  bool
	GivenName, FamilyName, Picture string
	Extended                       map[string]any
}

// Pending waits for a person's first sign-in. Unique per (connection, folded address) and (connection, object id).
type Pending struct {
	ConnectionID, ConnectionName, TenantID, ObjectID, Address string
	Expires                                                   time.Time
}

// User is the host's user as provisioning sees it.
type User struct {
	ID, Version   string
	Suspended     bool
	Keys          []Key
	Pending       []Pending
	Profile       Profile
	Groups        []claims.Group
	GroupsAt      time.Time // when Groups was last known for certain; zero: never
	Organizations []string
	Emergency     bool // break-glass: keeps a local identity, bypasses home realm discovery
}

// Change is written whole or not at all. A nil field leaves things alone; a pointer holds the whole new value.
type Change struct {
	Version             string // Update only: "" or the version that was read
	AddKeys, DropKeys   []Key
	DropOtherIdentities bool // email, phone, user-name and social identities; never an enterprise one
	Pending             *[]Pending
	Profile             *Profile
	Groups              *[]claims.Group // sets GroupsAt to GroupsAt
	GroupsAt            time.Time
	Join                []string
}

// UserStore is the host's storage of users. All methods are safe for concurrent use.
type UserStore interface {
	// UserByKey returns the user who holds the first of keys that is known; ErrNotFound.
	UserByKey(ctx context.Context, keys ...Key) (*User, error)
	// UsersByEmail returns every user with this address (compared by Fold), imported ones with a pending
	// identity for it too; nobody is an empty list.
	UsersByEmail(ctx context.Context, folded string) ([]*User, error)
	// Create makes a user: all or nothing; ErrConflict; ErrEmailTaken if the host keeps addresses unique.
	Create(ctx context.Context, c Change) (*User, error)
	// Update changes a user: all or nothing; ErrNotFound; ErrConflict unless c.Version is "" or still the user's.
	Update(ctx context.Context, id string, c Change) (*User, error)
}

// Fold returns the form in which addresses are compared: domain canonical, local part in lower case.
func Fold(address string) string { panic("sketch") }

// Organization is what joining depends on.
type Organization struct {
	ID             string
	AllowedDomains []string // canonical; empty: any
	AutoJoin       bool     // the organization lets people join by themselves
	Suspended      bool
}

// Organizations is the host's list of them.
type Organizations interface {
	// Organization returns one; ErrNotFound.
	Organization(ctx context.Context, id string) (*Organization, error)
}

// Policy is what the connection and the host allow at this sign-in.
type Policy struct {
	ConnectionID, ConnectionName string
	ProvenDomains                []string // canonical home realm domains with the environment's proof
	SingleTenant                 bool     // the connection is pinned to one tenant
	TrustEmails                  bool
	CreateMissing                bool
	SyncProfile                  bool // the connection's switch and the global policy, both
	KeepOtherIdentities          bool
	Join                         *Organization // nil: nobody joins
	Now                          time.Time     // for expiry of pending identities
}

// Action is what is done with a person.
type Action int

// The actions.
const (
	ActionRefuse Action = iota
	ActionSignIn
	ActionLink
	ActionCreate
	ActionVerify // mail a one-time code to the existing address, then link
)

// Reason says why, in a word that a machine can read.
type Reason string

// Decision is what is done with a person, and why.
type Decision struct {
	Action    Action
	Reason    Reason
	Evidence  []claims.Evidence // all that supports the address: the token's and the connection's
	UserID    string            // "" for create and most refusals
	Confirmed bool              // the address counts as verified
	Joined    string            // organization joined, "" if none
	Changed   []string          // what was written to the profile, by field name
}

// Decide is the whole linking decision, without side effects.
func Decide(p Policy, id *claims.Identity, byKey *User, byEmail []*User) Decision { panic("sketch") }

// Refused is the error of a refusal, or of a demand to verify.
type Refused struct{ Decision Decision }

func (r *Refused) Error() string { panic("sketch") }

// Audit is one outcome, for the host's audit log.
type Audit struct {
	Time         time.Time
	ConnectionID string
	Key          Key
	Decision     Decision
}

// Config of a Provisioner.
type Config struct {
	Users UserStore
	Now   func() time.Time             // nil: time.Now
	Audit func(context.Context, Audit) // nil: nobody listens
}

// Provisioner applies decisions. It is safe for concurrent use, on several machines.
type Provisioner struct{}

// New returns a Provisioner.
func New(c Config) (*Provisioner, error) { panic("sketch") }

// Provision decides and applies. *Refused holds the decision; other errors are the store's.
func (p *Provisioner) Provision(ctx context.Context, pol Policy, id *claims.Identity) (*User, Decision, error) {
	panic("sketch")
}

// DryRun decides and writes nothing.
func (p *Provisioner) DryRun(ctx context.Context, pol Policy, id *claims.Identity) (Decision, error) {
	panic("sketch")
}

// Resolve finds a connection by name, else by home realm domain; given to the import.
type Resolve func(ctx context.Context, name, domain string) (connectionID string, found bool, err error)
