package graph

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Error is a refusal of Graph's. It holds no text of Graph's own.
type Error struct {
	Method, Path    string // of the request, without the query
	Status          int
	Code            string        // Graph's: Authorization_RequestDenied, TooManyRequests, …; "" if there was none
	ClientRequestID string        // a GUID that we sent
	RequestID       string        // a GUID that Graph answered with, or ""
	RetryAfter      time.Duration // what Graph asked to wait; 0 if it did not
	Retry           bool          // trying again later may help
	Mender          aadsts.Mender
}

func (e *Error) Error() string {
	text := fmt.Sprintf("graph: %s %s: status %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	return text + " (" + e.Reference() + ")"
}

// Public says what happened and what to do, for a page.
func (e *Error) Public() string {
	return explain(e.Status) + " (" + e.Reference() + ")"
}

// Reference is what support asks for: the ids of the request that failed.
func (e *Error) Reference() string {
	text := "client-request-id " + e.ClientRequestID
	if e.RequestID != "" {
		text += ", request-id " + e.RequestID
	}
	return text
}

func explain(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "Microsoft Graph did not accept the sign-in. Sign in again."
	case status == http.StatusForbidden:
		return "The application may not read this from Microsoft Graph. An administrator of the organization must grant it the permission."
	case status == http.StatusNotFound:
		return "Microsoft Graph does not know this account."
	case passing(status):
		return "Microsoft Graph is busy. Wait a moment and try again."
	}
	return "Microsoft Graph refused the request. The connection's settings need checking."
}

func mender(status int) aadsts.Mender {
	switch {
	case status == http.StatusUnauthorized:
		return aadsts.MenderUser
	case status == http.StatusForbidden:
		return aadsts.MenderTenantAdmin
	case passing(status), status == http.StatusNotFound:
		return aadsts.MenderUnknown
	}
	return aadsts.MenderAppOwner
}

// passing reports whether a status is trouble that passes by itself.
// Source: https://learn.microsoft.com/graph/errors
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 509:
		return true
	}
	return false
}

var code = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,80}$`)

// refusal reads an answer that is not 200.
func (s *session) refusal(r *http.Request, res *outbound.Response) error {
	if res.Status == http.StatusUnauthorized {
		if claims := challenge(res.Header); claims != "" {
			return &aadsts.Error{
				OAuth: "insufficient_claims", Claims: claims, Status: res.Status, Mender: aadsts.MenderUser,
				CorrelationID: r.Header.Get(clientRequestID),
			}
		}
	}
	e := &Error{
		Method: r.Method, Path: r.URL.Path, Status: res.Status, ClientRequestID: r.Header.Get(clientRequestID),
		Retry: passing(res.Status), Mender: mender(res.Status),
	}
	e.RetryAfter, _ = s.retryAfter(res.Header)
	if id := res.Header.Get("Request-Id"); cloud.IsGUID(id) {
		e.RequestID = id
	}
	var body struct {
		Error struct{ Code string } `json:"error"`
	}
	if json.Unmarshal(res.Body, &body) == nil && code.MatchString(body.Error.Code) {
		e.Code = body.Error.Code
	}
	return e
}

var claimsParameter = regexp.MustCompile(`(?i)(?:^|[\s,])claims="((?:[^"\\]|\\.)*)"`)

// challenge finds the claims challenge of a 401: base64 of JSON by the documentation, seen as plain JSON too.
//
// Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
func challenge(h http.Header) string {
	for _, value := range h.Values("WWW-Authenticate") {
		m := claimsParameter.FindStringSubmatch(value)
		if m == nil || len(m[1]) > 16<<10 {
			continue
		}
		raw := strings.ReplaceAll(m[1], `\"`, `"`)
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if plain, err := encoding.DecodeString(raw); err == nil {
				raw = string(plain)
				break
			}
		}
		if c := aadsts.Challenge(raw); c != "" {
			return c
		}
	}
	return ""
}
