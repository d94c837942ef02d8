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
	name        string            // of the file that its connections are kept in
	fake        *entratest.Server // nil: Microsoft's own
	clouds      []cloud.Cloud
	client      *http.Client // nil: the library's default, which dials public addresses only
	login       string       // the login host, for the pages' Content-Security-Policy
	connections []*entra.Connection
}

// Where people sign in decides which file the connections are kept in.
const (
	fakeEntra = "quickstart"
	realEntra = "quickstart-entra"
)

// chosenSource tells from the environment where people are to sign in.
func chosenSource() string {
	if os.Getenv("ENTRA_TENANT") == "" && os.Getenv("ENTRA_CLIENT_ID") == "" && os.Getenv("ENTRA_CLIENT_SECRET") == "" {
		return fakeEntra
	}
	return realEntra
}

// newSource takes the tenant that the environment names, or starts a fake Entra.
func newSource(base string) (*source, error) {
	if chosenSource() == fakeEntra {
		return fakeSource(base)
	}
	tenant, id, secret := os.Getenv("ENTRA_TENANT"), os.Getenv("ENTRA_CLIENT_ID"), os.Getenv("ENTRA_CLIENT_SECRET")
	if tenant == "" || id == "" || secret == "" {
		return nil, errors.New("a real tenant needs all of ENTRA_TENANT, ENTRA_CLIENT_ID and ENTRA_CLIENT_SECRET")
	}
	return &source{name: realEntra, login: cloud.Public().Login, connections: []*entra.Connection{{
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
	s := &source{name: fakeEntra, fake: fake, client: fake.Client(), login: fake.URL, connections: sampleConnections()}
	// The fake stands in for the public cloud, so that a connection made here by hand, or imported, names none and leads to it.
	for _, name := range []string{"", cloud.Public().Name} {
		c := fake.Cloud()
		c.Name = name
		s.clouds = append(s.clouds, c)
	}
	return s, nil
}

// addConnections saves those of the source's connections that are not there yet, as the environment does, so that their home realm domains are
// proven. What an admin changed stays changed.
func (h *host) addConnections(ctx context.Context) error {
	for _, c := range h.source.connections {
		if _, err := h.store.connections.Connection(ctx, c.ID); err == nil {
			continue
		}
		if _, _, err := h.registry.Save(ctx, entra.Environment("quickstart"), c); err != nil {
			return fmt.Errorf("connection %s: %w", c.ID, err)
		}
	}
	return h.store.save(ctx)
}
