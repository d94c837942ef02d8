package graph

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const (
	idsPerCall = 1000 // the most that getByIds takes
	atOnce     = 4    // calls of one GroupNames that run at the same time
)

// GroupNames returns the groups of ids with their names, in the order of ids, each once, or an error. An id that Graph does not know,
// and one that is no object id (an on-premises SID), keeps an empty name. as.User is not needed.
//
// Source: https://learn.microsoft.com/graph/api/directoryobject-getbyids
func (c *Client) GroupNames(ctx context.Context, as Caller, ids []string) ([]claims.Group, error) {
	list := make([]claims.Group, 0, len(ids))
	index := make(map[string]int, len(ids)) // of known form, in lower case, to its place in list
	var ask []string
	for _, id := range ids {
		key := strings.ToLower(id)
		if _, dup := index[key]; dup {
			continue
		}
		index[key] = len(list)
		list = append(list, claims.Group{ID: id})
		if cloud.IsGUID(id) {
			ask = append(ask, key)
		}
	}
	if len(ask) == 0 {
		return list, nil
	}
	ctx, cancel, s, err := c.begin(ctx, as, false)
	if err != nil {
		return nil, err
	}
	defer cancel()
	found, err := s.byIDs(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, g := range found {
		if i, ok := index[strings.ToLower(g.ID)]; ok {
			list[i].Name = g.name()
		}
	}
	return list, nil
}

// byIDs asks for all ids, 1,000 a call, some calls at once.
func (s *session) byIDs(ctx context.Context, ids []string) ([]group, error) {
	u := s.path("directoryObjects/getByIds", url.Values{"$select": {"id,displayName"}})
	chunks := slices.Collect(slices.Chunk(ids, idsPerCall))
	found := make([][]group, len(chunks))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(atOnce)
	for i, chunk := range chunks {
		calls.Go(func() error {
			var p page[group]
			if err := s.postJSON(ctx, u, byIDsQuestion{IDs: chunk, Types: []string{"group"}}, &p); err != nil {
				return err
			}
			more, err := rest(ctx, s, u, p)
			found[i] = more
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

type byIDsQuestion struct {
	IDs   []string `json:"ids"`
	Types []string `json:"types"`
}
