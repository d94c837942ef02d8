package oauth2

import "errors"

// ErrInvalid says that a configuration or a request cannot work as it is, whatever Entra answers. Match it with errors.Is.
var ErrInvalid = errors.New("oauth2: invalid")

// Check names the check that refused an answer or a token. The names are stable: count them, alert on them.
type Check string

// The checks.
const (
	CheckResponse       Check = "response"          // the answer as a whole: method, duplicate parameters, no code
	CheckState          Check = "state"             // the answer's state
	CheckResponseIssuer Check = "response_issuer"   // the answer's iss parameter (RFC 9207)
	CheckForm           Check = "form"              // not a JWT as Entra makes them, or JSON that can be read in two ways
	CheckAlgorithm      Check = "algorithm"         // another signature algorithm than the client accepts
	CheckKey            Check = "key"               // no key with the token's kid may sign for the token's issuer
	CheckSignature      Check = "signature"         // the signature does not match
	CheckIssuer         Check = "issuer"            // iss is not the authority's issuer for tid
	CheckTenant         Check = "tenant"            // tid is missing, not a GUID, or not of an allowed tenant
	CheckAudience       Check = "audience"          // aud is not this client
	CheckParty          Check = "authorized_party"  // azp is another client, or missing beside several audiences
	CheckExpired        Check = "expired"           // exp has passed, or is missing
	CheckNotYetValid    Check = "not_yet_valid"     // nbf lies in the future
	CheckIssuedAt       Check = "issued_at"         // iat is missing, in the future, or absurd
	CheckNonce          Check = "nonce"             // the nonce is missing or another sign-in's
	CheckAccessHash     Check = "access_token_hash" // at_hash does not match the access token
	CheckCodeHash       Check = "code_hash"         // c_hash does not match the code
	CheckVersion        Check = "version"           // ver is not 2.0, nor an allowed 1.0
	CheckTokenType      Check = "token_type"        // an app's own token, or one by which somebody acts for somebody else
	CheckSubject        Check = "subject"           // sub or oid is missing, or the claims cannot be read
	CheckFreshness      Check = "freshness"         // a fresh sign-in was asked for, and the token does not say that it was one
	CheckDemand         Check = "demand"            // the claims request asked for something, a step-up for instance, and the token does not say it
	CheckPerson         Check = "person"            // a refresh brought the token of another person
)

// VerificationError says that an answer was refused. Nothing of what was refused is in its text.
type VerificationError struct {
	Check  Check
	Reason string // what was wrong, in words that are ours
}

func (e *VerificationError) Error() string {
	return "oauth2: answer refused (" + string(e.Check) + "): " + e.Reason
}

func refuse(check Check, reason string) error {
	return &VerificationError{Check: check, Reason: reason}
}
