package entra_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// zone is DNS: names with a trailing dot, and what stands there. A name that is missing answers by wildcard, or not at all.
type zone struct {
	mu    sync.Mutex
	txt   map[string][]string
	err   error
	asked []string
}

func (z *zone) lookup(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked = append(z.asked, name)
	if z.err != nil {
		return nil, z.err
	}
	if list, ok := z.txt[name]; ok {
		return list, nil
	}
	for rest := name; ; {
		_, above, ok := strings.Cut(rest, ".")
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		if list, ok := z.txt["*."+above]; ok {
			return list, nil
		}
		rest = above
	}
}

func (z *zone) set(name string, values ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt = maps.Clone(z.txt)
	if z.txt == nil {
		z.txt = map[string][]string{}
	}
	z.txt[name] = values
}

func dnsAuthority(z *zone) *entra.DNSAuthority {
	return &entra.DNSAuthority{Secret: bytes.Repeat([]byte{7}, 32), Environment: "production", Lookup: z.lookup}
}

// withDNS is an office whose authority is DNS.
func withDNS(t *testing.T, z *zone) (*office, *entra.DNSAuthority) {
	t.Helper()
	o, authority := newOffice(t), dnsAuthority(z)
	public := o.fake.Cloud()
	public.Name = ""
	var err error
	o.Registrar, err = entra.NewRegistrar(entra.RegistrarConfig{
		Store: o.store, Domains: authority, Clouds: []cloud.Cloud{public}, HTTPClient: o.fake.Client(),
		Audit: func(_ context.Context, c entra.Change) { o.changes = append(o.changes, c) },
	})
	require.NoError(t, err)
	return o, authority
}

func challengeFor(t *testing.T, a *entra.DNSAuthority, domain, organization string) entra.Challenge {
	t.Helper()
	c, err := a.Challenge(domain, organization)
	require.NoError(t, err)
	return c
}

