package entra

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Bounds of an answer, in bytes. Entra's largest answers are WS-Federation tokens with 150 groups, about 30 KB.
const (
	maxForm  = 512 << 10
	maxQuery = 16 << 10
)

// ReadArrival reads a request at one of the Service's addresses into plain values: at most 512 KiB of form, 16 KiB of query.
func ReadArrival(r *http.Request) (*Arrival, error) {
	a := &Arrival{Method: r.Method, Path: r.URL.Path, Cookies: r.Cookies()}
	if len(r.URL.RawQuery) > maxQuery {
		return nil, NewError(KindFlow, errors.New("the query is too large"))
	}
	var err error
	if a.Query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, NewError(KindFlow, errors.New("the query is malformed"))
	}
	if r.Method != http.MethodPost {
		return a, nil
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/x-www-form-urlencoded" {
		return nil, NewError(KindFlow, errors.New("the body is not a form"))
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, NewError(KindFlow, errors.New("the form is malformed or too large"))
	}
	a.Form = r.PostForm
	return a, nil
}

// Finish verifies the answer that came back to a callback URL and says who signed in. The flow it belongs to is used up, whatever comes out.
//
// Errors: always *Error, except for a test sign-in, which always comes back as a *TestReport or an *Error with its cause.
func (s *Service) Finish(ctx context.Context, a *Arrival) (*SignIn, error) {
	in, f, attempt, err := s.finish(ctx, a)
	var report *TestReport
	if errors.As(err, &report) {
		return nil, report
	}
	return in, s.fail(ctx, "finish", attempt, f, err)
}

func (s *Service) finish(ctx context.Context, a *Arrival) (_ *SignIn, f *flow, attempt string, err error) {
	attempt = newAttempt()
	strategy, driver, err := s.driverFor(a.Path)
	if err != nil {
		return nil, nil, attempt, err
	}
	receipt, err := driver.Receive(a)
	if err != nil {
		return nil, nil, attempt, err
	}
	if receipt.SignOut != nil {
		return nil, nil, attempt, NewError(KindFlow, errors.New("the answer is a sign-out, not a sign-in"))
	}
	if f, err = s.arrive(ctx, strategy, receipt.State, a.Cookies); err != nil {
		return nil, nil, attempt, err
	}
	attempt = f.Attempt
	if err := s.consume(ctx, f); err != nil {
		return nil, f, attempt, err
	}
	in, err := s.complete(ctx, driver, f, a)
	return in, f, attempt, err
}

// complete goes on with a flow that has been consumed.
func (s *Service) complete(ctx context.Context, driver Driver, f *flow, a *Arrival) (*SignIn, error) {
	c, err := s.connection(ctx, f.Connection)
	if err != nil {
		return nil, err
	}
	t, current, err := s.target(ctx, c)
	if err != nil {
		return nil, err
	}
	if binding(c) != f.Binding || current != driver {
		return nil, NewError(KindDisabled, fmt.Errorf("connection %s was changed since the sign-in began", c.ID))
	}
	if t.CallbackURL != f.Callback {
		return nil, NewError(KindFlow, errFlowOther)
	}
	if !f.Test && !c.EnabledFor(f.Application, f.Organization, f.ByHomeRealm) {
		return nil, NewError(KindDisabled, fmt.Errorf("connection %s was switched off since the sign-in began", c.ID))
	}
	id, token, err := s.verify(ctx, driver, t, f, a)
	if err != nil {
		return nil, err
	}
	from, err := s.enrich(ctx, t, id, token)
	if err != nil {
		return nil, err
	}
	in := &SignIn{
		Identity: id, Connection: c, Application: f.Application, Organization: f.organization(c),
		ReturnTo: f.ReturnTo, Data: f.Data, Tokens: token, Attempt: f.Attempt, GroupsFrom: from, groups: id.Groups,
	}
	if f.Test {
		return nil, s.report(ctx, in)
	}
	return in, s.provision(ctx, in)
}

func (s *Service) verify(ctx context.Context, driver Driver, t Target, f *flow, a *Arrival) (*claims.Identity, *credential.Token, error) {
	ctx, done := s.cfg.Observer.Start(ctx, "verify")
	id, token, err := driver.Finish(ctx, FinishRequest{
		Target: t, State: f.State, ProtocolState: f.Driver, Arrival: a,
		Options: BeginOptions{ForceLogin: f.ForceLogin, MaxAge: f.MaxAge, Claims: f.Claims},
	})
	done(err)
	if err == nil && id == nil {
		err = NewError(KindInternal, fmt.Errorf("%s verified nobody", t.Connection.Strategy))
	}
	return id, token, err
}

// organization is where the person lands. Home realm discovery goes before any choice of an organization: an organization's own
// connection leads to that one.
func (f *flow) organization(c *Connection) string {
	if f.ByHomeRealm && c.OrganizationID != "" {
		return c.OrganizationID
	}
	return f.Organization
}

// driverFor finds the protocol by the last segment of a callback's or sign-out's path.
func (s *Service) driverFor(p string) (Strategy, Driver, error) {
	last := p[strings.LastIndexByte(p, '/')+1:]
	for strategy, d := range s.drivers {
		if strategy.short() == last {
			return strategy, d, nil
		}
	}
	return "", nil, NewError(KindFlow, fmt.Errorf("no protocol answers at this address"))
}

// fail makes what leaves the Service of err, with a line in the log. nil stays nil.
func (s *Service) fail(ctx context.Context, step, attempt string, f *flow, err error) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	e.Attempt = attempt
	if f != nil {
		e.ConnectionID, e.ReturnTo = f.Connection, f.ReturnTo
		if e.Again != nil {
			e.Again.Application, e.Again.Organization, e.Again.ReturnTo, e.Again.Data = f.Application, f.Organization, f.ReturnTo, f.Data
		}
	}
	s.log.WarnContext(ctx, "sign-in failed", "step", step, "attempt", attempt, "connection", e.ConnectionID, "kind", e.Kind.String(), "error", e.Err)
	return e
}
