package entratest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// graphCaller calls Graph with one access token.
type graphCaller struct {
	t     *testing.T
	s     *entratest.Server
	token string
}

// delegated signs somebody in at Contoso with these scopes.
func delegated(t *testing.T, s *entratest.Server, who string, scopes ...string) graphCaller {
	t.Helper()
	a := contoso(t, s)
	a.config.Scopes = append([]string{"openid", "profile"}, scopes...)
	token, err := a.config.Exchange(a.ctx, a.answer(nil, who).Get("code"))
	require.NoError(t, err)
	return graphCaller{t, s, token.AccessToken}
}

// appOnly gets an application's own token at Contoso.
func appOnly(t *testing.T, s *entratest.Server, permissions ...string) graphCaller {
	t.Helper()
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].GraphPermissions = permissions
		return tenants
	}))
	_, answer, _ := post(t, s, "contoso.com", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret},
		"scope": {s.GraphURL + "/.default"},
	})
	token, _ := answer["access_token"].(string)
	require.NotEmpty(t, token)
	return graphCaller{t, s, token}
}

func (c graphCaller) request(method, path string, body any) *http.Request {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		require.NoError(c.t, err)
		in = bytes.NewReader(data)
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.s.GraphURL + path
	}
	q, err := http.NewRequestWithContext(c.t.Context(), method, address, in)
	require.NoError(c.t, err)
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	q.Header.Set("ConsistencyLevel", "eventual")
	return q
}

func (c graphCaller) call(method, path string, body any) (int, map[string]any) {
	c.t.Helper()
	status, data := do(c.t, c.s, c.request(method, path, body))
	var out map[string]any
	require.NoError(c.t, json.Unmarshal(data, &out), string(data))
	return status, out
}

// ok is a call that must work.
func (c graphCaller) ok(method, path string, body any) map[string]any {
	c.t.Helper()
	status, out := c.call(method, path, body)
	require.Equal(c.t, http.StatusOK, status, out)
	return out
}

// refused is a call that must not; it returns status and code.
func (c graphCaller) refused(method, path string, body any) string {
	c.t.Helper()
	status, out := c.call(method, path, body)
	e, _ := out["error"].(map[string]any)
	return fmt.Sprint(status, " ", e["code"])
}

func column(list any, name string) []any {
	var out []any
	items, _ := list.([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		out = append(out, m[name])
	}
	return out
}

const (
	forbidden   = "403 Authorization_RequestDenied"
	unreachable = "401 InvalidAuthenticationToken"
	groupList   = "/transitiveMemberOf/microsoft.graph.group?$select=id,displayName&$count=true"
)

func TestGraphUser(t *testing.T) {
	s := start(t, nil)
	ann := delegated(t, s, entratest.Ann, "User.Read")
	me := ann.ok("GET", "/v1.0/me", nil)
	assert.Equal(t, entratest.AnnID, me["id"])
	assert.Equal(t, "Principal engineer", me["jobTitle"])
	assert.Equal(t, entratest.Ann, me["userPrincipalName"])
	assert.Contains(t, me, "mobilePhone")
	assert.NotContains(t, me, "department", "not selected")
	chosen := ann.ok("GET", "/v1.0/me?$select=id,department,userType,employeeId", nil)
	delete(chosen, "@odata.context")
	assert.Equal(t, map[string]any{"id": entratest.AnnID, "department": "Platform", "userType": "Member", "employeeId": nil}, chosen)

	assert.Equal(t, "400 BadRequest", ann.refused("GET", "/v1.0/me?$select=shoeSize", nil))
	assert.Equal(t, forbidden, ann.refused("GET", "/v1.0/users/"+entratest.BenID, nil), "only herself")
	assert.Equal(t, entratest.AnnID, ann.ok("GET", "/v1.0/users/"+entratest.AnnID, nil)["id"])
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann).refused("GET", "/v1.0/me", nil), "User.Read was not asked for")

	app := appOnly(t, s, "User.Read.All")
	assert.Equal(t, "Ben Bauer", app.ok("GET", "/v1.0/users/"+entratest.BenID, nil)["displayName"])
	assert.Equal(t, "Ben Bauer", app.ok("GET", "/v1.0/users/"+entratest.Ben, nil)["displayName"], "by name")
	assert.Equal(t, "404 Request_ResourceNotFound", app.refused("GET", "/v1.0/users/"+entratest.BobID, nil), "of another tenant")
	assert.Equal(t, "400 BadRequest", app.refused("GET", "/v1.0/me", nil), "there is no me")
	assert.Equal(t, "Guest", app.ok("GET", "/v1.0/users/"+entratest.GusID+"?$select=userType", nil)["userType"])
	assert.Equal(t, forbidden, appOnly(t, s, "GroupMember.Read.All").refused("GET", "/v1.0/users/"+entratest.BenID, nil))
	assert.Equal(t, forbidden, appOnly(t, s).refused("GET", "/v1.0/users/"+entratest.BenID, nil))
	assert.Equal(t, "400 BadRequest", app.refused("GET", "/v1.0/nothing", nil))

	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		return tenants
	}))
	basic := delegated(t, s, entratest.Ann, "User.ReadBasic.All").ok("GET", "/v1.0/users/"+entratest.BenID+"?$select=displayName,jobTitle", nil)
	assert.Equal(t, "Ben Bauer", basic["displayName"])
	assert.Nil(t, basic["jobTitle"])
}

