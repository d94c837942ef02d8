package bulk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"

	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// read returns all that a file yields.
func read(t *testing.T, file []byte) (records []*bulk.Record, problems []*bulk.Problem, format bulk.Format) {
	t.Helper()
	r, err := bulk.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, problems, r.Format()
		}
		if p, ok := bulk.AsProblem(err); ok {
			require.Nil(t, rec)
			problems = append(problems, p)
			continue
		}
		require.NoError(t, err)
		records = append(records, rec)
	}
}

func testFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// text shows a record as a person would compare it.
func text(r *bulk.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "line=%d", r.Line)
	for _, f := range []struct{ name, value string }{
		{"id", r.ID},
		{"email", r.Email},
		{"phone", r.Phone},
		{"username", r.Username},
		{"given", r.GivenName},
		{"family", r.FamilyName},
		{"picture", r.Picture},
		{"connection", r.Connection},
		{"object", r.ObjectID},
		{"tenant", r.TenantID},
		{"upn", r.UPN},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, " %s=%q", f.name, f.value)
		}
	}
	if r.EmailVerified || r.PhoneVerified {
		fmt.Fprintf(&b, " verified=%t,%t", r.EmailVerified, r.PhoneVerified)
	}
	if r.Enterprise {
		b.WriteString(" enterprise")
	}
	for _, m := range r.Memberships {
		fmt.Fprintf(&b, " in %q %q %q %s", m.Organization, m.Roles, m.Permissions, m.Scopes)
	}
	if len(r.Extended) > 0 {
		fmt.Fprintf(&b, " extended=%v", r.Extended)
	}
	for _, name := range r.Rest.Names() {
		fmt.Fprintf(&b, " %s:%s", name, r.Rest.Reveal()[name])
	}
	return b.String()
}

func texts(list []*bulk.Record, more ...*bulk.Record) []string {
	var all []string
	for _, r := range append(list, more...) {
		all = append(all, text(r))
	}
	return all
}

