package entratest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits of Graph.
const (
	defaultPage   = 100    // https://learn.microsoft.com/graph/api/user-list-transitivememberof
	largestPage   = 999    // the same page
	maxMemberIDs  = 11_000 // https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
	maxByIDs      = 1_000  // https://learn.microsoft.com/graph/api/directoryobject-getbyids
	maxBatch      = 20     // https://learn.microsoft.com/graph/json-batching
	maxGraphInput = 1 << 20
)

// readsGroups are the permissions that show more of a group than its id.
// https://learn.microsoft.com/graph/permissions-overview#limited-information-returned-for-inaccessible-member-objects
var readsGroups = []string{"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}

// member is what somebody is a member of: a group or a directory role.
type member struct {
	id   string
	kind string // of @odata.type
	info map[string]any
}

// memberships lists what a user is a member of: groups, and unless they are cast to groups, directory roles.
func (t *Tenant) memberships(u *User, transitive, groupsOnly bool) []member {
	var out []member
	for _, g := range t.transitiveGroups(u) {
		if transitive || containsFold(u.Groups, g.ID) {
			out = append(out, member{g.ID, "#microsoft.graph.group", g.properties()})
		}
	}
	if !groupsOnly {
		for _, template := range u.DirectoryRoles {
			id := directoryRoleID(t.ID, template)
			out = append(out, member{id, "#microsoft.graph.directoryRole", map[string]any{
				"id": id, "displayName": directoryRoleNames[template], "roleTemplateId": template, "description": nil,
			}})
		}
	}
	return out
}

var directoryRoleNames = map[string]string{GlobalAdministrator: "Global Administrator"}

// directoryRoleID is the object id of an activated role, which differs from its template's.
func directoryRoleID(tenantID, template string) string {
	return servicePrincipal(tenantID, "role "+template)
}

// properties are the group's, under Graph's names.
// https://learn.microsoft.com/graph/api/resources/group#properties
func (g *Group) properties() map[string]any {
	out := map[string]any{
		"id": g.ID, "displayName": g.Name, "securityEnabled": g.SecurityEnabled, "mailEnabled": !g.SecurityEnabled, "groupTypes": []string{},
		"description": nil, "mail": nil, "onPremisesSyncEnabled": nil, "onPremisesSamAccountName": nil,
	}
	if g.OnPremises != "" {
		out["onPremisesSyncEnabled"], out["onPremisesSamAccountName"] = true, g.OnPremises
		for name, value := range map[string]string{"onPremisesDomainName": g.DNSDomain, "onPremisesNetBiosName": g.NetBIOSDomain, "onPremisesSecurityIdentifier": g.SID} {
			if value != "" {
				out[name] = value
			}
		}
	}
	return out
}

// show is how a caller sees a member: without the permission for its type, everything but type and id is null.
func (c *caller) show(m member, selected []string) map[string]any {
	info := maps.Clone(m.info)
	if m.kind == "#microsoft.graph.group" && !c.may(readsGroups...) || m.kind == "#microsoft.graph.directoryRole" && !c.may("Directory.Read.All") {
		for name := range info {
			info[name] = nil
		}
		info["id"] = m.id
	}
	if selected != nil {
		maps.DeleteFunc(info, func(name string, _ any) bool { return !slices.Contains(selected, name) })
	}
	info["@odata.type"] = m.kind
	return info
}

// serveMemberOf lists memberships, page by page.
// https://learn.microsoft.com/graph/api/user-list-transitivememberof
func (s *Server) serveMemberOf(r *http.Request, c *caller) (any, *graphFailure) {
	if c.user == nil && !c.may("User.Read.All") && !c.may(readsGroups...) {
		return nil, denied // it does not even learn who is there
	}
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	if !c.may("User.Read.All") && !c.may(readsGroups...) && (c.user != u || !c.may("User.Read")) {
		return nil, denied
	}
	q := r.URL.Query()
	cast := strings.HasSuffix(r.URL.Path, "/microsoft.graph.group")
	counted := q.Get("$count") == "true"
	if cast && (!counted || !strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual")) {
		// https://learn.microsoft.com/graph/aad-advanced-queries
		return nil, badRequest("Request_UnsupportedQuery", "The specified filter to the reference property query is currently not supported.")
	}
	page, failed := readPage(q)
	if failed != nil {
		return nil, failed
	}
	var selected []string
	if list := q.Get("$select"); list != "" {
		selected = append(strings.Split(list, ","), "id")
	}
	all := c.tenant.memberships(u, strings.Contains(r.URL.Path, "/transitiveMemberOf"), cast)
	from := min(page.from, len(all))
	to := min(from+page.size, len(all))
	values := make([]map[string]any, 0, to-from)
	for _, m := range all[from:to] {
		values = append(values, c.show(m, selected))
	}
	answer := map[string]any{"@odata.context": s.GraphURL + "/v1.0/$metadata#directoryObjects", "value": values}
	if counted && from == 0 {
		answer["@odata.count"] = len(all)
	}
	if to < len(all) {
		answer["@odata.nextLink"] = s.nextLink(r.URL, to)
	}
	return answer, nil
}

// listPage is which part of a list is asked for.
type listPage struct{ from, size int }

func readPage(q url.Values) (listPage, *graphFailure) {
	p := listPage{size: defaultPage}
	if top := q.Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > largestPage {
			return p, badRequest("Request_BadRequest", "Invalid page size specified: '"+top+"'. Must be between 1 and 999 inclusive.")
		}
		p.size = n
	}
	if token := q.Get("$skiptoken"); token != "" {
		data, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return p, badRequest("Directory_ExpiredPageToken", "The specified page token value is invalid.")
		}
		if _, err := fmt.Sscanf(string(data), "from %d", &p.from); err != nil || p.from < 0 {
			return p, badRequest("Directory_ExpiredPageToken", "The specified page token value is invalid.")
		}
	}
	return p, nil
}

