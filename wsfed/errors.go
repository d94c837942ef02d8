package wsfed

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Check names the check that refused an answer. The names are stable: count them, alert on them.
type Check string

// The checks, in the order in which they run.
const (
	CheckMessage      Check = "message"       // the form: method, parameters, wctx
	CheckXML          Check = "xml"           // the strict pass over the raw bytes
	CheckEnvelope     Check = "envelope"      // one response, one requested token, one assertion
	CheckEncrypted    Check = "encrypted"     // an encrypted token that cannot be opened
	CheckSignature    Check = "signature"     // form, algorithms, key, digest
	CheckVersion      Check = "version"       // the assertion's version, id and shape
	CheckConditions   Check = "conditions"    // missing, twice, or one that is not understood
	CheckNotYetValid  Check = "not_yet_valid" // NotBefore, or an instant in the future
	CheckExpired      Check = "expired"       // NotOnOrAfter
	CheckAudience     Check = "audience"      // issued for another relying party
	CheckConfirmation Check = "confirmation"  // not bearer, or confirmed for someone else
	CheckSubject      Check = "subject"       // statements about different people, or about nobody
	CheckIssuer       Check = "issuer"        // not the issuer that was expected
	CheckTenant       Check = "tenant"        // not a tenant that was allowed
	CheckFreshness    Check = "freshness"     // the person proved themselves too long ago
	CheckIssued       Check = "issued"        // the token is older than the sign-in that it answers
	CheckClaims       Check = "claims"        // the claims do not make an identity
	CheckReplay       Check = "replay"        // the assertion was used before
)

// VerificationError says that an answer was refused, and by which check. Its text holds no part of the token but realm,
// audience, issuer and tenant, quoted and cut.
type VerificationError struct {
	Check Check
	Err   error
}

func (e *VerificationError) Error() string {
	return "wsfed: token refused (" + string(e.Check) + "): " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *VerificationError) Unwrap() error { return e.Err }

// ErrInvalid says that a configuration or a request cannot work as it is, whatever the provider answers.
var ErrInvalid = errors.New("wsfed: invalid")

// ErrEncrypted is the cause when an encrypted token cannot be opened: there is no key for it, its algorithms are not accepted, it was altered, or what came
// out is not signed by the provider. Which of these it was nobody learns, for that would let strangers read other people's tokens.
var ErrEncrypted = errors.New("wsfed: the encrypted token cannot be opened")

// ErrUnavailable is wrapped by every error that says nothing about the token: federation metadata cannot be had, or the replay
// store does not answer. Trying again may help.
var ErrUnavailable = errors.New("wsfed: temporarily unavailable")

// ErrMetadata is wrapped when the provider's metadata may not speak for the configured provider: another issuer, another tenant, no key that
// may sign tokens, not signed where that was demanded.
var ErrMetadata = errors.New("wsfed: the federation metadata does not fit the configuration")

// FaultError is a SOAP fault that the provider sent in place of a token.
type FaultError struct {
	Code string // without prefix: Sender, Receiver, Server, FailedAuthentication, …; "" when it is not a plain name
	// Reason is the provider's text, cut at 512 bytes. It is not signed, so anybody can have written it: log it
	// quoted, show it to nobody.
	Reason string
}

func (e *FaultError) Error() string {
	if e.Code == "" {
		return "the provider answered with a SOAP fault"
	}
	return "the provider answered with the SOAP fault " + e.Code
}

// refuse returns a *VerificationError. Format arguments are never parts of a token, except through quote.
func refuse(check Check, format string, args ...any) error {
	return &VerificationError{Check: check, Err: fmt.Errorf(format, args...)}
}

// quote makes an outside value fit for an error text.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
