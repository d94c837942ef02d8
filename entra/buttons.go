package entra

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
)

// Button is one connection on a login page.
type Button struct {
	ConnectionID, Label string
	Href                string // of the Service's begin handler, relative to the origin
}

// Buttons returns the connections that a login page shows for an application and an organization (either may be ""), ordered by label: those that
// are on and, once they have proven home realm domains, only those that are always shown. Config.Connections must be a ConnectionLister.
func (s *Service) Buttons(ctx context.Context, application, organization string) ([]Button, error) {
	lister, ok := s.cfg.Connections.(ConnectionLister)
	if !ok {
		return nil, errors.New("entra: for buttons Config.Connections must be a ConnectionLister")
	}
	var buttons []Button
	for c, err := range lister.Connections(ctx, Filter{}) {
		if err != nil {
			return nil, err
		}
		if !c.EnabledFor(application, organization, false) || len(c.ProvenDomains()) > 0 && !c.AlwaysShowButton {
			continue
		}
		buttons = append(buttons, Button{
			ConnectionID: c.ID, Label: cmp.Or(c.DisplayName, c.Name),
			Href: s.path + "/begin?" + url.Values{"connection": {c.ID}}.Encode(),
		})
	}
	slices.SortStableFunc(buttons, func(a, b Button) int { return cmp.Compare(a.Label, b.Label) })
	return buttons, nil
}
