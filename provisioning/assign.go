package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DefaultPendingLifetime is how long an imported record or an assignment waits for a first sign-in, unless it says otherwise.
const DefaultPendingLifetime = 90 * 24 * time.Hour

// Assignment lets a user wait for a person's first sign-in through a connection.
type Assignment struct {
	UserID string
	// Wait says for whom. Expires zero: DefaultPendingLifetime from now. Where the connection is pinned to a tenant, TenantID is that tenant.
	Wait Pending
	// ProvenDomains are the connection's domains as in Policy.ProvenDomains; only an organization's administrator needs them.
	ProvenDomains []string
}

// Assign makes a pending identity: whoever signs in through the connection as Wait says is this user from then on. It takes the place of whatever the
// user was waiting for at that connection.
//
// An organization's administrator may assign only a user who is in that organization and in no other, and only where the user's own address, and Wait's
// address if it has one, lie in ProvenDomains. That the connection is the organization's own is for the caller to know (entra's Service.Assign does).
//
// It reports whether anything changed, or with DryRun would change: a user who holds, or waits for, just this is left alone.
//
// Errors: an *ActError with ErrNotAllowed, ErrNotFound (no such user), ErrEmergency, ErrTaken (another user holds or awaits it), ErrIdentityConflict (the user holds another
// identity of this connection; or of any, and Wait names no object id: an address gives nobody a second one); others are the store's. The store must be a UserReader.
func (p *Provisioner) Assign(ctx context.Context, o Order, as Assignment) (changed bool, err error) {
	w := as.Wait
	if w.Expires.IsZero() {
		w.Expires = p.now().Add(DefaultPendingLifetime)
	}
	w.Expires = w.Expires.UTC().Truncate(time.Second)
	a := Audit{Event: EventAssigned, UserID: as.UserID, ConnectionID: w.ConnectionID}
	if w.TenantID != "" && w.ObjectID != "" {
		a.Key = Key{ConnectionID: w.ConnectionID, Authority: w.TenantID, Subject: w.ObjectID}
	}
	return p.act(ctx, o, a, func() (*User, Change, error) {
		if err := checkPending([]Pending{w}); err != nil {
			return nil, Change{}, refuseAct(fmt.Errorf("provisioning: %w", err), "name a connection, and an object id or an address")
		}
		u, err := p.user(ctx, as.UserID)
		if err != nil {
			return nil, Change{}, err
		}
		if err := as.mayBeDoneBy(o.By, u); err != nil {
			return nil, Change{}, err
		}
		return p.planAssign(ctx, u, w, as.Wait.Expires.IsZero())
	})
}

// planAssign: renewed says that nobody asked for a certain expiry, so that a record that waits long enough is left alone.
func (p *Provisioner) planAssign(ctx context.Context, u *User, w Pending, renewed bool) (*User, Change, error) {
	if held, ok := u.KeyAt(w.ConnectionID); ok {
		if w.ObjectID == held.Subject && (w.TenantID == "" || w.TenantID == held.Authority) {
			return u, Change{}, nil
		}
		return u, Change{}, refuseAct(ErrIdentityConflict, "the user has an identity of this connection: rebind or unlink it")
	}
	switch {
	case u.Emergency:
		return u, Change{}, refuseAct(ErrEmergency, "choose another user")
	case u.Enterprise() && w.ObjectID == "":
		return u, Change{}, refuseAct(ErrIdentityConflict, "the user has an identity of another connection: name the object id")
	}
	taken, err := p.taken(ctx, u, w)
	if err != nil {
		return u, Change{}, err
	}
	if taken {
		return u, Change{}, refuseAct(ErrTaken, "another user holds this identity or waits for it: unlink it or drop that assignment first")
	}
	list := slices.DeleteFunc(slices.Clone(u.Pending), func(other Pending) bool { return other.ConnectionID == w.ConnectionID })
	if len(list) == len(u.Pending)-1 && slices.ContainsFunc(u.Pending, func(other Pending) bool { return sameWait(other, w, renewed, p.now()) }) {
		return u, Change{}, nil
	}
	list = append(list, w)
	return u, Change{Version: u.Version, Pending: &list}, nil
}

// sameWait reports whether what is there already does what is asked for; with renewed, that it has not expired suffices.
func sameWait(there, w Pending, renewed bool, now time.Time) bool {
	soon := renewed && now.Before(there.Expires)
	if soon || there.Expires.Equal(w.Expires) {
		there.Expires = w.Expires
	}
	return there == w
}

