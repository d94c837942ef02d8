package entra_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Attacks on imported records, recycled addresses and organizations, through the whole service and over both protocols.

// recycle gives an address to somebody new, as a tenant does when people leave.
func (h *house) recycle(t *testing.T, upn, newObject string) {
	t.Helper()
	require.NoError(t, h.fake.DeleteUser(entratest.ContosoID, upn, true))
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Users = append(tenants[0].Users, entratest.User{ID: newObject, UPN: upn, Mail: upn, MailVerified: true, DisplayName: "Somebody new"})
		return tenants
	}))
}

const newObject = "c0a70500-0000-4000-8000-0000000009ff"

// Somebody new has the old person's address, and it is proven: a conflict, never the old account; across two trusted connections another user.
func TestAttack44RecycledAddress(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection, "contoso.com")
		old := h.mustSignIn(t, connection, entratest.Ann)
		before, err := h.users.User(t.Context(), old.User.ID)
		require.NoError(t, err)
		h.recycle(t, entratest.Ann, newObject)
		_, err = h.signIn(t, connection, entratest.Ann)
		e := requireKind(t, entra.KindRefused, err)
		require.ErrorIs(t, e, provisioning.ErrIdentityConflict)
		require.NotContains(t, e.Public, entratest.Ann)
		require.NotContains(t, e.Public, "exist") // nobody is told that there is another account

		other := map[string]string{contosoOAuth2: contosoWSFed, contosoWSFed: contosoOAuth2}[connection]
		h.edit(t, connection, func(c *entra.Connection) { c.HomeRealmDomains = nil })
		h.trusted(t, other, "contoso.com")
		h.edit(t, connection, func(c *entra.Connection) { c.TrustEmails = true })
		in := h.mustSignIn(t, other, entratest.Ann)
		require.NotEqual(t, old.User.ID, in.User.ID)
		after, err := h.users.User(t.Context(), old.User.ID)
		require.NoError(t, err)
		require.Equal(t, before, after)

		// An administrator who knows that it is the same person after all moves the identity; nothing else does.
		_, err = h.users.Update(t.Context(), in.User.ID, provisioning.Change{}) // the new user stays as it is
		require.NoError(t, err)
		people, err := provisioning.New(provisioning.Config{Users: h.users})
		require.NoError(t, err)
		_, err = people.Rebind(t.Context(), provisioning.Order{By: entra.Environment("ops").People()}, old.User.ID, keyAt(connection, entratest.AnnID), keyAt(connection, newObject))
		require.NoError(t, err)
		require.Equal(t, old.User.ID, h.mustSignIn(t, connection, entratest.Ann).User.ID)
	})
}

// waiting is an imported user whose record waits for Ann by her address.
func waiting(connection string, expires time.Time, change ...func(*provisioning.Pending)) *provisioning.User {
	u := localUser("imported", entratest.Ann)
	w := provisioning.Pending{ConnectionID: connection, TenantID: entratest.ContosoID, Address: entratest.Ann, Expires: expires}
	for _, f := range change {
		f(&w)
	}
	u.Pending = []provisioning.Pending{w}
	return u
}

