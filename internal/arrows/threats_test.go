package arrows

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	threatRow = regexp.MustCompile(`(?m)^\| (\d+) \| .+ \| (.+) \|$`)
	testName  = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)`")
)

// TestThreatTable holds SECURITY.md to its word: the rows are numbered without a gap, and the tests that they name are there.
func TestThreatTable(t *testing.T) {
	text, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	rows := threatRow.FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, 60)
	for i, row := range rows {
		assert.Equal(t, strconv.Itoa(i+1), row[1])
		names := testName.FindAllStringSubmatch(row[2], -1)
		assert.Len(t, names, len(strings.Split(row[2], ", ")), "row %s names tests, as `folder.Name`", row[1])
		for _, name := range names {
			assert.True(t, hasTest(t, name[1], name[2]), "row %s: folder %s has no test %s", row[1], name[1], name[2])
		}
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(source), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
