package graph

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// assignment of a user to an application: of their own, or of a group that they are directly in.
type assignment struct {
	ResourceID    string `json:"resourceId"`
	PrincipalID   string `json:"principalId"`
	PrincipalType string `json:"principalType"`
}

// assignments lists those to one application.
//
// Source: https://learn.microsoft.com/graph/api/user-list-approleassignments
func (s *session) assignments(ctx context.Context, principal string) ([]assignment, error) {
	u := s.at("/appRoleAssignments", url.Values{"$filter": {"resourceId eq " + principal}, "$count": {"true"}})
	found, err := pages[assignment](ctx, s, u)
	if err != nil {
		return nil, err
	}
	kept := found[:0]
	for _, a := range found {
		if strings.EqualFold(a.ResourceID, principal) {
			kept = append(kept, a)
		}
	}
	return kept, nil
}

// assignedGroups are what tokens of an application hold that emits "groups assigned to the application": those that the person is directly in,
// and none that these are nested in. All transitive groups in their place would make everybody's groups look like an administrator's choice.
func (s *session) assignedGroups(ctx context.Context, q GroupQuery) ([]group, error) {
	p, err := s.principal(ctx, q.AssignedTo)
	if err != nil {
		return nil, err
	}
	list, err := s.assignments(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	var found []group
	seen := map[string]bool{}
	for _, a := range list {
		switch id := strings.ToLower(a.PrincipalID); {
		case a.PrincipalType == "":
			return nil, fmt.Errorf("graph: %w: an assignment that does not say to whom", ErrIncomplete)
		case a.PrincipalType == "Group" && !seen[id]:
			seen[id] = true
			found = append(found, group{ID: id})
		}
	}
	if len(found) == 0 || !q.details() {
		return found, nil
	}
	return s.detailed(ctx, found, q)
}
