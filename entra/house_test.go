package entra_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// house is the whole: Service, both protocols, memory stores, and a fake Entra with its sample tenants.
type house struct {
	*entra.Service
	fake        *entratest.Server
	connections *memory.Connections
	users       *memory.Users
	registrar   *entra.Registrar
	clock       *clock
	log         *syncBuffer
	config      entra.Config
}

// The house's connections.
const (
	contosoOAuth2 = "conn_contoso_oauth2"
	contosoWSFed  = "conn_contoso_wsfed"
	contosoSAML11 = "conn_contoso_saml11"
	contosoOwnKey = "conn_contoso_ownkey"
	fabrikamWSFed = "conn_fabrikam_wsfed"
)

// suiteKeys are made once: a fake that is given keys does not generate them.
var suiteKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 6)
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) // does not fail
	}
	return keys
})

func newHouse(t *testing.T, change ...func(*entra.Config)) *house {
	t.Helper()
	// The clock stands at the present, so that certificates made at run time are valid; tests move it.
	h := &house{clock: &clock{t: time.Now().Truncate(time.Second)}, connections: memory.NewConnections(), users: memory.NewUsers(), log: &syncBuffer{}}
	var err error
	h.fake, err = entratest.Start(&entratest.Options{Now: h.clock.Now, Keys: suiteKeys()})
	require.NoError(t, err)
	t.Cleanup(h.fake.Close)

	h.registrar, err = entra.NewRegistrar(entra.RegistrarConfig{Store: h.connections, Clouds: []cloud.Cloud{h.fake.Cloud()}, HTTPClient: h.fake.Client(), Now: h.clock.Now})
	require.NoError(t, err)
	h.config = entra.Config{
		BaseURL: "http://localhost:8080/sso", Connections: h.connections, Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys: newKeyring(t), Replay: memory.NewReplay(), Users: h.users, Clouds: []cloud.Cloud{h.fake.Cloud()}, HTTPClient: h.fake.Client(), Now: h.clock.Now,
		Logger:   slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnSignIn: func(http.ResponseWriter, *http.Request, *entra.SignIn) {},
	}
	for _, f := range change {
		f(&h.config)
	}
	h.Service, err = entra.New(h.config)
	require.NoError(t, err)

	h.save(t, &entra.Connection{ID: contosoOAuth2, Name: "contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret), HomeRealmDomains: []string{"@contoso.com"}, ExtendedProfile: true})
	h.save(t, &entra.Connection{ID: contosoWSFed, Name: "contoso-wsfed", Strategy: entra.WSFed, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret)})
	h.save(t, &entra.Connection{ID: contosoSAML11, Name: "contoso-saml11", Strategy: entra.WSFed, EntraDomain: entratest.ContosoID, ClientID: entratest.ContosoSAML11App})
	h.save(t, &entra.Connection{ID: contosoOwnKey, Name: "contoso-ownkey", Strategy: entra.WSFed, EntraDomain: entratest.ContosoID, ClientID: entratest.ContosoOwnKeyApp})
	h.save(t, &entra.Connection{ID: fabrikamWSFed, Name: "fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp, HomeRealmDomains: []string{"fabrikam.com"}})
	return h
}

// save stores a connection as the environment does, switched on, with groups and just-in-time creation.
func (h *house) save(t *testing.T, c *entra.Connection) *entra.Connection {
	t.Helper()
	c.Enabled, c.AllApplications, c.UserGroups, c.CreateMissingUsers, c.Cloud = true, true, true, true, h.fake.Cloud().Name
	saved, findings, err := h.registrar.Save(t.Context(), entra.Environment("test"), c)
	require.NoError(t, err, "%v", findings)
	return saved
}

// edit changes a stored connection as the environment does.
func (h *house) edit(t *testing.T, id string, change func(*entra.Connection)) {
	t.Helper()
	c, err := h.connections.Connection(t.Context(), id)
	require.NoError(t, err)
	c = c.Clone()
	change(c)
	_, findings, err := h.registrar.Save(t.Context(), entra.Environment("test"), c)
	require.NoError(t, err, "%v", findings)
}

// arrival takes a departure to the fake, signs in there as upn, and returns what the browser brings back.
func (h *house) arrival(t *testing.T, d *entra.Departure, upn string) *entra.Arrival {
	t.Helper()
	r, err := h.fake.Authenticate(t.Context(), d.URL, upn)
	require.NoError(t, err)
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	require.NoError(t, err)
	return a
}

// signIn goes the whole way.
func (h *house) signIn(t *testing.T, connection, upn string) (*entra.SignIn, error) {
	t.Helper()
	d, err := h.Begin(t.Context(), connection, entra.BeginOptions{ReturnTo: "/inbox"})
	require.NoError(t, err)
	return h.Finish(t.Context(), h.arrival(t, d, upn))
}

func (h *house) mustSignIn(t *testing.T, connection, upn string) *entra.SignIn {
	t.Helper()
	in, err := h.signIn(t, connection, upn)
	require.NoError(t, err)
	return in
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }
