package bulk

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What Rejects adds to a row; readers pass over the first two.
const (
	errorColumn = "import_error"
	lineColumn  = "import_line"
	textColumn  = "import_text" // a row that could not be taken apart
)

// unmended refuses a row of Rejects as long as it is nothing but text.
func unmended(column, value string) (string, *Problem) {
	if strings.TrimSpace(value) == "" {
		return "", nil
	}
	return "", problem(ReasonSyntax, column, "the row has not been mended", "put its values where they belong, and empty "+textColumn)
}

// column reads one value into a record.
type column func(r *Record, name, value string) *Problem

// text is a column that is taken as it stands, without the white space around it.
func text(field func(*Record) *string) column {
	return func(r *Record, _, value string) *Problem {
		*field(r) = strings.TrimSpace(value)
		return nil
	}
}

// checked is a column whose value read checks.
func checked[T any](read func(column, value string) (T, *Problem), field func(*Record) *T) column {
	return func(r *Record, name, value string) (p *Problem) {
		*field(r), p = read(name, value)
		return p
	}
}

func ignored(*Record, string, string) *Problem { return nil }

// columns are those of Kinde's import and ours, by their names in lower case. Roles, permissions and organizations make memberships together.
// https://docs.kinde.com/manage-users/add-and-edit/import-users-in-bulk/
var columns = map[string]column{
	"email":           checked(address, func(r *Record) *string { return &r.Email }),
	"email_verified":  checked(yes, func(r *Record) *bool { return &r.EmailVerified }),
	"phone":           checked(phone, func(r *Record) *string { return &r.Phone }),
	"phone_verified":  checked(yes, func(r *Record) *bool { return &r.PhoneVerified }),
	"id":              checked(recordID, func(r *Record) *string { return &r.ID }),
	"provided_id":     checked(recordID, func(r *Record) *string { return &r.ID }),
	"first_name":      text(func(r *Record) *string { return &r.GivenName }),
	"last_name":       text(func(r *Record) *string { return &r.FamilyName }),
	"username":        text(func(r *Record) *string { return &r.Username }),
	"picture":         text(func(r *Record) *string { return &r.Picture }),
	"connection":      text(func(r *Record) *string { return &r.Connection }),
	"entra_object_id": checked(guid, func(r *Record) *string { return &r.ObjectID }),
	"entra_tenant_id": checked(guid, func(r *Record) *string { return &r.TenantID }),

	"role_key": ignored, "roles": ignored, "permission_key": ignored, "permissions": ignored, "external_organization_id": ignored,
	errorColumn: ignored, lineColumn: ignored,
	textColumn: func(_ *Record, name, value string) *Problem { _, p := unmended(name, value); return p },
}

// entraColumns are those of Entra's "download users" that mean something else there, or are nowhere else.
// https://learn.microsoft.com/entra/identity/users/users-bulk-download
var entraColumns = map[string]column{
	"id":                checked(guid, func(r *Record) *string { return &r.ObjectID }),
	"objectid":          checked(guid, func(r *Record) *string { return &r.ObjectID }),
	"userprincipalname": checked(address, func(r *Record) *string { return &r.UPN }),
	"mail":              checked(address, func(r *Record) *string { return &r.Email }),
	"givenname":         text(func(r *Record) *string { return &r.GivenName }),
	"surname":           text(func(r *Record) *string { return &r.FamilyName }),
}

// extended are Entra's columns that go into Profile.Extended, by Graph's names.
var extended = map[string]string{
	"displayname": "displayName", "jobtitle": "jobTitle", "department": "department", "companyname": "companyName", "officelocation": "officeLocation",
	"streetaddress": "streetAddress", "city": "city", "state": "state", "postalcode": "postalCode", "country": "country", "usagelocation": "usageLocation",
	"mobilephone": "mobilePhone", "telephonenumber": "telephoneNumber",
}

// identifying are the columns of which a header needs one.
var identifying = []string{"email", "phone", "id", "provided_id", "username", "entra_object_id", "userprincipalname", "objectid", "mail"}

// delimiters are those that spreadsheets write; Excel takes the one of the country.
const delimiters = ",;\t|"

// csvRecords reads records of a CSV.
type csvRecords struct {
	rows   *csvRows
	header []string // as spelled, without white space around
	folded []string // lower case
	entra  bool
}

