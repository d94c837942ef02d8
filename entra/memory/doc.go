// Package memory keeps connections, flows, replay ids and users in memory: for one machine, for tests, for trying things out.
package memory
