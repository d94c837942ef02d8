package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// attempts bounds how often a decision is made anew because the store said ErrConflict. Each conflict means that somebody else's
// write went through, so for a crowd at one person's first sign-in two are enough; more than five means a user that changes
// without pause.
const attempts = 5

// DefaultGroupsRefresh is the default of Config.GroupsRefresh.
const DefaultGroupsRefresh = 15 * time.Minute

// Config of a Provisioner.
type Config struct {
	Users UserStore // required
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Audit hears of every outcome of Provision and of every act, once: after the write, where there is one. It must be safe for
	// concurrent use; a slow one makes sign-ins slow. A dry run and a failing store are no outcome. nil: nobody listens.
	Audit func(context.Context, Audit)
	// GroupsRefresh is how old User.GroupsAt may grow while the groups stay the same, before it is written again: it
	// saves a write at nearly every sign-in. Groups that are known count as up to this much older than they are, so a host that
	// withholds roles after a maximum age does so up to this much too early, never too late. 0: DefaultGroupsRefresh;
	// negative: written at every sign-in with known groups.
	GroupsRefresh time.Duration
}

// Provisioner applies decisions to a UserStore. It is safe for concurrent use, on any number of machines over one store: the
// store's unique keys decide races, and a Provisioner holds no lock.
type Provisioner struct {
	users   UserStore
	now     func() time.Time
	audit   func(context.Context, Audit)
	refresh time.Duration
}

// New returns a Provisioner. It is an error to give no store.
func New(c Config) (*Provisioner, error) {
	if c.Users == nil {
		return nil, errors.New("provisioning: Config.Users is required")
	}
	p := &Provisioner{users: c.Users, now: c.Now, audit: c.Audit, refresh: c.GroupsRefresh}
	if p.now == nil {
		p.now = time.Now
	}
	if p.audit == nil {
		p.audit = func(context.Context, Audit) {}
	}
	if p.refresh == 0 {
		p.refresh = DefaultGroupsRefresh
	}
	return p, nil
}

// Provision decides, applies the decision exactly once, and brings the user up to date: profile (on a policy that syncs it, and
// for a new user), groups (when they are known), membership. What it wrote is one change, whole or not at all; a known
// person of whom nothing changed costs one read and no write.
//
// A refusal, and a demand to verify, is a *Refused together with the decision, and nothing is written. Any other error is the
// store's, with nothing decided; trying again may help.
func (p *Provisioner) Provision(ctx context.Context, pol Policy, id *claims.Identity) (*User, Decision, error) {
	var conflict error
	for range attempts {
		w, err := p.prepare(ctx, pol, id)
		if err != nil {
			return nil, Decision{}, err
		}
		user, d, err := p.apply(ctx, w)
		if errors.Is(err, ErrConflict) || w.user != nil && errors.Is(err, ErrNotFound) { // erased meanwhile: decide without the user
			conflict = err
			continue
		}
		var refused *Refused
		if err == nil || errors.As(err, &refused) {
			p.audit(ctx, Audit{Event: d.Action.event(), Time: p.now().UTC(), UserID: d.UserID, ConnectionID: pol.ConnectionID, Key: w.key, Decision: d})
		}
		return user, d, err
	}
	return nil, Decision{}, fmt.Errorf("provisioning: the user changed during each of %d attempts: %w", attempts, conflict)
}

// DryRun decides as Provision would now, with Joined, Changed and EmailCollision, and writes nothing; nobody is audited. A
// refusal is a Decision, not an error; an error is the store's. UserID is empty for ActionCreate.
func (p *Provisioner) DryRun(ctx context.Context, pol Policy, id *claims.Identity) (Decision, error) {
	w, err := p.prepare(ctx, pol, id)
	if err != nil {
		return Decision{}, err
	}
	return w.decision, nil
}

// work is a decision ready to be applied.
type work struct {
	key      Key
	decision Decision
	user     *User // nil for a new one and for refusals
	change   Change
}

// prepare reads and decides.
func (p *Provisioner) prepare(ctx context.Context, pol Policy, id *claims.Identity) (*work, error) {
	if pol.Now.IsZero() {
		pol.Now = p.now()
	}
	key, err := KeyOf(pol.ConnectionID, id)
	if err != nil { // a refusal like any other: audited, no error of the store
		return &work{decision: Decide(pol, id, nil, nil)}, nil //nolint:nilerr // Decide says why
	}
	byKey, byEmail, err := p.find(ctx, key, id)
	if err != nil {
		return nil, err
	}
	w := &work{key: key, decision: Decide(pol, id, byKey, byEmail)}
	switch w.decision.Action {
	case ActionSignIn, ActionLink:
		everyone := distinct(byKey, byEmail)
		i := slices.IndexFunc(everyone, func(u *User) bool { return u.ID == w.decision.UserID })
		w.user = everyone[i]
	case ActionCreate:
	default:
		return w, nil
	}
	w.change, w.decision = changeFor(pol, id, key, w.decision, w.user, p.refresh)
	return w, p.checkEmail(ctx, w)
}

