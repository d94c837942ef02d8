package entra

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/hrd"
)

// Who proved a home realm domain, in DomainProof.By.
const (
	ProofByEnvironment = "environment" // it wrote the domain, or said so by ProveDomain
	ProofByAuthority   = "authority"   // RegistrarConfig.Domains vouched
	// ProofByEntra: Entra's discovery names the connection's own tenant for the domain, and an administrator of that tenant has signed in
	// through this connection. It routes, but links no accounts and shuts nobody else out (Service.AdmitLocal): an unmanaged tenant can come to hold a domain by
	// somebody's email sign-up. It is about that very name: other tenants can hold what is below it, so that "*.contoso.com" takes another proof.
	// https://learn.microsoft.com/entra/identity/users/directory-self-service-signup
	ProofByEntra = "entra"
)

// prove brings the states of the home realm domains up to date. The environment proves all that it writes into a connection of its own, and what
// it adds to an organization's; what an organization's administrator adds is pending until the authority vouches. Every other state stays: saving
// a connection for another reason proves nothing, and where the authority does not answer nothing changes.
func (r *Registrar) prove(ctx context.Context, by Actor, before, next *Connection) Findings {
	owned := next.OrganizationID == "" && (before == nil || before.OrganizationID == "")
	var listed []string
	if before != nil {
		listed = before.Domains()
	}
	var proofs []DomainProof
	var ask []int // of proofs
	for _, domain := range next.Domains() {
		p := next.proof(domain)
		environment := by.IsEnvironment() && (owned || !slices.Contains(listed, domain))
		switch {
		case environment && (p.State != DomainProven || p.By != ProofByEnvironment):
			p = r.proof(domain, DomainProven, ProofByEnvironment)
		case p.State != DomainProven:
			ask = append(ask, len(proofs))
			if p.State == "" {
				p = r.proof(domain, DomainPending, "")
			}
		}
		proofs = append(proofs, p)
	}
	var found Findings
	for _, answer := range r.askAuthority(ctx, by, proofs, ask) {
		switch {
		case answer.err != nil:
			found = append(found, Finding{ConnectionID: next.ID, Field: "home_realm_domains", Problem: "whose " + answer.domain + " is could not be found out", Fix: "save the connection again in a moment", Mender: aadsts.MenderHost, Severity: SeverityWarning})
		case answer.vouched:
			proofs[answer.index] = r.proof(answer.domain, DomainProven, ProofByAuthority)
		}
	}
	next.DomainProofs = proofs
	return found
}

// What one save asks the authority at once, and how long in all.
const (
	authorityAtOnce  = 8
	authorityTimeout = 15 * time.Second
)

// vouching is what the authority answered about one domain.
type vouching struct {
	index   int
	domain  string
	vouched bool
	err     error
}

// askAuthority asks about some of the proofs; the answers come in their order.
func (r *Registrar) askAuthority(ctx context.Context, by Actor, proofs []DomainProof, ask []int) []vouching {
	ctx, cancel := context.WithTimeout(ctx, authorityTimeout)
	defer cancel()
	answers := make([]vouching, len(ask))
	var all errgroup.Group
	all.SetLimit(authorityAtOnce)
	for i, index := range ask {
		all.Go(func() error {
			domain := proofs[index].Domain
			vouched, err := r.vouched(ctx, domain, by)
			answers[i] = vouching{index, domain, vouched, err}
			return nil
		})
	}
	_ = all.Wait() // none of them returns an error
	return answers
}

// ProveByAuthority asks the authority once more about a connection's domains that are not proven, on behalf of the connection's own organization: what a button
// beside a DNS challenge does. A domain about which the authority does not answer keeps its state.
//
// Errors: what the authority failed with, beside the connection; ErrNotFound, *TakenError and the store's own, without one.
func (r *Registrar) ProveByAuthority(ctx context.Context, by Actor, id string) (*Connection, error) {
	var failed []error
	c, err := r.reprove(ctx, by, id, func(c *Connection, p DomainProof) (DomainProof, error) {
		if p.State == DomainProven {
			return p, nil
		}
		vouched, err := r.vouched(ctx, p.Domain, Administrator(c.OrganizationID, by.Name))
		failed = append(failed, err) // nobody answered: that state stays, the others are looked at
		if err != nil || !vouched {
			return p, nil //nolint:nilerr // returned at the end
		}
		return r.proof(p.Domain, DomainProven, ProofByAuthority), nil
	})
	return c, errors.Join(append(failed, err)...)
}

