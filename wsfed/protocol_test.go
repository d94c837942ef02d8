package wsfed

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// plug is the driver as a Service holds it.
type plug struct {
	entra.Driver
	*world
	target entra.Target
}

func newPlug(t testing.TB) *plug {
	t.Helper()
	w := newWorld(t)
	d, err := Protocol{}.Open(entra.Env{HTTPClient: &http.Client{Transport: w.net}, Now: w.clock.Now, Logger: slog.New(slog.DiscardHandler), Replay: w.replay})
	require.NoError(t, err)
	return &plug{d, w, entra.Target{
		Connection:  &entra.Connection{ID: "c1", Strategy: entra.WSFed, TenantID: idpTenant, ClientID: strings.TrimPrefix(idpRealm, "spn:")},
		Cloud:       idpCloud,
		CallbackURL: idpReply,
	}}
}

func (p *plug) arrival(answer, state string) *entra.Arrival {
	return &entra.Arrival{Method: http.MethodPost, Form: url.Values{"wa": {"wsignin1.0"}, "wresult": {answer}, "wctx": {state}}}
}

func requireKind(t testing.TB, err error, want entra.Kind) *entra.Error {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Kind, err.Error())
	require.NotEmpty(t, e.Public)
	return e
}

func TestDriverSignsIn(t *testing.T) {
	p := newPlug(t)
	assert.Equal(t, entra.WSFed, Protocol{}.Strategy())
	address, state, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1", Params: url.Values{"login_hint": {"ann"}}})
	require.NoError(t, err)
	assert.Equal(t, idpBegun, state)
	u, err := url.Parse(address)
	require.NoError(t, err)
	assert.Equal(t, "s1", u.Query().Get("wctx"))
	assert.Equal(t, idpRealm, u.Query().Get("wtrealm"), "spn: and the client id by default")
	assert.Equal(t, "ann", u.Query().Get("login_hint"))

	a := p.arrival(idpKeys()[0].answer(t, idpToken{}), "s1")
	receipt, err := p.Receive(a)
	require.NoError(t, err)
	assert.Equal(t, entra.Receipt{State: "s1"}, receipt)
	id, token, err := p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: a})
	require.NoError(t, err)
	assert.Nil(t, token)
	assert.Equal(t, idpTenant, id.TenantID)
	assert.Equal(t, idpObject, id.ObjectID)
}

func TestDriverReceives(t *testing.T) {
	p := newPlug(t)
	receipt, err := p.Receive(&entra.Arrival{Method: http.MethodGet, Query: url.Values{"wa": {"wsignoutcleanup1.0"}}})
	require.NoError(t, err)
	assert.Equal(t, entra.Receipt{SignOut: &entra.SignOutNotice{}}, receipt)
	receipt, err = p.Receive(p.arrival("<x/>", ""))
	require.NoError(t, err)
	assert.Equal(t, entra.Receipt{}, receipt, "nobody asked for it")
	_, err = p.Receive(&entra.Arrival{Method: http.MethodGet, Query: p.arrival("<x/>", "s").Form})
	requireKind(t, err, entra.KindToken)
	assert.Zero(t, p.net.count())
}

