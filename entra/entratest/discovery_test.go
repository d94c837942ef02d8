package entratest_test

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// Discovery names the tenant by GUID however it was asked for, and has a template where it belongs to nobody: what makes
// clients that compare issuers naively fail.
func TestDiscovery(t *testing.T) {
	s := start(t, nil)
	tests := map[string]struct{ issuer, base string }{
		entratest.ContosoID:       {s.URL + "/" + entratest.ContosoID + "/v2.0", entratest.ContosoID},
		"contoso.com":             {s.URL + "/" + entratest.ContosoID + "/v2.0", entratest.ContosoID},
		"CONTOSO.onmicrosoft.com": {s.URL + "/" + entratest.ContosoID + "/v2.0", entratest.ContosoID},
		"common":                  {s.URL + "/{tenantid}/v2.0", "common"},
		"organizations":           {s.URL + "/{tenantid}/v2.0", "organizations"},
		"consumers":               {s.URL + "/" + cloud.Consumers + "/v2.0", "consumers"},
		cloud.Consumers:           {s.URL + "/" + cloud.Consumers + "/v2.0", cloud.Consumers},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			document := getJSON(t, s, s.URL+"/"+name+"/v2.0/.well-known/openid-configuration")
			assert.Equal(t, want.issuer, document["issuer"])
			base := s.URL + "/" + want.base
			assert.Equal(t, base+"/oauth2/v2.0/authorize", document["authorization_endpoint"])
			assert.Equal(t, base+"/oauth2/v2.0/token", document["token_endpoint"])
			assert.Equal(t, base+"/oauth2/v2.0/logout", document["end_session_endpoint"])
			assert.Equal(t, base+"/discovery/v2.0/keys", document["jwks_uri"])
			assert.Equal(t, s.Cloud().KeyInstance, document["cloud_instance_name"])
			assert.NotContains(t, document, "code_challenge_methods_supported")
		})
	}
}

func TestDiscoveryOfUnknownTenant(t *testing.T) {
	s := start(t, nil)
	status, body := get(t, s, s.URL+"/nobody.example/v2.0/.well-known/openid-configuration")
	assert.Equal(t, http.StatusBadRequest, status)
	var refused refusal
	require.NoError(t, json.Unmarshal(body, &refused))
	assert.Equal(t, "invalid_tenant", refused.Error)
	assert.Equal(t, []int{90002}, refused.Codes)
}

type keySet struct {
	Keys []struct {
		KeyID    string   `json:"kid"`
		X5T      string   `json:"x5t"`
		X5C      []string `json:"x5c"`
		N        string   `json:"n"`
		Issuer   string   `json:"issuer"`
		Instance string   `json:"cloud_instance_name"`
	} `json:"keys"`
}

func keysAt(t *testing.T, s *entratest.Server, path string) keySet {
	t.Helper()
	status, body := get(t, s, s.URL+path)
	require.Equal(t, http.StatusOK, status)
	var set keySet
	require.NoError(t, json.Unmarshal(body, &set))
	return set
}

func (k keySet) issuers() map[string]string {
	out := make(map[string]string)
	for _, key := range k.Keys {
		out[key.KeyID] = key.Issuer
	}
	return out
}

// Keys say what they may sign: the template in a shared set, but for personal accounts their own issuer.
func TestKeys(t *testing.T) {
	s := start(t, nil)
	own, other, shared := keysAt(t, s, "/contoso.com/discovery/v2.0/keys"), keysAt(t, s, "/fabrikam.com/discovery/v2.0/keys"), keysAt(t, s, "/common/discovery/v2.0/keys")
	work, personal := keysAt(t, s, "/organizations/discovery/v2.0/keys"), keysAt(t, s, "/consumers/discovery/v2.0/keys")

	require.Len(t, own.Keys, 2)
	for _, k := range own.Keys {
		assert.Equal(t, s.URL+"/"+entratest.ContosoID+"/v2.0", k.Issuer)
		assert.Equal(t, s.URL+"/"+entratest.FabrikamID+"/v2.0", other.issuers()[k.KeyID], "work tenants share keys, as in Entra")
		assert.Equal(t, s.URL+"/{tenantid}/v2.0", shared.issuers()[k.KeyID])
		assert.NotContains(t, personal.issuers(), k.KeyID)
		assert.Equal(t, s.Cloud().KeyInstance, k.Instance)

		require.Len(t, k.X5C, 1)
		der, err := base64.StdEncoding.DecodeString(k.X5C[0])
		require.NoError(t, err)
		certificate, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		public, ok := certificate.PublicKey.(*rsa.PublicKey)
		require.True(t, ok)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(public.N.Bytes()), k.N)
		sum := sha1.Sum(der)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), k.X5T)
	}
	for _, k := range personal.Keys {
		assert.Equal(t, s.URL+"/"+cloud.Consumers+"/v2.0", k.Issuer)
		assert.Equal(t, k.Issuer, shared.issuers()[k.KeyID])
		assert.NotContains(t, work.issuers(), k.KeyID)
	}
}

func TestTenantWithKeysOfItsOwn(t *testing.T) {
	tenants := entratest.Sample()
	tenants[1].OwnKeys = true
	s := start(t, &entratest.Options{Tenants: tenants})
	own, shared := keysAt(t, s, "/fabrikam.com/discovery/v2.0/keys"), keysAt(t, s, "/organizations/discovery/v2.0/keys")
	contoso := keysAt(t, s, "/contoso.com/discovery/v2.0/keys")
	for _, k := range own.Keys {
		assert.Equal(t, s.URL+"/"+entratest.FabrikamID+"/v2.0", shared.issuers()[k.KeyID])
		assert.NotContains(t, contoso.issuers(), k.KeyID)
	}
	a := newApp(t, s, "fabrikam.com", s.URL+"/"+entratest.FabrikamID+"/v2.0", entratest.FabrikamApp, entratest.FabrikamSecret)
	claims, _ := a.signIn(entratest.Bob)
	assert.Equal(t, entratest.BobID, claims["oid"])
}

// An application with claims mapping signs with a key that only ?appid= shows.
func TestOwnSigningKey(t *testing.T) {
	s := start(t, nil)
	document := getJSON(t, s, s.URL+"/contoso.com/v2.0/.well-known/openid-configuration?appid="+entratest.ContosoOwnKeyApp)
	assert.Equal(t, s.URL+"/"+entratest.ContosoID+"/discovery/v2.0/keys?appid="+entratest.ContosoOwnKeyApp, document["jwks_uri"])
	own, tenant := keysAt(t, s, "/contoso.com/discovery/v2.0/keys?appid="+entratest.ContosoOwnKeyApp), keysAt(t, s, "/contoso.com/discovery/v2.0/keys")
	for _, k := range own.Keys {
		assert.NotContains(t, tenant.issuers(), k.KeyID)
	}
	a := newApp(t, s, "contoso.com", s.URL+"/"+entratest.ContosoID+"/v2.0", entratest.ContosoOwnKeyApp, entratest.ContosoSecret)
	token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Ann).Get("code"))
	require.NoError(t, err)
	raw, _ := token.Extra("id_token").(string)
	_, err = a.verifier.Verify(a.ctx, raw)
	require.Error(t, err, "the tenant's document does not show the key")
	kid := headerOf(t, raw)["kid"]
	assert.Contains(t, own.issuers(), kid)
}

func headerOf(t *testing.T, token string) map[string]any {
	t.Helper()
	var header map[string]any
	head, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &header))
	return header
}
