package graph_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	tenant = "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11"
	ann    = "11111111-2222-4333-8444-555555555555"
	bob    = "99999999-2222-4333-8444-555555555555"
	bearer = "token-not-to-be-seen"
)

func guid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// fake answers in memory, so that tests of waiting run in a synctest bubble, and remembers where the bearer went.
type fake struct {
	mu       sync.Mutex
	answer   func(r *http.Request, body string) *http.Response
	requests []*http.Request
	bearers  map[string]int // by host
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	f.mu.Lock()
	f.requests = append(f.requests, r)
	if r.Header.Get("Authorization") != "" {
		f.bearers[r.URL.Scheme+"://"+r.URL.Host]++
	}
	f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+bearer {
		return reply(401, `{"error":{"code":"InvalidAuthenticationToken"}}`), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answer(r, string(body)), nil
}

func (f *fake) paths() []string {
	var list []string
	for _, r := range f.requests {
		list = append(list, r.Method+" "+r.URL.Path)
	}
	return list
}

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}, "Request-Id": {guid(77)}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func newFake(answer func(r *http.Request, body string) *http.Response) (*graph.Client, *fake) {
	f := &fake{answer: answer, bearers: map[string]int{}}
	return graph.New(graph.Config{HTTPClient: &http.Client{Transport: f}}), f
}

func token(context.Context) (string, error) { return bearer, nil }

func asMe() graph.Caller {
	return graph.Caller{Cloud: cloud.Public(), Tenant: tenant, User: ann, Me: true, Token: token}
}

func asApp() graph.Caller {
	c := asMe()
	c.Me = false
	return c
}

// directory answers as Graph does for ann, who is in n groups.
func directory(n int, override func(r *http.Request, body string) *http.Response) func(*http.Request, string) *http.Response {
	return func(r *http.Request, body string) *http.Response {
		if override != nil {
			if res := override(r, body); res != nil {
				return res
			}
		}
		path := strings.TrimPrefix(r.URL.Path, "/v1.0")
		path = strings.Replace(path, "/users/"+ann, "/me", 1)
		switch r.Method + " " + path {
		case "GET /me":
			return reply(200, `{"@odata.context":"x","id":"`+ann+`"}`)
		case "GET /me/transitiveMemberOf/microsoft.graph.group":
			return groupPage(r, n)
		case "POST /me/getMemberGroups", "POST /me/getMemberObjects":
			ids := make([]string, n)
			for i := range ids {
				ids[i] = guid(i)
			}
			return reply(200, mustJSON(map[string]any{"value": ids}))
		case "POST /directoryObjects/getByIds":
			return byIDs(body)
		case "POST /$batch":
			return batch(body)
		}
		return reply(404, `{"error":{"code":"Request_ResourceNotFound"}}`)
	}
}

func groupPage(r *http.Request, n int) *http.Response {
	q := r.URL.Query()
	if q.Get("$top") != "999" || q.Get("$count") != "true" || r.Header.Get("Consistencylevel") != "eventual" {
		return reply(400, `{"error":{"code":"Request_UnsupportedQuery"}}`)
	}
	from := 0
	_, _ = fmt.Sscan(q.Get("$skiptoken"), &from)
	page := map[string]any{}
	if n >= 5000 { // below, the tests of paging want pages
		page["@odata.count"] = n
	}
	value := []map[string]any{}
	for i := from; i < min(from+999, n); i++ {
		g := map[string]any{"id": guid(i)}
		if strings.Contains(q.Get("$select"), "displayName") {
			g["displayName"] = fmt.Sprintf("Group %d", i)
		}
		if strings.Contains(q.Get("$select"), "securityEnabled") {
			g["securityEnabled"] = i%2 == 0
		}
		value = append(value, g)
	}
	page["value"] = value
	if from+999 < n {
		q.Set("$skiptoken", fmt.Sprint(from+999))
		next := *r.URL
		next.RawQuery = q.Encode()
		page["@odata.nextLink"] = next.String()
	}
	return reply(200, mustJSON(page))
}

