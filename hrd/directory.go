package hrd

import "context"

// Directory names the connection of a home realm domain. Its method is safe for concurrent use.
type Directory interface {
	// HomeRealm returns the connection that lists domain, in the form of [Listed]: a directory compares texts, and what stands for subdomains is asked for
	// by [Lookup]. Nobody's domain is found == false without an error; an error says that the directory could not tell.
	HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error)
}

var (
	_ Directory = (*Index)(nil)
	_ Directory = (*Cache)(nil)
)
