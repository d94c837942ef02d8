package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const (
	idsPerCall      = 1000 // the most that getByIds takes
	questionsAtOnce = 10   // of them in one request; Graph would take 20, and answer with more than is read at once
)

// GroupNames returns the groups of ids with their names and, as far as it is known, their origin, in the order of ids, each once, or an error. An id that Graph does not know,
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
	found, err := s.byIDs(ctx, ask, selection(GroupQuery{Names: true}))
	if err != nil {
		return nil, err
	}
	for _, g := range found {
		if i, ok := index[strings.ToLower(g.ID)]; ok {
			list[i].Name, list[i].Origin = text(g.DisplayName), g.origin()
		}
	}
	return list, nil
}

// byIDs asks what is known of all ids: 1,000 in a question, several questions in one request.
func (s *session) byIDs(ctx context.Context, ids []string, fields string) ([]group, error) {
	u := s.path("directoryObjects/getByIds", url.Values{"$select": {fields}})
	chunks := slices.Collect(slices.Chunk(ids, idsPerCall))
	if len(chunks) == 1 {
		var p page[group]
		if err := s.postJSON(ctx, u, byIDsQuestion{IDs: ids, Types: []string{"group"}}, &p); err != nil {
			return nil, err
		}
		return rest(ctx, s, u, p)
	}
	var found []group
	for several := range slices.Chunk(chunks, questionsAtOnce) {
		questions := make([]question, len(several))
		for i, chunk := range several {
			questions[i] = question{method: http.MethodPost, url: u, body: byIDsQuestion{IDs: chunk, Types: []string{"group"}}}
		}
		answers, err := s.batch(ctx, questions)
		if err != nil {
			return nil, err
		}
		for _, body := range answers {
			var p page[group]
			if json.Unmarshal(body, &p) != nil {
				return nil, fmt.Errorf("graph: %s: %w: an answer that is no list", u.Path, ErrIncomplete)
			}
			more, err := rest(ctx, s, u, p)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

type byIDsQuestion struct {
	IDs   []string `json:"ids"`
	Types []string `json:"types"`
}
