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
)

// Actor is who changes a connection. Organization "" is the environment: the host itself, or its operator. Otherwise it is an administrator of a
// customer, who may be hostile and may do less.
type Actor struct {
	Organization string
	Name         string // for the audit log
}

// Environment reports whether the actor is the host itself.
func (a Actor) Environment() bool { return a.Organization == "" }

// DomainAuthority vouches for domains on the environment's behalf: a table of verified domains, or a DNS record.
type DomainAuthority interface {
	// Proven reports whether the domain (canonical) is the actor's.
	Proven(ctx context.Context, domain string, by Actor) (bool, error)
}

// Who proved a domain, in DomainProof.By.
const (
	ProofByEnvironment = "environment" // it wrote the connection
	ProofByAuthority   = "authority"   // RegistrarConfig.Domains vouched
	ProofByEntra       = "entra"       // Entra's discovery names the connection's own tenant for the domain
)

// Errors of a Registrar.
var (
	// ErrNotAllowed says that the actor may not make this change.
	ErrNotAllowed = errors.New("entra: the organization's administrator may not change this")
	// ErrTenantChanged says that the connection's domain now belongs to another tenant than the pinned one. The environment confirms by
	// saving with TenantID "".
	ErrTenantChanged = errors.New("entra: the domain belongs to another tenant than before")
)

// ConnectionRegistry is a store that connections can be read from and written to.
type ConnectionRegistry interface {
	ConnectionStore
	ConnectionAdmin
}

// Change is an audit event: who made what of a connection.
type Change struct {
	Actor         Actor
	At            time.Time   // UTC
	Before, After *Connection // without secrets; nil before a creation, after a deletion
	SecretChanged bool        // one of the client secrets
	HighRisk      []string    // what changed of trust, tenant, provider and domains, by the JSON's names
}

// RegistrarConfig of a Registrar.
type RegistrarConfig struct {
	Store      ConnectionRegistry            // required
	Domains    DomainAuthority               // nil: nobody vouches for an organization's domains
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

// Save creates (Version "") or changes a connection and returns what was stored. A client secret that is absent on a change stays as it is.
//
// Errors: the findings' when one of them is an error; ErrNotAllowed; ErrTenantChanged; ErrConflict; *TakenError; the store's own. The findings
// are returned beside every error that they explain.
func (r *Registrar) Save(ctx context.Context, by Actor, c *Connection) (*Connection, Findings, error) {
	next := c.Clone()
	var before *Connection
	if next.Version == "" {
		next.DomainProofs = nil
		if next.ID == "" {
			next.ID = "conn_" + strings.ToLower(rand.Text())
		}
	} else {
		var err error
		if before, err = r.cfg.Store.Connection(ctx, next.ID); err != nil {
			return nil, nil, err
		}
		if before.Version != next.Version {
			return nil, nil, ErrConflict
		}
		next.DomainProofs = slices.Clone(before.DomainProofs)
		if next.ClientSecret.IsZero() {
			next.ClientSecret = before.ClientSecret
		}
		if next.NextClientSecret.IsZero() {
			next.NextClientSecret = before.NextClientSecret
		}
	}
	if err := allowed(by, before, next); err != nil {
		return nil, nil, err
	}
	found := next.Check()
	if _, ok := findCloud(r.cfg.Clouds, next.Cloud); !ok {
		found = append(found, Finding{ConnectionID: next.ID, Field: "cloud", Problem: fmt.Sprintf("cloud %q is not known", next.Cloud), Fix: "name one of Microsoft's clouds", Mender: aadsts.MenderHost, Severity: SeverityError})
	}
	if err := found.Err(); err != nil {
		return nil, found, err
	}
	warnings, err := r.pin(ctx, by, before, next)
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
	if err := r.prove(ctx, by, next); err != nil {
		return nil, found, err
	}
	version, err := r.cfg.Store.Put(ctx, next)
	if err != nil {
		return nil, found, err
	}
	next.Version = version
	r.audit(ctx, by, before, next)
	return next, found, nil
}

// Delete removes a connection. Version "" deletes whatever is stored.
func (r *Registrar) Delete(ctx context.Context, by Actor, id, version string) error {
	before, err := r.cfg.Store.Connection(ctx, id)
	if err != nil {
		return err
	}
	if !by.Environment() && before.OrganizationID != by.Organization {
		return ErrNotFound // another's connection is none
	}
	if err := r.cfg.Store.Delete(ctx, id, version); err != nil {
		return err
	}
	r.audit(ctx, by, before, nil)
	return nil
}

// allowed holds an organization's administrator to their own organization, and away from what steers where we fetch from, whom we trust and whom we let in.
func allowed(by Actor, before, next *Connection) error {
	if by.Environment() {
		return nil
	}
	was := before
	if was == nil {
		was = &Connection{OrganizationID: by.Organization}
	}
	if was.OrganizationID != by.Organization {
		return ErrNotFound
	}
	for _, f := range guarded {
		if f.environment && !f.same(was, next) && !(f.mayEnd && f.off(next)) {
			return fmt.Errorf("%w: %s", ErrNotAllowed, f.name)
		}
	}
	return nil
}

// rebound reports whether people come from another tenant, cloud or app registration than before.
func rebound(before, next *Connection) bool {
	for _, f := range guarded {
		if f.binds && !f.same(before, next) {
			return true
		}
	}
	return before.TenantID != "" && before.TenantID != next.TenantID
}

// prove brings the states of the home realm domains up to date: the environment proves what it writes, an authority or Entra's discovery proves
// an organization's. A proof that was earned stays with its domain.
func (r *Registrar) prove(ctx context.Context, by Actor, next *Connection) error {
	var proofs []DomainProof
	for _, domain := range next.Domains() {
		if i := slices.IndexFunc(next.DomainProofs, func(p DomainProof) bool { return p.Domain == domain }); i >= 0 && next.DomainProofs[i].State == DomainProven && !by.Environment() {
			proofs = append(proofs, next.DomainProofs[i])
			continue
		}
		p := DomainProof{Domain: domain, State: DomainProven, At: r.cfg.Now().UTC()}
		switch vouched, err := r.vouched(ctx, domain, by); {
		case err != nil:
			return fmt.Errorf("entra: proving %s: %w", domain, err)
		case by.Environment():
			p.By = ProofByEnvironment
		case vouched:
			p.By = ProofByAuthority
		case next.TenantID != "" && !next.UseCommonEndpoint && r.tenantOf(ctx, next, domain) == next.TenantID:
			p.By = ProofByEntra
		default:
			p.State = DomainPending
		}
		proofs = append(proofs, p)
	}
	next.DomainProofs = proofs
	return nil
}

func (r *Registrar) vouched(ctx context.Context, domain string, by Actor) (bool, error) {
	if by.Environment() || r.cfg.Domains == nil {
		return false, nil
	}
	return r.cfg.Domains.Proven(ctx, domain, by)
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
	ch.SecretChanged = !b.ClientSecret.Equal(a.ClientSecret) || !b.NextClientSecret.Equal(a.NextClientSecret)
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
		out.ClientSecret, out.NextClientSecret = credential.Secret{}, credential.Secret{}
	}
	return out
}
