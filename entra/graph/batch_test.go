package graph_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

func manyIDs() []string {
	ids := make([]string, 2500)
	for i := range ids {
		ids[i] = guid(i)
	}
	return ids
}

// A batch is throttled question by question: the others keep their answers, and the whole waits as long as the most patient one asks.
func TestBatchIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := []string{}
		c, _ := newFake(func(r *http.Request, body string) *http.Response {
			var q struct{ Requests []struct{ ID string } }
			require.NoError(t, json.Unmarshal([]byte(body), &q))
			ids := ""
			for _, one := range q.Requests {
				ids += one.ID
			}
			asked = append(asked, ids)
			if len(asked) == 1 {
				return reply(200, `{"responses":[{"id":"0","status":429,"headers":{"Retry-After":"3"},"body":{}},{"id":"2","status":503,"headers":{"retry-after":"7"},"body":{}},`+
					`{"id":"1","status":200,"body":{"value":[]}}]}`)
			}
			return batch(body)
		})
		begun := time.Now()
		got, err := c.GroupNames(t.Context(), asApp(), manyIDs())
		require.NoError(t, err)
		assert.Len(t, got, 2500)
		assert.Equal(t, []string{"012", "02"}, asked)
		assert.GreaterOrEqual(t, time.Since(begun), 7*time.Second)
	})
}

// Whatever a batch answers, it is all or nothing.
func TestBatchIsNeverAPart(t *testing.T) {
	const ok = `{"id":"0","status":200,"body":{"value":[]}},{"id":"1","status":200,"body":{"value":[]}}`
	for name, body := range map[string]string{
		"one missing":  `{"responses":[` + ok + `]}`,
		"one twice":    `{"responses":[` + ok + `,{"id":"1","status":200,"body":{"value":[]}}]}`,
		"all and more": `{"responses":[` + ok + `,{"id":"2","status":200,"body":{"value":[]}},{"id":"2","status":200,"body":{"value":[]}}]}`,
		"one foreign":  `{"responses":[` + ok + `,{"id":"9","status":200,"body":{"value":[]}}]}`,
		"refused":      `{"responses":[` + ok + `,{"id":"2","status":403,"body":{"error":{"code":"Authorization_RequestDenied"}}}]}`,
		"no list":      `{"responses":[` + ok + `,{"id":"2","status":200,"body":{}}]}`,
		"no answer":    `{"responses":[` + ok + `,{"id":"2","status":200}]}`,
		"foreign link": `{"responses":[` + ok + `,{"id":"2","status":200,"body":{"value":[],"@odata.nextLink":"https://evil.example/v1.0/x"}}]}`,
		"nothing":      `{}`,
	} {
		c, f := newFake(func(*http.Request, string) *http.Response { return reply(200, body) })
		got, err := c.GroupNames(t.Context(), asApp(), manyIDs())
		require.Error(t, err, name)
		assert.Nil(t, got, name)
		assert.Equal(t, map[string]int{"https://graph.microsoft.com": 1}, f.bearers, name)
	}
	c, _ := newFake(func(*http.Request, string) *http.Response {
		return reply(200, `{"responses":[`+strings.Repeat(" ", 13<<20)+`]}`)
	})
	_, err := c.GroupNames(t.Context(), asApp(), manyIDs())
	require.ErrorIs(t, err, outbound.ErrTooLarge)
}

