package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// Two hundred first sign-ins of twenty people at once, on two machines over one database: twenty users, twenty identities, no error shown to anyone.
func TestTwoHundredFirstSignIns(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		store := e.store(t, db, sqlstore.Config{})
		fake, err := entratest.Start(nil)
		require.NoError(t, err)
		t.Cleanup(fake.Close)
		crowd := make([]string, 20)
		require.NoError(t, fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
			for i := range crowd {
				crowd[i] = fmt.Sprintf("person%02d@contoso.com", i)
				tenants[0].Users = append(tenants[0].Users, entratest.User{ID: fmt.Sprintf("c0a70500-0000-4000-8000-000000002%03d", i), UPN: crowd[i], Mail: crowd[i], MailVerified: true, DisplayName: crowd[i]})
			}
			return tenants
		}))
		registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: store.Connections(), Clouds: []cloud.Cloud{fake.Cloud()}, HTTPClient: fake.Client()})
		require.NoError(t, err)
		for _, c := range []*entra.Connection{
			{ID: "over_oauth2", Name: "oauth2", Strategy: entra.OAuth2, ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret)},
			{ID: "over_wsfed", Name: "wsfed", Strategy: entra.WSFed, ClientID: entratest.ContosoApp},
		} {
			c.EntraDomain, c.Enabled, c.AllApplications, c.CreateMissingUsers, c.Cloud = "contoso.com", true, true, true, fake.Cloud().Name
			_, findings, err := registrar.Save(t.Context(), entra.Environment("test"), c)
			require.NoError(t, err, "%v", findings)
		}
		machines := make([]*entra.Service, 2)
		for i := range machines {
			machines[i], err = entra.New(entra.Config{
				BaseURL: "http://localhost:8080/sso", Connections: store.Connections(), Users: store.Users(), Replay: store.Replay(), Keys: sealer,
				Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}}, Clouds: []cloud.Cloud{fake.Cloud()}, HTTPClient: fake.Client(),
			})
			require.NoError(t, err)
		}
		for _, connection := range []string{"over_oauth2", "over_wsfed"} {
			firstSignIns(t, fake, machines, connection, crowd, 200)
			n, err := store.Users().CountUsers(t.Context(), provisioning.UserFilter{ConnectionID: connection})
			require.NoError(t, err)
			require.Equal(t, len(crowd), n)
			for u, err := range store.Users().Users(t.Context(), provisioning.UserFilter{ConnectionID: connection}) {
				require.NoError(t, err)
				require.Len(t, u.Keys, 1)
			}
		}
	})
}

// firstSignIns lets n people, who are the same few, come in at once, and holds each of them to one user.
func firstSignIns(t *testing.T, fake *entratest.Server, machines []*entra.Service, connection string, crowd []string, n int) {
	arrivals := make([]*entra.Arrival, n)
	for i := range arrivals {
		d, err := machines[i%2].Begin(t.Context(), connection, entra.BeginOptions{})
		require.NoError(t, err)
		r, err := fake.Authenticate(t.Context(), d.URL, crowd[i%len(crowd)])
		require.NoError(t, err)
		r.AddCookie(d.Cookie)
		arrivals[i], err = entra.ReadArrival(r)
		require.NoError(t, err)
	}
	errs, users := make([]error, n), make([]string, n)
	var gate, done sync.WaitGroup
	gate.Add(1)
	for i, a := range arrivals {
		done.Go(func() {
			gate.Wait()
			in, err := machines[(i/len(crowd))%2].Finish(context.Background(), a)
			if errs[i] = err; err == nil {
				users[i] = in.User.ID
			}
		})
	}
	gate.Done()
	done.Wait()
	require.NoError(t, errors.Join(errs...))
	for i, id := range users {
		require.Equal(t, users[i%len(crowd)], id, crowd[i%len(crowd)])
	}
}