func TestDriverRefuses(t *testing.T) {
	p := newPlug(t)
	answer := func() string { return idpKeys()[0].answer(t, idpToken{}) }
	finish := func(a *entra.Arrival, change func(*entra.FinishRequest)) error {
		q := entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: a}
		connection := *p.target.Connection
		q.Connection = &connection
		if change != nil {
			change(&q)
		}
		id, token, err := p.Finish(t.Context(), q)
		if err != nil {
			assert.Nil(t, id)
			assert.Nil(t, token)
		}
		return err
	}
	e := requireKind(t, finish(p.arrival(answer(), "s2"), nil), entra.KindToken)
	assert.True(t, e.Retry)
	requireKind(t, finish(p.arrival(strings.Replace(answer(), idpObject, "bbbbbbbb-0000-4000-8000-000000000001", 1), "s1"), nil), entra.KindToken)
	both := p.arrival(answer(), "s1")
	both.Query = url.Values{"wctx": {"s1"}}
	requireKind(t, finish(both, nil), entra.KindToken)
	requireKind(t, finish(&entra.Arrival{Method: http.MethodGet, Query: url.Values{"wa": {"wsignoutcleanup1.0"}}}, nil), entra.KindToken)
	requireKind(t, finish(p.arrival(answer(), "s1"), func(q *entra.FinishRequest) { q.Connection.Realm = "other" }), entra.KindToken)
	assert.Zero(t, p.replay.calls)

	once := answer()
	require.NoError(t, finish(p.arrival(once, "s1"), nil))
	e = requireKind(t, finish(p.arrival(once, "s1"), nil), entra.KindToken)
	assert.Contains(t, e.Public, "used already")

	requireKind(t, finish(p.arrival(answer(), "s1"), func(q *entra.FinishRequest) { q.Connection.TenantID = "" }), entra.KindConfiguration)
	requireKind(t, finish(p.arrival(answer(), "s1"), func(q *entra.FinishRequest) { q.Connection.ClientID = "" }), entra.KindConfiguration)
	requireKind(t, finish(p.arrival(answer(), "s1"), func(q *entra.FinishRequest) {
		q.Connection.UseCommonEndpoint, q.Connection.TenantID, q.Connection.EntraDomain = true, "", "contoso.com"
	}), entra.KindConfiguration)

	e = requireKind(t, finish(p.arrival(answer(), "s1"), func(q *entra.FinishRequest) { q.Cloud = cloud.Cloud{} }), entra.KindConfiguration)
	require.ErrorContains(t, e, "no cloud", "which is not the public one")

	p.replay.err = errors.New("down")
	e = requireKind(t, finish(p.arrival(answer(), "s1"), nil), entra.KindUnavailable)
	assert.True(t, e.Retry)
}

func TestDriverWithoutMetadata(t *testing.T) {
	p := newPlug(t)
	p.net.setDown(true)
	_, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
	requireKind(t, err, entra.KindUnavailable)
	p.net.setDown(false)
	p.clock.add(time.Second) // as long as a first failure is remembered
	p.net.put(tenantMetadataURL(idpTenant), idpMetadata("https://sts.windows.net/"+idpTenant+"/", idpLogin+"/wsfed", idpKeys()[0]))
	_, _, err = p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
	requireKind(t, err, entra.KindConfiguration)
}

func TestDriverChecksDemands(t *testing.T) {
	for name, c := range map[string]struct {
		options entra.BeginOptions
		age     time.Duration // of the authentication, against the request
		wfresh  string
		refused bool
	}{
		"forced, fresh":        {entra.BeginOptions{ForceLogin: true}, -time.Minute, "0", false},
		"forced, old":          {entra.BeginOptions{ForceLogin: true}, time.Hour, "0", true},
		"forced, whatever age": {entra.BeginOptions{ForceLogin: true, MaxAge: 24 * time.Hour}, time.Hour, "0", true},
		"maximum age, younger": {entra.BeginOptions{MaxAge: time.Hour}, 30 * time.Minute, "60", false},
		"maximum age, older":   {entra.BeginOptions{MaxAge: time.Hour}, 2 * time.Hour, "60", true},
		"no demand, old":       {entra.BeginOptions{}, 100 * time.Hour, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlug(t)
			address, state, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1", Options: c.options})
			require.NoError(t, err)
			u, err := url.Parse(address)
			require.NoError(t, err)
			assert.Equal(t, c.wfresh, u.Query().Get("wfresh"))
			assert.LessOrEqual(t, len(state), 512)

			finish := func(state []byte) error {
				a := p.arrival(idpKeys()[0].answer(t, idpToken{authenticated: idpNow.Add(-c.age)}), "s1")
				_, _, err = p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: state, Options: c.options, Arrival: a})
				return err
			}
			if !c.refused {
				require.NoError(t, finish(state))
				return
			}
			requireKind(t, finish(state), entra.KindToken)
			requireCheck(t, finish(state), CheckFreshness)
			requireCheck(t, finish(nil), CheckIssued)
		})
	}
	p := newPlug(t)
	_, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1", Options: entra.BeginOptions{Claims: `{"id_token":{}}`}})
	requireKind(t, err, entra.KindConfiguration)
}

