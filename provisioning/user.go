package provisioning

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// User is the host's user as provisioning sees it.
type User struct {
	ID            string // the host's own; never empty, never reused
	Version       string // opaque; another one after every change
	Suspended     bool   // refused at every sign-in
	Emergency     bool   // break-glass: keeps a local identity, is never linked, bypasses home realm discovery
	Keys          []Key
	Pending       []Pending
	Profile       Profile
	Groups        []claims.Group
	GroupsAt      time.Time // when Groups was last known for certain, UTC; zero: never
	Roles         []string  // what the host's rules gave for Groups; written in the same step as they are
	Organizations []string  // ids
}

// Profile is what the host shows of a user.
type Profile struct {
	Email                          string // as spelled; compared by Fold
	EmailVerified                  bool   // somebody proved that the address is this user's
	GivenName, FamilyName, Picture string
	Extended                       map[string]any // extended attributes from Graph, under Graph's names; values as encoding/json knows them
}

// Pending waits for a person's first sign-in through a connection: an imported record, or the assignment of a connection to a
// user. It matches once, and is gone when it has.
//
// Pending identities are unique in a store per (connection id, folded address) and per (connection id, object id), expired
// ones too.
type Pending struct {
	ConnectionID   string // required
	ConnectionName string // as the record named it; shown, never matched
	TenantID       string // lower-case GUID: only a person of this tenant matches; "" is whichever tenant the connection admits
	ObjectID       string // lower-case GUID: only this person matches, by whatever address; "" is not known
	Address        string // a user principal name or an email address; "" only with an ObjectID
	Expires        time.Time
}

// Change is written whole or not at all. A nil field leaves things alone; a pointer holds the whole new value.
type Change struct {
	Version             string     // Update only: "" or the version that was read
	AddKeys             []Key      // a key that another user holds, or a second one of a connection, is ErrConflict
	DropKeys            []Key      // dropped before AddKeys are added; a key that the user does not hold changes nothing
	DropOtherIdentities bool       // email, phone, user-name and social identities; never an enterprise one
	Pending             *[]Pending // the whole list; one that another user has is ErrConflict
	Profile             *Profile
	Groups              *[]claims.Group // the whole list; the time is GroupsAt
	GroupsAt            time.Time       // with Groups: when they were known for certain
	Roles               *[]string       // the whole list of what rules gave for groups
	Join                []string        // organizations to add, with what new members get there, such as default roles; one that the user is in already changes nothing
}

// Holds reports whether the user holds this very key.
func (u *User) Holds(k Key) bool { return slices.Contains(u.Keys, k) }

// KeyAt returns the user's key of a connection.
func (u *User) KeyAt(connectionID string) (Key, bool) {
	i := slices.IndexFunc(u.Keys, func(k Key) bool { return k.ConnectionID == connectionID && k.Enterprise() })
	if i < 0 {
		return Key{}, false
	}
	return u.Keys[i], true
}

// Enterprise reports whether the user holds an identity of any connection.
func (u *User) Enterprise() bool { return slices.ContainsFunc(u.Keys, Key.Enterprise) }

// Clone returns a deep copy, for stores that keep users in memory.
func (u *User) Clone() *User {
	c := *u
	c.Keys = slices.Clone(u.Keys)
	c.Pending = slices.Clone(u.Pending)
	c.Profile = u.Profile.Clone()
	c.Groups = slices.Clone(u.Groups)
	c.Roles = slices.Clone(u.Roles)
	c.Organizations = slices.Clone(u.Organizations)
	return &c
}

// Clone returns a deep copy.
func (p Profile) Clone() Profile {
	p.Extended = cloneMap(p.Extended)
	return p
}

func cloneMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	c := make(map[string]any, len(m))
	for name, value := range m {
		c[name] = cloneValue(value)
	}
	return c
}

// cloneValue copies what encoding/json can produce, and lists of strings; any other value is immutable or the host's own.
func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = cloneValue(value)
		}
		return c
	case []string:
		return slices.Clone(v)
	}
	return v
}

// Check reports what is wrong with a change whatever the user: keys that nobody can hold, two keys of one connection, a pending
// identity that could match nobody or everybody. A store calls it before it writes.
func (c Change) Check() error {
	if err := checkKeys(c.AddKeys); err != nil {
		return fmt.Errorf("provisioning: invalid change: %w", err)
	}
	if c.Pending != nil {
		if err := checkPending(*c.Pending); err != nil {
			return fmt.Errorf("provisioning: invalid change: %w", err)
		}
	}
	if c.Groups != nil && c.GroupsAt.IsZero() {
		return errors.New("provisioning: invalid change: groups without the time at which they were known")
	}
	if slices.Contains(c.Join, "") {
		return errors.New("provisioning: invalid change: an organization without an id")
	}
	return nil
}

func checkKeys(keys []Key) error {
	for i, k := range keys {
		if err := k.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(keys[:i], func(o Key) bool { return k.Enterprise() && o.ConnectionID == k.ConnectionID }) {
			return fmt.Errorf("two keys of connection %q: a user holds at most one", k.ConnectionID)
		}
	}
	return nil
}

func checkPending(list []Pending) error {
	for _, p := range list {
		switch {
		case p.ConnectionID == "":
			return errors.New("a pending identity has no connection")
		case p.ObjectID == "" && p.Address == "":
			return errors.New("a pending identity has neither an object id nor an address")
		case p.ObjectID != "" && !isGUID(p.ObjectID), p.TenantID != "" && !isGUID(p.TenantID):
			return errors.New("the object id or the tenant id of a pending identity is not a lower-case GUID")
		case p.Address != "" && Fold(p.Address) == "":
			return errors.New("the address of a pending identity is not an address")
		case p.Expires.IsZero():
			return errors.New("a pending identity has no time at which it expires")
		}
	}
	return nil
}
