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
// An Index of a million domains, each of another connection, takes 98 bytes a domain, whose own text is among them. A lookup allocates nothing, waits for no
// writer, and looks at one cache line where the domain is known. In nanoseconds, on two shared virtual cores (AMD EPYC), for domains of which each is as likely as
// any other, for the ten thousand whose people come today, and for ones that are not known:
//
//	                          known      busy      unknown
//	Index                   138 – 152   45 – 47    54 – 86
//	Index, alone            247 – 252   73 – 82    69 – 73
//	plain map               245 – 271   65 – 88   130 – 145
//	plain map, alone        367 – 438  129 – 172  136 – 157
//
// Alone is a question that is not put before the one before it is answered, so that the processor reads no memory ahead for it: the time that one person waits. Most
// of it is memory's: one line read at random out of as much takes 145 – 166 here.
//
// Measure it, beside a writer that never rests, and what filling an index costs:
//
//	go test -run '^$' -bench BenchmarkIndex -cpu 1 -count 3 ./hrd
//
// The package knows no protocol, no user and no HTTP.
package hrd
