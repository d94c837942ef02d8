package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const (
	pageSize     = 999 // the most that Graph gives
	maxPages     = 60
	shortWayFrom = 2 * pageSize // groups; up to here pages take no more requests than asking for ids and then for names
)

// GroupQuery says which groups, and how they are told.
type GroupQuery struct {
	Names        bool   // false: ids only, which takes fewer requests
	SecurityOnly bool   // without Microsoft 365 groups and distribution lists that are not security-enabled
	AssignedTo   string // a client id: only groups that the user is directly in and that are assigned to this application
	Form         Form   // "": object ids
}

// details reports whether more than ids is wanted.
func (q GroupQuery) details() bool { return q.Names || q.Form != FormObjectID }

// group is one of Graph's. Pointers: Graph answers null for what the token's permissions do not cover.
type group struct {
	ID                    string  `json:"id"`
	DisplayName           *string `json:"displayName"`
	SecurityEnabled       *bool   `json:"securityEnabled"`
	OnPremisesSyncEnabled *bool   `json:"onPremisesSyncEnabled"`
	SAM                   *string `json:"onPremisesSamAccountName"`
	DNSDomain             *string `json:"onPremisesDomainName"`
	NetBIOS               *string `json:"onPremisesNetBiosName"`
	SID                   *string `json:"onPremisesSecurityIdentifier"`
}

// page of a list. A 200 without a list is not an empty list.
type page[T any] struct {
	Value    *[]T   `json:"value"`
	NextLink string `json:"@odata.nextLink"`
	Count    int    `json:"@odata.count"`
}