func TestGraphMemberships(t *testing.T) {
	s := start(t, nil)
	mine := []any{entratest.ContosoEngineering, entratest.ContosoAdmins, entratest.ContosoNewsletter, entratest.ContosoStaff}
	full := delegated(t, s, entratest.Ann, "User.Read", "GroupMember.Read.All")

	list := full.ok("GET", "/v1.0/me"+groupList, nil)
	assert.ElementsMatch(t, mine, column(list["value"], "id"))
	assert.Contains(t, column(list["value"], "displayName"), "Engineering")
	assert.InDelta(t, 4, list["@odata.count"], 0)
	assert.NotContains(t, list, "@odata.nextLink")
	direct := full.ok("GET", "/v1.0/me/memberOf/microsoft.graph.group?$count=true", nil)
	assert.ElementsMatch(t, mine[:3], column(direct["value"], "id"), "nested ones are not direct")

	thin := delegated(t, s, entratest.Ann, "User.Read").ok("GET", "/v1.0/me"+groupList, nil)
	assert.ElementsMatch(t, mine, column(thin["value"], "id"))
	assert.Equal(t, []any{nil, nil, nil, nil}, column(thin["value"], "displayName"), "names need more than User.Read")
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann).refused("GET", "/v1.0/me"+groupList, nil))
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann, "User.Read").refused("GET", "/v1.0/users/"+entratest.BenID+groupList, nil))

	// A cast is an advanced query.
	assert.Equal(t, "400 Request_UnsupportedQuery", full.refused("GET", "/v1.0/me/transitiveMemberOf/microsoft.graph.group", nil))
	q := full.request("GET", "/v1.0/me"+groupList, nil)
	q.Header.Del("ConsistencyLevel")
	status, _ := do(t, s, q)
	assert.Equal(t, http.StatusBadRequest, status)

	// Without the cast there are directory roles too.
	ada := delegated(t, s, entratest.Ada, "User.Read").ok("GET", "/v1.0/me/transitiveMemberOf", nil)
	assert.Equal(t, []any{"#microsoft.graph.directoryRole"}, column(ada["value"], "@odata.type"))
	assert.Empty(t, delegated(t, s, entratest.Ben, "User.Read").ok("GET", "/v1.0/me"+groupList, nil)["value"])
	assert.NotNil(t, delegated(t, s, entratest.Ben, "User.Read").ok("GET", "/v1.0/me"+groupList, nil)["value"], "[], not null")

	app := appOnly(t, s, "User.Read.All", "GroupMember.Read.All")
	assert.ElementsMatch(t, mine, column(app.ok("GET", "/v1.0/users/"+entratest.AnnID+groupList, nil)["value"], "id"))
	assert.Equal(t, forbidden, appOnly(t, s).refused("GET", "/v1.0/users/"+entratest.AnnID+groupList, nil))
}

