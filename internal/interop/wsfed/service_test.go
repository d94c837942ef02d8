package wsfed_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// newService is a whole host with one connection, to the provider with this metadata and issuer.
func newService(t *testing.T, protocol wsfed.Protocol, metadata, issuer string, change ...func(*entra.Connection)) *entra.Service {
	t.Helper()
	client := newBrowser(t).client
	connections := memory.NewConnections()
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: connections, HTTPClient: client})
	require.NoError(t, err)
	connection := &entra.Connection{
		ID: "conn", Name: "interop", Strategy: entra.WSFed, Enabled: true, AllApplications: true, CreateMissingUsers: true,
		Realm: realm, MetadataURL: metadata, Issuer: issuer, SubjectClaim: wsfed.NameIdentifierClaim,
		UpstreamParams: map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}},
	}
	for _, f := range change {
		f(connection)
	}
	_, findings, err := registrar.Save(t.Context(), entra.Environment("test"), connection)
	require.NoError(t, err, "%v", findings)

	secret := make([]byte, entra.KeySize)
	_, err = rand.Read(secret)
	require.NoError(t, err)
	keys, err := entra.NewKeyring(secret)
	require.NoError(t, err)
	service, err := entra.New(entra.Config{
		BaseURL: baseURL, Connections: connections, Protocols: []entra.Protocol{protocol}, Keys: keys,
		Replay: memory.NewReplay(), Users: memory.NewUsers(), HTTPClient: client,
	})
	require.NoError(t, err)
	return service
}

// arrival is what the browser brings to the callback: the provider's form, and the cookie from the beginning.
func arrival(t *testing.T, d *entra.Departure, fields url.Values) *entra.Arrival {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, reply, strings.NewReader(fields.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	require.NoError(t, err)
	return a
}

// TestNPMProviderThroughService: the same, as a host has it: from a connection to a user.
func TestNPMProviderThroughService(t *testing.T) {
	provider := startNPMProvider(t, map[string]options{"saml11": {"token": "1.1"}, "saml20": {"token": "2.0"}, "foreign": {"token": "2.0", "audience": "urn:interop:other"}})
	for _, endpoint := range []string{"saml11", "saml20"} {
		t.Run(endpoint, func(t *testing.T) {
			service := newService(t, wsfed.Protocol{}, provider.metadata(endpoint), npmIssuer)
			begin := func(hint string) (*entra.Departure, url.Values) {
				d, err := service.Begin(t.Context(), "conn", entra.BeginOptions{ReturnTo: "/inbox", Hints: map[string]string{"login_hint": hint}})
				require.NoError(t, err)
				return d, requireAnswer(t, newBrowser(t).get(t, d.URL))
			}
			d, fields := begin("ann")
			in, err := service.Finish(t.Context(), arrival(t, d, fields))
			require.NoError(t, err)
			require.Equal(t, provisioning.ActionCreate, in.Decision.Action)
			require.Equal(t, "/inbox", in.ReturnTo)
			require.Equal(t, "ann-1", in.Identity.Subject)
			require.Equal(t, []provisioning.Key{{ConnectionID: "conn", Authority: npmIssuer, Subject: "ann-1"}}, in.User.Keys)

			_, err = service.Finish(t.Context(), arrival(t, d, fields))
			requireKind(t, err, entra.KindFlow) // the same answer again

			other, _ := begin("ann")
			_, err = service.Finish(t.Context(), arrival(t, other, fields))
			requireKind(t, err, entra.KindFlow) // in another flow

			fresh, freshFields := begin("ann")
			freshFields.Set("wresult", fields.Get("wresult"))
			_, err = service.Finish(t.Context(), arrival(t, fresh, freshFields))
			requireKind(t, err, entra.KindToken) // the old assertion in a new flow
			requireRefused(t, err, wsfed.CheckReplay)

			d, fields = begin("ann")
			again, err := service.Finish(t.Context(), arrival(t, d, fields))
			require.NoError(t, err)
			require.Equal(t, provisioning.ActionSignIn, again.Decision.Action)
			require.Equal(t, in.User.ID, again.User.ID)

			d, fields = begin("ben")
			ben, err := service.Finish(t.Context(), arrival(t, d, fields))
			require.NoError(t, err)
			require.NotEqual(t, in.User.ID, ben.User.ID)
		})
	}
	t.Run("foreign audience", func(t *testing.T) {
		service := newService(t, wsfed.Protocol{}, provider.metadata("foreign"), npmIssuer)
		d, err := service.Begin(t.Context(), "conn", entra.BeginOptions{Hints: map[string]string{"login_hint": "ann"}})
		require.NoError(t, err)
		_, err = service.Finish(t.Context(), arrival(t, d, requireAnswer(t, newBrowser(t).get(t, d.URL))))
		requireKind(t, err, entra.KindToken)
		requireRefused(t, err, wsfed.CheckAudience)
	})
}

// TestNPMProviderEncryptedThroughService: the host holds the keys, for all of its connections.
func TestNPMProviderEncryptedThroughService(t *testing.T) {
	ours := newPair(t)
	provider := startNPMProvider(t, map[string]options{"saml20": encryptedFor(ours, "2.0", xmlenc11+"aes256-gcm", nil)})
	var config wsfed.Config
	decryptWith(t, ours)(&config)
	protocol := wsfed.Protocol{DecryptionKeys: func(context.Context, *entra.Connection) ([]tls.Certificate, error) {
		return config.DecryptionKeys, nil
	}}
	for _, p := range []wsfed.Protocol{protocol, {}} {
		service := newService(t, p, provider.metadata("saml20"), npmIssuer)
		d, err := service.Begin(t.Context(), "conn", entra.BeginOptions{Hints: map[string]string{"login_hint": "ann"}})
		require.NoError(t, err)
		in, err := service.Finish(t.Context(), arrival(t, d, requireAnswer(t, newBrowser(t).get(t, d.URL))))
		if p.DecryptionKeys == nil {
			requireKind(t, err, entra.KindToken)
			requireRefused(t, err, wsfed.CheckEncrypted)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "ann-1", in.Identity.Subject)
	}
}

// TestSimpleSAMLphpThroughService: the connection says that this provider sends no confirmation.
func TestSimpleSAMLphpThroughService(t *testing.T) {
	provider := startSimpleSAMLphp(t)
	for _, allowed := range []bool{true, false} {
		service := newService(t, wsfed.Protocol{}, provider.metadata(), phpIssuer, func(c *entra.Connection) { c.AllowMissingConfirmation = allowed })
		d, err := service.Begin(t.Context(), "conn", entra.BeginOptions{})
		require.NoError(t, err)
		answer := requireAnswer(t, provider.signIn(t, newBrowser(t), d.URL, "ann", "anns password"))
		in, err := service.Finish(t.Context(), arrival(t, d, answer))
		if !allowed {
			requireKind(t, err, entra.KindToken)
			requireRefused(t, err, wsfed.CheckConfirmation)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []provisioning.Key{{ConnectionID: "conn", Authority: phpIssuer, Subject: "ann-1"}}, in.User.Keys)
	}
}

func requireKind(t *testing.T, err error, kind entra.Kind) {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
}
