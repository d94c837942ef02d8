package arrows

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var fileName = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)

// TestMaps: the files that a package's doc.go leads to are there.
func TestMaps(t *testing.T) {
	maps := 0
	require.NoError(t, filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "doc.go" {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range fileName.FindAllString(string(text), -1) {
			maps++
			assert.FileExists(t, filepath.Join(filepath.Dir(path), name), path)
		}
		return nil
	}))
	require.NotZero(t, maps)
}
