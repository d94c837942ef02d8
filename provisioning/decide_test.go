package provisioning_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// The people, places and times of these tests.
const (
	conn      = "con_contoso"
	elsewhere = "con_fabrikam"
	tenant    = "11111111-1111-4111-8111-111111111111"
	tenant2   = "22222222-2222-4222-8222-222222222222"
	annOID    = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	oldOID    = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	annMail   = "Ann.Lee@contoso.com"
	annUPN    = "ann@corp.contoso.com"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func annKey() provisioning.Key { return provisioning.Key{conn, tenant, annOID} }

// ann is a member with an unproven address.
func ann() *claims.Identity {
	return &claims.Identity{
		Issuer: "https://login.microsoftonline.com/" + tenant + "/v2.0", Subject: "pairwise",
		TenantID: tenant, ObjectID: annOID, Kind: claims.KindMember,
		Username: annUPN, GivenName: "Ann", FamilyName: "Lee",
		Email: claims.Email{Address: annMail},
	}
}

func proven(id *claims.Identity) *claims.Identity {
	id.Email.Evidence = []claims.Evidence{claims.EvidenceDomainOwnerVerified}
	return id
}

func pinned() provisioning.Policy {
	return provisioning.Policy{ConnectionID: conn, SingleTenant: true, Now: now}
}

func pending(change ...func(*provisioning.Pending)) provisioning.Pending {
	p := provisioning.Pending{ConnectionID: conn, TenantID: tenant, Expires: now.Add(time.Hour)}
	for _, f := range change {
		f(&p)
	}
	return p
}

func byObject(p *provisioning.Pending)  { p.ObjectID = annOID }
func byUPN(p *provisioning.Pending)     { p.Address = "ANN@corp.contoso.com" }
func byAddress(p *provisioning.Pending) { p.Address = "ann.lee@CONTOSO.com" }

// local is a user of the host's own, with the token's address.
func local(id string, verified bool) *provisioning.User {
	return &provisioning.User{ID: id, Version: "1", Profile: provisioning.Profile{Email: "ann.lee@Contoso.com", EmailVerified: verified}}
}

// row is one case of the table.
type row struct {
	known     bool
	record    string // "", "object id", "upn", "address": what the pending identity of user "record" names
	state     string // of the record: "good", "no tenant", "other tenant", "expired"
	kind      claims.Kind
	token     bool // the token carries evidence
	pinned    bool // to one tenant
	domain    bool // the address's domain is proven for the connection
	trust     bool
	jit       bool
	suspended bool   // every user there is
	taken     string // who has the address: "", "verified", "unverified", "this connection", "other connection", "emergency", "record"
}

func rows(yield func(row)) {
	bools := []bool{false, true}
	kinds := []claims.Kind{claims.KindUnknown, claims.KindMember, claims.KindGuest, claims.KindPersonal, claims.KindExternal}
	for _, record := range []string{"", "object id", "upn", "address"} {
		for _, state := range []string{"good", "no tenant", "other tenant", "expired"} {
			for _, taken := range []string{"", "verified", "unverified", "this connection", "other connection", "emergency", "record"} {
				if record == "" && (state != "good" || taken == "record") {
					continue
				}
				for _, kind := range kinds {
					for bits := range 1 << 7 {
						b := func(i int) bool { return bools[bits>>i&1] }
						yield(row{b(0), record, state, kind, b(1), b(2), b(3), b(4), b(5), b(6), taken})
					}
				}
			}
		}
	}
}

// want is what the written rules say of a row.
func (r row) want() (provisioning.Action, provisioning.Reason) {
	member := r.kind == claims.KindMember
	evidence := r.token && r.kind != claims.KindExternal || r.pinned && r.domain && member
	tenantFits := r.state != "other tenant"
	inTime := r.state != "expired"
	enough := map[string]bool{ // what a record needs beside a member, the tenant and the time
		"object id": true,
		"upn":       r.state != "no tenant",
		"address":   r.pinned && r.state != "no tenant" || evidence,
	}[r.record]
	linkable := r.taken == "verified" || r.taken == "emergency" || r.taken == "record"

	type rule struct {
		when   bool
		action provisioning.Action
		reason provisioning.Reason
	}
	for _, rule := range []rule{
		{r.known && r.suspended, provisioning.ActionRefuse, "suspended"},
		{r.known, provisioning.ActionSignIn, "key_known"},

		{r.record != "" && member && tenantFits && inTime && enough && r.suspended, provisioning.ActionRefuse, "suspended"},
		{r.record == "object id" && member && tenantFits && inTime && enough, provisioning.ActionLink, "pending_object_id"},
		{r.record == "upn" && member && tenantFits && inTime && enough, provisioning.ActionLink, "pending_upn"},
		{r.record == "address" && member && tenantFits && inTime && enough, provisioning.ActionLink, "pending_address"},

		{r.taken == "this connection", provisioning.ActionRefuse, "identity_conflict"},

		{r.trust && r.taken == "emergency", provisioning.ActionRefuse, "emergency"},
		{r.trust && linkable && r.suspended, provisioning.ActionRefuse, "suspended"},
		{r.trust && linkable && evidence && member, provisioning.ActionLink, "trusted_address"},
		{r.trust && linkable, provisioning.ActionVerify, "evidence_missing"},

		{r.record != "" && !member, provisioning.ActionRefuse, "pending_not_member"},
		{r.record != "" && !tenantFits, provisioning.ActionRefuse, "pending_tenant"},
		{r.record != "" && !inTime, provisioning.ActionRefuse, "pending_expired"},
		{r.record != "", provisioning.ActionRefuse, "pending_unproven"},

		{!r.jit, provisioning.ActionRefuse, "no_account"},
		{linkable, provisioning.ActionCreate, "not_trusted"},
		{r.taken == "unverified", provisioning.ActionCreate, "address_unverified"},
		{r.taken == "other connection", provisioning.ActionCreate, "other_connection"},
	} {
		if rule.when {
			return rule.action, rule.reason
		}
	}
	return provisioning.ActionCreate, "new_person"
}

// build makes the arguments of Decide for a row, the way a store would answer.
func (r row) build() (p provisioning.Policy, id *claims.Identity, byKey *provisioning.User, byEmail []*provisioning.User) {
	p = provisioning.Policy{ConnectionID: conn, SingleTenant: r.pinned, TrustEmails: r.trust, CreateMissing: r.jit, Now: now}
	if r.domain {
		p.ProvenDomains = []string{"fabrikam.example", "contoso.com"}
	}
	id = ann()
	id.Kind = r.kind
	if r.token {
		id = proven(id)
	}
	switch r.taken {
	case "verified", "unverified", "emergency":
		u := local("local", r.taken != "unverified")
		u.Emergency = r.taken == "emergency"
		byEmail = append(byEmail, u)
	case "this connection":
		u := local("colleague", true)
		u.Keys = []provisioning.Key{{conn, tenant, oldOID}}
		byEmail = append(byEmail, u)
	case "other connection":
		u := local("profile 2", true)
		u.Keys = []provisioning.Key{{elsewhere, tenant, annOID}}
		byEmail = append(byEmail, u)
	}
	if r.record != "" {
		u := &provisioning.User{ID: "record", Profile: provisioning.Profile{Email: "ann@old.example", EmailVerified: true}}
		if r.taken == "record" {
			u = local("record", true)
		}
		names := map[string]func(*provisioning.Pending){"object id": byObject, "upn": byUPN, "address": byAddress}[r.record]
		u.Pending = []provisioning.Pending{pending(names, func(q *provisioning.Pending) {
			switch r.state {
			case "no tenant":
				q.TenantID = ""
			case "other tenant":
				q.TenantID = tenant2
			case "expired":
				q.Expires = now
			}
		})}
		if r.record == "object id" && r.kind == claims.KindMember { // the provisioner asks for members only
			byKey = u
		} else {
			byEmail = append(byEmail, u)
		}
	}
	if r.known {
		byKey = &provisioning.User{ID: "known", Keys: []provisioning.Key{annKey()}}
	}
	for _, u := range append([]*provisioning.User{byKey}, byEmail...) {
		if u != nil {
			u.Suspended = r.suspended
		}
	}
	return p, id, byKey, byEmail
}

func TestDecideTable(t *testing.T) {
	seen := map[provisioning.Reason]int{}
	n := 0
	rows(func(r row) {
		action, reason := r.want()
		d := provisioning.Decide(r.build())
		if d.Action != action || d.Reason != reason {
			require.Failf(t, "wrong decision", "%+v\nwant %v %s\ngot  %v %s", r, action, reason, d.Action, d.Reason)
		}
		r.holdsAlways(t, d)
		seen[reason]++
		n++
	})
	t.Logf("%d rows: %v", n, seen)
	require.Len(t, seen, 18, "each reason that the table can reach is reached")
}

// holdsAlways are the promises that no rule may break, checked on every row.
func (r row) holdsAlways(t *testing.T, d provisioning.Decision) {
	t.Helper()
	bad := func(what string) { require.Failf(t, what, "%+v\n%+v", r, d) }
	switch d.Action {
	case provisioning.ActionSignIn:
		if !r.known || d.UserID != "known" {
			bad("signed in without holding the key")
		}
	case provisioning.ActionLink:
		if r.kind != claims.KindMember {
			bad("linked an account that is no member's")
		}
		if d.UserID != "record" && !(r.trust && r.taken == "verified" && len(d.Evidence) > 0) {
			bad("linked by address without trust, evidence and a verified local address")
		}
	case provisioning.ActionCreate:
		if !r.jit || d.UserID != "" {
			bad("created although the connection does not")
		}
	}
	if (d.Action == provisioning.ActionSignIn || d.Action == provisioning.ActionLink) && r.suspended {
		bad("let a suspended user in")
	}
	if d.Action == provisioning.ActionCreate && d.Confirmed != (len(d.Evidence) > 0) {
		bad("a new user's address is confirmed by evidence only")
	}
	if d.Reason.Explain() == string(d.Reason) {
		bad("a reason without an explanation")
	}
}

func TestDecideEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		policy   func(*provisioning.Policy)
		identity func(*claims.Identity)
		want     []claims.Evidence
	}{
		"none":          {},
		"token":         {identity: func(id *claims.Identity) { proven(id) }, want: []claims.Evidence{"xms_edov"}},
		"primary":       {identity: func(id *claims.Identity) { id.Email.Evidence = []claims.Evidence{"verified_primary_email"} }, want: []claims.Evidence{"verified_primary_email"}},
		"proven domain": {policy: func(p *provisioning.Policy) { p.ProvenDomains = []string{"contoso.com"} }, want: []claims.Evidence{"proven_domain"}},
		"parent domain": {policy: func(p *provisioning.Policy) { p.ProvenDomains = []string{"com", "toso.com", "corp.contoso.com"} }},
		"claimed by the token": {identity: func(id *claims.Identity) {
			id.Email.Evidence = []claims.Evidence{"proven_domain", "mailed_code", "trust me"}
		}},
		"external":       {identity: func(id *claims.Identity) { proven(id).Kind = claims.KindExternal }},
		"not an address": {identity: func(id *claims.Identity) { proven(id).Email.Address = "evil@evil.example@contoso.com" }, policy: func(p *provisioning.Policy) { p.ProvenDomains = []string{"contoso.com"} }},
		"multi-tenant":   {policy: func(p *provisioning.Policy) { p.ProvenDomains, p.SingleTenant = []string{"contoso.com"}, false }},
		"guest at home":  {policy: func(p *provisioning.Policy) { p.ProvenDomains = []string{"contoso.com"} }, identity: func(id *claims.Identity) { id.Kind = claims.KindGuest }},
		"mailed code":    {policy: func(p *provisioning.Policy) { p.VerifiedAddress = "ANN.LEE@contoso.com" }, want: []claims.Evidence{"mailed_code"}},
		"other mailbox":  {policy: func(p *provisioning.Policy) { p.VerifiedAddress = "eve@contoso.com" }},
		"no address":     {policy: func(p *provisioning.Policy) { p.VerifiedAddress = "" }, identity: func(id *claims.Identity) { proven(id).Email.Address = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			p, id := pinned(), ann()
			if c.policy != nil {
				c.policy(&p)
			}
			if c.identity != nil {
				c.identity(id)
			}
			p.CreateMissing = true
			d := provisioning.Decide(p, id, nil, nil)
			require.Equal(t, c.want, d.Evidence)
			require.Equal(t, len(c.want) > 0, d.Confirmed)
		})
	}
}

