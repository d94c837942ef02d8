package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// faults are the ways in which a host's store has been seen, or can be expected, to go wrong.
var faults = contract.Faults{
	"not found is nil, nil":                           {"not found"},
	"not found is an error of its own":                {"not found"},
	"an unknown user is made by Update":               {"not found"},
	"holders are found as pending":                    {"not found"},
	"an import key is found without its source":       {"identifiers byte for byte"},
	"forgets the extended profile":                    {"round trip"},
	"forgets the name of a group":                     {"round trip"},
	"forgets the version":                             {"round trip", "versions"},
	"any of the keys":                                 {"order of keys"},
	"ignores pending keys":                            {"pending keys", "order of keys"},
	"pending keys of any connection":                  {"pending keys"},
	"expired ones are hidden":                         {"pending keys", "addresses"},
	"addresses as spelled":                            {"addresses"},
	"addresses by LIKE":                               {"addresses"},
	"pending addresses are not found":                 {"addresses"},
	"a user is found twice":                           {"addresses", "round trip"},
	"no address finds those without one":              {"addresses"},
	"old addresses are found":                         {"addresses"},
	"one user for an address":                         {"one address, several users"},
	"address taken is a conflict":                     {"one address, several users"},
	"address taken is half written":                   {"one address, several users"},
	"keys are not unique":                             {"unique keys", "race to create"},
	"a conflict is an error of its own":               {"unique keys", "versions"},
	"a conflict is half written":                      {"unique keys"},
	"a taken key moves":                               {"unique keys"},
	"two keys of a connection":                        {"one key of a connection"},
	"one import key":                                  {"one key of a connection"},
	"keys are not dropped":                            {"dropped keys"},
	"drops after adding":                              {"dropped keys"},
	"drops anybody's keys":                            {"dropped keys"},
	"pending addresses are not unique":                {"unique pending identities", "race for a pending identity"},
	"pending object ids are not unique":               {"unique pending identities", "race for a pending identity"},
	"pending ones are unique over all connections":    {"unique pending identities"},
	"what a pending identity does not know is unique": {"unique pending identities"},
	"changes are not checked":                         {"invalid changes"},
	"keys in any case":                                {"identifiers byte for byte"},
	"keys are trimmed":                                {"identifiers byte for byte"},
	"keys run together":                               {"identifiers byte for byte"},
	"keys of 255 bytes":                               {"long values"},
	"names of 100 bytes":                              {"long values"},
	"100 groups":                                      {"long values"},
	"times in local time":                             {"times"},
	"times lose their zone":                           {"times"},
	"never is 1970":                                   {"times"},
	"nil empties the groups":                          {"nil leaves alone"},
	"nil empties the profile":                         {"nil leaves alone", "joining"},
	"the time without groups":                         {"nil leaves alone"},
	"an empty list leaves alone":                      {"a pointer replaces"},
	"an empty field leaves alone":                     {"a pointer replaces"},
	"joining replaces":                                {"joining"},
	"joining twice is twice":                          {"joining", "nil leaves alone"},
	"versions are not compared":                       {"versions", "race on a version"},
	"versions stay":                                   {"versions"},
	"values are shared on the way out":                {"values are the caller's"},
	"values are shared on the way in":                 {"values are the caller's"},
	"contexts are ignored":                            {"cancelled context"},
	"cancelled is not found":                          {"cancelled context"},
	"checks, then writes":                             {"race to create", "race to link", "race on a version", "race for a pending identity"},
}

// sloppy is a store in memory with one fault, by name.
type sloppy struct {
	fault   string
	mu      sync.Mutex
	users   []*provisioning.User
	next    int
	waiting bool // a caller waits in the gap
	listing bool // a listing holds a lock
}

func newSloppy(fault string) *sloppy { return &sloppy{fault: fault} }

func (s *sloppy) is(fault string) bool { return s.fault == fault }

var errOwn = errors.New("a store's own error")

func (s *sloppy) notFound() error {
	if s.is("not found is an error of its own") {
		return errOwn
	}
	return fmt.Errorf("sloppy: %w", provisioning.ErrNotFound)
}

func (s *sloppy) conflict() error {
	if s.is("a conflict is an error of its own") {
		return errOwn
	}
	return fmt.Errorf("sloppy: %w", provisioning.ErrConflict)
}

