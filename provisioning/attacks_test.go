package provisioning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Attacks on identity and linking that were published against other products, or that follow from how Entra works. "Refused" means
// that nobody is signed in and nothing is written.

// attempt is one sign-in that must not reach the victim.
func (b *bench) attempt(t *testing.T, p provisioning.Policy, id *claims.Identity) provisioning.Decision {
	t.Helper()
	before := b.all()
	u, d, err := b.Provision(t.Context(), p, id)
	if err != nil {
		var refused *provisioning.Refused
		require.ErrorAs(t, err, &refused)
		require.Nil(t, u)
		require.Equal(t, before, b.all(), "a refusal writes nothing")
		return d
	}
	for _, was := range before {
		require.NotEqual(t, was.ID, u.ID, "signed in as somebody who was there before")
		require.Contains(t, b.all(), was, "somebody else was changed")
	}
	return d
}

// nOAuth (Descope, 2023): any tenant's admin writes the victim's address into a user's mail attribute.
func TestAttackForeignTenantCarriesTheAddress(t *testing.T) {
	id := ann()
	id.TenantID, id.ObjectID = tenant2, oldOID
	for _, trust := range []bool{false, true} {
		b := newBench(t, local("victim", true))
		p := provisioning.Policy{ConnectionID: conn, TrustEmails: trust, CreateMissing: true, ProvenDomains: []string{"contoso.com"}}
		d := b.attempt(t, p, id)
		require.False(t, d.Confirmed)
		if trust {
			require.Equal(t, provisioning.ActionVerify, d.Action)
		}
	}
	// Nor where the victim signs in through the same multi-tenant connection.
	victim := local("victim", true)
	victim.Keys = []provisioning.Key{annKey()}
	b := newBench(t, victim)
	b.attempt(t, provisioning.Policy{ConnectionID: conn, TrustEmails: true, CreateMissing: true, ProvenDomains: []string{"contoso.com"}}, id)
}

// Zitadel CVE-2026-56666: trust is a switch of the connection, not evidence for an address.
func TestAttackTrustWithoutEvidence(t *testing.T) {
	b := newBench(t, local("victim", true))
	p := jit()
	p.TrustEmails = true
	require.Equal(t, provisioning.ReasonEvidenceMissing, b.attempt(t, p, ann()).Reason)
}

// PocketBase CVE-2026-44166: an attacker registers the address before its owner comes, and waits for the link.
func TestAttackPreRegisteredAccount(t *testing.T) {
	b := newBench(t, local("attacker's", false))
	p := jit()
	p.TrustEmails = true
	d := b.attempt(t, p, proven(ann()))
	require.Equal(t, provisioning.ActionCreate, d.Action)
	require.Equal(t, provisioning.ReasonAddressUnverified, d.Reason)
}

// Grafana CVE-2022-31107: a user name equal to somebody's address or name is no match.
func TestAttackUsernameOfAnotherUser(t *testing.T) {
	b := newBench(t, local("victim", true))
	p := jit()
	p.TrustEmails, p.ProvenDomains = true, []string{"contoso.com"}
	id := proven(ann())
	id.Username, id.Email.Address = annMail, "eve@contoso.com"
	require.Equal(t, provisioning.ActionCreate, b.attempt(t, p, id).Action)
}

// Keycloak CVE-2026-9087: a key belongs to its connection.
func TestAttackKeyOnAnotherConnection(t *testing.T) {
	victim := local("victim", true)
	victim.Keys = []provisioning.Key{annKey()}
	b := newBench(t, victim)
	p := jit()
	p.ConnectionID, p.TrustEmails = elsewhere, true
	require.Equal(t, provisioning.ReasonOtherConnection, b.attempt(t, p, proven(ann())).Reason)
}

// A recycled address: somebody left, somebody new has the address, and it is proven.
func TestAttackRecycledAddress(t *testing.T) {
	old := local("old", true)
	old.Keys = []provisioning.Key{{conn, tenant, oldOID}}
	p := jit()
	p.TrustEmails, p.ProvenDomains = true, []string{"contoso.com"}
	for _, id := range []*claims.Identity{ann(), proven(ann())} {
		require.Equal(t, provisioning.ReasonIdentityConflict, newBench(t, old).attempt(t, p, id).Reason)
	}
	// Across two connections that are both trusted it is a second person with a user of their own.
	p.ConnectionID = elsewhere
	require.Equal(t, provisioning.ActionCreate, newBench(t, old).attempt(t, p, proven(ann())).Action)
}

