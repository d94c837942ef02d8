package bulk

import (
	"regexp"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// guidText is the form of Entra's ids (RFC 9562, section 4).
var guidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// phoneText is ITU-T E.164 with its plus sign.
var phoneText = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// guid reads an id of Entra. "" is not there.
func guid(column, value string) (string, *Problem) {
	value = strings.ToLower(strings.TrimSpace(value))
	if value != "" && !guidText.MatchString(value) {
		return "", problem(ReasonValue, column, "the value is not a GUID", "write it as 00000000-0000-0000-0000-000000000000, or leave it empty")
	}
	return value, nil
}

// yes reads a truth value. "" is false.
func yes(column, value string) (bool, *Problem) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "1", "yes":
		return true, nil
	case "", "false", "0", "no":
		return false, nil
	}
	return false, problem(ReasonValue, column, "the value is neither TRUE nor FALSE", "write TRUE or FALSE, whatever the language of the spreadsheet")
}

func address(column, value string) (string, *Problem) {
	value = strings.TrimSpace(value)
	if value != "" && provisioning.Fold(value) == "" {
		return "", problem(ReasonValue, column, "the value is not one plain email address", "mend it, or leave it empty")
	}
	return value, nil
}

func phone(column, value string) (string, *Problem) {
	value = strings.TrimSpace(value)
	if value != "" && !phoneText.MatchString(value) {
		return "", problem(ReasonValue, column, "the value is not a phone number in E.164 form", "write + and the country code before it, digits only; a spreadsheet may have made a number like 4.4E+11 of it")
	}
	return value, nil
}

// list reads values with commas between them.
func list(value string) []string {
	var all []string
	for v := range strings.SplitSeq(value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// maxID is the longest id of a record or an organization, in bytes; a store must be able to index it.
const maxID = 512

// reserved are beginnings of keys that this package makes up; no record may call itself so.
var reserved = []string{"address:", "phone:", "username:", "entra:", "member:"}

// identifier reads an id of the source's own.
func identifier(column, value string) (string, *Problem) {
	value = strings.TrimSpace(value)
	switch {
	case len(value) > maxID:
		return "", problem(ReasonTooLong, column, "the id is longer than 512 bytes", "give the record a shorter one")
	case !checkValue(value) || strings.ContainsAny(value, "\t\r\n"):
		return "", problem(ReasonValue, column, "the id holds control characters", "take them out")
	}
	return value, nil
}

func recordID(column, value string) (string, *Problem) {
	value, p := identifier(column, value)
	for _, begin := range reserved {
		if strings.HasPrefix(value, begin) {
			return "", problem(ReasonValue, column, "ids must not begin with "+strings.TrimSuffix(begin, ":")+" and a colon", "give the record another id")
		}
	}
	return value, p
}

// finish checks a record as a whole, whatever file it comes from.
func (r *Record) finish() *Problem {
	seen := map[string]bool{}
	for _, m := range r.Memberships {
		if seen[m.Organization] {
			return problem(ReasonDuplicate, "external_organization_id", "an organization is named twice", "name it once, with all its roles")
		}
		seen[m.Organization] = true
	}
	if len(r.Memberships) > MaxOrganizations {
		return problem(ReasonTooLong, "external_organization_id", "the record names more than 1,000 organizations", "split it")
	}
	for _, value := range []string{r.Username, r.GivenName, r.FamilyName, r.Picture, r.Connection, r.UPN} {
		if !checkValue(value) {
			return problem(ReasonValue, "", "a value holds control characters", "take them out")
		}
	}
	if r.ID == "" && r.Email == "" && r.Phone == "" && r.Username == "" && r.ObjectID == "" && r.UPN == "" {
		return problem(ReasonNobody, "", "nothing says who the person is", "fill in email, phone, id or entra_object_id")
	}
	return nil
}
