package entratest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authorizeRequest is a checked authorization request.
type authorizeRequest struct {
	signIn       signInRequest
	owner        *Tenant
	redirectURI  string
	responseMode string
	state        string
	hasState     bool
	nonce        string
	scopes       scopes
	challenge    string
	method       string // of the challenge: S256 or plain
	claims       requestedClaims
}

// requestedClaims is the claims parameter, as far as the server answers to it.
// https://learn.microsoft.com/entra/identity-platform/claims-challenge
type requestedClaims struct {
	raw     string
	IDToken struct {
		AuthTime *struct{} `json:"auth_time"`
		ACRS     *struct {
			Value  string   `json:"value"`
			Values []string `json:"values"`
		} `json:"acrs"`
	} `json:"id_token"`
	AccessToken map[string]json.RawMessage `json:"access_token"`
}

// meets tells whether a claims request asks for all that a challenge demands. A client may ask for more beside it, its capabilities for instance.
// https://learn.microsoft.com/entra/identity-platform/claims-challenge#how-to-communicate-client-capabilities-to-azure-ad
func meets(request, challenge string) bool {
	var asked, demanded map[string]map[string]any
	if json.Unmarshal([]byte(request), &asked) != nil || json.Unmarshal([]byte(challenge), &demanded) != nil {
		return request == challenge
	}
	for part, claims := range demanded {
		for name, how := range claims {
			if got, ok := asked[part][name]; !ok || !reflect.DeepEqual(got, how) {
				return false
			}
		}
	}
	return true
}

// contexts are the authentication contexts that were asked for.
func (c *requestedClaims) contexts() []string {
	if c.IDToken.ACRS == nil {
		return nil
	}
	if v := c.IDToken.ACRS.Value; v != "" {
		return append([]string{v}, c.IDToken.ACRS.Values...)
	}
	return c.IDToken.ACRS.Values
}

// serveAuthorize is the authorization endpoint.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	values, failed := parameters(r)
	if failed != nil {
		s.showError(w, r, failed)
		return
	}
	q, failed := s.readAuthorize(r, values)
	switch {
	case failed != nil && (q == nil || failed.page):
		s.showError(w, r, failed)
		return
	case failed != nil:
		s.answerError(w, r, q, failed)
		return
	}
	acc, failed := s.pickAccount(w, r, &q.signIn)
	if acc == nil && failed == nil {
		return // a page was shown
	}
	if failed == nil {
		failed = s.needsConsent(q)
	}
	switch {
	case failed != nil && failed.page:
		s.showError(w, r, failed)
	case failed != nil:
		s.answerError(w, r, q, failed)
	default:
		s.answerCode(w, q, acc)
	}
}

// readAuthorize checks a request. Up to the redirect URI there is nobody to answer to: then it returns no request.
func (s *Server) readAuthorize(r *http.Request, values url.Values) (*authorizeRequest, *failure) {
	a, failed := s.dir().authority(r.PathValue("tenant"))
	if failed != nil {
		return nil, failed
	}
	clientID, redirectURI := values.Get("client_id"), values.Get("redirect_uri")
	if clientID == "" {
		return nil, fail(900144, "client_id")
	}
	owner, app := s.dir().application(clientID)
	if failed := admitApplication(a, owner, app, clientID); failed != nil {
		return nil, failed
	}
	// Compared as a whole and with case: https://learn.microsoft.com/entra/identity-platform/reply-url
	if redirectURI == "" {
		return nil, fail(900971)
	}
	if !slices.Contains(app.RedirectURIs, redirectURI) {
		return nil, fail(50011, redirectURI, app.ClientID)
	}
	q := &authorizeRequest{
		owner:        owner,
		redirectURI:  redirectURI,
		responseMode: values.Get("response_mode"),
		state:        values.Get("state"),
		hasState:     values.Has("state"),
		nonce:        values.Get("nonce"),
		scopes:       s.parseScopes(values.Get("scope")),
		challenge:    values.Get("code_challenge"),
		method:       values.Get("code_challenge_method"),
		signIn: signInRequest{
			authority:  a,
			app:        app,
			loginHint:  values.Get("login_hint"),
			domainHint: values.Get("domain_hint"),
			prompt:     values.Get("prompt"),
			resume:     r.URL.Path + "?" + values.Encode(),
		},
	}
	return q, q.check(values)
}

