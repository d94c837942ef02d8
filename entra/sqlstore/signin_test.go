package sqlstore_test

import (
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"strings"
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

// fakeKeys are made once: a fake that is given keys does not generate them.
var fakeKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 6)
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) // does not fail
	}
	return keys
})

// machine is one auth server of several over one database.
type machine struct {
	*entra.Service
	fake *entratest.Server
}

func newMachine(t *testing.T, fake *entratest.Server, s *sqlstore.Store, connections entra.ConnectionStore, flows entra.FlowStore) machine {
	service, err := entra.New(entra.Config{
		BaseURL: "http://localhost:8080/sso", Connections: connections, Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys: sealer, Replay: s.Replay(), Flows: flows, Users: s.Users(), Clouds: []cloud.Cloud{fake.Cloud()}, HTTPClient: fake.Client(),
	})
	require.NoError(t, err)
	return machine{service, fake}
}

func newFake(t *testing.T) *entratest.Server {
	fake, err := entratest.Start(&entratest.Options{Keys: fakeKeys()})
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return fake
}

// customers stores a connection for each protocol.
func customers(t *testing.T, fake *entratest.Server, s *sqlstore.Store) {
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: s.Connections(), Clouds: []cloud.Cloud{fake.Cloud()}, HTTPClient: fake.Client()})
	require.NoError(t, err)
	for _, c := range []*entra.Connection{
		{ID: "oauth2", Name: "contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret), HomeRealmDomains: []string{"contoso.com"}},
		{ID: "wsfed", Name: "fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp, HomeRealmDomains: []string{"fabrikam.com"}},
	} {
		c.Enabled, c.AllApplications, c.UserGroups, c.CreateMissingUsers, c.Cloud = true, true, true, true, fake.Cloud().Name
		_, findings, err := registrar.Save(t.Context(), entra.Environment("test"), c)
		require.NoError(t, err, "%v", findings)
	}
}

// signIn begins on one machine and finishes on another.
func signIn(t *testing.T, begins, finishes machine, address, upn string) *entra.SignIn {
	d, err := begins.BeginByAddress(t.Context(), address, entra.BeginOptions{})
	require.NoError(t, err)
	r, err := begins.fake.Authenticate(t.Context(), d.URL, upn)
	require.NoError(t, err)
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	require.NoError(t, err)
	in, err := finishes.Finish(t.Context(), a)
	require.NoError(t, err)
	_, err = begins.Finish(t.Context(), a)
	require.Error(t, err, "the same answer once more, on the machine that has not seen it")
	return in
}

// TestSignIn goes the whole way, over both protocols, with flows in the browser and in the database.
func TestSignIn(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		fake := newFake(t)
		one, two := e.store(t, db, sqlstore.Config{}), e.store(t, db, sqlstore.Config{})
		customers(t, fake, one)
		for what, flows := range map[string][2]entra.FlowStore{"in the browser": {}, "in the database": {one.Flows(), two.Flows()}} {
			t.Run(what, func(t *testing.T) {
				here, there := newMachine(t, fake, one, one.Connections(), flows[0]), newMachine(t, fake, two, two.Connections(), flows[1])
				ann := signIn(t, here, there, "ann@contoso.com", entratest.Ann)
				bob := signIn(t, here, there, "bob@fabrikam.com", entratest.Bob)
				require.Equal(t, ann.User.ID, signIn(t, there, here, "ann@contoso.com", entratest.Ann).User.ID)
				again := signIn(t, there, here, "bob@fabrikam.com", entratest.Bob)
				require.Equal(t, bob.User.ID, again.User.ID)
				require.Equal(t, provisioning.ActionSignIn, again.Decision.Action)
				require.NotEmpty(t, again.User.Groups)
			})
		}
		n, err := one.Users().CountUsers(t.Context(), provisioning.UserFilter{})
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}

// TestQueriesOfASignIn counts every statement that a known person's sign-in sends, with connections in a Cache. Begin and finish together: OpenID Connect
// with flows in the browser takes two (what was used, the user), WS-Federation three (the flow and the token may both be used once). MySQL takes a flow out of
// the database in two.
func TestQueriesOfASignIn(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, _, heard *sql.DB, r *recorder) {
		fake := newFake(t)
		// The clock stands still, so that a machine which is busy for longer than the cache's bound does not ask again in the middle.
		s := e.store(t, heard, sqlstore.Config{Now: newClock().now})
		customers(t, fake, s)
		cache := s.Cache()
		run(t, cache)
		take := 1
		if e.name == "mysql" {
			take = 2
		}
		for _, c := range []struct {
			name, address, upn, id string
			flows                  entra.FlowStore
			want                   int
		}{
			{"OpenID Connect", "ann@contoso.com", entratest.Ann, "oauth2", nil, 2},
			{"WS-Federation", "bob@fabrikam.com", entratest.Bob, "wsfed", nil, 3},
			{"OpenID Connect, flows in the database", "ann@contoso.com", entratest.Ann, "oauth2", s.Flows(), 2 + take},
			{"WS-Federation, flows in the database", "bob@fabrikam.com", entratest.Bob, "wsfed", s.Flows(), 3 + take},
		} {
			t.Run(c.name, func(t *testing.T) {
				m := newMachine(t, fake, s, cache, c.flows)
				finish := func() {
					d, err := m.BeginByAddress(t.Context(), c.address, entra.BeginOptions{})
					require.NoError(t, err)
					req, err := fake.Authenticate(t.Context(), d.URL, c.upn)
					require.NoError(t, err)
					req.AddCookie(d.Cookie)
					a, err := entra.ReadArrival(req)
					require.NoError(t, err)
					_, err = m.Finish(t.Context(), a)
					require.NoError(t, err)
				}
				finish() // now the person is known, and the connection held
				warm(t, cache, r, c.id)
				_, _, err := cache.HomeRealm(t.Context(), strings.SplitAfter(c.address, "@")[1])
				require.NoError(t, err)
				r.take()
				finish()
				var sent []string
				for _, s := range r.take() {
					// What Run sends by itself: the feed's question, four a second, and sweeping.
					if !strings.HasPrefix(s.text, "SELECT number FROM") && !strings.Contains(s.text, "ORDER BY expires LIMIT") {
						sent = append(sent, s.text)
					}
				}
				require.Len(t, sent, c.want, "%q", sent)
			})
		}
	})
}
