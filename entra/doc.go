// Package entra is Microsoft Entra ID enterprise connections for any auth server.
//
// The host brings its storage ([ConnectionStore], provisioning.UserStore) and its sessions; a [Service] takes a person from an
// address or a button to Entra and back: begin, finish, enrich, provision. Protocols are plugged in ([Protocol]): packages
// oauth2 and wsfed.
//
// The way of a sign-in, file by file: discover.go, begin.go, flow.go, finish.go, enrich.go, provision.go; handler.go
// puts HTTP around it.
package entra
