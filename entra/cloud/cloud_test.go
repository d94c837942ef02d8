package cloud_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const contoso = "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11"

func ExampleByName() {
	c, ok := cloud.ByName("usgov")
	fmt.Println(ok, c.Login, c.Graph)
	_, ok = cloud.ByName("moon")
	fmt.Println(ok)
	// Output:
	// true https://login.microsoftonline.us https://graph.microsoft.us
	// false
}

func ExampleExternal() {
	c, err := cloud.External("contoso")
	fmt.Println(c.Login, err)
	// Output: https://contoso.ciamlogin.com <nil>
}

func ExampleIssuer() {
	fmt.Println(cloud.Issuer(cloud.Public().IssuerV2, "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11"))
	// Output: https://login.microsoftonline.com/a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11/v2.0
}

func TestByName(t *testing.T) {
	names := cloud.Names()
	require.Equal(t, "public", names[0])
	seen := map[cloud.Cloud]bool{}
	for _, name := range names {
		c, ok := cloud.ByName(name)
		require.True(t, ok, name)
		assert.Equal(t, name, c.Name)
		assert.False(t, seen[c], "%s: twice", name)
		seen[c] = true
	}
	empty, ok := cloud.ByName("")
	require.True(t, ok)
	assert.Equal(t, cloud.Public(), empty)
	for _, name := range []string{"Public", "public ", "PUBLIC", "external", "germany"} {
		_, ok := cloud.ByName(name)
		assert.False(t, ok, name)
	}
	names[0] = "changed"
	assert.Equal(t, "public", cloud.Names()[0], "the table is not the caller's")
}

// Every address in the table is https, a bare origin, and every issuer holds the placeholder exactly once.
func TestTableIsWellFormed(t *testing.T) {
	for _, name := range cloud.Names() {
		c, _ := cloud.ByName(name)
		for _, base := range []string{c.Login, c.Graph} {
			if base == "" {
				continue
			}
			u, err := url.Parse(base)
			require.NoError(t, err)
			assert.Equal(t, "https://"+u.Host, base, name)
			assert.True(t, cloud.IsDomain(u.Host), base)
		}
		assert.NotEmpty(t, c.Login, name)
		for _, template := range []string{c.IssuerV2, c.IssuerV1} {
			if template == "" {
				continue
			}
			assert.True(t, strings.HasPrefix(cloud.Issuer(template, contoso), "https://"), "%s: %s", name, template)
		}
		if c.IssuerV2 != "" {
			assert.Equal(t, c.Login+"/{tenantid}/v2.0", c.IssuerV2, name)
		}
	}
}

func TestDoDDiffersFromUSGovInGraphOnly(t *testing.T) {
	gov, _ := cloud.ByName("usgov")
	dod, _ := cloud.ByName("usgov-dod")
	assert.NotEqual(t, gov.Graph, dod.Graph)
	dod.Graph, dod.Name = gov.Graph, gov.Name
	assert.Equal(t, gov, dod)
}

func TestIssuerRefuses(t *testing.T) {
	v2 := cloud.Public().IssuerV2
	for name, args := range map[string][2]string{
		"no template":        {"", contoso},
		"no placeholder":     {"https://login.microsoftonline.com/common/v2.0", contoso},
		"two placeholders":   {"https://x/{tenantid}/{tenantid}", contoso},
		"other placeholder":  {"https://x/{TenantId}/", contoso},
		"no tenant":          {v2, ""},
		"upper case":         {v2, strings.ToUpper(contoso)},
		"domain":             {v2, "contoso.com"},
		"path":               {v2, contoso + "/../x"},
		"the placeholder":    {v2, "{tenantid}"},
		"a GUID in brackets": {v2, "{" + contoso + "}"},
	} {
		assert.Empty(t, cloud.Issuer(args[0], args[1]), name)
	}
}

func TestExternal(t *testing.T) {
	c, err := cloud.External("Contoso-2")
	require.NoError(t, err)
	assert.Equal(t, "https://contoso-2.ciamlogin.com", c.Login)
	assert.Equal(t, "https://graph.microsoft.com", c.Graph)
	assert.Empty(t, c.IssuerV2, "only the document says it")
	for _, bad := range []string{
		"", "-a", "a-", "a.b", "a/b", "a@b", "a b", "a\n", "é", "evil.example#", "evil.example/", "a:443", "%61", "_a", "a?b", "a\\b", "\x00",
		strings.Repeat("a", 64),
	} {
		_, err := cloud.External(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestIsTenant(t *testing.T) {
	for _, good := range []string{
		contoso, strings.ToUpper(contoso), "contoso.com", "contoso.onmicrosoft.com", "a-b.example", "xn--bcher-kva.example",
		"3com.example", "common", "organizations", "consumers",
	} {
		assert.True(t, cloud.IsTenant(good), good)
	}
	for _, bad := range []string{
		"", "contoso", "a/../b", "a.b/c", "..", "contoso.com.", ".contoso.com", "contoso..com", "Common", "127.0.0.1", "10.1",
		"{tenantid}", "{" + contoso + "}", contoso + " ", "contoso.com?x", "contoso.com#", "contoso.com%2f", "bücher.example", "a_b.example",
		"user@contoso.com", "[::1]", "-a.example", "a-.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "com",
		contoso[:35] + "g", contoso[:8] + "0" + contoso[9:],
	} {
		assert.False(t, cloud.IsTenant(bad), bad)
	}
	assert.False(t, cloud.IsShared("Common"))
	assert.True(t, cloud.IsCanonicalGUID(cloud.Consumers))
	assert.False(t, cloud.IsCanonicalGUID(strings.ToUpper(contoso)))
}

// What passes as a tenant stays one path segment of the URL it is put into.
func FuzzIsTenant(f *testing.F) {
	for _, s := range []string{contoso, "contoso.com", "common", "a/../b", "..", "%2e%2e", "a b.com", "a.b\\c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !cloud.IsTenant(s) {
			return
		}
		u, err := url.Parse("https://login.example/" + s + "/v2.0")
		require.NoError(t, err)
		assert.Equal(t, "/"+s+"/v2.0", u.EscapedPath())
		assert.Equal(t, "login.example", u.Host)
		assert.Equal(t, u.String(), u.JoinPath().String())
	})
}
