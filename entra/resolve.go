package entra

import (
	"context"
	"errors"
	"slices"

	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Resolver finds connections for an actor's import, as View.Resolve does.
func (s *Service) Resolver(by Actor) provisioning.Resolve {
	return View{Connections: s.cfg.Connections, By: by}.Resolve
}

// View is the connections as an actor may see them, for an import (provisioning/bulk): for an organization's administrator those that are the
// organization's own. It needs no Service, so that a command can have one.
type View struct {
	Connections ConnectionStore // to find them by name, a ConnectionLister too
	By          Actor
}

// Resolve finds a connection by its name, else by a home realm domain that is proven for it. A name that two of them bear resolves to none.
func (v View) Resolve(ctx context.Context, name, domain string) (connectionID string, found bool, err error) {
	if name == "" {
		return v.resolveDomain(ctx, domain)
	}
	lister, ok := v.Connections.(ConnectionLister)
	if !ok {
		return "", false, errors.New("entra: to find connections by name, the store of connections must be a ConnectionLister")
	}
	for c, err := range lister.Connections(ctx, Filter{Name: name}) {
		switch {
		case err != nil:
			return "", false, err
		case !v.By.owns(c.OrganizationID):
		case connectionID != "":
			return "", false, nil
		default:
			connectionID = c.ID
		}
	}
	return connectionID, connectionID != "", nil
}

func (v View) resolveDomain(ctx context.Context, domain string) (connectionID string, found bool, err error) {
	canonical, err := hrd.Canonical(domain)
	if err != nil {
		return "", false, nil //nolint:nilerr // what is not a domain is nobody's
	}
	id, found, err := hrd.Lookup(ctx, v.Connections, canonical)
	if err != nil || !found {
		return "", false, err
	}
	c, err := v.Connections.Connection(ctx, id)
	if err != nil || !v.By.owns(c.OrganizationID) {
		return "", false, err
	}
	return id, true, nil
}

// Tenant returns the one tenant that a connection is pinned to, "" where people of several may come in, or none is pinned yet. ErrNotFound, also for a
// connection that the actor may not see.
func (v View) Tenant(ctx context.Context, connectionID string) (string, error) {
	c, err := v.connection(ctx, connectionID)
	if err != nil || c.TenantID == "" || c.Tenant() != c.TenantID {
		return "", err
	}
	return c.TenantID, nil
}

// Proven reports whether a domain (canonical) is the connection's by the word of the environment or its DomainAuthority. Entra's alone does not
// count: an unmanaged tenant can come to hold a domain by somebody's email sign-up. ErrNotFound as for Tenant.
func (v View) Proven(ctx context.Context, connectionID, domain string) (bool, error) {
	c, err := v.connection(ctx, connectionID)
	return err == nil && slices.Contains(c.environmentDomains(), domain), err
}

func (v View) connection(ctx context.Context, id string) (*Connection, error) {
	c, err := v.Connections.Connection(ctx, id)
	if err == nil && !v.By.owns(c.OrganizationID) {
		return nil, ErrNotFound
	}
	return c, err
}
