package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const (
	pageSize = 999 // the most that Graph gives
	maxPages = 60
)

// GroupQuery says which groups, and whether with names.
type GroupQuery struct {
	Names        bool // false: ids only, which takes fewer requests
	SecurityOnly bool // without Microsoft 365 groups and distribution lists that are not security-enabled
}

// group is one of Graph's. Pointers: Graph answers null for what the token's permissions do not cover.
type group struct {
	ID                    string  `json:"id"`
	DisplayName           *string `json:"displayName"`
	SecurityEnabled       *bool   `json:"securityEnabled"`
	OnPremisesSyncEnabled *bool   `json:"onPremisesSyncEnabled"`
}

func (g group) name() string {
	if g.DisplayName == nil {
		return ""
	}
	return *g.DisplayName
}

// page of a list. A 200 without a list is not an empty list.
type page[T any] struct {
	Value    *[]T   `json:"value"`
	NextLink string `json:"@odata.nextLink"`
}

// Groups returns all groups of the user, direct and nested, or an error; never a part of them. A name is "" where the token's
// permissions do not cover it.
//
// Permissions: delegated User.Read is enough for ids, names need GroupMember.Read.All; app-only needs GroupMember.Read.All and
// User.Read.All. Without a permission the error is *Error with Status 403.
//
// Sources: https://learn.microsoft.com/graph/api/user-list-transitivememberof and
// https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
func (c *Client) Groups(ctx context.Context, as Caller, q GroupQuery) ([]claims.Group, error) {
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
	return distinct(found)
}

// distinct returns each group once: nested membership can list one twice. A list with something in it that is no
// object id is not believed.
func distinct(found []group) ([]claims.Group, error) {
	list := make([]claims.Group, 0, len(found))
	seen := make(map[string]bool, len(found))
	for _, g := range found {
		if !cloud.IsGUID(g.ID) {
			return nil, fmt.Errorf("graph: %w: a group without an object id", ErrIncomplete)
		}
		id := strings.ToLower(g.ID)
		if !seen[id] {
			seen[id] = true
			list = append(list, claims.Group{ID: id, Name: g.name()})
		}
	}
	return list, nil
}

func (s *session) groups(ctx context.Context, q GroupQuery) ([]group, error) {
	// One request for up to 11,000 ids. A delegated token seldom has the permission for it, so that
	// asking is worth a try only where paging could not tell which groups are security-enabled.
	if !q.Names && (!s.me || q.SecurityOnly) {
		found, err := s.memberGroups(ctx, q.SecurityOnly)
		if !pagingMayHelp(err) {
			return found, err
		}
	}
	found, err := pages[group](ctx, s, s.at("/transitiveMemberOf/microsoft.graph.group", url.Values{
		"$select": {selection(q)}, "$top": {fmt.Sprint(pageSize)}, "$count": {"true"},
	}))
	if err != nil || !q.SecurityOnly {
		return found, err
	}
	return securityOnly(found)
}

func selection(q GroupQuery) string {
	fields := "id"
	if q.Names {
		fields += ",displayName"
	}
	if q.SecurityOnly {
		fields += ",securityEnabled"
	}
	return fields
}

// memberGroups asks for all ids at once.
func (s *session) memberGroups(ctx context.Context, securityOnly bool) ([]group, error) {
	var ids page[string]
	if err := s.postJSON(ctx, s.at("/getMemberGroups", nil), map[string]bool{"securityEnabledOnly": securityOnly}, &ids); err != nil {
		return nil, err
	}
	if ids.Value == nil || ids.NextLink != "" { // documented to come on one page
		return nil, fmt.Errorf("graph: getMemberGroups: %w", ErrIncomplete)
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
