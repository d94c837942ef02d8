package oauth2_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const callbackPath = "/sso/callback/oauth2"

// driver opens the protocol as a Service does.
func (f *fake) driver(t *testing.T) entra.Driver {
	t.Helper()
	client := &http.Client{Transport: f.transport}
	d, err := oauth2.Protocol{}.Open(entra.Env{
		HTTPClient: client, Now: f.clock, Logger: slog.New(slog.DiscardHandler),
		Tokens: &credential.Endpoint{HTTPClient: client, Now: f.clock},
	})
	require.NoError(t, err)
	return d
}

func (f *fake) target(change ...func(*entra.Target)) entra.Target {
	t := entra.Target{
		Connection: &entra.Connection{ID: "c1", Strategy: entra.OAuth2, EntraDomain: "contoso.test", TenantID: contoso, ClientID: clientID},
		Cloud:      f.cloud(), CallbackURL: callback,
		Credential: credential.FromSecret(credential.NewSecret("test-secret")),
	}
	for _, by := range change {
		by(&t)
	}
	return t
}

// arrive sends the person to Entra and back: what it returns is what a Service would hand to Finish.
func (f *fake) arrive(t *testing.T, d entra.Driver, target entra.Target, o entra.BeginOptions, with map[string]any) entra.FinishRequest {
	t.Helper()
	address, state, err := d.Begin(t.Context(), entra.BeginRequest{Target: target, State: testState, Options: o})
	require.NoError(t, err)
	require.LessOrEqual(t, len(state), 512)
	u, err := url.Parse(address)
	require.NoError(t, err)
	f.answers(&oauth2.Pending{Nonce: u.Query().Get("nonce")}, with)
	return entra.FinishRequest{
		Target: target, State: testState, ProtocolState: state, Options: o,
		Arrival: &entra.Arrival{Method: http.MethodGet, Path: callbackPath, Query: url.Values{"code": {testCode}, "state": {testState}}},
	}
}

func requireKind(t *testing.T, err error, kind entra.Kind) *entra.Error {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
	require.NotEmpty(t, e.Public)
	return e
}

func TestProtocol(t *testing.T) {
	require.Equal(t, entra.OAuth2, oauth2.Protocol{}.Strategy())
	f := newFake(t)
	d := f.driver(t)
	q := f.arrive(t, d, f.target(), entra.BeginOptions{ForceLogin: true}, map[string]any{"auth_time": start.Unix()})
	id, token, err := d.Finish(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, objectID, id.ObjectID)
	require.NotNil(t, token)
	require.Empty(t, f.elsewhere())

	for range 20 { // another application, the same authority: nothing new is fetched
		target := f.target(func(t *entra.Target) { t.Connection.ID, t.Connection.ClientID = "c2", "other-client" })
		_, _, err = d.Begin(t.Context(), entra.BeginRequest{Target: target, State: testState})
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.count("/keys"))
}

// TestDemandsSurvive: what was asked for at the beginning is checked at the end, by what the sealed state says.
func TestDemandsSurvive(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	for name, o := range map[string]entra.BeginOptions{"force": {ForceLogin: true}, "age": {MaxAge: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			q := f.arrive(t, d, f.target(), o, map[string]any{"auth_time": start.Add(-2 * time.Hour).Unix()})
			q.Options = entra.BeginOptions{}
			_, _, err := d.Finish(t.Context(), q)
			requireKind(t, err, entra.KindToken)
			requireRefused(t, err, oauth2.CheckFreshness, "")
		})
	}
}

func TestSharedMetadata(t *testing.T) {
	f := newFake(t)
	client := &http.Client{Transport: f.transport}
	shared := &oauth2.Metadata{}
	for range 3 {
		d, err := oauth2.Protocol{Metadata: shared}.Open(entra.Env{HTTPClient: client, Now: f.clock, Tokens: &credential.Endpoint{}})
		require.NoError(t, err)
		_, _, err = d.Begin(t.Context(), entra.BeginRequest{Target: f.target(), State: testState})
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.count("/keys"))
}

