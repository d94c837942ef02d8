package entra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// An organization that switched a shared connection off midway is out (Zitadel CVE-2025-64717).
func TestOrganizationSwitchesOffMidway(t *testing.T) {
	s := newStage(t)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.EnabledApplications, c.Organizations = nil, []string{"org_northwind"}
	})
	d := s.begin(t, entra.BeginOptions{Organization: "org_northwind"})
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.Organizations = nil })
	_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	requireKind(t, entra.KindDisabled, err)
	require.Zero(t, s.door.finished)
}

// Whatever of a WS-Federation provider is exchanged midway ends the sign-in.
func TestProviderChangesMidway(t *testing.T) {
	for name, change := range map[string]func(*entra.Connection){
		"realm":         func(c *entra.Connection) { c.Realm = "https://other.example" },
		"metadata":      func(c *entra.Connection) { c.MetadataURL = "https://evil.example/metadata" },
		"issuer":        func(c *entra.Connection) { c.Issuer = "http://evil.example/adfs/services/trust" },
		"subject claim": func(c *entra.Connection) { c.SubjectClaim = "http://schemas.xmlsoap.org/claims/Group" },
	} {
		s := newStage(t)
		d := s.begin(t, entra.BeginOptions{})
		s.shelf.edit("conn_contoso", change)
		_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		requireKind(t, entra.KindDisabled, err)
		require.Zero(t, s.door.finished, name)
	}
}

// Two spellings of a domain are one, and what imitates one is none (attack 8).
func TestSpellingsOfADomain(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", "contoso.com", "contoso.com", "bücher.example"))
	require.NoError(t, err)
	for _, same := range []string{"CONTOSO.com", "@contoso.com.", "ｃontoso.com", "contoso。com", "xn--bcher-kva.example", "BÜCHER.example", "bu\u0308cher.example"} {
		other := draft("", "fabrikam.com", same)
		other.Name = "other"
		_, _, err := o.Save(t.Context(), environment, other)
		var taken *entra.TakenError
		require.ErrorAs(t, err, &taken, same)
		require.Equal(t, c.ID, taken.ConnectionID)
	}
	for _, imitation := range []string{"соntoso.com", "contоso.com", "cοntoso.com", "xn--ontoso-0tf.com"} { // Cyrillic, Greek
		other := draft("", "fabrikam.com", imitation)
		other.Name = "other"
		_, findings, err := o.Save(t.Context(), environment, other)
		require.Error(t, err, imitation)
		require.NotEmpty(t, findings, imitation)
	}
}

// Of two that race for a domain, one has it (attack 43).
func TestRaceForADomain(t *testing.T) {
	o := newOffice(t)
	o.vouch["contoso.com"] = "org_contoso"
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			who, c := entra.Administrator("org_contoso", "ann"), draft("org_contoso", "contoso.com", "contoso.com")
			if i%2 == 0 {
				who, c = entra.Administrator("org_fabrikam", "mallory"), draft("org_fabrikam", "contoso.com", "contoso.com")
			}
			c.Name = fmt.Sprint("sso ", i)
			_, _, errs[i] = o.Save(context.Background(), who, c)
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		var taken *entra.TakenError
		switch {
		case i%2 == 0:
			require.NoError(t, err, "pending blocks nobody and is blocked by nobody")
		case err == nil:
			won++
		default:
			require.ErrorAs(t, err, &taken)
		}
	}
	require.Equal(t, 1, won)
	holder, err := o.store.Connection(t.Context(), o.routes(t, "contoso.com"))
	require.NoError(t, err)
	require.Equal(t, "org_contoso", holder.OrganizationID)
}

// Removed from the last group, a person's groups are none, not what they were (attack 47).
func TestRemovedFromTheLastGroup(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		require.NotEmpty(t, groupIDs(t, h.mustSignIn(t, connection, entratest.Ann)))
		require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
			for i := range tenants[0].Users {
				if tenants[0].Users[i].ID == entratest.AnnID {
					tenants[0].Users[i].Groups = nil
				}
			}
			return tenants
		}))
		in := h.mustSignIn(t, connection, entratest.Ann)
		list, known := in.Groups()
		require.True(t, known, connection) // the claim is gone, which says nothing; Graph says: none
		require.Empty(t, list)
		require.Empty(t, in.User.Groups)
		access, err := in.AccessTokenClaims(claims.TokenOptions{})
		require.NoError(t, err)
		require.Equal(t, []string{}, access["ext_groups"])
	}
}