// batch answers each question on its own.
func batch(body string) *http.Response {
	var q struct {
		Requests []struct {
			ID, Method, URL string
			Body            json.RawMessage
		}
	}
	_ = json.Unmarshal([]byte(body), &q)
	list := []map[string]any{}
	for _, one := range q.Requests {
		if one.Method != "POST" || !strings.HasPrefix(one.URL, "/directoryObjects/getByIds?") {
			return reply(400, `{}`)
		}
		var answer json.RawMessage
		_ = json.NewDecoder(byIDs(string(one.Body)).Body).Decode(&answer)
		list = append(list, map[string]any{"id": one.ID, "status": 200, "body": answer})
	}
	return reply(200, mustJSON(map[string]any{"responses": list}))
}

func byIDs(body string) *http.Response {
	var q struct{ IDs, Types []string }
	_ = json.Unmarshal([]byte(body), &q)
	if len(q.IDs) > 1000 || len(q.Types) != 1 || q.Types[0] != "group" {
		return reply(400, `{"error":{"code":"Request_BadRequest"}}`)
	}
	value := []map[string]any{}
	for _, id := range q.IDs {
		if !strings.HasSuffix(id, "13") { // one that Graph does not know
			value = append(value, map[string]any{"@odata.type": "#microsoft.graph.group", "id": id, "displayName": "Name of " + id[24:]})
		}
	}
	return reply(200, mustJSON(map[string]any{"value": value}))
}