// check is what goes back to the application as an error when it is wrong.
func (q *authorizeRequest) check(values url.Values) *failure {
	switch q.responseMode {
	case "":
		q.responseMode = "query"
	case "query", "fragment", "form_post":
	default:
		q.responseMode = "query"
		return fail(9002313, "The response_mode is not supported.")
	}
	switch responseType := values.Get("response_type"); responseType {
	case "code":
	case "":
		return fail(900144, "response_type")
	case "id_token", "token", "code id_token", "id_token token", "code token":
		return fail(700054, responseType) // implicit grant: off, as in every new registration
	default:
		return fail(70004, responseType)
	}
	if values.Get("scope") == "" {
		return fail(900144, "scope")
	}
	if q.scopes.unknown != "" {
		return fail(70011, q.scopes.unknown)
	}
	if failed := q.checkChallenge(); failed != nil {
		return failed
	}
	if failed := q.checkPrompt(values); failed != nil {
		return failed
	}
	if raw := values.Get("claims"); raw != "" {
		if err := json.Unmarshal([]byte(raw), &q.claims); err != nil {
			return fail(9002313, "The claims parameter is not valid JSON.")
		}
		q.claims.raw = raw
	}
	return nil
}

// checkChallenge reads PKCE's parameters. Without a method Entra takes the challenge as plain (RFC 7636, section 4.3).
func (q *authorizeRequest) checkChallenge() *failure {
	switch q.method {
	case "":
		q.method = "plain"
	case "S256", "plain":
		if q.challenge == "" {
			return fail(9002313, "A code_challenge_method came without a code_challenge.")
		}
	default:
		return fail(9002313, "The code_challenge_method is not supported.")
	}
	if n := len(q.challenge); q.challenge != "" && (n < 43 || n > 128) {
		return fail(501491)
	}
	return nil
}

func (q *authorizeRequest) checkPrompt(values url.Values) *failure {
	switch q.signIn.prompt {
	case "", "none", "login", "consent":
	case "select_account":
		if q.signIn.loginHint != "" {
			return fail(90023, "'login_hint' cannot be combined with 'prompt=select_account'")
		}
	default:
		return fail(90023, "Unsupported 'prompt' value")
	}
	if age := values.Get("max_age"); age != "" {
		seconds, err := strconv.Atoi(age)
		if err != nil || seconds < 0 {
			return fail(9002313, "The max_age is not a number of seconds.")
		}
		q.signIn.hasMaxAge, q.signIn.maxAge = true, time.Duration(seconds)*time.Second
	}
	return nil
}

// needsConsent refuses permissions that an admin has yet to consent to.
// https://learn.microsoft.com/entra/identity-platform/application-consent-experience
func (s *Server) needsConsent(q *authorizeRequest) *failure {
	if q.scopes.missingConsent(q.signIn.app) == "" {
		return nil
	}
	if q.signIn.prompt == "none" {
		failed := fail(65001, q.signIn.app.ClientID)
		failed.oauth = "consent_required"
		return failed
	}
	return fail(90094, q.signIn.app.Name).onPage()
}

// answerCode sends the browser back with a code.
func (s *Server) answerCode(w http.ResponseWriter, q *authorizeRequest, acc *account) {
	code := s.newCode(q, acc)
	answer := url.Values{"code": {code}, "session_state": {acc.sid}}
	s.answer(w, q, answer)
}

// answerError sends the browser back with an error.
func (s *Server) answerError(w http.ResponseWriter, r *http.Request, q *authorizeRequest, f *failure) {
	a := s.errorAnswer(r, f)
	answer := url.Values{"error": {a.Error}, "error_description": {a.Description}, "error_uri": {a.URI}}
	if f.code == 65004 {
		answer.Set("error_subcode", "cancel")
	}
	if f.claims != "" {
		answer.Set("claims", f.claims)
	}
	s.answer(w, q, answer)
}

// answer takes an answer to the redirect URI.
// https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html, section 2.1
func (s *Server) answer(w http.ResponseWriter, q *authorizeRequest, values url.Values) {
	if q.hasState {
		values.Set("state", q.state)
	}
	faults := s.currentFaults()
	if faults.WrongState != "" {
		values.Set("state", faults.WrongState)
	}
	if faults.AnswerIssuer != "" {
		values.Set("iss", faults.AnswerIssuer)
	}
	switch q.responseMode {
	case "form_post":
		s.postForm(w, q.redirectURI, values)
	case "fragment":
		redirect(w, q.redirectURI+"#"+values.Encode())
	default:
		redirect(w, addQuery(q.redirectURI, values))
	}
}

// addQuery adds parameters to an address that may have some already.
func addQuery(address string, values url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + values.Encode()
	}
	return address + "?" + values.Encode()
}

// redirect answers 302 without repeating the address, which holds a code, in a body.
func redirect(w http.ResponseWriter, address string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Location", address)
	w.WriteHeader(http.StatusFound)
}
