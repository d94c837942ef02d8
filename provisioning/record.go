package provisioning

import "github.com/tenantdoor/tenantdoor/claims"

// record is the pending identity that names a person: valid with the reason to link, or not valid with the reason why not.
// No record has no reason.
type record struct {
	user   *User
	valid  bool
	reason Reason
}

// findRecord looks for the pending identity of this connection that names the person: by object id, else by user principal name,
// else by address. The object id decides alone, since Entra never gives it to anybody else; the two others must not name
// two users.
func (c *question) findRecord(everyone []*User) record {
	if r := c.pick(everyone, ReasonPendingObjectID, c.namesObject, c.holds); r.reason != "" {
		return r
	}
	byName := c.pick(everyone, ReasonPendingUPN, c.namesUsername, c.usernameHolds)
	byAddress := c.pick(everyone, ReasonPendingAddress, c.namesAddress, c.addressHolds)
	switch {
	case byName.reason == "":
		return byAddress
	case byAddress.user != nil && byName.user != nil && byAddress.user.ID != byName.user.ID:
		return record{reason: ReasonAmbiguous}
	case !byName.valid && byAddress.valid:
		return byAddress
	}
	return byName
}

// pick returns the record that names the person in one way. holds says why a record does not hold, or "".
func (c *question) pick(everyone []*User, as Reason, names func(Pending) bool, holds func(Pending) Reason) record {
	var found record
	for _, u := range everyone {
		for _, p := range u.Pending {
			if !names(p) {
				continue
			}
			r := record{user: u, reason: holds(p)}
			if r.reason == "" {
				r.valid, r.reason = true, as
			}
			switch {
			case found.user != nil && found.user.ID != u.ID:
				return record{reason: ReasonAmbiguous}
			case found.user == nil || r.valid && !found.valid:
				found = r
			}
		}
	}
	return found
}

func (c *question) namesObject(p Pending) bool {
	return p.ConnectionID == c.key.ConnectionID && p.ObjectID != "" && p.ObjectID == c.id.ObjectID
}

func (c *question) namesUsername(p Pending) bool {
	return p.ConnectionID == c.key.ConnectionID && c.username != "" && Fold(p.Address) == c.username
}

func (c *question) namesAddress(p Pending) bool {
	return p.ConnectionID == c.key.ConnectionID && c.address != "" && Fold(p.Address) == c.address
}

// holds are the conditions of every record.
func (c *question) holds(p Pending) Reason {
	switch {
	case p.ObjectID != "" && p.ObjectID != c.id.ObjectID:
		return ReasonIdentityConflict // the address was recorded for another object id: a different person
	case c.id.Kind != claims.KindMember:
		return ReasonPendingNotMember
	case p.TenantID != "" && p.TenantID != c.id.TenantID:
		return ReasonPendingTenant
	case c.policy.Now.IsZero() || !c.policy.Now.Before(p.Expires):
		return ReasonPendingExpired
	}
	return ""
}

// usernameHolds: a user principal name speaks only within the recorded tenant. Over WS-Federation it is a claim that any tenant's admin
// can map to any value, and a connection can come to point at another tenant than when the record was made.
func (c *question) usernameHolds(p Pending) Reason {
	if why := c.holds(p); why != "" {
		return why
	}
	if p.TenantID != "" || c.username == c.address && c.proven() {
		return ""
	}
	return ReasonPendingUnproven
}

// addressHolds: an address speaks within the recorded tenant, on a connection pinned to it. Elsewhere anybody's admin can put any address into
// a user's mail attribute.
func (c *question) addressHolds(p Pending) Reason {
	if why := c.holds(p); why != "" {
		return why
	}
	if c.policy.SingleTenant && p.TenantID != "" || c.proven() {
		return ""
	}
	return ReasonPendingUnproven
}
