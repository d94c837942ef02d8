// Package entratest is a fake Microsoft Entra ID to develop and test against: many tenants, OpenID Connect, WS-Federation and Graph,
// with faults on demand. It is an ordinary HTTP server, imports no testing package, and shares no code with the verifier.
package entratest