// A record is claimed by a guest, by mail set at will, after it expired, after the connection's tenant changed: refused, and it stays as it is.
func TestAttack45PendingRecord(t *testing.T) {
	guestUPN := "bob_fabrikam.com#EXT#@contoso.onmicrosoft.com"
	for name, c := range map[string]struct {
		happens func(t *testing.T, h *house, connection string) (at, upn string)
		record  func(*provisioning.Pending)
		reason  provisioning.Reason
	}{
		"by a guest": {func(t *testing.T, h *house, connection string) (string, string) {
			h.person(t, entratest.BobGuestID, func(u *entratest.User) { u.Mail = "ann.archer@contoso.com" })
			return connection, guestUPN
		}, func(w *provisioning.Pending) { w.Address = "ann.archer@contoso.com" }, provisioning.ReasonPendingNotMember},
		"by mail set at will": {func(t *testing.T, h *house, connection string) (string, string) {
			h.person(t, entratest.TinaID, func(u *entratest.User) { u.Mail, u.MailVerified = entratest.Ann, false })
			return h.multiTenant(t, connection, entratest.ContosoID, entratest.FabrikamID), entratest.Tina
		}, func(w *provisioning.Pending) { w.ConnectionID, w.TenantID = "conn_multi", "" }, provisioning.ReasonPendingUnproven},
		"by another tenant's person": {func(t *testing.T, h *house, connection string) (string, string) {
			h.person(t, entratest.TinaID, func(u *entratest.User) { u.Mail, u.MailVerified = entratest.Ann, true })
			return h.multiTenant(t, connection, entratest.ContosoID, entratest.FabrikamID), entratest.Tina
		}, func(w *provisioning.Pending) { w.ConnectionID = "conn_multi" }, provisioning.ReasonPendingTenant},
		"after it expired": {func(t *testing.T, h *house, connection string) (string, string) {
			h.clock.advance(2 * time.Hour)
			return connection, entratest.Ann
		}, nil, provisioning.ReasonPendingExpired},
		"after the tenant changed": {func(t *testing.T, h *house, connection string) (string, string) {
			h.person(t, entratest.TinaID, func(u *entratest.User) { u.Mail, u.MailVerified = entratest.Ann, true })
			h.edit(t, connection, func(c *entra.Connection) {
				c.EntraDomain, c.TenantID, c.ClientID, c.ClientSecret = "fabrikam.com", "", entratest.FabrikamApp, secret(entratest.FabrikamSecret)
			})
			return connection, entratest.Tina
		}, nil, provisioning.ReasonPendingTenant},
		"another object id": {func(t *testing.T, h *house, connection string) (string, string) {
			h.recycle(t, entratest.Ann, newObject)
			return connection, entratest.Ann
		}, func(w *provisioning.Pending) { w.ObjectID = entratest.AnnID }, provisioning.ReasonIdentityConflict},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, h *house, connection string) {
				record := func(w *provisioning.Pending) {
					if c.record != nil {
						c.record(w)
					}
				}
				untouched := h.victim(t, waiting(connection, h.clock.Now().Add(time.Hour), record))
				at, upn := c.happens(t, h, connection)
				in, err := h.signIn(t, at, upn)
				require.Nil(t, in)
				requireKind(t, entra.KindRefused, err)
				var refused *provisioning.Refused
				require.ErrorAs(t, err, &refused)
				require.Equal(t, c.reason, refused.Decision.Reason)
				untouched(nil)
				require.Equal(t, 1, h.count())
			})
		})
	}
	// The person it waits for comes in by it, without any trust in addresses.
	overBoth(t, func(t *testing.T, h *house, connection string) {
		require.NoError(t, h.users.Load(waiting(connection, h.clock.Now().Add(time.Hour))))
		in := h.mustSignIn(t, connection, entratest.Ann)
		require.Equal(t, "imported", in.User.ID)
		require.Empty(t, in.User.Pending)
	})
}

// A user made just in time with an address that nothing proves joins nobody, is not verified, and replaces no verified address.
func TestAttack48UnprovenAddress(t *testing.T) {
	orgs := street{"org": {ID: "org", AutoJoin: true, AllowedDomains: []string{"fabrikam.com"}}, "any": {ID: "any", AutoJoin: true}}
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.edit(t, connection, func(c *entra.Connection) { c.Organizations = []string{"org", "any"} })
		for org := range orgs { // Mallory's mail is Bob's address, of an allowed domain
			d, err := h.Begin(t.Context(), connection, entra.BeginOptions{Organization: org})
			require.NoError(t, err)
			in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Mallory))
			require.NoError(t, err)
			require.Empty(t, in.User.Organizations)
			require.Equal(t, provisioning.JoinUnconfirmed, in.Decision.NotJoined)
			require.False(t, in.User.Profile.EmailVerified)
			token, err := in.IDTokenClaims(claims.TokenOptions{})
			require.NoError(t, err)
			require.Contains(t, toJSON(t, token), `"is_confirmed":false`)
			requireKind(t, entra.KindRefused, h.MayEnter(t.Context(), in, org))
		}
		// On sync: her own verified address stays.
		h.edit(t, connection, func(c *entra.Connection) { c.SyncProfile = true })
		u := slices.Collect(h.users.All())[0]
		u.Profile.Email, u.Profile.EmailVerified = "mallory@private.example", true
		require.NoError(t, h.users.Load(u))
		in := h.mustSignIn(t, connection, entratest.Mallory)
		require.Equal(t, "mallory@private.example", in.User.Profile.Email)
		require.True(t, in.User.Profile.EmailVerified)
		require.False(t, in.Decision.Confirmed)
	}, func(c *entra.Config) {
		c.Organizations = orgs
		c.SyncProfiles = func(context.Context) (bool, error) { return true, nil }
	})
}

// The replay store fails or is silent: nobody is signed in, and trying again helps.
func TestAttack49ReplayStoreFails(t *testing.T) {
	broken := &failing{Replay: memory.NewReplay()}
	overBoth(t, func(t *testing.T, h *house, connection string) {
		for _, fails := range []int{1, 2} { // as the flow is consumed; as the assertion is remembered
			d, err := h.Begin(t.Context(), connection, entra.BeginOptions{})
			require.NoError(t, err)
			a := h.arrival(t, d, entratest.Ann)
			broken.at = fails
			in, err := h.Finish(t.Context(), a)
			broken.at = 0
			if fails == 2 && connection == contosoOAuth2 {
				require.NoError(t, err, "a code is used up at Entra; only the flow is remembered")
				continue
			}
			require.Nil(t, in)
			e := requireKind(t, entra.KindUnavailable, err)
			require.True(t, e.Retry)
			require.Zero(t, h.count())
		}
		h.mustSignIn(t, connection, entratest.Ann)
	}, func(c *entra.Config) { c.Replay = broken })
}

// failing answers its at-th call from now with "new" and an error: the error counts.
type failing struct {
	*memory.Replay
	at int
}

