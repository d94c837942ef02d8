package entra_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// imported brings a file in, as the environment unless change says otherwise, and returns what became of its rows.
func (h *house) imported(t *testing.T, file string, change ...func(*bulk.Config)) (results []bulk.Result) {
	t.Helper()
	c := bulk.Config{
		Users: h.users, By: bulk.ByEnvironment(), Source: "test", Now: h.clock.Now,
		Connections: entra.View{Connections: h.connections, By: entra.Environment("import")},
		Report:      func(r bulk.Result) { results = append(results, r) },
	}
	for _, f := range change {
		f(&c)
	}
	i, err := bulk.New(c)
	require.NoError(t, err)
	r, err := bulk.NewReader(strings.NewReader(file))
	require.NoError(t, err)
	_, err = i.Run(t.Context(), r)
	require.NoError(t, err)
	return results
}

// only returns the one user with this address.
func (h *house) only(t *testing.T, address string) *provisioning.User {
	t.Helper()
	list, err := h.users.UsersByEmail(t.Context(), provisioning.Fold(address))
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

// bothProtocols are the connections of Contoso, by their names.
var bothProtocols = map[string]string{"contoso": contosoOAuth2, "contoso-wsfed": contosoWSFed}

// An imported person notices nothing: the first sign-in finds the record, by the connection's name and object id, user principal name or address, over
// both protocols; the second one knows the person; just-in-time creation is not needed.
func TestFirstSignInOfImportedPeople(t *testing.T) {
	for name, connection := range bothProtocols {
		for by, test := range map[string]struct {
			row    string
			reason provisioning.Reason
		}{
			"object id":                   {"old@spelling.example,1," + name + "," + entratest.AnnID + ",", provisioning.ReasonPendingObjectID},
			"object id and tenant":        {"ANN@contoso.com,1," + name + "," + entratest.AnnID + "," + entratest.ContosoID, provisioning.ReasonPendingObjectID},
			"user principal name, folded": {"Ann@Contoso.COM,1," + name + ",,", provisioning.ReasonPendingUPN},
			"address":                     {"ann.archer@contoso.com,1," + name + ",,", provisioning.ReasonPendingAddress},
		} {
			h := newHouse(t)
			require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
				for i := range tenants[0].Users {
					if tenants[0].Users[i].ID == entratest.AnnID {
						tenants[0].Users[i].Mail = "ann.archer@contoso.com"
					}
				}
				return tenants
			}))
			h.edit(t, connection, func(c *entra.Connection) { c.CreateMissingUsers = false })
			results := h.imported(t, "email,id,connection,entra_object_id,entra_tenant_id\n"+test.row+"\n")
			require.Equal(t, bulk.Created, results[0].Outcome, results[0].Problem)

			in := h.mustSignIn(t, connection, entratest.Ann)
			require.Equal(t, provisioning.ActionLink, in.Decision.Action, by)
			require.Equal(t, test.reason, in.Decision.Reason, by)
			require.Empty(t, in.User.Pending, "it matches once")
			require.True(t, in.User.Holds(provisioning.ImportKey("test", "1")))
			require.Equal(t, provisioning.ActionSignIn, h.mustSignIn(t, connection, entratest.Ann).Decision.Action)
			again := h.imported(t, "email,id,connection,entra_object_id,entra_tenant_id\n"+test.row+"\n")
			require.Equal(t, bulk.Known, again[0].Outcome)
			require.Equal(t, provisioning.ActionSignIn, h.mustSignIn(t, connection, entratest.Ann).Decision.Action)
		}
	}
}

