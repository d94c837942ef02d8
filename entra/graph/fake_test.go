package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
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
