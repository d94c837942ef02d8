package entra

import (
	"context"
	"errors"

	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Resolver finds connections for an actor's import, by their name, else by a home realm domain that is proven for them: among those that the
// actor may see, which for an organization's administrator are the organization's own. A name that two of them bear resolves to none.
// Config.Connections must be a ConnectionLister.
func (s *Service) Resolver(by Actor) provisioning.Resolve {
	return func(ctx context.Context, name, domain string) (connectionID string, found bool, err error) {
		if name == "" {
			return s.resolveDomain(ctx, by, domain)
		}
		lister, ok := s.cfg.Connections.(ConnectionLister)
		if !ok {
			return "", false, errors.New("entra: to find connections by name, Config.Connections must be a ConnectionLister")
		}
		for c, err := range lister.Connections(ctx, Filter{Name: name}) {
			switch {
			case err != nil:
				return "", false, err
			case !by.owns(c.OrganizationID):
			case connectionID != "":
				return "", false, nil
			default:
				connectionID = c.ID
			}
		}
		return connectionID, connectionID != "", nil
	}
}

func (s *Service) resolveDomain(ctx context.Context, by Actor, domain string) (connectionID string, found bool, err error) {
	canonical, err := hrd.Canonical(domain)
	if err != nil {
		return "", false, nil //nolint:nilerr // what is not a domain is nobody's
	}
	id, found, err := s.cfg.Connections.HomeRealm(ctx, canonical)
	if err != nil || !found {
		return "", false, err
	}
	c, err := s.cfg.Connections.Connection(ctx, id)
	if err != nil || !by.owns(c.OrganizationID) {
		return "", false, err
	}
	return id, true, nil
}
