package provisioning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// member is in Contoso's organization only, with an address of Contoso's.
func member(id string, more ...string) *provisioning.User {
	u := holds(id)
	u.Groups, u.GroupsAt, u.Roles = nil, time.Time{}, nil
	u.Organizations = append([]string{"org_contoso"}, more...)
	return u
}

func forAnn(user string, change ...func(*provisioning.Pending)) provisioning.Assignment {
	return provisioning.Assignment{UserID: user, Wait: pending(append([]func(*provisioning.Pending){byObject}, change...)...)}
}

// Assigning a connection lets whoever is named be the user from their first sign-in on, without any trust in addresses.
func TestAssign(t *testing.T) {
	d := newDesk(t, member("ann"))
	as := provisioning.Assignment{UserID: "ann", Wait: provisioning.Pending{ConnectionID: conn, TenantID: tenant, ObjectID: annOID}}
	before := d.all()
	changed, err := d.Assign(t.Context(), lookOnly, as)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, before, d.all())
	require.Empty(t, d.audits)

	changed, err = d.Assign(t.Context(), operator, as)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, now.Add(provisioning.DefaultPendingLifetime), d.user(t, "ann").Pending[0].Expires)
	require.Equal(t, []provisioning.Audit{{Event: provisioning.EventAssigned, Time: now, UserID: "ann", ConnectionID: conn, Key: annKey(), Actor: operator.By, Note: "ticket 7"}}, d.audits)

	changed, err = d.Assign(t.Context(), operator, as)
	require.NoError(t, err)
	require.False(t, changed, "it waits already")
	later := as
	later.Wait.Expires = now.Add(time.Hour)
	changed, err = d.Assign(t.Context(), operator, later)
	require.NoError(t, err)
	require.True(t, changed, "another expiry was asked for")
	require.Len(t, d.user(t, "ann").Pending, 1, "an assignment takes the place of the last")

	u, decision, err := d.Provision(t.Context(), provisioning.Policy{ConnectionID: conn, SingleTenant: true}, ann())
	require.NoError(t, err)
	require.Equal(t, "ann", u.ID)
	require.Equal(t, provisioning.ReasonPendingObjectID, decision.Reason)

	changed, err = d.Assign(t.Context(), operator, as)
	require.NoError(t, err)
	require.False(t, changed, "the user holds it")
}

