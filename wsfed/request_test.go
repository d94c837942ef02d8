package wsfed

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func signInQuery(t testing.TB, p *RelyingParty, q SignInRequest) url.Values {
	t.Helper()
	q.Context = "state"
	address, _, err := p.SignIn(t.Context(), q)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query()
}

func TestSignInRequest(t *testing.T) {
	w := newWorld(t)
	address, pending, err := w.SignIn(t.Context(), SignInRequest{Context: "state", ForceLogin: true, MaxAge: time.Hour})
	require.NoError(t, err)
	assert.Equal(t, &Pending{Context: "state", ForceLogin: true, MaxAge: time.Hour, Begun: idpNow}, pending)
	assert.True(t, strings.HasPrefix(address, idpLogin+"/"+idpTenant+"/wsfed?"))
	assert.Equal(t, url.Values{
		"wa": {"wsignin1.0"}, "wtrealm": {idpRealm}, "wreply": {idpReply}, "wctx": {"state"}, "wct": {"2030-01-02T03:04:05Z"},
	}, signInQuery(t, w.RelyingParty, SignInRequest{}))
	_, pending, err = w.SignIn(t.Context(), SignInRequest{})
	require.ErrorIs(t, err, ErrInvalid, "nothing would bind the answer to the browser")
	assert.Nil(t, pending)
}

func TestSignInParametersAreTranslated(t *testing.T) {
	entra, other := newWorld(t), newWorld(t, adfs)
	for name, c := range map[string]struct {
		p    *RelyingParty
		q    SignInRequest
		want string // beside the protocol's own
	}{
		"login_hint":             {entra.RelyingParty, SignInRequest{Params: url.Values{"login_hint": {"ann@contoso.example"}}}, "login_hint=ann%40contoso.example"},
		"login_hint, AD FS":      {other.RelyingParty, SignInRequest{Params: url.Values{"login_hint": {"ann"}}}, "username=ann"},
		"domain_hint":            {entra.RelyingParty, SignInRequest{Params: url.Values{"domain_hint": {"contoso.example"}}}, "whr=contoso.example"},
		"prompt login":           {entra.RelyingParty, SignInRequest{Params: url.Values{"prompt": {"login"}}}, "wfresh=0"},
		"prompt select_account":  {entra.RelyingParty, SignInRequest{Params: url.Values{"prompt": {"select_account"}}}, ""},
		"max_age":                {entra.RelyingParty, SignInRequest{Params: url.Values{"max_age": {"3599"}}}, "wfresh=59"},
		"max_age and prompt":     {entra.RelyingParty, SignInRequest{Params: url.Values{"max_age": {"3599"}, "prompt": {"login"}}}, "wfresh=0"},
		"as it is":               {entra.RelyingParty, SignInRequest{Params: url.Values{"wauth": {"urn:x"}, "whr": {"y"}}}, "wauth=urn%3Ax&whr=y"},
		"fresh":                  {entra.RelyingParty, SignInRequest{ForceLogin: true}, "wfresh=0"},
		"fresh, whatever a hint": {entra.RelyingParty, SignInRequest{ForceLogin: true, Params: url.Values{"wfresh": {"60"}}}, "wfresh=0"},
		"maximum age":            {entra.RelyingParty, SignInRequest{MaxAge: 90 * time.Minute}, "wfresh=90"},
		"maximum age, seconds":   {entra.RelyingParty, SignInRequest{MaxAge: 59 * time.Second}, "wfresh=0"},
		"the stricter one":       {entra.RelyingParty, SignInRequest{MaxAge: time.Hour, Params: url.Values{"max_age": {"600"}}}, "wfresh=10"},
		"the stricter one too":   {entra.RelyingParty, SignInRequest{MaxAge: time.Hour, Params: url.Values{"wfresh": {"rubbish"}}}, "wfresh=60"},
	} {
		t.Run(name, func(t *testing.T) {
			got := signInQuery(t, c.p, c.q)
			for _, own := range []string{"wa", "wtrealm", "wreply", "wctx", "wct"} {
				got.Del(own)
			}
			assert.Equal(t, c.want, got.Encode())
		})
	}
}

func TestSignInParametersAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, params := range map[string]url.Values{
		"wreply":             {"wreply": {"https://evil.invalid/"}},
		"WREPLY":             {"WREPLY": {"https://evil.invalid/"}},
		"Wtrealm":            {"Wtrealm": {"x"}},
		"wa":                 {"wa": {"wsignout1.0"}},
		"wctx":               {"wctx": {"x"}},
		"wct":                {"wct": {"x"}},
		"wresult":            {"wresult": {"x"}},
		"wreq":               {"wreq": {"x"}},
		"wreqptr":            {"wreqptr": {"https://evil.invalid/"}},
		"wWhateverPtr":       {"wWhateverPtr": {"https://evil.invalid/"}},
		"redirect_uri":       {"redirect_uri": {"https://evil.invalid/"}},
		"wreply with spaces": {" wreply ": {"x"}},
		"empty name":         {"": {"x"}},
		"two values":         {"login_hint": {"a", "b"}},
		"no value":           {"login_hint": nil},
		"line end":           {"login_hint": {"a\r\nb"}},
		"too long":           {"login_hint": {strings.Repeat("x", 513)}},
		"not UTF-8":          {"login_hint": {"\xff"}},
		"two cases":          {"foo": {"1"}, "FOO": {"2"}},
		"two names for one":  {"whr": {"a"}, "WHR": {"b"}},
		"translated twice":   {"domain_hint": {"a"}, "whr": {"b"}},
		"max_age no number":  {"max_age": {"-1"}},
		"max_age huge":       {"max_age": {"99999999999999999999"}},
	} {
		t.Run(name, func(t *testing.T) {
			address, pending, err := w.SignIn(t.Context(), SignInRequest{Context: "state", Params: params})
			require.Error(t, err)
			assert.Empty(t, address)
			assert.Nil(t, pending)
			assert.NotContains(t, err.Error(), "evil")
		})
	}
	for _, force := range []bool{false, true} {
		_, _, err := w.SignIn(t.Context(), SignInRequest{Context: "state", MaxAge: -1, ForceLogin: force})
		require.ErrorIs(t, err, ErrInvalid)
	}
}

