package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// provision hands a verified identity to the provisioner, and puts user, decision and groups into in.
func (s *Service) provision(ctx context.Context, in *SignIn) (err error) {
	rules, err := s.rules(ctx, in.Connection)
	if err != nil {
		return err
	}
	defer func() { in.grant(rules) }()
	if s.provisioner == nil {
		return nil
	}
	ctx, done := s.cfg.Observer.Start(ctx, "provision")
	defer func() { done(err) }()
	policy, err := s.policy(ctx, in)
	if err != nil {
		return err
	}
	policy.Rules = rules
	if in.User, in.Decision, err = s.provisioner.Provision(ctx, policy, in.Identity); err != nil {
		return storeError(err)
	}
	s.groupsBefore(in)
	return nil
}

// report says what provisioning would do, for a test sign-in.
func (s *Service) report(ctx context.Context, in *SignIn) (*TestReport, error) {
	r := &TestReport{Connection: in.Connection, Identity: in.Identity, Data: in.Data, Attempt: in.Attempt, GroupsFrom: in.GroupsFrom, ReturnTo: in.ReturnTo}
	rules, err := s.rules(ctx, in.Connection)
	if err != nil {
		return nil, err
	}
	in.grant(rules)
	r.Grants = in.grants
	if s.provisioner != nil {
		policy, err := s.policy(ctx, in)
		if err != nil {
			return nil, err
		}
		policy.Rules = rules
		if r.Decision, err = s.provisioner.DryRun(ctx, policy, in.Identity); err != nil {
			return nil, storeError(err)
		}
	}
	return r, nil
}

// policy is what the connection and the host allow at this sign-in.
func (s *Service) policy(ctx context.Context, in *SignIn) (provisioning.Policy, error) {
	c := in.Connection
	p := provisioning.Policy{
		ConnectionID: c.ID, ConnectionName: c.Name, ProvenDomains: c.environmentDomains(),
		SingleTenant: c.TenantID != "" && c.Tenant() == c.TenantID, TrustEmails: c.TrustEmails,
		CreateMissing: c.CreateMissingUsers, KeepOtherIdentities: c.KeepOtherIdentities, VerifiedAddress: in.verified, Now: s.now(), GroupsMaxAge: s.groupsAge(c),
	}
	var err error
	if c.SyncProfile && s.cfg.SyncProfiles != nil {
		if p.SyncProfile, err = s.cfg.SyncProfiles(ctx); err != nil {
			return p, NewError(KindUnavailable, fmt.Errorf("policy on profile sync: %w", err))
		}
	}
	p.Join, err = s.joining(ctx, c, in.Organization)
	return p, err
}

// joining returns the organization that the person may join: the one they land in, if it is the connection's own or switched the shared
// connection on. Auto-join of the connection acts for its own organization only.
func (s *Service) joining(ctx context.Context, c *Connection, organization string) (*provisioning.Organization, error) {
	own := organization == c.OrganizationID
	if organization == "" || s.cfg.Organizations == nil || !own && !(c.OrganizationID == "" && slices.Contains(c.Organizations, organization)) {
		return nil, nil
	}
	o, err := s.cfg.Organizations.Organization(ctx, organization)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, NewError(KindUnavailable, fmt.Errorf("organization %q: %w", organization, err))
	}
	join := *o
	join.AutoJoin = o.AutoJoin && (!own || c.AutoJoinOrganization)
	return &join, nil
}

// environmentDomains are the proven domains that count for linking: those that the environment proved or its authority vouches for.
// Entra's discovery alone is not enough, because an unmanaged tenant can come to hold a domain by email sign-up.
func (c *Connection) environmentDomains() []string {
	entras := map[string]bool{}
	for _, proof := range c.DomainProofs {
		entras[proof.Domain] = proof.By == ProofByEntra
	}
	return slices.DeleteFunc(c.ProvenDomains(), func(domain string) bool { return entras[domain] })
}

func storeError(err error) error {
	var refused *provisioning.Refused
	if errors.As(err, &refused) {
		return err
	}
	return NewError(KindUnavailable, err)
}