func TestAssignRefuses(t *testing.T) {
	admin := provisioning.Order{By: provisioning.Actor{Organization: "org_contoso", Name: "ada"}}
	evil := provisioning.Order{By: provisioning.Actor{Organization: "org_evil", Name: "mallory"}}
	emergency, waits, stranger := member("emergency"), member("waits"), member("stranger", "org_other")
	emergency.Emergency = true
	waits.Pending = []provisioning.Pending{pending(byObject), pending(byUPN, func(p *provisioning.Pending) { p.ConnectionID = elsewhere })}
	moved := member("moved")
	moved.Profile.Email = "moved@gmail.com"
	outsider := member("outsider")
	outsider.Organizations = nil
	local := func(p *provisioning.Pending) { p.ObjectID = "dddddddd-dddd-4ddd-8ddd-dddddddddddd" }
	at := func(address string) func(*provisioning.Pending) {
		return func(p *provisioning.Pending) { p.ObjectID, p.Address = "", address }
	}
	for name, c := range map[string]struct {
		order provisioning.Order
		as    provisioning.Assignment
		want  error
	}{
		"nobody":                       {provisioning.Order{}, forAnn("ann", local), provisioning.ErrNotAllowed},
		"another organization's admin": {evil, forAnn("ann", local), provisioning.ErrNotFound},
		"a user of two organizations":  {admin, forAnn("stranger", local), provisioning.ErrNotAllowed},
		"a user of none":               {admin, forAnn("outsider", local), provisioning.ErrNotFound},
		"an address elsewhere":         {admin, forAnn("moved", local), provisioning.ErrNotAllowed},
		"a record's address elsewhere": {admin, forAnn("ann", at("ann@gmail.com")), provisioning.ErrNotAllowed},
		"no such user":                 {operator, forAnn("zoe", local), provisioning.ErrNotFound},
		"an emergency user":            {operator, forAnn("emergency", local), provisioning.ErrEmergency},
		"another holds it":             {operator, forAnn("ann", func(p *provisioning.Pending) { p.ObjectID = oldOID }), provisioning.ErrTaken},
		"another waits for it":         {operator, forAnn("ann"), provisioning.ErrTaken},
		"another waits by address": {operator, forAnn("ann", func(p *provisioning.Pending) {
			p.ConnectionID, p.ObjectID, p.Address = elsewhere, "", annUPN
		}), provisioning.ErrTaken},
		"another identity of the connection": {operator, forAnn("bob", local), provisioning.ErrIdentityConflict},
		"a second identity by address": {operator, forAnn("bob", func(p *provisioning.Pending) {
			p.ConnectionID, p.ObjectID, p.Address = "con_third", "", "bob@contoso.com"
		}), provisioning.ErrIdentityConflict},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, member("ann"), holds("bob", oldKey()), emergency, waits, stranger, moved, outsider)
			before := d.all()
			c.as.ProvenDomains = []string{"contoso.com"}
			changed, err := d.Assign(t.Context(), c.order, c.as)
			require.False(t, changed)
			d.refused(t, before, c.want, err)
		})
	}
	d := newDesk(t, member("ann"))
	as := forAnn("ann")
	_, err := d.Assign(t.Context(), admin, as)
	require.ErrorIs(t, err, provisioning.ErrNotAllowed, "no domain is proven")
	as.ProvenDomains = []string{"contoso.com"}
	changed, err := d.Assign(t.Context(), admin, as)
	require.NoError(t, err)
	require.True(t, changed, "their own, in a proven domain")
	_, err = d.Assign(t.Context(), operator, provisioning.Assignment{UserID: "ann", Wait: provisioning.Pending{ConnectionID: conn}})
	var refused *provisioning.ActError
	require.ErrorAs(t, err, &refused, "it could match everybody")
}

func TestDropPending(t *testing.T) {
	both := member("both")
	both.Pending = []provisioning.Pending{pending(byObject), pending(byUPN, func(p *provisioning.Pending) { p.ConnectionID = elsewhere })}
	other := member("other")
	other.Pending = []provisioning.Pending{pending(byAddress)}
	d := newDesk(t, both, other, holds("bob", oldKey()), member("idle"))
	before := d.all()
	admin := provisioning.Order{By: provisioning.Actor{Organization: "org_contoso"}}
	_, err := d.DropPending(t.Context(), admin, "both", conn)
	d.refused(t, before, provisioning.ErrNotAllowed, err)
	n, err := d.DropAllPending(t.Context(), lookOnly, conn)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, before, d.all())

	d.audits = nil
	n, err = d.DropAllPending(t.Context(), operator, conn)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, d.audits, 2)
	require.Equal(t, provisioning.EventDropped, d.audits[0].Event)
	require.Equal(t, both.Pending[1:], d.user(t, "both").Pending, "of the other connection")
	require.Empty(t, d.user(t, "other").Pending)
	require.Equal(t, []provisioning.Key{oldKey()}, d.user(t, "bob").Keys)
	n, err = d.DropAllPending(t.Context(), operator, conn)
	require.NoError(t, err)
	require.Zero(t, n)

	_, err = d.DropPending(t.Context(), operator, "both", "")
	require.Error(t, err, "of all connections at once nobody means")
	_, err = d.DropAllPending(t.Context(), operator, "")
	require.Error(t, err)
	require.Equal(t, both.Pending[1:], d.user(t, "both").Pending)
	changed, err := d.DropPending(t.Context(), operator, "both", both.Pending[1].ConnectionID)
	require.NoError(t, err)
	require.True(t, changed)
	require.Empty(t, d.user(t, "both").Pending)
}
