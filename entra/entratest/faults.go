package entratest

import (
	"maps"
	"net/http"
	"strconv"
	"time"
)

// The server's endpoints, as Faults and Request name them.
const (
	EndpointDiscovery    = "discovery"    // …/.well-known/openid-configuration
	EndpointKeys         = "keys"         // …/discovery/v2.0/keys
	EndpointAuthorize    = "authorize"    // …/oauth2/v2.0/authorize
	EndpointToken        = "token"        // …/oauth2/v2.0/token
	EndpointLogout       = "logout"       // …/oauth2/v2.0/logout
	EndpointAdminConsent = "adminconsent" // …/v2.0/adminconsent
	EndpointWSFed        = "wsfed"        // …/wsfed
	EndpointMetadata     = "metadata"     // …/FederationMetadata/2007-06/FederationMetadata.xml
	EndpointGraph        = "graph"        // all of Graph
)

// Faults are the ways in which the server goes wrong until told otherwise.
type Faults struct {
	WrongIssuer, WrongAudience string // put into tokens of either protocol in place of the right one
	WrongTenant                string // tid, or the tenantid claim of an assertion
	WrongVersion               string // ver of ID tokens
	NoNonce                    bool   // ID tokens without nonce
	WrongNonce                 string // ID tokens with this nonce
	NoObjectID                 bool   // tokens without oid, or the objectidentifier claim
	BadSignature               bool   // flips a bit of each signature
	UnknownKey                 bool   // signs with a key that is nowhere published
	Unsigned                   bool   // ID tokens with alg none
	WrongState                 string // the state of answers from the authorization endpoint
	AnswerIssuer               string // an iss parameter in them (RFC 9207), which Entra does not send
	NoIDToken                  bool   // token answers without id_token
	IDToken                    string // stands in its place, such as an access token

	// Claims are put into ID tokens in place of the right ones.
	Claims map[string]any

	// OldSignIn says that people signed in this long before they did: auth_time and AuthnInstant, whatever was asked for.
	OldSignIn time.Duration
	// ClaimsChallenge, a value of the claims parameter, is what the token endpoint answers (AADSTS50076) to codes and refresh
	// tokens whose sign-in did not ask for it. GraphChallenge is the same for Graph, which answers 401 and insufficient_claims.
	ClaimsChallenge, GraphChallenge string
	NoContexts                      bool // ID tokens without acrs, even when it was asked for

	ClockSkew     time.Duration // the server's clock against Options.Now
	TokenLifetime time.Duration // 0: an hour; negative: expired when issued
	Overage       bool          // groups are always too many for the token
	// NoGroups leaves the groups claim out, as Entra does for someone without groups.
	NoGroups bool
	// ByteOrderMark puts one before federation metadata, as Entra's document can have it.
	ByteOrderMark bool
	// ForeignSource is the address that overage claims name, and ForeignNextLink the one that Graph's pages lead to, in place of
	// the right ones: whoever sends a bearer token there gives it away.
	ForeignSource, ForeignNextLink string

	Fail       map[string]int    // endpoint → how many of its next answers are 503; negative: all
	FailAfter  map[string]int    // endpoint → how many of its next answers go right before Fail counts
	Redirect   map[string]string // endpoint → address that it redirects to
	Throttle   int               // how many of the next Graph answers are 429; negative: all
	RetryAfter time.Duration     // with Throttle; whole seconds
	// Delay holds endpoint → wait before the answer. It is real time, whatever Options.Now says; a request that is given up ends it.
	Delay map[string]time.Duration
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	f.Fail, f.FailAfter, f.Delay, f.Redirect = maps.Clone(f.Fail), maps.Clone(f.FailAfter), maps.Clone(f.Delay), maps.Clone(f.Redirect)
	f.Claims = maps.Clone(f.Claims) // never written to again
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// currentFaults returns the faults; the maps in it are not to be read.
func (s *Server) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults
	f.Fail, f.FailAfter, f.Delay, f.Redirect = nil, nil, nil, nil
	return f
}

// misbehave applies the faults of an endpoint. It tells whether it has answered the request.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	s.mu.Lock()
	delay := s.faults.Delay[endpoint]
	redirectTo := s.faults.Redirect[endpoint]
	failing := false
	if !spend(s.faults.FailAfter[endpoint], func(left int) { s.faults.FailAfter[endpoint] = left }) {
		failing = spend(s.faults.Fail[endpoint], func(left int) { s.faults.Fail[endpoint] = left })
	}
	throttled := false
	if endpoint == EndpointGraph && !failing {
		throttled = spend(s.faults.Throttle, func(left int) { s.faults.Throttle = left })
	}
	retryAfter := s.faults.RetryAfter
	s.mu.Unlock()

	if delay > 0 && !s.wait(r, delay) {
		return true
	}
	switch {
	case redirectTo != "":
		redirect(w, redirectTo)
	case failing && endpoint == EndpointGraph:
		graphError(w, r, http.StatusServiceUnavailable, "serviceNotAvailable", "The service is temporarily unavailable.")
	case failing:
		s.writeError(w, r, http.StatusServiceUnavailable, fail(90033))
	case throttled:
		// https://learn.microsoft.com/graph/throttling
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		graphError(w, r, http.StatusTooManyRequests, "TooManyRequests", "Too many requests.")
	default:
		return false
	}
	return true
}

// spend takes one of a number of faults, of which a negative one never runs out.
func spend(left int, keep func(int)) bool {
	if left > 0 {
		keep(left - 1)
	}
	return left != 0
}

// wait returns false when the request, or the server, ended first.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}
