// Package storetest is the contract suite for a host's own stores of package entra: connections, flows and replay ids.
//
// One call for each store in a test of the host runs everything that a Service relies on: not-found answers through wrapping, names
// and proven domains that one connection holds (also when thirty-two callers race), versions, single use, expiry, identifiers
// that differ only in case or in Unicode form, long values, cancelled contexts. [Environments] checks that two environments over one database
// never meet, [Machines] that two machines over one database are as one. Run it with the race detector, against the database or the cache that production uses.
//
// A suite cannot set a foreign store's clock, so expiry is checked with times an hour in the past and an hour in the future.
//
// The package imports testing and nothing beyond the standard library and this module.
package storetest
