package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stableWord is how the words are written that hosts count, store and alert on.
var stableWord = regexp.MustCompile(`^[a-z0-9_]*$`)

// foreignWords are types whose words others have chosen.
var foreignWords = map[string]string{
	"entra.Strategy":      "Kinde's",
	"entratest.TokenType": "versions of SAML",
}

// TestWords: the constants of exported string types are written alike.
func TestWords(t *testing.T) {
	words, house := 0, os.DirFS("../..")
	require.NoError(t, fs.WalkDir(house, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(house, file)
		require.NoError(t, err)
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			c, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			kind, ok := c.Type.(*ast.Ident)
			if !ok || !kind.IsExported() || foreignWords[tree.Name.Name+"."+kind.Name] != "" {
				return true
			}
			for _, value := range c.Values {
				literal, ok := value.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					continue
				}
				word, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				words++
				assert.Regexp(t, stableWord, word, "%s, in %s", kind.Name, file)
			}
			return true
		})
		return nil
	}))
	require.NotZero(t, words)
}
