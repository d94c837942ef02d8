package entra

import (
	"context"
	"errors"

	"github.com/tenantdoor/tenantdoor/hrd"
)

// ResolveConnection finds a connection by its name, else by a home realm domain that is proven for it: a provisioning.Resolve for imports.
// A name that two connections bear resolves to none.
func (s *Service) ResolveConnection(ctx context.Context, name, domain string) (connectionID string, found bool, err error) {
	if name != "" {
		lister, ok := s.cfg.Connections.(ConnectionLister)
		if !ok {
			return "", false, errors.New("entra: to find connections by name, Config.Connections must be a ConnectionLister")
		}
		for c, err := range lister.Connections(ctx, Filter{Name: name}) {
			if err != nil {
				return "", false, err
			}
			if connectionID != "" {
				return "", false, nil
			}
			connectionID = c.ID
		}
		return connectionID, connectionID != "", nil
	}
	canonical, err := hrd.Canonical(domain)
	if err != nil {
		return "", false, nil // what is not a domain is nobody's
	}
	return s.cfg.Connections.HomeRealm(ctx, canonical)
}