// TestDriverTiesTokensToSignIns: a token that is older than the sign-in that it comes with belongs to another one, used or not, and whatever the replay
// store knows of it.
func TestDriverTiesTokensToSignIns(t *testing.T) {
	p := newPlug(t)
	answer := idpKeys()[0].answer(t, idpToken{}) // of idpNow
	finish := func(later time.Duration) error {
		p.clock.add(later)
		_, state, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
		require.NoError(t, err)
		_, _, err = p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: state, Arrival: p.arrival(answer, "s1")})
		return err
	}
	require.NoError(t, finish(DefaultSkew))
	before := p.replay.calls
	p.replay.forget()
	require.NoError(t, finish(0), "forgotten, and still young enough for a sign-in that began in time")
	p.replay.forget()
	err := finish(time.Second)
	requireCheck(t, err, CheckIssued)
	assert.True(t, requireKind(t, err, entra.KindToken).Retry)
	assert.Equal(t, before+1, p.replay.calls, "the last check of all")
}

func TestDriverOfADFS(t *testing.T) {
	p := newPlug(t)
	p.target.Connection = &entra.Connection{
		ID: "c2", Strategy: entra.WSFed, Realm: idpRealm, MetadataURL: adfsURL, Issuer: adfsName, SubjectClaim: NameIdentifierClaim,
		TenantID: idpTenant, // of no meaning there
	}
	address, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1", Params: url.Values{"login_hint": {"ann"}}})
	require.NoError(t, err)
	assert.Contains(t, address, "https://adfs.idp.invalid/adfs/ls/?")
	assert.Contains(t, address, "username=ann")
	id, _, err := p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: p.arrival(idpKeys()[0].answer(t, idpToken{issuer: adfsName}), "s1")})
	require.NoError(t, err)
	assert.Equal(t, "pairwise", id.Subject)
	assert.Empty(t, id.TenantID)
	assert.Empty(t, id.ObjectID)
}

func TestDriverOfManyTenants(t *testing.T) {
	p := newPlug(t)
	p.target.Connection.UseCommonEndpoint, p.target.Connection.AllowedTenants = true, []string{idpTenant}
	address, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
	require.NoError(t, err)
	assert.Contains(t, address, "/common/wsfed?")
	_, _, err = p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: p.arrival(idpKeys()[0].answer(t, idpToken{}), "s1")})
	require.NoError(t, err)
	_, _, err = p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: p.arrival(idpKeys()[0].answer(t, idpToken{tenant: "99999999-2222-4333-8444-555555555555"}), "s1")})
	requireCheck(t, err, CheckTenant)
}

func TestDriverSignsOutAndDiagnoses(t *testing.T) {
	p := newPlug(t)
	address, err := p.Driver.(entra.SignOuter).SignOut(t.Context(), p.target, entra.SignOutOptions{ReturnTo: "https://auth.example.com/bye"})
	require.NoError(t, err)
	assert.Contains(t, address, "wa=wsignout1.0")

	diagnose := p.Driver.(entra.Diagnoser).Diagnose
	endsLongAgo := diagnose(t.Context(), p.target)
	require.NoError(t, endsLongAgo.Err())
	assert.Len(t, endsLongAgo, 1, "the provider's only certificate is out of date")
	p.net.put(tenantMetadataURL(idpTenant), idpMetadata("https://sts.windows.net/"+idpTenant+"/", idpLogin+"/wsfed", idpKeys()[0]))
	p.clock.add(2 * time.Hour)
	assert.Len(t, diagnose(t.Context(), p.target), 1)
	p.net.setDown(true)
	p.clock.add(48 * time.Hour)
	assert.Len(t, diagnose(t.Context(), p.target), 1)
	p.target.Connection = &entra.Connection{}
	assert.Len(t, diagnose(t.Context(), p.target), 1)
}

func TestOpenNeedsAReplayStore(t *testing.T) {
	_, err := Protocol{}.Open(entra.Env{})
	require.Error(t, err)
}