func TestGraphPaging(t *testing.T) {
	s := start(t, nil)
	maya := delegated(t, s, entratest.Maya, "User.Read", "GroupMember.Read.All")
	follow := func(path string) (ids []any, pages int) {
		seen := make(map[any]bool)
		for path != "" {
			page := maya.ok("GET", path, nil)
			for _, id := range column(page["value"], "id") {
				require.False(t, seen[id], "twice")
				seen[id] = true
				ids = append(ids, id)
			}
			pages++
			path, _ = page["@odata.nextLink"].(string)
			if path != "" {
				require.True(t, strings.HasPrefix(path, s.GraphURL+"/v1.0/me/"), path)
			}
		}
		return ids, pages
	}
	ids, pages := follow("/v1.0/me" + groupList)
	assert.Len(t, ids, 1000)
	assert.Equal(t, 10, pages, "100 by default")
	ids, pages = follow("/v1.0/me" + groupList + "&$top=999")
	assert.Len(t, ids, 1000)
	assert.Equal(t, 2, pages)
	for _, top := range []string{"0", "1000", "-1", "x"} {
		assert.Equal(t, "400 Request_BadRequest", maya.refused("GET", "/v1.0/me"+groupList+"&$top="+top, nil))
	}
	for _, token := range []string{"x", "!", "ZnJvbSAtMQ"} {
		assert.Equal(t, "400 Directory_ExpiredPageToken", maya.refused("GET", "/v1.0/me"+groupList+"&$skiptoken="+token, nil))
	}
	s.SetFaults(entratest.Faults{ForeignNextLink: "https://evil.example/next"})
	assert.Equal(t, "https://evil.example/next", maya.ok("GET", "/v1.0/me"+groupList, nil)["@odata.nextLink"])

	// A second page that fails.
	s.SetFaults(entratest.Faults{FailAfter: map[string]int{entratest.EndpointGraph: 1}, Fail: map[string]int{entratest.EndpointGraph: 1}})
	next, _ := maya.ok("GET", "/v1.0/me"+groupList, nil)["@odata.nextLink"].(string)
	assert.Equal(t, "503 serviceNotAvailable", maya.refused("GET", next, nil))
	maya.ok("GET", next, nil)
}

func TestGraphMemberIDs(t *testing.T) {
	s := start(t, nil)
	security, all := map[string]any{"securityEnabledOnly": true}, map[string]any{"securityEnabledOnly": false}
	full := delegated(t, s, entratest.Ann, "User.Read", "GroupMember.Read.All")
	thin := delegated(t, s, entratest.Ann, "User.Read")

	assert.ElementsMatch(t, []any{entratest.ContosoEngineering, entratest.ContosoAdmins, entratest.ContosoStaff}, full.ok("POST", "/v1.0/me/getMemberGroups", security)["value"])
	assert.Len(t, full.ok("POST", "/v1.0/me/getMemberGroups", all)["value"], 4)
	assert.Equal(t, forbidden, thin.refused("POST", "/v1.0/me/getMemberGroups", security))
	assert.Len(t, thin.ok("POST", "/v1.0/me/getMemberObjects", all)["value"], 4)
	assert.Equal(t, forbidden, thin.refused("POST", "/v1.0/users/"+entratest.BenID+"/getMemberObjects", all))
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann).refused("POST", "/v1.0/me/getMemberObjects", all))
	ada := delegated(t, s, entratest.Ada, "User.Read")
	assert.Len(t, ada.ok("POST", "/v1.0/me/getMemberObjects", all)["value"], 1, "a directory role")
	assert.Empty(t, ada.ok("POST", "/v1.0/me/getMemberObjects", security)["value"])
	for _, body := range []any{nil, map[string]any{}, "x"} {
		assert.Equal(t, "400 BadRequest", full.refused("POST", "/v1.0/me/getMemberObjects", body))
	}
	app := appOnly(t, s, "User.Read.All", "GroupMember.Read.All")
	assert.Len(t, app.ok("POST", "/v1.0/users/"+entratest.MayaID+"/getMemberGroups", security)["value"], 1000)
	assert.Equal(t, forbidden, appOnly(t, s, "User.Read.All").refused("POST", "/v1.0/users/"+entratest.MayaID+"/getMemberGroups", security))

	// Past 11,000 there is no answer.
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range 10_001 {
			id := fmt.Sprintf("c0a70500-0000-4000-8000-0000009%05x", i)
			tenants[0].Groups = append(tenants[0].Groups, entratest.Group{ID: id, SecurityEnabled: true})
			tenants[0].Users[3].Groups = append(tenants[0].Users[3].Groups, id)
		}
		return tenants
	}))
	assert.Equal(t, "400 Directory_ResultSizeLimitExceeded", app.refused("POST", "/v1.0/users/"+entratest.MayaID+"/getMemberGroups", security))
}

