package bulk_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// What did not go in comes back in the same format, row by row; unmended it is as bad as before, mended it goes in.
func TestRejects(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		mend func(t *testing.T, rejects string) string
	}{
		"CSV": {string(testFile(t, "bad.csv")), mendCSV},
		"NDJSON": {
			"{\"id\":\"1\",\"email\":\"a@contoso.com\"}\n{\"id\":\"2\",\"email\":\"bad\"}\n{\"id\":\"3\"\n",
			func(_ *testing.T, rejects string) string {
				return strings.NewReplacer(`:"bad"`, `:"b@contoso.com"`, `"import_text":"{\"id\":\"3\""`, `"id":"3","email":"c@contoso.com"`).Replace(rejects)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			users := memory.NewUsers()
			first, bad := rejected(t, users, test.file)
			require.Positive(t, bad)
			second, still := rejected(t, users, first)
			require.Equal(t, bad, still, "each is a row of its own, and as bad as before: %s", first)
			for _, kept := range []string{"12345", "many@contoso.com,7,,,,,,", `""open at the end,12,,,,`} {
				require.Equal(t, strings.Contains(test.file, strings.ReplaceAll(kept, `""`, `"`)), strings.Contains(second, kept), "nothing of a row gets lost: %s", second)
			}
			_, left := rejected(t, users, test.mend(t, second))
			require.Zero(t, left, "%s", test.mend(t, second))
		})
	}
}

// rejected imports a file and returns what did not go in.
func rejected(t *testing.T, users *memory.Users, file string) (rejects string, bad int) {
	t.Helper()
	var out bytes.Buffer
	r, err := bulk.NewReader(strings.NewReader(file))
	require.NoError(t, err)
	w := bulk.NewRejects(&out, r, false)
	for _, result := range mustImport(t, users, file, func(c *bulk.Config) { c.Ignore = append(c.Ignore, "note") }) {
		if result.Outcome == bulk.Bad {
			bad++
			require.NoError(t, w.Write(result.Problem))
		}
	}
	return out.String(), bad
}

// mendCSV does what a person would do in a spreadsheet.
func mendCSV(t *testing.T, rejects string) string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(rejects)).ReadAll()
	require.NoError(t, err)
	at := func(name string) int { return slices.Index(rows[0], name) }
	for i, row := range rows[1:] {
		require.NotEmpty(t, row[at("import_error")])
		row[at("email")] = strings.Repeat("x", i+1) + "@contoso.com"
		row[at("phone")], row[at("email_verified")], row[at("entra_object_id")], row[at("import_text")] = "", "TRUE", "", ""
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	require.NoError(t, w.WriteAll(rows))
	return out.String()
}

// TestRejectsHoldNoFormulas: the file is made to be opened in a spreadsheet, and its rows hold what people call themselves. What was read comes back as it was,
// however often it goes round.
func TestRejectsHoldNoFormulas(t *testing.T) {
	names := []string{`=HYPERLINK("https://evil.example","x")`, `+1`, `-1`, `@SUM(A1)`, "\t=1", "＝1", `'=1`, `''@x`, `'t Hooft`, `Ann`, `'`}
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	require.NoError(t, w.Write([]string{"email", "note", "=title"}))
	for _, name := range names {
		require.NoError(t, w.Write([]string{"bad", name, name}))
	}
	require.NoError(t, w.Write([]string{"=too few"}))
	w.Flush()
	text := file.String()
	for range 3 {
		r, err := bulk.NewReader(strings.NewReader(text))
		require.NoError(t, err)
		var out bytes.Buffer
		rejects := bulk.NewRejects(&out, r, false)
		for range len(names) + 1 {
			_, err := r.Next()
			p, ok := bulk.AsProblem(err)
			require.True(t, ok, "%v", err)
			require.NoError(t, rejects.Write(p))
		}
		text = out.String()
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		for _, value := range slices.Concat(rows...) {
			require.NotRegexp(t, "^[=+@\t\r＝-]", value)
		}
	}
	for i, name := range names { // each mended, alone, so that they are not lines of one record
		lines := strings.SplitAfter(strings.ReplaceAll(text, "bad,", "ann@example.com,"), "\n")
		r, err := bulk.NewReader(strings.NewReader(lines[0] + lines[1+i]))
		require.NoError(t, err)
		ann, err := r.Next()
		require.NoError(t, err)
		var note, title string
		require.NoError(t, json.Unmarshal(ann.Rest.Reveal()["note"], &note))
		require.NoError(t, json.Unmarshal(ann.Rest.Reveal()["=title"], &title))
		require.Equal(t, []string{name, name}, []string{note, title})
	}
}
