package bulk

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// jsonRecords reads records of JSON objects: Kinde's, or Auth0's, which have a user_id.
type jsonRecords struct{ rows rower }

func (j *jsonRecords) next() (*row, *Record, *Problem, error) {
	line, p, err := j.rows.next()
	if err != nil || p != nil {
		return line, nil, p, err
	}
	r, p := readObject(line.raw)
	if p != nil {
		return line, nil, p.at(line), nil
	}
	r.Line, r.rows = line.line, hide([]*row{line})
	return line, r, nil, nil
}

func (j *jsonRecords) skip() (*row, *Problem, error) { return j.rows.next() }

func readObject(raw []byte) (*Record, *Problem) {
	var m members
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return nil, problem(ReasonSyntax, "", "the row is not one JSON object", "mend it; commas, quotes and brackets are the usual suspects")
	}
	if len(m) > MaxColumns {
		return nil, problem(ReasonTooLong, "", "the object has more than 512 members", "leave out those that say nothing of the person")
	}
	r := &Record{}
	read := r.readKinde
	if _, ok := m["user_id"]; ok {
		read = r.readAuth0
	}
	if p := read(m); p != nil {
		return nil, p
	}
	return r, r.finish()
}

// members are those of an object, by their exact names.
type members map[string]json.RawMessage

// take reads a member and takes it out of m, so that what nobody takes is left. null is absent.
func take[T any](m members, name string, value *T) *Problem {
	raw, ok := m[name]
	delete(m, name)
	if !ok || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	if json.Unmarshal(raw, value) != nil {
		return problem(ReasonValue, name, "the value is of another type than it should be", "mend it")
	}
	return nil
}

// takeText reads a string through the check of its kind.
func takeText(m members, name string, field *string, check func(column, value string) (string, *Problem)) *Problem {
	var s string
	if p := take(m, name, &s); p != nil {
		return p
	}
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	var p *Problem
	*field, p = check(name, s)
	return p
}

func anyText(_, value string) (string, *Problem) { return value, nil }

// takeID reads an id, which some write as a number.
func takeID(m members, name string, field *string) *Problem {
	var number json.Number
	if json.Unmarshal(m[name], &number) == nil && number != "" && m[name][0] != '"' {
		m[name] = json.RawMessage(`"` + number.String() + `"`)
	}
	return takeText(m, name, field, recordID)
}

// first returns the first problem.
func first(problems ...*Problem) *Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

// keepRest hands on what nobody took.
func (r *Record) keepRest(m members) {
	delete(m, errorColumn)
	delete(m, lineColumn)
	for name, raw := range m {
		switch string(bytes.TrimSpace(raw)) {
		case "null", `""`, "[]", "{}":
		default:
			r.Rest.put(name, raw)
		}
	}
}

// readKinde reads Kinde's object, and our own members beside it.
// https://docs.kinde.com/manage-users/add-and-edit/import-users-in-bulk/
func (r *Record) readKinde(m members) *Problem {
	r.from = fromKinde
	var organizations []json.RawMessage
	var text string
	if p := first(
		takeText(m, textColumn, &text, unmended),
		takeID(m, "id", &r.ID),
		takeText(m, "email", &r.Email, address), take(m, "email_verified", &r.EmailVerified),
		takeText(m, "phone", &r.Phone, phone), take(m, "phone_verified", &r.PhoneVerified),
		takeText(m, "username", &r.Username, anyText), takeText(m, "picture", &r.Picture, anyText),
		takeText(m, "first_name", &r.GivenName, anyText), takeText(m, "last_name", &r.FamilyName, anyText),
		takeText(m, "connection", &r.Connection, anyText),
		takeText(m, "entra_object_id", &r.ObjectID, guid), takeText(m, "entra_tenant_id", &r.TenantID, guid),
		r.takeIdentities(m, r.kindeIdentity), take(m, "organizations", &organizations),
	); p != nil {
		return p
	}
	for _, raw := range organizations {
		if p := r.membership(raw); p != nil {
			return p
		}
	}
	r.keepRest(m)
	return nil
}

// membership reads one of Kinde's organizations.
func (r *Record) membership(raw json.RawMessage) *Problem {
	const name = "organizations"
	var m members
	var one Membership
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return problem(ReasonValue, name, "an organization is no object", "write it as {\"external_id\": \"…\"}")
	}
	if p := first(
		takeText(m, "external_id", &one.Organization, identifier), take(m, "roles", &one.Roles), take(m, "permissions", &one.Permissions),
	); p != nil {
		return p
	}
	one.Scopes = m["scopes"]
	delete(m, "scopes")
	switch {
	case one.Organization == "":
		return problem(ReasonValue, name, "an organization has no external_id", "fill it in")
	case len(m) > 0:
		return problem(ReasonValue, name, "an organization has members beside external_id, roles, permissions and scopes", "take them out")
	}
	r.Memberships = append(r.Memberships, one)
	return nil
}