// A record waits for one person. Whoever else comes with its address is refused, and the record stays as it is.
func TestAttackPendingRecord(t *testing.T) {
	record := func(change ...func(*provisioning.Pending)) *provisioning.User {
		return &provisioning.User{ID: "imported", Profile: provisioning.Profile{Email: annMail}, Pending: []provisioning.Pending{pending(change...)}}
	}
	kind := func(k claims.Kind) *claims.Identity {
		id := proven(ann())
		id.Kind = k
		return id
	}
	foreign := ann()
	foreign.TenantID, foreign.ObjectID = tenant2, oldOID
	multi := jit()
	multi.SingleTenant = false
	lost := ann()
	lost.ObjectID = oldOID

	for name, c := range map[string]struct {
		policy provisioning.Policy
		user   *provisioning.User
		id     *claims.Identity
		want   provisioning.Reason
	}{
		"a guest":                        {jit(), record(byAddress), kind(claims.KindGuest), "pending_not_member"},
		"an unknown kind":                {jit(), record(byAddress), kind(claims.KindUnknown), "pending_not_member"},
		"a personal account":             {jit(), record(byAddress), kind(claims.KindPersonal), "pending_not_member"},
		"an external account":            {jit(), record(byAddress), kind(claims.KindExternal), "pending_not_member"},
		"mail set at will":               {multi, record(byAddress, func(p *provisioning.Pending) { p.TenantID = "" }), foreign, "pending_unproven"},
		"a user name mapped at will":     {multi, record(byUPN, func(p *provisioning.Pending) { p.TenantID = "" }), foreign, "pending_unproven"},
		"after it expired":               {jit(), record(byAddress, expired), ann(), "pending_expired"},
		"after the tenant changed":       {jit(), record(byAddress), foreign, "pending_tenant"},
		"another object id, same mail":   {jit(), record(byAddress, byObject), lost, "identity_conflict"},
		"an object id in another tenant": {multi, record(byObject, func(p *provisioning.Pending) { p.TenantID = tenant2 }), ann(), "pending_tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newBench(t, c.user).attempt(t, c.policy, c.id)
			require.Equal(t, provisioning.ActionRefuse, d.Action)
			require.Equal(t, c.want, d.Reason)
		})
	}
}

// A record is used once: the second person with its address is a stranger.
func TestAttackPendingRecordTwice(t *testing.T) {
	b := newBench(t, &provisioning.User{ID: "imported", Pending: []provisioning.Pending{pending(byAddress)}, Profile: provisioning.Profile{Email: annMail}})
	_, d, err := b.Provision(t.Context(), jit(), ann())
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionLink, d.Action)
	other := ann()
	other.ObjectID = oldOID
	require.Equal(t, provisioning.ReasonIdentityConflict, b.attempt(t, jit(), other).Reason)
}

// A new user with an unproven address: displayed, and good for nothing else.
func TestAttackUnprovenAddress(t *testing.T) {
	b := newBench(t)
	p := jit()
	p.SyncProfile = true
	p.Join = &provisioning.Organization{ID: "org", AutoJoin: true, AllowedDomains: []string{"contoso.com"}}
	u, d, err := b.Provision(t.Context(), p, ann())
	require.NoError(t, err)
	require.False(t, d.Confirmed)
	require.Empty(t, d.Joined)
	require.Empty(t, u.Organizations)
	require.False(t, u.Profile.EmailVerified)

	verified := u.Clone()
	verified.Profile.Email, verified.Profile.EmailVerified = "ann@private.example", true
	require.NoError(t, b.users.Load(verified))
	u, d, err = b.Provision(t.Context(), p, ann())
	require.NoError(t, err)
	require.Equal(t, "ann@private.example", u.Profile.Email)
	require.True(t, u.Profile.EmailVerified)
	require.Empty(t, d.Changed)
}

// Guests, personal accounts (which keep the work address of somebody who left), External ID and AD FS carry a member's address, with
// whatever the token claims to prove, or a member's key.
func TestAttackOtherKindsOfAccount(t *testing.T) {
	adfs := &claims.Identity{
		Kind: claims.KindExternal, Issuer: "http://adfs.evil.example/trust", Subject: annOID,
		Email: claims.Email{Address: annMail, Evidence: []claims.Evidence{claims.EvidenceDomainOwnerVerified}},
	}
	member := local("member", true)
	member.Keys = []provisioning.Key{annKey()}
	for _, id := range []*claims.Identity{adfs, kindOf(claims.KindGuest), kindOf(claims.KindPersonal), kindOf(claims.KindExternal), kindOf(claims.KindUnknown)} {
		for _, victim := range []*provisioning.User{local("account", true), member} {
			p := jit()
			p.TrustEmails, p.ProvenDomains = true, []string{"contoso.com"}
			p.Now = time.Time{}
			d := newBench(t, victim).attempt(t, p, id)
			require.NotEqual(t, provisioning.ActionLink, d.Action, "%v", id.Kind)
			require.NotContains(t, d.Evidence, claims.EvidenceProvenDomain)
		}
	}
	forged := *adfs
	forged.Issuer, forged.Subject = tenant, annOID
	b := newBench(t, member)
	require.Equal(t, provisioning.ReasonNoKey, b.attempt(t, jit(), &forged).Reason)
}

// kindOf is an account of another kind, with an object id of its own and a proven address.
func kindOf(k claims.Kind) *claims.Identity {
	id := proven(ann())
	id.Kind, id.ObjectID = k, oldOID
	return id
}
