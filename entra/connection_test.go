package entra_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// sound returns a connection in which Check finds nothing.
func sound(change ...func(*entra.Connection)) *entra.Connection {
	c := &entra.Connection{
		ID: "conn_1", Name: "contoso", Strategy: entra.OAuth2, Enabled: true, AllApplications: true, EntraDomain: "contoso.com",
		ClientID: clientID, ClientSecret: credential.NewSecret("s3cr3t~value"),
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// filled returns a connection with every exported field set to something that is not its zero value.
func filled(t *testing.T) *entra.Connection {
	t.Helper()
	c := &entra.Connection{}
	fill(t, reflect.ValueOf(c).Elem())
	return c
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch p := f.Addr().Interface().(type) {
		case *bool:
			*p = true
		case *[]string:
			*p = []string{name + " 1", name + " 2"}
		case *int:
			*p = 7
		case *time.Time:
			*p = time.Unix(1800000000, 0).UTC()
		case *entra.Strategy:
			*p = entra.WSFed
		case *credential.Secret:
			*p = credential.NewSecret("secret " + name)
		case *map[string]entra.UpstreamParam:
			*p = map[string]entra.UpstreamParam{"a": {Value: "x"}, "b": {Alias: "login_hint"}}
		case *[]entra.DomainProof:
			*p = []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven, By: "environment", At: time.Unix(1700000000, 0).UTC()}}
		case *map[string]json.RawMessage:
			*p = map[string]json.RawMessage{"x_" + name: json.RawMessage(`{"deep":[1,2.50]}`)}
		case *entra.GroupOptions, *entra.ProfileOptions:
			fill(t, f)
		default:
			require.Equal(t, reflect.String, f.Kind(), "field %s has a type that this test does not fill", name)
			f.SetString("value of " + name)
		}
	}
}

func TestCloneIsDeep(t *testing.T) {
	c := filled(t)
	require.NoError(t, json.Unmarshal([]byte(toJSON(t, c)), c)) // also what is kept unexported
	before := toJSON(t, c)
	clone := c.Clone()
	require.Equal(t, c, clone)
	scribble(reflect.ValueOf(clone).Elem())
	assert.Equal(t, before, toJSON(t, c))
	assert.Nil(t, (*entra.Connection)(nil).Clone())
}

// scribble overwrites whatever a value's slices and maps share.
func scribble(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch p := f.Addr().Interface().(type) {
		case *[]string:
			(*p)[0] = "scribbled"
		case *[]entra.DomainProof:
			(*p)[0].Domain = "scribbled"
		case *map[string]entra.UpstreamParam:
			clear(*p)
		case *map[string]json.RawMessage:
			for name := range *p {
				(*p)[name][0] = '['
			}
		}
	}
}

func TestDomains(t *testing.T) {
	c := &entra.Connection{
		HomeRealmDomains: []string{"@Contoso.com", "contoso.io.", "no domain", "CONTOSO.COM", "bücher.example", "lapsed.example"},
		DomainProofs: []entra.DomainProof{
			{Domain: "contoso.io", State: entra.DomainProven},
			{Domain: "contoso.com", State: entra.DomainPending},
			{Domain: "lapsed.example", State: entra.DomainLapsed},
			{Domain: "gone.example", State: entra.DomainProven},
			{Domain: "xn--bcher-kva.example", State: "PROVEN"},
		},
	}
	assert.Equal(t, []string{"contoso.com", "contoso.io", "xn--bcher-kva.example", "lapsed.example"}, c.Domains())
	assert.Equal(t, []string{"contoso.io"}, c.ProvenDomains())
	assert.Empty(t, (&entra.Connection{}).ProvenDomains())
}

