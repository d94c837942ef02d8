package provisioning

import (
	"context"
	"errors"
	"iter"
)

// Errors of a UserStore; a store may wrap them, callers use errors.Is.
var (
	// ErrNotFound says that there is no such user, or no such organization.
	ErrNotFound = errors.New("provisioning: not found")
	// ErrConflict says that a key or a pending identity is taken, that a user would hold two keys of one connection, or that the
	// version has changed. The caller reads again and decides again.
	ErrConflict = errors.New("provisioning: conflict")
	// ErrEmailTaken says that the host keeps addresses unique and that another user has this one.
	//
	// A host may do so, and then whoever comes first has the address, proven or not: customers' administrators make users with addresses of strangers, by an import or in their own
	// directory, unverified as they are (Profile.EmailVerified). Nobody signs in by such an address and no account is linked by it, but its owner is refused. Where those
	// administrators are not trusted with this, keep verified addresses unique only, or let whoever verifies an address take it from a user who has not.
	ErrEmailTaken = errors.New("provisioning: email address is taken")
)

// UserStore is the host's storage of users. All methods are safe for concurrent use, on several machines where the host runs
// several. They get the caller's context unchanged and answer a cancelled one with an error that is none of the above.
//
// Two unique rules decide every race, and the store keeps them in the same step as the write (unique indexes in a database):
// a [Key] belongs to one user; a user holds at most one key of a connection (keys of imports, with an empty connection id, are
// not limited so). Keys are compared byte for byte; [Key.Hash] gives a column that no collation merges. Pending identities are
// unique as [Pending] says.
//
// Returned users belong to the caller. Times are returned as UTC, to the second at least. Package provisioningtest checks all this.
type UserStore interface {
	// UserByKey returns the user who holds the first of keys that is known, in their order; else ErrNotFound.
	// A key made by PendingKey is known when a user has a pending identity with this connection and object id, expired or not.
	UserByKey(ctx context.Context, keys ...Key) (*User, error)
	// UsersByEmail returns every user whose profile has this address, and every user with a pending identity for it, of
	// whichever connection, expired or not; each once. Addresses are compared by Fold, folded is folded already.
	// Nobody is an empty list without an error; so is "".
	UsersByEmail(ctx context.Context, folded string) ([]*User, error)
	// Create makes a user and returns it, with its id and version: all of the change or nothing. ErrConflict; ErrEmailTaken
	// if the host keeps addresses unique. Version, DropKeys and DropOtherIdentities mean nothing here.
	Create(ctx context.Context, c Change) (*User, error)
	// Update changes a user and returns it as it is now: all of the change or nothing. ErrNotFound; ErrConflict, also unless
	// c.Version is "" or still the user's; ErrEmailTaken.
	Update(ctx context.Context, id string, c Change) (*User, error)
}

// More abilities of a UserStore. Whoever needs one asks for it by its name, and fails loudly where it is missing.

// UserFilter selects users. The zero value selects all.
type UserFilter struct {
	ConnectionID string // those who hold a key of this connection, or wait for a first sign-in through it
	After        string // those who come after this id in the listing's order, whether or not it still exists; "": from the start
}

// UserReader reads one user.
type UserReader interface {
	// User returns the user with the host's own id; ErrNotFound.
	User(ctx context.Context, id string) (*User, error)
}

// UserLister lists users: for sweeps, and for what depends on a connection.
type UserLister interface {
	// Users yields the users that match, each once, in the order of their ids, byte for byte. No lock and no transaction is held while the caller
	// works on one, so that a user who changes meanwhile comes as it was or as it is. An error ends the listing.
	Users(ctx context.Context, f UserFilter) iter.Seq2[*User, error]
	// CountUsers counts them.
	CountUsers(ctx context.Context, f UserFilter) (int, error)
}

// UserEraser erases users.
type UserEraser interface {
	// Erase deletes a user and all that is kept of it; its id is not used again. ErrNotFound; ErrConflict unless version is "" or
	// still the user's.
	Erase(ctx context.Context, id, version string) error
}

// BulkCreator creates many users at once; an import uses it where the store has it.
type BulkCreator interface {
	// CreateMany creates a user for each change, as Create would one after the other, in as few steps as the store can. Each user is there whole or not
	// at all. It returns one error for each change, in their order: nil, ErrConflict, ErrEmailTaken, or one that says what is wrong with this
	// change. err is trouble of the store's: then some of the users may be there, and calling again with the same changes, each with
	// an import key, makes nobody twice.
	CreateMany(ctx context.Context, changes []Change) (each []error, err error)
}

// Search asks for everybody who holds one of some keys, or has one of some addresses.
type Search struct {
	Keys      []Key    // as UserByKey knows them, those made by PendingKey too
	Addresses []string // folded already, as UsersByEmail knows them
}

// BulkFinder finds many users at once; an import uses it where the store has it.
type BulkFinder interface {
	// FindMany returns for each search, in their order, everybody whom UserByKey finds by one of its keys alone, and everybody whom UsersByEmail finds by
	// one of its addresses: each once, in any order, and in as few steps as the store can. A search that finds nobody, and one that asks for nobody, has an
	// empty list. A user of several searches is in each of them, as a value of its own.
	FindMany(ctx context.Context, searches []Search) (each [][]*User, err error)
}

// Organization is what joining depends on.
type Organization struct {
	ID             string
	AllowedDomains []string // canonical; empty: any
	AutoJoin       bool     // people join by themselves; off is the policy "self-join off"
	Suspended      bool     // nobody joins
}

// Organizations is the host's list of them.
type Organizations interface {
	// Organization returns one; ErrNotFound.
	Organization(ctx context.Context, id string) (*Organization, error)
}

// Resolve finds a connection by its name, else by a home realm domain; an import is given one.
type Resolve func(ctx context.Context, name, domain string) (connectionID string, found bool, err error)
