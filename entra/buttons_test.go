package entra_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
)

// countingStore counts what a listing yields.
type countingStore struct {
	entra.ConnectionRegistry
	yielded int
}

func (s *countingStore) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) {
		for c, err := range s.ConnectionRegistry.Connections(ctx, f) {
			s.yielded++
			if !yield(c, err) {
				return
			}
		}
	}
}

// shop is a Service over a store that tests fill as they like.
func shop(t *testing.T, connections ...*entra.Connection) (*entra.Service, *countingStore) {
	t.Helper()
	store := &countingStore{ConnectionRegistry: memory.NewConnections()}
	for i, c := range connections {
		if c.ID == "" {
			c.ID = fmt.Sprint("conn_", i)
		}
		if c.Name == "" {
			c.Name = c.ID
		}
		c.Version, c.Strategy = "", entra.OAuth2
		_, err := store.Put(t.Context(), c)
		require.NoError(t, err)
	}
	config := newStage(t).config
	config.Connections = store
	s, err := entra.New(config)
	require.NoError(t, err)
	return s, store
}

func labels(t *testing.T, s *entra.Service, application, organization string) []string {
	t.Helper()
	buttons, err := s.Buttons(t.Context(), application, organization)
	require.NoError(t, err)
	out := []string{}
	for _, b := range buttons {
		out = append(out, b.Label)
		require.Equal(t, "/sso/begin?connection="+b.ConnectionID, b.Href)
	}
	return out
}

func proven(domain string) (domains []string, proofs []entra.DomainProof) {
	return []string{domain}, []entra.DomainProof{{Domain: domain, State: entra.DomainProven, By: entra.ProofByEnvironment}}
}

// Which buttons a login page shows: what is on for the application and the organization, hidden once there are proven domains, shown when forced.
func TestButtons(t *testing.T) {
	routed := &entra.Connection{ID: "routed", DisplayName: "Routed", Enabled: true, AllApplications: true}
	routed.HomeRealmDomains, routed.DomainProofs = proven("routed.example")
	forced := &entra.Connection{ID: "forced", DisplayName: "Forced", Enabled: true, AllApplications: true, AlwaysShowButton: true}
	forced.HomeRealmDomains, forced.DomainProofs = proven("forced.example")
	pending := &entra.Connection{ID: "pending", DisplayName: "Pending", Enabled: true, AllApplications: true, HomeRealmDomains: []string{"pending.example"}}
	s, _ := shop(t, routed, forced, pending,
		&entra.Connection{ID: "zulu", Enabled: true, AllApplications: true, Organizations: []string{"org_northwind"}}, // listed twice, shown once
		&entra.Connection{ID: "off", DisplayName: "Off", AllApplications: true},
		&entra.Connection{ID: "app", DisplayName: "For one application", Enabled: true, EnabledApplications: []string{"app"}},
		&entra.Connection{ID: "own", DisplayName: "Northwind's own", Enabled: true, OrganizationID: "org_northwind"},
		&entra.Connection{ID: "theirs", DisplayName: "Contoso's own", Enabled: true, OrganizationID: "org_contoso"},
		&entra.Connection{ID: "shared", DisplayName: "Shared", Enabled: true, Organizations: []string{"org_northwind"}},
		&entra.Connection{ID: "first", DisplayName: "Z first", Enabled: true, AllApplications: true, ButtonOrder: -1},
	)
	require.Equal(t, []string{"Z first", "Forced", "Pending", "zulu"}, labels(t, s, "", ""))
	require.Equal(t, []string{"Z first", "For one application", "Forced", "Pending", "zulu"}, labels(t, s, "app", ""))
	require.Equal(t, []string{"Z first", "Forced", "Northwind's own", "Pending", "Shared", "zulu"}, labels(t, s, "", "org_northwind"))
	require.Equal(t, []string{"Z first", "For one application", "Forced", "Northwind's own", "Pending", "Shared", "zulu"}, labels(t, s, "app", "org_northwind"))
	require.Equal(t, []string{"Z first", "Forced", "Pending", "zulu"}, labels(t, s, "(no application)", ""))

	universal := s.UniversalButton()
	require.Equal(t, entra.Button{Label: "Sign in with SSO", Href: "/sso/discover"}, universal)
}

// A login page of one organization among thousands costs what it shows.
func TestButtonsCostWhatTheyShow(t *testing.T) {
	all := []*entra.Connection{{ID: "mine", Enabled: true, OrganizationID: "org_mine"}, {ID: "everybody", Enabled: true, AllApplications: true}}
	for i := range 2000 {
		all = append(all, &entra.Connection{Enabled: true, OrganizationID: fmt.Sprint("org_", i)})
	}
	s, store := shop(t, all...)
	require.Equal(t, []string{"everybody", "mine"}, labels(t, s, "app", "org_mine"))
	require.LessOrEqual(t, store.yielded, 2)
	require.Equal(t, []string{"everybody"}, labels(t, s, "", ""))
	require.LessOrEqual(t, store.yielded, 3)
}
