package entra_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const contosoLab = "conn_contoso_lab" // whose application requires assignment

// newLab is a house with a connection whose application requires assignment; it may read who is assigned if permitted.
func newLab(t *testing.T, permitted bool) *house {
	t.Helper()
	h := newHouse(t)
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants[0].Applications {
			if a := &tenants[0].Applications[i]; a.ClientID == entratest.ContosoAssignedApp && permitted {
				a.GraphPermissions = append(a.GraphPermissions, "Application.Read.All", "Directory.Read.All")
			}
		}
		return tenants
	}))
	h.save(t, &entra.Connection{ID: contosoLab, Name: "lab", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoAssignedApp, ClientSecret: secret(entratest.ContosoSecret), Scopes: []string{"offline_access"}})
	return h
}

func keyAt(connection, object string) provisioning.Key {
	return provisioning.Key{ConnectionID: connection, Authority: entratest.ContosoID, Subject: object}
}

// unassign leaves nobody assigned to the lab's application.
func (h *house) unassign(t *testing.T) {
	t.Helper()
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants[0].Applications {
			if a := &tenants[0].Applications[i]; a.ClientID == entratest.ContosoAssignedApp {
				a.Assigned = nil
			}
		}
		return tenants
	}))
}

func TestRecheckByGraph(t *testing.T) {
	for _, permitted := range []bool{true, false} {
		h := newLab(t, permitted)
		require.NoError(t, h.fake.DeleteUser(entratest.ContosoID, entratest.Ada, false))
		require.NoError(t, h.fake.DeleteUser(entratest.ContosoID, entratest.Mallory, true))
		unassigned := entra.Recheck{State: entra.AccountUnassigned}
		if !permitted {
			unassigned.State = entra.AccountActive // and AssignmentChecked says how far that goes
		}
		for object, want := range map[string]entra.Recheck{
			entratest.AnnID:      {State: entra.AccountActive, AssignmentChecked: permitted},
			entratest.BenID:      unassigned,
			entratest.CarlID:     {State: entra.AccountDisabled},
			entratest.AdaID:      {State: entra.AccountDeleted},
			entratest.MalloryID:  {State: entra.AccountDeleted, Gone: true},
			entratest.BobGuestID: unassigned,
		} {
			want.By, want.At = "graph", h.clock.Now().UTC()
			got, err := h.Recheck(t.Context(), keyAt(contosoLab, object), entra.RecheckOptions{})
			require.NoError(t, err)
			require.Equal(t, want, got, "%s, permitted %v", object, permitted)
		}
		// WS-Federation has no tokens; Graph answers for it alike, and an application without required assignment admits everybody.
		got, err := h.Recheck(t.Context(), keyAt(contosoWSFed, entratest.BenID), entra.RecheckOptions{})
		require.NoError(t, err)
		require.Equal(t, entra.AccountActive, got.State)
	}
}

func TestRecheckByRefresh(t *testing.T) {
	h := newLab(t, false)
	refresh := h.mustSignIn(t, contosoLab, entratest.Ann).Tokens.Refresh
	ann := keyAt(contosoLab, entratest.AnnID)
	before := h.fake.CountRequests(entratest.EndpointGraph)
	got, err := h.Recheck(t.Context(), ann, entra.RecheckOptions{Refresh: refresh})
	require.NoError(t, err)
	require.Equal(t, entra.AccountActive, got.State)
	require.Equal(t, "refresh", got.By)
	require.True(t, got.AssignmentChecked)
	require.Equal(t, entratest.AnnID, got.Identity.ObjectID)
	require.False(t, got.Tokens.Refresh.IsZero())
	require.Equal(t, before, h.fake.CountRequests(entratest.EndpointGraph), "Entra's token says it all")

	_, err = h.Recheck(t.Context(), keyAt(contosoLab, entratest.MayaID), entra.RecheckOptions{Refresh: refresh})
	requireKind(t, entra.KindToken, err) // another person's token says nothing of her

	h.fake.RevokeTokens(entratest.ContosoID, entratest.Ann)
	got, err = h.Recheck(t.Context(), ann, entra.RecheckOptions{Refresh: refresh})
	require.NoError(t, err)
	require.Equal(t, entra.AccountActive, got.State, "revoked tokens are no disabled account: Graph is asked")
	require.Equal(t, "graph", got.By)
	require.True(t, got.SignInAgain)
	require.Nil(t, got.Tokens)

	require.NoError(t, h.fake.SetDisabled(entratest.ContosoID, entratest.Ann, true))
	got, err = h.Recheck(t.Context(), ann, entra.RecheckOptions{Refresh: refresh})
	require.NoError(t, err)
	require.Equal(t, entra.AccountDisabled, got.State)
	require.Nil(t, got.Identity)
	require.NotContains(t, h.log.String(), refresh.Reveal())
}

