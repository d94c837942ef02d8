package main

import (
	"context"
	"slices"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// What a host has of its own, made up: applications that people sign in to, and customers. A real one keeps them in tables.

// application is one that people sign in to through this auth server.
type application struct {
	ID, Name     string
	UniversalSSO bool // its sign-in page shows the button that serves every company
}

var applications = []application{
	{ID: "portal", Name: "Portal", UniversalSSO: true},
	{ID: "orders", Name: "Orders"},
}

// organization is a customer.
type organization struct{ ID, Name string }

// customers implements provisioning.Organizations.
type customers []organization

var organizations = customers{{"adatum", "Adatum"}, {"northwind", "Northwind Traders"}}

// Organization tells whether people may join; here everybody may whom a connection lets in.
func (all customers) Organization(_ context.Context, id string) (*provisioning.Organization, error) {
	if all.name(id) == "" {
		return nil, provisioning.ErrNotFound
	}
	return &provisioning.Organization{ID: id, AutoJoin: true}, nil
}

// name is "" for nobody.
func (all customers) name(id string) string {
	i := slices.IndexFunc(all, func(o organization) bool { return o.ID == id })
	if i < 0 {
		return ""
	}
	return all[i].Name
}

func applicationByID(id string) (application, bool) {
	i := slices.IndexFunc(applications, func(a application) bool { return a.ID == id })
	if i < 0 {
		return application{}, false
	}
	return applications[i], true
}

// groupRules give roles of this host's for groups. A name counts only where it is certain who gave it: in a group that is assigned to the application, or
// synced from on-premises.
func groupRules(context.Context, *entra.Connection) ([]provisioning.Rule, error) {
	return []provisioning.Rule{
		{ID: entratest.ContosoAdmins, Gives: "administrator"},
		{Name: "Portal admins", Gives: "administrator"},
		{ID: entratest.ContosoEngineering, Gives: "builder"},
		{ID: entratest.FabrikamSales, Gives: "seller"},
	}, nil
}

// loginHint makes the address that was typed for home realm discovery known to Entra's sign-in page.
var loginHint = map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}}

// person is somebody whom the sign-in page and the terminal suggest.
type person struct{ Address, What string }

var peopleToTry = []person{
	{entratest.Ann, "Contoso, over OAuth 2.0"},
	{entratest.Bob, "Fabrikam, over WS-Federation"},
	{entratest.Maya, "Contoso, in more groups than a token holds"},
	{entratest.Ben, "Contoso, in no group"},
	{"eve@example.com", "nobody has set up this domain"},
}

// sampleConnections are those of the fake Entra's tenants. No home realm domain leads to the last two, so they show buttons; who signs in there
// has the tenant and object id that they have over OAuth 2.0.
func sampleConnections() []*entra.Connection {
	list := []*entra.Connection{
		{
			ID: "contoso", Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com",
			ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
			HomeRealmDomains: []string{"contoso.com"}, ExtendedProfile: true,
			Groups: entra.GroupOptions{Names: true}, Scopes: []string{"GroupMember.Read.All"}, // without it Graph tells no names of groups
		},
		{
			ID: "fabrikam", Name: "fabrikam", DisplayName: "Fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com",
			ClientID: entratest.FabrikamApp, ClientSecret: credential.NewSecret(entratest.FabrikamSecret),
			HomeRealmDomains: []string{"fabrikam.com"},
		},
		{
			ID: "contoso-wsfed", Name: "contoso-wsfed", DisplayName: "Contoso over WS-Federation", Strategy: entra.WSFed, EntraDomain: "contoso.com",
			ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
		},
		{
			ID: "contoso-names", Name: "contoso-names", DisplayName: "Contoso, groups by name", Strategy: entra.OAuth2, EntraDomain: "contoso.com",
			ClientID: entratest.ContosoNamesApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
			Groups: entra.GroupOptions{Kind: entra.GroupsAssigned, Form: entra.GroupDisplayName},
		},
	}
	for _, c := range list {
		c.UpstreamParams = loginHint
		c.Enabled, c.AllApplications, c.CreateMissingUsers, c.UserGroups, c.SyncProfile = true, true, true, true, true
	}
	return list
}
