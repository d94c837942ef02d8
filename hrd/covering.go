package hrd

import (
	"context"
	"strings"
)

// covering marks a listed domain that stands for all of its subdomains: "*.contoso.com".
const covering = "*."

// maxParents bounds how many entries are looked up for one address.
const maxParents = 8

// Listed returns a home realm domain, as an administrator lists it, in the one form in which directories keep it. That is [Canonical]'s; or with "*." in
// front, which stands for the subdomains of the domain, however deep, and not for the domain itself. Nothing stands for what is below a public suffix.
//
// An error wraps [ErrInvalid].
func Listed(domain string) (string, error) {
	typed := strings.TrimPrefix(domain, "@")
	base, covers := strings.CutPrefix(typed, covering)
	canonical, err := canonical(base)
	switch {
	case err != nil || !covers:
		return canonical, err
	case IsPublicSuffix(canonical):
		return "", invalid("everybody can register subdomains of the domain")
	case len(covering)+len(canonical) > maxDomain:
		return "", invalid("domain is too long to have subdomains")
	}
	return covering + canonical, nil
}

// Base returns the domain that a listed one is about, and whether it stands for its subdomains.
func Base(listed string) (domain string, covers bool) { return strings.CutPrefix(listed, covering) }

// Lookup asks d for the connection of a domain (canonical, see [Canonical]): for the domain itself and then, from the longest to the shortest, for
// the listed domains that stand for it (see [Listed]). For most it is one question: only a subdomain of a domain that can be registered has others, and at
// most eight of them, the shortest ones. Errors are d's.
func Lookup(ctx context.Context, d Directory, domain string) (connectionID string, found bool, err error) {
	if connectionID, found, err = d.HomeRealm(ctx, domain); found || err != nil {
		return connectionID, found, err
	}
	for _, parent := range parents(domain) {
		if connectionID, found, err = d.HomeRealm(ctx, covering+parent); found || err != nil {
			return connectionID, found, err
		}
	}
	return "", false, nil
}

// parents are the domains above this one, longest first, down to the one that can be registered.
func parents(domain string) []string {
	if strings.Count(domain, ".") < 2 { // as are most
		return nil
	}
	var all []string
	for {
		_, parent, found := strings.Cut(domain, ".")
		if !found || IsPublicSuffix(parent) {
			return all[max(0, len(all)-maxParents):]
		}
		all = append(all, parent)
		domain = parent
	}
}
