package entra

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Errors of a Registrar.
var (
	// ErrNotAllowed says that the actor may not make this change; a *NotAllowedError is around it. It is one value with provisioning.ErrNotAllowed.
	ErrNotAllowed = provisioning.ErrNotAllowed
	// ErrTenantChanged says that the connection's domain now belongs to another tenant than the pinned one, until ConfirmTenant.
	ErrTenantChanged = errors.New("entra: the domain belongs to another tenant than before: correct the domain, or have the operator confirm the tenant")
)

// errChanged is ErrConflict, in words.
var errChanged = fmt.Errorf("entra: the connection has changed since it was read: %w", ErrConflict)

// ConnectionRegistry is a store that connections can be read from and written to.
type ConnectionRegistry interface {
	ConnectionStore
	ConnectionAdmin
}

// Change is an audit event: who made what of a connection. Its EndsSession says which of the host's sessions should end with it. Its JSON is stable.
type Change struct {
	Actor         Actor       `json:"actor"`
	At            time.Time   `json:"at"`                  // UTC
	Before        *Connection `json:"before,omitempty"`    // without secrets; nil before a creation
	After         *Connection `json:"after,omitempty"`     // without secrets; nil after a deletion
	SecretChanged bool        `json:"secret_changed"`      // one of the client secrets or certificates
	HighRisk      []string    `json:"high_risk,omitempty"` // what changed of trust, tenant, provider and domains, by the JSON's names
}

// RegistrarConfig of a Registrar.
type RegistrarConfig struct {
	Store      ConnectionRegistry            // required
	Domains    DomainAuthority               // nil: nobody vouches for an organization's domains; see DNSAuthority
	Users      provisioning.UserLister       // the host's users, counted before a connection is deleted; nil: not counted
	Clouds     []cloud.Cloud                 // as Config.Clouds
	HTTPClient *http.Client                  // as Config.HTTPClient
	Audit      func(context.Context, Change) // nil: nobody listens
	Now        func() time.Time              // nil: time.Now
}

// Registrar is the one place through which connections change: it knows who may say what, pins the tenant, and keeps the state of the home realm
// domains. It is safe for concurrent use.
type Registrar struct{ cfg RegistrarConfig }