func TestDecideConfirmed(t *testing.T) {
	known := local("u", true)
	known.Keys = []provisioning.Key{annKey()}
	require.True(t, provisioning.Decide(pinned(), ann(), known, nil).Confirmed, "the user has verified the very address")
	known.Profile.EmailVerified = false
	require.False(t, provisioning.Decide(pinned(), ann(), known, nil).Confirmed)
	known.Profile = provisioning.Profile{Email: "ann@private.example", EmailVerified: true}
	require.False(t, provisioning.Decide(pinned(), ann(), known, nil).Confirmed, "another address proves nothing about this one")

	p := pinned()
	p.TrustEmails = true
	d := provisioning.Decide(p, ann(), nil, []*provisioning.User{local("u", true)})
	require.Equal(t, provisioning.ActionVerify, d.Action)
	require.False(t, d.Confirmed)
}

func TestDecideSeveral(t *testing.T) {
	trusted := pinned()
	trusted.TrustEmails, trusted.CreateMissing = true, true
	with := func(id string, p ...provisioning.Pending) *provisioning.User {
		return &provisioning.User{ID: id, Pending: p}
	}
	both := with("a", pending(byUPN), pending(byAddress))
	other := ann()
	other.ObjectID = oldOID
	emergency, suspended, elsewhereToo := with("a", pending(byObject)), with("a", pending(byObject)), with("a", pending(byObject))
	emergency.Emergency, suspended.Suspended = true, true
	elsewhereToo.Keys = []provisioning.Key{{elsewhere, tenant2, oldOID}}
	imported := with("a", pending(byAddress))
	imported.Keys = []provisioning.Key{provisioning.ImportKey("kinde", "42")}
	held := with("a", pending(byAddress))
	held.Keys = []provisioning.Key{{conn, tenant, oldOID}}
	reassigned := with("a", pending(byObject))
	reassigned.Keys = held.Keys
	another := func(p *provisioning.Pending) { p.ConnectionID = elsewhere }
	waitsForOther, waitsToo := local("a", true), local("a", true)
	waitsForOther.Pending = []provisioning.Pending{pending(byAddress, func(p *provisioning.Pending) { p.ObjectID = oldOID })}
	waitsToo.Pending = []provisioning.Pending{pending(byUPN)}
	assigned := with("a", pending(byAddress))
	assigned.Keys = elsewhereToo.Keys

	for name, c := range map[string]struct {
		id      *claims.Identity
		byKey   *provisioning.User
		byEmail []*provisioning.User
		action  provisioning.Action
		reason  provisioning.Reason
		user    string
	}{
		"two records, two users":           {ann(), nil, []*provisioning.User{with("a", pending(byUPN)), with("b", pending(byAddress))}, provisioning.ActionRefuse, "ambiguous", ""},
		"two records, one expired":         {ann(), nil, []*provisioning.User{with("a", pending(byUPN, expired)), with("b", pending(byAddress))}, provisioning.ActionRefuse, "ambiguous", ""},
		"two records, one user":            {ann(), nil, []*provisioning.User{both}, provisioning.ActionLink, "pending_upn", "a"},
		"same user twice from the store":   {ann(), nil, []*provisioning.User{both, both}, provisioning.ActionLink, "pending_upn", "a"},
		"one address on two users":         {ann(), nil, []*provisioning.User{with("a", pending(byAddress)), with("b", pending(byAddress))}, provisioning.ActionRefuse, "ambiguous", ""},
		"object id before address":         {ann(), with("a", pending(byObject)), []*provisioning.User{with("b", pending(byUPN))}, provisioning.ActionLink, "pending_object_id", "a"},
		"expired object id before address": {ann(), with("a", pending(byObject, expired)), []*provisioning.User{with("b", pending(byUPN))}, provisioning.ActionRefuse, "pending_expired", "a"},
		"expired UPN, good address":        {ann(), nil, []*provisioning.User{with("a", pending(byUPN, expired), pending(byAddress))}, provisioning.ActionLink, "pending_address", "a"},
		"record of another object id":      {other, nil, []*provisioning.User{with("a", pending(byAddress, byObject))}, provisioning.ActionRefuse, "identity_conflict", "a"},
		"record of another connection":     {ann(), nil, []*provisioning.User{with("a", pending(byAddress, func(p *provisioning.Pending) { p.ConnectionID = elsewhere }))}, provisioning.ActionCreate, "new_person", ""},
		"record of an emergency user":      {ann(), emergency, nil, provisioning.ActionRefuse, "emergency", "a"},
		"record of a suspended user":       {ann(), suspended, nil, provisioning.ActionRefuse, "suspended", "a"},
		"user name, another connection":    {ann(), nil, []*provisioning.User{with("a", pending(byUPN, another))}, provisioning.ActionCreate, "new_person", ""},
		"object id, another connection":    {ann(), nil, []*provisioning.User{with("a", pending(byObject, another))}, provisioning.ActionCreate, "new_person", ""},
		"an expired record and a good one": {ann(), nil, []*provisioning.User{with("a", pending(byAddress, expired), pending(byAddress))}, provisioning.ActionLink, "pending_address", "a"},
		"object id, but a key here":        {ann(), reassigned, nil, provisioning.ActionRefuse, "identity_conflict", "a"},
		"trust does not pass by a record":  {proven(ann()), nil, []*provisioning.User{waitsForOther}, provisioning.ActionRefuse, "identity_conflict", "a"},
		"trust does not settle two":        {proven(ann()), nil, []*provisioning.User{waitsToo, with("b", pending(byAddress))}, provisioning.ActionRefuse, "ambiguous", ""},
		"import key is no identity":        {ann(), nil, []*provisioning.User{imported}, provisioning.ActionLink, "pending_address", "a"},
		"record of a user with a key here": {ann(), nil, []*provisioning.User{held}, provisioning.ActionRefuse, "identity_conflict", "a"},
		"second connection by object id":   {ann(), elsewhereToo, nil, provisioning.ActionLink, "pending_object_id", "a"},
		"second connection by address":     {ann(), nil, []*provisioning.User{assigned}, provisioning.ActionRefuse, "identity_conflict", "a"},
		"two verified local users":         {proven(ann()), nil, []*provisioning.User{local("a", true), local("b", true)}, provisioning.ActionRefuse, "ambiguous", ""},
		"two, and no evidence":             {ann(), nil, []*provisioning.User{local("a", true), local("b", true)}, provisioning.ActionRefuse, "ambiguous", ""},
		"a squatter does not disturb":      {proven(ann()), nil, []*provisioning.User{local("squatter", false), local("b", true)}, provisioning.ActionLink, "trusted_address", "b"},
		"store returned a stranger":        {ann(), local("stranger", true), nil, provisioning.ActionRefuse, "store_mismatch", ""},
		"store merged keys by case":        {ann(), &provisioning.User{ID: "x", Keys: []provisioning.Key{{"CON_CONTOSO", tenant, annOID}}}, nil, provisioning.ActionRefuse, "store_mismatch", ""},
		"holder found by address only":     {ann(), nil, []*provisioning.User{{ID: "raced", Keys: []provisioning.Key{annKey()}}}, provisioning.ActionSignIn, "key_known", "raced"},
		"nil users":                        {ann(), nil, []*provisioning.User{nil, nil}, provisioning.ActionCreate, "new_person", ""},
		"no identity":                      {nil, nil, nil, provisioning.ActionRefuse, "no_key", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := provisioning.Decide(trusted, c.id, c.byKey, c.byEmail)
			require.Equal(t, fmt.Sprint(c.action, " ", c.reason, " ", c.user), fmt.Sprint(d.Action, " ", d.Reason, " ", d.UserID))
		})
	}
}

