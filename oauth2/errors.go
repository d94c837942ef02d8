package oauth2

import "errors"

// ErrInvalid says that a configuration or a request cannot work as it is, whatever Entra answers. Match it with errors.Is.
var ErrInvalid = errors.New("oauth2: invalid")

// The checks that an answer or an ID token can fail, as VerificationError.Check names them. The names are stable.
const (
	CheckResponse       = "response"          // the answer as a whole: method, duplicate parameters, no code
	CheckState          = "state"             // the answer's state
	CheckResponseIssuer = "response-issuer"   // the answer's iss parameter (RFC 9207)
	CheckForm           = "form"              // not a JWT as Entra makes them, or JSON that can be read in two ways
	CheckAlgorithm      = "algorithm"         // another signature algorithm than the client accepts
	CheckKey            = "key"               // no key with the token's kid may sign for the token's issuer
	CheckSignature      = "signature"         // the signature does not match
	CheckIssuer         = "issuer"            // iss is not the authority's issuer for tid
	CheckTenant         = "tenant"            // tid is missing, not a GUID, or not of an allowed tenant
	CheckAudience       = "audience"          // aud is not this client
	CheckParty          = "authorized-party"  // azp is another client, or missing beside several audiences
	CheckExpired        = "expired"           // exp has passed, or is missing
	CheckNotYetValid    = "not-yet-valid"     // nbf lies in the future
	CheckIssuedAt       = "issued-at"         // iat is missing, in the future, or absurd
	CheckNonce          = "nonce"             // the nonce is missing or another sign-in's
	CheckAccessHash     = "access-token-hash" // at_hash does not match the access token
	CheckCodeHash       = "code-hash"         // c_hash does not match the code
	CheckVersion        = "version"           // ver is not 2.0, nor an allowed 1.0
	CheckTokenType      = "token-type"        // an app's own token, or one by which somebody acts for somebody else
	CheckSubject        = "subject"           // sub or oid is missing, or the claims cannot be read
	CheckAuthTime       = "auth-time"         // a fresh sign-in was asked for, and the token does not say that it was one
	CheckDemand         = "demand"            // the claims request asked for something, a step-up for instance, and the token does not say it
	CheckPerson         = "person"            // a refresh brought the token of another person
)

// VerificationError says that an answer was refused. Nothing of what was refused is in its text.
type VerificationError struct {
	Check  string // one of the Check constants
	Reason string // what was wrong, in words that are ours
}

func (e *VerificationError) Error() string {
	return "oauth2: answer refused (" + e.Check + "): " + e.Reason
}

func refuse(check, reason string) error { return &VerificationError{Check: check, Reason: reason} }
