package entra_test

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func groupIDs(t *testing.T, in *entra.SignIn) []string {
	t.Helper()
	list, ok := in.Groups()
	require.True(t, ok, "the groups are known")
	var ids []string
	for _, g := range list {
		ids = append(ids, g.ID)
	}
	slices.Sort(ids)
	return ids
}

var annsGroups = []string{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}

func TestAnnOverOAuth2(t *testing.T) {
	for _, mode := range []string{"", "form_post"} {
		t.Run("response_mode="+mode, func(t *testing.T) {
			h := newHouse(t)
			h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.ResponseMode = mode })
			d, err := h.BeginByAddress(t.Context(), "Ann@Contoso.com", entra.BeginOptions{ReturnTo: "/inbox"})
			require.NoError(t, err)
			in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			require.NoError(t, err)

			require.Equal(t, provisioning.ActionCreate, in.Decision.Action)
			require.Equal(t, entratest.AnnID, in.Identity.ObjectID)
			require.Equal(t, entratest.ContosoID, in.Identity.TenantID)
			require.Equal(t, claims.KindMember, in.Identity.Kind)
			require.ElementsMatch(t, annsGroups, groupIDs(t, in))
			require.Equal(t, "token", in.GroupsFrom)
			require.Equal(t, "Principal engineer", in.Identity.Extended["jobTitle"])
			require.Equal(t, "Ann", in.User.Profile.GivenName)
			require.Equal(t, []string{"conn_contoso_oauth2"}, []string{in.User.Keys[0].ConnectionID})
			require.Equal(t, "/inbox", in.ReturnTo)

			again := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
			require.Equal(t, provisioning.ActionSignIn, again.Decision.Action)
			require.Equal(t, in.User.ID, again.User.ID)

			access, err := again.AccessTokenClaims(claims.TokenOptions{})
			require.NoError(t, err)
			require.ElementsMatch(t, annsGroups, access["ext_groups"])
			require.Contains(t, access, "extra_claims")
			id, err := again.IDTokenClaims(claims.TokenOptions{})
			require.NoError(t, err)
			require.Contains(t, id, "ext_provider")
		})
	}
}

func TestBobOverWSFederation(t *testing.T) {
	h := newHouse(t)
	d, err := h.BeginByAddress(t.Context(), "bob@fabrikam.com", entra.BeginOptions{ReturnTo: "/orders"})
	require.NoError(t, err)
	in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Bob))
	require.NoError(t, err)
	require.Equal(t, entratest.BobID, in.Identity.ObjectID)
	require.Equal(t, entratest.FabrikamID, in.Identity.TenantID)
	require.ElementsMatch(t, []string{entratest.FabrikamSales, entratest.FabrikamStaff}, groupIDs(t, in))
	require.Equal(t, "/orders", in.ReturnTo)
	require.Nil(t, in.Tokens)

	d, err = h.BeginByAddress(t.Context(), "bob@fabrikam.com", entra.BeginOptions{})
	require.NoError(t, err)
	again, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Bob))
	require.NoError(t, err)
	require.Equal(t, in.User.ID, again.User.ID)
}

// One person, one key: whichever protocol, application or form of token.
func TestSamePersonSameKey(t *testing.T) {
	h := newHouse(t)
	for _, connection := range []string{contosoOAuth2, contosoWSFed, contosoSAML11, contosoOwnKey} {
		in := h.mustSignIn(t, connection, entratest.Ann)
		key, err := provisioning.KeyOf("the same", in.Identity)
		require.NoError(t, err)
		require.Equal(t, provisioning.Key{ConnectionID: "the same", Authority: entratest.ContosoID, Subject: entratest.AnnID}, key, connection)
	}
}

// An application with claims mapping signs with keys that no tenant publishes.
func TestOwnSigningKeys(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.ClientID = entratest.ContosoOwnKeyApp })
	_, err := h.signIn(t, contosoOAuth2, entratest.Ann)
	requireKind(t, entra.KindToken, err)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.OwnSigningKeys = true })
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)
}

