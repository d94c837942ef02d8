// Package provisioning decides which of the host's users a verified identity is, and keeps that user up to date.
//
// [Decide] is the whole linking decision as a pure function: sign in, link, create, verify or refuse, with the reason as a
// word. A [Provisioner] applies it to the host's [UserStore] exactly once, however many machines see the person at the same
// moment: unique keys in the store decide races, no lock is held anywhere.
//
// What it promises:
//
//   - An identity is known by its [Key], never by an address. It never moves to another user by itself: only an administrator's act moves
//     it ([Provisioner.Rebind]), audited.
//   - An address alone never signs anyone in. It links to an account only on a connection that is trusted with addresses, with
//     [claims.Evidence] for this very address, and where the account's own address is verified.
//   - Groups are written as a whole or not at all; what is not known for certain removes nothing.
//   - Every outcome is a [Decision]: data for a dry run, for support people and for the host's audit log.
//
// The map: key.go (what an identity is known by), address.go (how addresses are compared), user.go, apply.go and store.go (what the host
// stores, and the contract of its store), policy.go, decision.go, decide.go and record.go (the decision), sync.go and joining.go (profile, groups and
// membership), provisioner.go (applying it), audit.go (what the host's audit log hears), act.go and assign.go (what administrators do: rebind, unlink, assign),
// rules.go (roles from groups, and why),
// person.go (one person's data exported and erased). Package provisioningtest is the contract suite for a host's own store.
//
// DECISION.md is the decision as a table, with all reasons and audit events; MIGRATION.md is the way here from Kinde or Auth0.
//
// The package knows no protocol, no HTTP and no connection; package entra calls it after a token was verified.
package provisioning