func ExampleClient_Groups() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"value":[{"id":"00000000-0000-4000-8000-000000000001","displayName":"Engineering"}]}`)
	}))
	defer server.Close()

	client := graph.New(graph.Config{HTTPClient: server.Client()}) // the default client does not dial loopback
	groups, err := client.Groups(context.Background(), graph.Caller{
		Cloud:  cloud.Cloud{Graph: server.URL},
		Tenant: "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11",
		User:   "11111111-2222-4333-8444-555555555555",
		Token:  func(context.Context) (string, error) { return "eyJ", nil },
	}, graph.GroupQuery{Names: true})
	fmt.Println(groups, err)
	// Output: [{00000000-0000-4000-8000-000000000001 Engineering }] <nil>
}

func TestGroups(t *testing.T) {
	for _, n := range []int{0, 1, 199, 200, 201, 998, 999, 1000, 5000} {
		for _, as := range []graph.Caller{asMe(), asApp()} {
			for _, names := range []bool{true, false} {
				c, f := newFake(directory(n, nil))
				got, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: names})
				require.NoError(t, err)
				require.NotNil(t, got, "an empty list is a list")
				require.Len(t, got, n)
				for i, g := range got {
					require.Equal(t, guid(i), g.ID)
					require.Equal(t, names && (n < 2000 || !strings.HasSuffix(g.ID, "13")), g.Name != "")
				}
				requests := max(1, (n+998)/999)
				switch {
				case !names && !as.Me:
					requests = 1 // getMemberGroups
				case names && n == 5000:
					requests = 3 // a page, all ids, and their names in one batch
				case n == 5000:
					requests = 2 // a page, and all ids
				}
				if as.Me {
					requests++ // whose token it is, beside the first page
				}
				assert.Len(t, f.requests, requests)
			}
		}
	}
}

func TestSecurityGroupsOnly(t *testing.T) {
	// With names: pages, filtered by what Graph says of each group.
	c, _ := newFake(directory(1500, nil))
	got, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true, SecurityOnly: true})
	require.NoError(t, err)
	assert.Len(t, got, 750)

	// Ids: Graph filters.
	c, _ = newFake(directory(3, func(r *http.Request, body string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "getMemberObjects") && body == `{"securityEnabledOnly":true}` {
			return reply(200, `{"value":["`+guid(5)+`"]}`)
		}
		return nil
	}))
	got, err = c.Groups(t.Context(), asMe(), graph.GroupQuery{SecurityOnly: true})
	require.NoError(t, err)
	assert.Equal(t, []claims.Group{{ID: guid(5)}}, got)

	// Graph does not tell: an error, not a guess.
	c, _ = newFake(directory(3, func(r *http.Request, _ string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "microsoft.graph.group") {
			return reply(200, `{"value":[{"id":"`+guid(1)+`","securityEnabled":null}]}`)
		}
		return nil
	}))
	_, err = c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true, SecurityOnly: true})
	require.ErrorIs(t, err, graph.ErrIncomplete)
}

func TestPagingWhereOneAnswerCannotDo(t *testing.T) {
	for name, refused := range map[string]*http.Response{
		"too many":      reply(400, `{"error":{"code":"Directory_ResultSizeLimitExceeded"}}`),
		"no permission": reply(403, `{"error":{"code":"Authorization_RequestDenied"}}`),
	} {
		c, f := newFake(directory(2000, func(r *http.Request, _ string) *http.Response {
			if strings.HasSuffix(r.URL.Path, "getMemberGroups") {
				return refused
			}
			return nil
		}))
		got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
		require.NoError(t, err, name)
		assert.Len(t, got, 2000, name)
		assert.Len(t, f.requests, 4, name)
	}
	c, f := newFake(directory(2000, func(r *http.Request, _ string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "getMemberGroups") {
			return reply(404, `{"error":{"code":"Request_ResourceNotFound"}}`)
		}
		return nil
	}))
	_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
	require.Error(t, err)
	assert.Len(t, f.requests, 1, "no second way round another refusal")
}

// Names come back null where the permission is missing, and a group that is nested twice comes twice.
func TestNullNamesAndDuplicates(t *testing.T) {
	c, _ := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "microsoft.graph.group") {
			return reply(200, `{"value":[{"id":"`+guid(1)+`","displayName":null},{"id":"`+strings.ToUpper(guid(1))+`"},{"id":"`+guid(2)+`"}]}`)
		}
		return nil
	}))
	got, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true})
	require.NoError(t, err)
	assert.Equal(t, []claims.Group{{ID: guid(1)}, {ID: guid(2)}}, got)
}

// Attack 22: a nextLink on a foreign host does not get the bearer, and the first page is not handed out as the whole.
func TestAttack22ForeignNextLink(t *testing.T) {
	for _, link := range []string{
		"https://evil.example/v1.0/me/transitiveMemberOf", "http://graph.microsoft.com/v1.0/me", "https://graph.microsoft.com.evil.example/v1.0/x",
		"https://graph.microsoft.com@evil.example/v1.0/x", "https://evil.example#@graph.microsoft.com/v1.0/x", "https://graph.microsoft.com:8443/v1.0/x",
		"https://GRAPH.microsoft.com/v1.0/x", "//evil.example/v1.0/x", "/v1.0/me/transitiveMemberOf", "https://user@graph.microsoft.com/v1.0/x",
		"https://graph.windows.net/v1.0/x", "https://graph.microsoft.us/v1.0/x", "https:graph.microsoft.com/v1.0/x", "javascript:alert(1)", "%", "https://graph.microsoft.com/beta/x",
		"https://graph.microsoft.com\\@evil.example/v1.0/x", "https://graph.microsoft.com/v1.0/x#f",
	} {
		c, f := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
			if strings.HasSuffix(r.URL.Path, "microsoft.graph.group") {
				return reply(200, `{"value":[{"id":"`+guid(1)+`"}],"@odata.nextLink":`+mustJSON(link)+`}`)
			}
			return nil
		}))
		got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
		require.ErrorIs(t, err, graph.ErrForeignLink, link)
		assert.Nil(t, got, link)
		assert.NotContains(t, err.Error(), "evil")
		assert.Len(t, f.requests, 1, link)
		assert.Equal(t, map[string]int{"https://graph.microsoft.com": 1}, f.bearers, link)
	}
}

// A redirect is not followed, so the bearer stays at home.
func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		c, f := newFake(directory(0, func(*http.Request, string) *http.Response {
			return reply(status, "", "Location", "https://evil.example/v1.0/me")
		}))
		_, err := c.Profile(t.Context(), asMe(), nil)
		require.ErrorIs(t, err, outbound.ErrRedirect)
		assert.Equal(t, map[string]int{"https://graph.microsoft.com": 1}, f.bearers)
	}
}

// A failing later page, an unreadable one, one without a list, a circle, or too many: nothing, never the pages before it.
func TestAttack22NeverAPart(t *testing.T) {
	later := func(res func(r *http.Request) *http.Response) func(*http.Request, string) *http.Response {
		return func(r *http.Request, _ string) *http.Response {
			if r.URL.Query().Get("$skiptoken") == "1998" {
				return res(r)
			}
			return nil
		}
	}
	for name, answer := range map[string]func(r *http.Request) *http.Response{
		"refused":    func(*http.Request) *http.Response { return reply(403, `{}`) },
		"gone":       func(*http.Request) *http.Response { return reply(404, `{}`) },
		"no content": func(*http.Request) *http.Response { return reply(204, ``) },
		"html":       func(*http.Request) *http.Response { return reply(200, `<html>`) },
		"no list":    func(*http.Request) *http.Response { return reply(200, `{}`) },
		"null list":  func(*http.Request) *http.Response { return reply(200, `{"value":null}`) },
		"cut off":    func(*http.Request) *http.Response { return reply(200, `{"value":[{"id":"`+guid(1)+`"}`) },
		"not an id":  func(*http.Request) *http.Response { return reply(200, `{"value":[{"id":"x"}]}`) },
		"no id":      func(*http.Request) *http.Response { return reply(200, `{"value":[{}]}`) },
		"too large":  func(*http.Request) *http.Response { return reply(200, strings.Repeat(" ", 5<<20)) },
		"in a circle": func(r *http.Request) *http.Response {
			return reply(200, `{"value":[],"@odata.nextLink":"`+r.URL.String()+`"}`)
		},
		"back to page": func(r *http.Request) *http.Response {
			return reply(200, `{"value":[],"@odata.nextLink":"`+strings.Replace(r.URL.String(), "1998", "999", 1)+`"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, as := range []graph.Caller{asMe(), asApp()} {
				c, f := newFake(directory(4000, later(answer)))
				got, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: true})
				require.Error(t, err)
				assert.Nil(t, got)
				assert.LessOrEqual(t, len(f.requests), 7, "a circle is seen at once")
			}
		})
	}
	n := 0
	c, f := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
		n++
		return reply(200, fmt.Sprintf(`{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x?n=%d"}`, n))
	}))
	_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
	require.ErrorIs(t, err, graph.ErrIncomplete)
	assert.Len(t, f.requests, 61, "bounded")

	big := strings.Repeat(" ", 3<<20)
	n = 0
	c, f = newFake(directory(0, func(r *http.Request, _ string) *http.Response {
		n++
		return reply(200, fmt.Sprintf(`{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x?n=%d"}%s`, n, big))
	}))
	_, err = c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
	require.ErrorIs(t, err, graph.ErrIncomplete)
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	assert.Len(t, f.requests, 8, "24 MB in all")
}

