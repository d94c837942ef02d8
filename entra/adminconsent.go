package entra

import (
	"context"
	"fmt"
)

// Consenter is a Driver through which an administrator of the tenant can grant the application what it asks for.
type Consenter interface {
	// BeginConsent returns where to send the administrator. It keeps no state of its own.
	BeginConsent(ctx context.Context, q BeginRequest) (url string, err error)
	// FinishConsent reads the answer. Errors are those of Driver.Finish.
	FinishConsent(ctx context.Context, q FinishRequest) (*Consent, error)
}

// Consent is what the answer to a request for admin consent says. Nothing in it is signed, so it may be shown, and binds nothing: only somebody of that
// tenant who signs in does. https://learn.microsoft.com/entra/identity-platform/v2-admin-consent#successful-response
type Consent struct {
	Tenant string   // a lower-case GUID, or ""
	Scopes []string // names of permissions
}

// ConsentReport is what an administrator's consent comes back as, inside of an *Error with KindConsented, so that nobody takes it for a SignIn. Nothing was
// written; who the administrator is, and of which tenant, is known only after the sign-in that the Error's Again leads to.
type ConsentReport struct {
	Connection *Connection
	Consent    Consent // as the browser says
	Data       []byte  // BeginOptions.Data: who began it, if the host put it there
	ReturnTo   string
	Attempt    string
}

func (r *ConsentReport) Error() string {
	return "entra: an administrator's consent for connection " + r.Connection.ID + " came back; nobody has signed in yet"
}

// departFor asks the driver for the address of a sign-in or, with AdminConsent, of a consent.
func departFor(ctx context.Context, driver Driver, q BeginRequest) (string, []byte, error) {
	if !q.Options.AdminConsent {
		return driver.Begin(ctx, q)
	}
	c, ok := driver.(Consenter)
	if !ok {
		return "", nil, noConsent(q.Connection)
	}
	url, err := c.BeginConsent(ctx, q)
	return url, nil, err
}

func noConsent(c *Connection) error {
	return NewError(KindConfiguration, fmt.Errorf("connection %s: consent is not asked for over %q", c.ID, c.Strategy))
}

// consented reads the answer to a flow that asked for consent. What comes back leads to a sign-in, with all that the host demanded at first.
func (s *Service) consented(ctx context.Context, driver Driver, t Target, f *flow, a *Arrival) error {
	consenter, ok := driver.(Consenter)
	if !ok {
		return noConsent(t.Connection)
	}
	said, err := consenter.FinishConsent(ctx, FinishRequest{Target: t, State: f.State, Arrival: a})
	if err != nil {
		return err
	}
	e := NewError(KindConsented, &ConsentReport{Connection: t.Connection, Consent: *said, Data: f.Data, ReturnTo: f.ReturnTo, Attempt: f.Attempt})
	e.Again = &BeginOptions{}
	return e
}