func reasons(list []*bulk.Problem) []string {
	var all []string
	for _, p := range list {
		all = append(all, fmt.Sprint(p.Line, " ", p.Column, " ", p.Reason))
	}
	return all
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]struct {
		format   bulk.Format
		records  []string
		problems []string
	}{
		"kinde.csv": {bulk.FormatCSV, []string{
			`line=3 id="0001" email="jen@contoso.com" given="Jen" family="Smith" in "ext_org_id_1" ["role_1" "role_2"] ["permission_1" "permission_2"]  in "ext_org_id_2" ["role_3"] ["permission_3" "permission_4"]  in "ext_org_id_3" ["role_3"] ["permission_3" "permission_4"] `,
			`line=5 id="0002" email="Elmo@Contoso.com" given="Elmo" family="O\"Neil" in "ext_org_id_1" ["role_1"] ["permission_2"]  in "ext_org_id_2" ["role_1"] ["permission_2"] `,
		}, nil},
		"kinde-passwords.csv": {bulk.FormatCSV, []string{
			`line=2 email="pat@northwind.example" phone="+6155511555" username="Pat" given="Pat" family="Poole" verified=true,false hashed_password:"e7bd1e090a921de087269f9ac10336fb" hashing_method:"md5" salt:"salty" salt_format:"hex" salt_position:"prefix"`,
		}, nil},
		"ours.csv": {bulk.FormatCSV, []string{
			`line=2 id="a1" email="ann@contoso.com" connection="contoso" object="c0a70500-0000-4000-8000-000000000101" tenant="c0a70500-0000-4000-8000-000000000001" verified=true,false`,
		}, nil},
		"kinde.ndjson": {bulk.FormatNDJSON, []string{
			`line=1 id="001" email="john@snow.example" phone="+6155511555" given="John" family="Snow" verified=true,true in "org_1" ["admin" "member"] ["read"] [{"audience":"myapi","scope":"user"}] created_on:"2025-05-08T13:00:23+01:00" feature_flags:[{"key":"beta","value":"true"}] identities:[{"type":"oauth2:google","identity":"117","provider":"google","profile":{"sub":"117"}}] password:{"hashed_password":"e7bd1e090a921de087269f9ac10336fb","hashing_algorithm":"md5"} properties:[{"key":"kp_usr_city","value":"Bristol"}]`,
			`line=2 id="002" email="ann@contoso.com" given="Ann" connection="contoso" object="c0a70500-0000-4000-8000-000000000101" tenant="c0a70500-0000-4000-8000-000000000001" upn="ann.archer@contoso.com" enterprise`,
		}, nil},
		"auth0.ndjson": {bulk.FormatNDJSON, []string{
			`line=1 id="waad|q1w2e3" email="ann@contoso.com" given="Ann" family="Archer" picture="https://pictures.example/ann.png" connection="contoso-azuread" object="c0a70500-0000-4000-8000-000000000101" tenant="c0a70500-0000-4000-8000-000000000001" upn="ann.archer@contoso.com" verified=true,false enterprise created_at:"2024-01-01T00:00:00.000Z" name:"Ann Archer" nickname:"ann"`,
			`line=2 id="waad|pairwise" email="ben@contoso.com" connection="contoso-azuread" enterprise identities:[{"provider":"google-oauth2","connection":"google-oauth2","user_id":"118","isSocial":true}] user_metadata:{"plan":"gold"}`,
		}, []string{"3 blocked disabled"}},
		"entra.csv": {bulk.FormatEntraCSV, []string{
			`line=2 email="ann@contoso.com" given="Ann" family="Archer" object="c0a70500-0000-4000-8000-000000000101" upn="ann.archer@contoso.com" enterprise extended=map[city:Lisbon country:Portugal department:Platform displayName:Ann Archer jobTitle:Principal engineer officeLocation:Lisbon usageLocation:PT] accountEnabled:"TRUE" createdDateTime:"2023-01-02T03:04:05Z" directorySynced:"TRUE" identityIssuer:"contoso.onmicrosoft.com" userType:"Member"`,
			`line=7 given="Ben" family="Bauer" object="c0a70500-0000-4000-8000-000000000102" upn="ben@contoso.com" enterprise extended=map[displayName:Ben Bauer] accountEnabled:"True" createdDateTime:"2013-01-02T03:04:05Z"`,
		}, []string{"3 userType guest", "4 userType guest", "5 userType guest", "6 accountEnabled disabled", "8 userType guest"}},
	} {
		t.Run(name, func(t *testing.T) {
			records, problems, format := read(t, testFile(t, name))
			require.Equal(t, want.format, format)
			require.Equal(t, want.records, texts(records))
			require.Equal(t, want.problems, reasons(problems))
		})
	}
	lines, _, _ := read(t, testFile(t, "auth0.ndjson"))
	array, problems, format := read(t, testFile(t, "auth0.json"))
	require.Equal(t, bulk.FormatJSON, format)
	require.Len(t, problems, 1)
	for i := range array { // the same but for white space and lines
		require.Equal(t, lines[i].ID+lines[i].Email+lines[i].ObjectID, array[i].ID+array[i].Email+array[i].ObjectID)
		require.Equal(t, lines[i].Rest.Names(), array[i].Rest.Names())
	}
}

// Each bad row is named with line, column and reason, and takes no other with it.
func TestBadRows(t *testing.T) {
	records, problems, _ := read(t, testFile(t, "bad.csv"))
	require.Equal(t, []string{
		`line=2 id="1" email="good@contoso.com" verified=true,false`,
		`line=13 id="11" email="last@contoso.com" note:"two\nlines"`,
		`line=16 id="13" email="fine@contoso.com"`,
	}, texts(records))
	require.Equal(t, []string{
		"3 email value", "4 phone value", "5 email_verified value", "6 entra_object_id value", "7  columns", "8  columns", "9  syntax", "10  syntax",
		"11 email value", "15  syntax",
	}, reasons(problems))
	for _, p := range problems {
		require.NotEmpty(t, p.Fix)
		require.NotContains(t, p.Error(), "@", "no text of the file is repeated")
	}
	require.Equal(t, `bulk: line 5, "email_verified": the value is neither TRUE nor FALSE: write TRUE or FALSE, whatever the language of the spreadsheet`, problems[2].Error())
}