func TestMemberGroupsIsOnePage(t *testing.T) {
	for _, body := range []string{`{}`, `{"value":null}`, `{"value":["` + guid(1) + `"],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}`, `{"value":["x"]}`, `{"value":[1]}`} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(200, body) }))
		got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
		require.Error(t, err, body)
		assert.Nil(t, got)
	}
}

// Attack 6: a token of somebody else says nothing of Ann.
func TestTokenOfAnotherUser(t *testing.T) {
	other := func(r *http.Request, _ string) *http.Response {
		if r.URL.Path == "/v1.0/me" {
			return reply(200, `{"id":"`+bob+`","jobTitle":"Boss"}`)
		}
		return nil
	}
	c, _ := newFake(directory(3, other))
	groups, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true})
	require.ErrorIs(t, err, graph.ErrOtherUser)
	assert.Nil(t, groups)
	groups, err = c.Groups(t.Context(), asMe(), graph.GroupQuery{SecurityOnly: true})
	require.ErrorIs(t, err, graph.ErrOtherUser)
	assert.Nil(t, groups)
	profile, err := c.Profile(t.Context(), asMe(), nil)
	require.ErrorIs(t, err, graph.ErrOtherUser)
	assert.Nil(t, profile)
	c, _ = newFake(directory(3, func(r *http.Request, body string) *http.Response {
		if strings.Contains(r.URL.Path, "/photos/") {
			return reply(200, string(pngOf(t, 96, 96)))
		}
		return other(r, body)
	}))
	photo, err := c.Photo(t.Context(), asMe(), 10_000)
	require.ErrorIs(t, err, graph.ErrOtherUser)
	assert.Nil(t, photo)
	for _, body := range []string{`{}`, `{"id":null}`, `{"id":""}`, `{"id":[]}`} {
		c, _ := newFake(directory(3, func(r *http.Request, _ string) *http.Response {
			if r.URL.Path == "/v1.0/me" || r.URL.Path == "/v1.0/users/"+ann {
				return reply(200, body)
			}
			return nil
		}))
		_, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{})
		require.Error(t, err, body)
		_, err = c.Profile(t.Context(), asApp(), nil)
		require.Error(t, err, body)
	}
}