// Where Graph cannot be asked, Entra's number is what there is.
func TestRecheckByRefreshAlone(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*testing.T, *house)
		want    entra.AccountState
	}{
		"disabled": {func(t *testing.T, h *house) {
			require.NoError(t, h.fake.SetDisabled(entratest.ContosoID, entratest.Ann, true))
		}, entra.AccountDisabled},
		"deleted": {func(t *testing.T, h *house) {
			require.NoError(t, h.fake.DeleteUser(entratest.ContosoID, entratest.Ann, false))
		}, entra.AccountDeleted},
		"unassigned": {func(t *testing.T, h *house) { h.unassign(t) }, entra.AccountUnassigned},
		"revoked":    {func(_ *testing.T, h *house) { h.fake.RevokeTokens(entratest.ContosoID, entratest.Ann) }, entra.AccountUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			h := newLab(t, true)
			refresh := h.mustSignIn(t, contosoLab, entratest.Ann).Tokens.Refresh
			c.happens(t, h)
			config := h.config
			blind := h.fake.Cloud()
			blind.Graph = ""
			config.Clouds[0] = blind
			s, err := entra.New(config)
			require.NoError(t, err)
			got, err := s.Recheck(t.Context(), keyAt(contosoLab, entratest.AnnID), entra.RecheckOptions{Refresh: refresh})
			require.Equal(t, c.want, got.State)
			require.Equal(t, c.want == entra.AccountUnknown, err != nil)
			if err != nil {
				e := requireKind(t, entra.KindProvider, err)
				require.True(t, e.Retry, "signing in again helps")
			}
		})
	}
}

// What cannot be known is unknown, with an error that says why: never active, never deleted.
func TestRecheckKnowsNothing(t *testing.T) {
	h := newLab(t, true)
	ann := keyAt(contosoLab, entratest.AnnID)
	for name, c := range map[string]struct {
		key     provisioning.Key
		options entra.RecheckOptions
		kind    entra.Kind
	}{
		"no such connection": {keyAt("conn_none", entratest.AnnID), entra.RecheckOptions{}, entra.KindNoConnection},
		"another tenant":     {provisioning.Key{ConnectionID: contosoLab, Authority: entratest.FabrikamID, Subject: entratest.BobID}, entra.RecheckOptions{}, entra.KindDisabled},
		"an AD FS key":       {provisioning.Key{ConnectionID: contosoLab, Authority: "http://adfs.example/trust", Subject: "ann"}, entra.RecheckOptions{}, entra.KindConfiguration},
		"an import's key":    {provisioning.ImportKey("kinde", "1"), entra.RecheckOptions{}, entra.KindNoConnection},
		"no credential":      {keyAt(contosoSAML11, entratest.AnnID), entra.RecheckOptions{}, entra.KindConfiguration},
		"tokens of WS-Fed":   {keyAt(contosoWSFed, entratest.AnnID), entra.RecheckOptions{Refresh: secret("a refresh token")}, entra.KindConfiguration},
	} {
		got, err := h.Recheck(t.Context(), c.key, c.options)
		requireKind(t, c.kind, err)
		require.Equal(t, entra.AccountUnknown, got.State, name)
		require.Empty(t, got.By)
	}
	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Hour})
	got, err := h.Recheck(t.Context(), ann, entra.RecheckOptions{})
	e := requireKind(t, entra.KindUnavailable, err)
	require.True(t, e.Retry)
	require.Equal(t, entra.AccountUnknown, got.State)
	var throttled *graph.Error
	require.ErrorAs(t, err, &throttled)
	require.Equal(t, time.Hour, throttled.RetryAfter)
	h.fake.SetFaults(entratest.Faults{})

	h.edit(t, contosoLab, func(c *entra.Connection) { c.Enabled = false })
	before := len(h.fake.Requests())
	_, err = h.Recheck(t.Context(), ann, entra.RecheckOptions{})
	requireKind(t, entra.KindDisabled, err)
	require.Len(t, h.fake.Requests(), before)

	h = newHouse(t)
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].GraphPermissions = []string{"GroupMember.Read.All"}
		return tenants
	}))
	_, err = h.Recheck(t.Context(), keyAt(contosoOAuth2, entratest.AnnID), entra.RecheckOptions{})
	e = requireKind(t, entra.KindConfiguration, err)
	require.Contains(t, e.Public, "must grant it the permission")
}

// staff makes users for all of Contoso's people that sign in through the lab's connection, and a few who do not.
func (h *house) staff(t *testing.T) {
	t.Helper()
	for i, object := range []string{entratest.AnnID, entratest.BenID, entratest.CarlID, entratest.AdaID, entratest.MayaID, entratest.MalloryID} {
		require.NoError(t, h.users.Load(
			&provisioning.User{ID: fmt.Sprintf("user %d", i), Keys: []provisioning.Key{keyAt(contosoLab, object)}},
			&provisioning.User{ID: fmt.Sprintf("user %d, other", i), Keys: []provisioning.Key{keyAt(contosoWSFed, object)}},
			&provisioning.User{ID: fmt.Sprintf("user %d, pending", i), Pending: []provisioning.Pending{{ConnectionID: contosoLab, Address: fmt.Sprintf("p%d@contoso.com", i), Expires: h.clock.Now()}}},
		))
	}
}

