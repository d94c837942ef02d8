package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

const tenant = "11111111-1111-4111-8111-111111111111"

// simple is a connection of the environment, with proven domains.
func simple(id string, domains ...string) *entra.Connection {
	c := &entra.Connection{
		ID: id, Name: "name of " + id, Strategy: entra.OAuth2, Enabled: true,
		EntraDomain: "contoso.example", TenantID: tenant, ClientID: "22222222-2222-4222-8222-222222222222",
	}
	for _, d := range domains {
		c.HomeRealmDomains = append(c.HomeRealmDomains, d)
		c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: d, State: entra.DomainProven, By: "environment", At: time.Now().UTC().Truncate(time.Second)})
	}
	return c
}

// full is a connection in which everything is set.
func full(id string) *entra.Connection {
	c := simple(id, "contoso.example", "xn--bcher-kva.example")
	c.HomeRealmDomains = []string{"@Contoso.Example", "Bücher.example", "pending.example"}
	c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: "pending.example", State: entra.DomainPending})
	c.DisplayName = "Contoso – „München“ 李"
	c.Organizations = []string{"org_1", "org_2"}
	c.EnabledApplications = []string{"app_1", "app_2"}
	c.ClientSecret, c.NextClientSecret = credential.NewSecret("first ~secret"), credential.NewSecret("second ~secret")
	c.ClientCertificate, c.NextClientCertificate = credential.NewSecret("first ~certificate"), credential.NewSecret("second ~certificate")
	c.ClientSecretExpires = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	c.UserGroups, c.TrustEmails, c.SyncProfile, c.CreateMissingUsers, c.ExtendedProfile = true, true, true, true, true
	c.AlwaysShowButton, c.KeepOtherIdentities, c.UseCustomDomain = true, true, true
	c.Scopes = []string{"User.Read", "offline_access"}
	c.ResponseMode = "form_post"
	c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Value: "select_account"}, "username": {Alias: "login_hint"}}
	c.Unknown = map[string]json.RawMessage{"their_own": json.RawMessage(`{"a":[1,2]}`)}
	c.UnknownOptions = map[string]json.RawMessage{"their_option": json.RawMessage(`true`)}
	return c
}

func put(t contract.TB, s entra.ConnectionRegistry, c *entra.Connection) string {
	t.Helper()
	version, err := s.Put(t.Context(), c)
	if err != nil {
		t.Fatalf("Put of connection %q: %v", c.ID, err)
	}
	if version == "" {
		t.Fatalf("Put of connection %q returned no version", c.ID)
	}
	return version
}

func get(t contract.TB, s entra.ConnectionRegistry, id string) *entra.Connection {
	t.Helper()
	c, err := s.Connection(t.Context(), id)
	if err != nil || c == nil {
		t.Fatalf("Connection(%q) = %v, %v; want the one that was put", id, c != nil, err)
	}
	return c
}

func absent(t contract.TB, s entra.ConnectionRegistry, id string) {
	t.Helper()
	c, err := s.Connection(t.Context(), id)
	contract.Is(t, fmt.Sprintf("Connection(%q)", id), err, entra.ErrNotFound)
	if c != nil {
		t.Errorf("Connection(%q) returned a connection beside the error", id)
	}
}

// routes demands that a domain leads to a connection; "" is nowhere.
func routes(t contract.TB, s entra.ConnectionRegistry, domain, want string) {
	t.Helper()
	id, found, err := s.HomeRealm(t.Context(), domain)
	if err != nil || found != (want != "") || id != want {
		t.Errorf("HomeRealm(%q) = %q, %v, %v; want %q", domain, id, found, err, want)
	}
}

// taken demands a *TakenError of this shape.
func taken(t contract.TB, what string, err error, want entra.TakenError) {
	t.Helper()
	var got *entra.TakenError
	if !errors.As(err, &got) {
		t.Errorf("%s: got error %v, want *entra.TakenError", what, err)
	} else if *got != want {
		t.Errorf("%s: got %+v, want %+v", what, *got, want)
	}
}

// same demands that two connections are equal but for their versions. Secrets are compared and not shown.
func same(t contract.TB, what string, got, want *entra.Connection) {
	t.Helper()
	g, w := got.Clone(), want.Clone()
	g.Version, w.Version = "", ""
	x, err := json.Marshal(g)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	y, err := json.Marshal(w)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("%s:\n got %s\nwant %s", what, x, y)
	}
	if g.ClientSecret.Reveal() != w.ClientSecret.Reveal() || g.NextClientSecret.Reveal() != w.NextClientSecret.Reveal() ||
		g.ClientCertificate.Reveal() != w.ClientCertificate.Reveal() || g.NextClientCertificate.Reveal() != w.NextClientCertificate.Reveal() {
		t.Errorf("%s: a secret differs", what)
	}
}
