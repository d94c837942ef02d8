package aadsts

import (
	"errors"
	"net/http"
	"slices"
)

// Mender is who can mend a problem.
type Mender int

// The menders.
const (
	MenderUnknown     Mender = iota
	MenderUser               // the person who signs in
	MenderTenantAdmin        // an administrator of the customer's tenant
	MenderAppOwner           // whoever owns the app registration (the connection's admin)
	MenderHost               // the host application's developers or operators
)

var menderNames = [...]string{"unknown", "user", "tenant_admin", "app_owner", "host"}

// String names the mender in a word: "user", "tenant_admin", "app_owner", "host", "unknown". The words are stable.
func (m Mender) String() string {
	if m < 0 || int(m) >= len(menderNames) {
		return menderNames[MenderUnknown]
	}
	return menderNames[m]
}

// MarshalText is String, so that JSON holds the word.
func (m Mender) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Mender) UnmarshalText(text []byte) error {
	i := slices.Index(menderNames[:], string(text))
	if i < 0 {
		return errors.New("aadsts: unknown mender")
	}
	*m = Mender(i)
	return nil
}

// Advice is what there is to say of an error.
type Advice struct {
	Happened string // a sentence, safe to show
	Do       string // what to do, safe to show; may be ""
	Mender   Mender
	Retry    bool // the same request may succeed later, unchanged
}

// Explain returns the advice for an AADSTS number; false if the number is not in the table.
func Explain(code int) (Advice, bool) {
	a, ok := table[code]
	return a, ok
}

// Texts that several rows share.
const (
	interactively = "Sign in again and complete the steps that are shown."
	askAdmin      = "Ask your organization's administrator."
	rightAccount  = "Sign in with an account of this organization, or ask its administrator to invite you as a guest."
	signInAgain   = "Sign in again."
	waitAndRetry  = "Wait a moment and try again."
	consentAdmin  = "Ask your organization's administrator to grant consent."
)

