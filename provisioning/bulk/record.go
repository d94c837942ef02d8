package bulk

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
)

// Record is one person of a file.
type Record struct {
	Line int64  // where it begins in the file, counted from 1
	ID   string // the record's own id in its source; "" where it has none

	Email         string
	EmailVerified bool // as the file says; it counts only when the environment imports
	Phone         string
	PhoneVerified bool // as EmailVerified
	Username      string

	GivenName, FamilyName, Picture string
	Extended                       map[string]any // Entra's attributes under Graph's names

	Connection string // its name; "" is that of the address's home realm domain
	Enterprise bool   // the record says that the person signs in at Entra: without a connection it is a bad one
	ObjectID   string // lower-case GUID, or ""
	TenantID   string // lower-case GUID, or ""
	UPN        string // user principal name, where it is known and differs from Email

	Memberships []Membership
	// Rest is everything else that the file says of the person, passwords among it: never interpreted, never printed.
	Rest Rest

	from origin
	rows hidden[[]*row] // as they stood in the file
}

// Membership is what a record says of an organization. Organization "" means that roles stand beside no organization.
type Membership struct {
	Organization string // the id that the file uses
	Roles        []string
	Permissions  []string
	Scopes       json.RawMessage // Kinde's [{"audience", "scope"}], as it stood
}

// Rest holds columns and members of a row for which Record has no field, under their own names. Printing, logging or encoding it shows names only.
type Rest struct {
	hidden hidden[map[string]json.RawMessage]
}

func (r Rest) values() map[string]json.RawMessage { return r.hidden.reveal() }

// hidden keeps a value out of everything that prints structs: package fmt follows pointers, and calls no method of an unexported field, but a function
// shows nothing.
type hidden[T any] struct{ open func() T }

func hide[T any](value T) hidden[T] { return hidden[T]{func() T { return value }} }

// reveal returns the value; of the zero hidden the zero value.
func (h hidden[T]) reveal() (value T) {
	if h.open != nil {
		value = h.open()
	}
	return value
}

// Names returns the names, sorted.
func (r Rest) Names() []string { return slices.Sorted(maps.Keys(r.values())) }

// Reveal returns the values: JSON as it stood in the file; a column of a CSV is a JSON string. There may be password hashes among them.
func (r Rest) Reveal() map[string]json.RawMessage { return maps.Clone(r.values()) }

// Format shows names only, whatever the verb.
func (r Rest) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%q", r.Names()) }

// LogValue implements slog.LogValuer: names only.
func (r Rest) LogValue() slog.Value { return slog.AnyValue(r.Names()) }

// MarshalJSON writes names only.
func (r Rest) MarshalJSON() ([]byte, error) { return json.Marshal(r.Names()) }

func (r *Rest) put(name string, value json.RawMessage) {
	if r.hidden.open == nil {
		r.hidden = hide(map[string]json.RawMessage{})
	}
	r.values()[name] = value
}

// origin is who made the file.
type origin string

const (
	fromKinde origin = "kinde" // or somebody who writes as Kinde reads
	fromAuth0 origin = "auth0"
	fromEntra origin = "entra"
)

// bookkeeping are columns and members that say nothing that a host could lose: they are the provider's own record-keeping, or the same again.
// They are handed to Config.Keep like the others, but nobody has to keep them.
var bookkeeping = map[origin][]string{
	fromKinde: {"$schema", "created_on"},
	fromAuth0: {"name", "nickname", "created_at", "updated_at", "last_login", "last_ip", "logins_count", "last_password_reset", "blocked"},
	fromEntra: {
		"userType", "accountEnabled", "creationType", "directorySynced", "invitationState", "identityIssuer", "createdDateTime", "ageGroup",
		"consentProvidedForMinor", "legalAgeGroupClassification", "alternateEmailAddress",
	},
}

// toKeep names what only Config.Keep can take.
func (r *Record) toKeep() []string {
	var list []string
	add := func(name string, there bool) {
		if there && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	add("phone", r.Phone != "")
	add("username", r.Username != "")
	for _, m := range r.Memberships {
		add("roles", len(m.Roles) > 0)
		add("permissions", len(m.Permissions) > 0)
		add("scopes", len(m.Scopes) > 0)
	}
	ours := list // the rest's own names are different ones
	for _, name := range r.Rest.Names() {
		if !slices.Contains(ours, name) && !slices.Contains(bookkeeping[r.from], name) {
			list = append(list, name)
		}
	}
	return list
}