// A replay store that does not answer refuses, in the caller's time (attack 49).
func TestReplayStoreHangs(t *testing.T) {
	s := newStage(t)
	slow := s.config
	slow.Replay = hanging{}
	service, err := entra.New(slow)
	require.NoError(t, err)
	d := s.begin(t, entra.BeginOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = service.Finish(ctx, answer(t, d, d.Cookie))
	e := requireKind(t, entra.KindUnavailable, err)
	require.True(t, e.Retry)
	require.Zero(t, s.door.finished)
}

type hanging struct{}

func (hanging) Remember(ctx context.Context, _ string, _ time.Time) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

// What an answer says in error_description is nobody's word, and is on no page (attack 57).
func TestErrorDescriptionIsNotShown(t *testing.T) {
	h := newHouse(t)
	for _, description := range []string{`<b>Call +1 555 0100</b> https://evil.example`, `AADSTS50058: <script>alert(1)</script> call +1 555 0100 evil.example`} {
		d, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{})
		require.NoError(t, err)
		u, err := url.Parse(d.URL)
		require.NoError(t, err)
		q := url.Values{"state": {u.Query().Get("state")}, "error": {"access_denied"}, "error_description": {description}, "error_uri": {"https://evil.example"}}
		r := httptest.NewRequest(http.MethodGet, "http://localhost:8080/sso/callback/oauth2?"+q.Encode(), nil)
		r.AddCookie(d.Cookie)
		res := serve(h, r)
		require.Equal(t, http.StatusForbidden, res.StatusCode)
		page := body(t, res)
		for _, foreign := range []string{"evil", "555", "<b>", "script"} {
			require.NotContains(t, page, foreign)
		}
		require.NotContains(t, h.log.String(), "evil")
	}
}

// WS-Federation's clean-up ends the session of whoever brings it, and leads nowhere (attack 38).
func TestCleanUpLeadsNowhere(t *testing.T) {
	var notices []entra.SignOutNotice
	h := newHouse(t, func(c *entra.Config) {
		c.OnSignOut = func(_ context.Context, _ *http.Request, n entra.SignOutNotice) error {
			notices = append(notices, n)
			return errors.New("no session")
		}
	})
	for _, q := range []string{"wa=wsignoutcleanup1.0&wreply=https%3A%2F%2Fevil.example", "wa=WSignOutCleanup1.0"} {
		res := serve(h, httptest.NewRequest(http.MethodGet, "http://localhost:8080/sso/callback/wsfed?"+q, nil))
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Empty(t, res.Header.Get("Location"))
		require.Empty(t, body(t, res))
	}
	require.Equal(t, []entra.SignOutNotice{{}, {}}, notices)
}

// The import of an organization's admin finds the organization's own connections only; a name that two bear finds none (attack 45).
func TestResolver(t *testing.T) {
	o := newOffice(t)
	o.vouch["northwind.example"], o.vouch["contoso.com"] = "org_evil", "org_contoso"
	evil, contosos := entra.Administrator("org_evil", "mallory"), entra.Administrator("org_contoso", "ann")
	bad := draft("org_evil", "fabrikam.com", "northwind.example")
	bad.Name = "sso"
	bad, _, err := o.Save(t.Context(), evil, bad)
	require.NoError(t, err)
	good := draft("org_contoso", "contoso.com", "contoso.com")
	good.Name = "sso"
	good, _, err = o.Save(t.Context(), contosos, good)
	require.NoError(t, err)

	c := newStage(t).config
	c.Connections = o.store
	s, err := entra.New(c)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		by           entra.Actor
		name, domain string
		want         string
	}{
		"own by name":               {contosos, "sso", "", good.ID},
		"own by domain":             {contosos, "", "@Contoso.com", good.ID},
		"another's domain":          {contosos, "", "northwind.example", ""},
		"name of two":               {entra.Environment("import"), "sso", "", ""},
		"environment by domain":     {entra.Environment("import"), "", "northwind.example", bad.ID},
		"unknown name, no fallback": {contosos, "typo", "contoso.com", ""},
		"no domain":                 {contosos, "", "not a domain", ""},
		"nobody":                    {entra.Actor{}, "sso", "", ""},
	} {
		id, found, err := s.Resolver(test.by)(t.Context(), test.name, test.domain)
		require.NoError(t, err)
		require.Equal(t, test.want, id, name)
		require.Equal(t, test.want != "", found, name)
	}
}