func (f *failing) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	f.at--
	if f.at == 0 {
		return true, errors.New("the replay store is down")
	}
	return f.Replay.Remember(ctx, id, until)
}

// The same answer twice at once, on two machines that share a replay store: one of them signs in.
func TestAttack49TwiceAtOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, h *house, connection string) {
		second, err := entra.New(h.config)
		require.NoError(t, err)
		for range 5 {
			d, err := h.Begin(t.Context(), connection, entra.BeginOptions{})
			require.NoError(t, err)
			a := h.arrival(t, d, entratest.Ann)
			results := make(chan error, 2)
			for _, s := range []*entra.Service{h.Service, second} {
				go func() {
					_, err := s.Finish(context.Background(), a)
					results <- err
				}()
			}
			one, two := <-results, <-results
			require.NotEqual(t, one == nil, two == nil, "%v, %v", one, two)
			requireKind(t, entra.KindFlow, errors.Join(one, two))
		}
	})
}

// Guests, personal and external accounts that carry a member's address are never that member, whatever the connection trusts and Entra says of the address.
func TestAttack52OtherKindsOfAccount(t *testing.T) {
	const address = "ceo@contoso.com"
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.trusted(t, connection, "contoso.com")
		h.person(t, entratest.BobGuestID, func(u *entratest.User) { u.Mail, u.MailVerified = address, true })
		untouched := h.victim(t, localUser("victim", address))
		in, err := h.signIn(t, connection, "bob_fabrikam.com#EXT#@contoso.onmicrosoft.com")
		require.Nil(t, in)
		require.Contains(t, []entra.Kind{entra.KindVerify, entra.KindRefused}, asKind(t, err))
		untouched(nil)
		require.Equal(t, 1, h.count())
		h.edit(t, connection, func(c *entra.Connection) { c.TrustEmails = false })
		in = h.mustSignIn(t, connection, "bob_fabrikam.com#EXT#@contoso.onmicrosoft.com")
		untouched(in)
	})
	t.Run("personal", func(t *testing.T) { // over OAuth 2.0: WS-Federation knows no personal accounts
		h := newHouse(t)
		h.person(t, entratest.PiaID, func(u *entratest.User) { u.Mail, u.MailVerified = address, true })
		connection := h.multiTenant(t, contosoOAuth2, entratest.ContosoID, entratest.PersonalID)
		h.trusted(t, connection, "contoso.com")
		untouched := h.victim(t, localUser("victim", address))
		in, err := h.signIn(t, connection, entratest.Pia)
		require.Nil(t, in)
		require.Contains(t, []entra.Kind{entra.KindVerify, entra.KindRefused}, asKind(t, err))
		untouched(nil)
		require.Equal(t, 1, h.count())
	})
	t.Run("external", func(t *testing.T) { // another provider says of itself what it likes: the very key and address of a member
		h := newHouse(t)
		member := localUser("member", address)
		member.Keys = []provisioning.Key{{ConnectionID: "conn_contoso", Authority: contosoTenant, Subject: annObject}}
		untouched := h.victim(t, member)
		s := newStage(t, func(c *entra.Config) { c.Users = h.users })
		s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.TrustEmails, c.CreateMissingUsers = true, true })
		for _, external := range []claims.Identity{
			{Issuer: "https://adfs.evil.example", Subject: annObject, Kind: claims.KindExternal},
			{Issuer: contosoTenant, Subject: annObject, Kind: claims.KindExternal},
			{Issuer: "https://evil.ciamlogin.com", Subject: "x", TenantID: "99999999-9999-4999-8999-999999999999", ObjectID: annObject, Kind: claims.KindExternal},
		} {
			s.door.edit = func(id *claims.Identity) {
				*id = external
				id.Email = claims.Email{Address: address, Evidence: []claims.Evidence{claims.EvidenceDomainOwnerVerified}}
			}
			d := s.begin(t, entra.BeginOptions{})
			in, _ := s.Finish(t.Context(), answer(t, d, d.Cookie))
			untouched(in)
		}
	})
}

// A foreign organization, named at Begin on a shared connection: no join, and no entrance.
func TestAttack58ForeignOrganization(t *testing.T) {
	orgs := street{"org_victim": {ID: "org_victim", AutoJoin: true}, "org_own": {ID: "org_own", AutoJoin: true}}
	overBoth(t, func(t *testing.T, h *house, connection string) {
		h.edit(t, connection, func(c *entra.Connection) { c.Organizations = []string{"org_own"} })
		for _, org := range []string{"org_victim", "org_own"} {
			d, err := h.Begin(t.Context(), connection, entra.BeginOptions{Application: "app", Organization: org})
			require.NoError(t, err)
			in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			require.NoError(t, err)
			if org == "org_victim" {
				require.Empty(t, in.User.Organizations)
				require.Empty(t, in.Decision.Joined)
				requireKind(t, entra.KindDisabled, h.MayEnter(t.Context(), in, org))
			}
		}
	}, func(c *entra.Config) { c.Organizations = orgs })
}
