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

// Finish verifies the answer that came back to a callback URL and says who signed in. The flow it belongs to is used up, whatever comes out; a
// host that calls Finish itself calls ClearCookies too.
//
// Errors: always *Error, and then the SignIn is nil. A test sign-in that succeeds comes back as one of KindTested, with the *TestReport in it, and an administrator's
// consent (BeginOptions.AdminConsent) as one of KindConsented, with the *ConsentReport.
func (s *Service) Finish(ctx context.Context, a *Arrival) (*SignIn, error) {
	got, err := s.receive(a)
	return s.finish(ctx, a, got, err)
}

// received is an answer with the protocol that it belongs to; nothing in it is believed yet.
type received struct {
	strategy Strategy
	driver   Driver
	Receipt
}

func (s *Service) receive(a *Arrival) (received, error) {
	strategy, driver, err := s.driverFor(a.Path)
	if err != nil {
		return received{}, err
	}
	receipt, err := driver.Receive(a)
	return received{strategy, driver, receipt}, err
}

// finish goes on with an answer that was received, or was not.
func (s *Service) finish(ctx context.Context, a *Arrival, got received, err error) (*SignIn, error) {
	attempt := newAttempt()
	if err == nil && got.SignOut != nil {
		err = NewError(KindFlow, errors.New("the answer is a sign-out, not a sign-in"))
	}
	var f *flow
	switch {
	case err != nil:
	case got.State == "":
		err = s.unsolicited(ctx, got, a.Cookies)
	default:
		f, err = s.arrive(ctx, got.strategy, got.State, a.Cookies)
	}
	if err != nil {
		return nil, s.fail(ctx, "finish", attempt, nil, err)
	}
	if err = s.consume(ctx, f); err == nil {
		var in *SignIn
		if in, err = s.complete(ctx, got.driver, f, a); err == nil {
			return in, nil
		}
	}
	return nil, s.fail(ctx, "finish", f.Attempt, f, err)
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
	if f.Consent {
		return nil, s.consented(ctx, driver, t, f, a)
	}
	id, token, err := s.verify(ctx, driver, t, f, a)
	if err != nil {
		return nil, err
	}
	got, err := s.enrich(ctx, t, id, token)
	if err != nil {
		return nil, err
	}
	in := &SignIn{
		Identity: id, Connection: c.Clone(), Application: f.Application, Organization: f.organization(c),
		ReturnTo: f.ReturnTo, Data: f.Data, Tokens: token, Attempt: f.Attempt, verified: f.Verified, ByHomeRealm: f.ByHomeRealm,
	}
	in.enriched(got, s.now())
	if err := s.requireGroup(ctx, in); err != nil {
		return nil, err
	}
	if f.Test {
		report, err := s.report(ctx, in)
		if err != nil {
			return nil, err
		}
		return nil, NewError(KindTested, report)
	}
	if err := s.provision(ctx, in); err != nil {
		return nil, err
	}
	in.NotAfter, in.NotAfterBy = s.notAfter(in)
	return in, nil
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