func TestGraphByIDs(t *testing.T) {
	s := start(t, nil)
	full := delegated(t, s, entratest.Ann, "User.Read", "GroupMember.Read.All")
	ask := map[string]any{"ids": []string{entratest.ContosoStaff, entratest.AnnID, entratest.FabrikamSales}, "types": []string{"group"}}
	assert.Equal(t, []any{"All staff"}, column(full.ok("POST", "/v1.0/directoryObjects/getByIds", ask)["value"], "displayName"))
	thin := delegated(t, s, entratest.Ann, "User.Read")
	assert.Equal(t, []any{nil}, column(thin.ok("POST", "/v1.0/directoryObjects/getByIds", ask)["value"], "displayName"))
	delete(ask, "types")
	assert.Len(t, full.ok("POST", "/v1.0/directoryObjects/getByIds", ask)["value"], 2, "the other tenant's is not found")
	assert.Equal(t, "400 Request_BadRequest", full.refused("POST", "/v1.0/directoryObjects/getByIds", map[string]any{"ids": make([]string, 1001)}))
	assert.Equal(t, "400 BadRequest", full.refused("POST", "/v1.0/directoryObjects/getByIds", "x"))
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann).refused("POST", "/v1.0/directoryObjects/getByIds", ask))
}

func TestGraphPhoto(t *testing.T) {
	s := start(t, nil)
	ann := delegated(t, s, entratest.Ann, "User.Read")
	status, photo := do(t, s, ann.request("GET", "/v1.0/me/photo/$value", nil))
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "image/png", http.DetectContentType(photo))
	assert.Equal(t, "image/png", ann.ok("GET", "/v1.0/me/photo", nil)["@odata.mediaContentType"])
	status, _ = do(t, s, ann.request("GET", "/v1.0/me/photos/48x48/$value", nil))
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "404 ImageNotFound", delegated(t, s, entratest.Ben, "User.Read").refused("GET", "/v1.0/me/photo/$value", nil))
	assert.Equal(t, forbidden, delegated(t, s, entratest.Ann).refused("GET", "/v1.0/me/photo/$value", nil))
	assert.Equal(t, forbidden, ann.refused("GET", "/v1.0/users/"+entratest.BenID+"/photo/$value", nil))
}

func TestGraphUserInfo(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	_, token := a.signIn(entratest.Ann)
	info, err := a.provider.UserInfo(a.ctx, a.config.TokenSource(a.ctx, token))
	require.NoError(t, err)
	assert.Equal(t, entratest.Ann, info.Email)
	assert.NotEmpty(t, info.Subject)
	assert.Equal(t, forbidden, appOnly(t, s, "User.Read.All").refused("GET", "/oidc/userinfo", nil))
}