// Graph knows a personal account by a shorter id than its tokens do.
func TestPersonalAccount(t *testing.T) {
	for id, want := range map[string]error{
		"1a2b3c4d5e6f7081": nil, "1A2B3C4D5E6F7081": nil, "00000000-0000-0000-1a2b-3c4d5e6f7081": nil,
		"1a2b3c4d5e6f7082": graph.ErrOtherUser, "": graph.ErrOtherUser, "0": graph.ErrOtherUser, "a2b3c4d5e6f7081": graph.ErrOtherUser,
		"001a2b3c4d5e6f7081": graph.ErrOtherUser, ann: graph.ErrOtherUser,
	} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response {
			return reply(http.StatusOK, `{"id":"`+id+`","city":"Bern"}`)
		}))
		as := asMe()
		as.User = "00000000-0000-0000-1a2b-3c4d5e6f7081"
		got, err := c.Profile(t.Context(), as, nil)
		require.ErrorIs(t, err, want, id)
		assert.Equal(t, want == nil, got["city"] == "Bern", id)
	}
}

func TestCallersThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*graph.Caller){
		"no Graph":            func(c *graph.Caller) { c.Cloud, _ = cloud.ByName("bleu") },
		"http":                func(c *graph.Caller) { c.Cloud.Graph = "http://graph.example" },
		"user info":           func(c *graph.Caller) { c.Cloud.Graph = "https://a@graph.example" },
		"user is a UPN":       func(c *graph.Caller) { c.User = "ann@contoso.com" },
		"user is a path":      func(c *graph.Caller) { c.User = "../groups" },
		"no user":             func(c *graph.Caller) { c.User = "" },
		"no token":            func(c *graph.Caller) { c.Token = nil },
		"empty token":         func(c *graph.Caller) { c.Token = func(context.Context) (string, error) { return "", nil } },
		"token with a break":  func(c *graph.Caller) { c.Token = func(context.Context) (string, error) { return "a\r\nX: y", nil } },
		"token with a letter": func(c *graph.Caller) { c.Token = func(context.Context) (string, error) { return "tokén", nil } },
		"token fails":         func(c *graph.Caller) { c.Token = func(context.Context) (string, error) { return "", errors.New("no") } },
	} {
		for _, as := range []graph.Caller{asMe(), asApp()} {
			c, f := newFake(directory(1, nil))
			change(&as)
			_, err := c.Groups(t.Context(), as, graph.GroupQuery{})
			require.Error(t, err, name)
			_, err = c.Profile(t.Context(), as, nil)
			require.Error(t, err, name)
			_, err = c.Photo(t.Context(), as, 1000)
			require.Error(t, err, name)
			assert.Empty(t, f.requests, name)
		}
	}
	none, _ := cloud.ByName("bleu")
	_, err := graph.New(graph.Config{}).Groups(t.Context(), graph.Caller{Cloud: none, User: ann, Token: token}, graph.GroupQuery{})
	require.ErrorIs(t, err, graph.ErrNoGraph)
}

// The default client dials no private address. Attack 54.
func TestDefaultClientIsGuarded(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	as := asApp()
	as.Cloud.Graph = server.URL
	_, err := graph.New(graph.Config{}).Groups(t.Context(), as, graph.GroupQuery{})
	require.ErrorIs(t, err, outbound.ErrAddress)
	assert.False(t, reached)
}

func TestRefusals(t *testing.T) {
	for status, mender := range map[int]aadsts.Mender{400: aadsts.MenderAppOwner, 401: aadsts.MenderUser, 403: aadsts.MenderTenantAdmin, 404: aadsts.MenderUnknown} {
		c, f := newFake(directory(0, func(*http.Request, string) *http.Response {
			return reply(status, `{"error":{"code":"Some_Code","message":"<b>said by Graph</b>"}}`)
		}))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused)
		sent := f.requests[0].Header.Get("Client-Request-Id")
		assert.True(t, cloud.IsCanonicalGUID(sent))
		assert.Equal(t, &graph.Error{Method: "GET", Path: "/v1.0/me", Status: status, Code: "Some_Code", ClientRequestID: sent, RequestID: guid(77), Mender: mender}, refused)
		for _, text := range []string{refused.Error(), refused.Public()} {
			assert.Contains(t, text, sent)
			assert.Contains(t, text, guid(77))
			assert.NotContains(t, text, "said")
			assert.NotContains(t, text, bearer)
		}
		assert.Len(t, f.requests, 1, "not tried again")
	}
	for _, body := range []string{``, `<html>`, `{"error":"x"}`, `{"error":{"code":"<b>"}}`, `{"error":{"code":5}}`} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(400, body, "Request-Id", "<b>") }))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused)
		assert.Empty(t, refused.Code)
		assert.Empty(t, refused.RequestID)
	}
}

