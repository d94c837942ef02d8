package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// plan is a record with everything that is known of it before the store is asked.
type plan struct {
	record       *Record
	key          provisioning.Key // of the record
	joins        []join           // organizations
	connectionID string           // "" for none
	tenantID     string           // of the pending identity; "" is not known
	pending      []provisioning.Pending
	addresses    []string // folded: the record's address and user principal name
	profile      provisioning.Profile
	unverified   bool // the file's word on the address does not count
}

// join is a membership, with the key that says that it was imported.
type join struct {
	organization string
	key          provisioning.Key
}

// planner makes plans. What it learned of connections and organizations it keeps for a run, up to a bound.
type planner struct {
	*Import
	resolved      memo[string] // by name and domain
	tenants       memo[string] // by connection
	organizations memo[string] // by the file's id
	proven        memo[bool]   // by connection and domain
	waiting       *plan        // was read too far for the last batch
}

// memo keeps answers to questions of two words; not found is an answer.
type memo[V any] struct{ answers map[[2]string]V }

// maxMemo bounds a memo. Files name few connections, and domains by the thousand at most.
const maxMemo = 10_000

func (m *memo[V]) get(key [2]string, ask func() (V, error)) (V, error) {
	if v, ok := m.answers[key]; ok {
		return v, nil
	}
	v, err := ask()
	if err != nil {
		return v, err
	}
	if m.answers == nil || len(m.answers) >= maxMemo {
		m.answers = map[[2]string]V{}
	}
	m.answers[[2]string{strings.Clone(key[0]), strings.Clone(key[1])}] = v // a word of a row would keep all of the row
	return v, nil
}

// plan resolves what a record names. The error is the host's trouble and ends the run; a *Problem is the record's.
func (p *planner) plan(ctx context.Context, r *Record) (*plan, error) {
	if err := p.kept(r); err != nil {
		return nil, err
	}
	if problem := p.forbidden(r); problem != nil {
		return nil, problem.at(r.rows.reveal()...)
	}
	w := &plan{record: r, key: provisioning.ImportKey(p.authority, recordKey(r))}
	w.profile = provisioning.Profile{
		Email: r.Email, EmailVerified: r.EmailVerified && r.Email != "" && p.cfg.By.environment,
		GivenName: r.GivenName, FamilyName: r.FamilyName, Picture: r.Picture, Extended: r.Extended,
	}
	w.unverified = r.EmailVerified && !w.profile.EmailVerified
	for _, a := range []string{r.Email, r.UPN} {
		if folded := provisioning.Fold(a); folded != "" && !slices.Contains(w.addresses, folded) {
			w.addresses = append(w.addresses, folded)
		}
	}
	for _, step := range []func(context.Context, *plan) error{p.connect, p.wait, p.join} {
		if err := step(ctx, w); err != nil {
			var problem *Problem
			if errors.As(err, &problem) {
				return nil, problem.at(r.rows.reveal()...)
			}
			return nil, fmt.Errorf("bulk: line %d: %w", r.Line, err)
		}
	}
	return w, nil
}

// kept ends the run before anything gets lost.
func (p *planner) kept(r *Record) error {
	if p.cfg.Keep != nil {
		return nil
	}
	lost := slices.DeleteFunc(r.toKeep(), func(name string) bool { return slices.Contains(p.cfg.Ignore, name) })
	if len(lost) > 0 {
		return &NotKeptError{Line: r.Line, Names: lost}
	}
	return nil
}

// forbiddenRest is what only the environment may say of a user: a password would make an account that somebody else can use, and flags are the host's.
var forbiddenRest = []string{"password", "hashed_password", "hashing_method", "hashing_algorithm", "salt", "salt_position", "salt_format", "password_hash", "passwordHash", "custom_password_hash", "feature_flags", "app_metadata"}

func (p *planner) forbidden(r *Record) *Problem {
	if p.cfg.By.environment {
		return nil
	}
	for _, name := range r.Rest.Names() {
		if slices.ContainsFunc(forbiddenRest, func(f string) bool { return strings.EqualFold(f, name) }) {
			return problem(ReasonForbidden, name, "an organization's administrator may not import this", "take it out, or ask the operator to import it")
		}
	}
	return nil
}

// recordKey is what a record is known by in its source: its own id, else what names the person, folded.
func recordKey(r *Record) string {
	switch folded := provisioning.Fold(r.Email); {
	case r.ID != "":
		return r.ID
	case r.from == fromEntra && r.ObjectID != "":
		return "entra:" + r.ObjectID
	case folded != "":
		return "address:" + folded
	case r.UPN != "":
		return "address:" + provisioning.Fold(r.UPN)
	case r.Phone != "":
		return "phone:" + r.Phone
	case r.Username != "":
		return "username:" + r.Username
	}
	return "entra:" + r.ObjectID
}

// memberKey says that a record's membership was imported, so that somebody who was taken out of an organization does not come back in by the same row.
func (p *planner) memberKey(record, organization string) provisioning.Key {
	return provisioning.ImportKey(p.authority, fmt.Sprintf("member:%q:%s", organization, record))
}

