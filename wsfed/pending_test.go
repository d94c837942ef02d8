package wsfed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// posted is a request to the reply address, as a browser makes it.
func posted(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://auth.example.com/sso/wsfed"+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// answerForm is the form with an answer of the provider's.
func answerForm(t testing.TB, wctx string, token idpToken) url.Values {
	t.Helper()
	return url.Values{"wa": {ActionSignIn}, "wctx": {wctx}, "wresult": {idpKeys()[0].answer(t, token)}}
}

// TestPendingIsHeldAgainstTheToken: nothing but the Pending is needed to have an answer refused that belongs to another sign-in, or does not meet what was
// demanded of this one. The tokens are issued at idpNow.
func TestPendingIsHeldAgainstTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		begun         time.Duration // of the sign-in, against idpNow
		authenticated time.Duration // of the person, against the sign-in; 0: the token does not say
		q             SignInRequest
		wctx          string
		want          Check // "": accepted
	}{
		"no demand":                       {wctx: "mine"},
		"no demand, long ago":             {wctx: "mine", authenticated: -100 * time.Hour},
		"another sign-in's wctx":          {wctx: "theirs", want: CheckMessage},
		"no wctx":                         {want: CheckMessage},
		"the person took their time":      {wctx: "mine", begun: -time.Hour},
		"a token of nearly now":           {wctx: "mine", begun: DefaultSkew},
		"a token of before":               {wctx: "mine", begun: DefaultSkew + time.Second, want: CheckIssued},
		"forced":                          {wctx: "mine", begun: -time.Minute, authenticated: 30 * time.Second, q: SignInRequest{ForceLogin: true}},
		"forced, a minute before":         {wctx: "mine", authenticated: -freshLeeway, q: SignInRequest{ForceLogin: true}},
		"forced, longer before":           {wctx: "mine", authenticated: -freshLeeway - time.Second, q: SignInRequest{ForceLogin: true}, want: CheckFreshness},
		"forced, whatever age":            {wctx: "mine", authenticated: -30 * time.Minute, q: SignInRequest{ForceLogin: true, MaxAge: time.Hour}, want: CheckFreshness},
		"forced, and the token is silent": {wctx: "mine", q: SignInRequest{ForceLogin: true}, want: CheckFreshness},
		"young enough":                    {wctx: "mine", authenticated: -time.Hour, q: SignInRequest{MaxAge: time.Hour}},
		"young enough at the beginning":   {wctx: "mine", begun: -time.Hour, authenticated: -30 * time.Minute, q: SignInRequest{MaxAge: time.Hour}},
		"too old":                         {wctx: "mine", authenticated: -time.Hour - freshLeeway - time.Second, q: SignInRequest{MaxAge: time.Hour}, want: CheckFreshness},
		"old, and the token is silent":    {wctx: "mine", q: SignInRequest{MaxAge: time.Hour}, want: CheckFreshness},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.clock.add(c.begun)
			c.q.Context = "mine"
			_, pending, err := w.SignIn(t.Context(), c.q)
			require.NoError(t, err)
			var token idpToken
			if c.authenticated != 0 {
				token.authenticated = pending.Begun.Add(c.authenticated)
			}
			w.clock.add(-c.begun)

			// What a host keeps is what is checked.
			kept, err := json.Marshal(pending)
			require.NoError(t, err)
			for way, verify := range map[string]func(*Pending) error{
				"VerifyRequest": func(p *Pending) error {
					_, err := w.VerifyRequest(posted(t, http.MethodPost, "", answerForm(t, c.wctx, token).Encode()), p)
					return err
				},
				"VerifyForm": func(p *Pending) error {
					_, err := w.VerifyForm(t.Context(), answerForm(t, c.wctx, token), p)
					return err
				},
			} {
				var back Pending
				require.NoError(t, json.Unmarshal(kept, &back))
				w.replay.calls = 0
				err := verify(&back)
				if c.want == "" {
					require.NoError(t, err, way)
					continue
				}
				requireCheck(t, err, c.want)
				assert.Zero(t, w.replay.calls, way)
			}
		})
	}
}

// TestPendingMustBeComplete: without its input a check would pass anybody.
func TestPendingMustBeComplete(t *testing.T) {
	w := newWorld(t)
	for name, p := range map[string]*Pending{
		"nil":            nil,
		"zero":           {},
		"no context":     {Begun: idpNow},
		"no beginning":   {Context: "mine"},
		"a negative age": {Context: "mine", Begun: idpNow, MaxAge: -time.Hour},
	} {
		for _, wctx := range []string{"mine", ""} {
			id, err := w.VerifyRequest(posted(t, http.MethodPost, "", answerForm(t, wctx, idpToken{authenticated: idpNow}).Encode()), p)
			require.ErrorIs(t, err, ErrInvalid, name)
			assert.Nil(t, id)
			id, err = w.VerifyForm(t.Context(), answerForm(t, wctx, idpToken{authenticated: idpNow}), p)
			require.ErrorIs(t, err, ErrInvalid, name)
			assert.Nil(t, id)
		}
	}
	assert.Zero(t, w.replay.calls)
}