func TestClaimsChallenge(t *testing.T) {
	const want = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	encoded := base64.StdEncoding.EncodeToString([]byte(want))
	for name, header := range map[string]string{
		"as documented": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="x", error="insufficient_claims", claims="` + encoded + `"`,
		"raw base64":    `Bearer error="insufficient_claims",claims="` + strings.TrimRight(encoded, "=") + `"`,
		"plain":         `Bearer error="insufficient_claims", claims="` + strings.ReplaceAll(want, `"`, `\"`) + `"`,
	} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(401, `{}`, "WWW-Authenticate", header) }))
		_, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{})
		var challenge *aadsts.Error
		require.ErrorAs(t, err, &challenge, name)
		assert.JSONEq(t, want, challenge.Claims)
		assert.True(t, challenge.SignInAgain())
		assert.Equal(t, aadsts.MenderUser, challenge.Mender)
	}
	for _, header := range []string{
		`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(`"x"`)) + `"`, `Bearer claims=""`, `Bearer claims="{"`, `Bearer xclaims="` + encoded + `"`, `Bearer`, ``,
		`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(`{"a":"`+strings.Repeat("x", 9000)+`"}`)) + `"`,
	} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(401, `{}`, "WWW-Authenticate", header) }))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused, header)
	}
}

func TestThrottling(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		retryAfter func() string
		least      time.Duration
	}{
		"429, seconds": {429, func() string { return "3" }, 3 * time.Second},
		"429, date":    {429, func() string { return time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat) }, 3 * time.Second},
		"503, seconds": {503, func() string { return "2" }, 2 * time.Second},
		"429, nothing": {429, func() string { return "" }, 500 * time.Millisecond},
		"429, rubbish": {429, func() string { return "-7" }, 500 * time.Millisecond},
		"429, past":    {429, func() string { return "Sat, 02 Jan 1999 15:04:05 GMT" }, 0},
		"504":          {504, func() string { return "" }, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := false
				c, f := newFake(directory(2000, func(r *http.Request, _ string) *http.Response {
					if r.URL.Query().Get("$skiptoken") == "999" && !failed {
						failed = true
						return reply(test.status, `{}`, "Retry-After", test.retryAfter())
					}
					return nil
				}))
				start := time.Now()
				got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
				require.NoError(t, err)
				assert.Len(t, got, 2000)
				assert.Len(t, f.requests, 4)
				waited := time.Since(start)
				assert.GreaterOrEqual(t, waited, test.least, "Retry-After is obeyed")
				assert.Less(t, waited, test.least+test.least/4+2*time.Second)
				first, second := f.requests[1].Header.Get("Client-Request-Id"), f.requests[2].Header.Get("Client-Request-Id")
				assert.NotEqual(t, first, second, "each request has an id of its own")
			})
		})
	}
}

func TestThrottlingEnds(t *testing.T) {
	throttled := func(after string) func(*http.Request, string) *http.Response {
		return directory(0, func(*http.Request, string) *http.Response {
			return reply(429, `{"error":{"code":"TooManyRequests"}}`, "Retry-After", after)
		})
	}
	t.Run("tries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("1"))
			_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
			var refused *graph.Error
			require.ErrorAs(t, err, &refused)
			assert.True(t, refused.Retry)
			assert.Equal(t, time.Second, refused.RetryAfter)
			assert.Len(t, f.requests, 4)
		})
	})
	t.Run("the client's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("21"))
			start := time.Now()
			_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
			assert.Zero(t, time.Since(start), "nobody waits for what comes too late")
		})
	})
	t.Run("the caller's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("3"))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := c.Groups(ctx, asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
		})
	})
	t.Run("the caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("10"))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			_, err := c.Groups(ctx, asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
			assert.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("a huge wish", func(t *testing.T) {
		for _, after := range []string{"2147483647", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newFake(throttled(after))
				start := time.Now()
				_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
				require.Error(t, err)
				assert.Less(t, time.Since(start), 20*time.Second)
			})
		}
	})
}