func expired(p *provisioning.Pending) { p.Expires = now.Add(-time.Second) }

// Across the tenants of a multi-tenant connection an address counts only where both sides proved it: else a stranger could lock
// somebody out by writing their address into his own account first.
func TestDecideOtherTenantsAddress(t *testing.T) {
	for _, c := range []struct {
		theirs, ours, pinned bool
		want                 provisioning.Reason
	}{
		{false, false, false, "other_connection"},
		{true, false, false, "other_connection"},
		{false, true, false, "other_connection"},
		{true, true, false, "identity_conflict"},
		{false, false, true, "identity_conflict"}, // the connection moved to another tenant: both were its own
	} {
		u := local("u", c.theirs)
		u.Keys = []provisioning.Key{{conn, tenant2, oldOID}}
		id := ann()
		if c.ours {
			id = proven(id)
		}
		p := provisioning.Policy{ConnectionID: conn, CreateMissing: true, SingleTenant: c.pinned, Now: now}
		require.Equal(t, c.want, provisioning.Decide(p, id, nil, []*provisioning.User{u}).Reason, "%+v", c)
	}
}

// A token without an address matches no user without one.
func TestDecideNoAddress(t *testing.T) {
	id := ann()
	id.Email = claims.Email{}
	p := pinned()
	p.TrustEmails, p.CreateMissing = true, true
	for _, address := range []string{"", "not an address"} {
		u := local("u", true)
		u.Profile.Email = address
		require.Equal(t, provisioning.ReasonNewPerson, provisioning.Decide(p, id, nil, []*provisioning.User{u}).Reason)
	}
}

