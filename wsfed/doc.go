// Package wsfed is a WS-Federation passive relying party for Microsoft Entra ID, AD FS and other providers that sign SAML 1.1 or 2.0
// assertions.
//
// [RelyingParty] stands alone and knows no connection; [Protocol] plugs it into an entra.Service. [RelyingParty.SignIn] makes the address to send the
// browser to, and a [Pending], which the host keeps for this browser. What the browser posts back goes to one of a ladder of entry points:
//
//   - [RelyingParty.VerifyRequest], with the HTTP request and the Pending, is the one to use;
//   - [RelyingParty.VerifyForm], with the form in it and the Pending, where there is no http.Request;
//   - [RelyingParty.Verify], with the wresult in that, and [RelyingParty.VerifyToken], with a bare assertion, know of no sign-in: that the browser asked for the
//     answer, that the token is no older, and that the person signed in as lately as was demanded, is then the caller's to check, with Options.
//
// What comes out is a claims.Identity, or a [*VerificationError] that names the check.
//
// # The way of an answer, file by file
//
//   - message.go: the form. One wa, one wresult, one wctx, posted. pending.go: the sign-in that it must answer.
//   - gate.go, gate_names.go, document.go: one strict pass over the raw bytes, before any XML library sees them. Elements and attributes become places in
//     these bytes; the rest of the package reads nothing else.
//   - envelope.go: WS-Trust's envelope, or a SOAP fault. Exactly one assertion in the whole document.
//   - encrypted.go: the one form of encryption that is accepted. What comes out is a stranger's token and begins anew at the gate. gosaml2.go is the
//     seam to the library that decrypts.
//   - signature.go: the one form of signature that is accepted, and the keys to try, which come from metadata or configuration alone.
//     goxmldsig.go is the seam to the library that verifies it: from bytes and keys to the bytes that the signature covers.
//   - assertion.go, saml11.go, saml20.go: what the assertion says, read from those bytes and no others, and held against
//     time, audience, confirmation, and the request that it answers. What is not understood is refused.
//   - authority.go: whose tokens these may be: issuer and tenant.
//   - relyingparty.go: all of it in order; at the end, and only then, the assertion is used up in the replay store.
//   - provider.go, metadata.go: federation metadata, its parsing and its cache.
//   - request.go: requests to sign in and out. protocol.go: the driver of an entra.Service.
//   - description.go: our own metadata document. expiry.go: what ends soon. errors.go: which check refused, and faults of the provider.
//
// # What it does not do
//
// Active requestors, wreq, and tokens given by address (the w…ptr parameters) are not supported.
// Of encryption it reads AES-CBC and AES-GCM with 128 and 256 bits under RSA-OAEP; RSA 1.5 and triple DES are refused.
// Time, audience, issuer, signature and replay checks cannot be switched off; the names of options that weaken another one begin with Insecure or Allow.
//
// # Cost
//
// The gate takes two allocations and time in proportion to the bytes: 13 µs for 8 KB. Everything around goxmldsig costs no more than what is saved of
// goxmldsig's own work. In µs, medians of 3 runs on one otherwise idle core, RSA-2048 and SHA-256:
//
//	answer   whole verification   goxmldsig alone   RSA and SHA-256 alone
//	 3 KB         261                  275                32
//	 8 KB         615                  610                34
//	21 KB        1454                 1466                41
//
// measured by
//
//	go test -run '^$' -bench 'Gate|Verify' -benchmem -count 3 -cpu 1 ./wsfed
//
// goxmldsig alone means parsing with etree included, and without any of the checks. An encrypted token costs one RSA decryption more for each key that is tried.
//
// Sources: WS-Federation 1.2 (https://docs.oasis-open.org/wsfed/federation/v1.2/), WS-Trust 1.3 (https://docs.oasis-open.org/ws-sx/ws-trust/v1.3/),
// SAML 2.0 core (https://docs.oasis-open.org/security/saml/v2.0/) and 1.1 core, XML Signature (https://www.w3.org/TR/xmldsig-core1/), and
// https://learn.microsoft.com/entra/identity-platform/federation-metadata.
package wsfed
