// Package claims holds what a verified token says of a person, and shapes what the host says of them in its own tokens.
//
// An [Identity] is made only from bytes whose signature was verified: [FromVerifiedJWT] for OpenID Connect,
// [FromVerifiedSAML] for WS-Federation. Both give the same person the same tenant and object id. [IDToken] and
// [AccessToken] return plain maps that fit any token library.
//
//   - identity.go: Identity, the kinds of account, the evidence for an address
//   - groups.go: Groups, which are known, too many for a token, or not emitted
//   - parse.go: the strict reading of JSON
//   - jwt.go, saml.go: the two ways to an Identity
//   - tokens.go, names.go: the host's claims, and the names that no attribute may take
//
// The package verifies nothing, and knows no network, no storage and no HTTP.
package claims