func (s *sloppy) enter(ctx context.Context) error {
	switch {
	case s.is("contexts are ignored") || ctx.Err() == nil:
		return nil
	case s.is("cancelled is not found"):
		return provisioning.ErrNotFound
	}
	return ctx.Err()
}

func (s *sloppy) out(u *provisioning.User) *provisioning.User {
	if s.is("values are shared on the way out") {
		return u
	}
	return u.Clone()
}

func (s *sloppy) equal(a, b provisioning.Key) bool {
	switch s.fault {
	case "keys in any case":
		return strings.EqualFold(a.ConnectionID, b.ConnectionID) && strings.EqualFold(a.Authority, b.Authority) && strings.EqualFold(a.Subject, b.Subject)
	case "keys are trimmed":
		return a.ConnectionID == b.ConnectionID && a.Authority == b.Authority && strings.TrimRight(a.Subject, " ") == strings.TrimRight(b.Subject, " ")
	case "keys run together":
		return a.ConnectionID+a.Authority+a.Subject == b.ConnectionID+b.Authority+b.Subject
	case "keys of 255 bytes":
		cut := func(v string) string { return v[:min(255, len(v))] }
		return a.ConnectionID == b.ConnectionID && cut(a.Authority) == cut(b.Authority) && cut(a.Subject) == cut(b.Subject)
	case "an import key is found without its source":
		return a == b || a.ConnectionID == b.ConnectionID && a.Subject == b.Subject && (a.Authority == "" || b.Authority == "") && !strings.HasPrefix(a.Subject, "0000")
	}
	return a == b
}

func (s *sloppy) holds(u *provisioning.User, k provisioning.Key) bool {
	return slices.ContainsFunc(u.Keys, func(o provisioning.Key) bool { return s.equal(o, k) })
}

func (s *sloppy) hidden(p provisioning.Pending) bool {
	return s.is("expired ones are hidden") && p.Expires.Before(time.Now())
}

func (s *sloppy) awaits(u *provisioning.User, k provisioning.Key) bool {
	if k.Authority != "" || k.Subject == "" || k.ConnectionID == "" || s.is("ignores pending keys") {
		return false
	}
	if s.is("holders are found as pending") && slices.ContainsFunc(u.Keys, func(o provisioning.Key) bool { return o.Subject == k.Subject }) {
		return true
	}
	return slices.ContainsFunc(u.Pending, func(p provisioning.Pending) bool {
		return p.ObjectID == k.Subject && !s.hidden(p) && (p.ConnectionID == k.ConnectionID || s.is("pending keys of any connection"))
	})
}

func (s *sloppy) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is("any of the keys") {
		for _, u := range s.users {
			if slices.ContainsFunc(keys, func(k provisioning.Key) bool { return s.holds(u, k) || s.awaits(u, k) }) {
				return s.out(u), nil
			}
		}
	}
	for _, k := range keys {
		for _, u := range s.users {
			if s.holds(u, k) || s.awaits(u, k) {
				return s.out(u), nil
			}
		}
	}
	if s.is("not found is nil, nil") {
		return nil, nil
	}
	return nil, s.notFound()
}

func (s *sloppy) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*provisioning.User
	for _, u := range s.users {
		n := 0
		if s.has(u.Profile.Email, folded) {
			n++
		}
		for _, p := range u.Pending {
			if s.has(p.Address, folded) && !s.hidden(p) && !s.is("pending addresses are not found") {
				n++
			}
		}
		if n > 0 {
			list = append(list, s.out(u))
		}
		if n > 1 && s.is("a user is found twice") {
			list = append(list, s.out(u))
		}
	}
	if s.is("one user for an address") && len(list) > 1 {
		list = list[:1]
	}
	return list, nil
}

func (s *sloppy) has(address, folded string) bool {
	switch {
	case s.is("addresses as spelled"):
		return folded != "" && address == folded
	case s.is("addresses without accents"):
		plain := strings.NewReplacer("ë", "e", "\u0308", "")
		return folded != "" && plain.Replace(provisioning.Fold(address)) == plain.Replace(folded)
	case s.is("addresses in Unicode's lower case"):
		return folded != "" && strings.EqualFold(provisioning.Fold(address), folded)
	case s.is("addresses by LIKE"):
		return folded != "" && strings.HasSuffix(provisioning.Fold(address), strings.TrimPrefix(folded, "ann%"))
	case folded == "":
		return address == "" && s.is("no address finds those without one")
	}
	return provisioning.Fold(address) == folded
}

