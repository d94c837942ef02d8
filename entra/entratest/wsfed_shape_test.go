package entratest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShapeOfCaptures compares what the fake writes with what Microsoft's servers wrote, element by element.
func TestShapeOfCaptures(t *testing.T) {
	s := startWSFed(t, Options{})
	saml20 := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoApp), Ben).form.Get("wresult")
	saml11 := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoSAML11App), Ben).form.Get("wresult")
	metadata, _ := s.published(t, metadataPath("common"))
	for file, ours := range map[string]string{
		"entra_2017_rstr2005_saml20_a.xml":   saml20,
		"adfs_2017_rstr2005_saml11_crlf.xml": saml11,
		"md_entra_common_2017.xml":           metadata,
	} {
		t.Run(file, func(t *testing.T) {
			assert.Equal(t, shape(t, capture(t, file)), shape(t, ours))
		})
	}
}

// capture reads a fixture where it lies, beside the repository.
func capture(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "shared", "fixtures", name))
		if err == nil {
			return string(data)
		}
	}
	t.Skipf("the capture %s is not here", name)
	return ""
}

// shape lists the elements of a document with their namespaces and the names of their attributes. Of siblings that are alike the
// first stands for all: how many claims and keys there are is no question of shape.
func shape(t *testing.T, document string) []string {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(strings.TrimPrefix(document, byteOrderMark)))
	var out []string
	var walk func(path string, e *etree.Element)
	walk = func(path string, e *etree.Element) {
		line := path + "/{" + e.NamespaceURI() + "}" + e.FullTag()
		for _, a := range e.Attr {
			line += " " + a.FullKey()
			if strings.HasSuffix(a.FullKey(), "Algorithm") || strings.HasSuffix(a.FullKey(), "type") || a.Key == "use" || strings.HasPrefix(a.FullKey(), "xmlns") {
				line += "=" + a.Value
			}
		}
		out = append(out, line)
		seen := make(map[string]bool)
		for _, c := range e.ChildElements() {
			key := c.FullTag() + c.SelectAttrValue("xsi:type", "") + c.SelectAttrValue("Algorithm", "") + c.SelectAttrValue("Binding", "")
			if !seen[key] {
				seen[key] = true
				walk(path+"/"+e.Tag, c)
			}
		}
	}
	walk("", doc.Root())
	return out
}
