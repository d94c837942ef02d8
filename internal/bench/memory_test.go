package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
)

// atRest is how many connections share one authority.
const atRest = 10_000

// BenchmarkClientAtRest reports the heap that each of 10,000 clients of one authority holds while nobody signs in: what comes with a connection
// (client id, secret, tenant, redirect URL, each its own string) included, and the keys, of which all share one copy, too.
func BenchmarkClientAtRest(b *testing.B) {
	fake, err := entratest.Start(nil)
	require.NoError(b, err)
	b.Cleanup(fake.Close)
	require.NoError(b, fake.AddRedirectURI(entratest.ContosoApp, callback))

	for b.Loop() {
		before := heap()
		metadata := &entraoauth2.Metadata{}
		tokens := &credential.Endpoint{HTTPClient: fake.Client()}
		clients := make([]*entraoauth2.Client, 0, atRest)
		for range atRest {
			clients = append(clients, newClient(b, fake.Cloud(), fake.Client(), metadata, tokens))
		}
		for _, c := range []*entraoauth2.Client{clients[0], clients[atRest-1]} { // fetches the metadata, once
			_, _, err := c.SignIn(context.Background(), entraoauth2.SignInRequest{State: "state-of-this-sign-in-0123456789abcdef"})
			require.NoError(b, err)
		}
		b.ReportMetric(float64(heap()-before)/atRest, "B/connection")
		runtime.KeepAlive(clients)
	}
	require.Equal(b, 0, fake.CountRequests(entratest.EndpointToken))
}

// BenchmarkStoredConnectionAtRest reports the same for connections in entra/memory's store, with its indexes: there a connection is data, for its
// client is made for each sign-in.
func BenchmarkStoredConnectionAtRest(b *testing.B) {
	for b.Loop() {
		before := heap()
		store := memory.NewConnections()
		for range atRest {
			id := guid()
			_, err := store.Put(context.Background(), &entra.Connection{
				ID: id, Name: "contoso-" + id[:8], DisplayName: "Contoso " + id[:8], Strategy: entra.OAuth2, OrganizationID: guid(), Enabled: true,
				EntraDomain: id[:13] + ".example", TenantID: guid(), ClientID: guid(), ClientSecret: credential.NewSecret(guid()),
				HomeRealmDomains: []string{id[:13] + ".example"},
				DomainProofs:     []entra.DomainProof{{Domain: id[:13] + ".example", State: entra.DomainProven, By: "environment"}},
				UserGroups:       true, CreateMissingUsers: true, AutoJoinOrganization: true,
			})
			require.NoError(b, err)
		}
		b.ReportMetric(float64(heap()-before)/atRest, "B/connection")
		runtime.KeepAlive(store)
	}
}

func newClient(b *testing.B, c cloud.Cloud, hc *http.Client, metadata *entraoauth2.Metadata, tokens *credential.Endpoint) *entraoauth2.Client {
	b.Helper()
	client, err := entraoauth2.New(entraoauth2.Config{
		Cloud: c, Tenant: "organizations", AllowedTenants: []string{guid()}, ClientID: guid(),
		Credential:  credential.FromSecret(credential.NewSecret(guid())),
		RedirectURL: fmt.Sprintf("https://auth.example.com/sso/%s/callback/oauth2", guid()[:8]),
		Metadata:    metadata, Tokens: tokens, HTTPClient: hc,
	})
	require.NoError(b, err)
	return client
}

// heap is what is in use when nothing that could be freed is left.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // no machine has that much
}

func guid() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}