func TestReceive(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	answer := url.Values{"code": {testCode}, "state": {testState}}
	for name, tt := range map[string]struct {
		arrival entra.Arrival
		state   string
	}{
		"query":             {entra.Arrival{Method: "GET", Path: callbackPath, Query: answer}, testState},
		"form":              {entra.Arrival{Method: "POST", Path: callbackPath, Form: answer}, testState},
		"an error":          {entra.Arrival{Method: "GET", Path: callbackPath, Query: url.Values{"error": {"x"}, "state": {testState}}}, testState},
		"nothing":           {entra.Arrival{Method: "GET", Path: callbackPath}, ""},
		"mounted elsewhere": {entra.Arrival{Method: "GET", Path: "/signout/app" + callbackPath, Query: answer}, testState},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.Receive(&tt.arrival)
			require.NoError(t, err)
			require.Equal(t, entra.Receipt{State: tt.state}, got)
		})
	}
	for name, a := range map[string]entra.Arrival{
		"query and form":   {Method: "POST", Path: callbackPath, Query: url.Values{"x": {"1"}}, Form: answer},
		"form and query":   {Method: "GET", Path: callbackPath, Query: answer, Form: url.Values{"x": {"1"}}},
		"two states":       {Method: "GET", Path: callbackPath, Query: url.Values{"state": {testState, testState}}},
		"two codes":        {Method: "POST", Path: callbackPath, Form: url.Values{"state": {testState}, "code": {"a", "b"}}},
		"another method":   {Method: "PUT", Path: callbackPath, Query: answer},
		"HEAD":             {Method: "HEAD", Path: callbackPath, Query: answer},
		"sign-out by POST": {Method: "POST", Path: "/sso/signout/oauth2", Form: url.Values{"sid": {"s"}}},
		"sign-out, 2 sids": {Method: "GET", Path: "/sso/signout/oauth2", Query: url.Values{"sid": {"s", "t"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.Receive(&a)
			requireKind(t, err, entra.KindToken)
			requireRefused(t, err, oauth2.CheckResponse, "")
			require.Equal(t, entra.Receipt{}, got)
		})
	}
	require.Zero(t, f.count(""), "Receive uses no network")
}

// TestFrontChannelSignOut: Entra sends sid, seldom iss, sometimes neither.
func TestFrontChannelSignOut(t *testing.T) {
	d := newFake(t).driver(t)
	for query, want := range map[string]entra.SignOutNotice{
		"":       {},
		"sid=s1": {SessionID: "s1"},
		"sid=s1&iss=" + url.QueryEscape("https://login.example/x"): {SessionID: "s1", Issuer: "https://login.example/x"},
	} {
		v, err := url.ParseQuery(query)
		require.NoError(t, err)
		got, err := d.Receive(&entra.Arrival{Method: "GET", Path: "/sso/signout/oauth2", Query: v})
		require.NoError(t, err)
		require.Equal(t, entra.Receipt{SignOut: &want}, got)
	}
}

// TestResponseMode is attack 20: an answer by another way than was asked for.
func TestResponseMode(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	post := func(t *entra.Target) { t.Connection.ResponseMode = "form_post" }
	asForm := func(a *entra.Arrival) { a.Method, a.Form, a.Query = http.MethodPost, a.Query, nil }

	q := f.arrive(t, d, f.target(post), entra.BeginOptions{}, nil)
	_, _, err := d.Finish(t.Context(), q)
	requireRefused(t, err, oauth2.CheckResponse, "")
	requireKind(t, err, entra.KindToken)
	require.Zero(t, f.count("/token"))
	asForm(q.Arrival)
	_, _, err = d.Finish(t.Context(), q)
	require.NoError(t, err)

	q = f.arrive(t, d, f.target(), entra.BeginOptions{}, nil)
	asForm(q.Arrival)
	_, _, err = d.Finish(t.Context(), q)
	requireRefused(t, err, oauth2.CheckResponse, "")
	q.Arrival.Query = url.Values{"code": {testCode}, "state": {testState}}
	_, _, err = d.Finish(t.Context(), q)
	requireRefused(t, err, oauth2.CheckResponse, "")
}

