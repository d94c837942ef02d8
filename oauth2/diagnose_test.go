package oauth2_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// TestDiagnose: what cannot work is found without anybody signing in, with the field to look at and who mends it.
func TestDiagnose(t *testing.T) {
	shared := func(t *entra.Target) {
		t.Connection.UseCommonEndpoint, t.Connection.AllowedTenants = true, []string{contoso, fabrikam}
	}
	for name, tt := range map[string]struct {
		fake     func(*fake)
		target   func(*entra.Target)
		field    string
		mender   aadsts.Mender
		severity entra.Severity
		says     string
	}{
		"no client id":        {nil, func(t *entra.Target) { t.Connection.ClientID = "" }, "", aadsts.MenderAppOwner, entra.SeverityError, "client id"},
		"no credential":       {nil, func(t *entra.Target) { t.Credential = nil }, "", aadsts.MenderAppOwner, entra.SeverityError, "credential"},
		"Entra is away":       {func(f *fake) { f.intercept = failing(http.StatusServiceUnavailable) }, nil, "cloud", aadsts.MenderHost, entra.SeverityError, "503"},
		"no such tenant":      {func(f *fake) { f.intercept = unknownTenant }, nil, "entra_id_domain", aadsts.MenderAppOwner, entra.SeverityError, "AADSTS90002"},
		"another issuer":      {func(f *fake) { f.discovery["issuer"] = f.URL + "/" + fabrikam + "/v2.0" }, nil, "cloud", aadsts.MenderHost, entra.SeverityError, "another tenant"},
		"no keys":             {func(f *fake) { f.keys = nil }, nil, "cloud", aadsts.MenderHost, entra.SeverityError, "no key"},
		"keys of others":      {func(f *fake) { f.keys[0]["issuer"] = f.URL + "/" + fabrikam + "/v2.0" }, nil, "entra_id_domain", aadsts.MenderAppOwner, entra.SeverityError, "no key that signs for tenant " + contoso},
		"keys for one of two": {func(f *fake) { f.keys[0]["issuer"] = f.URL + "/" + contoso + "/v2.0" }, shared, "entra_id_domain", aadsts.MenderAppOwner, entra.SeverityError, fabrikam},
		"a domain that moved": {nil, func(t *entra.Target) { t.Connection.TenantID = fabrikam }, "entra_id_domain", aadsts.MenderHost, entra.SeverityError, "belongs to tenant " + contoso},
		"a domain that is gone": {func(f *fake) {
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Path == "/contoso.test/v2.0/.well-known/openid-configuration" && unknownTenant(w, r)
			}
		}, nil, "entra_id_domain", aadsts.MenderTenantAdmin, entra.SeverityWarning, "any more"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.token = map[string]any{"token_type": "Bearer", "access_token": "app-token", "expires_in": 3600}
			if tt.fake != nil {
				tt.fake(f)
			}
			target := f.target()
			if tt.target != nil {
				tt.target(&target)
			}
			found := f.driver(t).(entra.Diagnoser).Diagnose(t.Context(), target)
			require.Len(t, found, 1, "%v", found)
			require.Equal(t, tt.field, found[0].Field)
			require.Equal(t, tt.severity, found[0].Severity)
			require.Equal(t, tt.mender, found[0].Mender)
			require.Contains(t, found[0].Problem, tt.says)
			require.NotEmpty(t, found[0].Fix)
			require.Equal(t, "c1", found[0].ConnectionID)
			require.NotContains(t, found[0].String(), "test-secret")
			require.Empty(t, f.elsewhere())
		})
	}
}

func TestDiagnoseFindsNothing(t *testing.T) {
	for name, change := range map[string]func(*entra.Target){
		"one tenant": func(*entra.Target) {},
		"unpinned":   func(t *entra.Target) { t.Connection.TenantID = "" },
		"by id":      func(t *entra.Target) { t.Connection.EntraDomain = contoso },
		"several": func(t *entra.Target) {
			t.Connection.UseCommonEndpoint, t.Connection.AllowedTenants = true, []string{contoso}
		},
		"any":      func(t *entra.Target) { t.Connection.UseCommonEndpoint, t.Connection.AnyTenant = true, true },
		"no Graph": func(t *entra.Target) { t.Cloud.Graph = "" },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.token = map[string]any{"token_type": "Bearer", "access_token": "app-token", "expires_in": 3600}
			require.Empty(t, f.driver(t).(entra.Diagnoser).Diagnose(t.Context(), f.target(change)))
			require.Empty(t, f.forms, "the credential is the Service's to try")
		})
	}
}

// unknownTenant is Entra's answer for a tenant that it does not know.
func unknownTenant(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	answer(w, map[string]any{"error": "invalid_tenant", "error_codes": []int{90002}, "error_description": "AADSTS90002: Tenant not found."})
	return true
}
