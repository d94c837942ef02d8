package entratest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// SetDisabled disables or enables a user, named by object id or UPN, as an administrator does.
func (s *Server) SetDisabled(tenantID, user string, disabled bool) error {
	return s.editUser(tenantID, user, func(_ *Tenant, u *User) { u.Disabled = disabled })
}

// DeleteUser deletes a user, named by object id or UPN: at first among the deleted items, where it can be restored for 30 days, or for good.
// https://learn.microsoft.com/graph/api/user-delete
func (s *Server) DeleteUser(tenantID, user string, forGood bool) error {
	return s.editUser(tenantID, user, func(t *Tenant, u *User) {
		gone := *u
		t.Users = slices.DeleteFunc(t.Users, func(other User) bool { return other.ID == gone.ID })
		if !forGood {
			t.DeletedUsers = append(t.DeletedUsers, gone)
		}
	})
}

func (s *Server) editUser(tenantID, user string, change func(*Tenant, *User)) error {
	found := false
	err := s.Edit(func(tenants []Tenant) []Tenant {
		d := directory{tenants}
		if t := d.tenantByName(tenantID); t != nil {
			if u := t.user(user); u != nil {
				found = true
				change(t, u)
			}
		}
		return tenants
	})
	if err == nil && !found {
		return fmt.Errorf("entratest: tenant %q has no user %q", tenantID, user)
	}
	return err
}

// serveDeleted answers a deleted user that can be restored.
// https://learn.microsoft.com/graph/api/directory-deleteditems-get
func (s *Server) serveDeleted(r *http.Request, c *caller) (any, *graphFailure) {
	if !c.may("User.Read.All", "Directory.Read.All") {
		return nil, denied
	}
	id := r.PathValue("object")
	for i := range c.tenant.DeletedUsers {
		if u := &c.tenant.DeletedUsers[i]; strings.EqualFold(u.ID, id) {
			return map[string]any{
				"@odata.type": "#microsoft.graph.user", "id": u.ID, "displayName": u.DisplayName, "mail": u.Mail,
				"deletedDateTime": s.now().UTC().Format("2006-01-02T15:04:05Z"), // when does not matter to anybody here
			}, nil
		}
	}
	return nil, notFound(id)
}

// servePrincipal answers /servicePrincipals(appId='…').
// https://learn.microsoft.com/graph/api/serviceprincipal-get
func (s *Server) servePrincipal(r *http.Request, c *caller) (any, *graphFailure) {
	id, ok := strings.CutPrefix(r.PathValue("principal"), "servicePrincipals(appId='")
	id, closed := strings.CutSuffix(id, "')")
	if !ok || !closed {
		return nil, badRequest("BadRequest", "Resource not found for the segment '"+r.URL.Path+"'.")
	}
	if !c.may("Application.Read.All", "Directory.Read.All") {
		return nil, denied
	}
	owner, app := s.dir().application(id)
	if app == nil || owner.ID != c.tenant.ID && !app.MultiTenant {
		return nil, notFound(id)
	}
	return map[string]any{
		"id": servicePrincipal(c.tenant.ID, app.ClientID), "appId": app.ClientID, "displayName": app.Name,
		"appRoleAssignmentRequired": app.AssignmentRequired, "accountEnabled": !app.Disabled,
	}, nil
}

// serveAssignments lists the applications that a user is assigned to, directly or by a group that they are a direct member of. Of $filter it knows
// resourceId eq {GUID}.
// https://learn.microsoft.com/graph/api/user-list-approleassignments
func (s *Server) serveAssignments(r *http.Request, c *caller) (any, *graphFailure) {
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	if !c.may("Directory.Read.All", "AppRoleAssignment.ReadWrite.All") {
		return nil, denied
	}
	filter := r.URL.Query().Get("$filter")
	resource, ok := strings.CutPrefix(filter, "resourceId eq ")
	if filter != "" && !ok {
		return nil, badRequest("Request_UnsupportedQuery", "Unsupported or invalid query filter clause.")
	}
	list := []map[string]any{}
	for _, t := range s.dir().tenants {
		for i := range t.Applications {
			app := &t.Applications[i]
			id := servicePrincipal(c.tenant.ID, app.ClientID)
			if resource != "" && !strings.EqualFold(resource, id) || t.ID != c.tenant.ID && !app.MultiTenant {
				continue
			}
			for _, who := range app.assignmentsOf(u) {
				list = append(list, map[string]any{"id": opaque(24), "resourceId": id, "resourceDisplayName": app.Name, "principalId": who, "principalType": principalType(u, who)})
			}
		}
	}
	return map[string]any{"@odata.context": s.GraphURL + "/v1.0/$metadata#appRoleAssignments", "@odata.count": len(list), "value": list}, nil
}

func principalType(u *User, id string) string {
	if id == u.ID {
		return "User"
	}
	return "Group"
}

// assignmentsOf returns the object ids by which a user is assigned: their own, or those of groups.
func (a *Application) assignmentsOf(u *User) []string {
	var out []string
	for _, who := range a.Assigned {
		switch {
		case strings.EqualFold(who, u.UPN), strings.EqualFold(who, u.ID):
			out = append(out, u.ID)
		case containsFold(u.Groups, who):
			out = append(out, who)
		}
	}
	return out
}