// A connection that changes from WS-Federation to OAuth 2.0 keeps its users.
func TestStrategyChangeKeepsUsers(t *testing.T) {
	h := newHouse(t)
	before := h.mustSignIn(t, contosoWSFed, entratest.Ann)
	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.Strategy = entra.OAuth2 })
	after := h.mustSignIn(t, contosoWSFed, entratest.Ann)
	require.Equal(t, before.User.ID, after.User.ID)
	require.Equal(t, provisioning.ActionSignIn, after.Decision.Action)
}

// Maya's thousand groups fit into no token: the app asks Graph, as Maya over OAuth 2.0 and as itself over WS-Federation.
func TestGroupsOverage(t *testing.T) {
	h := newHouse(t)
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		in := h.mustSignIn(t, connection, entratest.Maya)
		require.Len(t, groupIDs(t, in), 1000, connection)
		require.Equal(t, "graph", in.GroupsFrom)
	}
}

// When Graph does not answer, groups known before stay good for a day, and then are not known.
func TestGroupsWhileGraphIsDown(t *testing.T) {
	h := newHouse(t)
	h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Hour})
	h.clock.advance(23 * time.Hour)
	in := h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	require.Len(t, groupIDs(t, in), 1000)
	require.Equal(t, "before", in.GroupsFrom)

	h.clock.advance(2 * time.Hour)
	in = h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	_, known := in.Groups()
	require.False(t, known)
	access, err := in.AccessTokenClaims(claims.TokenOptions{})
	require.NoError(t, err)
	require.NotContains(t, access, "ext_groups", "unknown is absent, never empty")
}

// Groups that were learnt in the future, by another machine's wrong clock, are of no known age.
func TestGroupsOfTheFuture(t *testing.T) {
	h := newHouse(t)
	h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Hour})
	h.clock.advance(-time.Hour)
	in := h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	_, known := in.Groups()
	require.False(t, known)
}

// Groups that nobody asked for are not passed on.
func TestGroupsSwitchedOff(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.UserGroups = false })
	in := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
	_, known := in.Groups()
	require.False(t, known)
	id, err := in.IDTokenClaims(claims.TokenOptions{})
	require.NoError(t, err)
	require.NotContains(t, toJSON(t, id), entratest.ContosoEngineering)
}

// refusals are a token's faults, over either protocol, and what the page says.
func TestRefusedTokens(t *testing.T) {
	faults := map[string]entratest.Faults{
		"other audience":      {WrongAudience: "99999999-9999-4999-8999-999999999999"},
		"other issuer":        {WrongIssuer: "https://sts.windows.net/" + entratest.FabrikamID + "/"},
		"look-alike issuer":   {WrongIssuer: "https://login.microsoftonline.com.evil.example/" + entratest.ContosoID + "/v2.0"},
		"other tenant":        {WrongTenant: entratest.FabrikamID},
		"no object id":        {NoObjectID: true},
		"tampered":            {BadSignature: true},
		"unknown signing key": {UnknownKey: true},
		"expired":             {TokenLifetime: -time.Hour},
		"from the future":     {ClockSkew: time.Hour},
	}
	onlyOAuth2 := map[string]entratest.Faults{
		"nonce missing": {NoNonce: true},
		"nonce wrong":   {WrongNonce: "another"},
		"alg none":      {Unsigned: true},
	}
	for _, connection := range []string{contosoOAuth2, contosoWSFed, contosoSAML11} {
		all := maps.Clone(faults)
		if connection == contosoOAuth2 {
			maps.Copy(all, onlyOAuth2)
		}
		h := newHouse(t)
		for name, fault := range all {
			t.Run(connection+"/"+name, func(t *testing.T) {
				h.fake.SetFaults(fault)
				defer h.fake.SetFaults(entratest.Faults{})
				in, err := h.signIn(t, connection, entratest.Ann)
				require.Nil(t, in)
				e := requireKind(t, entra.KindToken, err)
				require.Regexp(t, "[Pp]lease", e.Public, "the page says what to do")
				require.Empty(t, slices.Collect(h.users.All()), "nobody was written")
			})
		}
		h.fake.SetFaults(entratest.Faults{})
		h.mustSignIn(t, connection, entratest.Ann) // and the door still opens
	}
}

