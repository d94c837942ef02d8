package provisioning

import (
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Apply writes the change into u, for stores that read a user, change it and write it back in one transaction. Lists stay in their order, new
// entries come last; times become UTC. It gives u no version, and neither checks the change ([Change.Check] does, before) nor knows what other
// users hold: the unique rules are the store's, in the same transaction. DropOtherIdentities is the store's as well.
func (c Change) Apply(u *User) {
	u.Keys = slices.DeleteFunc(u.Keys, func(k Key) bool { return slices.Contains(c.DropKeys, k) })
	for _, k := range c.AddKeys {
		if !u.Holds(k) {
			u.Keys = append(u.Keys, k)
		}
	}
	if c.Pending != nil {
		u.Pending = slices.Clone(*c.Pending)
	}
	if c.Profile != nil {
		u.Profile = c.Profile.Clone()
	}
	if c.Groups != nil {
		u.Groups, u.GroupsAt = append([]claims.Group{}, *c.Groups...), c.GroupsAt
	}
	if c.Roles != nil {
		u.Roles = append([]string{}, *c.Roles...)
	}
	for _, org := range c.Join {
		if !slices.Contains(u.Organizations, org) {
			u.Organizations = append(u.Organizations, org)
		}
	}
	u.GroupsAt = utc(u.GroupsAt)
	for i := range u.Pending {
		u.Pending[i].Expires = utc(u.Pending[i].Expires)
	}
}

// utc also takes off the monotonic clock reading, so that times compare as a database's would.
func utc(t time.Time) time.Time { return t.Round(0).UTC() }
