package wsfed

import (
	"context"
	"time"
)

// Expiring names what ends.
type Expiring string

// What ends, and what comes of it.
const (
	// ExpiringMetadata is the validUntil of the provider's metadata: past it nobody signs in until there is a newer document.
	ExpiringMetadata Expiring = "metadata"
	// ExpiringSigningKeys is the last certificate of the provider's signing keys. The dates do not count here, but providers renew their keys by
	// them: soon tokens are signed by another one, which static metadata does not know.
	ExpiringSigningKeys Expiring = "signing_keys"
	// ExpiringDecryptionKey is the certificate that providers encrypt with: past its end they stop, or refuse to sign people in.
	ExpiringDecryptionKey Expiring = "decryption_key"
)

// Expiry is the end of something.
type Expiry struct {
	Of Expiring
	At time.Time
}

// Expiries returns what ends within the time given, or has ended: for a job that looks once a day and writes to whoever can renew it. Metadata that
// is fetched is renewed hourly; its validUntil counts when it is less than a day away, which says that the provider stopped renewing it. For the errors see SignIn.
func (p *RelyingParty) Expiries(ctx context.Context, within time.Duration) ([]Expiry, error) {
	provider, err := p.provider(ctx)
	if err != nil {
		return nil, err
	}
	rule, err := p.rule(provider)
	if err != nil {
		return nil, err
	}
	var found []Expiry
	add := func(of Expiring, at time.Time, within time.Duration) {
		if !at.IsZero() && !at.After(p.c.Now().Add(within)) {
			found = append(found, Expiry{of, at})
		}
	}
	if p.c.Provider == nil {
		add(ExpiringMetadata, provider.validUntil, min(within, goodFor))
	} else {
		add(ExpiringMetadata, provider.validUntil, within)
	}
	var last time.Time
	for _, key := range rule.keys {
		last = later(last, key.NotAfter)
	}
	add(ExpiringSigningKeys, last, within)
	if len(p.c.DecryptionKeys) > 0 {
		if certificate, err := leaf(p.c.DecryptionKeys[0]); err == nil { // New has read it before
			add(ExpiringDecryptionKey, certificate.NotAfter, within)
		}
	}
	return found, nil
}
