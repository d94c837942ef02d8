package entratest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// failure is an error as Entra reports it.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type failure struct {
	code     int
	oauth    string // error of RFC 6749
	text     string
	status   int
	subError string // https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application
	claims   string // a claims challenge
	page     bool   // shown to the person, because the redirect URI cannot be trusted
}

func (f *failure) Error() string { return fmt.Sprintf("AADSTS%d: %s", f.code, f.text) }

// onPage makes it an error that is shown instead of being sent to a redirect URI.
func (f *failure) onPage() *failure {
	f.page = true
	return f
}

// failureKinds are the errors that the server knows: the OAuth error, the status, and the text, which takes the arguments of fail.
var failureKinds = map[int]struct {
	oauth  string
	status int
	text   string
}{
	16000:   {"interaction_required", 400, "Multiple accounts are signed in, and the request does not say which one is meant."},
	50011:   {"invalid_request", 400, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'."},
	50013:   {"invalid_grant", 400, "Assertion failed validation. Reason - %s"},
	50020:   {"invalid_request", 400, "User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application '%s' in that tenant."},
	50027:   {"invalid_client", 401, "Invalid JWT token. The token is malformed."},
	50034:   {"invalid_grant", 400, "The user account %s does not exist in the %s directory."},
	50057:   {"invalid_grant", 400, "The user account is disabled."},
	50058:   {"login_required", 400, "A silent sign-in request was sent but no user is signed in."},
	50059:   {"invalid_request", 400, "No tenant-identifying information found in either the request or implied by any provided credentials."},
	50076:   {"interaction_required", 400, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '%s'."},
	50105:   {"access_denied", 400, "Your administrator has configured the application %s ('%s') to block users unless they are specifically granted access. The signed in user '%s' is blocked."},
	50173:   {"invalid_grant", 400, "The provided grant has expired due to it being revoked, a fresh auth token is needed."},
	50194:   {"invalid_request", 400, "Application '%s'(%s) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'."},
	54005:   {"invalid_grant", 400, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	65001:   {"invalid_grant", 400, "The user or administrator has not consented to use the application with ID '%s'."},
	65004:   {"access_denied", 400, "User declined to consent to access the app."},
	70000:   {"invalid_grant", 400, "Provided grant is invalid or malformed."},
	70003:   {"unsupported_grant_type", 400, "The app requested an unsupported grant type '%s'."},
	70004:   {"unsupported_response_type", 400, "The provided value '%s' for the input parameter 'response_type' isn't allowed for this client."},
	70008:   {"invalid_grant", 400, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."},
	70011:   {"invalid_scope", 400, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid."},
	90002:   {"invalid_tenant", 400, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	90023:   {"invalid_request", 400, "Invalid STS request: %s."},
	90033:   {"temporarily_unavailable", 503, "A transient error has occurred. Please try again."},
	90081:   {"invalid_request", 400, "An error occurred when the service tried to process a WS-Federation message. The message was invalid."},
	90094:   {"consent_required", 400, "An administrator of the organization must consent before %s can be used."},
	500011:  {"invalid_resource", 400, "The resource principal named %s was not found in the tenant named %s."},
	500112:  {"invalid_client", 401, "The reply address '%s' does not match the reply address '%s' provided when requesting Authorization code."},
	501481:  {"invalid_grant", 400, "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	501491:  {"invalid_request", 400, "Invalid size of Code_Challenge parameter."},
	700005:  {"invalid_grant", 400, "The provided authorization code is intended to be used against another tenant, and was rejected."},
	700016:  {"unauthorized_client", 400, "Application with identifier '%s' was not found in the directory '%s'."},
	700023:  {"invalid_client", 401, "Client assertion audience claim or subject does not match. %s"},
	700024:  {"invalid_client", 401, "Client assertion is not within its valid time range."},
	700027:  {"invalid_client", 401, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - %s]"},
	700054:  {"unsupported_response_type", 400, "response_type '%s' is not enabled for the application."},
	700082:  {"invalid_grant", 400, "The refresh token has expired due to inactivity."},
	900144:  {"invalid_request", 400, "The request body must contain the following parameter: '%s'."},
	900561:  {"invalid_request", 405, "The endpoint only accepts %s requests. Received a %s request."},
	900971:  {"invalid_request", 400, "No reply address provided."},
	1002012: {"invalid_scope", 400, "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	7000112: {"unauthorized_client", 400, "Application '%s'(%s) is disabled."},
	7000215: {"invalid_client", 401, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."},
	7000218: {"invalid_client", 401, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	7000222: {"invalid_client", 401, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app."},
	9000411: {"invalid_request", 400, "The request is not properly formatted. The parameter '%s' is duplicated."},
	9002313: {"invalid_request", 400, "Invalid request. Request is malformed or invalid. %s"},
	9002332: {"invalid_request", 400, "Application '%s'(%s) is configured for use by Microsoft Entra users only. Please do not use the /consumers endpoint to serve this request."},
	9002346: {"invalid_request", 400, "Application '%s'(%s) is configured for use by Microsoft Account users only. Please use the /consumers endpoint to serve this request."},
}

// fail makes the error of a code; the arguments fill the text of failureKinds.
func fail(code int, args ...any) *failure {
	kind, ok := failureKinds[code]
	if !ok {
		panic(fmt.Sprintf("entratest: AADSTS%d has no text", code))
	}
	text := kind.text
	if len(args) > 0 {
		text = fmt.Sprintf(kind.text, args...)
	}
	return &failure{code: code, oauth: kind.oauth, status: kind.status, text: text}
}

// errorAnswer is the JSON of an error.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-response-1
type errorAnswer struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri,omitempty"`
	SubError      string `json:"suberror,omitempty"`
	Claims        string `json:"claims,omitempty"`
}

func (s *Server) errorAnswer(r *http.Request, f *failure) errorAnswer {
	now := s.now().UTC().Truncate(time.Second)
	a := errorAnswer{
		Error:         f.oauth,
		Codes:         []int{f.code},
		Timestamp:     now.Format("2006-01-02 15:04:05Z"),
		TraceID:       newGUID(),
		CorrelationID: correlationID(r),
		URI:           fmt.Sprintf("%s/error?code=%d", s.URL, f.code),
		SubError:      f.subError,
		Claims:        f.claims,
	}
	a.Description = fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", f.Error(), a.TraceID, a.CorrelationID, a.Timestamp)
	return a
}

// correlationID is the caller's client-request-id when it is one that can be echoed, else a new one.
func correlationID(r *http.Request) string {
	if id := r.Header.Get("client-request-id"); guidPattern.MatchString(id) {
		return id
	}
	return newGUID()
}

// writeError answers with JSON, as the token and metadata endpoints do.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, status int, f *failure) {
	writeJSON(w, status, s.errorAnswer(r, f))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store, no-cache")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller has gone
}

// PageError is an error page: what Entra shows instead of going back to the application.
type PageError struct {
	Code int    // AADSTS
	Text string // what the page says
}

func (e *PageError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.Code, e.Text) }
