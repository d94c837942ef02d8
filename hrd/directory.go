package hrd

import "context"

// Directory names the connection of a home realm domain. Its method is safe for concurrent use.
type Directory interface {
	// HomeRealm returns the connection that people of domain (canonical, see [Canonical]) sign in with. Nobody's domain is
	// found == false without an error; an error says that the directory could not tell.
	HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error)
}

var (
	_ Directory = (*Index)(nil)
	_ Directory = (*Cache)(nil)
)
