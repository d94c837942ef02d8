package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// The account page says which groups, and where they come from; whatever happens to Graph there is never a part of them.
func TestGroupsAndWhereTheyComeFrom(t *testing.T) {
	h := startHost(t)
	trouble := func(id string) {
		t.Helper()
		res, _ := newVisitor(t, h).send(http.MethodPost, "/trouble", url.Values{"trouble": {id}}, nil)
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
	}
	count := func(page string) int { return strings.Count(page, "<li><strong>") + strings.Count(page, "<li><code") }

	for name, connection := range map[string]string{"OAuth 2.0": "contoso", "WS-Federation": "contoso-wsfed"} {
		t.Run("over "+name, func(t *testing.T) {
			page := newVisitor(t, h).signInAt(connection, entratest.Ben)
			assert.Contains(t, page, "None, from Microsoft Graph.", "absent is not unknown: Graph says so")
			assert.Contains(t, page, "&#34;ext_groups&#34;: []")

			trouble("graph-down")
			page = newVisitor(t, h).signInAt(connection, entratest.Maya)
			assert.Contains(t, page, "Not known.")
			assert.NotContains(t, page, "ext_groups", "not even an empty list")
			assert.Zero(t, count(page))

			trouble("throttled")
			page = newVisitor(t, h).signInAt(connection, entratest.Maya)
			assert.Contains(t, page, "1000, from Microsoft Graph.")
			assert.Equal(t, 1000, count(page))
			assert.Equal(t, connection == "contoso", strings.Contains(page, "<strong>Project 1000</strong>"), "with their names, where the connection asks for them")

			trouble("graph-down")
			page = newVisitor(t, h).signInAt(connection, entratest.Maya)
			assert.Contains(t, page, "1000, from an earlier sign-in", "known before, and young enough")
			assert.Equal(t, 1000, count(page))

			trouble("overage")
			page = newVisitor(t, h).signInAt(connection, entratest.Ann)
			assert.Contains(t, page, "3, from Microsoft Graph.")
			trouble("none")
			page = newVisitor(t, h).signInAt(connection, entratest.Ann)
			assert.Contains(t, page, "3, from the token.")
			assert.Contains(t, page, "administrator", "the host's own role")
			assert.Contains(t, page, "Portal.Admin", "the application's roles are something else than groups")
		})
	}

	t.Run("an app that emits names", func(t *testing.T) {
		page := newVisitor(t, h).signInAt("contoso-names", entratest.Ann)
		assert.Contains(t, page, "<strong>Engineering</strong>")
		assert.Contains(t, page, "<strong>Portal admins</strong>")
		assert.Contains(t, page, "2, from the token.")
		assert.Contains(t, page, "administrator", "by name: an admin assigned the group to the app")
	})

	t.Run("signed by a stranger", func(t *testing.T) {
		trouble("forged")
		v := newVisitor(t, h)
		res, _ := v.send(http.MethodGet, "/sso/begin?connection=contoso", nil, nil)
		back, err := h.source.fake.Authenticate(t.Context(), res.Header.Get("Location"), entratest.Ann)
		require.NoError(t, err)
		res, body := v.answer(back)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Contains(t, body, "We could not verify your sign-in")
	})
}
