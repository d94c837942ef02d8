package entra

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/hrd"
)

// DNSAuthority is a DomainAuthority that vouches for a domain where an organization has put a value into DNS that the host gave to this organization for this
// domain (Challenge). Save, ProveByAuthority and RecheckDomains ask it; a record that is taken away lapses at the next RecheckDomains.
//
// What a record proves is that somebody who may write one name below the domain wanted the organization to have it. So think of:
//
//   - Values cannot be guessed and are bound to environment, organization and domain: another organization, which is shown another value, gains nothing from a
//     record that it sees in DNS, and a wildcard record or one that a subdomain inherits proves no other domain than the one it was made for.
//   - Whoever holds the name of the record holds the domain here: do not delegate it, and remove a CNAME at it whose target is gone. A provider
//     below whose own domain customers write records under names of their choice has to keep this one for itself. Public suffixes and mail providers are refused
//     before anybody asks (Connection.Check).
//   - A record that was left behind goes on proving: remove it to give a domain away, and run RecheckDomains daily, so that one that changed hands lapses.
//   - Answers of DNS are not signed unless the resolver validates DNSSEC: use one that does, or one whose path nobody else writes to.
type DNSAuthority struct {
	// Secret makes the values: 32 random bytes or more, the same on all machines. Another secret, and every proof lapses at the next RecheckDomains.
	Secret []byte
	// Environment keeps environments apart that share a secret.
	Environment string
	// Label is the name of the record below the domain. "" is "_tenantdoor-challenge".
	Label string
	// Lookup returns the TXT records of a fully qualified name. nil: the resolver of this machine. An error of type *net.DNSError that says IsNotFound means
	// that there is none; every other one that nobody knows.
	Lookup func(ctx context.Context, name string) ([]string, error)
	// Timeout bounds one look. 0 is 5 seconds.
	Timeout time.Duration
}

var _ DomainAuthority = (*DNSAuthority)(nil)

// Format writes no secret, whatever the verb.
func (a DNSAuthority) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "DNSAuthority of environment %q, label %q", a.Environment, a.Label)
}

// LogValue implements slog.LogValuer, without the secret.
func (a DNSAuthority) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(a)) }

// Challenge is the record that an organization is to publish: of type TXT, with Value as its whole text. Name is fully qualified, without a dot at its end; Value is another
// one for each domain and organization.
type Challenge struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

const (
	challengeLabel  = "_tenantdoor-challenge"
	challengePrefix = "tenantdoor-domain-verification="
	minChallengeKey = 32 // bytes
	maxTXT          = 64 // records looked through
	maxDNSName      = 253
)

// Challenge returns the record by which an organization proves a domain. It may be shown to the organization's administrators; it is always the same.
func (a *DNSAuthority) Challenge(domain, organization string) (Challenge, error) {
	listed, err := hrd.Listed(domain)
	if err != nil {
		return Challenge{}, err
	}
	canonical, _ := hrd.Base(listed) // what stands for the subdomains is proven by the same record as the domain
	label := a.Label
	if label == "" {
		label = challengeLabel
	}
	name := label + "." + canonical
	switch {
	case len(a.Secret) < minChallengeKey:
		return Challenge{}, fmt.Errorf("entra: DNSAuthority.Secret has %d bytes, want %d or more", len(a.Secret), minChallengeKey)
	case organization == "":
		return Challenge{}, errors.New("entra: a DNS challenge is for an organization")
	case len(name) > maxDNSName:
		return Challenge{}, errors.New("entra: the domain is too long for a record below it")
	}
	mac := hmac.New(sha256.New, a.Secret)
	mac.Write([]byte(hash("tenantdoor dns challenge", a.Environment, organization, canonical)))
	return Challenge{Name: name, Value: challengePrefix + hex.EncodeToString(mac.Sum(nil))[:40]}, nil
}

// Proven implements DomainAuthority. An error says that nobody knows: DNS did not answer, or the authority is not set up.
func (a *DNSAuthority) Proven(ctx context.Context, domain string, by Actor) (bool, error) {
	c, err := a.Challenge(domain, by.Organization)
	if err != nil {
		return false, err
	}
	timeout := a.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	lookup := a.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupTXT
	}
	records, err := lookup(ctx, c.Name+".") // rooted: no search list of this machine's gets in between
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("entra: TXT of %s: %w", c.Name, err)
	}
	proven := 0
	for _, r := range records[:min(len(records), maxTXT)] {
		proven |= subtle.ConstantTimeCompare([]byte(strings.TrimSpace(r)), []byte(c.Value))
	}
	return proven == 1, nil
}
