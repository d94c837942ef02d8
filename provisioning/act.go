package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Acts of administrators: the only ways in which an identity moves, goes, or is awaited. Nothing that a person or a token says leads here. Each is
// audited, also when it is refused; each can be asked for as a dry run; doing one again changes nothing.

// Errors of acts, inside an *ActError.
var (
	// ErrNotAllowed says that the actor may not do this.
	ErrNotAllowed = errors.New("provisioning: the actor may not do this")
	// ErrTaken says that the identity is another user's, or awaited by another user.
	ErrTaken = errors.New("provisioning: the identity belongs to another user")
	// ErrEmergency says that a break-glass user gets no enterprise identity.
	ErrEmergency = errors.New("provisioning: an emergency user is never linked")
)

// ActError is an act that was refused; nothing was written. Err is one of ErrNotAllowed, ErrTaken, ErrEmergency, ErrIdentityConflict and ErrNotFound, or
// says what is wrong with what was asked.
type ActError struct {
	Event Event // of the act
	Err   error
	Fix   string // what to do, a sentence without a person in it
}

// Error says what was refused, why and what to do; no person and no address.
func (e *ActError) Error() string {
	text := fmt.Sprintf("%v (%s)", e.Err, e.Event)
	if e.Fix != "" {
		text += ": " + e.Fix
	}
	return text
}

// Unwrap returns the cause.
func (e *ActError) Unwrap() error { return e.Err }

// Actor is on whose behalf an act is done. The zero value may do nothing, so that a host that loses an id hands out no rights.
type Actor struct {
	Environment  bool   `json:"environment,omitempty"`  // the host itself, or its operator: may do everything
	Organization string `json:"organization,omitempty"` // otherwise: the customer whose administrator acts
	Name         string `json:"name,omitempty"`         // for the audit log
}

// Order is who orders an act, why and how.
type Order struct {
	By     Actor
	Note   string // why, such as a ticket's number; for the audit log
	DryRun bool   // look and say what would be done; write nothing, audit nothing
}

// Rebind moves an identity: its user is known by the key to afterwards, and by the key from no more. It is for a person whose account at the
// provider was made anew, or moved to another tenant; the keys may be of two connections. Whatever waited for the user at the connection of to is dropped; profile
// and memberships stay, and groups and roles too where connection and tenant do: otherwise they are another tenant's word, and go.
//
// It reports whether anything changed, or with DryRun would change: a user who holds to already, and from no more, is left alone. userID must name the holder.
//
// Errors: an *ActError with ErrNotAllowed (only the environment may), ErrNotFound (nobody holds from), ErrTaken (another user holds one of them, or waits
// for to), ErrIdentityConflict (the user holds a third identity, of the connection of to); others are the store's.
func (p *Provisioner) Rebind(ctx context.Context, o Order, userID string, from, to Key) (changed bool, err error) {
	if userID == "" {
		return false, errors.New("provisioning: Rebind needs a user")
	}
	return p.rebind(ctx, o, userID, from, to)
}

// RebindHolder is Rebind for whoever holds from, for a list of old and new identities that names no users (package bulk reads one).
func (p *Provisioner) RebindHolder(ctx context.Context, o Order, from, to Key) (changed bool, err error) {
	return p.rebind(ctx, o, "", from, to)
}

// rebind with userID "" means whoever holds from.
func (p *Provisioner) rebind(ctx context.Context, o Order, userID string, from, to Key) (bool, error) {
	a := Audit{Event: EventRebound, UserID: userID, ConnectionID: to.ConnectionID, Key: to, From: from}
	return p.act(ctx, o, a, func() (*User, Change, error) {
		if err := errors.Join(checkIdentity(from), checkIdentity(to)); err != nil {
			return nil, Change{}, refuseAct(err, "give the tenant id and the object id, in lower case")
		}
		return p.planRebind(ctx, userID, from, to)
	})
}

func (p *Provisioner) planRebind(ctx context.Context, userID string, from, to Key) (*User, Change, error) {
	before, err := p.holder(ctx, from)
	if err != nil {
		return nil, Change{}, err
	}
	after, err := p.holder(ctx, to)
	if err != nil {
		return nil, Change{}, err
	}
	waiting, err := p.holder(ctx, PendingKey(to.ConnectionID, to.Subject))
	if err != nil {
		return nil, Change{}, err
	}
	switch {
	case after != nil && (userID == after.ID && !after.Holds(from) || userID == "" && before == nil):
		return after, Change{}, nil // it was done before
	case after != nil && (before == nil || after.ID != before.ID):
		return after, Change{}, refuseAct(ErrTaken, "another user holds the new identity: unlink or rebind that one first")
	case before == nil:
		return nil, Change{}, refuseAct(ErrNotFound, "nobody holds the old identity")
	case userID != "" && before.ID != userID:
		return before, Change{}, refuseAct(ErrTaken, "another user holds the old identity")
	case waiting != nil && waiting.ID != before.ID:
		return before, Change{}, refuseAct(ErrTaken, "another user waits for the new identity: drop that assignment first")
	}
	if third, ok := before.KeyAt(to.ConnectionID); ok && third != from && third != to {
		return before, Change{}, refuseAct(ErrIdentityConflict, "the user holds a third identity, of the new connection: unlink it first")
	}
	if from == to {
		return before, Change{}, nil
	}
	c := Change{Version: before.Version, DropKeys: []Key{from}, AddKeys: []Key{to}, Pending: withoutPending(before.Pending, to.ConnectionID)}
	if from.ConnectionID != to.ConnectionID || from.Authority != to.Authority {
		p.forgetGroups(before, &c) // what a group is called there says nothing of one here, should the first sign-in not learn them
	}
	return before, c, nil
}

