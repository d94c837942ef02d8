package main

import (
	"bytes"
	"context"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const connectionsFile = `[{"id":"conn_contoso","name":"contoso","strategy":"oauth2:azure_ad","options":{"entra_id_domain":"C0A70500-0000-4000-8000-000000000001","client_id":"c0a70500-0000-4000-8000-0000000000a1","home_realm_domains":["@contoso.com"]}}]`

// desk is a folder with files, in which the command runs.
type desk struct{ folder, db string }

func newDesk(t *testing.T, files map[string]string) *desk {
	t.Helper()
	d := &desk{folder: t.TempDir()}
	d.db = d.path("users.db")
	d.write(t, "connections.json", connectionsFile)
	for name, content := range files {
		d.write(t, name, content)
	}
	return d
}

// path is that of a file of the desk, or of one elsewhere.
func (d *desk) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.folder, name)
}

func (d *desk) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(d.path(name), []byte(content), 0o600))
}

func (d *desk) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(d.path(name))
	require.NoError(t, err)
	return string(b)
}

// run runs the command on a file of the desk.
func (d *desk) run(t testing.TB, file string, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"-db", d.db, "-connections", d.path("connections.json")}, flags...)
	code = run(t.Context(), append(args, d.path(file)), &out, &errs)
	return code, out.String(), errs.String()
}

// everybody shows who is in the database, without ids and versions and the times at which people expire.
func (d *desk) everybody(t *testing.T) iter.Seq[string] {
	return func(yield func(string) bool) {
		store, db, err := openStore(t.Context(), d.db, sqlstore.Config{})
		require.NoError(t, err)
		defer db.Close()
		for u, err := range store.Users().Users(t.Context(), provisioning.UserFilter{}) {
			require.NoError(t, err)
			if !yield(describe(u)) {
				return
			}
		}
	}
}

func (d *desk) people(t *testing.T) []string { return slices.Sorted(d.everybody(t)) }

func TestImport(t *testing.T) {
	d := newDesk(t, map[string]string{"people.csv": `email,id,first_name,email_verified,roles,external_organization_id,hashed_password
ann@contoso.com,1,Ann,TRUE,admin,o1,e7bd1e09
zoe@northwind.example,2,Zoë,WAHR,,,
ben@contoso.com,3,Ben,TRUE,,,
`})
	code, stdout, _ := d.run(t, "people.csv", "-dry-run")
	require.Equal(t, exitBadRows, code)
	require.Contains(t, stdout, "3 records: would be 2 created")
	for _, name := range []string{"users.db", "people.csv.errors"} {
		require.NoFileExists(t, d.path(name), "a dry run writes nothing")
	}

	code, stdout, stderr := d.run(t, "people.csv")
	require.Equal(t, exitBadRows, code, stderr)
	require.Contains(t, stdout, "3 records: 2 created, 0 attached, 0 joined; 0 known, 0 skipped, 1 bad")
	require.Contains(t, stderr, `line 3, "email_verified": the value is neither TRUE nor FALSE`)
	require.Len(t, d.people(t), 2)
	require.Contains(t, d.people(t)[0], "conn_contoso c0a70500-0000-4000-8000-000000000001 ann@contoso.com")
	require.Contains(t, slices.Collect(d.kept(t))[0], `"hashed_password":"e7bd1e09"`)

	d.write(t, "mended.csv", strings.Replace(d.read(t, "people.csv.errors"), "WAHR", "TRUE", 1))
	code, stdout, stderr = d.run(t, "mended.csv")
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "1 records: 1 created")
	require.NoFileExists(t, d.path("mended.csv.errors"))

	before := d.people(t)
	code, stdout, _ = d.run(t, "people.csv", "-resume")
	require.Equal(t, exitBadRows, code)
	require.Contains(t, stdout, "3 records: 2 created", "nothing was left to do")
	code, stdout, _ = d.run(t, "people.csv")
	require.Equal(t, exitBadRows, code)
	require.Contains(t, stdout, "2 known, 0 skipped, 1 bad")
	require.Equal(t, before, d.people(t))
	require.NotContains(t, stderr+stdout, "e7bd1e09")
}

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing": {}, "no file": {"-db", "users.db"}, "no database": {"people.csv"}, "unknown flag": {"-frobnicate"}, "both": {"-db", "u", "-dry-run", "-resume", "f"},
		"connections from nowhere": {"-db", "u", "-add-connections", "f"}, "an administrator's": {"-db", "u", "-connections", "c", "-add-connections", "-organization", "o1", "f"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), args, &out, &errs), name)
		require.Contains(t, errs.String(), "usage: entraimport")
	}
	require.Equal(t, exitDone, run(t.Context(), []string{"-help"}, &bytes.Buffer{}, &bytes.Buffer{}))
}

func TestFailures(t *testing.T) {
	d := newDesk(t, map[string]string{"people.csv": "email\nann@contoso.com\n", "workbook.csv": "PK\x03\x04", "no-id.json": `[{"name":"contoso"}]`, "no.json": `{`})
	for name, test := range map[string]struct{ file, flag, value, want string }{
		"no such file":           {"nobody.csv", "-source", "s", "no such file"},
		"a workbook":             {"workbook.csv", "-source", "s", "Excel workbook"},
		"a connection without":   {"people.csv", "-connections", d.path("no-id.json"), "no id"},
		"no JSON":                {"people.csv", "-connections", d.path("no.json"), "no.json"},
		"a database elsewhere":   {"people.csv", "-db", d.path("no/such/folder/users.db"), "no such file"},
		"an impossible lifetime": {"people.csv", "-expiry", "-1h", "out of range"},
	} {
		code, _, stderr := d.run(t, test.file, test.flag, test.value)
		require.Equal(t, exitFailed, code, name)
		require.Contains(t, stderr, test.want, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	require.Equal(t, exitFailed, run(ctx, []string{"-db", d.path("users.db"), d.path("people.csv")}, &bytes.Buffer{}, &errs))
	require.Contains(t, errs.String(), "-resume")
}

// A customer's administrator reaches the own connections and the own organization.
func TestOrganization(t *testing.T) {
	d := newDesk(t, map[string]string{"people.csv": "email,connection,external_organization_id\nann@contoso.com,contoso,\nben@contoso.com,theirs,\nmia@contoso.com,theirs,o2\n"})
	d.write(t, "connections.json", strings.TrimSuffix(connectionsFile, "]")+`,{"id":"conn_theirs","name":"theirs","organization_id":"o1","strategy":"oauth2:azure_ad","options":{"entra_id_domain":"contoso.com"}}]`)
	code, stdout, stderr := d.run(t, "people.csv", "-organization", "o1")
	require.Equal(t, exitBadRows, code, stderr)
	require.Contains(t, stdout, "1 created", stderr)
	require.Len(t, d.people(t), 1)
	require.Contains(t, d.people(t)[0], "[o1]")
}
