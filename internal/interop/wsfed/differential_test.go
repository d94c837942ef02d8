package wsfed_test

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

// TestWhatWeAcceptOthersAccept: everything that we accept, xmlsec1 and the JDK accept too, and it says what the untouched answer says,
// in the very octets that the JDK digested. Accepted are also variants of an answer that mean the same; attacks are accepted by nobody here.
func TestWhatWeAcceptOthersAccept(t *testing.T) {
	others := newVerifiers(t)
	samples, broken := fixtures(t)
	samples = slices.Concat(samples, fromFake(t), fromNPM(t), fromPHP(t))

	for _, s := range broken {
		t.Run("broken/"+s.name, func(t *testing.T) {
			_, err := s.verify(t, s.document)
			require.Error(t, err)
			file, trusted := others.file(t, []byte(s.document)), others.trust(t, s)
			_, err = others.byJDK(t, file, trusted)
			require.Error(t, err, "refused by us only")
			require.Error(t, others.byXMLSec(t, trusted, file), "refused by us only")
		})
	}
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			want, err := s.verify(t, s.document)
			require.NoError(t, err)
			trusted, stranger := others.trust(t, s), others.trust(t, &sample{signer: newPair(t).parsed})
			original := others.file(t, []byte(s.document))
			require.Error(t, others.byXMLSec(t, stranger, original), "it does look at the key")
			_, err = others.byJDK(t, original, stranger)
			require.Error(t, err, "it does look at the key")

			accepted := map[string]string{} // names, by file
			var ours []string
			counts := map[bool]int{}
			for v := range variants(t, s) {
				id, err := s.verify(t, v.document)
				counts[err == nil]++
				if v.must == refused {
					require.Error(t, err, v.name)
				}
				if v.must == passed {
					require.NoError(t, err, v.name)
				}
				file := others.file(t, []byte(withoutKeyInfo(v.document)))
				octets, otherErr := others.byJDK(t, file, trusted)
				if err != nil {
					require.Nil(t, id, v.name)
					if otherErr == nil {
						ours = append(ours, v.name+": "+err.Error())
					}
					continue
				}
				require.Equal(t, want, id, v.name)
				require.NoError(t, otherErr, "%s: accepted by us only", v.name)
				requireSaid(t, octets, id)
				accepted[file] = v.name
			}
			if others.byXMLSec(t, trusted, slices.Collect(maps.Keys(accepted))...) != nil {
				for file, name := range accepted {
					err := others.byXMLSec(t, trusted, file)
					require.True(t, err == nil || notURI(err), "%s: accepted, but not by all: %v", name, err)
				}
			}
			t.Logf("%d variants accepted by all, %d refused; the JDK accepts the signature of %d of these:\n%s",
				counts[true], counts[false], len(ours), strings.Join(ours, "\n"))
		})
	}
}

// notURI is the one thing over which xmlsec1 and we differ: libxml2 canonicalizes no document in which any namespace's name breaks the grammar
// of RFC 3986, be it outside of what is signed. Neither we nor the JDK hold more against such a name than that it is not absolute.
func notURI(err error) bool { return strings.Contains(err.Error(), "is not a valid URI") }

// requireSaid reads an assertion with another parser, and compares.
func requireSaid(t *testing.T, assertion []byte, id *claims.Identity) {
	t.Helper()
	var read struct {
		XMLName    xml.Name
		NameID     string `xml:"Subject>NameID"`
		NameID11   string `xml:"AttributeStatement>Subject>NameIdentifier"`
		Attributes []struct {
			Name      string   `xml:"Name,attr"`
			Name11    string   `xml:"AttributeName,attr"`
			Namespace string   `xml:"AttributeNamespace,attr"`
			Values    []string `xml:"AttributeValue"`
		} `xml:"AttributeStatement>Attribute"`
	}
	require.NoError(t, xml.Unmarshal(assertion, &read))
	want := map[string][]string{}
	for _, a := range read.Attributes {
		name := a.Name
		if name == "" {
			name = strings.TrimSuffix(a.Namespace, "/") + "/" + a.Name11
		}
		want[name] = append(want[name], a.Values...)
	}
	got := map[string][]string{}
	for name, value := range id.Raw {
		switch v := value.(type) {
		case string:
			got[name] = []string{v}
		case []any:
			for _, one := range v {
				text, ok := one.(string)
				require.True(t, ok)
				got[name] = append(got[name], text)
			}
		default:
			require.Fail(t, "a claim that is no text", name)
		}
	}
	assert.Equal(t, want, got)
	if id.ObjectID == "" && !slices.ContainsFunc(flatten(want), func(v string) bool { return v == id.Subject }) {
		assert.Equal(t, read.NameID+read.NameID11, id.Subject)
	}
}

func flatten(m map[string][]string) (all []string) {
	for _, values := range m {
		all = append(all, values...)
	}
	return all
}
