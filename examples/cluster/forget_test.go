package main

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// forgetful is a service whose flows and replay ids lie in a Redis that keeps nothing.
type forgetful struct {
	*entra.Service
	t      *testing.T
	fake   *entratest.Server
	server *testservers.Server
	client *redis.Client
	ahead  time.Duration // of the service's clock
}

func newForgetful(t *testing.T) *forgetful {
	f := &forgetful{t: t, server: testservers.NewRedis(t)}
	o, err := redis.ParseURL(f.server.Database(t))
	require.NoError(t, err)
	f.client = redis.NewClient(o)
	t.Cleanup(func() { require.NoError(t, f.client.Close()) })
	f.keepNothing()
	shared, err := redisstore.New(f.client, "")
	require.NoError(t, err)
	f.fake, err = entratest.Start(nil)
	require.NoError(t, err)
	t.Cleanup(f.fake.Close)
	keys, err := entra.NewKeyring(make([]byte, entra.KeySize))
	require.NoError(t, err)
	connections, clouds := memory.NewConnections(), []cloud.Cloud{f.fake.Cloud()}
	f.Service, err = entra.New(entra.Config{
		BaseURL: "http://localhost:8080/sso", Connections: connections, Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys: keys, Replay: shared, Flows: shared, Users: memory.NewUsers(), Clouds: clouds, HTTPClient: f.fake.Client(),
		Now: func() time.Time { return time.Now().Add(f.ahead) },
	})
	require.NoError(t, err)
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: connections, Clouds: clouds, HTTPClient: f.fake.Client()})
	require.NoError(t, err)
	for _, c := range []*entra.Connection{
		{ID: "contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret)},
		{ID: "fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp},
	} {
		c.Name, c.Enabled, c.AllApplications, c.CreateMissingUsers, c.Cloud = c.ID, true, true, true, clouds[0].Name
		_, _, err := registrar.Save(t.Context(), entra.Environment("test"), c)
		require.NoError(t, err)
	}
	return f
}

// keepNothing makes an empty Redis one that begins empty again.
func (f *forgetful) keepNothing() {
	require.NoError(f.t, f.client.ConfigSet(f.t.Context(), "appendonly", "no").Err())
}

// forget restarts Redis.
func (f *forgetful) forget() {
	f.server.Kill(f.t)
	f.server.Start(f.t)
	n, err := f.client.DBSize(f.t.Context()).Result()
	require.NoError(f.t, err)
	require.Zero(f.t, n)
	f.keepNothing()
}

func (f *forgetful) begin(connection string) *entra.Departure {
	d, err := f.Begin(f.t.Context(), connection, entra.BeginOptions{})
	require.NoError(f.t, err)
	return d
}

// answer is what the person's browser brings back.
func (f *forgetful) answer(d *entra.Departure, person string) *entra.Arrival {
	r, err := f.fake.Authenticate(f.t.Context(), d.URL, person)
	require.NoError(f.t, err)
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	require.NoError(f.t, err)
	return a
}

// bring brings somebody else's answer into a sign-in of one's own.
func (f *forgetful) bring(stolen *entra.Arrival, connection string) error {
	own := f.begin(connection)
	u, err := url.Parse(own.URL)
	require.NoError(f.t, err)
	a := &entra.Arrival{Method: stolen.Method, Path: stolen.Path, Query: maps.Clone(stolen.Query), Form: maps.Clone(stolen.Form), Cookies: []*http.Cookie{own.Cookie}}
	for _, name := range []string{"state", "wctx"} {
		for _, values := range []url.Values{a.Query, a.Form} {
			if values.Has(name) {
				values.Set(name, u.Query().Get(name))
			}
		}
	}
	return f.finish(a)
}

func (f *forgetful) finish(a *entra.Arrival) error {
	_, err := f.Finish(f.t.Context(), a)
	return err
}

// requireRefused demands a refusal; Entra's own aside, from its page the person can sign in again.
func (f *forgetful) requireRefused(err error, kind entra.Kind) {
	f.t.Helper()
	var e *entra.Error
	require.ErrorAs(f.t, err, &e)
	require.Equal(f.t, kind, e.Kind, "%v", err)
	require.Equal(f.t, kind != entra.KindProvider, e.Retry)
}

func (f *forgetful) requireCheck(err error, check wsfed.Check) {
	f.t.Helper()
	f.requireRefused(err, entra.KindToken)
	var refused *wsfed.VerificationError
	require.ErrorAs(f.t, err, &refused)
	require.Equal(f.t, check, refused.Check)
}

// TestRedisForgets is what package redisstore says of a Redis that begins empty again: whoever was on the way signs in again; no answer is taken twice from its
// own browser; what somebody else has got hold of is of use for WS-Federation alone, in a sign-in that begins while the token is a few minutes old.
func TestRedisForgets(t *testing.T) {
	f := newForgetful(t)
	token, code := f.answer(f.begin("fabrikam"), entratest.Bob), f.answer(f.begin("contoso"), entratest.Ann)
	require.NoError(t, f.finish(token))
	require.NoError(t, f.finish(code))
	f.requireRefused(f.finish(token), entra.KindFlow)
	f.requireRefused(f.finish(code), entra.KindFlow)
	f.requireCheck(f.bring(token, "fabrikam"), wsfed.CheckReplay)
	f.requireRefused(f.bring(code, "contoso"), entra.KindProvider)
	half := []*entra.Arrival{f.answer(f.begin("fabrikam"), entratest.Bob), f.answer(f.begin("contoso"), entratest.Ann)}

	f.forget()
	for _, a := range append(half, token, code) {
		f.requireRefused(f.finish(a), entra.KindFlow)
	}
	f.requireRefused(f.bring(code, "contoso"), entra.KindProvider) // the tenant has not forgotten, and the code belongs to another verifier and nonce
	require.NoError(t, f.bring(token, "fabrikam"), "this is the price")
	f.requireCheck(f.bring(token, "fabrikam"), wsfed.CheckReplay)

	f.forget()
	f.ahead = wsfed.DefaultSkew + time.Minute
	f.requireCheck(f.bring(token, "fabrikam"), wsfed.CheckIssued)
}
