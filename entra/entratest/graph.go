package entratest

import (
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// GraphHandler serves Graph, at its own origin.
// https://learn.microsoft.com/graph/use-the-api
func (s *Server) GraphHandler() http.Handler {
	mux := http.NewServeMux()
	for _, subject := range []string{"/v1.0/me", "/v1.0/users/{user}"} {
		s.graph(mux, "GET "+subject, s.serveUser)
		s.graph(mux, "GET "+subject+"/transitiveMemberOf", s.serveMemberOf)
		s.graph(mux, "GET "+subject+"/transitiveMemberOf/microsoft.graph.group", s.serveMemberOf)
		s.graph(mux, "GET "+subject+"/memberOf", s.serveMemberOf)
		s.graph(mux, "GET "+subject+"/memberOf/microsoft.graph.group", s.serveMemberOf)
		s.graph(mux, "POST "+subject+"/getMemberObjects", s.serveMemberObjects)
		s.graph(mux, "POST "+subject+"/getMemberGroups", s.serveMemberGroups)
		s.graph(mux, "GET "+subject+"/appRoleAssignments", s.serveAssignments)
		s.graph(mux, "GET "+subject+"/photo", s.servePhoto)
		s.graph(mux, "GET "+subject+"/photo/$value", s.servePhoto)
		s.graph(mux, "GET "+subject+"/photos/{size}/$value", s.servePhoto)
	}
	s.graph(mux, "POST /v1.0/directoryObjects/getByIds", s.serveByIDs)
	s.graph(mux, "GET /v1.0/directory/deletedItems/{object}", s.serveDeleted)
	s.graph(mux, "GET /v1.0/{principal}", s.servePrincipal)
	s.graph(mux, "GET /oidc/userinfo", s.serveUserInfo)
	// A batch is not throttled: its requests are, one by one.
	mux.HandleFunc("POST /v1.0/$batch", func(w http.ResponseWriter, r *http.Request) {
		s.log(r, EndpointGraph)
		graphHeaders(w, r)
		s.serveBatch(w, r, mux)
	})
	s.handle(mux, "/", EndpointGraph, func(w http.ResponseWriter, r *http.Request) {
		graphHeaders(w, r)
		graphError(w, r, http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+r.URL.Path+"'.")
	})
	return mux
}

// caller is who calls Graph: what a token that was checked says.
type caller struct {
	tenant      *Tenant
	user        *User // nil: the application itself
	permissions []string
}

// may tells whether the caller has one of these permissions.
func (c *caller) may(permissions ...string) bool {
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(c.permissions, p) })
}

// graphFailure is an error as Graph reports it.
type graphFailure struct {
	status        int
	code, message string
}

var (
	denied    = &graphFailure{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
	notJSON   = &graphFailure{http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."}
	badToken  = &graphFailure{http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure."}
	noToken   = &graphFailure{http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty."}
	oldToken  = &graphFailure{http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."}
	foreign   = &graphFailure{http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."}
	challenge = &graphFailure{http.StatusUnauthorized, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: InteractionRequired."}
)

func notFound(id string) *graphFailure {
	message := fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
	return &graphFailure{http.StatusNotFound, "Request_ResourceNotFound", message}
}

func badRequest(code, message string) *graphFailure {
	return &graphFailure{http.StatusBadRequest, code, message}
}

// graph routes to a handler that gets its caller checked, and returns its answer.
func (s *Server) graph(mux *http.ServeMux, pattern string, h func(*http.Request, *caller) (any, *graphFailure)) {
	s.handle(mux, pattern, EndpointGraph, func(w http.ResponseWriter, r *http.Request) {
		graphHeaders(w, r)
		c, failed := s.checkBearer(r)
		if failed != nil {
			s.challenge(w, failed)
			graphError(w, r, failed.status, failed.code, failed.message)
			return
		}
		answer, failed := h(r, c)
		if failed != nil {
			graphError(w, r, failed.status, failed.code, failed.message)
			return
		}
		if picture, ok := answer.([]byte); ok {
			w.Header().Set("Content-Type", http.DetectContentType(picture))
			_, _ = w.Write(picture) // the caller has gone
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// graphHeaders repeats the caller's id, and adds Graph's own.
// https://learn.microsoft.com/graph/best-practices-concept#reliability-and-support
func graphHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("request-id", newGUID())
	h.Set("client-request-id", correlationID(r))
}

// challenge adds the header that says how to come back.
// https://learn.microsoft.com/entra/identity-platform/claims-challenge
func (s *Server) challenge(w http.ResponseWriter, failed *graphFailure) {
	value := `Bearer realm="", authorization_uri="` + s.URL + `/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`
	if failed == challenge {
		claims := base64.StdEncoding.EncodeToString([]byte(s.currentFaults().GraphChallenge))
		value += `, error="insufficient_claims", claims="` + claims + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
}

// graphError answers with an error in Graph's shape.
// https://learn.microsoft.com/graph/errors
func graphError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if w.Header().Get("request-id") == "" {
		graphHeaders(w, r)
	}
	inner := map[string]any{
		"date":              time.Now().UTC().Format("2006-01-02T15:04:05"),
		"request-id":        w.Header().Get("request-id"),
		"client-request-id": w.Header().Get("client-request-id"),
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": inner}})
}

// checkBearer checks the access token: signature, audience, lifetime, tenant, and who it is for.
// https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
func (s *Server) checkBearer(r *http.Request) (*caller, *graphFailure) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return nil, noToken
	}
	t, err := parseJWT(token)
	if err != nil {
		return nil, badToken
	}
	public := s.publicKey(str(t.header, "kid"))
	now := float64(s.now().Unix())
	switch {
	case public == nil, str(t.header, "alg") != "RS256", !t.verify(public):
		return nil, badToken
	case str(t.claims, "aud") != s.GraphURL:
		return nil, foreign
	case now >= number(t.claims, "exp"), now < number(t.claims, "nbf"):
		return nil, oldToken
	}
	tenant := s.tenantByName(str(t.claims, "tid"))
	if tenant == nil || str(t.claims, "iss") != s.issuerV1(tenant.ID) {
		return nil, badToken
	}
	if wanted := s.currentFaults().GraphChallenge; wanted != "" && !meets(str(t.claims, askedClaims), wanted) {
		return nil, challenge
	}
	c := &caller{tenant: tenant, permissions: strings.Fields(str(t.claims, "scp"))}
	if str(t.claims, "idtyp") == "app" {
		c.permissions = stringsOf(t.claims["roles"])
		return c, nil
	}
	if c.user = tenant.user(str(t.claims, "oid")); c.user == nil || c.user.Disabled {
		return nil, badToken
	}
	return c, nil
}

// askedClaims is the claim in which the server's access tokens remember the claims parameter of their sign-in.
const askedClaims = "entratest_claims"

// publicKey finds a key by its id among all that sign access tokens.
func (s *Server) publicKey(id string) *rsa.PublicKey {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	for owner, r := range s.rings {
		for _, k := range r {
			if k.id == id && owner != unpublishedRing {
				return &k.private.PublicKey
			}
		}
	}
	return nil
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// subject is whom a request is about: /me, or /users/{id or UPN}.
func (s *Server) subject(r *http.Request, c *caller) (*User, *graphFailure) {
	id := r.PathValue("user")
	if id == "" {
		if c.user == nil {
			return nil, badRequest("BadRequest", "/me request is only valid with delegated authentication flow.")
		}
		return c.user, nil
	}
	u := c.tenant.user(id)
	if u == nil {
		return nil, notFound(id)
	}
	return u, nil
}