// Groups returns all groups of the user, direct and nested, or an error; never a part of them. A name is "" where the token's
// permissions do not cover it, and so is an origin.
//
// 5,000 groups with names take four requests: pages of 999 would be six. One that does not see how many there are reads page by page.
//
// Permissions: delegated User.Read is enough for ids, names need GroupMember.Read.All; app-only needs GroupMember.Read.All and
// User.Read.All; AssignedTo needs Directory.Read.All. Without a permission the error is *Error with Status 403.
//
// Sources: https://learn.microsoft.com/graph/api/user-list-transitivememberof,
// https://learn.microsoft.com/graph/api/directoryobject-getmembergroups and
// https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects
func (c *Client) Groups(ctx context.Context, as Caller, q GroupQuery) ([]claims.Group, error) {
	if q.AssignedTo != "" && !cloud.IsGUID(q.AssignedTo) {
		return nil, errors.New("graph: the application is not a client id")
	}
	key := as.key("groups", q)
	if kept, ok := c.cache.get(key, c.config.Now); ok {
		return slices.Clone(kept.groups), nil
	}
	ctx, cancel, s, err := c.begin(ctx, as, true)
	if err != nil {
		return nil, err
	}
	defer cancel()
	var found []group
	err = s.aboutUser(ctx, func(ctx context.Context) (err error) {
		found, err = s.groups(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := q.told(found)
	if err == nil {
		c.cache.put(key, answer{groups: slices.Clone(list)}, c.config.Now)
	}
	return list, err
}

func (s *session) groups(ctx context.Context, q GroupQuery) ([]group, error) {
	if q.AssignedTo != "" {
		return s.assignedGroups(ctx, q)
	}
	// One request for up to 11,000 ids. For all kinds of groups a delegated token seldom has the permission, so that asking is no use before
	// it is known that there are many.
	if !q.details() && (!s.me || q.SecurityOnly) {
		found, err := s.memberIDs(ctx, q.SecurityOnly)
		if !pagingMayHelp(err) {
			return found, err
		}
	}
	return s.pagedGroups(ctx, q)
}

// pagedGroups reads page by page, until the first page says that there is a shorter way.
func (s *session) pagedGroups(ctx context.Context, q GroupQuery) ([]group, error) {
	u := s.at("/transitiveMemberOf/microsoft.graph.group", url.Values{
		"$select": {selection(q)}, "$top": {fmt.Sprint(pageSize)}, "$count": {"true"},
	})
	var first page[group]
	if err := s.getJSON(ctx, u, &first); err != nil {
		return nil, err
	}
	if first.NextLink != "" && first.Count > shortWayFrom {
		found, err := s.groupsByID(ctx, q)
		if !pagingMayHelp(err) {
			return found, err
		}
	}
	found, err := rest(ctx, s, u, first)
	if err != nil || !q.SecurityOnly {
		return found, err
	}
	return securityOnly(found)
}

// groupsByID asks for all ids at once, then for what is to be known of them, many in one request.
func (s *session) groupsByID(ctx context.Context, q GroupQuery) ([]group, error) {
	found, err := s.memberIDs(ctx, q.SecurityOnly)
	if err != nil || !q.details() {
		return found, err
	}
	return s.detailed(ctx, found, q)
}

// detailed completes groups of which the ids are known. One that is gone by now keeps its id alone.
func (s *session) detailed(ctx context.Context, found []group, q GroupQuery) ([]group, error) {
	ids := make([]string, len(found))
	index := make(map[string]int, len(found))
	for i, g := range found {
		if !cloud.IsGUID(g.ID) {
			return nil, fmt.Errorf("graph: %w: a group without an object id", ErrIncomplete)
		}
		ids[i] = strings.ToLower(g.ID)
		index[ids[i]] = i
	}
	full, err := s.byIDs(ctx, ids, selection(q))
	if err != nil {
		return nil, err
	}
	for _, g := range full {
		if i, ok := index[strings.ToLower(g.ID)]; ok {
			found[i] = g
		}
	}
	return found, nil
}

func selection(q GroupQuery) string {
	fields := "id"
	if q.details() {
		fields += ",displayName,onPremisesSyncEnabled" + q.Form.properties()
	}
	if q.SecurityOnly {
		fields += ",securityEnabled"
	}
	return fields
}

// memberIDs asks for all ids at once. Of the signed-in person getMemberObjects tells the security groups by User.Read alone; for all kinds it would
// add directory roles and administrative units.
func (s *session) memberIDs(ctx context.Context, securityOnly bool) ([]group, error) {
	action := "getMemberGroups"
	if s.me && securityOnly {
		action = "getMemberObjects"
	}
	var ids page[string]
	if err := s.postJSON(ctx, s.at("/"+action, nil), map[string]bool{"securityEnabledOnly": securityOnly}, &ids); err != nil {
		return nil, err
	}
	if ids.Value == nil || ids.NextLink != "" { // documented to come on one page
		return nil, fmt.Errorf("graph: %s: %w", action, ErrIncomplete)
	}
	found := make([]group, len(*ids.Value))
	for i, id := range *ids.Value {
		found[i].ID = id
	}
	return found, nil
}

// pagingMayHelp: too many groups for one answer, or a permission that paging does not need.
func pagingMayHelp(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Code == "Directory_ResultSizeLimitExceeded")
}

// pages reads a list to its end.
func pages[T any](ctx context.Context, s *session, u *url.URL) ([]T, error) {
	var first page[T]
	if err := s.getJSON(ctx, u, &first); err != nil {
		return nil, err
	}
	return rest(ctx, s, u, first)
}

// rest reads on from the first page, whose address was u.
func rest[T any](ctx context.Context, s *session, u *url.URL, p page[T]) ([]T, error) {
	var all []T
	seen := map[string]bool{u.String(): true}
	for range maxPages {
		if p.Value == nil {
			return nil, fmt.Errorf("graph: %s: %w: an answer without a list", u.Path, ErrIncomplete)
		}
		all = append(all, *p.Value...)
		if p.NextLink == "" {
			return all, nil
		}
		next, err := url.Parse(p.NextLink)
		if err != nil {
			return nil, fmt.Errorf("graph: %s: %w", u.Path, ErrForeignLink) // which one is not repeated
		}
		if seen[next.String()] {
			return nil, fmt.Errorf("graph: %s: %w: the pages go round in a circle", u.Path, ErrIncomplete)
		}
		u, seen[next.String()] = next, true
		p = page[T]{}
		if err := s.getJSON(ctx, u, &p); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("graph: %s: %w: more than %d pages", u.Path, ErrIncomplete, maxPages)
}

// securityOnly keeps the security-enabled groups. Graph answers null where the token's permissions do not cover it,
// and nobody may guess then.
func securityOnly(found []group) ([]group, error) {
	kept := make([]group, 0, len(found))
	for _, g := range found {
		if g.SecurityEnabled == nil {
			return nil, fmt.Errorf("graph: %w: which groups are security-enabled takes the permission GroupMember.Read.All", ErrIncomplete)
		}
		if *g.SecurityEnabled {
			kept = append(kept, g)
		}
	}
	return kept, nil
}