// proof returns the state of a domain; a zero one when it has none.
func (c *Connection) proof(domain string) DomainProof {
	if i := slices.IndexFunc(c.DomainProofs, func(p DomainProof) bool { return p.Domain == domain }); i >= 0 {
		return c.DomainProofs[i]
	}
	return DomainProof{Domain: domain}
}

func (r *Registrar) proof(domain string, state DomainState, by string) DomainProof {
	return DomainProof{Domain: domain, State: state, By: by, At: r.cfg.Now().UTC()}
}

func (r *Registrar) vouched(ctx context.Context, domain string, by Actor) (bool, error) {
	if by.IsEnvironment() || r.cfg.Domains == nil {
		return false, nil
	}
	base, _ := hrd.Base(domain) // whoever holds a domain holds what is below it
	return r.cfg.Domains.Proven(ctx, base, by)
}

// ProveDomain is the environment's word that a listed home realm domain belongs to the connection. It takes the domain from a holder whose only
// proof is Entra's; any other holder is *TakenError.
func (r *Registrar) ProveDomain(ctx context.Context, by Actor, id, domain string) (*Connection, error) {
	if !by.IsEnvironment() {
		return nil, notAllowed(id, "home_realm_domains", "is proven by the operator's word only", "publish its record in DNS, sign in as an administrator of its tenant, or ask the operator")
	}
	canonical, err := hrd.Listed(domain)
	if err != nil {
		return nil, err
	}
	return r.reprove(ctx, by, id, func(_ *Connection, p DomainProof) (DomainProof, error) {
		if p.Domain != canonical {
			return p, nil
		}
		return r.proof(canonical, DomainProven, ProofByEnvironment), nil
	})
}

// Directory roles whose holders speak for a tenant's domains: Global Administrator and Domain Name Administrator.
// https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
var domainRoles = []string{"62e90394-69f5-4237-9190-012177145e10", "8329153b-31d0-4727-b945-745eb3bc5f31"}

// ProveByAdministrator proves those pending home realm domains for which Entra's discovery names the connection's own tenant, on the word of an
// administrator of that tenant who has just signed in through this very connection: identity is that of their SignIn or TestReport. Naming a
// tenant is not enough, for anybody can. The token must carry the directory roles (groupMembershipClaims with DirectoryRole, or All). What stands for
// subdomains stays pending: list those that the tenant holds, or have the authority vouch.
//
// Errors: ErrNotAllowed when the identity is none of the connection's tenant, or no administrator; ErrNotFound; *TakenError; the store's own.
func (r *Registrar) ProveByAdministrator(ctx context.Context, by Actor, id string, identity *claims.Identity) (*Connection, error) {
	return r.reprove(ctx, by, id, func(c *Connection, p DomainProof) (DomainProof, error) {
		if problem, fix := speaksFor(c, identity); problem != "" {
			return p, notAllowed(c.ID, "home_realm_domains", problem, fix)
		}
		if p.State == DomainProven || covers(p.Domain) || r.tenantOf(ctx, c, p.Domain) != c.TenantID {
			return p, nil
		}
		return r.proof(p.Domain, DomainProven, ProofByEntra), nil
	})
}

