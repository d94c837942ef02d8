package aadsts

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds on what is read and kept, in bytes.
const (
	maxBody        = 64 << 10
	maxDescription = 4 << 10
	maxClaims      = 8 << 10
)

var (
	// token is an error name: RFC 6749 allows far more (%x20-21 / %x23-5B / %x5D-7E), Entra uses no more.
	token = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	guid  = regexp.MustCompile(`^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

	// What Entra writes into descriptions; only numbers, ids and times are taken out of them.
	prefix        = regexp.MustCompile(`^AADSTS(\d{4,9})(?:\D|$)`)
	inTrace       = regexp.MustCompile(`(?:^|\s)Trace ID: ([0-9a-fA-F-]{36})(?:\s|$)`)
	inCorrelation = regexp.MustCompile(`(?:^|\s)Correlation ID: ([0-9a-fA-F-]{36})(?:\s|$)`)
	inTimestamp   = regexp.MustCompile(`(?:^|\s)Timestamp: (\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}Z)(?:\s|$)`)
)

// FromTokenResponse reads the error body of the token endpoint. It never returns nil and never keeps the description;
// a body that is not a JSON object, or longer than 64 KB, gives an Error with the status only.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-response-1
func FromTokenResponse(status int, body []byte) *Error {
	e := &Error{Status: status}
	var m map[string]json.RawMessage // a struct would match member names in any case
	if len(body) > maxBody || json.Unmarshal(body, &m) != nil {
		return e.settle()
	}
	description := text(m, "error_description")
	e.OAuth = name(text(m, "error"))
	e.SubError = name(text(m, "suberror"))
	if e.Code = firstCode(m["error_codes"]); e.Code == 0 {
		e.Code = codeOf(description)
	}
	e.CorrelationID = id(text(m, "correlation_id"))
	e.TraceID = id(text(m, "trace_id"))
	e.Time = instant(text(m, "timestamp"))
	e.Claims = Challenge(text(m, "claims"))
	return e.fromDescription(description).settle()
}

// FromCallback reads the error parameters of an authorization response; nil if there is no error in it.
// Nothing in it is signed, so anybody can have written it: names and ids are kept only in their strict form, the description
// and any claims parameter never, and the result gives advice but proves nothing.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-response
func FromCallback(v url.Values) *Error {
	if v.Get("error") == "" {
		return nil
	}
	description := v.Get("error_description")
	e := &Error{
		OAuth:    name(v.Get("error")),
		SubError: name(v.Get("error_subcode")),
		Code:     codeOf(description),
	}
	return e.fromDescription(description).settle()
}

// fromDescription takes the ids and the time out of a description where no member of their own gave them.
func (e *Error) fromDescription(description string) *Error {
	if len(description) > maxDescription {
		return e
	}
	if e.CorrelationID == "" {
		e.CorrelationID = id(match(inCorrelation, description))
	}
	if e.TraceID == "" {
		e.TraceID = id(match(inTrace, description))
	}
	if e.Time.IsZero() {
		e.Time = instant(match(inTimestamp, description))
	}
	return e
}

// Challenge returns s if it is a claims challenge, a JSON object of at most 8 KB, else "".
// OpenID Connect Core section 5.5 says what is in it.
func Challenge(s string) string {
	if len(s) > maxClaims || !strings.HasPrefix(s, "{") || !json.Valid([]byte(s)) {
		return ""
	}
	return s
}

// firstCode reads error_codes: [50076], seldom more than one, seldom as strings.
func firstCode(raw json.RawMessage) int {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return 0
	}
	return number(string(bytes.Trim(list[0], `"`)))
}

// codeOf reads the number that a description begins with. Elsewhere in the text it could be anyone's.
func codeOf(description string) int { return number(match(prefix, description)) }

func number(s string) int {
	if len(s) > 9 { // fits an int of 32 bits; a float or a sign is no number of Entra's
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

func text(m map[string]json.RawMessage, member string) string {
	var s string
	if json.Unmarshal(m[member], &s) != nil {
		return ""
	}
	return s
}

func name(s string) string {
	if !token.MatchString(s) {
		return ""
	}
	return s
}

func id(s string) string {
	if !guid.MatchString(s) {
		return ""
	}
	return strings.ToLower(s)
}

// instant reads the forms Entra has used: "2016-01-09 02:02:12Z", "2016-01-09T02:02:12Z", both also with a fraction.
func instant(s string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05Z", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 2000 && t.Year() < 3000 {
			return t.UTC()
		}
	}
	return time.Time{}
}

func match(re *regexp.Regexp, s string) string {
	if len(s) > maxDescription {
		return ""
	}
	if m := re.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}