// What spreadsheets do to a file: byte order marks, UTF-16, delimiters of the country, line ends, a line that names the delimiter.
func TestEncodings(t *testing.T) {
	plain := string(testFile(t, "kinde.csv"))
	want, _, _ := read(t, []byte(plain))
	le, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(plain)
	require.NoError(t, err)
	be, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(plain)
	require.NoError(t, err)
	for name, file := range map[string]string{
		"UTF-8 with mark":        "\uFEFF" + plain,
		"UTF-16LE":               le,
		"UTF-16BE":               be,
		"UTF-16LE without mark":  le[2:],
		"UTF-16BE without mark":  be[2:],
		"CR LF":                  strings.ReplaceAll(plain, "\n", "\r\n"),
		"no end of the last row": strings.TrimSuffix(plain, "\n"),
	} {
		got, problems, _ := read(t, []byte(file))
		require.Empty(t, problems, name)
		require.Equal(t, texts(want), texts(got), name)
	}
	semicolons := "sep=;\r\nE-Mail;EMAIL;first_name;roles;external_organization_id\r\n;zoe@contoso.com;Zoë;a,b;\"o1,o2\"\r\n"
	got, problems, _ := read(t, []byte(semicolons))
	require.Empty(t, problems)
	require.Equal(t, []string{`line=3 email="zoe@contoso.com" given="Zoë" in "o1" ["a" "b"] []  in "o2" ["a" "b"] [] `}, texts(got))
	for _, delimiter := range []string{";", "\t", "|"} {
		file := strings.Join([]string{"email", "id", "first_name"}, delimiter) + "\n" + strings.Join([]string{"zoe@contoso.com", "1", "Zoë, the 1st"}, delimiter) + "\n"
		got, problems, _ := read(t, []byte(file))
		require.Empty(t, problems)
		require.Equal(t, []string{`line=2 id="1" email="zoe@contoso.com" given="Zoë, the 1st"`}, texts(got))
	}
}

// What cannot be read is named, with what to do.
func TestUnreadableFiles(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "empty",
		" \n\n":                                "empty",
		"PK\x03\x04rest":                       "Excel workbook",
		"\xD0\xCF\x11\xE0rest":                 "old Excel",
		"\x1F\x8B\x08rest":                     "unpack",
		"\xFF\xFE\x00\x00e\x00\x00\x00":        "UTF-32",
		"email,id\rann@contoso.com,1\r":        "old Macs",
		"ann@contoso.com,1\n":                  "no header",
		"name,city\nAnn,Lisbon\n":              "no header",
		"email,EMAIL\n":                        "twice",
		"email,roles,role_key\n":               "mean the same",
		"email,\"id\n":                         "header cannot be read",
		"email," + strings.Repeat("c,", 40000): "header is longer",
		"email" + strings.Repeat(",", 600):     "more than 512 columns",
	} {
		_, err := bulk.NewReader(strings.NewReader(file))
		require.ErrorIs(t, err, bulk.ErrFile, want)
		require.ErrorContains(t, err, want)
	}
	for file, want := range map[string]string{
		`[{"id":"1","email":"a@contoso.com"}`:                   "cut off",
		`[{"id":"1","email":"a@contoso.com"} {}]`:               "something else",
		`[{"id":"1","email":"a@contoso.com"},]`:                 "something else",
		`[{"id":"1","email":"a@contoso.com"}] x`:                "something else",
		"[{\"id\":\"1\"\n":                                      "does not end",
		"[{\"id\":\"" + strings.Repeat("x", bulk.MaxRow) + "\n": "within 1 MiB",
	} {
		r, err := bulk.NewReader(strings.NewReader(file))
		require.NoError(t, err)
		for err == nil {
			_, err = r.Next()
		}
		require.ErrorIs(t, err, bulk.ErrFile)
		require.ErrorContains(t, err, want)
	}
}