// NewRegistrar returns a Registrar.
func NewRegistrar(c RegistrarConfig) (*Registrar, error) {
	if c.Store == nil {
		return nil, errors.New("entra: RegistrarConfig.Store is required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.HTTPClient = outbound.Client(c.HTTPClient)
	return &Registrar{cfg: c}, nil
}

// Save creates (Version "") or changes a connection and returns what was stored. On a change, a client secret or a tenant id that is absent stays
// as it is. An organization's administrator gets a new id whatever they ask for.
//
// Errors: the findings' when one of them is an error; ErrNotAllowed; ErrTenantChanged; ErrNotFound; ErrConflict; *TakenError; the store's own.
// The findings are returned beside every error that they explain.
func (r *Registrar) Save(ctx context.Context, by Actor, c *Connection) (*Connection, Findings, error) {
	return r.save(ctx, by, c, false)
}

// Preview returns what Save would check and store, without storing it or asking anybody: with the secrets that the form left out, for Service.Diagnose. What
// Save only finds out as it stores (the tenant, the domains' states, whose a name is) is as it was before.
//
// Errors: as those of Save.
func (r *Registrar) Preview(ctx context.Context, by Actor, c *Connection) (*Connection, Findings, error) {
	_, next, err := r.merge(ctx, by, c)
	if err != nil {
		return nil, nil, err
	}
	found := r.check(by, next)
	if err := found.Err(); err != nil {
		return nil, found, err
	}
	return next, found, nil
}

// ConfirmTenant accepts that a connection's domain now belongs to another tenant (ErrTenantChanged). Trust in its addresses ends, and the
// domains of an organization's connection are to be proven anew. Only the environment may.
func (r *Registrar) ConfirmTenant(ctx context.Context, by Actor, id string) (*Connection, Findings, error) {
	if !by.IsEnvironment() {
		return nil, nil, notAllowed(id, "tenant_id", "belongs to another tenant now, which is the operator's to confirm", "tell the operator whether the new tenant is yours")
	}
	c, err := r.cfg.Store.Connection(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	return r.save(ctx, by, c, true)
}

func (r *Registrar) save(ctx context.Context, by Actor, c *Connection, confirmed bool) (*Connection, Findings, error) {
	before, next, err := r.merge(ctx, by, c)
	if err != nil {
		return nil, nil, err
	}
	found := r.check(by, next)
	if err := found.Err(); err != nil {
		return nil, found, err
	}
	warnings, err := r.pin(ctx, before, next, confirmed)
	found = append(found, warnings...)
	if err != nil {
		return nil, found, err
	}
	if before != nil && rebound(before, next) {
		// Whoever signs in from now on comes from elsewhere: what the old tenant earned is not passed on.
		next.DomainProofs = nil
		if next.TrustEmails && before.TrustEmails {
			next.TrustEmails = false
			found = append(found, Finding{ConnectionID: next.ID, Field: "is_trust_emails_enabled", Problem: "tenant, cloud or client changed, so trust in its addresses was switched off", Fix: "switch it on again after checking the new tenant", Mender: aadsts.MenderHost, Severity: SeverityWarning})
		}
	}
	found = append(found, r.prove(ctx, by, before, next)...)
	saved, err := r.put(ctx, by, before, next)
	return saved, found, err
}

// merge returns what is stored and what is to be: what a form leaves out is kept, what only the Registrar writes is never taken from it.
func (r *Registrar) merge(ctx context.Context, by Actor, c *Connection) (before, next *Connection, err error) {
	next = c.Clone()
	if next.Version == "" {
		next.DomainProofs = nil
		if next.ID == "" || !by.IsEnvironment() {
			next.ID = "conn_" + strings.ToLower(rand.Text())
		}
		return nil, next, allowed(by, nil, next)
	}
	before, err = r.cfg.Store.Connection(ctx, next.ID)
	if err != nil {
		return nil, nil, err
	}
	if err := allowed(by, before, next); err != nil { // first, so that nobody learns of another's connection
		return nil, nil, err
	}
	if before.Version != next.Version {
		return nil, nil, errChanged
	}
	next.DomainProofs = slices.Clone(before.DomainProofs)
	keepSecrets(before, next)
	return before, next, nil
}

// maxOrganizationDomains bounds the home realm domains of an organization's administrator: each may cost a look-up.
const maxOrganizationDomains = 100

// check adds to Check what only a Registrar knows.
func (r *Registrar) check(by Actor, c *Connection) Findings {
	found := c.Check()
	fault := func(field, problem, fix string) {
		found = append(found, Finding{ConnectionID: c.ID, Field: field, Problem: problem, Fix: fix, Mender: aadsts.MenderAppOwner, Severity: SeverityError})
	}
	if _, ok := findCloud(r.cfg.Clouds, c.Cloud); !ok {
		fault("cloud", fmt.Sprintf("%q is not known", clipText(c.Cloud)), "use one of "+strings.Join(cloud.Names(), ", "))
	}
	if !by.IsEnvironment() && len(c.HomeRealmDomains) > maxOrganizationDomains {
		fault("home_realm_domains", fmt.Sprintf("holds more than %d domains", maxOrganizationDomains), "ask the operator to add more")
	}
	return found
}

// put stores a connection. A domain that the environment or its authority proves is taken from a holder whose only proof is Entra's.
func (r *Registrar) put(ctx context.Context, by Actor, before, next *Connection) (*Connection, error) {
	for range maxDisplaced {
		version, err := r.cfg.Store.Put(ctx, next)
		if err == nil {
			next.Version = version
			r.audit(ctx, by, before, next)
			return next, nil
		}
		var taken *TakenError
		if !errors.As(err, &taken) {
			return nil, err
		}
		if displaced, derr := r.displace(ctx, by, next, taken); derr != nil {
			return nil, derr
		} else if !displaced {
			if !by.IsEnvironment() {
				return nil, &TakenError{Field: taken.Field, Value: taken.Value} // whose it is, is the environment's to know
			}
			return nil, err
		}
	}
	return nil, errChanged
}

// allowed holds an organization's administrator to their own organization, and away from what steers where we fetch from, whom we trust and whom we let in.
func allowed(by Actor, before, next *Connection) error {
	if by.IsEnvironment() {
		return nil
	}
	was := before
	if was == nil {
		was = &Connection{OrganizationID: by.Organization}
	}
	if !by.owns(was.OrganizationID) {
		if before == nil { // nobody's actor
			return notAllowed("", "", "the actor has no organization", "the host says who acts: Environment, or Administrator with an organization")
		}
		return ErrNotFound
	}
	var refused Findings
	for _, f := range guarded {
		if !f.environment || f.same(was, next) || f.mayEnd && f.off(next) {
			continue
		}
		problem, fix := "is the operator's to change", "leave it as it is, or ask the operator"
		switch {
		case f.name == "organization_id" && before == nil:
			problem, fix = "is not your organization", fmt.Sprintf("enter %q; connections of others, and of all, are the operator's to make", by.Organization)
		case f.mayEnd:
			problem, fix = "is the operator's to switch on", "leave it off, or ask the operator"
		}
		refused = append(refused, notAllowed(next.ID, f.name, problem, fix).Faults...)
	}
	if len(refused) > 0 {
		return &NotAllowedError{Faults: refused}
	}
	return nil
}

// rebound reports whether people come from another tenant, cloud or app registration than before. The first pin of a tenant is no change.
func rebound(before, next *Connection) bool {
	for _, f := range guarded {
		if f.binds && !f.same(before, next) {
			return true
		}
	}
	if before.TenantID == "" {
		return !strings.EqualFold(before.EntraDomain, next.EntraDomain)
	}
	return before.TenantID != next.TenantID || widened(before, next)
}

// widened reports whether people of more tenants come than before.
func widened(before, next *Connection) bool {
	had := before.AdmittedTenants()
	return next.AnyTenant && !before.AnyTenant || slices.ContainsFunc(next.AdmittedTenants(), func(t string) bool { return !slices.Contains(had, t) })
}

func (r *Registrar) audit(ctx context.Context, by Actor, before, after *Connection) {
	if r.cfg.Audit == nil {
		return
	}
	ch := Change{Actor: by, At: r.cfg.Now().UTC(), Before: masked(before), After: masked(after)}
	b, a := before, after
	if b == nil {
		b = &Connection{}
	}
	if a == nil {
		a = &Connection{}
	}
	ch.SecretChanged = secretsDiffer(b, a)
	for _, f := range guarded {
		if f.highRisk && !f.same(b, a) {
			ch.HighRisk = append(ch.HighRisk, f.name)
		}
	}
	r.cfg.Audit(ctx, ch)
}

// masked returns a copy without secrets.
func masked(c *Connection) *Connection {
	out := c.Clone()
	if out != nil {
		for _, s := range secrets {
			*s.field(out) = credential.Secret{}
		}
	}
	return out
}
