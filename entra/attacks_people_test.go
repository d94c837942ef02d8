package entra_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Attacks on identity and linking, through the whole service and over both protocols. The victim is a user who was there before: whatever happens, they stay as they
// were, and nobody comes in as them.

// overBoth runs a test in a house of its own for each protocol; connection is single-tenant, of Contoso.
func overBoth(t *testing.T, run func(t *testing.T, h *house, connection string), change ...func(*entra.Config)) {
	t.Helper()
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		t.Run(connection, func(t *testing.T) { run(t, newHouse(t, change...), connection) })
	}
}

// trusted makes a connection as generous as its environment can: it trusts addresses, and the domains are proven.
func (h *house) trusted(t *testing.T, connection string, domains ...string) {
	t.Helper()
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains = nil }) // one connection has a domain
	h.edit(t, connection, func(c *entra.Connection) { c.TrustEmails, c.SyncProfile, c.HomeRealmDomains = true, true, domains })
}

// multiTenant adds a connection of several tenants over the protocol of another.
func (h *house) multiTenant(t *testing.T, like string, tenants ...string) string {
	t.Helper()
	c, err := h.connections.Connection(t.Context(), like)
	require.NoError(t, err)
	return h.save(t, &entra.Connection{
		ID: "conn_multi", Name: "multi", Strategy: c.Strategy, EntraDomain: "contoso.com", ClientID: entratest.MultiTenantApp, ClientSecret: secret(entratest.MultiTenantSecret),
		UseCommonEndpoint: true, AllowedTenants: tenants,
	}).ID
}

// person edits somebody in the fake directory.
func (h *house) person(t *testing.T, object string, change func(*entratest.User)) {
	t.Helper()
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants {
			for j := range tenants[i].Users {
				if u := &tenants[i].Users[j]; u.ID == object {
					change(u)
				}
			}
		}
		return tenants
	}))
}

// victim puts a user there, and returns what holds the test to it that they stay as they are.
func (h *house) victim(t *testing.T, u *provisioning.User) (untouched func(in *entra.SignIn)) {
	t.Helper()
	require.NoError(t, h.users.Load(u))
	before, err := h.users.User(t.Context(), u.ID)
	require.NoError(t, err)
	return func(in *entra.SignIn) {
		t.Helper()
		if in != nil {
			require.NotEqual(t, u.ID, in.User.ID, "signed in as the victim")
		}
		after, err := h.users.User(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, before, after, "the victim was changed")
	}
}

func (h *house) count() int { return len(slices.Collect(h.users.All())) }

// Another tenant's administrator writes the victim's address into a user of theirs (nOAuth).
func TestAttack01NOAuthFromAnotherTenant(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.person(t, entratest.TinaID, func(u *entratest.User) { u.Mail, u.MailVerified = entratest.Ann, false })
		connection = h.multiTenant(t, connection, entratest.ContosoID, entratest.FabrikamID)
		h.trusted(t, connection, "contoso.com")
		untouched := h.victim(t, localUser("victim", entratest.Ann))
		_, err := h.signIn(t, connection, entratest.Tina)
		requireKind(t, entra.KindVerify, err) // a code to the address would have to prove it
		untouched(nil)
		h.edit(t, connection, func(c *entra.Connection) { c.TrustEmails = false })
		in := h.mustSignIn(t, connection, entratest.Tina)
		untouched(in)
		require.False(t, in.Decision.Confirmed)
		require.False(t, in.User.Profile.EmailVerified)
	})
}

// Trust is a switch of the connection, not evidence for an address (Zitadel CVE-2026-56666).
func TestAttack02TrustWithoutEvidence(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection)
		h.person(t, entratest.AnnID, func(u *entratest.User) { u.MailVerified = false })
		untouched := h.victim(t, localUser("victim", entratest.Ann))
		_, err := h.signIn(t, connection, entratest.Ann)
		requireKind(t, entra.KindVerify, err)
		untouched(nil)
		require.Equal(t, 1, h.count())
	})
}