func TestTenantAndAdmittedTenants(t *testing.T) {
	const guid, other = contosoTenant, "22222222-2222-4222-8222-222222222222"
	tests := map[string]struct {
		c        entra.Connection
		tenant   string
		admitted []string
	}{
		"pinned":                      {entra.Connection{EntraDomain: "contoso.com", TenantID: guid}, guid, []string{guid}},
		"domain":                      {entra.Connection{EntraDomain: "Contoso.COM."}, "contoso.com", nil},
		"GUID, as typed":              {entra.Connection{EntraDomain: "AAAAAAAA-1111-4111-8111-111111111111"}, "aaaaaaaa-1111-4111-8111-111111111111", []string{"aaaaaaaa-1111-4111-8111-111111111111"}},
		"nothing":                     {entra.Connection{}, "", nil},
		"path":                        {entra.Connection{EntraDomain: "a/../b"}, "", nil},
		"common as a domain":          {entra.Connection{EntraDomain: "common"}, "", nil},
		"list without the endpoint":   {entra.Connection{TenantID: guid, AllowedTenants: []string{other}}, guid, []string{guid}},
		"any without the endpoint":    {entra.Connection{TenantID: guid, AnyTenant: true}, guid, []string{guid}},
		"common, list":                {entra.Connection{UseCommonEndpoint: true, TenantID: guid, AllowedTenants: []string{other}}, "organizations", []string{other}},
		"common, list with consumers": {entra.Connection{UseCommonEndpoint: true, AllowedTenants: []string{other, cloud.Consumers}}, "common", []string{other, cloud.Consumers}},
		"common, any":                 {entra.Connection{UseCommonEndpoint: true, TenantID: guid, AnyTenant: true}, "organizations", nil},
		"common, an export":           {entra.Connection{UseCommonEndpoint: true, EntraDomain: "contoso.com", TenantID: guid}, "organizations", []string{guid}},
		"common, not resolved yet":    {entra.Connection{UseCommonEndpoint: true, EntraDomain: "contoso.com"}, "organizations", nil},
		"common, WS-Federation":       {entra.Connection{Strategy: entra.WSFed, UseCommonEndpoint: true, AllowedTenants: []string{other}}, "common", []string{other}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.tenant, test.c.Tenant())
			assert.Equal(t, test.admitted, test.c.AdmittedTenants())
		})
	}
}

// TestEnabledFor goes through every combination of the switch, the level, what is listed, and what is asked.
func TestEnabledFor(t *testing.T) {
	type asked struct {
		application, organization string
		byHomeRealm               bool
	}
	levels := map[string]func(*entra.Connection){
		"environment": func(*entra.Connection) {},
		"shared":      func(c *entra.Connection) { c.Organizations = []string{"org"} },
		"own":         func(c *entra.Connection) { c.OrganizationID = "org" },
	}
	listings := map[string]func(*entra.Connection){
		"none": func(*entra.Connection) {},
		"app":  func(c *entra.Connection) { c.EnabledApplications = []string{"app"} },
		"all":  func(c *entra.Connection) { c.AllApplications = true },
	}
	// What is on, by level and listing; everything else is off. "*" stands for any application or organization, none included.
	on := map[string][]asked{
		"environment none": {},
		"environment app":  {{"app", "*", false}, {"app", "*", true}},
		"environment all":  {{"*", "*", false}, {"*", "*", true}},
		"shared none":      {{"*", "org", false}, {"*", "org", true}},
		"shared app":       {{"app", "*", false}, {"app", "*", true}, {"*", "org", true}},
		"shared all":       {{"*", "*", false}, {"*", "*", true}},
		"own none":         {{"*", "org", false}, {"*", "*", true}},
		"own app":          {{"app", "org", false}, {"*", "*", true}},
		"own all":          {{"*", "org", false}, {"*", "*", true}},
	}
	for level, setLevel := range levels {
		for listing, setListing := range listings {
			for _, enabled := range []bool{true, false} {
				c := &entra.Connection{Enabled: enabled}
				setLevel(c)
				setListing(c)
				for _, application := range []string{"", "app", "other"} {
					for _, organization := range []string{"", "org", "other"} {
						for _, byHomeRealm := range []bool{false, true} {
							want := false
							for _, a := range on[level+" "+listing] {
								want = want || enabled && a.byHomeRealm == byHomeRealm && (a.application == "*" || a.application == application) && (a.organization == "*" || a.organization == organization)
							}
							got := c.EnabledFor(application, organization, byHomeRealm)
							assert.Equal(t, want, got, "%s, listed %s, enabled %t: application %q, organization %q, by home realm %t", level, listing, enabled, application, organization, byHomeRealm)
						}
					}
				}
			}
		}
	}
	assert.False(t, (&entra.Connection{Enabled: true, EnabledApplications: []string{""}}).EnabledFor("", "", false), "no application is not an application")
	assert.False(t, (&entra.Connection{Enabled: true, Organizations: []string{""}}).EnabledFor("", "", true), "no organization is not an organization")
}