// Without a name, the address's home realm domain finds the connection; the domain may lie with either protocol.
func TestImportByHomeRealmDomain(t *testing.T) {
	for _, connection := range bothProtocols {
		h := newHouse(t)
		if connection == contosoWSFed {
			h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains = nil })
			h.edit(t, contosoWSFed, func(c *entra.Connection) { c.HomeRealmDomains = []string{"contoso.com"} })
		}
		results := h.imported(t, "email,id\nben@contoso.com,7\nnobody@northwind.example,8\n")
		require.Equal(t, connection, results[0].ConnectionID)
		require.Empty(t, results[1].ConnectionID, "a person of no connection is a person all the same")
		in := h.mustSignIn(t, connection, entratest.Ben)
		require.Equal(t, provisioning.ActionLink, in.Decision.Action)
		require.True(t, in.User.Holds(provisioning.ImportKey("test", "7")))
	}
}

// Entra's own list of users, without any other column: guests stay outside, members come in by object id.
func TestImportOfEntrasList(t *testing.T) {
	h := newHouse(t)
	results := h.imported(t, `userPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,accountEnabled
ann@contoso.com,Ann Archer,Archer,ann@contoso.com,Ann,`+entratest.AnnID+`,Member,Principal engineer,TRUE
gus_gmail.com#EXT#@contoso.onmicrosoft.com,Gus Grant,,gus@gmail.com,,`+entratest.GusID+`,Guest,,TRUE
`)
	require.Equal(t, bulk.Created, results[0].Outcome)
	require.Equal(t, bulk.Skipped, results[1].Outcome)
	in := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
	require.Equal(t, provisioning.ReasonPendingObjectID, in.Decision.Reason)
	require.Equal(t, "Principal engineer", in.User.Profile.Extended["jobTitle"])
}

// Nobody but the person of the record comes in by it (attack 45), over both protocols.
func TestImportedRecordsAreNotClaimedByOthers(t *testing.T) {
	for name, connection := range bothProtocols {
		for what, test := range map[string]struct {
			email, object, who string
			prepare            func(t *testing.T, h *house)
			reason             provisioning.Reason
		}{
			"a guest":                       {email: entratest.Gus, who: entratest.Gus, reason: provisioning.ReasonPendingNotMember},
			"another object id":             {email: entratest.Ann, object: entratest.BenID, who: entratest.Ann, reason: provisioning.ReasonIdentityConflict},
			"too late":                      {email: entratest.Ann, who: entratest.Ann, prepare: func(_ *testing.T, h *house) { h.clock.advance(91 * 24 * time.Hour) }, reason: provisioning.ReasonPendingExpired},
			"the tenant is another one now": {email: entratest.Ann, who: entratest.Ann, prepare: pendingOfAnotherTenant, reason: provisioning.ReasonPendingTenant},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				h := newHouse(t)
				results := h.imported(t, "email,id,connection,entra_object_id\n"+test.email+",1,"+name+","+test.object+"\n")
				require.Equal(t, bulk.Created, results[0].Outcome)
				if test.prepare != nil {
					test.prepare(t, h)
				}
				_, err := h.signIn(t, connection, test.who)
				var refused *provisioning.Refused
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.reason, refused.Decision.Reason)
				u := h.only(t, test.email)
				require.False(t, u.Enterprise())
				require.Len(t, u.Pending, 1, "the record still waits")
			})
		}
	}
}

// pendingOfAnotherTenant is what a record looks like once its connection was pointed elsewhere behind the Registrar's back.
func pendingOfAnotherTenant(t *testing.T, h *house) {
	u := h.only(t, entratest.Ann)
	u.Pending[0].TenantID = entratest.FabrikamID
	require.NoError(t, h.users.Load(u))
}

// A mail attribute that the tenant's admin set to somebody's address finds that record only within the recorded tenant; a record of another
// connection is not found at all (attack 45).
func TestImportedRecordsOfOtherConnections(t *testing.T) {
	h := newHouse(t)
	h.imported(t, "email,id,connection\n"+entratest.Bob+",1,fabrikam\n")
	in := h.mustSignIn(t, contosoOAuth2, entratest.Mallory) // whose mail is Bob's
	require.Equal(t, provisioning.ActionCreate, in.Decision.Action)
	require.False(t, in.Decision.Confirmed)
	bob := h.mustSignIn(t, fabrikamWSFed, entratest.Bob)
	require.Equal(t, provisioning.ActionLink, bob.Decision.Action)
	require.NotEqual(t, in.User.ID, bob.User.ID)
}