func TestGraphBatch(t *testing.T) {
	s := start(t, nil)
	ann := delegated(t, s, entratest.Ann, "User.Read")
	items := []map[string]any{
		{"id": "1", "method": "GET", "url": "/me?$select=displayName"},
		{"id": "2", "method": "GET", "url": "/users/" + entratest.BenID},
		{"id": "3", "method": "POST", "url": "/me/getMemberObjects", "body": map[string]any{"securityEnabledOnly": true}, "headers": map[string]string{"Content-Type": "application/json"}},
		{"id": "4", "method": "GET", "url": "/me/photo/$value"},
		{"id": "5", "method": "GET", "url": "/me", "dependsOn": []string{"2"}},
		{"id": "6", "method": "POST", "url": "/$batch"},
	}
	answer := ann.ok("POST", "/v1.0/$batch", map[string]any{"requests": items})
	assert.Equal(t, []any{200., 403., 200., 200., 424., 400.}, column(answer["responses"], "status"))
	bodies := column(answer["responses"], "body")
	assert.Equal(t, "Ann Archer", bodies[0].(map[string]any)["displayName"])
	assert.Len(t, bodies[2].(map[string]any)["value"], 3)
	assert.IsType(t, "", bodies[3], "pictures come in base64")

	s.SetFaults(entratest.Faults{Throttle: 1, RetryAfter: 3 * time.Second})
	answer = ann.ok("POST", "/v1.0/$batch", map[string]any{"requests": items[:1]})
	assert.Equal(t, []any{429.}, column(answer["responses"], "status"), "the item, not the batch")

	many := make([]map[string]any, 21)
	for i := range many {
		many[i] = map[string]any{"id": fmt.Sprint(i), "method": "GET", "url": "/me"}
	}
	assert.Equal(t, "400 MaximumValueExceeded", ann.refused("POST", "/v1.0/$batch", map[string]any{"requests": many}))
	assert.Equal(t, "400 BadRequest", ann.refused("POST", "/v1.0/$batch", map[string]any{"requests": []any{items[0], items[0]}}))
	assert.Equal(t, "400 BadRequest", ann.refused("POST", "/v1.0/$batch", "x"))
}

// Only an access token for Graph, fresh and untouched, opens it.
func TestGraphTokens(t *testing.T) {
	now := noon
	s := start(t, &entratest.Options{Now: func() time.Time { return now }})
	a := contoso(t, s)
	a.verifier = a.provider.Verifier(oidcConfig(entratest.ContosoApp, noon))
	_, token := a.signIn(entratest.Ann)
	idToken, _ := token.Extra("id_token").(string)
	good := graphCaller{t, s, token.AccessToken}
	good.ok("GET", "/v1.0/me", nil)

	dot := strings.LastIndex(token.AccessToken, ".")
	for name, bad := range map[string]string{
		"none":              "",
		"ID token":          idToken,
		"no token":          "x",
		"empty parts":       "..",
		"null":              "bnVsbA.bnVsbA.",
		"without signature": token.AccessToken[:dot+1],
		"other signature":   token.AccessToken[:dot] + idToken[strings.LastIndex(idToken, "."):],
	} {
		assert.Equal(t, unreachable, graphCaller{t, s, bad}.refused("GET", "/v1.0/me", nil), name)
	}
	_, answer := graphCaller{t, s, idToken}.call("GET", "/v1.0/me", nil)
	assert.Contains(t, answer["error"].(map[string]any)["message"], "Invalid audience")
	now = noon.Add(time.Hour)
	assert.Equal(t, unreachable, good.refused("GET", "/v1.0/me", nil), "expired")
	now = noon.Add(-time.Hour)
	assert.Equal(t, unreachable, good.refused("GET", "/v1.0/me", nil), "not valid yet")
	now = noon
	good.ok("GET", "/v1.0/me", nil)
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Users[0].Disabled = true
		return tenants
	}))
	assert.Equal(t, unreachable, good.refused("GET", "/v1.0/me", nil), "disabled since")
}

func TestGraphErrors(t *testing.T) {
	s := start(t, nil)
	const id = "11111111-2222-4333-8444-555555555555"
	q := graphCaller{t, s, ""}.request("GET", "/v1.0/me", nil)
	q.Header.Set("Client-Request-Id", id)
	response, err := s.Client().Do(q)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, id, response.Header.Get("Client-Request-Id"))
	assert.Regexp(t, "^[0-9a-f-]{36}$", response.Header.Get("Request-Id"))
	assert.Contains(t, response.Header.Get("WWW-Authenticate"), "Bearer ")
	var body struct {
		Error struct {
			Code, Message string
			InnerError    map[string]string
		}
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
	assert.Equal(t, id, body.Error.InnerError["client-request-id"])
	assert.Equal(t, response.Header.Get("Request-Id"), body.Error.InnerError["request-id"])
}
