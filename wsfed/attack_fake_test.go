package wsfed_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// fakeReply is registered with the applications of the fake Entra's sample.
const fakeReply = "http://localhost:8080/sso/callback/wsfed"

// world is a relying party before a fake Entra, and a clock that both read.
type world struct {
	*wsfed.RelyingParty
	entra  *entratest.Server
	now    time.Time
	replay replaySpy
}

// newWorld opens a door for an application of the sample in a tenant of it.
func newWorld(t *testing.T, tenant, app string, change ...func(*wsfed.Config)) *world {
	t.Helper()
	w := &world{now: forgeNow}
	var err error
	w.entra, err = entratest.Start(&entratest.Options{Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	t.Cleanup(w.entra.Close)
	c := wsfed.Config{
		Realm: "spn:" + app, Reply: fakeReply, Cloud: w.entra.Cloud(), Tenant: tenant,
		Replay: &w.replay, HTTPClient: w.entra.Client(), Now: func() time.Time { return w.now },
	}
	for _, f := range change {
		f(&c)
	}
	w.RelyingParty, err = wsfed.New(c)
	require.NoError(t, err)
	return w
}

// answered is a sign-in of ours with what the browser brings back.
type answered struct {
	pending *wsfed.Pending
	form    url.Values
}

// answer signs somebody in at the fake.
func (w *world) answer(t *testing.T, upn string) answered {
	t.Helper()
	start, pending, err := w.SignIn(t.Context(), wsfed.SignInRequest{Context: "ctx-1"})
	require.NoError(t, err)
	r, err := w.entra.Authenticate(t.Context(), start, upn)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, r.Method)
	require.NoError(t, r.ParseForm())
	return answered{pending, r.PostForm}
}

func (w *world) finish(ctx context.Context, a answered) (*claims.Identity, error) {
	return w.VerifyForm(ctx, a.form, a.pending)
}

// TestFakeEntraSignsIn is the whole way over HTTP, with metadata fetched, in each form of token and key.
func TestFakeEntraSignsIn(t *testing.T) {
	common := func(c *wsfed.Config) { c.Tenant, c.AnyTenant = "", true }
	for name, tt := range map[string]struct {
		tenant, app, upn, object, inTenant string
		change                             []func(*wsfed.Config)
	}{
		"SAML 2.0":            {entratest.FabrikamID, entratest.FabrikamApp, entratest.Bob, entratest.BobID, entratest.FabrikamID, nil},
		"SAML 1.1":            {entratest.ContosoID, entratest.ContosoSAML11App, entratest.Ann, entratest.AnnID, entratest.ContosoID, nil},
		"own key":             {entratest.ContosoID, entratest.ContosoOwnKeyApp, entratest.Ann, entratest.AnnID, entratest.ContosoID, nil},
		"a guest":             {entratest.ContosoID, entratest.ContosoApp, entratest.Bob, entratest.BobGuestID, entratest.ContosoID, nil},
		"by domain":           {"fabrikam.com", entratest.FabrikamApp, entratest.Bob, entratest.BobID, entratest.FabrikamID, nil},
		"any tenant":          {"", entratest.MultiTenantApp, entratest.Bob, entratest.BobID, entratest.FabrikamID, []func(*wsfed.Config){common}},
		"overage":             {entratest.ContosoID, entratest.ContosoApp, entratest.Maya, entratest.MayaID, entratest.ContosoID, nil},
		"no groups":           {entratest.ContosoID, entratest.ContosoApp, entratest.Ben, entratest.BenID, entratest.ContosoID, nil},
		"groups":              {entratest.ContosoID, entratest.ContosoApp, entratest.Ann, entratest.AnnID, entratest.ContosoID, nil},
		"SAML 1.1, no groups": {entratest.ContosoID, entratest.ContosoSAML11App, entratest.Ben, entratest.BenID, entratest.ContosoID, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.tenant, tt.app, tt.change...)
			id, err := w.finish(t.Context(), w.answer(t, tt.upn))
			require.NoError(t, err)
			assert.Equal(t, tt.inTenant, id.TenantID)
			assert.Equal(t, tt.object, id.ObjectID)
			groups, known := id.Groups.Known()
			switch tt.upn {
			case entratest.Maya:
				assert.True(t, id.Groups.Overage())
			case entratest.Ben:
				assert.False(t, known)
			case entratest.Ann:
				assert.Equal(t, []claims.Group{{ID: entratest.ContosoEngineering}, {ID: entratest.ContosoAdmins}, {ID: entratest.ContosoStaff}}, groups)
			}
		})
	}
}

