// Package claims holds what a verified token says of a person, and shapes what the host says of them in its own tokens.
//
// An [Identity] is made only from bytes whose signature was verified: [FromVerifiedJWT] for OpenID Connect,
// [FromVerifiedSAML] for WS-Federation. Both give the same person the same tenant and object id.
//
// The package knows no network, no storage and no HTTP.
package claims