// A key that Entra has rotated in is learnt by one fetch; one that it took away is believed no more.
func TestKeyRotation(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		h.mustSignIn(t, connection, entratest.Ann)
		endpoint := entratest.EndpointKeys
		if connection == contosoWSFed {
			endpoint = entratest.EndpointMetadata
		}
		h.clock.advance(6 * time.Minute)
		before := h.fake.CountRequests(endpoint)
		h.fake.RotateKeys(false)
		h.mustSignIn(t, connection, entratest.Ann)
		require.Equal(t, before+1, h.fake.CountRequests(endpoint), connection)

		// A key that is nowhere published: refused, and no fetch within the interval, whoever asks how often.
		h.fake.SetFaults(entratest.Faults{UnknownKey: true})
		for range 3 {
			_, err := h.signIn(t, connection, entratest.Ann)
			requireKind(t, entra.KindToken, err)
		}
		require.Equal(t, before+1, h.fake.CountRequests(endpoint), connection)
	}
}

func TestTamperedAndReplayedAssertion(t *testing.T) {
	h := newHouse(t)
	depart := func() *entra.Departure {
		d, err := h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{})
		require.NoError(t, err)
		return d
	}
	d := depart()
	a := h.arrival(t, d, entratest.Ann)
	tampered := depart()
	b := h.arrival(t, tampered, entratest.Ann)
	b.Form.Set("wresult", strings.Replace(b.Form.Get("wresult"), entratest.AnnID, entratest.BenID, 1))
	_, err := h.Finish(t.Context(), b)
	requireKind(t, entra.KindToken, err)

	_, err = h.Finish(t.Context(), a)
	require.NoError(t, err)
	// The same assertion once more, with a fresh flow of the same browser.
	fresh := depart()
	c := h.arrival(t, fresh, entratest.Ann)
	c.Form.Set("wresult", a.Form.Get("wresult"))
	_, err = h.Finish(t.Context(), c)
	requireKind(t, entra.KindToken, err)
}

// An answer of one connection is no answer to another (mix-up), over both protocols.
func TestAnswerOfAnotherConnection(t *testing.T) {
	h := newHouse(t)
	for _, pair := range [][2]string{{contosoWSFed, fabrikamWSFed}, {contosoWSFed, contosoSAML11}} {
		mine, err := h.Begin(t.Context(), pair[0], entra.BeginOptions{})
		require.NoError(t, err)
		other, err := h.Begin(t.Context(), pair[1], entra.BeginOptions{})
		require.NoError(t, err)
		upn := entratest.Ann
		if pair[1] == fabrikamWSFed {
			upn = entratest.Bob
		}
		a, b := h.arrival(t, mine, entratest.Ann), h.arrival(t, other, upn)
		a.Form.Set("wresult", b.Form.Get("wresult"))
		_, err = h.Finish(t.Context(), a)
		requireKind(t, entra.KindToken, err)
	}
}

// What Entra refuses reaches the person as words that say who can mend it.
func TestEntraSaysNo(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Value: "none"}}
	})
	_, err := h.signIn(t, contosoOAuth2, "") // nobody is signed in, and the page may not ask
	e := requireKind(t, entra.KindProvider, err)
	var p *entra.ProviderError
	require.ErrorAs(t, err, &p)
	require.Equal(t, 50058, p.Code)
	require.Equal(t, "/inbox", e.ReturnTo)
	require.NotContains(t, err.Error(), "Trace ID")

	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.UpstreamParams = nil })
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.ClientSecret = secret("not the secret") })
	_, err = h.signIn(t, contosoOAuth2, entratest.Ann)
	requireKind(t, entra.KindProvider, err)
	require.ErrorAs(t, err, &p)
	require.Equal(t, 7000215, p.Code)
	require.NotContains(t, err.Error(), "not the secret")
}

