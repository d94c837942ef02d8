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
	16000:   {"interaction_required", 400, "User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application in that tenant."},
	28002:   {"invalid_scope", 400, "Provided value for the input parameter scope '%s' is not valid when requesting an access token."},
	50001:   {"invalid_resource", 400, "The resource principal named %s was not found in the tenant."},
	50011:   {"invalid_request", 400, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'."},
	50020:   {"invalid_request", 400, "User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application '%s' in that tenant."},
	50034:   {"invalid_grant", 400, "The user account %s does not exist in the %s directory."},
	50057:   {"invalid_grant", 400, "The user account is disabled."},
	50058:   {"login_required", 400, "A silent sign-in request was sent but no user is signed in."},
	50105:   {"access_denied", 400, "Your administrator has configured the application %s ('%s') to block users unless they are specifically granted access. The signed in user '%s' is blocked."},
	50194:   {"invalid_request", 400, "Application '%s'(%s) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'."},
	54005:   {"invalid_grant", 400, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	65001:   {"invalid_grant", 400, "The user or administrator has not consented to use the application with ID '%s'."},
	65004:   {"access_denied", 400, "User declined to consent to access the app."},
	70000:   {"invalid_grant", 400, "Provided grant is invalid or malformed."},
	70002:   {"invalid_grant", 400, "Error validating credentials."},
	70003:   {"unsupported_grant_type", 400, "The app requested an unsupported grant type '%s'."},
	70008:   {"invalid_grant", 400, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."},
	70011:   {"invalid_scope", 400, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid."},
	90002:   {"invalid_tenant", 400, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	90014:   {"invalid_request", 400, "The required field '%s' is missing from the credential."},
	90033:   {"temporarily_unavailable", 503, "A transient error has occurred. Please try again."},
	90072:   {"access_denied", 400, "User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application."},
	90081:   {"invalid_request", 400, "An error occurred when the service tried to process a WS-Federation message. The message was invalid."},
	90084:   {"access_denied", 400, "Guest accounts aren't allowed for this site."},
	90130:   {"invalid_request", 400, "Application '%s'(%s) is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."},
	500011:  {"invalid_resource", 400, "The resource principal named %s was not found in the tenant named %s."},
	501481:  {"invalid_grant", 400, "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	700003:  {"invalid_request", 400, "Device object was not found in the tenant '%s' directory."},
	700005:  {"invalid_grant", 400, "The provided authorization code is intended to be used against another tenant, and was rejected."},
	700016:  {"unauthorized_client", 400, "Application with identifier '%s' was not found in the directory '%s'."},
	700027:  {"invalid_client", 401, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - %s]"},
	900144:  {"invalid_request", 400, "The request body must contain the following parameter: '%s'."},
	900561:  {"invalid_request", 405, "The endpoint only accepts %s requests. Received a %s request."},
	900971:  {"invalid_request", 400, "No reply address provided."},
	1002014: {"invalid_scope", 400, "Scope '%s' is not valid: client credential flows must have a scope value with /.default suffixed to the resource identifier."},
	7000112: {"unauthorized_client", 400, "Application '%s'(%s) is disabled."},
	7000215: {"invalid_client", 401, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."},
	7000218: {"invalid_client", 401, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	7000222: {"invalid_client", 401, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app."},
	9000411: {"invalid_request", 400, "The request is not properly formatted. The parameter '%s' is duplicated."},
	9002313: {"invalid_request", 400, "Invalid request. Request is malformed or invalid. %s"},
	9002325: {"invalid_request", 400, "Proof Key for Code Exchange is required for cross-origin authorization code redemption."},
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