// TestFakeEntraGoesWrong: each fault of the fake, which signs with code of its own, is refused by the check that owns it.
func TestFakeEntraGoesWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		faults entratest.Faults
		check  wsfed.Check
	}{
		"wrong issuer":           {entratest.Faults{WrongIssuer: "https://sts.evil.example/" + entratest.ContosoID + "/"}, wsfed.CheckIssuer},
		"issuer as template":     {entratest.Faults{WrongIssuer: "https://sts.entratest.invalid/{tenantid}/"}, wsfed.CheckIssuer},
		"another tenant's":       {entratest.Faults{WrongIssuer: "https://sts.entratest.invalid/" + entratest.FabrikamID + "/", WrongTenant: entratest.FabrikamID}, wsfed.CheckTenant},
		"wrong audience":         {entratest.Faults{WrongAudience: "spn:" + entratest.FabrikamApp}, wsfed.CheckAudience},
		"wrong tenant":           {entratest.Faults{WrongTenant: entratest.FabrikamID}, wsfed.CheckTenant},
		"no object id":           {entratest.Faults{NoObjectID: true}, wsfed.CheckClaims},
		"bad signature":          {entratest.Faults{BadSignature: true}, wsfed.CheckSignature},
		"unknown key":            {entratest.Faults{UnknownKey: true}, wsfed.CheckSignature},
		"clock ahead":            {entratest.Faults{ClockSkew: 11 * time.Minute}, wsfed.CheckNotYetValid},
		"clock behind":           {entratest.Faults{ClockSkew: -2 * time.Hour}, wsfed.CheckExpired},
		"expired when it came":   {entratest.Faults{TokenLifetime: -6 * time.Minute}, wsfed.CheckExpired},
		"another app's audience": {entratest.Faults{WrongAudience: entratest.ContosoApp}, wsfed.CheckAudience},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, entratest.ContosoID, entratest.ContosoApp)
			w.entra.SetFaults(tt.faults)
			id, err := w.finish(t.Context(), w.answer(t, entratest.Ann))
			require.Nil(t, id)
			var refused *wsfed.VerificationError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, tt.check, refused.Check, "%v", err)
			assert.Zero(t, w.replay.calls)

			w.entra.SetFaults(entratest.Faults{})
			_, err = w.finish(t.Context(), w.answer(t, entratest.Ann))
			require.NoError(t, err, "the next good answer passes")
		})
	}
}

// TestFakeEntraRollsOver: keys come and go while the door stays open.
func TestFakeEntraRollsOver(t *testing.T) {
	w := newWorld(t, entratest.ContosoID, entratest.ContosoApp)
	signIn := func() error {
		_, err := w.finish(t.Context(), w.answer(t, entratest.Ann))
		return err
	}
	fetches := func() int { return w.entra.CountRequests(entratest.EndpointMetadata) }
	require.NoError(t, signIn())
	require.Equal(t, 1, fetches())

	t.Run("a new key causes one fetch", func(t *testing.T) {
		w.now = w.now.Add(10 * time.Minute)
		w.entra.RotateKeys(false)
		require.NoError(t, signIn())
		require.NoError(t, signIn())
		require.Equal(t, 2, fetches())
	})
	t.Run("unknown keys cause no flood", func(t *testing.T) {
		w.now = w.now.Add(10 * time.Minute)
		before := fetches()
		w.entra.SetFaults(entratest.Faults{UnknownKey: true})
		for range 20 {
			require.Error(t, signIn())
		}
		w.entra.SetFaults(entratest.Faults{})
		assert.LessOrEqual(t, fetches()-before, 1)
	})
	t.Run("a removed key stops working", func(t *testing.T) {
		old := w.answer(t, entratest.Ann)
		w.entra.RotateKeys(true)
		w.now = w.now.Add(6 * time.Minute)
		require.NoError(t, signIn(), "the new key, which makes the door look")
		id, err := w.finish(t.Context(), old)
		require.Error(t, err)
		require.Nil(t, id)
	})
	t.Run("the last good document serves through an outage, for a day", func(t *testing.T) {
		w.entra.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointMetadata: -1}})
		// SignIn needs the document too; what comes back is verified a little later.
		w.now = w.now.Add(23 * time.Hour)
		require.NoError(t, signIn())
		answer := w.answer(t, entratest.Ann)
		w.now = w.now.Add(2 * time.Hour)
		id, err := w.finish(t.Context(), answer)
		require.ErrorIs(t, err, wsfed.ErrUnavailable)
		require.Nil(t, id)
	})
}