func TestVerifyForm(t *testing.T) {
	w := newWorld(t)
	mine := &Pending{Context: "state", Begun: idpNow}
	_, err := w.VerifyForm(t.Context(), answerForm(t, "state", idpToken{}), mine)
	require.NoError(t, err)
	for name, change := range map[string]func(url.Values){
		"another browser's": func(v url.Values) { v.Set("wctx", "other") },
		"missing":           func(v url.Values) { v.Del("wctx") },
		"twice":             func(v url.Values) { v.Add("wctx", "state") },
		"no token":          func(v url.Values) { v.Add("wresult", "") },
	} {
		t.Run(name, func(t *testing.T) {
			v := answerForm(t, "state", idpToken{})
			change(v)
			_, err := w.VerifyForm(t.Context(), v, mine)
			requireCheck(t, err, CheckMessage)
		})
	}
}

func TestVerifyRequest(t *testing.T) {
	w := newWorld(t)
	mine := &Pending{Context: "s1", Begun: idpNow}
	form := func() string { return answerForm(t, "s1", idpToken{}).Encode() }
	id, err := w.VerifyRequest(posted(t, http.MethodPost, "?region=eu", form()), mine)
	require.NoError(t, err)
	require.Equal(t, idpObject, id.ObjectID)
	w.replay.calls = 0
	text := posted(t, http.MethodPost, "", form())
	text.Header.Set("Content-Type", "text/plain")
	for name, r := range map[string]*http.Request{
		"GET":                posted(t, http.MethodGet, "?"+form(), ""),
		"query of a POST":    posted(t, http.MethodPost, "?"+form(), ""),
		"both":               posted(t, http.MethodPost, "?wctx=s1", form()),
		"clean-up":           posted(t, http.MethodGet, "?wa=wsignoutcleanup1.0", ""),
		"not a form":         text,
		"malformed":          posted(t, http.MethodPost, "", "wa=%zz"),
		"too large":          posted(t, http.MethodPost, "", form()+"&x="+strings.Repeat("x", 512<<10)),
		"another's wctx":     posted(t, http.MethodPost, "", strings.Replace(form(), "wctx=s1", "wctx=s2", 1)),
		"no wctx":            posted(t, http.MethodPost, "", strings.Replace(form(), "wctx=s1&", "", 1)),
		"query is malformed": posted(t, http.MethodPost, "?%zz", form()),
	} {
		id, err := w.VerifyRequest(r, mine)
		require.Error(t, err, name)
		requireCheck(t, err, CheckMessage)
		assert.Nil(t, id, name)
	}
	assert.Zero(t, w.replay.calls)
}

func TestPendingShowsNoContext(t *testing.T) {
	const secret = "context-of-this-sign-in-0123456789"
	p := Pending{Context: secret, ForceLogin: true, MaxAge: time.Hour, Begun: idpNow}
	const said = "pending sign-in (context: true, force_login: true, max_age: 1h0m0s, begun: 2030-01-02T03:04:05Z)"
	require.Equal(t, said, p.String())
	require.Contains(t, Pending{}.String(), "context: false")
	hexadecimal := fmt.Sprintf("%x", secret)
	for _, v := range []any{p, &p, []Pending{p}, map[string]*Pending{"p": &p}, struct{ P Pending }{p}, struct{ P *Pending }{&p}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb == 'p' || verb == 'w' {
				continue // fmt asks no method; go vet refuses them
			}
			for _, flags := range []string{"", "+", "#", " ", "0", ".3"} {
				printed := fmt.Sprintf("%"+flags+string(verb), v)
				require.NotContains(t, printed, secret)
				require.NotContains(t, strings.ToLower(strings.ReplaceAll(printed, " ", "")), hexadecimal)
			}
		}
	}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).With("p", &p).WithGroup("g").Info("m", "p", p, slog.Group("h", "p", &p))
	}
	require.NotContains(t, out.String(), secret)
	require.Equal(t, 6, strings.Count(out.String(), "2030-01-02T03:04:05"))

	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, `{"context":"`+secret+`","force_login":true,"max_age":3600000000000,"begun":"2030-01-02T03:04:05Z"}`, string(data))
}
