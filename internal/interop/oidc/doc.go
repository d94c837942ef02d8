// Package oidc holds the tests over OAuth 2.0 and OpenID Connect: MSAL for Go, @azure/msal-node and openid-client sign in at our fake
// Entra, as they would at the real one; our client signs in at oidc-provider. What runs in Node lies in folder node.
package oidc
