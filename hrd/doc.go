// Package hrd is home realm discovery: from the address that somebody typed to the connection that signs them in.
//
// It reads the domain of an address strictly ([Domain]), in the one form in which domains are compared ([Canonical]), and asks ([Lookup])
// a [Directory]: an [Index] in memory, or the host's own store behind a [Cache]. Domains are exact; an administrator who wants subdomains led too lists
// "*.contoso.com" ([Listed]). It routes; it is not access control. Whoever
// answers a person with it gives the same answer, in shape and time, whether or not an account exists.
//
//   - domain.go, imitation.go: addresses and domains; labels that imitate others
//   - shared.go: domains that are nobody's home realm
//   - covering.go: domains that stand for their subdomains, and the look-up that finds them
//   - index.go, table.go: the index, and the table that readers share with a writer
//   - directory.go, cache.go: the interface, and a cache around one
//
// An Index of a million domains, each of another connection, takes 76 bytes a domain beyond the strings' own when loaded at
// once, and about 93 when filled one by one. A lookup allocates nothing and waits for no writer; its time is that of a few
// cache misses, as in a plain map of the same size. Measure both, side by side, beside a writer that never rests:
//
//	go test -run '^$' -bench BenchmarkIndex ./hrd
//
// The package knows no protocol, no user and no HTTP.
package hrd
