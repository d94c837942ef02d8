package entra

import (
	"context"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// Diagnose examines a connection as far as that goes without a person: what Check finds, and, when there is no fault in that, what its protocol
// finds at the provider: that the tenant exists, that its keys or metadata can be fetched, and that they fit the connection. It may
// be one that was never stored.
func (s *Service) Diagnose(ctx context.Context, c *Connection) Findings {
	found := c.Check()
	if found.Err() != nil {
		return found
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		e := asError(err)
		return append(found, Finding{ConnectionID: c.ID, Problem: e.Error(), Fix: e.Public, Mender: e.Mender, Severity: SeverityError})
	}
	d, ok := driver.(Diagnoser)
	if !ok {
		return found
	}
	more := d.Diagnose(ctx, t)
	if more.Err() == nil {
		more = append(more, Finding{ConnectionID: c.ID, Problem: "the provider answers, and its keys fit the connection", Mender: aadsts.MenderUnknown, Severity: SeverityOK})
	}
	return append(found, more...)
}
