package oauth2_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

// TestForeignDocuments: a discovery document that speaks for somebody else, or leads elsewhere, is refused before anything is fetched from there.
func TestForeignDocuments(t *testing.T) {
	type members = map[string]any
	const evil = "https://login.evil.example"
	for name, tt := range map[string]struct {
		client func(*oauth2.Config)
		with   func(f *fake) members
	}{
		"another tenant's issuer":    {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/" + fabrikam + "/v2.0"} }},
		"the template at a tenant":   {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/{tenantid}/v2.0"} }},
		"a tenant at organizations":  {anyTenant, func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"the template at a domain":   {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/{tenantid}/v2.0"} }},
		"no GUID at a domain":        {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/contoso.test/v2.0"} }},
		"a work tenant at consumers": {at("consumers"), func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"an issuer elsewhere":        {at(contoso), func(*fake) members { return members{"issuer": evil + "/" + contoso + "/v2.0"} }},
		"a template elsewhere":       {anyTenant, func(*fake) members { return members{"issuer": evil + "/{tenantid}/v2.0"} }},
		"a v1.0 issuer":              {at(contoso), func(*fake) members { return members{"issuer": "https://sts.windows.net/" + contoso + "/"} }},
		"no issuer":                  {at(contoso), func(*fake) members { return members{"issuer": nil} }},
		"an issuer with a suffix":    {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0/"} }},
		"another cloud":              {at(contoso), func(*fake) members { return members{"cloud_instance_name": "login.other"} }},
		"keys elsewhere":             {at(contoso), func(*fake) members { return members{"jwks_uri": evil + "/keys"} }},
		"keys on another port":       {at(contoso), func(*fake) members { return members{"jwks_uri": "http://127.0.0.1:1/keys"} }},
		"keys by another scheme": {at(contoso), func(f *fake) members {
			return members{"jwks_uri": strings.Replace(f.URL, "http", "https", 1) + "/keys"}
		}},
		"a GUID in upper case":           {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/" + strings.ToUpper(contoso) + "/v2.0"} }},
		"keys by ftp":                    {at(contoso), func(f *fake) members { return members{"jwks_uri": strings.Replace(f.URL, "http", "ftp", 1) + "/keys"} }},
		"keys with user info":            {at(contoso), func(f *fake) members { return members{"jwks_uri": strings.Replace(f.URL, "//", "//a@", 1) + "/keys"} }},
		"keys of a host with ours in it": {at(contoso), func(f *fake) members { return members{"jwks_uri": f.URL + ".evil.example/keys"} }},
		"no keys":                        {at(contoso), func(*fake) members { return members{"jwks_uri": nil} }},
		"authorization elsewhere":        {at(contoso), func(*fake) members { return members{"authorization_endpoint": evil + "/authorize"} }},
		"no authorization":               {at(contoso), func(*fake) members { return members{"authorization_endpoint": nil} }},
		"tokens elsewhere":               {at(contoso), func(*fake) members { return members{"token_endpoint": evil + "/token"} }},
		"no tokens":                      {at(contoso), func(*fake) members { return members{"token_endpoint": nil} }},
		"sign-out elsewhere":             {at(contoso), func(*fake) members { return members{"end_session_endpoint": evil + "/logout"} }},
		"a look-alike":                   {at(contoso), func(f *fake) members { return members{"Issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"a member of another type":       {at(contoso), func(*fake) members { return members{"jwks_uri": []string{"x"}} }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.discovery = tt.with(f)
			c := f.client(t, tt.client)
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(c), &refused)
			require.Equal(t, "discovery document", refused.Document)
			_, _, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
			require.ErrorAs(t, err, &refused)
			require.Empty(t, f.elsewhere())
			require.Zero(t, f.count("/keys"))
		})
	}
}

func TestForeignKeySets(t *testing.T) {
	for name, change := range map[string]func(f *fake){
		"no keys":               func(f *fake) { f.keys = []map[string]any{} },
		"only encryption keys":  func(f *fake) { f.keys[0]["use"] = "enc" },
		"only elliptic keys":    func(f *fake) { f.keys[0]["kty"] = "EC" },
		"only symmetric keys":   func(f *fake) { f.keys[0] = map[string]any{"kty": "oct", "kid": "one", "k": "c2VjcmV0"} },
		"only keys without kid": func(f *fake) { delete(f.keys[0], "kid") },
		"a look-alike":          func(f *fake) { f.keys[0]["Issuer"] = "x" },
		"a look-alike letter":   func(f *fake) { f.keys[0]["i\u017f\u017fuer"] = "x" },
		"an issuer of two":      func(f *fake) { f.keys[0]["issuer"] = []string{"a", "b"} },
		"a weak key":            func(f *fake) { f.keys[0]["n"] = "zq-qwQ" },
		"no modulus":            func(f *fake) { delete(f.keys[0], "n") },
		"a modulus in padding":  func(f *fake) { f.keys[0]["n"] = f.keys[0]["n"].(string) + "=" },
		"exponent one":          func(f *fake) { f.keys[0]["e"] = "AQ" },
		"an even exponent":      func(f *fake) { f.keys[0]["e"] = "AQAA" },
		"a look-alike alone":    func(f *fake) { f.keys[0]["Issuer"] = f.keys[0]["issuer"]; delete(f.keys[0], "issuer") },
		"an exponent past 64 bits, whose end is a good one": func(f *fake) { f.keys[0]["e"] = "AQAAAAAAAQAB" },
		"an exponent far too big":                           func(f *fake) { f.keys[0]["e"] = "AQAAAAAAAAAB" },
		"thousands of keys": func(f *fake) {
			for range 1000 {
				f.keys = append(f.keys, map[string]any{"kty": "EC"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			change(f)
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(f.client(t)), &refused)
			require.Equal(t, "key set", refused.Document)
		})
	}
}

// TestAmbiguousKeySets: a set that can be read in two ways is no set.
func TestAmbiguousKeySets(t *testing.T) {
	f := newFake(t)
	set := text(map[string]any{"keys": f.keys})
	for name, body := range map[string]string{
		"keys twice":     strings.Replace(set, "{", `{"keys":[],`, 1),
		"Keys and keys":  strings.Replace(set, "{", `{"Keys":[],`, 1),
		"Keys alone":     strings.Replace(set, `"keys"`, `"Keys"`, 1),
		"issuer twice":   strings.Replace(set, `"issuer"`, `"issuer":"x","issuer"`, 1),
		"more after it":  set + "{}",
		"not an object":  "[" + set + "]",
		"not JSON":       "<html>",
		"nothing":        "",
		"a text for one": `{"keys":["x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() {
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/keys") {
						return false
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(body))
					return true
				}
			})
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(f.client(t)), &refused)
			require.Equal(t, "key set", refused.Document)
		})
	}
}

// TestOtherKeysArePassedOver: a key that cannot sign here does not spoil those that can.
func TestOtherKeysArePassedOver(t *testing.T) {
	f := newFake(t)
	weak := f.jwk("one", 1, f.URL+"/{tenantid}/v2.0")
	weak["n"] = "zq-qwQ"
	f.keys = append(f.keys, weak, map[string]any{"kty": "EC", "kid": "one"}, map[string]any{"kty": "RSA", "use": "enc", "kid": "one", "n": "AQAB", "e": "AQAB"})
	require.NoError(t, f.verifies(f.client(t)))
}

// TestHostileServers is attack 23: whatever the endpoints send, it is bounded and refused.
func TestHostileServers(t *testing.T) {
	for name, send := range map[string]struct {
		answer http.HandlerFunc
		cause  error
	}{
		"a redirect elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/openid-configuration", http.StatusFound)
		}, outbound.ErrRedirect},
		"a redirect on the host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/common/v2.0/.well-known/openid-configuration", http.StatusTemporaryRedirect)
		}, outbound.ErrRedirect},
		"100 MB": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, outbound.ErrTooLarge},
		"a length that is a lie": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100000000000")
			_, _ = w.Write([]byte("{}"))
		}, outbound.ErrTooLarge},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("{}"))
		}, nil},
		"no content type that is JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte("{}"))
		}, nil},
		"an error":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, nil},
		"nothing at all": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, nil},
	} {
		for _, at := range []string{"/openid-configuration", "/keys"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				f := newFake(t)
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, at) {
						return false
					}
					send.answer(w, r)
					return true
				}
				err := f.verifies(f.client(t))
				require.Error(t, err)
				require.False(t, isRefused(err, ""))
				if send.cause != nil {
					require.ErrorIs(t, err, send.cause)
				}
				require.Empty(t, f.elsewhere())
			})
		}
	}
}

// TestUnknownTenant: Entra's own words for a tenant that it does not know reach the caller.
func TestUnknownTenant(t *testing.T) {
	f := newFake(t)
	f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant not found.","error_codes":[90002]}`))
		return true
	}
	var e *aadsts.Error
	require.ErrorAs(t, f.verifies(f.client(t)), &e)
	require.Equal(t, 90002, e.Code)
}
