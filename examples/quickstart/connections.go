package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// source is where people sign in: the fake Entra, or Microsoft's own.
type source struct {
	fake        *entratest.Server // nil: Microsoft's own
	clouds      []cloud.Cloud
	client      *http.Client // nil: the library's default, which dials public addresses only
	login       string       // the login host, for the pages' Content-Security-Policy
	connections []*entra.Connection
}

// loginHint makes the address that was typed for home realm discovery known to Entra's sign-in page.
var loginHint = map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}}

// person is somebody whom the sign-in page and the terminal suggest.
type person struct{ Address, What string }

var peopleToTry = []person{
	{entratest.Ann, "Contoso, over OAuth 2.0"},
	{entratest.Bob, "Fabrikam, over WS-Federation"},
	{entratest.Maya, "Contoso, in more groups than a token holds"},
	{"eve@example.com", "nobody has set up this domain"},
}

// newSource takes the tenant that the environment names, or starts a fake Entra.
func newSource(base string) (*source, error) {
	tenant, id, secret := os.Getenv("ENTRA_TENANT"), os.Getenv("ENTRA_CLIENT_ID"), os.Getenv("ENTRA_CLIENT_SECRET")
	switch {
	case tenant == "" && id == "" && secret == "":
		return fakeSource(base)
	case tenant == "" || id == "" || secret == "":
		return nil, errors.New("a real tenant needs all of ENTRA_TENANT, ENTRA_CLIENT_ID and ENTRA_CLIENT_SECRET")
	}
	public, _ := cloud.ByName("")
	return &source{login: public.Login, connections: []*entra.Connection{{
		ID: "entra", Name: "entra", DisplayName: "Microsoft Entra ID", Strategy: entra.OAuth2,
		EntraDomain: tenant, ClientID: id, ClientSecret: credential.NewSecret(secret),
		Enabled: true, AllApplications: true, CreateMissingUsers: true, UserGroups: true, ExtendedProfile: true, SyncProfile: true,
		UpstreamParams: loginHint,
	}}}, nil
}

// fakeSource starts a fake Entra with the sample's tenants, people and app registrations.
func fakeSource(base string) (*source, error) {
	tenants := entratest.Sample()
	for _, t := range tenants {
		for i := range t.Applications { // what an admin enters in the Entra admin center
			app := &t.Applications[i]
			app.RedirectURIs = []string{base + "/sso/callback/oauth2", base + "/signed-out"}
			app.ReplyURLs = []string{base + "/sso/callback/wsfed", base + "/signed-out"}
			app.LogoutURL = base + "/sso/signout/oauth2"
		}
	}
	fake, err := entratest.Start(&entratest.Options{Tenants: tenants})
	if err != nil {
		return nil, err
	}
	s := &source{fake: fake, clouds: []cloud.Cloud{fake.Cloud()}, client: fake.Client(), login: fake.URL, connections: []*entra.Connection{
		{
			ID: "contoso", Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com",
			ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
			HomeRealmDomains: []string{"contoso.com"}, ExtendedProfile: true,
			Scopes: []string{"GroupMember.Read.All"}, // without it Graph tells no names of groups
		},
		{
			ID: "fabrikam", Name: "fabrikam", DisplayName: "Fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com",
			ClientID: entratest.FabrikamApp, ClientSecret: credential.NewSecret(entratest.FabrikamSecret),
			HomeRealmDomains: []string{"fabrikam.com"},
		},
		{ // No home realm domain, so it shows a button. Who signs in here has the tenant and object id that they have over OAuth 2.0.
			ID: "contoso-wsfed", Name: "contoso-wsfed", DisplayName: "Contoso over WS-Federation", Strategy: entra.WSFed, EntraDomain: "contoso.com",
			ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
		},
	}}
	for _, c := range s.connections {
		c.Cloud, c.UpstreamParams = fake.Cloud().Name, loginHint
		c.Enabled, c.AllApplications, c.CreateMissingUsers, c.UserGroups, c.SyncProfile = true, true, true, true, true
	}
	return s, nil
}

// addConnections saves the source's connections as the environment does, so their home realm domains are proven. What an earlier run switched
// on or off stays so; connections of another source, a real tenant's beside the fake one's, go.
func (h *host) addConnections(ctx context.Context) error {
	actor := entra.Environment("quickstart")
	wanted := map[string]bool{}
	for _, c := range h.source.connections {
		wanted[c.ID] = true
		if kept, err := h.store.connections.Connection(ctx, c.ID); err == nil {
			c.Version, c.Enabled = kept.Version, kept.Enabled
		}
		if _, _, err := h.registry.Save(ctx, actor, c); err != nil {
			return fmt.Errorf("connection %s: %w", c.ID, err)
		}
	}
	for c, err := range h.store.connections.Connections(ctx, entra.Filter{}) {
		if err != nil {
			return err
		}
		if wanted[c.ID] {
			continue
		}
		if err := h.registry.Delete(ctx, actor, c.ID, c.Version); err != nil {
			return err
		}
	}
	return h.store.save(ctx)
}
