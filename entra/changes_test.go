package entra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Exports of Kinde's for both strategies are loaded, checked and saved, and are stored as they were, but for what only the Registrar writes.
func TestExportsAreSaved(t *testing.T) {
	for _, name := range []string{"OAuth 2.0", "WS-Federation", "of a later version"} {
		o := newOffice(t)
		c := read(t, exports[name])
		require.NoError(t, c.Check().Err(), name)
		_, findings, err := o.Save(t.Context(), environment, c)
		require.NoError(t, err, "%s: %v", name, findings)
		stored, err := o.store.Connection(t.Context(), c.ID)
		require.NoError(t, err)
		var got, want map[string]any
		require.NoError(t, json.Unmarshal([]byte(toJSON(t, stored)), &got))
		require.NoError(t, json.Unmarshal([]byte(exports[name]), &want))
		options := got["options"].(map[string]any)
		require.NotEmpty(t, options["tenant_id"])
		delete(got, "version")
		delete(options, "tenant_id")
		delete(options, "home_realm_domain_proofs")
		require.Equal(t, want, got, name)
	}
}

// A bad export lists every fault, of either strategy, in one go.
func TestBadExportListsEveryFault(t *testing.T) {
	o := newOffice(t)
	for strategy, more := range map[string][]string{"oauth2:azure_ad": {"client_id"}, "wsfed:azure_ad": {"client_id", "issuer", "metadata_url", "subject_claim"}} {
		c := read(t, `{"name": " ", "display_name": "a\nb", "strategy": "`+strategy+`", "options": {
			"client_id": "not a GUID", "client_secret": " s3cr3t ", "entra_id_domain": "common", "home_realm_domains": ["gmail.com", "co.uk", "192.0.2.1", "a b"],
			"is_use_common_endpoint": true, "is_any_tenant_allowed": true, "is_trust_emails_enabled": true, "upstream_params": {"state": {"value": "x"}, "a": {}}
		}}`)
		if strategy == "wsfed:azure_ad" {
			c.MetadataURL, c.Issuer = "http://adfs.contoso.com/", "not a URI"
		}
		_, findings, err := o.Save(t.Context(), environment, c)
		var invalid *entra.InvalidError
		require.ErrorAs(t, err, &invalid)
		faults := map[string]int{}
		for _, f := range findings {
			require.NotContains(t, f.String(), "s3cr3t")
			if f.Severity == entra.SeverityError {
				faults[f.Field]++
				require.NotEmpty(t, f.Fix)
			}
		}
		require.Len(t, invalid.Faults, len(faults)+4, "%v", invalid.Faults) // four domains, two parameters
		for _, field := range append(more, "name", "display_name", "client_secret", "entra_id_domain", "is_trust_emails_enabled", "upstream_params") {
			if field == "client_id" && strategy == "wsfed:azure_ad" {
				continue // with AD FS it is whatever the provider calls us
			}
			require.NotZero(t, faults[field], "%s: %s", strategy, field)
		}
		require.Equal(t, 4, faults["home_realm_domains"])
	}
}

// A person stays the same user through every change of the connection's strategy, there and back, with one identity.
func TestStrategyGoesThereAndBack(t *testing.T) {
	h := newHouse(t)
	id := h.mustSignIn(t, contosoOAuth2, entratest.Ann).User.ID
	for _, strategy := range []entra.Strategy{entra.WSFed, entra.OAuth2, entra.WSFed} {
		var change entra.Change
		r, err := entra.NewRegistrar(entra.RegistrarConfig{Store: h.connections, Clouds: h.config.Clouds, HTTPClient: h.fake.Client(), Audit: func(_ context.Context, c entra.Change) { change = c }})
		require.NoError(t, err)
		c, err := h.connections.Connection(t.Context(), contosoOAuth2)
		require.NoError(t, err)
		c.Strategy = strategy
		saved, _, err := r.Save(t.Context(), environment, c)
		require.NoError(t, err)
		require.Equal(t, []string{"contoso.com"}, saved.ProvenDomains(), "a strategy is no tenant")
		require.Equal(t, entra.SessionsGoOn, change.SessionsEnd())
		callback, err := h.CallbackURL(t.Context(), saved)
		require.NoError(t, err)
		require.Equal(t, map[entra.Strategy]string{entra.OAuth2: "http://localhost:8080/sso/callback/oauth2", entra.WSFed: "http://localhost:8080/sso/callback/wsfed"}[strategy], callback)

		in := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
		require.Equal(t, id, in.User.ID)
		require.Len(t, in.User.Keys, 1)
		require.Equal(t, provisioning.ActionSignIn, in.Decision.Action)
	}
}