// speaksFor says why an identity does not speak for the domains of the connection's tenant, and what to do; "" when it does.
func speaksFor(c *Connection, identity *claims.Identity) (problem, fix string) {
	switch {
	case identity == nil:
		return "nobody has signed in", "sign in through this connection first, or test it"
	case c.TenantID == "" || c.Tenant() != c.TenantID:
		return "the connection is not of one tenant", "enter the tenant, or prove the domain by its record in DNS"
	case identity.TenantID != c.TenantID:
		return "who signed in is of another tenant", "sign in with an account of the connection's tenant"
	case identity.Kind != claims.KindMember:
		return "who signed in is no member of the tenant, or the token does not say so", "sign in with an account of the tenant's own, and have the application emit the claim acct"
	case !slices.ContainsFunc(identity.DirectoryRoles, func(role string) bool { return slices.Contains(domainRoles, role) }):
		return "who signed in is no administrator of the tenant, or the token does not say so", "sign in as Global Administrator or Domain Name Administrator, and have the application emit directory roles (groupMembershipClaims with DirectoryRole, or All)"
	}
	return "", ""
}

// RecheckDomains asks again whoever vouched for a connection's domains: the authority, and Entra's discovery. A domain that is no longer theirs lapses and
// routes no more. Hosts call it daily; in the audit log it is the environment's act, by the name "recheck". When nobody answers, states stay as they are.
//
// Errors: what the authority failed with, beside the connection; ErrNotFound, ErrConflict and the store's own, without one.
func (r *Registrar) RecheckDomains(ctx context.Context, id string) (*Connection, error) {
	var failed []error
	c, err := r.reprove(ctx, Environment("recheck"), id, func(c *Connection, p DomainProof) (DomainProof, error) {
		if p.State != DomainProven {
			return p, nil
		}
		switch p.By {
		case ProofByAuthority:
			vouched, err := r.vouched(ctx, p.Domain, Administrator(c.OrganizationID, "recheck"))
			failed = append(failed, err) // nobody answered: that state stays, the others are looked at
			if err != nil || vouched {
				return p, nil //nolint:nilerr // returned at the end
			}
		case ProofByEntra:
			if tenant := r.tenantOf(ctx, c, p.Domain); !covers(p.Domain) && (tenant == "" || tenant == c.TenantID) {
				return p, nil
			}
		default:
			return p, nil
		}
		return r.proof(p.Domain, DomainLapsed, p.By), nil
	})
	return c, errors.Join(append(failed, err)...)
}

// covers reports whether a listed domain stands for subdomains.
func covers(listed string) bool {
	_, covers := hrd.Base(listed)
	return covers
}

// reprove changes the states of a connection's listed domains, and nothing else.
func (r *Registrar) reprove(ctx context.Context, by Actor, id string, change func(*Connection, DomainProof) (DomainProof, error)) (*Connection, error) {
	before, err := r.cfg.Store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	if !by.owns(before.OrganizationID) {
		return nil, ErrNotFound
	}
	next := before.Clone()
	next.DomainProofs = nil
	for _, domain := range before.Domains() {
		p, err := change(before, before.proof(domain))
		if err != nil {
			return nil, err
		}
		next.DomainProofs = append(next.DomainProofs, p)
	}
	if slices.Equal(next.DomainProofs, before.DomainProofs) {
		return before, nil
	}
	return r.put(ctx, by, before, next)
}

// maxDisplaced bounds how many holders one write takes domains from.
const maxDisplaced = 16

// displace lets the holder's proof lapse if it is only Entra's and next has a better one. It reports whether the domain is free now.
func (r *Registrar) displace(ctx context.Context, by Actor, next *Connection, taken *TakenError) (bool, error) {
	if taken.Field != "home_realm_domains" || taken.ConnectionID == "" || next.proof(taken.Value).By == ProofByEntra {
		return false, nil
	}
	holder, err := r.cfg.Store.Connection(ctx, taken.ConnectionID)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if holder.proof(taken.Value).By != ProofByEntra {
		return false, nil
	}
	lapsed := holder.Clone()
	for i, p := range lapsed.DomainProofs {
		if p.Domain == taken.Value {
			lapsed.DomainProofs[i] = r.proof(p.Domain, DomainLapsed, p.By)
		}
	}
	version, err := r.cfg.Store.Put(ctx, lapsed)
	if errors.Is(err, ErrConflict) {
		return true, nil // somebody changed the holder: look again
	}
	if err != nil {
		return false, err
	}
	lapsed.Version = version
	r.audit(ctx, by, holder, lapsed)
	return true, nil
}