func TestHundredFirstSignIns(t *testing.T) {
	h := newHouse(t)
	const people = 100
	arrivals := make([]*entra.Arrival, people)
	for i := range arrivals {
		d, err := h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{})
		require.NoError(t, err)
		arrivals[i] = h.arrival(t, d, entratest.Ann)
	}
	var wg sync.WaitGroup
	errs := make([]error, people)
	ids := make([]string, people)
	for i, a := range arrivals {
		wg.Go(func() {
			in, err := h.Finish(t.Context(), a)
			if errs[i] = err; err == nil {
				ids[i] = in.User.ID
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), 1)
	users := slices.Collect(h.users.All())
	require.Len(t, users, 1)
	require.Len(t, users[0].Keys, 1)
}

// Mallory's tenant says that her address is Bob's (nOAuth): she is somebody else, whatever the connection trusts.
func TestNOAuth(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		for _, trust := range []bool{false, true} {
			h := newHouse(t)
			bob, err := h.users.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: entratest.Bob, EmailVerified: true}})
			require.NoError(t, err)
			h.edit(t, connection, func(c *entra.Connection) { c.TrustEmails = trust })
			in, err := h.signIn(t, connection, entratest.Mallory)
			if err == nil {
				require.NotEqual(t, bob.ID, in.User.ID)
				require.False(t, in.Decision.Confirmed)
			}
			after, err := h.users.UsersByEmail(t.Context(), provisioning.Fold(entratest.Bob))
			require.NoError(t, err)
			for _, u := range after {
				if u.ID == bob.ID {
					require.Empty(t, u.Keys, "%s trust=%v", connection, trust)
				}
			}
		}
	}
}

// Linking needs the environment's proof of the domain. Entra's own word routes people, but an unmanaged tenant can come to hold a domain by
// somebody's email sign-up, so it links nobody.
func TestEntrasProofLinksNobody(t *testing.T) {
	for by, links := range map[string]bool{entra.ProofByEnvironment: true, entra.ProofByAuthority: true, entra.ProofByEntra: false} {
		h := newHouse(t)
		bob, err := h.users.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: entratest.Bob, EmailVerified: true}})
		require.NoError(t, err)
		c, err := h.connections.Connection(t.Context(), fabrikamWSFed)
		require.NoError(t, err)
		c = c.Clone()
		c.TrustEmails, c.DomainProofs[0].By = true, by
		_, err = h.connections.Put(t.Context(), c)
		require.NoError(t, err)

		in, err := h.signIn(t, fabrikamWSFed, entratest.Bob)
		if links {
			require.NoError(t, err, by)
			require.Equal(t, bob.ID, in.User.ID)
			continue
		}
		requireKind(t, entra.KindVerify, err)
		after, err := h.users.UsersByEmail(t.Context(), provisioning.Fold(entratest.Bob))
		require.NoError(t, err)
		require.Len(t, after, 1)
		require.Empty(t, after[0].Keys)
	}
}

// Secrets, codes, tokens, assertions and cookies appear in no log and no error text, whatever happens (attack 41).
func TestNothingSecretInLogs(t *testing.T) {
	h := newHouse(t)
	var secrets []string
	add := func(values ...string) {
		for _, v := range values {
			if len(v) > 8 {
				secrets = append(secrets, v)
			}
		}
	}
	add(entratest.ContosoSecret)
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		for _, fault := range []entratest.Faults{{}, {BadSignature: true}, {WrongAudience: "x"}, {Fail: map[string]int{entratest.EndpointToken: -1, entratest.EndpointGraph: -1}}} {
			h.fake.SetFaults(fault)
			d, err := h.Begin(t.Context(), connection, entra.BeginOptions{})
			require.NoError(t, err)
			u, err := url.Parse(d.URL)
			require.NoError(t, err)
			add(d.Cookie.Value, u.Query().Get("state"), u.Query().Get("nonce"), u.Query().Get("wctx"))
			a := h.arrival(t, d, entratest.Ann)
			add(a.Query.Get("code"), a.Form.Get("wresult"))
			in, err := h.Finish(t.Context(), a)
			if err != nil {
				add2 := err.Error()
				for _, s := range secrets {
					require.NotContains(t, add2, s)
				}
				continue
			}
			if in.Tokens != nil {
				add(in.Tokens.Access.Reveal(), in.Tokens.Refresh.Reveal(), in.Tokens.ID.Reveal())
			}
			_, err = h.Finish(t.Context(), a)
			require.Error(t, err)
		}
	}
	h.fake.SetFaults(entratest.Faults{})
	log := h.log.String()
	require.NotEmpty(t, log)
	for _, s := range secrets {
		require.NotContains(t, log, s)
	}
	require.NotContains(t, log, "<saml")
	require.NotContains(t, log, "Assertion")
}
