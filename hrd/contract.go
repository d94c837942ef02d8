package hrd

import (
	"context"
	"time"
)

// Domain returns the canonical domain of an address: A-labels, lower case, no trailing dot.
func Domain(address string) (string, error) { panic("sketch") }

// Canonical does the same for a domain, with or without a leading "@".
func Canonical(domain string) (string, error) { panic("sketch") }

// Directory names the connection of a home realm domain.
type Directory interface {
	// HomeRealm returns the connection that people of domain (canonical) sign in with. Nobody's domain is
	// found == false without an error.
	HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error)
}

// Index is a Directory in memory. Its zero value is empty and ready; it is safe for concurrent use.
type Index struct{}

// HomeRealm implements Directory.
func (x *Index) HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error) {
	panic("sketch")
}

// Set makes connectionID the holder of exactly these domains (none: of no domain any more).
// A domain that another connection holds is *TakenError and nothing changes.
func (x *Index) Set(connectionID string, domains []string) error { panic("sketch") }

// TakenError says that another connection holds the domain.
type TakenError struct{ Domain, ConnectionID string }

func (e *TakenError) Error() string { panic("sketch") }

// Cached keeps at most size answers of d for at most ttl, found or not; errors are not kept.
func Cached(d Directory, size int, ttl time.Duration) Directory { panic("sketch") }

var _ Directory = (*Index)(nil)
