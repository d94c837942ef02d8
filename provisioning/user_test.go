package provisioning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestChangeCheck(t *testing.T) {
	waits := func(change func(*provisioning.Pending)) provisioning.Change {
		return provisioning.Change{Pending: &[]provisioning.Pending{pending(byAddress), pending(byObject, change)}}
	}
	groups := []claims.Group{}
	good := waits(func(*provisioning.Pending) {})
	good.AddKeys = []provisioning.Key{annKey(), {elsewhere, tenant, annOID}, provisioning.ImportKey("csv", "1"), provisioning.ImportKey("csv", "2")}
	good.Groups, good.GroupsAt, good.Join = &groups, now, []string{"org"}
	require.NoError(t, good.Check())
	require.NoError(t, provisioning.Change{}.Check())

	for name, c := range map[string]provisioning.Change{
		"key without a subject":         {AddKeys: []provisioning.Key{{conn, tenant, ""}}},
		"key for looking up":            {AddKeys: []provisioning.Key{provisioning.PendingKey(conn, annOID)}},
		"two keys of a connection":      {AddKeys: []provisioning.Key{annKey(), {elsewhere, tenant, annOID}, {conn, tenant, oldOID}}},
		"pending without a connection":  waits(func(p *provisioning.Pending) { p.ConnectionID = "" }),
		"pending that names nobody":     waits(func(p *provisioning.Pending) { p.ObjectID = "" }),
		"pending that does not expire":  waits(func(p *provisioning.Pending) { p.Expires = time.Time{} }),
		"pending with a bad object id":  waits(func(p *provisioning.Pending) { p.ObjectID = "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA" }),
		"pending with a tenant by name": waits(func(p *provisioning.Pending) { p.TenantID = "contoso.com" }),
		"pending with a bad address":    waits(func(p *provisioning.Pending) { p.Address = "ann@evil@contoso.com" }),
		"groups without a time":         {Groups: &groups},
		"organization without an id":    {Join: []string{"org", ""}},
	} {
		require.ErrorContains(t, c.Check(), "invalid change", name)
	}
}

func TestUserClone(t *testing.T) {
	fresh := func() *provisioning.User {
		return &provisioning.User{
			ID: "u", Keys: []provisioning.Key{annKey()}, Pending: []provisioning.Pending{pending(byUPN)},
			Profile:       provisioning.Profile{Extended: map[string]any{"a": []any{map[string]any{"b": "c"}}, "d": []string{"e"}}},
			Groups:        []claims.Group{{ID: "g"}},
			Organizations: []string{"org"},
		}
	}
	u := fresh()
	c := u.Clone()
	require.Equal(t, u, c)
	c.Keys[0].Subject, c.Pending[0].Address, c.Groups[0].ID, c.Organizations[0] = "", "", "", ""
	c.Profile.Extended["a"].([]any)[0].(map[string]any)["b"] = "spoiled"
	c.Profile.Extended["d"].([]string)[0] = "spoiled"
	require.Equal(t, fresh(), u)
	require.Nil(t, (&provisioning.User{}).Clone().Profile.Extended)
}