// An attacker registers the victim's address, does not verify it, and waits for the link (PocketBase CVE-2026-44166).
func TestAttack03PreRegisteredAccount(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection, "contoso.com")
		trap := localUser("attacker's", entratest.Ann)
		trap.Profile.EmailVerified = false
		untouched := h.victim(t, trap)
		in := h.mustSignIn(t, connection, entratest.Ann)
		untouched(in)
		require.Equal(t, provisioning.ReasonAddressUnverified, in.Decision.Reason)
	})
}

// Switched off between begin and finish: for all, for the application, for the organization (Zitadel CVE-2025-64717).
func TestAttack04SwitchedOffMidway(t *testing.T) {
	for name, off := range map[string]func(*entra.Connection){
		"connection":   func(c *entra.Connection) { c.Enabled = false },
		"application":  func(c *entra.Connection) { c.EnabledApplications = []string{"another"} },
		"organization": func(c *entra.Connection) { c.Organizations = nil },
	} {
		overBoth(t, func(t *testing.T, h *house, connection string) {
			h.edit(t, connection, func(c *entra.Connection) {
				c.AllApplications, c.EnabledApplications = false, []string{"app"}
				if name == "organization" {
					c.EnabledApplications, c.Organizations = nil, []string{"org"}
				}
			})
			o := entra.BeginOptions{Application: "app", Organization: "org"}
			d, err := h.Begin(t.Context(), connection, o)
			require.NoError(t, err)
			a := h.arrival(t, d, entratest.Ann)
			h.edit(t, connection, off)
			_, err = h.Finish(t.Context(), a)
			requireKind(t, entra.KindDisabled, err)
			require.Zero(t, h.count(), name)
		})
	}
}

// A user principal name that equals the victim's address, or their user name, is no match (Grafana CVE-2022-31107).
func TestAttack05UPNOfAnother(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection, "contoso.com")
		h.person(t, entratest.MalloryID, func(u *entratest.User) { u.UPN, u.Mail, u.MailVerified = "ceo@contoso.com", entratest.Mallory, true })
		untouched := h.victim(t, localUser("victim", "ceo@contoso.com"))
		in := h.mustSignIn(t, connection, "ceo@contoso.com")
		untouched(in)
		require.Equal(t, entratest.Mallory, in.User.Profile.Email)
	})
}

// An access token for Graph is no proof of a sign-in, alone or in an ID token's place (Keycloak CVE-2026-18215); over WS-Federation there is none, and
// an assertion that does not say who is refused alike.
func TestAttack06GraphTokenIsNoSignIn(t *testing.T) {
	h := newHouse(t)
	access := h.mustSignIn(t, contosoOAuth2, entratest.Ann).Tokens.Access.Reveal()
	for name, faults := range map[string]entratest.Faults{"alone": {NoIDToken: true}, "as ID token": {IDToken: access}} {
		h.fake.SetFaults(faults)
		_, err := h.signIn(t, contosoOAuth2, entratest.Ben)
		requireKind(t, entra.KindToken, err)
		require.Equal(t, 1, h.count(), name)
	}
	h.fake.SetFaults(entratest.Faults{NoObjectID: true})
	_, err := h.signIn(t, contosoWSFed, entratest.Ben)
	requireKind(t, entra.KindToken, err)
	require.Equal(t, 1, h.count())

	// /me of somebody else completes nobody: groups of another person are not this one's.
	s := newStage(t, func(c *entra.Config) { c.HTTPClient, c.Clouds = h.fake.Client(), h.config.Clouds })
	h.fake.SetFaults(entratest.Faults{})
	s.door.token = h.mustSignIn(t, contosoOAuth2, entratest.Ann).Tokens // Ann's, while the ID token is of another person
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.UserGroups, c.ExtendedProfile, c.Cloud = true, true, h.fake.Cloud().Name })
	d := s.begin(t, entra.BeginOptions{})
	in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.NoError(t, err)
	_, known := in.Groups()
	require.False(t, known)
	require.Empty(t, in.Identity.Extended)
}

