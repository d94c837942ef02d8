package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"net"
	"net/http"
	"sync"

	"github.com/tenantdoor/tenantdoor/entra"
)

// newAuthority vouches for the domain of an organization that has published what it was given in DNS; beside a fake Entra the DNS is a fake too.
func newAuthority(key []byte, fake *zone) (*entra.DNSAuthority, error) {
	secret, err := hkdf.Key(sha256.New, key, nil, "quickstart domain challenges", 32)
	if err != nil {
		return nil, err
	}
	a := &entra.DNSAuthority{Secret: secret}
	if fake != nil {
		a.Lookup = fake.lookup
	}
	return a, nil
}

// zone is a fake DNS that knows TXT records only.
type zone struct {
	mu  sync.Mutex
	txt map[string]string
}

func newZone() *zone { return &zone{txt: map[string]string{}} }

func (z *zone) lookup(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if value, ok := z.txt[name]; ok {
		return []string{value}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *zone) publish(c entra.Challenge) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt[c.Name+"."] = c.Value
}

// proveDomain is the operator's word for a domain; or an organization proves what it can: by its records in DNS, or by the test sign-in that an
// administrator of the tenant has just made.
func (h *host) proveDomain(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection) (string, error) {
	var after *entra.Connection
	var err error
	switch r.PostFormValue("by") {
	case "dns":
		after, err = h.registry.ProveByAuthority(ctx, by, c.ID)
	case "sign-in":
		who, _ := h.admins.current(r)
		if who.report == nil || who.report.Connection.ID != c.ID {
			return "", entra.ErrNotAllowed
		}
		after, err = h.registry.ProveByAdministrator(ctx, by, c.ID, who.report.Identity)
	default:
		after, err = h.registry.ProveDomain(ctx, by, c.ID, r.PostFormValue("domain"))
	}
	if err == nil && len(after.ProvenDomains()) == len(c.ProvenDomains()) {
		return "unproven", nil
	}
	return "proven", err
}

// publishRecord puts the organization's record into the fake DNS, as whoever runs the domain would into theirs.
func (h *host) publishRecord(_ context.Context, r *http.Request, _ entra.Actor, c *entra.Connection) (string, error) {
	record, err := h.authority.Challenge(r.PostFormValue("domain"), c.OrganizationID)
	if err != nil {
		return "", err
	}
	h.zone.publish(record)
	return "published", nil
}

// challenges are the records by which the connection's organization proves the domains that do not route yet.
func (h *host) challenges(c *entra.Connection) []domainView {
	var list []domainView
	for _, d := range domainViews(c) {
		if d.Proven {
			continue
		}
		if record, err := h.authority.Challenge(d.Domain, c.OrganizationID); err == nil { // a shared connection has none: the operator says so
			d.Record = record
		}
		list = append(list, d)
	}
	return list
}