// A change counts for the next sign-in, without a restart; one that is under way and that it concerns ends.
func TestChangesTakeEffectAtOnce(t *testing.T) {
	h := newHouse(t)
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)
	under, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{})
	require.NoError(t, err)
	arrival := h.arrival(t, under, entratest.Ann)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.EntraDomain, c.TenantID, c.ClientID, c.ClientSecret = "fabrikam.com", "", entratest.FabrikamApp, secret(entratest.FabrikamSecret)
	})
	_, err = h.Finish(t.Context(), arrival)
	requireKind(t, entra.KindDisabled, err)
	require.Equal(t, entratest.BobID, h.mustSignIn(t, contosoOAuth2, entratest.Bob).Identity.ObjectID)

	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Enabled = false })
	_, err = h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{})
	requireKind(t, entra.KindDisabled, err)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Enabled = true })
	h.mustSignIn(t, contosoOAuth2, entratest.Bob)
}

// Of many who edit one version, one succeeds and all others learn of it; nobody's edit is lost unawares.
func TestConcurrentEdits(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", entratest.ContosoID, "contoso.com"))
	require.NoError(t, err)
	errs := make([]error, 12)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			edit := c.Clone()
			edit.DisplayName = fmt.Sprint("edit ", i)
			if i%3 == 0 {
				_, errs[i] = o.ClearSecret(context.Background(), environment, c.ID, c.Version, "next_client_secret")
				return
			}
			_, _, errs[i] = o.Save(context.Background(), environment, edit)
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, entra.ErrConflict)
	}
	require.Equal(t, 1, won)
	require.Len(t, o.changes, 2)
}

// Upstream parameters reach the provider in its own words: OpenID Connect's names as they are, over WS-Federation translated.
func TestUpstreamParametersByStrategy(t *testing.T) {
	h := newHouse(t)
	params := map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}, "prompt": {Alias: "prompt"}, "domain_hint": {Alias: "domain_hint"}, "ui_locales": {Value: "de"}, "extra": {Alias: "campaign"}}
	hints := map[string]string{"login_hint": "ann@contoso.com", "prompt": "login", "domain_hint": "contoso.com", "campaign": "spring", "state": "mine", "unnamed": "x"}
	for id, want := range map[string]url.Values{
		contosoOAuth2: {"login_hint": {"ann@contoso.com"}, "prompt": {"login"}, "domain_hint": {"contoso.com"}, "ui_locales": {"de"}, "extra": {"spring"}},
		contosoWSFed:  {"login_hint": {"ann@contoso.com"}, "wfresh": {"0"}, "whr": {"contoso.com"}, "ui_locales": {"de"}, "extra": {"spring"}},
	} {
		h.edit(t, id, func(c *entra.Connection) { c.UpstreamParams = params })
		d, err := h.Begin(t.Context(), id, entra.BeginOptions{Hints: hints})
		require.NoError(t, err)
		u, err := url.Parse(d.URL)
		require.NoError(t, err)
		got := u.Query()
		for name := range got {
			if entra.Reserved(name) {
				require.NotEqual(t, "mine", got.Get(name))
				got.Del(name)
			}
		}
		require.Equal(t, want, got, id)
		_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
		require.NoError(t, err)
	}
}