func (s *sloppy) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	if err := s.begin(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.put(&provisioning.User{ID: fmt.Sprint("u", s.next)}, -1, c)
}

func (s *sloppy) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	if err := s.begin(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.users, func(u *provisioning.User) bool { return u.ID == id })
	switch {
	case s.listing:
		return nil, errors.New("sloppy: locked")
	case i < 0 && s.is("an unknown user is made by Update"):
		return s.put(&provisioning.User{ID: id}, -1, c)
	case i < 0:
		return nil, s.notFound()
	case c.Version != "" && c.Version != s.users[i].Version && !s.is("versions are not compared"):
		return nil, s.conflict()
	}
	return s.put(s.users[i], i, c)
}

func (s *sloppy) begin(ctx context.Context, c provisioning.Change) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	if s.is("changes are not checked") {
		return nil
	}
	return c.Check()
}

// put writes the changed user at i, or as a new one.
func (s *sloppy) put(old *provisioning.User, i int, c provisioning.Change) (*provisioning.User, error) {
	u := old.Clone()
	s.apply(u, c)
	if err := s.check(u); err != nil {
		half := s.is("a conflict is half written") || s.is("address taken is half written") && errors.Is(err, provisioning.ErrEmailTaken)
		if half && i >= 0 {
			s.users[i] = old.Clone()
			s.users[i].Organizations = u.Organizations
		}
		return nil, err
	}
	s.next++
	if !s.is("versions stay") || u.Version == "" {
		u.Version = fmt.Sprint("v", s.next)
	}
	if s.is("forgets the version") {
		u.Version = ""
	}
	if s.is("old addresses are found") && i >= 0 && u.Profile.Email != old.Profile.Email && old.Profile.Email != "" {
		u.Pending = append(u.Pending, provisioning.Pending{ConnectionID: "history", Address: old.Profile.Email, Expires: time.Now()})
	}
	s.gap()
	switch {
	case i < 0:
		s.users = append(s.users, u)
	case i >= len(s.users): // erased in the gap
	default:
		if s.is("checks, then writes") { // as rows of their own tables would be
			for _, k := range s.users[i].Keys {
				if !u.Holds(k) && !slices.Contains(c.DropKeys, k) {
					u.Keys = append(u.Keys, k)
				}
			}
		}
		s.users[i] = u
	}
	return s.out(u), nil
}

func (s *sloppy) apply(u *provisioning.User, c provisioning.Change) {
	s.applyKeys(u, c)
	if c.Pending != nil && !(s.is("an empty list leaves alone") && len(*c.Pending) == 0) {
		u.Pending = slices.Clone(*c.Pending)
	}
	switch {
	case c.Profile == nil && s.is("nil empties the profile"):
		u.Profile = provisioning.Profile{}
	case c.Profile == nil:
	case s.is("an empty field leaves alone"):
		p := c.Profile.Clone()
		if p.GivenName == "" {
			p.GivenName = u.Profile.GivenName
		}
		u.Profile = p
	case s.is("values are shared on the way in"):
		u.Profile = *c.Profile
	default:
		u.Profile = c.Profile.Clone()
	}
	if s.is("forgets the extended profile") {
		u.Profile.Extended = nil
	}
	if s.is("names of 100 bytes") {
		u.Profile.GivenName = u.Profile.GivenName[:min(100, len(u.Profile.GivenName))]
	}
	s.applyGroups(u, c)
	s.applyRoles(u, c)
	s.applyJoin(u, c)
	u.GroupsAt = s.at(u.GroupsAt)
	for i := range u.Pending {
		u.Pending[i].Expires = s.at(u.Pending[i].Expires)
	}
}