// newCSVRecords begins to read a file of people.
func newCSVRecords(in *bufio.Reader) (*csvRecords, error) {
	c, err := openCSV(in, func(name string) bool { return columns[name] != nil || entraColumns[name] != nil })
	if err != nil {
		return nil, err
	}
	return c, c.checkHeader()
}

// openCSV finds the delimiter by the names that are known, and reads the header.
func openCSV(in *bufio.Reader, known func(name string) bool) (*csvRecords, error) {
	head, _ := in.Peek(in.Size()) // a short file is a short peek
	line, rest, whole := strings.Cut(string(head), "\n")
	var hint byte
	var lines int64
	if declared, ok := strings.CutPrefix(strings.TrimRight(line, "\r"), "sep="); ok && len(declared) == 1 { // Excel's own
		hint, lines = declared[0], 1
		if _, err := in.Discard(len(line) + 1); err != nil {
			return nil, fileError("it has no header")
		}
		line, _, whole = strings.Cut(rest, "\n")
	}
	switch {
	case strings.Contains(strings.TrimRight(line, "\r"), "\r"):
		return nil, fileError("its lines end with CR alone, as on old Macs: save it with other line ends")
	case !whole && len(head) == in.Size():
		return nil, fileError("its header is longer than %d bytes", in.Size())
	}
	comma := delimiter(line, hint, known)
	c := &csvRecords{rows: newCSVRows(in, comma)}
	c.rows.line = lines
	first, p, err := c.rows.next()
	switch {
	case err != nil:
		return nil, fileError("it has no header")
	case p != nil:
		return nil, fileError("its header cannot be read: %s: %s", p.What, p.Fix)
	}
	c.rows.number, c.rows.columns = 0, len(first.fields)
	if c.rows.guarded = isRejects(first.fields); c.rows.guarded {
		unguardAll(first.fields)
	}
	return c, c.readHeader(first.fields)
}

// delimiter is the one by which most names of the header are known.
func delimiter(line string, hint byte, known func(name string) bool) byte {
	if hint != 0 {
		return hint
	}
	best, most := byte(','), -1
	for i := range len(delimiters) {
		n := 0
		for name := range strings.SplitSeq(line, delimiters[i:i+1]) {
			name = strings.ToLower(strings.Trim(name, "\" \t\r"))
			if known(name) {
				n++
			}
		}
		if n > most {
			best, most = delimiters[i], n
		}
	}
	return best
}

func (c *csvRecords) readHeader(names []string) error {
	if len(names) > MaxColumns {
		return fileError("it has more than %d columns", MaxColumns)
	}
	at := map[string]bool{}
	for i, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			name = "column " + strconv.Itoa(i+1)
		}
		folded := strings.ToLower(name)
		if at[folded] {
			return fileError("its header names the column %s twice", clip(name))
		}
		at[folded] = true
		c.header, c.folded = append(c.header, name), append(c.folded, folded)
	}
	return nil
}

// checkHeader looks whether a header is one of people.
func (c *csvRecords) checkHeader() error {
	at := map[string]bool{}
	for _, folded := range c.folded {
		at[folded] = true
	}
	for _, pair := range [][2]string{{"role_key", "roles"}, {"permission_key", "permissions"}, {"id", "provided_id"}, {"id", "objectid"}} {
		if at[pair[0]] && at[pair[1]] {
			return fileError("its header has both %s and %s, which mean the same", pair[0], pair[1])
		}
	}
	c.entra = at["userprincipalname"]
	for _, name := range identifying {
		if at[name] && (c.entra || columns[name] != nil) {
			return nil
		}
	}
	return fileError("its first line is no header: it needs a column email, phone, id, username, entra_object_id or userPrincipalName")
}

// next returns the next row as a record.
func (c *csvRecords) next() (*row, *Record, *Problem, error) {
	line, p, err := c.rows.next()
	if err != nil || p != nil {
		return line, nil, p, err
	}
	r, p := c.read(line.fields)
	if p != nil {
		return line, nil, p.at(line), nil
	}
	r.Line, r.rows = line.line, hide([]*row{line})
	return line, r, nil, nil
}

