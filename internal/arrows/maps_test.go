package arrows

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var fileName = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)

// TestMaps: the files that a package's doc.go leads to are there.
func TestMaps(t *testing.T) {
	maps, house := 0, os.DirFS("../..")
	require.NoError(t, fs.WalkDir(house, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || path.Base(file) != "doc.go" {
			return err
		}
		text, err := fs.ReadFile(house, file)
		require.NoError(t, err)
		for _, name := range fileName.FindAllString(string(text), -1) {
			maps++
			_, err := fs.Stat(house, path.Join(path.Dir(file), name))
			assert.NoError(t, err, "%s leads to %s", file, name)
		}
		return nil
	}))
	require.NotZero(t, maps)
}
