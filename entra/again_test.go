package entra_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const challenge = `{"id_token":{"acrs":{"essential":true,"value":"c1"}}}`

// What goes on with a sign-in brings along everything that it was begun with.
func TestAgainKeepsAllDemands(t *testing.T) {
	s := newStage(t)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.OrganizationID = "org_contoso"
		c.UpstreamParams = map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}}
	})
	s.door.fail = &entra.ProviderError{OAuth: "interaction_required", Claims: challenge}
	begun := entra.BeginOptions{ReturnTo: "/inbox", Data: []byte("data"), ForceLogin: true, MaxAge: time.Minute, VerifiedAddress: "ann@contoso.com", Hints: map[string]string{"unused": "x"}}
	d, err := s.BeginByAddress(t.Context(), "ann@contoso.com", begun)
	require.NoError(t, err)
	for round := range 3 {
		_, err = s.Finish(t.Context(), answer(t, d, d.Cookie))
		e := requireKind(t, entra.KindProvider, err)
		if round == 2 {
			require.Nil(t, e.Again, "a challenge that is never met ends")
			return
		}
		require.NotNil(t, e.Again)
		d, err = s.Begin(t.Context(), e.ConnectionID, *e.Again) // of an organization: begun by home realm discovery it stays so
		require.NoError(t, err)
		last := s.door.begun[len(s.door.begun)-1]
		require.Equal(t, challenge, last.Options.Claims)
		require.True(t, last.Options.ForceLogin)
		require.Equal(t, time.Minute, last.Options.MaxAge)
		require.Equal(t, "ann@contoso.com", last.Options.VerifiedAddress)
		require.Equal(t, "ann@contoso.com", last.Params.Get("login_hint"))
		require.Equal(t, "/inbox", last.Options.ReturnTo)
		require.Equal(t, "data", string(last.Options.Data))
	}
}

// The handlers go on by themselves; a host that does so with values clears the spent cookie by itself too.
func TestHandlersGoOn(t *testing.T) {
	s := newStage(t, forApp)
	s.door.fail = &entra.ProviderError{OAuth: "interaction_required", Claims: challenge}
	d := s.begin(t, entra.BeginOptions{ReturnTo: "/inbox"})
	back := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?"+answer(t, d).Query.Encode(), nil)
	back.AddCookie(d.Cookie)
	res := serve(s, back)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	to, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "login.example", to.Host)
	var fresh, spent int
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			spent++
			require.Equal(t, d.Cookie.Name, c.Name)
			continue
		}
		fresh++
		back = httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/callback/oauth2?code=c&state="+to.Query().Get("state"), nil)
		back.AddCookie(c)
	}
	require.Equal(t, 1, fresh)
	require.Equal(t, 1, spent)
	s.door.fail = nil
	require.Equal(t, "signed in Ann for /inbox", body(t, serve(s, back)))

	d = s.begin(t, entra.BeginOptions{})
	w := httptest.NewRecorder()
	s.ClearCookies(w, answer(t, d, d.Cookie))
	require.Len(t, w.Result().Cookies(), 1)
	require.Equal(t, d.Cookie.Name, w.Result().Cookies()[0].Name)
	require.Negative(t, w.Result().Cookies()[0].MaxAge)
}

// Entra asks for another factor, at the token endpoint or at Graph: the person meets it and is in.
func TestClaimsChallengeIsMet(t *testing.T) {
	const wanted = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	for name, fault := range map[string]entratest.Faults{"token endpoint": {ClaimsChallenge: wanted}, "graph": {GraphChallenge: wanted}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.fake.SetFaults(fault)
			_, err := h.signIn(t, contosoOAuth2, entratest.Ann)
			e := requireKind(t, entra.KindProvider, err)
			require.NotNil(t, e.Again)
			require.Equal(t, "/inbox", e.Again.ReturnTo)
			d, err := h.Begin(t.Context(), e.ConnectionID, *e.Again)
			require.NoError(t, err)
			in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			require.NoError(t, err)
			require.Equal(t, "/inbox", in.ReturnTo)
		})
	}
}

// Only evidence is missing: the host mails a code to the address, and the next sign-in links. Another's code proves nothing for this address.
func TestVerifiedAddress(t *testing.T) {
	h := newHouse(t)
	ann, err := h.users.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: entratest.Ann, EmailVerified: true}})
	require.NoError(t, err)
	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.TrustEmails = true }) // SAML carries no evidence, and this connection has no domain
	in, err := h.signIn(t, contosoWSFed, entratest.Ann)
	require.Nil(t, in, "no SignIn beside an error")
	requireKind(t, entra.KindVerify, err)

	verified := func(address string) (*entra.SignIn, error) {
		d, err := h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{VerifiedAddress: address})
		require.NoError(t, err)
		return h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
	}
	_, err = verified(entratest.Ben)
	requireKind(t, entra.KindVerify, err)
	in, err = verified(entratest.Ann)
	require.NoError(t, err)
	require.Equal(t, ann.ID, in.User.ID)
	require.Equal(t, provisioning.ActionLink, in.Decision.Action)
}
