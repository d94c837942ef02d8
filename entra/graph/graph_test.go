package graph_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

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
