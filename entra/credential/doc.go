// Package credential proves an application to Entra's token endpoint, and makes the one POST to it.
//
// A [Secret] masks itself wherever it is printed, logged or encoded. A [Credential] is a client secret ([FromSecret]), a
// certificate ([FromCertificates]; from files with [KeyPairFromPEM] and [KeyPairFromPFX]) or a federated assertion ([FromAssertion],
// [FromAssertionFile]). Two secrets ([FromSecrets]) or two certificates stand side by side during a rotation. Which one it is makes no
// difference to whoever redeems a code, refreshes a token or asks for an app-only one through [Endpoint].
//
// Codes, secrets, assertions and tokens are in no error of this package.
package credential