// forgetGroups takes away the groups that sign-ins brought, and what they gave.
func (p *Provisioner) forgetGroups(u *User, c *Change) {
	if len(u.Groups) > 0 {
		c.Groups, c.GroupsAt = emptied(u.Groups), p.now().UTC()
	}
	if len(u.Roles) > 0 {
		c.Roles = emptied(u.Roles)
	}
}

// Unlink takes an identity from the user, and with it the groups and roles that sign-ins brought. The person is a stranger from then on: at their next sign-in
// the connection's rules decide anew, and a trusted connection may link them to this user again by a proven address. To keep a person out, suspend the user.
//
// It reports whether anything changed, or with DryRun would change: an identity that nobody holds is left alone.
//
// Errors: an *ActError with ErrNotAllowed (only the environment may) or ErrTaken (another user holds it); others are the store's.
func (p *Provisioner) Unlink(ctx context.Context, o Order, userID string, k Key) (changed bool, err error) {
	a := Audit{Event: EventUnlinked, UserID: userID, ConnectionID: k.ConnectionID, Key: k}
	return p.act(ctx, o, a, func() (*User, Change, error) {
		if err := checkIdentity(k); err != nil {
			return nil, Change{}, refuseAct(err, "give the identity as the user holds it")
		}
		u, err := p.holder(ctx, k)
		switch {
		case err != nil || u == nil:
			return nil, Change{}, err
		case u.ID != userID:
			return u, Change{}, refuseAct(ErrTaken, "another user holds the identity")
		}
		c := Change{Version: u.Version, DropKeys: []Key{k}}
		p.forgetGroups(u, &c)
		return u, c, nil
	})
}

func emptied[T any](list []T) *[]T {
	none := list[:0:0]
	return &none
}

// act plans, writes and audits; it plans again where somebody else wrote meanwhile. A plan names the user, and an empty change where nothing is left to do.
// Only the environment acts, unless the plan looks at the actor itself.
func (p *Provisioner) act(ctx context.Context, o Order, a Audit, plan func() (*User, Change, error)) (bool, error) {
	var conflict error
	for range attempts {
		u, c, err := p.allowed(o, a.Event, plan)
		if u != nil && a.UserID == "" {
			a.UserID = u.ID
		}
		if err == nil && !o.DryRun && !c.empty() {
			_, err = p.users.Update(ctx, u.ID, c)
		}
		var refused *ActError
		if !errors.As(err, &refused) && (errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound)) { // changed or erased since it was read
			conflict = err
			continue
		}
		if err != nil || !c.empty() {
			err = p.acted(ctx, o, a, err)
		}
		return err == nil && !c.empty(), err
	}
	return false, fmt.Errorf("provisioning: the user changed during each of %d attempts: %w", attempts, conflict)
}

// allowed runs the plan for whoever may act at all.
func (p *Provisioner) allowed(o Order, e Event, plan func() (*User, Change, error)) (*User, Change, error) {
	if !o.By.Environment && (e != EventAssigned || o.By.Organization == "") {
		return nil, Change{}, refuseAct(ErrNotAllowed, "ask the environment's operator")
	}
	return plan()
}

// acted audits an act that was done or refused. The error that it returns is the act's, complete.
func (p *Provisioner) acted(ctx context.Context, o Order, a Audit, err error) error {
	var refused *ActError
	switch {
	case errors.As(err, &refused):
		refused.Event, a.Err = a.Event, refused
	case err != nil:
		return fmt.Errorf("provisioning: %s: %w", a.Event, err)
	}
	if !o.DryRun {
		a.Time, a.Actor, a.Note = p.now().UTC(), o.By, o.Note
		p.audit(ctx, a)
	}
	return err
}

func refuseAct(why error, fix string) error { return &ActError{Err: why, Fix: fix} }

// holder returns the user who holds a key (or waits for the object id of a PendingKey), or nil.
func (p *Provisioner) holder(ctx context.Context, k Key) (*User, error) {
	u, err := p.users.UserByKey(ctx, k)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case u == nil || !u.Holds(k) && !u.awaits(k):
		return nil, errors.New("the store returned a user who does not hold the identity that was asked for")
	}
	return u, nil
}

func (u *User) awaits(k Key) bool {
	return slices.ContainsFunc(u.Pending, func(w Pending) bool { return w.ObjectID != "" && PendingKey(w.ConnectionID, w.ObjectID) == k })
}

// checkIdentity tells whether k is a person's key that a token could give. An upper-case tenant id would make a key that no token ever matches.
func checkIdentity(k Key) error {
	if !k.Enterprise() {
		return errors.New("provisioning: an identity needs the id of its connection")
	}
	if err := k.check(); err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	switch lower := strings.Map(lowerASCII, k.Authority); {
	case isGUID(lower) && lower != k.Authority:
		return errors.New("provisioning: the tenant id is not in lower case")
	case isGUID(k.Authority) && !isGUID(k.Subject):
		return errors.New("provisioning: the object id is not a lower-case GUID")
	}
	return nil
}