// The endpoint comes from metadata, which could try to set what is ours.
func TestEndpointMaySetNothingOfOurs(t *testing.T) {
	for _, query := range []string{"wreply=https%3A%2F%2Fevil.invalid", "WTREALM=x", "wctx=y", "wreqptr=z", "a=1&a=2", "%zz"} {
		w := newWorld(t)
		w.net.put(tenantMetadataURL(idpTenant), idpMetadata(sts, idpLogin+"/wsfed?"+strings.ReplaceAll(query, "&", "&amp;"), idpKeys()[0]))
		_, pending, err := w.SignIn(t.Context(), SignInRequest{Context: "state"})
		require.Error(t, err, query)
		assert.Nil(t, pending)
	}
	w := newWorld(t)
	w.net.put(tenantMetadataURL(idpTenant), idpMetadata(sts, idpLogin+"/wsfed?policy=B2C_1", idpKeys()[0]))
	assert.Equal(t, "B2C_1", signInQuery(t, w.RelyingParty, SignInRequest{}).Get("policy"))
}

func TestSignOutRequest(t *testing.T) {
	w := newWorld(t)
	address, err := w.SignOut(t.Context(), SignOutRequest{ReturnTo: "https://auth.example.com/bye"})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"wa": {"wsignout1.0"}, "wtrealm": {idpRealm}, "wreply": {"https://auth.example.com/bye"}}, u.Query())

	address, err = w.SignOut(t.Context(), SignOutRequest{})
	require.NoError(t, err)
	assert.NotContains(t, address, "wreply")
	for _, bad := range []string{"/relative", "//evil.invalid/", "javascript:alert(1)", "http://auth.example.com/", "https://a@evil.invalid/"} {
		_, err := w.SignOut(t.Context(), SignOutRequest{ReturnTo: bad})
		require.Error(t, err, bad)
	}
}

func TestParseMessage(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	good := form("wa", "wsignin1.0", "wctx", "c", "wresult", "<r/>")
	m, err := ParseMessage(http.MethodPost, form("env", "1", "workspace", "2"), good)
	require.NoError(t, err)
	assert.Equal(t, &Message{Action: ActionSignIn, Context: "c", Result: "<r/>"}, m)

	for _, action := range []string{"wsignoutcleanup1.0", "WSignOutCleanup1.0"} {
		m, err = ParseMessage(http.MethodGet, form("wa", action, "wreply", "https://evil.invalid/"), nil)
		require.NoError(t, err)
		assert.Equal(t, &Message{Action: ActionSignOutCleanup}, m, "no address is taken from it")
	}

	for name, c := range map[string]struct {
		method      string
		query, form url.Values
	}{
		"token by GET":              {http.MethodGet, good, nil},
		"nothing":                   {http.MethodPost, nil, nil},
		"nothing by GET":            {http.MethodGet, nil, nil},
		"query and body":            {http.MethodPost, form("wctx", "other"), good},
		"query and body, one token": {http.MethodPost, form("wresult", "<r/>"), form("wa", "wsignin1.0")},
		"query on POST":             {http.MethodPost, good, nil},
		"body on GET":               {http.MethodGet, nil, good},
		"two tokens":                {http.MethodPost, nil, form("wa", "wsignin1.0", "wresult", "a", "wresult", "b")},
		"two contexts, by case":     {http.MethodPost, nil, form("wa", "wsignin1.0", "wctx", "a", "WCTX", "b")},
		"two actions":               {http.MethodPost, nil, form("wa", "wsignin1.0", "wa", "wsignin1.0")},
		"another action":            {http.MethodPost, nil, form("wa", "wsignout1.0")},
		"clean-up by POST":          {http.MethodPost, nil, form("wa", "wsignoutcleanup1.0")},
		"action in another case":    {http.MethodPost, nil, form("wa", "WSIGNIN1.0", "wresult", "a")},
		"token by address":          {http.MethodPost, nil, form("wa", "wsignin1.0", "wresultptr", "https://evil.invalid/")},
		"another method":            {http.MethodPut, nil, good},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseMessage(c.method, c.query, c.form)
			requireCheck(t, err, CheckMessage)
			assert.Nil(t, m)
		})
	}
}