func TestBadText(t *testing.T) {
	for name, row := range map[string]string{
		"Windows-1252":       "zo\xEB@contoso.com,1",
		"replacement letter": "zoe@contoso.com,\uFFFD",
		"zero":               "zoe@contoso.com,\x00",
	} {
		records, problems, _ := read(t, []byte("email,id\n"+row+"\nann@contoso.com,2\n"))
		require.Len(t, records, 1, name)
		require.Equal(t, []string{"2  encoding"}, reasons(problems), name)
	}
	odd, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("email,id\nann@contoso.com,1\n")
	require.NoError(t, err)
	_, problems, _ := read(t, []byte(odd+"a"))
	require.Equal(t, []string{"3  encoding"}, reasons(problems), "cut in the midst of a letter")
}

func TestBadObjects(t *testing.T) {
	records, problems, _ := read(t, []byte(strings.Join([]string{
		`{"id":"1","email":"a@contoso.com"}`,
		`{"id":"2","email":"b@contoso.com"`,
		`["a list"]`, `"text"`, `null`, `{}`,
		`{"id":"3","email":7}`,
		`{"id":"4","email":"d@contoso.com","email_verified":"TRUE"}`,
		`{"id":"5","email":"e@contoso.com","organizations":[{"roles":["r"]}]}`,
		`{"id":"6","email":"f@contoso.com","organizations":[{"external_id":"o","extra":1}]}`,
		`{"id":"7","email":"g@contoso.com","identities":[{"type":"oauth2:azure_ad","user_id":"x"},{"type":"wsfed:azure_ad","user_id":"y"}]}`,
		`{"id":"address:h@contoso.com","email":"h@contoso.com"}`,
		`{"id":"8","email":"i@contoso.com","organizations":[{"external_id":"o"},{"external_id":"o"}]}`,
		`{"id":9,"email":"j@contoso.com"}`,
		`{"ID":"10","EMAIL":"k@contoso.com"}`,
	}, "\n")))
	require.Equal(t, []string{`line=1 id="1" email="a@contoso.com"`, `line=14 id="9" email="j@contoso.com"`}, texts(records))
	require.Equal(t, []string{
		"2  syntax", "3  syntax", "4  syntax", "5  syntax", "6  nobody", "7 email value", "8 email_verified value", "9 organizations value", "10 organizations value",
		"11 identities duplicate", "12 id value", "13 external_organization_id duplicate", "15  nobody",
	}, reasons(problems))
}

// Rows of one record stand together; what they say of the person must agree.
func TestRowsOfOneRecord(t *testing.T) {
	records, problems, _ := read(t, []byte(`email,id,first_name,external_organization_id,note
ann@contoso.com,1,Ann,o1,x
ANN@contoso.com,1,,o2,x
ann@contoso.com,1,Anna,o3,x
ann@contoso.com,1,Ann,o3,y
ann@contoso.com,1,Ann,o1,x
ben@contoso.com,,Ben,o1,
Ben@contoso.com,,,o2,
`))
	require.Equal(t, []string{
		`line=2 id="1" email="ann@contoso.com" given="Ann" in "o1" [] []  in "o2" [] []  note:"x"`,
		`line=7 email="ben@contoso.com" given="Ben" in "o1" [] []  in "o2" [] [] `,
	}, texts(records[:1:1], records[len(records)-1]))
	require.Equal(t, "4 first_name differs", reasons(problems)[0])
}

// A record has at most 1,000 organizations, and at most as many rows: more of them are a record of their own, which is known by then.
func TestManyRowsOfOneRecord(t *testing.T) {
	records, problems, _ := read(t, []byte("email,id\n"+strings.Repeat("ann@contoso.com,1\n", 2500)))
	require.Empty(t, problems)
	require.Len(t, records, 3)
	var organizations []string
	for i := range bulk.MaxOrganizations + 1 {
		organizations = append(organizations, fmt.Sprint("o", i))
	}
	_, problems, _ = read(t, []byte("email,external_organization_id\nann@contoso.com,\""+strings.Join(organizations, ",")+"\"\n"))
	require.Equal(t, []string{"2 external_organization_id too_long"}, reasons(problems))
}

