package entra

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// Severity of a finding.
type Severity int

// The severities.
const (
	SeverityOK      Severity = iota // looked at and found right
	SeverityWarning                 // works, but somebody should look
	SeverityError                   // cannot work, or must not
)

var severityNames = [...]string{"ok", "warning", "error"}

// String returns "ok", "warning" or "error".
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		return severityNames[SeverityError]
	}
	return severityNames[s]
}

// MarshalText is String, so that JSON holds the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severityNames[:], string(text))
	if i < 0 {
		return errors.New("entra: unknown severity")
	}
	*s = Severity(i)
	return nil
}

// Finding is one thing that was found in a connection. Its JSON is stable.
type Finding struct {
	ConnectionID string        `json:"connection_id,omitempty"`
	Field        string        `json:"field,omitempty"` // the member's name in the JSON; "" is the connection as a whole
	Problem      string        `json:"problem"`         // what is wrong, in a sentence without a full stop; never a secret
	Fix          string        `json:"fix,omitempty"`   // what to do about it
	Mender       aadsts.Mender `json:"mender"`
	Severity     Severity      `json:"severity"`
}

// String reads as a sentence: "client_id: is not a GUID; copy …".
func (f Finding) String() string {
	s := f.Problem
	if f.Field != "" {
		s = f.Field + ": " + s
	}
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}

// Findings is a list of them.
type Findings []Finding

// Err returns nil when nothing is worse than a warning, else an *InvalidError with every error.
func (f Findings) Err() error {
	var faults Findings
	for _, one := range f {
		if one.Severity >= SeverityError {
			faults = append(faults, one)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &InvalidError{Faults: faults}
}

// NotAllowedError says what an actor may not do, with the field where there is one, and who may. It is ErrNotAllowed for errors.Is.
type NotAllowedError struct{ Faults Findings }

func notAllowed(connectionID, field, problem, fix string) *NotAllowedError {
	return &NotAllowedError{Findings{{ConnectionID: connectionID, Field: field, Problem: problem, Fix: fix, Mender: aadsts.MenderHost, Severity: SeverityError}}}
}

func (e *NotAllowedError) Error() string { return "entra: not allowed: " + e.Faults.sentences() }

// Unwrap returns ErrNotAllowed.
func (e *NotAllowedError) Unwrap() error { return ErrNotAllowed }

// sentences are the findings, one after the other.
func (f Findings) sentences() string {
	list := make([]string, len(f))
	for i, one := range f {
		list[i] = one.String()
	}
	return strings.Join(list, ". ")
}

// InvalidError says that a connection cannot be used as it is. It names every fault.
type InvalidError struct{ Faults Findings }

func (e *InvalidError) Error() string {
	noun := "fault"
	if len(e.Faults) != 1 {
		noun = "faults"
	}
	return fmt.Sprintf("entra: connection has %d %s: %s", len(e.Faults), noun, e.Faults.sentences())
}
