package entratest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// TestInstanceDiscovery: the server vouches for its own host and for no other. It knows no other cloud either.
func TestInstanceDiscovery(t *testing.T) {
	s := start(t, nil)
	ask := func(endpoint string) string {
		return s.URL + "/common/discovery/instance?" + url.Values{"api-version": {"1.1"}, "authorization_endpoint": {endpoint}}.Encode()
	}

	answer := getJSON(t, s, ask(s.URL+"/contoso.com/oauth2/v2.0/authorize"))
	assert.Equal(t, s.URL+"/contoso.com/v2.0/.well-known/openid-configuration", answer["tenant_discovery_endpoint"])
	assert.Equal(t, "1.1", answer["api-version"])
	host := s.URL[len("http://"):]
	assert.Equal(t, []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []any{host}}}, answer["metadata"])
	document, ok := answer["tenant_discovery_endpoint"].(string)
	require.True(t, ok)
	assert.Equal(t, s.URL+"/"+entratest.ContosoID+"/v2.0", getJSON(t, s, document)["issuer"])
	assert.Equal(t, 1, s.CountRequests(entratest.EndpointInstance))

	for _, endpoint := range []string{"https://evil.example/common/oauth2/v2.0/authorize", s.URL + ".evil.example/common/", "%"} {
		status, body := get(t, s, ask(endpoint))
		assert.Equal(t, http.StatusBadRequest, status, endpoint)
		assert.Contains(t, string(body), "invalid_instance")
		assert.Contains(t, string(body), "AADSTS50049")
	}
	status, body := get(t, s, s.URL+"/common/discovery/instance")
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, string(body), "AADSTS900144")
}