// An organization's administrator imports for the own connection only, and reaches nobody else's user (attack 45).
func TestImportByAnOrganizationsAdministrator(t *testing.T) {
	h := newHouse(t)
	mallory := entra.Administrator("org_evil", "mallory")
	evil := h.save(t, &entra.Connection{ID: "conn_evil", Name: "evil", Strategy: entra.OAuth2, OrganizationID: "org_evil", EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp, ClientSecret: credential.NewSecret(entratest.FabrikamSecret)})
	require.NoError(t, h.users.Load(
		&provisioning.User{ID: "ann", Profile: provisioning.Profile{Email: entratest.Ann, EmailVerified: true}, Organizations: []string{"org_contoso"}},
		&provisioning.User{ID: "eve", Profile: provisioning.Profile{Email: "eve@northwind.example", EmailVerified: true}, Organizations: []string{"org_evil"}},
	))
	results := h.imported(t, `email,id,email_verified,connection
ann@contoso.com,1,TRUE,evil
ben@contoso.com,2,TRUE,contoso
eve@northwind.example,3,TRUE,evil
bob@fabrikam.com,4,TRUE,evil
`, func(c *bulk.Config) {
		c.By, c.Connections = bulk.ByOrganization("org_evil"), entra.View{Connections: h.connections, By: mallory}
	})
	require.Equal(t, []bulk.Reason{bulk.ReasonNotYours, bulk.ReasonConnection, bulk.ReasonNotYours}, []bulk.Reason{results[0].Problem.Reason, results[1].Problem.Reason, results[2].Problem.Reason},
		"another organization's user; another's connection; an own user by a domain that nobody proved")
	require.Empty(t, h.only(t, entratest.Ann).Pending)
	require.Equal(t, bulk.Created, results[3].Outcome)
	require.Equal(t, evil.ID, results[3].ConnectionID)
	bob := h.only(t, entratest.Bob)
	require.Equal(t, []string{"org_evil"}, bob.Organizations)
	require.False(t, bob.Profile.EmailVerified)
}

// What an importer sees of the connections: organizations their own, and proof only by the environment's word.
func TestView(t *testing.T) {
	o := newOffice(t)
	o.vouch["contoso.com"] = "org_contoso"
	admin := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), admin, draft("org_contoso", "contoso.com", "contoso.com", "pending.example"))
	require.NoError(t, err)
	for _, by := range []entra.Actor{admin, entra.Environment("import")} {
		v := entra.View{Connections: o.store, By: by}
		tenant, err := v.Tenant(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, c.TenantID, tenant)
		require.NotEmpty(t, tenant)
		for domain, want := range map[string]bool{"contoso.com": true, "pending.example": false, "elsewhere.example": false} {
			proven, err := v.Proven(t.Context(), c.ID, domain)
			require.NoError(t, err)
			require.Equal(t, want, proven, domain)
		}
	}
	v := entra.View{Connections: o.store, By: entra.Administrator("org_evil", "mallory")}
	_, err = v.Tenant(t.Context(), c.ID)
	require.ErrorIs(t, err, entra.ErrNotFound)
	_, err = v.Proven(t.Context(), c.ID, "contoso.com")
	require.ErrorIs(t, err, entra.ErrNotFound)

	many := draft("", "contoso.com")
	many.Name, many.UseCommonEndpoint = "many", true
	many, _, err = o.Save(t.Context(), environment, many)
	require.NoError(t, err)
	tenant, err := entra.View{Connections: o.store, By: environment}.Tenant(t.Context(), many.ID)
	require.NoError(t, err)
	require.Empty(t, tenant, "people of several tenants may come in")
}
