package aadsts

import (
	"fmt"
	"strings"
	"time"
)

// Error is an error that Entra answered with, from the token endpoint, a callback or a page.
// It holds nothing that a stranger could have written as free text.
type Error struct {
	OAuth         string    // error: invalid_grant, interaction_required, …; "" if there was none that is readable
	SubError      string    // suberror, or error_subcode of a callback: basic_action, consent_required, cancel, …
	Code          int       // AADSTS number, 0 if none
	CorrelationID string    // a GUID or ""
	TraceID       string    // a GUID or ""
	Time          time.Time // Entra's own time of the error, zero if not given
	Claims        string    // claims challenge to send next (a JSON object), if any; never from a callback
	Status        int       // HTTP status of the answer, 0 for a callback
	Retry         bool      // the same request may succeed later, unchanged; see also SignInAgain
	Mender        Mender
}

// Error says what Entra refused, with everything support asks for. It never holds the description.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("entra answered")
	switch {
	case e.OAuth != "":
		b.WriteString(" " + e.OAuth)
	case e.Code == 0:
		b.WriteString(" with an error that it did not name")
	}
	if e.SubError != "" {
		b.WriteString("/" + e.SubError)
	}
	if e.OAuth == "" && e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	if ref := e.Reference(); ref != "" {
		b.WriteString(" (" + ref + ")")
	}
	return b.String() + ": " + e.advice().Happened
}

// Public says in a sentence or two what happened and what to do, for a page, and ends with the Reference.
// All of it is this package's own wording; only the number, the ids and the time are Entra's.
func (e *Error) Public() string {
	a := e.advice()
	text := a.Happened
	if a.Do != "" {
		text += " " + a.Do
	}
	if ref := e.Reference(); ref != "" {
		text += " (" + ref + ")"
	}
	return text
}

// Reference is what support asks for: code, correlation id, trace id and time, as far as they are known; "" if none is.
func (e *Error) Reference() string {
	var parts []string
	if e.Code != 0 {
		parts = append(parts, fmt.Sprintf("AADSTS%d", e.Code))
	}
	if e.CorrelationID != "" {
		parts = append(parts, "correlation ID "+e.CorrelationID)
	}
	if e.TraceID != "" {
		parts = append(parts, "trace ID "+e.TraceID)
	}
	if !e.Time.IsZero() {
		parts = append(parts, e.Time.UTC().Format(time.RFC3339))
	}
	return strings.Join(parts, ", ")
}

// SignInAgain reports whether a fresh, interactive sign-in of the person is the remedy: consent, MFA, another policy, or a
// grant that has ended. It goes by error and suberror. An error with Claims needs them sent along.
//
// Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and OpenID Connect Core
// section 3.1.2.6
func (e *Error) SignInAgain() bool {
	switch e.OAuth {
	case "interaction_required", "login_required", "consent_required", "account_selection_required", "insufficient_claims":
		return true
	case "invalid_grant":
		// message_only and additional_action: interaction would show the same message again.
		return e.SubError != "message_only" && e.SubError != "additional_action" && e.Code != 54005
	}
	return false
}

// NeedsConsent reports whether the application lacks a consent that a tenant's administrator can give: the person, or the application itself, asked for
// a permission that nobody granted. That somebody declined is not it. Beside error and suberror it goes by the number, since Entra reports a
// missing consent under several errors; nothing but what is offered to the person depends on it.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func (e *Error) NeedsConsent() bool {
	switch e.Code {
	case 65001, 90094, 90095:
		return true
	case 65004:
		return false
	}
	return e.OAuth == "consent_required" || e.SubError == "consent_required"
}

func (e *Error) advice() Advice {
	if a, ok := Explain(e.Code); ok {
		return a
	}
	if a, ok := byOAuth[e.OAuth]; ok {
		return a
	}
	return unexplained(e.Status)
}

// settle fills Retry and Mender from the advice.
func (e *Error) settle() *Error {
	a := e.advice()
	e.Retry, e.Mender = a.Retry, a.Mender
	return e
}
