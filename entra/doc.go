// Package entra is Microsoft Entra ID enterprise connections for any auth server.
//
// The host brings its storage ([ConnectionStore], provisioning.UserStore) and its sessions; a [Service] takes a person from an
// address or a button to Entra and back: begin, finish, enrich, provision. Protocols are plugged in ([Protocol]): packages
// oauth2 and wsfed.
//
// The way of a sign-in, file by file: buttons.go, discover.go, begin.go, flow.go, finish.go, enrich.go and groups.go (what Graph adds, and the policy on groups), provision.go; handler.go
// puts HTTP around it. Beside it: target.go makes a connection ready for its protocol, upstream.go and returnto.go guard what goes
// out and where people return to, signout.go, refresh.go, adminconsent.go and unsolicited.go are the other ways in and out. The days after: recheck.go and
// sweep.go (what became of people's accounts), session.go (how long, and into which organization), ended.go (whose sessions end when a connection changes), assign.go and
// emergency.go (an administrator ties an account to a connection; break-glass users).
//
// Connections change through a [Registrar] only: registrar.go, domains.go (whose domain it is), tenant.go (whose people come) and
// guarded.go (what an organization's administrator may not change), dnsauthority.go (a domain proven by a record), registrar_secrets.go (what Save cannot say of
// secrets), registrar_delete.go and registrar_sessions.go (what depends on a connection). expiring.go tells what ends soon. connection.go, connection_groups.go and check.go say what a connection is; guide.go, guide_manifest.go and guide_page.go
// what its administrator enters at Entra, and diagnose.go and diagnose_probe.go whether that is right; findings.go is how both say it. connection_json.go and
// connection_codec.go write a connection, without secrets and sealed by keyring.go; connection_credential.go, wsfederation.go and reserved.go are parts of it.
// actor.go says who acts, resolve.go which connections an import may name.
//
// What the host fills in is in config.go and host.go, and what a protocol is in protocol.go; signin.go is what comes out, error.go and refusal.go what does not.
// page.go and discover_handler.go are the HTML and JSON around them, claimsrequest.go puts a claims challenge together with the own demands.
package entra
