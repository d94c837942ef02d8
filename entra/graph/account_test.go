package graph_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// What becomes of an account, through a fake Entra on the wire.
func TestEntraAccount(t *testing.T) {
	s := startEntra(t)
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants[0].Applications {
			if a := &tenants[0].Applications[i]; a.ClientID == entratest.ContosoApp {
				a.GraphPermissions = append(a.GraphPermissions, "Directory.Read.All", "Application.Read.All")
			}
		}
		return tenants
	}))
	e := &credential.Endpoint{HTTPClient: s.Client()}
	c := graph.New(graph.Config{HTTPClient: s.Client()})
	as := func(id string) graph.Caller {
		return graph.Caller{Cloud: s.Cloud(), Tenant: entratest.ContosoID, User: id, Token: appToken(s, e, secret())}
	}
	lab, err := c.Principal(t.Context(), as(""), strings.ToUpper(entratest.ContosoAssignedApp))
	require.NoError(t, err)
	require.True(t, lab.AssignmentRequired)
	portal, err := c.Principal(t.Context(), as(""), entratest.ContosoApp)
	require.NoError(t, err)
	require.False(t, portal.AssignmentRequired)
	_, err = c.Principal(t.Context(), as(""), entratest.FabrikamApp)
	var refused *graph.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusNotFound, refused.Status)

	require.NoError(t, s.DeleteUser(entratest.ContosoID, entratest.Ada, false))
	require.NoError(t, s.DeleteUser(entratest.ContosoID, entratest.Mallory, true))
	for id, want := range map[string]graph.Account{
		entratest.AnnID:     {Exists: true, Enabled: true, Assigned: graph.Assigned}, // by a group
		entratest.MayaID:    {Exists: true, Enabled: true, Assigned: graph.Assigned},
		entratest.BenID:     {Exists: true, Enabled: true, Assigned: graph.Unassigned},
		entratest.CarlID:    {Exists: true},
		entratest.AdaID:     {},
		entratest.MalloryID: {Gone: true},
	} {
		got, err := c.Account(t.Context(), as(id), lab.ID)
		require.NoError(t, err)
		require.Equal(t, want, got, id)
		want.Assigned = graph.AssignmentUnknown
		got, err = c.Account(t.Context(), as(id), "")
		require.NoError(t, err)
		require.Equal(t, want, got, "not asked")
	}
	require.NoError(t, s.SetDisabled(entratest.ContosoID, entratest.Ann, true))
	got, err := c.Account(t.Context(), as(entratest.AnnID), "")
	require.NoError(t, err)
	require.False(t, got.Enabled)
	require.Error(t, s.SetDisabled(entratest.ContosoID, "nobody@contoso.com", true))
}

// An answer is believed only as Graph documents it; what is not known is not made up.
func TestAccountAnswers(t *testing.T) {
	const principal = "22222222-2222-4333-8444-555555555555"
	missing := `{"error":{"code":"Request_ResourceNotFound"}}`
	for name, test := range map[string]struct {
		user, deleted, assigned string // "404", "403", "500", or the body of a 200
		want                    graph.Account
		fails                   bool
	}{
		"active":                        {`{"id":"` + ann + `","accountEnabled":true}`, "500", `{"value":[{"resourceId":"` + strings.ToUpper(principal) + `"}]}`, graph.Account{Exists: true, Enabled: true, Assigned: graph.Assigned}, false},
		"another application's":         {`{"id":"` + ann + `","accountEnabled":true}`, "500", `{"value":[{"resourceId":"` + bob + `"}]}`, graph.Account{Exists: true, Enabled: true, Assigned: graph.Unassigned}, false},
		"assignment not permitted":      {`{"id":"` + ann + `","accountEnabled":true}`, "500", "403", graph.Account{Exists: true, Enabled: true}, false},
		"assignment without a list":     {`{"id":"` + ann + `","accountEnabled":true}`, "500", `{}`, graph.Account{}, true},
		"assignment fails":              {`{"id":"` + ann + `","accountEnabled":true}`, "500", "400", graph.Account{}, true},
		"somebody else":                 {`{"id":"` + bob + `","accountEnabled":true}`, "500", "500", graph.Account{}, true},
		"state not permitted":           {`{"id":"` + ann + `","accountEnabled":null}`, "500", "500", graph.Account{}, true},
		"state missing":                 {`{"id":"` + ann + `"}`, "500", "500", graph.Account{}, true},
		"deleted, can be restored":      {missing, `{"id":"` + ann + `"}`, "500", graph.Account{}, false},
		"deleted for good":              {missing, missing, "500", graph.Account{Gone: true}, false},
		"deleted, not permitted to ask": {missing, "403", "500", graph.Account{}, false},
		"deleted, somebody else":        {missing, `{"id":"` + bob + `"}`, "500", graph.Account{}, true},
		"deleted, trouble":              {missing, "400", "500", graph.Account{}, true},
		"a 404 that is not Graph's":     {"404", missing, "500", graph.Account{}, true},
		"not permitted":                 {"403", missing, "500", graph.Account{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(body string) *http.Response {
				switch body {
				case "400":
					return reply(400, `{"error":{"code":"BadRequest"}}`)
				case "403":
					return reply(403, `{"error":{"code":"Authorization_RequestDenied"}}`)
				case "404":
					return reply(404, "<html>not here</html>")
				case missing:
					return reply(404, missing)
				}
				return reply(200, body)
			}
			c, _ := newFake(func(r *http.Request, _ string) *http.Response {
				switch {
				case strings.Contains(r.URL.Path, "/deletedItems/"):
					return answer(test.deleted)
				case strings.HasSuffix(r.URL.Path, "/appRoleAssignments"):
					return answer(test.assigned)
				}
				return answer(test.user)
			})
			got, err := c.Account(t.Context(), asApp(), principal)
			require.Equal(t, test.fails, err != nil, "%v", err)
			if !test.fails {
				require.Equal(t, test.want, got)
			}
		})
	}
}

func TestAccountRefuses(t *testing.T) {
	c, f := newFake(func(*http.Request, string) *http.Response {
		return reply(200, `{"id":"x","appRoleAssignmentRequired":true}`)
	})
	as := asApp()
	_, err := c.Account(t.Context(), asMe(), "")
	require.Error(t, err)
	_, err = c.Account(t.Context(), as, "') or 1 eq 1")
	require.Error(t, err)
	_, err = c.Principal(t.Context(), as, "a')/owners")
	require.Error(t, err)
	require.Empty(t, f.requests)
	_, err = c.Principal(t.Context(), as, tenant)
	require.ErrorIs(t, err, graph.ErrIncomplete)
	half, _ := newFake(func(*http.Request, string) *http.Response { return reply(200, `{"id":"`+tenant+`"}`) })
	_, err = half.Principal(t.Context(), as, tenant)
	require.ErrorIs(t, err, graph.ErrIncomplete, "whether assignment is required is not said")
	as.Token = func(context.Context) (string, error) { return "", errors.New("no token today") }
	_, err = c.Principal(t.Context(), as, tenant)
	require.ErrorContains(t, err, "no token today")
}
