package entra_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// finding looks for one that says this; it must be the only one of its severity or worse.
func finding(t *testing.T, found entra.Findings, severity entra.Severity, says string) entra.Finding {
	t.Helper()
	for _, f := range found {
		if f.Severity == severity && strings.Contains(f.Problem, says) {
			require.True(t, severity == entra.SeverityOK || f.Fix != "", "%v", f)
			return f
		}
	}
	require.Failf(t, "not found", "no %s says %q among %v", severity, says, found)
	return entra.Finding{}
}

func worst(found entra.Findings) (out []string) {
	for _, f := range found {
		if f.Severity > entra.SeverityOK {
			out = append(out, f.Severity.String()+" "+f.Field+": "+f.Problem)
		}
	}
	return out
}

func (h *house) diagnose(t *testing.T, id string) entra.Findings {
	t.Helper()
	c, err := h.connections.Connection(t.Context(), id)
	require.NoError(t, err)
	return h.Diagnose(t.Context(), c)
}

// A sound connection of either protocol: all that was looked at is named, and nobody was signed in.
func TestDiagnoseFindsAllRight(t *testing.T) {
	h := newHouse(t, func(c *entra.Config) { c.BaseURL = "https://auth.example.com/sso" })
	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.ExtendedProfile = true })
	for id, right := range map[string][]string{
		contosoOAuth2: {"the callback address to register is https://auth.example.com/sso/callback/oauth2", "keys fit", "clock", "accepts the application's credential", "contoso.com belongs to"},
		contosoWSFed:  {"/callback/wsfed", "keys fit", "clock", "accepts the application's credential", "people's groups", "people's profiles"},
	} {
		found := h.diagnose(t, id)
		require.Empty(t, worst(found), id)
		require.Len(t, found, len(right), "%v", found)
		for _, what := range right {
			finding(t, found, entra.SeverityOK, what)
		}
	}
	require.Zero(t, h.fake.CountRequests(entratest.EndpointAuthorize)+h.fake.CountRequests(entratest.EndpointWSFed))
}

// Whatever is wrong with the application's credential is found without anybody signing in, over both protocols, with what to do and who.
func TestDiagnoseCredential(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*entra.Connection)
		fake   func(*entratest.Application)
		field  string
		mender aadsts.Mender
		says   string
	}{
		"wrong":              {func(c *entra.Connection) { c.ClientSecret = secret("wr0ng~value") }, nil, "client_secret", aadsts.MenderAppOwner, "7000215"},
		"expired":            {func(c *entra.Connection) { c.ClientSecret = secret(entratest.ExpiredSecret) }, nil, "client_secret", aadsts.MenderAppOwner, "7000222"},
		"no such app":        {func(c *entra.Connection) { c.ClientID, c.Realm = clientID, "spn:"+entratest.ContosoApp }, nil, "client_id", aadsts.MenderAppOwner, "700016"},
		"disabled":           {nil, func(a *entratest.Application) { a.Disabled = true }, "client_id", aadsts.MenderTenantAdmin, "7000112"},
		"a file that is not": {func(c *entra.Connection) { c.FederatedTokenFile = "/nowhere/token" }, nil, "federated_token_file", aadsts.MenderHost, "could not be tried"},
	} {
		for _, id := range []string{contosoOAuth2, contosoWSFed} {
			h := newHouse(t)
			if test.change != nil {
				h.edit(t, id, test.change)
			}
			if test.fake != nil {
				require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
					test.fake(&tenants[0].Applications[0])
					return tenants
				}))
			}
			severity := entra.SeverityError
			if test.mender == aadsts.MenderHost {
				severity = entra.SeverityWarning
			}
			f := finding(t, h.diagnose(t, id), severity, test.says)
			require.Equal(t, test.field, f.Field, name)
			require.Equal(t, test.mender, f.Mender, name)
			require.Equal(t, id, f.ConnectionID)
			require.NotContains(t, f.String(), "wr0ng")
		}
	}
}

