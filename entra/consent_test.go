package entra_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const multiTenant = "conn_multi"

// newSharedHouse has a connection at "organizations", for Contoso's people only.
func newSharedHouse(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.save(t, &entra.Connection{
		ID: multiTenant, Name: "multi", Strategy: entra.OAuth2, ClientID: entratest.MultiTenantApp, ClientSecret: credential.NewSecret(entratest.MultiTenantSecret),
		UseCommonEndpoint: true, AllowedTenants: []string{entratest.ContosoID},
	})
	return h
}

// The whole way: a permission is missing, the handlers send nobody for an administrator's consent who did not ask for it, the host does, and the
// administrator comes back to a sign-in.
func TestAdminConsent(t *testing.T) {
	h := newHouse(t, showErrors)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Scopes = []string{"User.Read.All"}
		c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Alias: "prompt"}}
	})
	browser := h.fake.NewBrowser()
	arrive := func(d *entra.Departure, upn string) *entra.Arrival {
		r, err := browser.Authenticate(t.Context(), d.URL, upn)
		require.NoError(t, err)
		r.AddCookie(d.Cookie)
		a, err := entra.ReadArrival(r)
		require.NoError(t, err)
		return a
	}
	consent, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{AdminConsent: true, ReturnTo: "/admin", Data: []byte("ada"), Claims: stepUpClaims})
	require.NoError(t, err)
	u, err := url.Parse(consent.URL)
	require.NoError(t, err)
	require.Equal(t, "/"+entratest.ContosoID+"/v2.0/adminconsent", u.Path)

	// The administrator has a session now, so that a silent sign-in is refused for the missing consent alone.
	answer := arrive(consent, entratest.Ada)
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants[0].Applications {
			tenants[0].Applications[i].DelegatedPermissions = nil
		}
		return tenants
	}))
	silent, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{Hints: map[string]string{"prompt": "none"}, ReturnTo: "/inbox"})
	require.NoError(t, err)
	missing := shownError(t, h, func() *http.Request {
		r, err := browser.Authenticate(t.Context(), silent.URL, entratest.Ada)
		require.NoError(t, err)
		r.AddCookie(silent.Cookie)
		return r
	}())
	require.Equal(t, entra.KindProvider, missing.Kind)
	require.NotNil(t, missing.Again)
	require.True(t, missing.Again.AdminConsent)
	require.Equal(t, "/inbox", missing.Again.ReturnTo)
	require.Contains(t, missing.Public, "consent")

	again, err := h.Begin(t.Context(), missing.ConnectionID, *missing.Again)
	require.NoError(t, err)
	_, err = h.Finish(t.Context(), arrive(again, entratest.Ada))
	requireKind(t, entra.KindConsented, err)

	// The first consent comes back: nobody is signed in by it, and what was demanded of the sign-in still is.
	in, err := h.Finish(t.Context(), answer)
	require.Nil(t, in)
	e := requireKind(t, entra.KindConsented, err)
	require.Equal(t, http.StatusOK, e.Status())
	var report *entra.ConsentReport
	require.ErrorAs(t, err, &report)
	require.Equal(t, entratest.ContosoID, report.Consent.Tenant)
	require.Equal(t, contosoOAuth2, report.Connection.ID)
	require.Equal(t, "ada", string(report.Data))
	require.Equal(t, "/admin", report.ReturnTo)
	require.Empty(t, slices.Collect(h.users.All()))
	require.False(t, e.Again.AdminConsent)
	require.Equal(t, stepUpClaims, e.Again.Claims)

	d, err := h.Begin(t.Context(), e.ConnectionID, *e.Again)
	require.NoError(t, err)
	in, err = h.Finish(t.Context(), arrive(d, entratest.Ada))
	require.NoError(t, err)
	require.Equal(t, entratest.AdaID, in.Identity.ObjectID)
	require.Equal(t, "/admin", in.ReturnTo)
	require.Equal(t, "ada", string(in.Data))
}

// lastShown is where showErrors leaves what OnError was given.
type lastShown struct {
	http.ResponseWriter
	err *entra.Error
}

func showErrors(c *entra.Config) {
	c.OnError = func(w http.ResponseWriter, _ *http.Request, e *entra.Error) { w.(*lastShown).err = e }
}

// shownError brings an answer to the handler, which must show an error and send nobody on.
func shownError(t *testing.T, h *house, back *http.Request) *entra.Error {
	t.Helper()
	w := httptest.NewRecorder()
	shown := &lastShown{ResponseWriter: w}
	h.ServeHTTP(shown, back)
	require.NotNil(t, shown.err)
	require.Empty(t, w.Header().Get("Location"))
	return shown.err
}