func (c *csvRecords) skip() (*row, *Problem, error) { return c.rows.next() }

func (c *csvRecords) read(fields []string) (*Record, *Problem) {
	r := &Record{from: fromKinde}
	if c.entra {
		r.from = fromEntra
	}
	var roles, permissions, organizations []string
	for i, value := range fields {
		name, folded := c.header[i], c.folded[i]
		switch folded {
		case "role_key", "roles":
			roles = list(value)
		case "permission_key", "permissions":
			permissions = list(value)
		case "external_organization_id":
			organizations = list(value)
		}
		if p := c.value(r, name, folded, value); p != nil {
			return nil, p
		}
	}
	for _, o := range organizations {
		if _, p := identifier("external_organization_id", o); p != nil {
			return nil, p
		}
		r.Memberships = append(r.Memberships, Membership{Organization: o, Roles: roles, Permissions: permissions})
	}
	if len(organizations) == 0 && len(roles)+len(permissions) > 0 {
		r.Memberships = []Membership{{Roles: roles, Permissions: permissions}}
	}
	if c.entra {
		if p := r.finishEntra(); p != nil {
			return nil, p
		}
	}
	return r, r.finish()
}

// value reads one value into the record.
func (c *csvRecords) value(r *Record, name, folded, value string) *Problem {
	if c.entra {
		if read := entraColumns[folded]; read != nil {
			return read(r, name, value)
		}
		if graph := extended[folded]; graph != "" {
			return r.extend(graph, name, value)
		}
	}
	if read := columns[folded]; read != nil {
		return read(r, name, value)
	}
	if strings.TrimSpace(value) == "" {
		return nil
	}
	if i := slices.IndexFunc(bookkeeping[r.from], func(known string) bool { return strings.EqualFold(known, name) }); i >= 0 {
		name = bookkeeping[r.from][i] // as it is spelled, whatever a spreadsheet made of it
	}
	encoded, err := json.Marshal(value)
	if err != nil { // strings always can be
		return problem(ReasonValue, name, "the value is no text", "mend it")
	}
	r.Rest.put(name, encoded)
	return nil
}

func (r *Record) extend(graph, name, value string) *Problem {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return nil
	case !checkValue(value):
		return problem(ReasonValue, name, "the value holds control characters", "take them out")
	case r.Extended == nil:
		r.Extended = map[string]any{}
	}
	r.Extended[graph] = value
	return nil
}

// finishEntra makes a record of what Entra's export says. Guests do not wait: a record matches members only, and a member with the guest's address
// in a free-text attribute must not get it. Microsoft marks them by userType, which old accounts lack, and by #EXT# in the user principal name.
// https://learn.microsoft.com/entra/external-id/user-properties
func (r *Record) finishEntra() *Problem {
	r.Enterprise = true
	said := func(name string) string {
		var s string
		_ = json.Unmarshal(r.Rest.values()[name], &s) // absent is ""
		return strings.ToLower(strings.TrimSpace(s))
	}
	kind := said("userType")
	switch {
	case kind == "guest", strings.Contains(strings.ToUpper(r.UPN), "#EXT#"), kind == "" && (said("creationType") == "invitation" || said("invitationState") != ""):
		return skip(ReasonGuest, "userType", "the account is a guest of the tenant, and records wait for members only", "let guests come in by just-in-time creation, or invite them another way")
	case kind != "" && kind != "member":
		return problem(ReasonValue, "userType", "the value is neither Member nor Guest", "mend it")
	}
	if enabled := said("accountEnabled"); enabled != "" {
		on, p := yes("accountEnabled", enabled)
		switch {
		case p != nil:
			return p
		case !on:
			return skip(ReasonDisabled, "accountEnabled", "the account is switched off in the tenant", "nothing; import it again when it is on")
		}
	}
	if r.ObjectID == "" && r.UPN == "" {
		return problem(ReasonNobody, "userPrincipalName", "neither a user principal name nor an object id says who the person is", "fill one in")
	}
	if r.UPN == r.Email {
		r.UPN = ""
	}
	return nil
}

// skip is a problem that is none of the file's.
func skip(reason Reason, column, what, fix string) *Problem {
	p := problem(reason, column, what, fix)
	p.Skipped = true
	return p
}

func fileError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFile}, args...)...)
}