// A credential that was mended is right at once, and one that ended is wrong: no kept token answers for it.
func TestDiagnoseAsksAnew(t *testing.T) {
	h := newHouse(t)
	c, err := h.connections.Connection(t.Context(), contosoWSFed)
	require.NoError(t, err)
	require.NoError(t, h.Diagnose(t.Context(), c).Err())
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].Secrets, tenants[0].Applications[0].ExpiredSecrets = nil, []string{entratest.ContosoSecret}
		return tenants
	}))
	finding(t, h.Diagnose(t.Context(), c), entra.SeverityError, "7000222")
}

func TestDiagnosePermissions(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].GraphPermissions = nil
		return tenants
	}))
	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.ExtendedProfile = true })
	found := h.diagnose(t, contosoWSFed)
	groups := finding(t, found, entra.SeverityError, "people's groups")
	require.Equal(t, aadsts.MenderTenantAdmin, groups.Mender)
	require.Contains(t, groups.Fix, "GroupMember.Read.All")
	require.Contains(t, finding(t, found, entra.SeverityError, "people's profiles").Fix, "User.Read.All")

	h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Minute})
	finding(t, h.diagnose(t, contosoWSFed), entra.SeverityWarning, "could not be found out whether the application may read people's groups")

	// Over OAuth 2.0 the person's own token asks, which is for a test sign-in to show.
	for _, f := range h.diagnose(t, contosoOAuth2) {
		require.NotContains(t, f.Problem, "people's")
	}
}

func TestDiagnoseClock(t *testing.T) {
	for skew, want := range map[time.Duration]entra.Severity{
		0: entra.SeverityOK, 90 * time.Second: entra.SeverityWarning, -90 * time.Second: entra.SeverityWarning, 10 * time.Minute: entra.SeverityError, -10 * time.Minute: entra.SeverityError,
	} {
		h := newHouse(t)
		h.fake.SetFaults(entratest.Faults{ClockSkew: skew})
		f := finding(t, h.diagnose(t, contosoOAuth2), want, "clock")
		if want != entra.SeverityOK {
			require.Equal(t, aadsts.MenderHost, f.Mender)
			require.Contains(t, f.Problem, skew.Abs().String())
		}
	}
}

func TestDiagnoseCallback(t *testing.T) {
	for base, test := range map[string]struct {
		severity entra.Severity
		says     string
	}{
		"https://auth.example.com/sso":                            {entra.SeverityOK, "https://auth.example.com/sso/callback/oauth2"},
		"http://localhost:8080/sso":                               {entra.SeverityWarning, "this machine only"},
		"http://[::1]:8080/sso":                                   {entra.SeverityError, "localhost only"},
		"https://auth.example.com/" + strings.Repeat("long/", 50): {entra.SeverityError, "256"},
	} {
		h := newHouse(t, func(c *entra.Config) { c.BaseURL = base })
		require.Equal(t, "callback_url", finding(t, h.diagnose(t, contosoOAuth2), test.severity, test.says).Field)
	}
}

func TestDiagnoseDomains(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.HomeRealmDomains = []string{"contoso.com", "contoso.onmicrosoft.com", "fabrikam.onmicrosoft.com", "nowhere.example"}
	})
	found := h.diagnose(t, contosoOAuth2)
	finding(t, found, entra.SeverityOK, "contoso.onmicrosoft.com belongs to the connection's tenant")
	finding(t, found, entra.SeverityWarning, "fabrikam.onmicrosoft.com belongs to another tenant")
	finding(t, found, entra.SeverityWarning, "knows no tenant for nowhere.example")
	require.NoError(t, found.Err())

	c, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	c.DomainProofs[0].State, c.DomainProofs[1].State = entra.DomainPending, entra.DomainLapsed
	found = h.Diagnose(t.Context(), c)
	finding(t, found, entra.SeverityWarning, "contoso.com is not proven")
	finding(t, found, entra.SeverityWarning, "contoso.onmicrosoft.com was proven once")

	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		for i := range 40 {
			c.HomeRealmDomains = append(c.HomeRealmDomains, "d"+strings.Repeat("x", i)+".example")
		}
	})
	before := h.fake.CountRequests(entratest.EndpointDiscovery)
	finding(t, h.diagnose(t, contosoOAuth2), entra.SeverityOK, "of 44 domains the first 20 were looked up")
	require.Less(t, h.fake.CountRequests(entratest.EndpointDiscovery)-before, 30)
}

