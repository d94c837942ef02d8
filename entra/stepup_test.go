package entra_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const stepUpClaims = `{"id_token":{"acrs":{"essential":true,"value":"c1"}}}`

// A stepped-up sign-in counts only if the verified token says so.
func TestStepUp(t *testing.T) {
	h := newHouse(t)
	stepUp := func(fault entratest.Faults, o entra.BeginOptions) error {
		h.fake.SetFaults(fault)
		d, err := h.Begin(t.Context(), contosoOAuth2, o)
		require.NoError(t, err)
		_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
		return err
	}
	require.NoError(t, stepUp(entratest.Faults{}, entra.BeginOptions{Claims: stepUpClaims}))
	e := requireKind(t, entra.KindToken, stepUp(entratest.Faults{NoContexts: true}, entra.BeginOptions{Claims: stepUpClaims}))
	require.Contains(t, e.Public, "further step")
	require.NoError(t, stepUp(entratest.Faults{NoContexts: true}, entra.BeginOptions{}), "nobody asked")
	requireKind(t, entra.KindToken, stepUp(entratest.Faults{OldSignIn: time.Hour}, entra.BeginOptions{ForceLogin: true}))
	requireKind(t, entra.KindToken, stepUp(entratest.Faults{OldSignIn: time.Hour}, entra.BeginOptions{MaxAge: 10 * time.Minute}))
	require.NoError(t, stepUp(entratest.Faults{OldSignIn: 5 * time.Minute}, entra.BeginOptions{MaxAge: 10 * time.Minute}))
}

// A challenge on the way takes nothing from what the host demanded: the second sign-in must meet both.
func TestChallengeKeepsTheStepUp(t *testing.T) {
	const wanted = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	for name, fault := range map[string]entratest.Faults{"token endpoint": {ClaimsChallenge: wanted}, "graph": {GraphChallenge: wanted}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.fake.SetFaults(fault)
			d, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{Claims: stepUpClaims, ForceLogin: true})
			require.NoError(t, err)
			_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			e := requireKind(t, entra.KindProvider, err)
			require.NotNil(t, e.Again)
			require.True(t, e.Again.ForceLogin)
			require.JSONEq(t, `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"id_token":{"acrs":{"essential":true,"value":"c1"}}}`, e.Again.Claims)

			d, err = h.Begin(t.Context(), e.ConnectionID, *e.Again)
			require.NoError(t, err)
			_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			require.NoError(t, err)

			fault.NoContexts = true // the challenge is met, the step-up is not
			h.fake.SetFaults(fault)
			d, err = h.Begin(t.Context(), e.ConnectionID, *e.Again)
			require.NoError(t, err)
			_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			requireKind(t, entra.KindToken, err)
		})
	}
}

// Claim by claim the challenge comes beside what was asked for first; it takes away no demand on the ID token, and what is broken takes nothing away.
func TestChallengesAreMerged(t *testing.T) {
	for _, tt := range []struct{ first, challenge, want string }{
		{``, `{"access_token":{"a":null}}`, `{"access_token":{"a":null}}`},
		{stepUpClaims, `{"id_token":{"acrs":{"value":"c2"},"x":null}}`, `{"id_token":{"acrs":{"essential":true,"value":"c1"},"x":null}}`},
		{stepUpClaims, `{"id_token":{"acrs":null}}`, stepUpClaims},
		{stepUpClaims, `{"id_token":null}`, stepUpClaims},
		{stepUpClaims, `{"id_token":[]}`, stepUpClaims},
		{stepUpClaims, `null`, stepUpClaims},
		{`{"id_token":{"acrs":null}}`, `{"id_token":{"acrs":{"value":"c2"}}}`, `{"id_token":{"acrs":{"value":"c2"}}}`},
		{`{"access_token":{"acrs":{"value":"c1"},"y":null}}`, `{"access_token":{"acrs":{"value":"c2"}}}`, `{"access_token":{"acrs":{"value":"c2"},"y":null}}`},
		{`{"id_token":{"a":null},"userinfo":{"b":null}}`, `{"id_token":{"c":null}}`, `{"id_token":{"a":null,"c":null},"userinfo":{"b":null}}`},
		{`{"id_token":null}`, `{"id_token":{"c":null}}`, `{"id_token":{"c":null}}`},
		{`null`, `{"id_token":{"c":null}}`, `{"id_token":{"c":null}}`},
		{`not JSON`, `{"id_token":{"c":null}}`, `{"id_token":{"c":null}}`},
	} {
		s := newStage(t)
		s.door.fail = &entra.ProviderError{OAuth: "interaction_required", Claims: tt.challenge}
		d := s.begin(t, entra.BeginOptions{Claims: tt.first})
		_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		e := requireKind(t, entra.KindProvider, err)
		require.JSONEq(t, tt.want, e.Again.Claims)
	}
}