// takeIdentities reads the list of identities. Those that have no place in Record stay, as they stood, under their own name in Rest.
func (r *Record) takeIdentities(m members, read func(members) (taken bool, p *Problem)) *Problem {
	const name = "identities"
	var all, left []json.RawMessage
	if p := take(m, name, &all); p != nil {
		return p
	}
	for _, raw := range all {
		var one members
		if json.Unmarshal(raw, &one) != nil || one == nil {
			return problem(ReasonValue, name, "an identity is no object", "mend it")
		}
		taken, p := read(one)
		switch {
		case p != nil:
			p.Column = name
			return p
		case !taken:
			left = append(left, raw)
		}
	}
	if len(left) == 0 {
		return nil
	}
	raw, err := json.Marshal(left)
	if err != nil { // what was read can be written
		return problem(ReasonValue, name, "the identities cannot be kept", "mend them")
	}
	r.Rest.put(name, raw)
	return nil
}

// kindeIdentity reads an identity: an address, a phone number, a user name, or one at Entra.
func (r *Record) kindeIdentity(m members) (taken bool, p *Problem) {
	var kind, value string
	var verified bool
	if p := first(take(m, "type", &kind), take(m, "is_verified", &verified)); p != nil {
		return false, p
	}
	switch kind {
	case "email":
		if p := takeText(m, "identity", &value, address); p != nil || r.Email != "" && provisioning.Fold(value) != provisioning.Fold(r.Email) {
			return false, p
		}
		r.Email, r.EmailVerified = keep(r.Email, value), r.EmailVerified || verified
		return true, nil
	case "phone":
		if p := takeText(m, "identity", &value, phone); p != nil || r.Phone != "" && value != r.Phone {
			return false, p
		}
		r.Phone, r.PhoneVerified = value, r.PhoneVerified || verified
		return true, nil
	case "username":
		if p := takeText(m, "identity", &value, anyText); p != nil || r.Username != "" && value != r.Username {
			return false, p
		}
		r.Username = value
		return true, nil
	case "oauth2:azure_ad", "wsfed:azure_ad":
		return true, r.entraIdentity(m, "provider")
	}
	return false, nil
}

// keep returns what is there already, else what is new.
func keep(old, value string) string {
	if old != "" {
		return old
	}
	return value
}

// entraIdentity reads an identity at Entra: the name of its connection, and what names the person there: an object id, a user principal name.
func (r *Record) entraIdentity(m members, connection string) *Problem {
	if r.Enterprise {
		return problem(ReasonDuplicate, "", "the record has two identities at Entra", "make a record of each: a person has one user for each connection")
	}
	r.Enterprise = true
	var name, user, identity, object, tenant, upn string
	var profile members
	if p := first(
		takeText(m, connection, &name, anyText), takeText(m, "user_id", &user, anyText), takeText(m, "identity", &identity, anyText),
		take(m, "profile", &profile),
	); p != nil {
		return p
	}
	if p := first(
		takeText(profile, "oid", &object, guid), takeText(profile, "tid", &tenant, guid), takeText(profile, "upn", &upn, address),
	); p != nil {
		return p
	}
	r.Connection, r.ObjectID, r.TenantID = keep(r.Connection, name), keep(r.ObjectID, object), keep(r.TenantID, tenant)
	for _, value := range []string{user, identity} { // either may hold the object id, a pairwise subject, or a name
		value = strings.ToLower(value)
		switch {
		case guidText.MatchString(value):
			r.ObjectID = keep(r.ObjectID, value)
		case provisioning.Fold(value) != "":
			upn = keep(upn, value)
		}
	}
	r.UPN = keep(r.UPN, upn)
	return nil
}

// readAuth0 reads a user of Auth0's export. A connection to Entra is the provider "waad" there; its user_id is the object id where the connection was
// set up so, and another value otherwise, which says nothing outside of Auth0.
// https://auth0.com/docs/manage-users/user-accounts/user-profiles/user-profile-structure
func (r *Record) readAuth0(m members) *Problem {
	r.from = fromAuth0
	var blocked bool
	if p := first(
		takeText(m, "user_id", &r.ID, recordID),
		takeText(m, "email", &r.Email, address), take(m, "email_verified", &r.EmailVerified),
		takeText(m, "phone_number", &r.Phone, phone), take(m, "phone_verified", &r.PhoneVerified),
		takeText(m, "username", &r.Username, anyText), takeText(m, "picture", &r.Picture, anyText),
		takeText(m, "given_name", &r.GivenName, anyText), takeText(m, "family_name", &r.FamilyName, anyText),
		takeText(m, "oid", &r.ObjectID, guid), takeText(m, "tenantid", &r.TenantID, guid), takeText(m, "upn", &r.UPN, address),
		r.takeIdentities(m, r.auth0Identity),
	); p != nil {
		return p
	}
	if raw, ok := m["blocked"]; ok && (json.Unmarshal(raw, &blocked) != nil || blocked) {
		return skip(ReasonDisabled, "blocked", "the user is blocked at Auth0", "unblock the user there and export again, if this was not meant")
	}
	if provisioning.Fold(r.UPN) == provisioning.Fold(r.Email) {
		r.UPN = ""
	}
	r.keepRest(m)
	return nil
}

// auth0Identity reads one identity; those that are none of Entra's stay in Rest, except the password database's own, which say nothing new.
func (r *Record) auth0Identity(m members) (taken bool, p *Problem) {
	var provider string
	if p := take(m, "provider", &provider); p != nil {
		return false, p
	}
	if provider != "waad" {
		return false, nil
	}
	return true, r.entraIdentity(m, "connection")
}
