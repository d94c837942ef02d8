// Package provisioningtest is the contract suite for a host's own provisioning.UserStore.
//
// One call in a test of the host runs everything that provisioning relies on: not-found answers through wrapping, unique keys
// and pending identities (also when thirty-two callers race), identifiers that differ only in case or in Unicode form, whole
// changes or none, versions, times, long values, cancelled contexts, and what a store can do beside: read, list, erase, find many, create many.
// [Environments] checks that two environments over one database never meet, [Machines] that two machines over one database are as one. Run them with the race detector, against the database that
// production uses: a collation or an isolation level is part of the contract.
//
// The package imports testing and nothing beyond the standard library and this module.
package provisioningtest
