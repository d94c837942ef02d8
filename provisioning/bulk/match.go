package bulk

import (
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// verdict is what a record does to the store.
type verdict struct {
	outcome Outcome
	user    *provisioning.User // who exists already; nil for Created
	joins   []join             // those that are new
	problem *Problem
}

func refused(reason Reason, column, what, fix string) verdict {
	return verdict{outcome: Bad, problem: problem(reason, column, what, fix)}
}

// match decides what a record does, without side effects. users are all whom the store found by the record's keys and addresses; match looks at what
// they hold, not at how they were found. proven says that the domains of the record's addresses are the connection's by the environment's word.
//
// The rules, in order; the first that applies decides:
//
//  1. A user holds the record's key: it was imported before. Organizations that were not imported with it are joined; nothing else changes.
//  2. A user holds the very identity, or waits for it through the same connection: it is that user.
//  3. A user of the connection with another object id has the address: a different person. Refuse.
//  4. A user without any enterprise identity, or with one of this connection, has verified the address: it is that user. Several: refuse. One who
//     has not verified it: refuse, since whoever registered it may not be the person.
//  5. Make a user. Somebody who signs in through another connection stays as they are: a second connection is a second user.
//
// Whoever is reached by 2 or 4 must be neither suspended nor a break-glass user, nor known by another record of the source; and an organization's import
// reaches only users who are in this organization alone, through proven domains.
func (i *Import) match(w *plan, users []*provisioning.User, proven bool) verdict {
	if u := find(users, func(u *provisioning.User) bool { return u.Holds(w.key) }); u != nil {
		return again(w, u)
	}
	named := all(users, w.isIdentity)
	switch {
	case len(named) > 1:
		return refused(ReasonAmbiguous, "entra_object_id", "the record names two users of the connection, one by object id and one by address", "find out which is right; an administrator can remove the other's record")
	case len(named) == 1:
		return i.attach(w, named[0], proven)
	}
	if find(users, w.isOtherPerson) != nil {
		return refused(ReasonConflict, "entra_object_id", "a user of the connection has this address and another object id: it may have been given to somebody new", "find out who it is; an administrator can rebind or remove the old identity")
	}
	candidates := all(users, w.isCandidate)
	switch {
	case len(candidates) > 1:
		return refused(ReasonAmbiguous, "email", "more than one user has this address", "leave one of them, or name the object id")
	case len(candidates) == 0:
		return i.create(w)
	case i.duplicate(candidates[0]):
		return i.attach(w, candidates[0], proven)
	case !candidates[0].Profile.EmailVerified:
		return refused(ReasonUnverified, "email", "an account has this address and never verified it, so it may be anybody's", "let its owner verify the address, or remove the account")
	}
	return i.attach(w, candidates[0], proven)
}

// again is rule 1.
func again(w *plan, u *provisioning.User) verdict {
	v := verdict{outcome: Known, user: u}
	for _, j := range w.joins {
		if !u.Holds(j.key) {
			v.joins = append(v.joins, j)
		}
	}
	if len(v.joins) > 0 {
		v.outcome = Joined
	}
	return v
}

// isIdentity is rule 2.
func (w *plan) isIdentity(u *provisioning.User) bool {
	if w.connectionID == "" {
		return false
	}
	object := w.record.ObjectID
	if object != "" && w.tenantID != "" && u.Holds(provisioning.Key{ConnectionID: w.connectionID, Authority: w.tenantID, Subject: object}) {
		return true
	}
	return slices.ContainsFunc(u.Pending, func(p provisioning.Pending) bool {
		if p.ConnectionID != w.connectionID {
			return false
		}
		return p.ObjectID != "" && p.ObjectID == object || slices.Contains(w.addresses, provisioning.Fold(p.Address))
	})
}

// isOtherPerson is rule 3; a record that waits for another object id at the same address counts too.
func (w *plan) isOtherPerson(u *provisioning.User) bool {
	held, here := u.KeyAt(w.connectionID)
	return w.connectionID != "" && w.record.ObjectID != "" && here && held.Subject != w.record.ObjectID && w.hasAddress(u)
}

// isCandidate is rule 4.
func (w *plan) isCandidate(u *provisioning.User) bool {
	_, here := u.KeyAt(w.connectionID)
	return w.hasAddress(u) && (!u.Enterprise() || here)
}

func (w *plan) hasAddress(u *provisioning.User) bool {
	folded := provisioning.Fold(u.Profile.Email)
	return folded != "" && slices.Contains(w.addresses, folded)
}

// duplicate reports whether another record of the source is this user.
func (i *Import) duplicate(u *provisioning.User) bool {
	return slices.ContainsFunc(u.Keys, func(k provisioning.Key) bool {
		return !k.Enterprise() && k.Authority == i.authority && !strings.HasPrefix(k.Subject, "member:")
	})
}

// attach is what rules 2 and 4 have in common.
func (i *Import) attach(w *plan, u *provisioning.User, proven bool) verdict {
	own := len(u.Organizations) == 1 && u.Organizations[0] == i.cfg.By.organization
	switch {
	case !i.cfg.By.environment && !(own && proven):
		return refused(ReasonNotYours, "email", "the person cannot be imported by this organization", "ask the operator to import it")
	case i.duplicate(u):
		return refused(ReasonDuplicate, "id", "another record of this source is the same person", "leave one of them, with all organizations")
	case u.Emergency:
		return refused(ReasonEmergency, "email", "the user is an emergency account, which signs in locally", "take the row out")
	case u.Suspended:
		return refused(ReasonSuspended, "email", "the user is suspended", "end that first, or take the row out")
	case slices.ContainsFunc(u.Pending, w.contradicts):
		return refused(ReasonConflict, "entra_object_id", "the address waits for another object id", "find out which is right; an administrator can remove the old record")
	}
	return verdict{outcome: Attached, user: u, joins: w.joins}
}

// contradicts reports whether a user waits, through this connection, for somebody whom the record does not mean.
func (w *plan) contradicts(p provisioning.Pending) bool {
	return p.ConnectionID == w.connectionID && p.ObjectID != "" && w.record.ObjectID != "" && p.ObjectID != w.record.ObjectID
}

// create is rule 5.
func (i *Import) create(w *plan) verdict {
	r := w.record
	switch {
	case r.Email == "" && r.Phone == "" && r.Username == "" && len(w.pending) == 0:
		return refused(ReasonNobody, "email", "the record is not known, and nothing says who the person is", "fill in email or phone, or import the people before their organizations")
	case !i.cfg.By.environment && len(w.pending) == 0:
		return refused(ReasonConnection, "connection", "the record names no connection, and its address's domain is none's", "name the connection, or give the domain to one")
	}
	return verdict{outcome: Created, joins: w.joins}
}

// change is what a verdict writes.
func (i *Import) change(w *plan, v verdict) provisioning.Change {
	var c provisioning.Change
	for _, j := range v.joins {
		c.AddKeys, c.Join = append(c.AddKeys, j.key), append(c.Join, j.organization)
	}
	switch v.outcome {
	case Created:
		c.AddKeys = append([]provisioning.Key{w.key}, c.AddKeys...)
		c.Profile = &w.profile
		if len(w.pending) > 0 {
			c.Pending = &w.pending
		}
	case Attached:
		c.Version, c.AddKeys = v.user.Version, append([]provisioning.Key{w.key}, c.AddKeys...)
		if _, here := v.user.KeyAt(w.connectionID); !here && len(w.pending) > 0 {
			waits := slices.DeleteFunc(slices.Clone(v.user.Pending), func(p provisioning.Pending) bool { return p.ConnectionID == w.connectionID })
			waits = append(waits, w.pending...)
			c.Pending = &waits
		}
	case Joined:
		c.Version = v.user.Version
	}
	return c
}

// keyOf is the key by which Keep knows what it is given: it is held once the verdict is written, and was not before.
func keyOf(w *plan, v verdict) provisioning.Key {
	if v.outcome == Joined {
		return v.joins[0].key
	}
	return w.key
}

func find(users []*provisioning.User, is func(*provisioning.User) bool) *provisioning.User {
	if i := slices.IndexFunc(users, is); i >= 0 {
		return users[i]
	}
	return nil
}

func all(users []*provisioning.User, is func(*provisioning.User) bool) []*provisioning.User {
	return slices.DeleteFunc(slices.Clone(users), func(u *provisioning.User) bool { return !is(u) })
}