func TestSweep(t *testing.T) {
	h := newLab(t, true)
	h.staff(t)
	require.NoError(t, h.fake.DeleteUser(entratest.ContosoID, entratest.Ada, true))
	want := []entra.AccountState{entra.AccountActive, entra.AccountUnassigned, entra.AccountDisabled, entra.AccountDeleted, entra.AccountActive, entra.AccountUnassigned}
	before := h.fake.CountRequests(entratest.EndpointToken)
	for _, concurrency := range []int{0, 1, 4, 1000} {
		var got []entra.AccountState
		for one, err := range h.Sweep(t.Context(), entra.SweepOptions{ConnectionID: contosoLab, Concurrency: concurrency}) {
			require.NoError(t, err)
			require.NoError(t, one.Err)
			require.Equal(t, fmt.Sprintf("user %d", len(got)), one.User.ID, "in order")
			require.Equal(t, contosoLab, one.Key.ConnectionID)
			got = append(got, one.State)
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, before+1, h.fake.CountRequests(entratest.EndpointToken), "one app-only token for all")

	// Stopped at any user, it goes on after that user, whether or not they are still there.
	for stop := range want {
		var got []entra.AccountState
		last := ""
		for one, err := range h.Sweep(t.Context(), entra.SweepOptions{ConnectionID: contosoLab, Concurrency: 2}) {
			require.NoError(t, err)
			got, last = append(got, one.State), one.User.ID
			if len(got) == stop+1 {
				break
			}
		}
		for one, err := range h.Sweep(t.Context(), entra.SweepOptions{ConnectionID: contosoLab, After: last, Concurrency: 2}) {
			require.NoError(t, err)
			got = append(got, one.State)
		}
		require.Equal(t, want, got)
	}
}

// Graph's throttling is waited for, as long as it asks, and nobody is reported for it.
func TestSweepThrottled(t *testing.T) {
	h := newLab(t, true)
	h.staff(t)
	var pauses []time.Duration
	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Minute})
	o := entra.SweepOptions{ConnectionID: contosoLab, Concurrency: 3, Pause: func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		h.fake.SetFaults(entratest.Faults{})
		return nil
	}}
	var got []entra.AccountState
	for one, err := range h.Sweep(t.Context(), o) {
		require.NoError(t, err)
		require.NoError(t, one.Err)
		got = append(got, one.State)
	}
	require.Equal(t, []entra.AccountState{entra.AccountActive, entra.AccountUnassigned, entra.AccountDisabled, entra.AccountUnassigned, entra.AccountActive, entra.AccountUnassigned}, got)
	require.Equal(t, []time.Duration{time.Minute}, pauses)

	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Minute})
	pauses = nil
	o.Pause = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	n := 0
	for one, err := range h.Sweep(t.Context(), o) {
		require.NoError(t, err)
		requireUnknown(t, entra.KindUnavailable, one)
		n++
	}
	require.Equal(t, 6, n, "given up in the end, and said so of each")
	require.Len(t, pauses, 2*4)

	ctx, cancel := context.WithCancel(t.Context())
	o.Pause = nil
	time.AfterFunc(50*time.Millisecond, cancel)
	for _, err := range h.Sweep(ctx, o) {
		require.ErrorIs(t, err, context.Canceled)
		n++
	}
	require.Equal(t, 7, n, "waiting ends with the context")
}

func requireUnknown(t *testing.T, kind entra.Kind, one entra.Swept) {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, one.Err, &e)
	require.Equal(t, kind.String(), e.Kind.String())
	require.Equal(t, contosoLab, e.ConnectionID)
	require.Equal(t, entra.AccountUnknown, one.State)
}

func TestSweepByRefresh(t *testing.T) {
	h := newLab(t, false)
	in := h.mustSignIn(t, contosoLab, entratest.Ann)
	down := errors.New("the vault is down")
	var vault error
	o := entra.SweepOptions{ConnectionID: contosoLab, Refresh: func(_ context.Context, u *provisioning.User) (credential.Secret, error) {
		require.Equal(t, in.User.ID, u.ID)
		return in.Tokens.Refresh, vault
	}}
	n := 0
	for one, err := range h.Sweep(t.Context(), o) {
		require.NoError(t, err)
		require.Equal(t, "refresh", one.By)
		require.NotNil(t, one.Tokens)
		n++
	}
	require.Equal(t, 1, n)
	ends := func(o entra.SweepOptions, kind entra.Kind) (last error) {
		for _, err := range h.Sweep(t.Context(), o) {
			var e *entra.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, kind.String(), e.Kind.String())
			require.NoError(t, last, "an error ends it")
			last = err
		}
		return last
	}
	vault = down
	require.ErrorIs(t, ends(o, entra.KindUnavailable), down)
	h.edit(t, contosoLab, func(c *entra.Connection) { c.Enabled = false })
	require.Error(t, ends(o, entra.KindDisabled))
	require.Error(t, ends(entra.SweepOptions{}, entra.KindConfiguration))
}