// table is one row a number. Rows that retry are the ones whose cause passes by itself; everything else fails
// again in the same way, and a code that was redeemed (54005) must not be sent a third time.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var table = map[int]Advice{
	16000:   {"The account that is signed in does not belong to this organization.", rightAccount, MenderUser, false},
	28002:   {"The application asked for a permission that does not exist.", "The application's scopes need correcting.", MenderAppOwner, false},
	50011:   {"The address to return to is not registered for the application.", "Add the callback URL, exactly as the host sends it (https behind a proxy), to the app registration's Web redirect URIs.", MenderAppOwner, false},
	50014:   {"The guest invitation has not been accepted yet.", "Open the invitation email and accept it.", MenderUser, false},
	50020:   {"The account does not belong to this organization.", rightAccount, MenderUser, false},
	50033:   {"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true},
	50034:   {"The account does not exist in this organization.", rightAccount, MenderUser, false},
	50053:   {"The account is locked, or the sign-in came from a blocked address.", "Wait, or ask your organization's administrator.", MenderTenantAdmin, false},
	50055:   {"The password has expired.", "Change your password, then sign in again.", MenderUser, false},
	50057:   {"The account is disabled.", askAdmin, MenderTenantAdmin, false},
	50058:   {"Nobody is signed in at Microsoft in this browser.", signInAgain, MenderUser, false},
	50059:   {"The organization's tenant could not be found.", "Check the connection's tenant and cloud.", MenderAppOwner, false},
	50072:   {"Multi-factor authentication needs to be set up.", interactively, MenderUser, false},
	50074:   {"Multi-factor authentication is required.", interactively, MenderUser, false},
	50076:   {"Multi-factor authentication is required.", interactively, MenderUser, false},
	50079:   {"Multi-factor authentication needs to be set up.", interactively, MenderUser, false},
	50097:   {"The organization requires a known device.", askAdmin, MenderTenantAdmin, false},
	50105:   {"The account is not assigned to this application.", "Ask your organization's administrator to assign you, or a group you are in, to the application.", MenderTenantAdmin, false},
	50126:   {"The user name or password was wrong.", signInAgain, MenderUser, false},
	50129:   {"The organization requires a device that has joined its workplace.", askAdmin, MenderTenantAdmin, false},
	50146:   {"The application has a signing key of its own that was not used.", "Metadata must be read with the application's id (appid).", MenderAppOwner, false},
	50173:   {"The earlier sign-in was revoked.", signInAgain, MenderUser, false},
	50194:   {"The application accepts one organization only, but was asked for through the common address.", "Use the organization's own tenant, or make the app registration multi-tenant.", MenderAppOwner, false},
	50196:   {"The sign-in went round in a loop.", "The application's redirects need checking.", MenderHost, false},
	51004:   {"The account does not exist in this organization.", rightAccount, MenderUser, false},
	53000:   {"The organization requires a device that meets its rules.", askAdmin, MenderTenantAdmin, false},
	53001:   {"The organization requires a device that has joined its domain.", askAdmin, MenderTenantAdmin, false},
	53003:   {"The organization's access policies blocked this sign-in.", askAdmin, MenderTenantAdmin, false},
	53011:   {"The account is blocked because of risk.", askAdmin, MenderTenantAdmin, false},
	54005:   {"This sign-in was already used.", "Start a new sign-in.", MenderUser, false},
	65001:   {"The application has not been granted consent.", consentAdmin, MenderTenantAdmin, false},
	65004:   {"Consent was declined.", "Sign in again and accept, to use the application.", MenderUser, false},
	70008:   {"The earlier sign-in has expired.", signInAgain, MenderUser, false},
	70011:   {"The application asked for a permission that is not valid.", "The application's scopes need correcting.", MenderAppOwner, false},
	70043:   {"The organization requires a new sign-in from time to time.", signInAgain, MenderUser, false},
	90002:   {"The organization's tenant could not be found.", "Check the connection's tenant and cloud.", MenderAppOwner, false},
	90006:   {"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true},
	90024:   {"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true},
	90033:   {"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true},
	90038:   {"The organization lives in another of Microsoft's clouds.", "Choose the right cloud in the connection.", MenderAppOwner, false},
	90055:   {"Microsoft's sign-in service had too many requests.", waitAndRetry, MenderUnknown, true},
	90072:   {"The account is not a guest of this organization.", rightAccount, MenderTenantAdmin, false},
	90081:   {"The WS-Federation request was not valid.", "The application's WS-Federation settings need checking.", MenderAppOwner, false},
	90082:   {"The WS-Federation request asked for an authentication policy that is not supported.", "The application's WS-Federation settings need checking.", MenderAppOwner, false},
	90084:   {"Guest accounts may not sign in here over WS-Federation.", rightAccount, MenderUser, false},
	90094:   {"An administrator's consent is needed.", consentAdmin, MenderTenantAdmin, false},
	90095:   {"An administrator's consent is needed and was asked for.", consentAdmin, MenderTenantAdmin, false},
	90130:   {"The application accepts work and school accounts only.", "Use the organizations address instead of the common one.", MenderAppOwner, false},
	500011:  {"What the application asks to use does not exist in this organization.", "An administrator must consent to it, or the application's scopes need correcting.", MenderAppOwner, false},
	500212:  {"The home organization's cross-tenant policy does not allow this access.", "Ask the administrators of both organizations.", MenderTenantAdmin, false},
	500213:  {"This organization's cross-tenant policy does not allow this access.", "Ask the administrators of both organizations.", MenderTenantAdmin, false},
	501481:  {"The proof that this browser began the sign-in does not match.", "Start a new sign-in. If it happens again, the application's handling of PKCE needs checking.", MenderHost, false},
	530035:  {"The organization's security defaults blocked this sign-in.", askAdmin, MenderTenantAdmin, false},
	650056:  {"The application's permissions are set up wrongly, or its id is wrong.", "The app registration's permissions and client id need checking.", MenderAppOwner, false},
	700005:  {"The sign-in was begun at one tenant's address and finished at another's.", "Begin and finish must use the same tenant.", MenderHost, false},
	700016:  {"The application was not found in this organization.", "Check the client id and the tenant, or have an administrator consent to the application.", MenderAppOwner, false},
	700025:  {"The application is registered as a public client, but sent a secret.", "Register its redirect URI on the platform Web, not SPA or mobile.", MenderAppOwner, false},
	700027:  {"The application's certificate is not known, or its signature is wrong.", "Upload the certificate to the app registration.", MenderAppOwner, false},
	700082:  {"The earlier sign-in was not used for too long.", signInAgain, MenderUser, false},
	700084:  {"The sign-in was issued to a single-page application and has ended.", "Register the redirect URI on the platform Web, then sign in again.", MenderAppOwner, false},
	900382:  {"A confidential client may not be used across Microsoft's clouds.", "Use an app registration in the organization's own cloud.", MenderAppOwner, false},
	7000112: {"The application is disabled.", "Ask your organization's administrator to enable it.", MenderTenantAdmin, false},
	7000215: {"The application's client secret is wrong.", "Enter the secret's Value, not its Secret ID.", MenderAppOwner, false},
	7000218: {"The application sent no credential.", "Give the connection a secret, a certificate or a federated credential.", MenderAppOwner, false},
	7000222: {"The application's client secret has expired.", "Create a new secret, or use a certificate or a federated credential.", MenderAppOwner, false},
	9002332: {"The application accepts work and school accounts only.", "Use the organizations address instead of the common one.", MenderAppOwner, false},
}

// byOAuth advises where there is no number, or an unknown one, by the standard error (RFC 6749 sections 4.1.2.1 and 5.2,
// OpenID Connect Core section 3.1.2.6).
var byOAuth = map[string]Advice{
	"access_denied":              {"The sign-in was cancelled or not allowed.", signInAgain, MenderUser, false},
	"account_selection_required": {"An account must be chosen.", signInAgain, MenderUser, false},
	"consent_required":           {"The application has not been granted consent.", consentAdmin, MenderTenantAdmin, false},
	"interaction_required":       {"Microsoft needs something more from you.", interactively, MenderUser, false},
	"login_required":             {"Nobody is signed in at Microsoft in this browser.", signInAgain, MenderUser, false},
	"invalid_grant":              {"The earlier sign-in can no longer be used.", signInAgain, MenderUser, false},
	"invalid_client":             {"The application could not prove itself to Microsoft.", "The connection's client id and credential need checking.", MenderAppOwner, false},
	"unauthorized_client":        {"The application is not allowed to do this.", "The app registration needs checking.", MenderAppOwner, false},
	"invalid_resource":           {"What the application asks to use does not exist in this organization.", "The application's scopes need correcting.", MenderAppOwner, false},
	"invalid_scope":              {"The application asked for a permission that is not valid.", "The application's scopes need correcting.", MenderAppOwner, false},
	"invalid_request":            {"Microsoft did not accept the application's request.", "The connection's settings need checking.", MenderAppOwner, false},
	"unsupported_grant_type":     {"Microsoft did not accept the application's request.", "The application needs checking.", MenderHost, false},
	"unsupported_response_type":  {"Microsoft did not accept the application's request.", "The app registration needs checking.", MenderAppOwner, false},
	"server_error":               {"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true},
	"temporarily_unavailable":    {"Microsoft's sign-in service is busy.", waitAndRetry, MenderUnknown, true},
	"insufficient_claims":        {"Microsoft needs something more from you.", interactively, MenderUser, false},
}

func unexplained(status int) Advice {
	if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		return Advice{"Microsoft's sign-in service had a passing problem.", waitAndRetry, MenderUnknown, true}
	}
	return Advice{"Microsoft refused the sign-in.", "Try again. If it happens again, show this to whoever runs the application.", MenderUnknown, false}
}