// TestConnectionsThatCannotBeOpened: at Begin, and again at Finish.
func TestConnectionsThatCannotBeOpened(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	whole := f.arrive(t, d, f.target(), entra.BeginOptions{}, nil)
	for name, change := range map[string]func(*entra.Target){
		"no connection":      func(t *entra.Target) { t.Connection = nil },
		"no client id":       func(t *entra.Target) { t.Connection.ClientID = "" },
		"no credential":      func(t *entra.Target) { t.Credential = nil },
		"no callback":        func(t *entra.Target) { t.CallbackURL = "" },
		"no cloud":           func(t *entra.Target) { t.Cloud = cloud.Cloud{} },
		"no tenant":          func(t *entra.Target) { t.Connection.TenantID, t.Connection.EntraDomain = "", "" },
		"no allowed tenants": func(t *entra.Target) { *t.Connection = entra.Connection{ClientID: clientID, UseCommonEndpoint: true} },
		"a bad scope":        func(t *entra.Target) { t.Connection.Scopes = []string{"a b"} },
		"a bad mode":         func(t *entra.Target) { t.Connection.ResponseMode = "fragment" },
	} {
		t.Run(name, func(t *testing.T) {
			target := f.target(change)
			_, _, err := d.Begin(t.Context(), entra.BeginRequest{Target: target, State: testState})
			requireKind(t, err, entra.KindConfiguration)
			q := whole
			q.Target = target
			_, _, err = d.Finish(t.Context(), q)
			requireKind(t, err, entra.KindConfiguration)
			_, err = d.(entra.SignOuter).SignOut(t.Context(), target, entra.SignOutOptions{})
			requireKind(t, err, entra.KindConfiguration)
		})
	}
	_, _, err := d.Begin(t.Context(), entra.BeginRequest{Target: f.target(), State: testState, Params: url.Values{"STATE": {"x"}}})
	requireKind(t, err, entra.KindConfiguration)
}

// TestKinds: what each trouble is to entra.
func TestKinds(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	q := f.arrive(t, d, f.target(), entra.BeginOptions{}, map[string]any{"tid": fabrikam, "iss": f.URL + "/" + fabrikam + "/v2.0"})
	_, _, err := d.Finish(t.Context(), q)
	e := requireKind(t, err, entra.KindToken)
	require.Equal(t, aadsts.MenderUser, e.Mender)
	require.Contains(t, e.Public, "account of your organization")

	f.set(func() { f.token = map[string]any{"error": "invalid_client", "error_codes": []int{7000215}} })
	_, _, err = d.Finish(t.Context(), q)
	var provider *entra.ProviderError
	require.ErrorAs(t, err, &provider)
	require.NotErrorAs(t, err, new(*entra.Error), "Entra's own errors go to entra as they are")

	q.ProtocolState = []byte("something else")
	_, _, err = d.Finish(t.Context(), q)
	requireKind(t, err, entra.KindFlow)

	other := newFake(t)
	other.intercept = failing(http.StatusServiceUnavailable)
	_, _, err = other.driver(t).Begin(t.Context(), entra.BeginRequest{Target: other.target(), State: testState})
	require.True(t, requireKind(t, err, entra.KindUnavailable).Retry)

	foreign := newFake(t)
	foreign.discovery["issuer"] = "https://evil.example"
	_, _, err = foreign.driver(t).Begin(t.Context(), entra.BeginRequest{Target: foreign.target(), State: testState})
	requireKind(t, err, entra.KindConfiguration)
}

