// Package hrd is home realm discovery: from the address that somebody typed to the connection that signs them in.
//
// It reads the domain of an address strictly ([Domain]) and asks a [Directory]. It routes; it is not access control.
// It knows no protocol, no user and no HTTP.
package hrd