// The key of a person at another connection is another key: a different user (Keycloak CVE-2026-9087).
func TestAttack07KeyAtAnotherConnection(t *testing.T) {
	for _, pair := range [][2]string{{contosoOAuth2, contosoWSFed}, {contosoWSFed, contosoOAuth2}} {
		h := newHouse(t)
		h.trusted(t, pair[1], "contoso.com")
		victim := h.mustSignIn(t, pair[0], entratest.Ann)
		before, err := h.users.User(t.Context(), victim.User.ID)
		require.NoError(t, err)
		in := h.mustSignIn(t, pair[1], entratest.Ann)
		require.NotEqual(t, victim.User.ID, in.User.ID)
		require.Equal(t, provisioning.ReasonOtherConnection, in.Decision.Reason)
		after, err := h.users.User(t.Context(), victim.User.ID)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}

// Two connections claim one domain; a look-alike of it is none (the spellings are in TestSpellingsOfADomain).
func TestAttack08TwoConnectionsOneDomain(t *testing.T) {
	h := newHouse(t)
	for _, spelling := range []string{"contoso.com", "@Contoso.COM", "contoso.com.", "\uff43ontoso.com", "c\u043entoso.com"} {
		for _, strategy := range []entra.Strategy{entra.OAuth2, entra.WSFed} {
			_, _, err := h.registrar.Save(t.Context(), entra.Environment("test"), &entra.Connection{
				Name: "second", Strategy: strategy, Enabled: true, AllApplications: true, Cloud: h.fake.Cloud().Name, EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp,
				ClientSecret: secret(entratest.FabrikamSecret), HomeRealmDomains: []string{spelling},
			})
			require.Error(t, err, spelling)
		}
	}
	d, err := h.BeginByAddress(t.Context(), "ann@contoso.com", entra.BeginOptions{})
	require.NoError(t, err)
	require.Contains(t, d.URL, entratest.ContosoID)
}

// What is no address routes nobody, and as a person's mail it proves nothing (oauth2-proxy CVE-2026-40574).
func TestAttack09TrickyAddresses(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection, "contoso.com")
		untouched := h.victim(t, localUser("victim", entratest.Ann))
		for _, tricky := range []string{
			"attacker@evil.example@contoso.com", `"attacker@evil.example"@contoso.com`, "attacker(comment)@contoso.com", "attacker @contoso.com", "attacker@contoso.com,ann@contoso.com", "<ann@contoso.com>", " ann@contoso.com",
		} {
			_, err := h.BeginByAddress(t.Context(), tricky, entra.BeginOptions{})
			requireKind(t, entra.KindNoConnection, err)
			h.person(t, entratest.MalloryID, func(u *entratest.User) { u.Mail = tricky })
			in, err := h.signIn(t, connection, entratest.Mallory)
			if err != nil { // refused is fine too
				require.NotEqual(t, entra.KindInternal, asKind(t, err), tricky)
			}
			untouched(in)
			if in != nil {
				require.NotEqual(t, provisioning.Fold(entratest.Ann), provisioning.Fold(in.User.Profile.Email), tricky)
			}
		}
	})
}

func asKind(t *testing.T, err error) entra.Kind {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	return e.Kind
}

// A hundred first sign-ins of one person at once, over both protocols, are one user with one identity, and nobody sees an error.
func TestAttack11FirstSignInsAtOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) { h.crowd(t, connection, 100, []string{entratest.Ann}) })
}

