// Package memory keeps connections, flows, replay ids and users in memory: for one machine, for tests, for trying things out.
//
// Every store is ready as its zero value and safe for concurrent use. What goes in and what comes out are deep copies.
// Nothing survives the process and nothing is shared between machines: with a second machine behind the same balancer,
// [Replay] would accept on one what the other has seen. Nothing is encrypted: secrets of connections are in memory as they are.
//
// The stores start no goroutine. What has expired is swept in small steps by the calls that come in.
package memory