// connect finds the connection: the one named, else that of the address's home realm domain.
func (p *planner) connect(ctx context.Context, w *plan) error {
	r := w.record
	name := r.Connection
	if name == "" && (r.Enterprise || len(w.addresses) > 0 || r.ObjectID != "") {
		name = p.cfg.Connection
	}
	var domains []string
	if name == "" {
		for _, a := range w.addresses {
			domains = append(domains, a[strings.LastIndexByte(a, '@')+1:])
		}
	} else {
		domains = []string{""}
	}
	for _, domain := range domains {
		id, err := p.resolved.get([2]string{name, domain}, func() (string, error) {
			if p.cfg.Connections == nil {
				return "", nil
			}
			id, found, err := p.cfg.Connections.Resolve(ctx, name, domain)
			if err != nil || !found {
				return "", err
			}
			return id, nil
		})
		switch {
		case err != nil:
			return fmt.Errorf("finding the connection: %w", err)
		case id != "":
			w.connectionID = id
			return nil
		}
	}
	switch {
	case name != "":
		return problem(ReasonConnection, "connection", "there is no such connection, or more than one, among those that the importer may see", "correct the name, or make the connection first")
	case r.Enterprise || r.ObjectID != "" || !p.cfg.By.environment && len(w.addresses) > 0:
		return problem(ReasonConnection, "connection", "the record names no connection, and its address's domain is none's", "name the connection, or give the domain to one")
	}
	return nil
}

// wait makes the pending identities: one by object id where it is known, which then decides alone, else one for each address.
func (p *planner) wait(ctx context.Context, w *plan) error {
	r := w.record
	if w.connectionID == "" {
		return nil
	}
	pinned, err := p.tenants.get([2]string{w.connectionID}, func() (string, error) { return p.cfg.Connections.Tenant(ctx, w.connectionID) })
	if err != nil {
		return fmt.Errorf("finding the connection's tenant: %w", err)
	}
	w.tenantID = keep(r.TenantID, pinned)
	if pinned != "" && w.tenantID != pinned {
		return problem(ReasonTenant, "entra_tenant_id", "the connection admits people of another tenant only", "correct the tenant, or the connection")
	}
	base := provisioning.Pending{ConnectionID: w.connectionID, ConnectionName: r.Connection, TenantID: w.tenantID, Expires: p.cfg.Now().Add(p.cfg.Expiry).UTC()}
	if r.ObjectID != "" {
		base.ObjectID, base.Address = r.ObjectID, keep(r.UPN, r.Email)
		w.pending = []provisioning.Pending{base}
		return nil
	}
	for _, folded := range w.addresses {
		one := base
		one.Address = r.Email
		if provisioning.Fold(r.Email) != folded {
			one.Address = r.UPN
		}
		w.pending = append(w.pending, one)
	}
	return nil
}

// join finds the organizations.
func (p *planner) join(ctx context.Context, w *plan) error {
	for _, m := range w.record.Memberships {
		if m.Organization == "" {
			continue
		}
		id, err := p.organizations.get([2]string{m.Organization}, func() (string, error) { return p.organization(ctx, m.Organization) })
		switch {
		case err != nil:
			return fmt.Errorf("finding the organization: %w", err)
		case id == "":
			return problem(ReasonOrganization, "external_organization_id", "there is no such organization", "make it first, or correct the id")
		case !p.cfg.By.environment && id != p.cfg.By.organization:
			return problem(ReasonOrganization, "external_organization_id", "there is no such organization", "name your own, or none")
		}
		w.addJoin(p, id)
	}
	if !p.cfg.By.environment {
		w.addJoin(p, p.cfg.By.organization)
	}
	return nil
}

func (w *plan) addJoin(p *planner, organization string) {
	if !slices.ContainsFunc(w.joins, func(j join) bool { return j.organization == organization }) {
		w.joins = append(w.joins, join{organization, p.memberKey(w.key.Subject, organization)})
	}
}

func (p *planner) organization(ctx context.Context, external string) (string, error) {
	if p.cfg.Organization == nil {
		return strings.Clone(external), nil
	}
	id, found, err := p.cfg.Organization(ctx, external)
	if err != nil || !found {
		return "", err
	}
	return id, nil
}

// provesAddresses reports whether all domains of the record's addresses are proven for its connection.
func (p *planner) provesAddresses(ctx context.Context, w *plan) (bool, error) {
	if w.connectionID == "" || len(w.addresses) == 0 {
		return false, nil
	}
	for _, a := range w.addresses {
		domain, err := hrd.Domain(a)
		if err != nil { // folded addresses have one
			return false, nil //nolint:nilerr // what is no address is proven by nobody
		}
		ok, err := p.proven.get([2]string{w.connectionID, domain}, func() (bool, error) { return p.cfg.Connections.Proven(ctx, w.connectionID, domain) })
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}