// A row beyond the limit is bad, and costs no more memory than the limit.
func TestLongRows(t *testing.T) {
	long := strings.Repeat("x", 3*bulk.MaxRow)
	for name, file := range map[string]string{
		"CSV":          "email,id,note\nann@contoso.com,1," + long + "\nben@contoso.com,2,\n",
		"CSV, quoted":  "email,id,note\nann@contoso.com,1,\"a\n" + long + "\"\nben@contoso.com,2,\n",
		"open quote":   "email,id,note\n\"ann@contoso.com,1,\n" + strings.Repeat("x\n", bulk.MaxRow) + "ben@contoso.com,2,\n",
		"NDJSON":       `{"id":"1","email":"ann@contoso.com","note":"` + long + "\"}\n" + `{"id":"2","email":"ben@contoso.com"}`,
		"a JSON field": `{"id":"1","email":"ann@contoso.com","note":"` + long[:bulk.MaxRow] + "\"}\n" + `{"id":"2","email":"ben@contoso.com"}`,
	} {
		records, problems, _ := read(t, []byte(file))
		require.NotEmpty(t, problems, name)
		require.Len(t, records, 1, name)
		require.Equal(t, "ben@contoso.com", records[0].Email, name)
	}
}

// TestManyMembers: an object of as many members as go into a row is none.
func TestManyMembers(t *testing.T) {
	object := func(members int) string {
		var b strings.Builder
		b.WriteString(`{"email":"ann@example.com"`)
		for i := range members - 1 {
			fmt.Fprintf(&b, `,"m%d":1`, i)
		}
		return b.String() + "}\n"
	}
	r, err := bulk.NewReader(strings.NewReader(object(bulk.MaxColumns) + object(bulk.MaxColumns+1) + object(100_000)))
	require.NoError(t, err)
	ann, err := r.Next()
	require.NoError(t, err)
	require.Len(t, ann.Rest.Names(), bulk.MaxColumns-1)
	for range 2 {
		_, err = r.Next()
		p, ok := bulk.AsProblem(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, bulk.ReasonTooLong, p.Reason)
	}
}

// TestQuotesThatNeverClose: where every line opens a quote, each could go on to the limit of a row. They all are bad rows, and are found to be in a time that
// grows with the file, not with its square.
func TestQuotesThatNeverClose(t *testing.T) {
	const lines = 20_000
	r, err := bulk.NewReader(strings.NewReader("email,first_name\nann@example.com,\"A\nB\"\n" + strings.Repeat("x\",\"y\n", lines) + "bob@example.com,Bob\n"))
	require.NoError(t, err)
	ann, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "A\nB", ann.GivenName)
	bad, hasty := 0, 0
	for {
		rec, err := r.Next()
		p, ok := bulk.AsProblem(err)
		if !ok {
			require.NoError(t, err)
			require.Equal(t, "bob@example.com", rec.Email)
			break
		}
		require.Equal(t, bulk.ReasonSyntax, p.Reason)
		require.EqualValues(t, bad+4, p.Line)
		bad++
		if strings.Contains(p.What, "too many rows before it are like that") {
			hasty++
		}
	}
	require.Equal(t, lines, bad)
	require.Greater(t, hasty, lines*9/10)
}

func TestNothingOfRestIsPrinted(t *testing.T) {
	records, _, _ := read(t, testFile(t, "kinde-passwords.csv"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, records[0]), "e7bd1e", verb)
		require.NotContains(t, fmt.Sprintf(verb, *records[0]), "e7bd1e", verb)
		require.NotContains(t, fmt.Sprintf(verb, records[0].Rest), "e7bd1e", verb)
	}
	require.Contains(t, string(records[0].Rest.Reveal()["hashed_password"]), "e7bd1e")
}
