package entratest

import (
	"net/http"
	"net/url"
	"strings"
)

// EndpointInstance is where Microsoft's own client libraries ask whether a login host is one of Entra's: …/common/discovery/instance.
const EndpointInstance = "instance"

// instanceAnswer is what Entra answers about a login host of its own.
// https://learn.microsoft.com/entra/msal/dotnet/advanced/custom-authority-aliases
type instanceAnswer struct {
	TenantDiscovery string             `json:"tenant_discovery_endpoint"`
	Version         string             `json:"api-version"`
	Metadata        []instanceMetadata `json:"metadata"`
}

// instanceMetadata says which hosts are one cloud: tokens that a client has cached for one are good for the others.
type instanceMetadata struct {
	PreferredNetwork string   `json:"preferred_network"`
	PreferredCache   string   `json:"preferred_cache"`
	Aliases          []string `json:"aliases"`
}

// serveInstance knows this server only, under the one name that it has.
func (s *Server) serveInstance(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("authorization_endpoint")
	if asked == "" {
		s.writeError(w, r, http.StatusBadRequest, fail(900144, "authorization_endpoint"))
		return
	}
	u, err := url.Parse(asked)
	if err != nil || !s.ours(asked) {
		s.writeError(w, r, http.StatusBadRequest, unknownInstance())
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	host := hostOf(s.URL)
	writeJSON(w, http.StatusOK, instanceAnswer{
		TenantDiscovery: s.URL + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		Version:         "1.1",
		Metadata:        []instanceMetadata{{PreferredNetwork: host, PreferredCache: host, Aliases: []string{host}}},
	})
}

func unknownInstance() *failure {
	return &failure{code: 50049, oauth: "invalid_instance", status: http.StatusBadRequest, text: "Unknown or invalid instance."}
}