// Forms: what a token would call the groups, or an error. A cloud group stands as its object id, and its name is worth nothing.
func TestForms(t *testing.T) {
	const synced = `{"id":"%1","displayName":"Admins","onPremisesSyncEnabled":true,"onPremisesSamAccountName":"sam","onPremisesDomainName":"corp.example","onPremisesNetBiosName":"CORP","onPremisesSecurityIdentifier":"S-1-5-21-7"}`
	ask := func(form graph.Form, groups string) ([]claims.Group, error) {
		c, _ := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
			if strings.HasSuffix(r.URL.Path, "microsoft.graph.group") {
				return reply(200, `{"value":[`+strings.NewReplacer("%1", guid(1), "%2", guid(2)).Replace(groups)+`]}`)
			}
			return nil
		}))
		return c.Groups(t.Context(), asMe(), graph.GroupQuery{Form: form})
	}
	for form, want := range map[graph.Form]claims.Group{
		graph.FormSAM:         {Name: "sam", Origin: claims.OriginOnPremises},
		graph.FormDNSSAM:      {Name: `corp.example\sam`, Origin: claims.OriginOnPremises},
		graph.FormNetBIOSSAM:  {Name: `CORP\sam`, Origin: claims.OriginOnPremises},
		graph.FormSID:         {ID: "S-1-5-21-7", Origin: claims.OriginOnPremises},
		graph.FormDisplayName: {Name: "Admins", Origin: claims.OriginOnPremises},
	} {
		got, err := ask(form, synced+`,{"id":"%2","displayName":"Administrators","onPremisesSyncEnabled":null}`)
		require.NoError(t, err, form)
		cloudGroup := claims.Group{ID: guid(2)}
		if form == graph.FormDisplayName {
			cloudGroup = claims.Group{Name: "Administrators"}
		}
		assert.Equal(t, []claims.Group{want, cloudGroup}, got, form)
		assert.False(t, got[1].NameTrusted())

		for name, groups := range map[string]string{
			"permission missing": `{"id":"%1","displayName":null,"onPremisesSyncEnabled":null}`,
			"half of it":         `{"id":"%1","displayName":"","onPremisesSyncEnabled":true}`,
		} {
			got, err := ask(form, groups)
			require.ErrorIs(t, err, graph.ErrIncomplete, "%s %s", form, name)
			assert.Nil(t, got)
		}
	}
	for _, form := range []graph.Form{graph.FormDNSSAM, graph.FormNetBIOSSAM} {
		_, err := ask(form, `{"id":"%1","displayName":"Admins","onPremisesSyncEnabled":true,"onPremisesSamAccountName":"sam"}`)
		require.ErrorIs(t, err, graph.ErrIncomplete, "%s: a name of no domain", form)
	}
}

// Attack 53: of an application that emits assigned groups, all transitive groups are no substitute.
func TestAttack53AssignedGroupsOnly(t *testing.T) {
	const principal = "77777777-2222-4333-8444-555555555555"
	ask := func(assignments string) ([]claims.Group, error) {
		c, _ := newFake(directory(50, func(r *http.Request, body string) *http.Response {
			switch {
			case strings.Contains(r.URL.Path, "servicePrincipals"):
				return reply(200, `{"id":"`+principal+`","appRoleAssignmentRequired":true}`)
			case strings.HasSuffix(r.URL.Path, "/appRoleAssignments"):
				return reply(200, `{"value":[`+assignments+`]}`)
			}
			return nil
		}))
		return c.Groups(t.Context(), asApp(), graph.GroupQuery{AssignedTo: tenant, Names: true})
	}
	one := func(kind, id, resource string) string {
		return `{"principalType":"` + kind + `","principalId":"` + id + `","resourceId":"` + resource + `"}`
	}
	got, err := ask(one("Group", guid(1), principal) + "," + one("Group", guid(1), principal) + "," + one("User", ann, principal) + "," + one("Group", guid(2), tenant))
	require.NoError(t, err)
	assert.Equal(t, []claims.Group{{ID: guid(1), Name: "Name of 000000000001", Origin: claims.OriginAssigned}}, got, "its own, each once, of this application")
	got, err = ask("")
	require.NoError(t, err)
	assert.Equal(t, []claims.Group{}, got)
	_, err = ask(one("", guid(1), principal))
	require.ErrorIs(t, err, graph.ErrIncomplete)
	_, err = ask(one("Group", "x", principal))
	require.ErrorIs(t, err, graph.ErrIncomplete)

	c, f := newFake(directory(50, func(r *http.Request, _ string) *http.Response {
		if strings.Contains(r.URL.Path, "servicePrincipals") {
			return reply(403, `{"error":{"code":"Authorization_RequestDenied"}}`)
		}
		return nil
	}))
	_, err = c.Groups(t.Context(), asApp(), graph.GroupQuery{AssignedTo: tenant})
	require.Error(t, err)
	assert.Len(t, f.requests, 1, "no other list is asked for instead")
	_, err = c.Groups(t.Context(), asApp(), graph.GroupQuery{AssignedTo: "x')/owners"})
	require.ErrorContains(t, err, "client id")
}
