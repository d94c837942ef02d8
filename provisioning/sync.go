package provisioning

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// changeFor returns what a decision writes to user (nil: to a new one), and the decision completed with what that is. Pure, so
// that a dry run tells exactly what a sign-in would do. An empty change is not to be written at all.
func changeFor(p Policy, id *claims.Identity, key Key, d Decision, user *User, refresh time.Duration) (Change, Decision) {
	var c Change
	old := &User{}
	if user != nil {
		old = user
		c.Version = user.Version
	}
	if d.Action == ActionCreate || d.Action == ActionLink {
		c.AddKeys = []Key{key}
	}
	if d.Action == ActionLink {
		c.Pending = withoutPending(old.Pending, p.ConnectionID)
		c.DropOtherIdentities = !p.KeepOtherIdentities || old.Profile.Email != "" && !old.Profile.EmailVerified
	}
	if d.Action == ActionCreate || p.SyncProfile {
		profile, changed := syncProfile(old.Profile, id, len(d.Evidence) > 0)
		if len(changed) > 0 || d.Action == ActionCreate {
			c.Profile, d.Changed = &profile, changed
		}
	}
	c.Roles = p.rolesFor(id.Groups, old)
	if list, ok := id.Groups.Known(); ok {
		list = sortGroups(list)
		if !slices.Equal(list, sortGroups(old.Groups)) || !fresh(old.GroupsAt, p.Now, refresh) {
			c.Groups, c.GroupsAt = &list, p.Now.UTC()
		}
	}
	if d.Joined, d.NotJoined = p.joins(id, d, old); d.Joined != "" {
		c.Join = []string{d.Joined}
	}
	return c, d
}

// empty reports whether there is nothing to write.
func (c Change) empty() bool {
	return len(c.AddKeys) == 0 && len(c.DropKeys) == 0 && !c.DropOtherIdentities && c.Pending == nil &&
		c.Profile == nil && c.Groups == nil && c.Roles == nil && len(c.Join) == 0
}

// withoutPending returns the list without a connection's, or nil when it has none.
func withoutPending(list []Pending, connectionID string) *[]Pending {
	of := func(p Pending) bool { return p.ConnectionID == connectionID }
	if !slices.ContainsFunc(list, of) {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(list), of)
	return &rest
}

// syncProfile returns the profile as the provider has it, and the names of the fields that differ. What the provider does not
// say is left as it is: Entra leaves empty claims out, and an absent one is no order to delete.
func syncProfile(old Profile, id *claims.Identity, proven bool) (Profile, []string) {
	p := old.Clone()
	changed := syncEmail(&p, id.Email.Address, proven)
	for _, f := range []struct {
		name  string
		field *string
		value string
	}{
		{"given_name", &p.GivenName, id.GivenName},
		{"family_name", &p.FamilyName, id.FamilyName},
		{"picture", &p.Picture, id.Picture},
	} {
		if f.value != "" && f.value != *f.field {
			*f.field = f.value
			changed = append(changed, f.name)
		}
	}
	if id.Extended != nil && !sameJSON(p.Extended, id.Extended) {
		p.Extended = cloneMap(id.Extended)
		changed = append(changed, "extended")
	}
	return p, changed
}

// syncEmail moves the address by these rules: an address without evidence never replaces a verified one, evidence raises an
// unverified address, nothing lowers a verified one while it stays the same. The spelling of an address that stays is kept.
func syncEmail(p *Profile, address string, proven bool) []string {
	folded := Fold(address)
	switch {
	case folded == "":
		return nil
	case folded == Fold(p.Email):
		if p.EmailVerified || !proven {
			return nil
		}
		p.EmailVerified = true
		return []string{"email_verified"}
	case p.Email != "" && p.EmailVerified && !proven:
		return nil
	}
	changed := []string{"email"}
	if p.EmailVerified != proven {
		changed = append(changed, "email_verified")
	}
	p.Email, p.EmailVerified = address, proven
	return changed
}

// keepEmail takes a new address out of a change again, because another user has it.
func keepEmail(c Change, d Decision, old Profile) (Change, Decision) {
	p := c.Profile.Clone()
	p.Email, p.EmailVerified = old.Email, old.EmailVerified
	c.Profile = &p
	d.Changed = slices.DeleteFunc(slices.Clone(d.Changed), func(f string) bool { return f == "email" || f == "email_verified" })
	if len(d.Changed) == 0 {
		c.Profile = nil
	}
	d.EmailCollision = true
	return c, d
}

// sameJSON compares extended attributes by what a store keeps of them, so that a list of strings equals the same list read
// back from a database, and a sign-in that changes nothing writes nothing.
func sameJSON(a, b map[string]any) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// sortGroups returns a copy in a fixed order, each group once: Entra's order means nothing and changes.
func sortGroups(list []claims.Group) []claims.Group {
	sorted := append([]claims.Group{}, list...)
	slices.SortFunc(sorted, func(a, b claims.Group) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(sorted)
}

// fresh reports whether the time of the groups need not be written again. A time in the future is not fresh: some clock was wrong.
func fresh(at, now time.Time, refresh time.Duration) bool {
	age := now.Sub(at)
	return !at.IsZero() && age >= 0 && age < refresh
}
