// Package oauth2 signs people in at Microsoft Entra ID over OAuth 2.0 and OpenID Connect: the authorization-code flow with PKCE.
//
// [Client] stands alone and knows no connection; [Protocol] plugs it into an entra.Service.
package oauth2