// On a multi-tenant connection a user name that is the proven address itself needs no recorded tenant.
func TestDecideProvenUsername(t *testing.T) {
	id := proven(ann())
	id.Username = annMail
	u := &provisioning.User{ID: "u", Pending: []provisioning.Pending{pending(byAddress, func(p *provisioning.Pending) { p.TenantID = "" })}}
	p := provisioning.Policy{ConnectionID: conn, Now: now}
	require.Equal(t, provisioning.ReasonPendingUPN, provisioning.Decide(p, id, nil, []*provisioning.User{u}).Reason)
	id.Email.Evidence = nil
	require.Equal(t, provisioning.ReasonPendingUnproven, provisioning.Decide(p, id, nil, []*provisioning.User{u}).Reason)
}

// A forgotten clock must not keep records alive.
func TestDecideWithoutClock(t *testing.T) {
	p := pinned()
	p.Now = time.Time{}
	u := &provisioning.User{ID: "u", Pending: []provisioning.Pending{pending(byObject)}}
	require.Equal(t, provisioning.ReasonPendingExpired, provisioning.Decide(p, ann(), u, nil).Reason)
}

// After ActionVerify the mailed code stands in for evidence, for any kind of account, on a trusted connection only.
func TestDecideMailedCode(t *testing.T) {
	id := ann()
	id.Kind = claims.KindGuest
	p := pinned()
	p.VerifiedAddress = annMail
	require.Equal(t, provisioning.ReasonNoAccount, provisioning.Decide(p, id, nil, []*provisioning.User{local("u", true)}).Reason)
	p.TrustEmails = true
	d := provisioning.Decide(p, id, nil, []*provisioning.User{local("u", true)})
	require.Equal(t, provisioning.ActionLink, d.Action)
	require.True(t, d.Confirmed)
	p.VerifiedAddress = "eve@contoso.com"
	require.Equal(t, provisioning.ActionVerify, provisioning.Decide(p, id, nil, []*provisioning.User{local("u", true)}).Action)
}