// find reads who the person might be: one query for a known person, up to three for anyone else.
func (p *Provisioner) find(ctx context.Context, key Key, id *claims.Identity) (byKey *User, byEmail []*User, err error) {
	keys := []Key{key}
	addresses := []string{Fold(id.Email.Address)}
	if id.Kind == claims.KindMember { // nobody else matches a pending identity
		keys = append(keys, PendingKey(key.ConnectionID, id.ObjectID))
		addresses = append(addresses, Fold(id.Username))
	}
	byKey, err = p.users.UserByKey(ctx, keys...)
	switch {
	case errors.Is(err, ErrNotFound):
		byKey = nil
	case err != nil:
		return nil, nil, fmt.Errorf("provisioning: finding the user by key: %w", err)
	case byKey == nil:
		return nil, nil, errors.New("provisioning: finding the user by key: the store returned neither a user nor an error")
	case byKey.Holds(key):
		return byKey, nil, nil
	}
	for i, address := range addresses {
		if address == "" || slices.Contains(addresses[:i], address) {
			continue
		}
		list, err := p.users.UsersByEmail(ctx, address)
		if err != nil {
			return nil, nil, fmt.Errorf("provisioning: finding users by address: %w", err)
		}
		byEmail = append(byEmail, list...)
	}
	return byKey, byEmail, nil
}

// checkEmail leaves the address of an existing user alone when another user has the new one: reported, never resolved.
func (p *Provisioner) checkEmail(ctx context.Context, w *work) error {
	if !w.movesEmail() {
		return nil
	}
	others, err := p.users.UsersByEmail(ctx, Fold(w.change.Profile.Email))
	if err != nil {
		return fmt.Errorf("provisioning: finding users by address: %w", err)
	}
	if slices.ContainsFunc(others, func(u *User) bool { return u.ID != w.user.ID }) {
		w.change, w.decision = keepEmail(w.change, w.decision, w.user.Profile)
	}
	return nil
}

// movesEmail reports whether an existing user would get another address.
func (w *work) movesEmail() bool {
	return w.user != nil && w.change.Profile != nil && Fold(w.change.Profile.Email) != Fold(w.user.Profile.Email)
}

// apply writes, if there is anything to write. ErrConflict asks for another attempt.
func (p *Provisioner) apply(ctx context.Context, w *work) (*User, Decision, error) {
	switch w.decision.Action {
	case ActionCreate:
		return p.create(ctx, w)
	case ActionSignIn, ActionLink:
		return p.update(ctx, w)
	}
	return nil, w.decision, &Refused{w.decision}
}

func (p *Provisioner) create(ctx context.Context, w *work) (*User, Decision, error) {
	u, err := p.users.Create(ctx, w.change)
	switch {
	case errors.Is(err, ErrEmailTaken):
		// Whoever has the address is not this person as far as anybody knows. Linking here would make the unique column decide
		// what Decide has just refused.
		d := w.decision
		d.Action, d.Reason, d.Joined, d.NotJoined, d.Changed = ActionRefuse, ReasonEmailTaken, "", "", nil
		return nil, d, &Refused{d}
	case err != nil:
		return nil, Decision{}, fmt.Errorf("provisioning: creating the user: %w", err)
	case u == nil || u.ID == "":
		return nil, Decision{}, errors.New("provisioning: creating the user: the store returned no user")
	}
	w.decision.UserID = u.ID
	return u, w.decision, nil
}

func (p *Provisioner) update(ctx context.Context, w *work) (*User, Decision, error) {
	if w.change.empty() {
		return w.user, w.decision, nil
	}
	u, err := p.users.Update(ctx, w.user.ID, w.change)
	if errors.Is(err, ErrEmailTaken) && w.movesEmail() { // taken since checkEmail looked, or by a user that only the host knows
		w.change, w.decision = keepEmail(w.change, w.decision, w.user.Profile)
		return p.update(ctx, w)
	}
	switch {
	case err != nil:
		return nil, Decision{}, fmt.Errorf("provisioning: updating the user: %w", err)
	case u == nil:
		return nil, Decision{}, errors.New("provisioning: updating the user: the store returned no user")
	}
	return u, w.decision, nil
}