// TestAuthorities: which address a connection's people sign in at, and what is asked of Graph.
func TestAuthorities(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	shared := func(tenants ...string) func(*entra.Target) {
		return func(t *entra.Target) {
			*t.Connection = entra.Connection{ClientID: clientID, UseCommonEndpoint: true, AllowedTenants: tenants}
		}
	}
	for name, tt := range map[string]struct {
		change  func(*entra.Target)
		address string
		scope   string
	}{
		"one tenant": {func(*entra.Target) {}, contoso, ""},
		"one domain": {func(t *entra.Target) { t.Connection.TenantID = "" }, "contoso.test", ""},
		"many":       {shared(contoso, fabrikam), "organizations", ""},
		"any": {func(t *entra.Target) {
			*t.Connection = entra.Connection{ClientID: clientID, UseCommonEndpoint: true, AnyTenant: true}
		}, "organizations", ""},
		"many, and personal":  {shared(contoso, cloud.Consumers), "common", ""},
		"a list left behind":  {func(t *entra.Target) { t.Connection.AllowedTenants, t.Connection.AnyTenant = []string{fabrikam}, true }, contoso, ""},
		"groups":              {func(t *entra.Target) { t.Connection.UserGroups = true }, contoso, " User.Read"},
		"profile":             {func(t *entra.Target) { t.Connection.ExtendedProfile = true }, contoso, " User.Read"},
		"photo":               {func(t *entra.Target) { t.Connection.Profile.Photo = true }, contoso, " User.Read"},
		"groups, asked twice": {func(t *entra.Target) { t.Connection.UserGroups, t.Connection.Scopes = true, []string{"User.Read"} }, contoso, " User.Read"},
		"groups, another API": {func(t *entra.Target) { t.Connection.UserGroups, t.Connection.Scopes = true, []string{"api://x/read"} }, contoso, " api://x/read"},
		"groups, Graph's own": {func(t *entra.Target) {
			t.Connection.UserGroups, t.Connection.Scopes = true, []string{"https://graph.test/Mail.Read"}
		}, contoso, " https://graph.test/Mail.Read User.Read"},
		"groups, but no Graph": {func(t *entra.Target) { t.Connection.UserGroups, t.Cloud.Graph = true, "" }, contoso, ""},
	} {
		t.Run(name, func(t *testing.T) {
			target := f.target(tt.change)
			address, _, err := d.Begin(t.Context(), entra.BeginRequest{Target: target, State: testState})
			require.NoError(t, err)
			u, err := url.Parse(address)
			require.NoError(t, err)
			require.Equal(t, "/"+tt.address+"/oauth2/v2.0/authorize", u.Path)
			require.Equal(t, "openid profile email"+tt.scope, u.Query().Get("scope"))
		})
	}
}

// TestSharedConnectionsKeepTheirTenants: the allow-list of the connection, and no other, decides.
func TestSharedConnectionsKeepTheirTenants(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	allow := func(tenants ...string) entra.Target {
		return f.target(func(t *entra.Target) {
			*t.Connection = entra.Connection{ClientID: clientID, UseCommonEndpoint: true, AllowedTenants: tenants}
		})
	}
	_, _, err := d.Finish(t.Context(), f.arrive(t, d, allow(contoso), entra.BeginOptions{}, nil))
	require.NoError(t, err)
	_, _, err = d.Finish(t.Context(), f.arrive(t, d, allow(fabrikam), entra.BeginOptions{}, nil))
	requireRefused(t, err, oauth2.CheckTenant, "")
}

func TestSignOutOfAConnection(t *testing.T) {
	f := newFake(t)
	d := f.driver(t).(entra.SignOuter)
	address, err := d.SignOut(t.Context(), f.target(), entra.SignOutOptions{LoginHint: "hint", ReturnTo: "https://app.example.com/bye"})
	require.NoError(t, err)
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/logout?logout_hint=hint&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye", address)
	_, err = d.SignOut(t.Context(), f.target(), entra.SignOutOptions{ReturnTo: "/bye"})
	requireKind(t, err, entra.KindConfiguration)
}
