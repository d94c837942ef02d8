package entratest

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
)

// oidcRoutes adds the endpoints of OpenID Connect.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
func (s *Server) oidcRoutes(mux *http.ServeMux) {
	s.handle(mux, "GET /{tenant}/v2.0/.well-known/openid-configuration", EndpointDiscovery, s.serveDiscovery)
	s.handle(mux, "GET /{tenant}/discovery/v2.0/keys", EndpointKeys, s.serveKeys)
	s.handle(mux, "GET /common/discovery/instance", EndpointInstance, s.serveInstance)
	s.handle(mux, "/{tenant}/oauth2/v2.0/authorize", EndpointAuthorize, s.serveAuthorize)
	s.handle(mux, "/{tenant}/oauth2/v2.0/token", EndpointToken, s.serveToken)
	s.handle(mux, "/{tenant}/oauth2/v2.0/logout", EndpointLogout, s.serveLogout)
	s.handle(mux, "/{tenant}/v2.0/adminconsent", EndpointAdminConsent, s.serveAdminConsent)
	s.handle(mux, "/{tenant}/adminconsent", EndpointAdminConsent, s.serveAdminConsent)
}

// discoveryDocument is what Entra answers, without the endpoints that the server does not have. There is no
// code_challenge_methods_supported: Entra supports PKCE and does not say so.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#sample-response
type discoveryDocument struct {
	TokenEndpoint      string   `json:"token_endpoint"`
	TokenAuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Keys               string   `json:"jwks_uri"`
	ResponseModes      []string `json:"response_modes_supported"`
	SubjectTypes       []string `json:"subject_types_supported"`
	SigningAlgorithms  []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes      []string `json:"response_types_supported"`
	Scopes             []string `json:"scopes_supported"`
	Issuer             string   `json:"issuer"`
	RequestURI         bool     `json:"request_uri_parameter_supported"`
	UserInfo           string   `json:"userinfo_endpoint"`
	Authorization      string   `json:"authorization_endpoint"`
	HTTPLogout         bool     `json:"http_logout_supported"`
	FrontChannelLogout bool     `json:"frontchannel_logout_supported"`
	EndSession         string   `json:"end_session_endpoint"`
	Claims             []string `json:"claims_supported"`
	TenantRegion       *string  `json:"tenant_region_scope"`
	CloudInstanceName  string   `json:"cloud_instance_name"`
	CloudGraphHost     string   `json:"cloud_graph_host_name"`
	MicrosoftGraphHost string   `json:"msgraph_host"`
	RoleBasedAccessURL string   `json:"rbac_url"`
}

func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	a, err := s.dir().authority(r.PathValue("tenant"))
	if err != nil {
		s.writeError(w, r, err.status, err)
		return
	}
	base := s.URL + "/" + a.name
	keys := base + "/discovery/v2.0/keys"
	if appID := r.URL.Query().Get("appid"); appID != "" {
		keys += "?" + url.Values{"appid": {appID}}.Encode()
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, discoveryDocument{
		TokenEndpoint:      base + "/oauth2/v2.0/token",
		TokenAuthMethods:   []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		Keys:               keys,
		ResponseModes:      []string{"query", "fragment", "form_post"},
		SubjectTypes:       []string{"pairwise"},
		SigningAlgorithms:  []string{"RS256"},
		ResponseTypes:      []string{"code", "id_token", "code id_token", "id_token token"},
		Scopes:             []string{"openid", "profile", "email", "offline_access"},
		Issuer:             s.documentIssuer(a),
		UserInfo:           s.GraphURL + "/oidc/userinfo",
		Authorization:      base + "/oauth2/v2.0/authorize",
		HTTPLogout:         true,
		FrontChannelLogout: true,
		EndSession:         base + "/oauth2/v2.0/logout",
		Claims: []string{
			"sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat",
			"auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email",
		},
		CloudInstanceName:  keyInstance,
		CloudGraphHost:     "graph.windows.net",
		MicrosoftGraphHost: hostOf(s.GraphURL),
		RoleBasedAccessURL: "https://pas.windows.net",
	})
}

// documentIssuer is the issuer that an authority's document names: of a tenant its own, by GUID even when it was asked for by
// domain; of common and organizations the template.
// https://learn.microsoft.com/entra/identity-platform/access-tokens#multitenant-applications
func (s *Server) documentIssuer(a authority) string {
	if a.shared() {
		return s.issuerV2("{tenantid}")
	}
	return s.issuerV2(a.tenant.ID)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// jsonWebKey is a key of the v2.0 key set: issuer and cloud_instance_name say what it may sign.
// https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signing-key-issuer
type jsonWebKey struct {
	Type         string   `json:"kty"`
	Use          string   `json:"use"`
	ID           string   `json:"kid"`
	Thumbprint   string   `json:"x5t"`
	N            string   `json:"n"`
	E            string   `json:"e"`
	Certificates []string `json:"x5c"`
	Instance     string   `json:"cloud_instance_name"`
	Issuer       string   `json:"issuer,omitempty"`
}

func (s *Server) serveKeys(w http.ResponseWriter, r *http.Request) {
	a, failed := s.dir().authority(r.PathValue("tenant"))
	if failed != nil {
		s.writeError(w, r, failed.status, failed)
		return
	}
	_, app := s.dir().application(r.URL.Query().Get("appid"))
	set := make([]jsonWebKey, 0, 4)
	for _, k := range s.publishedKeys(a.tenant, app) {
		set = append(set, newJSONWebKey(k, s.documentIssuer(a)))
	}
	if a.shared() {
		set = append(set, s.tenantKeys(a.name)...)
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, map[string]any{"keys": set})
}

// tenantKeys are the keys in a shared set that sign for one tenant only: of personal accounts, and of tenants with keys of their own.
func (s *Server) tenantKeys(name string) []jsonWebKey {
	var set []jsonWebKey
	for i := range s.dir().tenants {
		t := &s.dir().tenants[i]
		if t.Personal && name == common || t.OwnKeys && !t.Personal {
			for _, k := range s.publishedKeys(t, nil) {
				set = append(set, newJSONWebKey(k, s.issuerV2(t.ID)))
			}
		}
	}
	return set
}

func newJSONWebKey(k *key, issuer string) jsonWebKey {
	return jsonWebKey{
		Type:         "RSA",
		Use:          "sig",
		ID:           k.id,
		Thumbprint:   k.id,
		N:            base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		E:            base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
		Certificates: []string{base64.StdEncoding.EncodeToString(k.certificate.Raw)},
		Instance:     keyInstance,
		Issuer:       issuer,
	}
}
