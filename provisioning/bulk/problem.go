package bulk

import (
	"fmt"
	"strings"
)

// Reason says what is wrong with a row, in a word that a machine can read. The words are stable.
type Reason string

// The reasons why a row is bad.
const (
	ReasonSyntax       Reason = "syntax"        // no CSV, no JSON
	ReasonEncoding     Reason = "encoding"      // not Unicode text
	ReasonTooLong      Reason = "too_long"      // beyond a limit of this package
	ReasonColumns      Reason = "columns"       // more or fewer columns than the header
	ReasonValue        Reason = "value"         // a value that is none of its column
	ReasonNobody       Reason = "nobody"        // nothing says who the person is
	ReasonDiffers      Reason = "differs"       // lines of one record contradict each other
	ReasonConnection   Reason = "connection"    // no such connection among those that the importer sees
	ReasonTenant       Reason = "tenant"        // the connection admits another tenant only
	ReasonOrganization Reason = "organization"  // no such organization, or not the importer's
	ReasonForbidden    Reason = "forbidden"     // only the environment may import this
	ReasonDuplicate    Reason = "duplicate"     // another record of this source is the same person
	ReasonNotYours     Reason = "not_yours"     // an organization's import reaches a user who is not its own alone
	ReasonUnverified   Reason = "unverified"    // an account has the address and never verified it
	ReasonAmbiguous    Reason = "ambiguous"     // more than one user matches
	ReasonConflict     Reason = "conflict"      // the address, or the record, belongs to another person of the connection
	ReasonSuspended    Reason = "suspended"     // the user is suspended
	ReasonEmergency    Reason = "emergency"     // a break-glass user is never linked
	ReasonEmailTaken   Reason = "email_taken"   // the host keeps addresses unique
	ReasonStoreRefused Reason = "store_refused" // the store says that this user cannot be
	ReasonNotFound     Reason = "not_found"     // nobody holds the old identity of a rebind
)

// The reasons why a row is skipped: nothing is wrong with it, and nobody can come in by it.
const (
	ReasonGuest    Reason = "guest"    // a guest of the tenant: records wait for members only
	ReasonDisabled Reason = "disabled" // the account is switched off at its provider
)

// Problem says why a row does not go in, and what to do. It is an error whose text repeats nothing that the file holds but names of columns.
type Problem struct {
	Line   int64  `json:"line"`             // of the row, or of the first row of its record, counted from 1
	Column string `json:"column,omitempty"` // as the file calls it; "" where it is not one
	Reason Reason `json:"reason"`
	What   string `json:"what"`          // what is wrong
	Fix    string `json:"fix,omitempty"` // what to do
	// Skipped says that the row is not to be mended: it was left out on purpose.
	Skipped bool  `json:"skipped,omitempty"`
	Err     error `json:"-"` // the store's own, where it refused; never part of the text, for it may name people

	rows hidden[[]*row]
}

// Error is one sentence, with line and column.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "bulk: line %d", p.Line)
	if p.Column != "" {
		fmt.Fprintf(&b, ", %s", clip(p.Column))
	}
	b.WriteString(": " + p.What)
	if p.Fix != "" {
		b.WriteString(": " + p.Fix)
	}
	return b.String()
}

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }

// problem is a Problem before it is known where it stands.
func problem(reason Reason, column, what, fix string) *Problem {
	return &Problem{Column: column, Reason: reason, What: what, Fix: fix}
}

// at says where.
func (p *Problem) at(rows ...*row) *Problem {
	p.rows = hide(rows)
	if len(rows) > 0 {
		p.Line = rows[0].line
	}
	return p
}

// clip shortens a name that a file made up, and takes out what would break a line of a log.
func clip(name string) string {
	const longest = 64
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest]) + "…"
	}
	return fmt.Sprintf("%q", name)
}