// taken reports whether another user holds or awaits what w names.
func (p *Provisioner) taken(ctx context.Context, u *User, w Pending) (bool, error) {
	var keys []Key
	if w.ObjectID != "" {
		keys = append(keys, PendingKey(w.ConnectionID, w.ObjectID))
		if w.TenantID != "" {
			keys = append(keys, Key{ConnectionID: w.ConnectionID, Authority: w.TenantID, Subject: w.ObjectID})
		}
	}
	for _, k := range keys {
		if other, err := p.holder(ctx, k); err != nil || other != nil && other.ID != u.ID {
			return true, err
		}
	}
	address := Fold(w.Address)
	if address == "" {
		return false, nil
	}
	others, err := p.users.UsersByEmail(ctx, address)
	return slices.ContainsFunc(others, func(other *User) bool {
		return other.ID != u.ID && slices.ContainsFunc(other.Pending, func(there Pending) bool {
			return there.ConnectionID == w.ConnectionID && Fold(there.Address) == address
		})
	}), err
}

// mayBeDoneBy holds an organization's administrator to people of their own. Of others they do not even learn that they exist.
func (as Assignment) mayBeDoneBy(by Actor, u *User) error {
	proven := func(address string) bool {
		folded := Fold(address)
		return folded != "" && slices.Contains(as.ProvenDomains, domainOf(folded))
	}
	switch {
	case by.Environment:
		return nil
	case !slices.Contains(u.Organizations, by.Organization):
		return noSuchUser()
	case len(u.Organizations) > 1:
		return refuseAct(ErrNotAllowed, "the user is in other organizations too: ask the environment's operator")
	case !proven(u.Profile.Email), as.Wait.Address != "" && !proven(as.Wait.Address):
		return refuseAct(ErrNotAllowed, "the addresses must lie in domains that are proven for the connection")
	}
	return nil
}

func noSuchUser() error { return refuseAct(ErrNotFound, "there is no such user") }

// DropPending ends what a user waits for at a connection. Only the environment may. It reports whether anything changed,
// or with DryRun would change. The store must be a UserReader.
func (p *Provisioner) DropPending(ctx context.Context, o Order, userID, connectionID string) (changed bool, err error) {
	if connectionID == "" {
		return false, errors.New("provisioning: DropPending needs a connection")
	}
	a := Audit{Event: EventDropped, UserID: userID, ConnectionID: connectionID}
	return p.act(ctx, o, a, func() (*User, Change, error) {
		u, err := p.user(ctx, userID)
		if err != nil {
			return nil, Change{}, err
		}
		rest := slices.DeleteFunc(slices.Clone(u.Pending), func(w Pending) bool { return w.ConnectionID == connectionID })
		if len(rest) == len(u.Pending) {
			return u, Change{}, nil
		}
		return u, Change{Version: u.Version, Pending: &rest}, nil
	})
}

// DropAllPending ends what any user waits for at a connection: to be called when it was deleted or now leads to another tenant. It goes through the connection's users one by one,
// returns how many changed (or with DryRun would), and may be called again after an error. The store must be a UserLister and a UserReader.
func (p *Provisioner) DropAllPending(ctx context.Context, o Order, connectionID string) (dropped int, err error) {
	lister, ok := p.users.(UserLister)
	if !ok {
		return 0, errors.New("provisioning: the user store is no UserLister")
	}
	if connectionID == "" {
		return 0, errors.New("provisioning: DropAllPending needs a connection")
	}
	for u, err := range lister.Users(ctx, UserFilter{ConnectionID: connectionID}) {
		if err != nil {
			return dropped, fmt.Errorf("provisioning: listing users: %w", err)
		}
		if withoutPending(u.Pending, connectionID) == nil {
			continue
		}
		changed, err := p.DropPending(ctx, o, u.ID, connectionID)
		switch {
		case errors.Is(err, ErrNotFound): // erased meanwhile
		case err != nil:
			return dropped, err
		case changed:
			dropped++
		}
	}
	return dropped, nil
}

// user reads a user for an act.
func (p *Provisioner) user(ctx context.Context, id string) (*User, error) {
	reader, ok := p.users.(UserReader)
	if !ok {
		return nil, errors.New("the user store is no UserReader")
	}
	u, err := reader.User(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, noSuchUser()
	case err != nil:
		return nil, err
	case u == nil || u.ID != id:
		return nil, errors.New("the store returned another user than was asked for")
	}
	return u, nil
}
