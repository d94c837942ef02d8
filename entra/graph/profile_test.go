package graph_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

func TestProfile(t *testing.T) {
	var query url.Values
	answer := directory(0, func(r *http.Request, _ string) *http.Response {
		query = r.URL.Query()
		return reply(200, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","id":"`+ann+`","jobTitle":"Engineer","department":"","mail":null,
			"businessPhones":["+1 555 0100",""],"city":"Bern","JOBTITLE":"Boss","notAsked":"x",
			"extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_cost":17,"onPremisesExtensionAttributes":{"extensionAttribute1":"a","extensionAttribute2":null},
			"manager":{"@odata.type":"#microsoft.graph.user","id":"`+bob+`","displayName":"Bob","mail":null},"employeeOrgData":{},"otherMails":[],"accountEnabled":false}`)
	})
	c, _ := newFake(answer)
	got, err := c.Profile(t.Context(), asMe(), []string{
		"jobTitle", "department", "mail", "businessPhones", "employeeOrgData", "otherMails", "manager", "accountEnabled", "absent",
		"extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_cost", "onPremisesExtensionAttributes",
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"jobTitle": "Engineer", "businessPhones": []any{"+1 555 0100"}, "extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_cost": float64(17),
		"onPremisesExtensionAttributes": map[string]any{"extensionAttribute1": "a"}, "manager": map[string]any{"id": bob, "displayName": "Bob"}, "accountEnabled": false,
	}, got)
	assert.Equal(t, "id,jobTitle,department,mail,businessPhones,employeeOrgData,otherMails,accountEnabled,absent,extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_cost,onPremisesExtensionAttributes", query.Get("$select"))
	assert.Equal(t, "manager($select=id,displayName,mail,userPrincipalName)", query.Get("$expand"))

	got, err = c.Profile(t.Context(), asApp(), nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"jobTitle": "Engineer", "businessPhones": []any{"+1 555 0100"}, "city": "Bern"}, got)
	assert.Equal(t, "id,"+strings.Join(graph.DefaultProfile(), ","), query.Get("$select"))
	assert.Empty(t, query.Get("$expand"))

	got, err = c.Profile(t.Context(), asApp(), []string{})
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestProfileFieldsThatAreRefused(t *testing.T) {
	c, f := newFake(directory(0, nil))
	for _, bad := range []string{"", "a,b", "a b", "$select", "a/b", "a&b", "a)", "1a", "é", "a\n", strings.Repeat("a", 200)} {
		_, err := c.Profile(t.Context(), asMe(), []string{bad})
		require.Error(t, err, bad)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("a%d", i)
	}
	_, err := c.Profile(t.Context(), asMe(), many)
	require.Error(t, err)
	assert.Empty(t, f.requests)
}

func pngOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))))
	return b.Bytes()
}

func TestPhoto(t *testing.T) {
	photo := func(status int, contentType string, data []byte) *graph.Client {
		c, _ := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
			if r.URL.Path == "/v1.0/me/photos/96x96/$value" || r.URL.Path == "/v1.0/users/"+ann+"/photos/96x96/$value" {
				return reply(status, string(data), "Content-Type", contentType)
			}
			return nil
		}))
		return c
	}
	good := pngOf(t, 96, 96)
	for _, as := range []graph.Caller{asMe(), asApp()} {
		got, err := photo(200, "image/jpeg", good).Photo(t.Context(), as, 10_000)
		require.NoError(t, err)
		assert.Equal(t, &graph.Photo{ContentType: "image/png", Data: good}, got, "the content says what it is")
		got, err = photo(404, "application/json", []byte(`{"error":{"code":"ImageNotFound"}}`)).Photo(t.Context(), as, 1)
		require.NoError(t, err)
		assert.Nil(t, got)
	}
	_, err := photo(200, "image/png", good).Photo(t.Context(), asApp(), len(good)-1)
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	_, err = photo(200, "image/png", bytes.Repeat(good, 1+(128<<10)/len(good))).Photo(t.Context(), asApp(), 100)
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	for name, data := range map[string]string{
		"SVG":               `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"SVG with a prolog": `<?xml version="1.0"?><svg/>`,
		"GIF":               "GIF89a\x01\x00\x01\x00\x00\x00\x00;",
		"HTML":              "<html><script>",
		"PNG's first bytes": "\x89PNG\r\n\x1a\n<svg>",
		"JPEG's first ones": "\xff\xd8\xff<svg>",
		"enormous":          string(pngOf(t, 649, 1)),
		"nothing":           "",
	} {
		got, err := photo(200, "image/png", []byte(data)).Photo(t.Context(), asApp(), 100_000)
		require.Error(t, err, name)
		assert.Nil(t, got)
	}
	_, err = photo(403, "application/json", nil).Photo(t.Context(), asApp(), 1000)
	var refused *graph.Error
	require.ErrorAs(t, err, &refused)
	_, err = photo(200, "image/png", good).Photo(t.Context(), asApp(), 0)
	require.Error(t, err)
}