// Attack 24: what the answer says of a tenant binds nothing.
func TestForgedConsent(t *testing.T) {
	h := newSharedHouse(t)
	before, err := h.connections.Connection(t.Context(), multiTenant)
	require.NoError(t, err)
	begin := func() (*entra.Departure, *entra.Arrival) {
		d, err := h.Begin(t.Context(), multiTenant, entra.BeginOptions{AdminConsent: true})
		require.NoError(t, err)
		u, err := url.Parse(d.URL)
		require.NoError(t, err)
		require.Equal(t, "/organizations/v2.0/adminconsent", u.Path)
		return d, &entra.Arrival{
			Method: http.MethodGet, Path: "/sso/callback/oauth2", Cookies: []*http.Cookie{d.Cookie},
			Query: url.Values{"admin_consent": {"True"}, "tenant": {entratest.ContosoID}, "state": {u.Query().Get("state")}},
		}
	}
	for _, tenant := range []string{entratest.FabrikamID, cloud.Consumers, "fabrikam.com"} {
		_, a := begin()
		a.Query.Set("tenant", tenant)
		_, err := h.Finish(t.Context(), a)
		e := requireKind(t, entra.KindToken, err)
		require.Nil(t, e.Again)
	}
	_, a := begin() // the tenant that the connection knows already: believed no more than any other
	_, err = h.Finish(t.Context(), a)
	e := requireKind(t, entra.KindConsented, err)
	_, err = h.Finish(t.Context(), a)
	requireKind(t, entra.KindFlow, err) // used up

	after, err := h.connections.Connection(t.Context(), multiTenant)
	require.NoError(t, err)
	require.Equal(t, before, after, "nothing was bound")
	require.Empty(t, slices.Collect(h.users.All()))
	d, err := h.Begin(t.Context(), e.ConnectionID, *e.Again)
	require.NoError(t, err)
	_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Bob))
	requireKind(t, entra.KindToken, err) // of Fabrikam, which is still not admitted

	// Without the browser that began it there is no consent.
	_, a = begin()
	a.Cookies = nil
	_, err = h.Finish(t.Context(), a)
	requireKind(t, entra.KindFlow, err)
}

// An answer about consent is no sign-in, and a sign-in's answer is no consent.
func TestConsentAndSignInAreTwo(t *testing.T) {
	h := newSharedHouse(t)
	consent, err := h.Begin(t.Context(), multiTenant, entra.BeginOptions{AdminConsent: true})
	require.NoError(t, err)
	signIn, err := h.Begin(t.Context(), multiTenant, entra.BeginOptions{})
	require.NoError(t, err)
	state := func(d *entra.Departure) string {
		u, err := url.Parse(d.URL)
		require.NoError(t, err)
		return u.Query().Get("state")
	}
	a := h.arrival(t, signIn, entratest.Ann)
	a.Query.Set("state", state(consent))
	a.Cookies = []*http.Cookie{consent.Cookie}
	in, err := h.Finish(t.Context(), a)
	require.Nil(t, in)
	requireKind(t, entra.KindToken, err)

	in, err = h.Finish(t.Context(), &entra.Arrival{
		Method: http.MethodGet, Path: "/sso/callback/oauth2", Cookies: []*http.Cookie{signIn.Cookie},
		Query: url.Values{"admin_consent": {"True"}, "tenant": {entratest.ContosoID}, "state": {state(signIn)}},
	})
	require.Nil(t, in)
	requireKind(t, entra.KindToken, err)
}

// Whoever declines is not asked in a circle; a connection that was changed or switched off meanwhile consents to nothing; WS-Federation knows no consent.
func TestConsentRefused(t *testing.T) {
	h := newHouse(t)
	browser := h.fake.NewBrowser()
	browser.Decline = true
	d, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{AdminConsent: true})
	require.NoError(t, err)
	r, err := browser.Authenticate(t.Context(), d.URL, entratest.Ada)
	require.NoError(t, err)
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	require.NoError(t, err)
	_, err = h.Finish(t.Context(), a)
	e := requireKind(t, entra.KindProvider, err)
	require.Nil(t, e.Again)

	d, err = h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{AdminConsent: true})
	require.NoError(t, err)
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	_, err = h.Finish(t.Context(), &entra.Arrival{
		Method: http.MethodGet, Path: "/sso/callback/oauth2", Cookies: []*http.Cookie{d.Cookie},
		Query: url.Values{"admin_consent": {"True"}, "error": {"consent_required"}, "error_description": {"AADSTS90094: x"}, "state": {u.Query().Get("state")}},
	})
	e = requireKind(t, entra.KindProvider, err)
	require.Nil(t, e.Again, "the consent that was just refused")

	d, err = h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{AdminConsent: true})
	require.NoError(t, err)
	a = h.arrival(t, d, entratest.Ada)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.AllApplications = false })
	_, err = h.Finish(t.Context(), a)
	requireKind(t, entra.KindDisabled, err)
	_, err = h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{AdminConsent: true})
	requireKind(t, entra.KindConfiguration, err)
}

// The handler goes on to the sign-in, or to the host's own page.
func TestConsentHandler(t *testing.T) {
	var consents []*entra.ConsentReport
	for name, change := range map[string]func(*entra.Config){
		"straight on": func(*entra.Config) {},
		"own page": func(c *entra.Config) {
			c.OnConsent = func(w http.ResponseWriter, _ *http.Request, e *entra.Error, report *entra.ConsentReport) {
				if e.Again != nil {
					consents = append(consents, report)
				}
				w.WriteHeader(http.StatusAccepted)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, change)
			d, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{AdminConsent: true, ReturnTo: "/admin"})
			require.NoError(t, err)
			r, err := h.fake.Authenticate(t.Context(), d.URL, entratest.Ada)
			require.NoError(t, err)
			back := httptest.NewRequest(http.MethodGet, r.URL.String(), nil)
			back.AddCookie(d.Cookie)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, back)
			if name == "own page" {
				require.Equal(t, http.StatusAccepted, w.Code)
				require.Len(t, consents, 1)
				require.Equal(t, "/admin", consents[0].ReturnTo)
				return
			}
			require.Equal(t, http.StatusSeeOther, w.Code)
			require.Contains(t, w.Header().Get("Location"), "/oauth2/v2.0/authorize?")
		})
	}
}

func TestKindsHaveTexts(t *testing.T) {
	require.Equal(t, "consented", entra.KindConsented.String())
	require.NotEmpty(t, entra.NewError(entra.KindConsented, nil).Public)
}
