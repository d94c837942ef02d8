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
	NoIDToken                  bool   // token answers without id_token

	ClockSkew     time.Duration // the server's clock against Options.Now
	TokenLifetime time.Duration // 0: an hour; negative: expired when issued
	Overage       bool          // groups are always too many for the token
	// NoGroups leaves the groups claim out, as Entra does for someone without groups.
	NoGroups bool

	Fail       map[string]int // endpoint → how many of its next answers are 503; negative: all
	Throttle   int            // how many of the next Graph answers are 429; negative: all
	RetryAfter time.Duration  // with Throttle; whole seconds
	// Delay holds endpoint → wait before the answer. It is real time, whatever Options.Now says; a request that is given up ends it.
	Delay map[string]time.Duration
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	f.Fail, f.Delay = maps.Clone(f.Fail), maps.Clone(f.Delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// currentFaults returns the faults; the maps in it are not to be read.
func (s *Server) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults
	f.Fail, f.Delay = nil, nil
	return f
}

// misbehave applies the faults of an endpoint. It tells whether it has answered the request.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	s.mu.Lock()
	delay := s.faults.Delay[endpoint]
	failing := spend(s.faults.Fail[endpoint], func(left int) { s.faults.Fail[endpoint] = left })
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
