package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// Ender is a Driver that knows what ends at a connection's provider.
type Ender interface {
	// Endings returns what ends within the time given, or has ended: the provider's metadata and keys.
	Endings(ctx context.Context, t Target, within time.Duration) (Findings, error)
}

// Expiring yields what ends within the time given, or has ended, over all connections: client secrets whose end is known (Connection.ClientSecretExpires) and
// client certificates, certificates that metadata has to be signed with, the provider's own metadata and keys, and home realm domains whose proof has lapsed. It is for
// a job that looks once a day, after Registrar.RecheckDomains, and writes to whoever can mend it (Finding.Mender). Each is a SeverityWarning, or a SeverityError once it has
// ended. Where a provider does not answer, the finding says so.
//
// Config.Connections must be a ConnectionLister. An error of its listing ends it.
func (s *Service) Expiring(ctx context.Context, within time.Duration) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		lister, ok := s.cfg.Connections.(ConnectionLister)
		if !ok {
			yield(Finding{}, errors.New("entra: for what ends soon Config.Connections must be a ConnectionLister"))
			return
		}
		for c, err := range lister.Connections(ctx, Filter{}) {
			if err != nil {
				yield(Finding{}, err)
				return
			}
			for _, f := range s.expiring(ctx, c, within) {
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

func (s *Service) expiring(ctx context.Context, c *Connection, within time.Duration) Findings {
	var found Findings
	add := func(severity Severity, mender aadsts.Mender, field, problem, fix string) {
		found = append(found, Finding{ConnectionID: c.ID, Field: field, Problem: problem, Fix: fix, Mender: mender, Severity: severity})
	}
	now := s.now()
	for _, e := range append(c.endings(), c.signerEndings()...) {
		switch on := e.at.UTC().Format(time.DateOnly); {
		case !e.at.After(now):
			add(SeverityError, aadsts.MenderAppOwner, e.field, e.what+" has ended on "+on, e.fix)
		case !e.at.After(now.Add(within)):
			add(SeverityWarning, aadsts.MenderAppOwner, e.field, e.what+" ends on "+on, e.fix)
		}
	}
	for _, domain := range c.Domains() {
		if p := c.proof(domain); p.State == DomainLapsed {
			add(SeverityError, aadsts.MenderAppOwner, "home_realm_domains", fmt.Sprintf("the proof of %s has lapsed on %s, so it does not route", domain, p.At.UTC().Format(time.DateOnly)), "prove it anew, or remove it")
		}
	}
	if !c.Enabled {
		return found // nobody signs in, so its provider is left alone
	}
	more, err := s.endingsOfProvider(ctx, c, within)
	if err != nil {
		e := asError(err)
		add(SeverityWarning, e.Mender, "", "what ends at the provider could not be found out: "+e.Error(), "run the connection's test")
	}
	return append(found, more...)
}

func (s *Service) endingsOfProvider(ctx context.Context, c *Connection, within time.Duration) (Findings, error) {
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return nil, err
	}
	d, ok := driver.(Ender)
	if !ok {
		return nil, nil
	}
	return d.Endings(ctx, t, within)
}

// signerEndings are the ends of the certificates that the provider's metadata has to be signed with.
func (c *Connection) signerEndings() []ending {
	certificates, err := c.MetadataCertificates()
	if err != nil {
		return nil // Check says so
	}
	var list []ending
	for i, certificate := range certificates {
		list = append(list, ending{"metadata_signers", fmt.Sprintf("certificate %d of those that sign the provider's metadata", i+1), "ask the provider for the next one and add it", certificate.NotAfter})
	}
	return list
}
