// Package credential proves an application to Entra's token endpoint, and makes the one POST to it.
//
// A [Secret] masks itself wherever it is printed. A [Credential] is a client secret, a certificate or a federated assertion.
package credential