// A secret that expired is rotated without a moment in which nobody can sign in; Graph is asked with the next one too.
func TestNextClientSecret(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		first, next string
		ok          bool
	}{
		{entratest.ExpiredSecret, entratest.ContosoSecret, true},
		{"mistyped-secret", entratest.ContosoSecret, true},
		{entratest.ContosoSecret, "not yet known to Entra", true},
		{"mistyped-secret", entratest.ExpiredSecret, false},
		{entratest.ExpiredSecret, "mistyped-secret", false},
	} {
		h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.ClientSecret, c.NextClientSecret = secret(tt.first), secret(tt.next) })
		before := h.fake.CountRequests(entratest.EndpointToken)
		in, err := h.signIn(t, contosoOAuth2, entratest.Ann)
		require.LessOrEqual(t, h.fake.CountRequests(entratest.EndpointToken)-before, 2)
		if tt.ok {
			require.NoError(t, err)
			require.Equal(t, entratest.AnnID, in.Identity.ObjectID)
			continue
		}
		e := requireKind(t, entra.KindProvider, err)
		require.NotContains(t, e.Error(), tt.next)
	}
	h.edit(t, contosoWSFed, func(c *entra.Connection) {
		c.ClientSecret, c.NextClientSecret = secret(entratest.ExpiredSecret), secret(entratest.ContosoSecret)
	})
	in := h.mustSignIn(t, contosoWSFed, entratest.Maya)
	require.Equal(t, "graph", in.GroupsFrom)
}

// Refreshed tokens are the person's, of a connection that is still on, or they are refused.
func TestServiceRefresh(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Scopes = []string{"offline_access"} })
	in := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
	require.False(t, in.Tokens.Refresh.IsZero())
	users := h.users

	h.fake.SetFaults(entratest.Faults{Overage: true})
	now, err := h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	require.NoError(t, err)
	require.Equal(t, entratest.AnnID, now.Identity.ObjectID)
	require.Equal(t, "Principal engineer", now.Identity.Extended["jobTitle"])
	list, known := now.Groups()
	require.True(t, known, "groups past the token's limit are Graph's")
	require.NotEmpty(t, list)
	require.False(t, now.Tokens.Refresh.IsZero())
	h.fake.SetFaults(entratest.Faults{})

	bob := &claims.Identity{TenantID: entratest.ContosoID, ObjectID: entratest.BenID}
	now, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, bob)
	requireKind(t, entra.KindToken, err)
	require.Nil(t, now)
	_, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, nil)
	requireKind(t, entra.KindConfiguration, err)
	_, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, &claims.Identity{})
	requireKind(t, entra.KindConfiguration, err)
	_, err = h.Refresh(t.Context(), contosoOAuth2, secret(""), in.Identity)
	requireKind(t, entra.KindConfiguration, err)
	_, err = h.Refresh(t.Context(), contosoWSFed, in.Tokens.Refresh, in.Identity)
	requireKind(t, entra.KindConfiguration, err)
	_, err = h.Refresh(t.Context(), "conn_unknown", in.Tokens.Refresh, in.Identity)
	requireKind(t, entra.KindNoConnection, err)

	const wanted = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	h.fake.SetFaults(entratest.Faults{ClaimsChallenge: wanted})
	_, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	e := requireKind(t, entra.KindProvider, err)
	require.Equal(t, contosoOAuth2, e.ConnectionID)
	require.NotNil(t, e.Again)
	d, err := h.Begin(t.Context(), e.ConnectionID, *e.Again)
	require.NoError(t, err)
	_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
	require.NoError(t, err)
	h.fake.SetFaults(entratest.Faults{})

	h.fake.RevokeTokens(entratest.ContosoID, entratest.Ann)
	_, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	e = requireKind(t, entra.KindProvider, err)
	require.True(t, e.Retry, "signing in again helps")

	h.save(t, &entra.Connection{ID: "conn_off", Name: "off", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: secret(entratest.ContosoSecret)})
	h.edit(t, "conn_off", func(c *entra.Connection) { c.Enabled = false })
	before := h.fake.CountRequests(entratest.EndpointToken)
	_, err = h.Refresh(t.Context(), "conn_off", in.Tokens.Refresh, in.Identity)
	requireKind(t, entra.KindDisabled, err)
	require.Equal(t, before, h.fake.CountRequests(entratest.EndpointToken))

	for u := range users.All() {
		require.Len(t, u.Keys, 1)
	}
	require.NotContains(t, h.log.String(), in.Tokens.Refresh.Reveal())
}