// Two hundred first sign-ins of twenty people at once: twenty users, twenty identities, no error shown to anyone.
func TestTwoHundredFirstSignIns(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		var people []string
		require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
			for i := range 20 {
				upn := fmt.Sprintf("person%02d@contoso.com", i)
				people = append(people, upn)
				tenants[0].Users = append(tenants[0].Users, entratest.User{ID: fmt.Sprintf("c0a70500-0000-4000-8000-000000002%03d", i), UPN: upn, Mail: upn, MailVerified: true, DisplayName: upn})
			}
			return tenants
		}))
		h.crowd(t, connection, 200, people)
	})
}

// crowd lets n people sign in at once, who are the same few.
func (h *house) crowd(t *testing.T, connection string, n int, people []string) {
	t.Helper()
	arrivals := make([]*entra.Arrival, n)
	for i := range arrivals {
		d, err := h.Begin(t.Context(), connection, entra.BeginOptions{})
		require.NoError(t, err)
		arrivals[i] = h.arrival(t, d, people[i%len(people)])
	}
	errs, users := make([]error, n), make([]string, n)
	var gate, done sync.WaitGroup
	gate.Add(1)
	for i, a := range arrivals {
		done.Go(func() {
			gate.Wait()
			in, err := h.Finish(context.Background(), a)
			if errs[i] = err; err == nil {
				users[i] = in.User.ID
			}
		})
	}
	gate.Done()
	done.Wait()
	for i, err := range errs {
		// A machine with too little time for so many requests runs into the limit of one. Whoever it hits tries again, as a person would.
		if errors.Is(err, context.DeadlineExceeded) {
			t.Logf("%s: %v", people[i%len(people)], err)
			in, err := h.signIn(t, connection, people[i%len(people)])
			require.NoError(t, err)
			users[i] = in.User.ID
			continue
		}
		require.NoError(t, err)
	}
	of := map[string]string{}
	for i, id := range users {
		who := people[i%len(people)]
		if of[who] == "" {
			of[who] = id
		}
		require.Equal(t, of[who], id, "%s is one user", who)
	}
	require.Len(t, of, len(people))
	keys := map[provisioning.Key]bool{}
	for u := range h.users.All() {
		require.Len(t, u.Keys, 1)
		keys[u.Keys[0]] = true
	}
	require.Len(t, keys, len(people))
	require.Equal(t, len(people), h.count())
}

// Tokens of applications, with an actor in them, or without a signature are nobody's sign-in (the actor-token lesson, CVE-2025-55241).
func TestAttack12TokensOfNobody(t *testing.T) {
	h := newHouse(t)
	untouched := h.victim(t, localUser("victim", entratest.Ann))
	for name, faults := range map[string]entratest.Faults{
		"application":  {Claims: map[string]any{"idtyp": "app"}},
		"device":       {Claims: map[string]any{"idtyp": "device"}},
		"actor":        {Claims: map[string]any{"act": map[string]any{"sub": "service"}}},
		"actor token":  {Claims: map[string]any{"actortoken": "eyJ"}},
		"unsigned":     {Unsigned: true},
		"signed badly": {BadSignature: true},
	} {
		h.fake.SetFaults(faults)
		_, err := h.signIn(t, contosoOAuth2, entratest.Ann)
		requireKind(t, entra.KindToken, err)
		untouched(nil)
		require.Equal(t, 1, h.count(), name)
	}
	h.fake.SetFaults(entratest.Faults{})
	for name, forge := range map[string]func(string) string{
		"unsigned": func(s string) string {
			i, j := strings.Index(s, "<Signature"), strings.Index(s, "</Signature>")
			return s[:i] + s[j+len("</Signature>"):]
		},
		"no answer": func(string) string { return "" },
	} {
		d, err := h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{})
		require.NoError(t, err)
		a := h.arrival(t, d, entratest.Ann)
		a.Form.Set("wresult", forge(a.Form.Get("wresult")))
		_, err = h.Finish(t.Context(), a)
		require.Contains(t, []entra.Kind{entra.KindToken, entra.KindFlow}, asKind(t, err), name)
		untouched(nil)
	}
	require.Equal(t, 1, h.count())
}