// nextLink is the address of the page that begins at an index. It is opaque to clients.
func (s *Server) nextLink(u *url.URL, from int) string {
	q := u.Query()
	q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "from %d", from)))
	if elsewhere := s.currentFaults().ForeignNextLink; elsewhere != "" {
		return elsewhere
	}
	return s.GraphURL + u.Path + "?" + q.Encode()
}

// serveMemberObjects answers the ids of groups and directory roles.
// https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects
func (s *Server) serveMemberObjects(r *http.Request, c *caller) (any, *graphFailure) {
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	if !c.may("User.Read.All", "Directory.Read.All") && (c.user != u || !c.may("User.Read")) {
		return nil, denied
	}
	return s.memberIDs(r, c, u, false)
}

// serveMemberGroups answers the ids of groups.
// https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
func (s *Server) serveMemberGroups(r *http.Request, c *caller) (any, *graphFailure) {
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	readsUser := c.may("User.Read.All") || c.user == u && c.may("User.Read")
	if !c.may("Directory.Read.All") && (!readsUser || !c.may("GroupMember.Read.All", "Group.Read.All")) {
		return nil, denied
	}
	return s.memberIDs(r, c, u, true)
}

func (s *Server) memberIDs(r *http.Request, c *caller, u *User, groupsOnly bool) (any, *graphFailure) {
	var body struct {
		SecurityEnabledOnly *bool `json:"securityEnabledOnly"`
	}
	if err := readGraphJSON(r, &body); err != nil || body.SecurityEnabledOnly == nil {
		return nil, notJSON
	}
	ids := make([]string, 0, len(u.Groups))
	for _, m := range c.tenant.memberships(u, true, groupsOnly || *body.SecurityEnabledOnly) {
		if *body.SecurityEnabledOnly && m.info["securityEnabled"] != true {
			continue
		}
		ids = append(ids, m.id)
	}
	if len(ids) > maxMemberIDs {
		return nil, badRequest("Directory_ResultSizeLimitExceeded", "The result size limit has been exceeded.")
	}
	return map[string]any{"@odata.context": s.GraphURL + "/v1.0/$metadata#Collection(Edm.String)", "value": ids}, nil
}

func readGraphJSON(r *http.Request, into any) error {
	return json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxGraphInput)).Decode(into)
}

// serveByIDs answers objects by id; unknown ones are left out.
// https://learn.microsoft.com/graph/api/directoryobject-getbyids
func (s *Server) serveByIDs(r *http.Request, c *caller) (any, *graphFailure) {
	if !c.may("User.Read", "User.Read.All") && !c.may(readsGroups...) {
		return nil, denied
	}
	var body struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if err := readGraphJSON(r, &body); err != nil {
		return nil, notJSON
	}
	if len(body.IDs) > maxByIDs {
		return nil, badRequest("Request_BadRequest", "Number of identifiers exceeds the limit of 1000.")
	}
	wants := func(kind string) bool {
		return len(body.Types) == 0 || containsFold(body.Types, kind) || containsFold(body.Types, "directoryObject")
	}
	values := make([]map[string]any, 0, len(body.IDs))
	for _, id := range body.IDs {
		switch g, u := c.tenant.group(id), c.tenant.user(id); {
		case g != nil && wants("group"):
			values = append(values, c.show(member{g.ID, "#microsoft.graph.group", g.properties()}, nil))
		case u != nil && wants("user"):
			info := map[string]any{"@odata.type": "#microsoft.graph.user", "id": u.ID, "displayName": nil}
			if c.may("User.Read.All", "Directory.Read.All") || c.user == u {
				info["displayName"] = u.DisplayName
			}
			values = append(values, info)
		}
	}
	return map[string]any{"@odata.context": s.GraphURL + "/v1.0/$metadata#directoryObjects", "value": values}, nil
}
