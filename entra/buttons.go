package entra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// Button is one way to sign in on a login page, as plain data: labels may be translated, addresses may get the return address (return_to) added.
type Button struct {
	ConnectionID string `json:"connection_id,omitempty"` // "" on the universal button
	Label        string `json:"label"`
	Href         string `json:"href"` // of the Service's handler, relative to the origin
}

// noApplication stands for none where a store is asked for an application's connections: those that are on for all are listed for any id, and what else this one
// brings EnabledFor leaves out.
const noApplication = "(no application)"

// Buttons returns the connections that a login page shows for an application and an organization (either may be ""): those that are on and, once they have
// proven home realm domains, only those that are always shown. They are ordered by Connection.ButtonOrder, then by label.
//
// Config.Connections must be a ConnectionLister. It is asked for the application's connections and for the organization's, not for all that there are.
//
// Errors: always *Error. KindConfiguration: it is none; KindUnavailable: its listing failed.
func (s *Service) Buttons(ctx context.Context, application, organization string) ([]Button, error) {
	lister, ok := s.cfg.Connections.(ConnectionLister)
	if !ok {
		return nil, NewError(KindConfiguration, errors.New("for buttons Config.Connections must be a ConnectionLister"))
	}
	filters := []Filter{{Application: cmp.Or(application, noApplication)}}
	if organization != "" {
		filters = append(filters, Filter{Organization: organization})
	}
	seen := map[string]bool{}
	var shown []*Connection
	for _, f := range filters {
		for c, err := range lister.Connections(ctx, f) {
			if err != nil {
				return nil, NewError(KindUnavailable, fmt.Errorf("listing connections: %w", err))
			}
			if !seen[c.ID] && c.EnabledFor(application, organization, false) && (c.AlwaysShowButton || len(c.ProvenDomains()) == 0) {
				seen[c.ID] = true
				shown = append(shown, c)
			}
		}
	}
	slices.SortFunc(shown, func(a, b *Connection) int {
		return cmp.Or(cmp.Compare(a.ButtonOrder, b.ButtonOrder), cmp.Compare(a.buttonLabel(), b.buttonLabel()), cmp.Compare(a.ID, b.ID))
	})
	buttons := make([]Button, 0, len(shown))
	for _, c := range shown {
		buttons = append(buttons, Button{ConnectionID: c.ID, Label: c.buttonLabel(), Href: s.path + "/begin?" + url.Values{"connection": {c.ID}}.Encode()})
	}
	return buttons, nil
}

// UniversalButton leads to the page that asks for an address, and from there to whatever connection the address's domain belongs to. A login page shows it in the
// place of the others, or beside them, as its application wants.
func (s *Service) UniversalButton() Button {
	return Button{Label: "Sign in with SSO", Href: s.path + "/discover"}
}

func (c *Connection) buttonLabel() string { return cmp.Or(c.DisplayName, c.Name) }