func (s *sloppy) applyKeys(u *provisioning.User, c provisioning.Change) {
	drop := func() {
		u.Keys = slices.DeleteFunc(u.Keys, func(k provisioning.Key) bool {
			at := slices.ContainsFunc(c.DropKeys, func(d provisioning.Key) bool { return d.ConnectionID == k.ConnectionID })
			return slices.Contains(c.DropKeys, k) || at && s.is("drops after adding")
		})
	}
	if s.is("drops anybody's keys") {
		for _, o := range s.users {
			o.Keys = slices.DeleteFunc(o.Keys, func(k provisioning.Key) bool { return slices.Contains(c.DropKeys, k) })
		}
	}
	if !s.is("keys are not dropped") && !s.is("drops after adding") {
		drop()
	}
	for _, k := range c.AddKeys {
		if s.is("a taken key moves") {
			for _, o := range s.users {
				o.Keys = slices.DeleteFunc(o.Keys, func(h provisioning.Key) bool { return h == k })
			}
		}
		if !u.Holds(k) {
			u.Keys = append(u.Keys, k)
		}
	}
	if s.is("drops after adding") {
		drop()
	}
}

func (s *sloppy) applyGroups(u *provisioning.User, c provisioning.Change) {
	switch {
	case c.Groups == nil && s.is("nil empties the groups"):
		u.Groups = nil
	case c.Groups == nil && s.is("the time without groups") && !c.GroupsAt.IsZero():
		u.GroupsAt = c.GroupsAt
	case c.Groups == nil || s.is("an empty list leaves alone") && len(*c.Groups) == 0:
		return
	default:
		u.Groups, u.GroupsAt = append([]claims.Group{}, *c.Groups...), c.GroupsAt
	}
	if s.is("100 groups") {
		u.Groups = u.Groups[:min(100, len(u.Groups))]
	}
	if s.is("forgets the name of a group") {
		for i := range u.Groups {
			u.Groups[i].Name = ""
		}
	}
}

func (s *sloppy) applyRoles(u *provisioning.User, c provisioning.Change) {
	switch {
	case s.is("forgets roles"):
	case c.Roles == nil && s.is("nil empties the roles"):
		u.Roles = nil
	case c.Roles == nil || s.is("an empty list of roles leaves alone") && len(*c.Roles) == 0:
	case s.is("roles are added"):
		u.Roles = append(u.Roles, *c.Roles...)
	case s.is("30 roles"):
		u.Roles = slices.Clone((*c.Roles)[:min(30, len(*c.Roles))])
	default:
		u.Roles = slices.Clone(*c.Roles)
	}
}

func (s *sloppy) applyJoin(u *provisioning.User, c provisioning.Change) {
	if s.is("joining replaces") && len(c.Join) > 0 {
		u.Organizations = nil
	}
	for _, o := range c.Join {
		known := slices.ContainsFunc(u.Organizations, func(p string) bool { return p == o || s.is("organizations in any case") && strings.EqualFold(p, o) })
		if !known || s.is("joining twice is twice") {
			u.Organizations = append(u.Organizations, o)
		}
	}
}

// check holds the unique rules.
func (s *sloppy) check(u *provisioning.User) error {
	for i, k := range u.Keys {
		for _, o := range u.Keys[:i] {
			if o.ConnectionID == k.ConnectionID && !s.is("two keys of a connection") && (k.Enterprise() || s.is("one import key")) {
				return s.conflict()
			}
		}
	}
	for _, o := range s.users {
		if o.ID == u.ID {
			continue
		}
		if slices.ContainsFunc(u.Keys, func(k provisioning.Key) bool { return s.holds(o, k) }) && !s.is("keys are not unique") {
			return s.conflict()
		}
		if s.pendingTaken(u, o) {
			return s.conflict()
		}
		if provisioning.Fold(o.Profile.Email) == provisioning.Fold(u.Profile.Email) && u.Profile.Email != "" {
			switch s.fault {
			case "address taken is a conflict":
				return s.conflict()
			case "address taken is half written", "looks for the address, then writes":
				return provisioning.ErrEmailTaken
			}
		}
	}
	return nil
}

func (s *sloppy) pendingTaken(u, o *provisioning.User) bool {
	for _, p := range u.Pending {
		for _, q := range o.Pending {
			if p.ConnectionID != q.ConnectionID && !s.is("pending ones are unique over all connections") {
				continue
			}
			unknown := s.is("what a pending identity does not know is unique")
			address, other := provisioning.Fold(p.Address), provisioning.Fold(q.Address)
			switch {
			case address == other && (address != "" || unknown) && !s.is("pending addresses are not unique"):
				return true
			case p.ObjectID == q.ObjectID && (p.ObjectID != "" || unknown) && !s.is("pending object ids are not unique"):
				return true
			}
		}
	}
	return false
}