// blocked never answers, but obeys its request's context.
type blocked struct{}

func (blocked) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := graph.New(graph.Config{HTTPClient: &http.Client{Transport: blocked{}}, Timeout: 5 * time.Second})
		start := time.Now()
		_, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestGroupNames(t *testing.T) {
	ids := make([]string, 0, 2600)
	for i := range 2500 {
		ids = append(ids, guid(i))
	}
	ids = append(ids, guid(7), strings.ToUpper("abcdef00-0000-4000-8000-000000000001"), "S-1-5-21-1", "")
	c, f := newFake(directory(0, nil))
	got, err := c.GroupNames(t.Context(), asApp(), ids)
	require.NoError(t, err)
	assert.Len(t, f.requests, 1, "three questions in one batch")
	require.Len(t, got, 2503, "each once")
	assert.Equal(t, claims.Group{ID: guid(7), Name: "Name of " + guid(7)[24:]}, got[7])
	assert.Equal(t, claims.Group{ID: guid(13)}, got[13], "unknown to Graph")
	assert.Equal(t, claims.Group{ID: "ABCDEF00-0000-4000-8000-000000000001", Name: "Name of 000000000001"}, got[2500])
	assert.Equal(t, claims.Group{ID: "S-1-5-21-1"}, got[2501])

	c, f = newFake(directory(0, nil))
	got, err = c.GroupNames(t.Context(), asApp(), []string{"S-1-5-21-1"})
	require.NoError(t, err)
	assert.Len(t, got, 1)
	assert.Empty(t, f.requests)

	c, _ = newFake(directory(0, func(_ *http.Request, body string) *http.Response {
		if strings.Contains(body, guid(1500)) {
			return reply(403, `{}`)
		}
		return nil
	}))
	got, err = c.GroupNames(t.Context(), asApp(), ids)
	require.Error(t, err)
	assert.Nil(t, got, "never a part")

	c, _ = newFake(directory(0, func(*http.Request, string) *http.Response {
		return reply(200, `{"value":[{"id":"`+guid(9999)+`","displayName":"not asked for"}]}`)
	}))
	got, err = c.GroupNames(t.Context(), asApp(), ids[:1])
	require.NoError(t, err)
	assert.Equal(t, []claims.Group{{ID: guid(0)}}, got)
}

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

func TestOneTokenACall(t *testing.T) {
	asked := 0
	as := asMe()
	as.Token = func(context.Context) (string, error) { asked++; return bearer, nil }
	c, f := newFake(directory(5000, nil))
	_, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: true})
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	assert.Contains(t, f.paths(), "GET /v1.0/me")
	assert.Equal(t, map[string]int{"https://graph.microsoft.com": 4}, f.bearers)
}

// The order of answers, the links and the ids may be anything: what comes back is whole and of strict form, or an error.
func FuzzGroups(f *testing.F) {
	f.Add([]byte(`{"value":[{"id":"`+guid(1)+`","displayName":"x"}]}`), []byte(`{"value":[]}`))
	f.Add([]byte(`{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}`), []byte(`{"value":[{"id":"`+guid(2)+`"}]}`))
	f.Add([]byte(`{"value":[],"@odata.nextLink":"https://evil.example/v1.0/x"}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		n := 0
		c, fk := newFake(directory(0, func(*http.Request, string) *http.Response {
			n++
			if n == 1 {
				return reply(200, string(first))
			}
			return reply(200, string(second))
		}))
		got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
		for host := range fk.bearers {
			require.Equal(t, "https://graph.microsoft.com", host)
		}
		if err != nil {
			require.Nil(t, got)
			require.NotContains(t, err.Error(), bearer)
			return
		}
		seen := map[string]bool{}
		for _, g := range got {
			require.True(t, cloud.IsCanonicalGUID(g.ID))
			require.False(t, seen[g.ID])
			seen[g.ID] = true
		}
	})
}
