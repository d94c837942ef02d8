package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// userColumns are what a user is read from, in the order of scanUser.
const userColumns = "u.id, u.version, u.suspended, u.emergency, u.profile, u.keys_held, u.pending, u.group_list, u.groups_at, u.role_list, u.organizations"

// The JSON in the columns. Members are never renamed; what is new may be absent.
type (
	profileJSON struct {
		Email         string         `json:"email,omitempty"`
		EmailVerified bool           `json:"email_verified,omitempty"`
		GivenName     string         `json:"given_name,omitempty"`
		FamilyName    string         `json:"family_name,omitempty"`
		Picture       string         `json:"picture,omitempty"`
		Extended      map[string]any `json:"extended,omitempty"`
	}
	keyJSON struct {
		ConnectionID string `json:"connection_id,omitempty"`
		Authority    string `json:"authority"`
		Subject      string `json:"subject"`
	}
	pendingJSON struct {
		ConnectionID   string    `json:"connection_id"`
		ConnectionName string    `json:"connection_name,omitempty"`
		TenantID       string    `json:"tenant_id,omitempty"`
		ObjectID       string    `json:"object_id,omitempty"`
		Address        string    `json:"address,omitempty"`
		Expires        time.Time `json:"expires"`
	}
)

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func scanUser(row scanner) (*provisioning.User, error) {
	var u provisioning.User
	var profile, keys, pending, groups, roles, organizations []byte
	var groupsAt sql.NullInt64
	if err := row.Scan(&u.ID, &u.Version, &u.Suspended, &u.Emergency, &profile, &keys, &pending, &groups, &groupsAt, &roles, &organizations); err != nil {
		return nil, err
	}
	var p profileJSON
	var heldKeys []keyJSON
	var waiting []pendingJSON
	for _, column := range []struct {
		name string
		data []byte
		into any
	}{
		{"profile", profile, &p},
		{"keys_held", keys, &heldKeys},
		{"pending", pending, &waiting},
		{"group_list", groups, &u.Groups},
		{"role_list", roles, &u.Roles},
		{"organizations", organizations, &u.Organizations},
	} {
		if err := json.Unmarshal(column.data, column.into); err != nil {
			return nil, fmt.Errorf("user %q: column %s is not what this package writes", u.ID, column.name) // the decoder's error may repeat a value
		}
	}
	u.Profile = provisioning.Profile(p)
	for _, k := range heldKeys {
		u.Keys = append(u.Keys, provisioning.Key(k))
	}
	for _, w := range waiting {
		u.Pending = append(u.Pending, provisioning.Pending(w))
	}
	if groupsAt.Valid {
		u.GroupsAt = time.UnixMicro(groupsAt.Int64).UTC()
	}
	return &u, nil
}

// column is a value to be written.
type column struct {
	name  string
	value any
}

// columns returns what of a user is stored, for those parts that c changes; of a new user all. Times in u become what is stored.
func (s *Store) columns(u *provisioning.User, c provisioning.Change, all bool) (list []column, err error) {
	add := func(name string, value any) { list = append(list, column{name, value}) }
	encode := func(name string, value any) {
		data, failed := json.Marshal(value)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("sqlstore: %s of a user: %w", name, failed))
		}
		add(name, string(data))
	}
	if all || c.Profile != nil {
		encode("profile", profileJSON(u.Profile))
		add("email_hash", s.emailHash(u))
		add("email_claim", s.emailClaim(u))
	}
	if all || len(c.AddKeys)+len(c.DropKeys) > 0 {
		keys := []keyJSON{}
		for _, k := range u.Keys {
			if !storable(k.ConnectionID) || !storable(k.Authority) || !storable(k.Subject) {
				return nil, errors.New("sqlstore: a key is not UTF-8, or has a NUL in it")
			}
			keys = append(keys, keyJSON(k))
		}
		encode("keys_held", keys)
	}
	if all || c.Pending != nil {
		pending := []pendingJSON{}
		for i := range u.Pending {
			u.Pending[i].Expires = u.Pending[i].Expires.Truncate(time.Microsecond)
			pending = append(pending, pendingJSON(u.Pending[i]))
		}
		encode("pending", pending)
	}
	if all || c.Groups != nil {
		encode("group_list", append([]claims.Group{}, u.Groups...))
		add("groups_at", s.groupsAt(u))
	}
	if all || c.Roles != nil {
		encode("role_list", append([]string{}, u.Roles...))
	}
	if all || len(c.Join) > 0 {
		encode("organizations", append([]string{}, u.Organizations...))
	}
	return list, err
}

func (s *Store) groupsAt(u *provisioning.User) any {
	if u.GroupsAt.IsZero() {
		return nil
	}
	u.GroupsAt = u.GroupsAt.Truncate(time.Microsecond)
	return micro(u.GroupsAt)
}

// emailHash returns the hash of the folded address of the profile, nil without one.
func (s *Store) emailHash(u *provisioning.User) any {
	return addressHash(provisioning.Fold(u.Profile.Email))
}

func (s *Store) emailClaim(u *provisioning.User) any {
	if !s.config.UniqueEmails {
		return nil
	}
	return s.emailHash(u)
}

func addressHash(folded string) any {
	if folded == "" {
		return nil
	}
	return hash("address", folded)
}

// identity is a row of the table identities: what finds one user.
type identity struct {
	hash, kind, user, connection string
	keyOf, address               any // nil: NULL
}

// identities returns the rows of a user in the order of their hashes, in which everybody writes them: two who write the same ones wait, and
// do not each hold what the other waits for. ErrConflict where the user has one twice.
func identities(u *provisioning.User) ([]identity, error) {
	var list []identity
	for _, k := range u.Keys {
		row := identity{hash: k.Hash(), kind: "key", user: u.ID, connection: connectionHash(k.ConnectionID)}
		if k.Enterprise() {
			row.keyOf = row.connection
		}
		list = append(list, row)
	}
	for _, p := range u.Pending {
		at := connectionHash(p.ConnectionID)
		if p.ObjectID != "" {
			list = append(list, identity{hash: provisioning.PendingKey(p.ConnectionID, p.ObjectID).Hash(), kind: "object", user: u.ID, connection: at})
		}
		if folded := provisioning.Fold(p.Address); folded != "" {
			list = append(list, identity{hash: hash("pending", p.ConnectionID, folded), kind: "address", user: u.ID, connection: at, address: addressHash(folded)})
		}
	}
	sortIdentities(list)
	for i := range list {
		if i > 0 && list[i].hash == list[i-1].hash {
			return nil, fmt.Errorf("sqlstore: two pending identities of a user are the same: %w", provisioning.ErrConflict)
		}
	}
	return list, nil
}

// connectionHash is by what users of a connection are listed. The keys of imports have no connection and are under the hash of "".
func connectionHash(connectionID string) string { return hash("connection", connectionID) }

var identityColumns = []string{"environment", "hash", "kind", "user_id", "connection", "key_of", "address_hash"}

func (s *Store) identityRows(list []identity) [][]any {
	rows := make([][]any, len(list))
	for n, i := range list {
		rows[n] = []any{s.config.Environment, i.hash, i.kind, i.user, i.connection, i.keyOf, i.address}
	}
	return rows
}

func sortIdentities(list []identity) {
	slices.SortFunc(list, func(a, b identity) int { return cmp.Compare(a.hash, b.hash) })
}