// What ends soon is a warning, what has ended a fault, unless the next one is in place.
func TestDiagnoseEndings(t *testing.T) {
	h := newHouse(t)
	now := h.clock.Now()
	certificate, der := keyPair(t, now.Add(-time.Hour), now.Add(10*24*time.Hour))
	c, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	c.ClientSecretExpires = now.Add(200 * 24 * time.Hour)
	finding(t, h.Diagnose(t.Context(), c), entra.SeverityOK, "the client secret is good until "+c.ClientSecretExpires.UTC().Format(time.DateOnly))
	c.ClientSecretExpires = now.Add(29 * 24 * time.Hour)
	require.Equal(t, "client_secret", finding(t, h.Diagnose(t.Context(), c), entra.SeverityWarning, "the client secret ends on").Field)
	c.ClientSecretExpires = now.Add(-time.Second)
	finding(t, h.Diagnose(t.Context(), c), entra.SeverityError, "the client secret has ended")
	c.NextClientSecret, c.NextClientSecretExpires = secret("n3xt~value"), now.Add(100*24*time.Hour)
	finding(t, h.Diagnose(t.Context(), c), entra.SeverityWarning, "the client secret has ended")

	onlyCertificates(t, h.fake, der)
	c.ClientSecret, c.NextClientSecret, c.ClientCertificate = secret(""), secret(""), secret(certificate)
	found := h.Diagnose(t.Context(), c)
	require.NoError(t, found.Err())
	require.Equal(t, "client_certificate", finding(t, found, entra.SeverityWarning, "the client certificate ends on").Field)
	require.Equal(t, "client_certificate", finding(t, found, entra.SeverityOK, "accepts").Field)
}

// An unknown tenant, keys that are not to be had and an Entra that is away are told apart from each other.
func TestDiagnoseProvider(t *testing.T) {
	h := newHouse(t)
	c, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	c.EntraDomain, c.TenantID, c.HomeRealmDomains = "nowhere.example", "", nil
	require.Equal(t, "entra_id_domain", finding(t, h.Diagnose(t.Context(), c), entra.SeverityError, "AADSTS90002").Field)
	c.EntraDomain = "common"
	require.Len(t, h.Diagnose(t.Context(), c), 1, "what Check finds is enough")
	c.EntraDomain, c.Cloud = "contoso.com", "unheard-of"
	require.Error(t, h.Diagnose(t.Context(), c).Err())

	for _, id := range []string{contosoOAuth2, contosoWSFed} {
		away := newHouse(t)
		away.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: -1, entratest.EndpointMetadata: -1, entratest.EndpointToken: -1}})
		require.Error(t, away.diagnose(t, id).Err())
	}
}

// What an organization's admin has diagnosed, they could have saved: nothing is fetched from where they say (attack 54), and the form's secret is the stored one.
func TestPreview(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com"))
	require.NoError(t, err)
	form := c.Clone()
	form.ClientSecret, form.DisplayName = secret(""), "Contoso"
	seen, _, err := o.Preview(t.Context(), by, form)
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoSecret, seen.ClientSecret.Reveal())
	require.Equal(t, "Contoso", seen.DisplayName)
	stored, err := o.store.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Empty(t, stored.DisplayName, "nothing is stored")

	form.Strategy, form.MetadataURL, form.Issuer = entra.WSFed, "http://127.0.0.1/latest/meta-data", "x"
	_, _, err = o.Preview(t.Context(), by, form)
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	form = c.Clone()
	form.FederatedTokenFile = "/etc/passwd"
	_, _, err = o.Preview(t.Context(), by, form)
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	form = c.Clone()
	form.EntraDomain = "common"
	_, findings, err := o.Preview(t.Context(), by, form)
	require.Error(t, err)
	require.NotEmpty(t, findings)
	_, _, err = o.Preview(t.Context(), entra.Administrator("org_other", "x"), c)
	require.ErrorIs(t, err, entra.ErrNotFound)
}