// Two organizations race for a domain: only the one whose record stands in DNS routes, and when the record moves so does the domain (attack 43).
func TestDNSDecidesARace(t *testing.T) {
	z := &zone{}
	o, authority := withDNS(t, z)
	contosos, mallorys := entra.Administrator("org_contoso", "ann"), entra.Administrator("org_mallory", "mallory")
	first, _, err := o.Save(t.Context(), mallorys, draft("org_mallory", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	second, _, err := o.Save(t.Context(), contosos, draft("org_contoso", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	require.Empty(t, o.routes(t, "contoso.com"), "coming first is nothing")

	// Mallory sees the owner's record in DNS, and gains nothing by it.
	owner := challengeFor(t, authority, "@Contoso.com.", "org_contoso")
	z.set(owner.Name+".", "v=spf1 -all", " "+owner.Value+" ")
	first, err = o.ProveByAuthority(t.Context(), mallorys, first.ID)
	require.NoError(t, err)
	require.Empty(t, first.ProvenDomains())
	second, err = o.ProveByAuthority(t.Context(), contosos, second.ID)
	require.NoError(t, err)
	require.Equal(t, second.ID, o.routes(t, "contoso.com"))
	last := o.changes[len(o.changes)-1]
	require.Equal(t, contosos, last.Actor)
	require.Equal(t, []string{"home_realm_domains"}, last.HighRisk)

	// Both records stand: whoever has the domain keeps it.
	z.set(owner.Name+".", owner.Value, challengeFor(t, authority, "contoso.com", "org_mallory").Value)
	_, err = o.ProveByAuthority(t.Context(), mallorys, first.ID)
	var taken *entra.TakenError
	require.ErrorAs(t, err, &taken)

	z.err = errors.New("SERVFAIL")
	unasked, err := o.ProveByAuthority(t.Context(), mallorys, first.ID)
	require.ErrorContains(t, err, "SERVFAIL", "whoever pressed the button learns that nobody was asked")
	require.Equal(t, first.Version, unasked.Version)

	// DNS is away: nothing changes, and the error is there to be seen. Then the record has gone to the other: the domain lapses, and moves.
	z.err = errors.New("SERVFAIL")
	same, err := o.RecheckDomains(t.Context(), second.ID)
	require.ErrorContains(t, err, "SERVFAIL")
	require.Equal(t, []string{"contoso.com"}, same.ProvenDomains())
	z.err = nil
	z.set(owner.Name+".", challengeFor(t, authority, "contoso.com", "org_mallory").Value)
	second, err = o.RecheckDomains(t.Context(), second.ID)
	require.NoError(t, err)
	require.Equal(t, entra.DomainLapsed, second.DomainProofs[0].State)
	require.Empty(t, o.routes(t, "contoso.com"))
	_, err = o.ProveByAuthority(t.Context(), mallorys, first.ID)
	require.NoError(t, err)
	require.Equal(t, first.ID, o.routes(t, "contoso.com"))

	_, err = o.ProveByAuthority(t.Context(), contosos, first.ID)
	require.ErrorIs(t, err, entra.ErrNotFound)
}

// A value proves one domain for one organization of one environment, whatever else answers for its name.
func TestDNSChallengeIsBound(t *testing.T) {
	z := &zone{}
	authority := dnsAuthority(z)
	c := challengeFor(t, authority, "contoso.com", "org_contoso")
	require.Equal(t, "_tenantdoor-challenge.contoso.com", c.Name)
	require.Equal(t, c, challengeFor(t, authority, "CONTOSO.com", "org_contoso"), "always the same")
	shape := regexp.MustCompile(`^tenantdoor-domain-verification=[0-9a-f]{40}$`)
	seen := map[string]bool{}
	for _, other := range []entra.Challenge{
		c, challengeFor(t, authority, "contoso.com", "org_contos"), challengeFor(t, authority, "a.contoso.com", "org_contoso"), challengeFor(t, authority, "nowhere.example", "x"),
		challengeFor(t, &entra.DNSAuthority{Secret: authority.Secret, Environment: "staging"}, "contoso.com", "org_contoso"),
		challengeFor(t, &entra.DNSAuthority{Secret: bytes.Repeat([]byte{8}, 32), Environment: "production"}, "contoso.com", "org_contoso"),
	} {
		require.Regexp(t, shape, other.Value)
		require.False(t, seen[other.Value])
		seen[other.Value] = true
	}

	// A wildcard answers for every subdomain, with the value of one domain.
	z.set("*.contoso.com.", c.Value)
	by := entra.Administrator("org_contoso", "ann")
	for domain, want := range map[string]bool{"contoso.com": true, "a.contoso.com": false, "contoso.com.evil.example": false} {
		proven, err := authority.Proven(t.Context(), domain, by)
		require.NoError(t, err)
		require.Equal(t, want, proven, domain)
	}
	for _, near := range []string{c.Value[:len(c.Value)-1], c.Value + "0", strings.ToUpper(c.Value), "x" + c.Value, ""} {
		z.set("_tenantdoor-challenge.contoso.com.", near)
		proven, err := authority.Proven(t.Context(), "contoso.com", by)
		require.NoError(t, err)
		require.False(t, proven, near)
	}
	for _, name := range z.asked {
		require.True(t, strings.HasSuffix(name, "."), "rooted")
	}
	branded := &entra.DNSAuthority{Secret: authority.Secret, Label: "_acme-door"}
	require.Equal(t, "_acme-door.contoso.com", challengeFor(t, branded, "contoso.com", "o").Name)
}

func TestDNSAuthorityRefuses(t *testing.T) {
	z := &zone{}
	by := entra.Administrator("org_contoso", "ann")
	weak := &entra.DNSAuthority{Secret: []byte("short"), Lookup: z.lookup}
	_, err := weak.Proven(t.Context(), "contoso.com", by)
	require.Error(t, err)
	authority := dnsAuthority(z)
	for _, domain := range []string{"", "contoso", "a..b", strings.Repeat("a.", 118) + "example"} {
		_, err = authority.Challenge(domain, "org_contoso")
		require.Error(t, err, domain)
	}
	_, err = authority.Proven(t.Context(), "contoso.com", environment)
	require.Error(t, err, "the environment needs no record")
	require.Empty(t, z.asked)
}

// A resolver that hangs holds a save up for no longer than it is given, and changes nothing.
func TestDNSHangs(t *testing.T) {
	o := newOffice(t)
	authority := &entra.DNSAuthority{Secret: bytes.Repeat([]byte{7}, 32), Timeout: time.Millisecond, Lookup: func(ctx context.Context, _ string) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	public := o.fake.Cloud()
	public.Name = ""
	r, err := entra.NewRegistrar(entra.RegistrarConfig{Store: o.store, Domains: authority, Clouds: []cloud.Cloud{public}, HTTPClient: o.fake.Client()})
	require.NoError(t, err)
	c, findings, err := r.Save(t.Context(), entra.Administrator("org_contoso", "ann"), draft("org_contoso", entratest.ContosoID, "contoso.com", "contoso.io"))
	require.NoError(t, err)
	require.Empty(t, c.ProvenDomains())
	require.Len(t, findings, 2)
	require.NotContains(t, findings[0].String(), "deadline", "how DNS fails is the host's to know")
}
