package entra

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	// diagnoseTimeout bounds all that one diagnosis asks.
	diagnoseTimeout = 20 * time.Second
	// soon is how early the end of something is warned of.
	soon = 30 * 24 * time.Hour
	// maxRedirectURI is how long an address Entra registers. https://learn.microsoft.com/entra/identity-platform/reply-url
	maxRedirectURI = 256
)

// Diagnose examines a connection as far as that goes without a person: what Check finds and, when there is no fault in that,
//
//   - whether its callback address can be registered, and which of its home realm domains do not route;
//   - what its protocol finds at the provider: that the tenant exists, that its keys or metadata can be fetched, fit the connection and are fresh;
//   - whether this machine's clock and the provider's agree;
//   - whether Entra accepts the application's credential, and what Graph lets it read, where it asks Graph by itself;
//   - whether the home realm domains belong to the tenant, as far as Entra's discovery tells;
//   - which secrets and certificates end within 30 days.
//
// What was found right is there too (SeverityOK). It writes nothing and takes 20 seconds at most. The connection may be one that was never stored: since it
// names addresses to fetch from, one that comes from an organization's administrator goes through Registrar.Preview first.
func (s *Service) Diagnose(ctx context.Context, c *Connection) Findings {
	found := c.Check()
	if found.Err() != nil {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	t, driver, err := s.target(ctx, c)
	if err != nil {
		e := asError(err)
		return append(found, Finding{ConnectionID: c.ID, Problem: e.Error(), Fix: e.Public, Mender: e.Mender, Severity: SeverityError})
	}
	probes := []func(context.Context, *examination){
		func(_ context.Context, x *examination) { x.address(); x.domainStates(); x.endings(s.now()) },
		func(ctx context.Context, x *examination) { x.provider(ctx, driver) },
		func(ctx context.Context, x *examination) { x.clock(ctx, s) },
		func(ctx context.Context, x *examination) { x.application(ctx, s) },
		func(ctx context.Context, x *examination) { x.domains(ctx, s) },
	}
	results := make([]examination, len(probes))
	var all sync.WaitGroup
	for i, probe := range probes {
		results[i].Target = t
		all.Go(func() { probe(ctx, &results[i]) })
	}
	all.Wait()
	for _, x := range results {
		found = append(found, x.found...)
	}
	return found
}

// examination gathers what one look at a connection finds.
type examination struct {
	Target
	found Findings
}

func (x *examination) add(s Severity, mender aadsts.Mender, field, problem, fix string) {
	x.found = append(x.found, Finding{ConnectionID: x.Connection.ID, Field: field, Problem: problem, Fix: fix, Mender: mender, Severity: s})
}

func (x *examination) ok(field, what string) {
	x.add(SeverityOK, aadsts.MenderUnknown, field, what, "")
}

// address looks at the callback URL with the eyes of the admin center.
func (x *examination) address() {
	const field = "callback_url"
	u, err := outbound.CheckURL(x.CallbackURL)
	switch {
	case err != nil:
		x.add(SeverityError, aadsts.MenderHost, field, "the callback address is not one that a browser can come back to", "mend the base URL in the host's configuration")
	case len(x.CallbackURL) > maxRedirectURI:
		x.add(SeverityError, aadsts.MenderHost, field, fmt.Sprintf("the callback address is longer than the %d characters that Entra registers", maxRedirectURI), "shorten the base URL in the host's configuration")
	case u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1":
		x.add(SeverityError, aadsts.MenderHost, field, "Entra registers http addresses of localhost only", "use https, or localhost, as the base URL")
	case u.Scheme == "http":
		x.add(SeverityWarning, aadsts.MenderHost, field, "the callback address is for this machine only: "+x.CallbackURL, "use an https base URL before other people sign in")
	default:
		x.ok(field, "the callback address to register is "+x.CallbackURL)
	}
}

// domainStates names what is listed and does not route.
func (x *examination) domainStates() {
	for _, domain := range x.Connection.Domains() {
		switch x.Connection.proof(domain).State {
		case DomainProven:
		case DomainLapsed:
			x.add(SeverityWarning, aadsts.MenderAppOwner, "home_realm_domains", domain+" was proven once and is no more, so it does not route", "prove it anew")
		default:
			x.add(SeverityWarning, aadsts.MenderAppOwner, "home_realm_domains", domain+" is not proven, so it does not route", "prove that it is yours, or ask the operator to")
		}
	}
}

// endings warns of what the connection itself holds. Where another credential takes over, an end is no more than a warning.
func (x *examination) endings(now time.Time) {
	list := x.Connection.endings()
	alive := 0
	for _, e := range list {
		if e.at.After(now) {
			alive++
		}
	}
	for _, e := range list {
		switch {
		case e.at.After(now.Add(soon)):
			x.ok(e.field, e.what+" is good until "+e.at.UTC().Format(time.DateOnly))
		case e.at.After(now):
			x.add(SeverityWarning, aadsts.MenderAppOwner, e.field, e.what+" ends on "+e.at.UTC().Format(time.DateOnly), e.fix)
		case alive > 0:
			x.add(SeverityWarning, aadsts.MenderAppOwner, e.field, e.what+" has ended on "+e.at.UTC().Format(time.DateOnly), "have the next one take its place")
		default:
			x.add(SeverityError, aadsts.MenderAppOwner, e.field, e.what+" has ended on "+e.at.UTC().Format(time.DateOnly), e.fix)
		}
	}
}

// provider asks the protocol.
func (x *examination) provider(ctx context.Context, driver Driver) {
	d, ok := driver.(Diagnoser)
	if !ok {
		return
	}
	x.found = append(x.found, d.Diagnose(ctx, x.Target)...)
	if x.found.Err() == nil {
		x.ok("", "the provider answers, and its keys fit the connection")
	}
}
