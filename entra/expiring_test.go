package entra_test

import (
	"context"
	"encoding/pem"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func expiring(t *testing.T, s *entra.Service, within time.Duration) (found entra.Findings) {
	t.Helper()
	for f, err := range s.Expiring(t.Context(), within) {
		require.NoError(t, err)
		found = append(found, f)
	}
	return found
}

// Everything that ends is listed in time, with whose it is to renew; what lasts is not.
func TestExpiring(t *testing.T) {
	const day = 24 * time.Hour
	h := newHouse(t)
	now := h.clock.Now()
	require.Empty(t, expiring(t, h.Service, 30*day))

	certificate, der := keyPair(t, now.Add(-day), now.Add(10*day))
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.ClientSecretExpires = now.Add(20 * day) })
	h.edit(t, contosoWSFed, func(c *entra.Connection) {
		c.ClientCertificate, c.NextClientSecret, c.NextClientSecretExpires = secret(certificate), secret("n3xt~value"), now.Add(-day)
		c.MetadataSigners = []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
		c.Enabled = false // its provider is not asked, and is not signed by this certificate anyway
	})
	got := map[string]entra.Severity{}
	for _, f := range expiring(t, h.Service, 30*day) {
		got[f.ConnectionID+" "+f.Field] = f.Severity
		require.NotEmpty(t, f.Fix)
		require.Contains(t, f.Problem, " on 20")
	}
	require.Equal(t, map[string]entra.Severity{
		contosoOAuth2 + " client_secret":     entra.SeverityWarning,
		contosoWSFed + " client_certificate": entra.SeverityWarning,
		contosoWSFed + " next_client_secret": entra.SeverityError,
		contosoWSFed + " metadata_signers":   entra.SeverityWarning,
	}, got)
	require.Len(t, expiring(t, h.Service, 5*day), 1, "in five days nothing ends; one has ended")

	// The fake's signing certificates, as metadata shows them, end too.
	far := expiring(t, h.Service, 100*365*day)
	f := finding(t, far, entra.SeverityWarning, "the last of the provider's signing certificates")
	require.NotEmpty(t, f.ConnectionID)

	h.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointMetadata: -1}})
	h.clock.advance(50 * time.Hour)
	finding(t, expiring(t, h.Service, time.Second), entra.SeverityWarning, "could not be found out")
}

// A proof that has lapsed is listed until the domain is proven anew or removed.
func TestExpiringProofs(t *testing.T) {
	lapsed := &entra.Connection{ID: "c", Enabled: true, HomeRealmDomains: []string{"contoso.com"}}
	lapsed.DomainProofs = []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainLapsed, At: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}}
	s, _ := shop(t, lapsed)
	found := expiring(t, s, time.Hour)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Problem, "contoso.com has lapsed on 2026-02-03")
}

func TestExpiringNeedsAListing(t *testing.T) {
	c := newStage(t).config
	c.Connections = onlyStore{}
	s, err := entra.New(c)
	require.NoError(t, err)
	for _, err := range s.Expiring(t.Context(), time.Hour) {
		require.ErrorContains(t, err, "ConnectionLister")
	}
	c.Connections = brokenListing{}
	s, err = entra.New(c)
	require.NoError(t, err)
	for _, err := range s.Expiring(t.Context(), time.Hour) {
		require.ErrorContains(t, err, "the store is away")
	}
}

type onlyStore struct{}

func (onlyStore) Connection(context.Context, string) (*entra.Connection, error) {
	return nil, entra.ErrNotFound
}
func (onlyStore) HomeRealm(context.Context, string) (string, bool, error) { return "", false, nil }

type brokenListing struct{ onlyStore }

func (brokenListing) Connections(context.Context, entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) { yield(nil, errors.New("the store is away")) }
}
