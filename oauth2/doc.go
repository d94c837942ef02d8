// Package oauth2 signs people in at Microsoft Entra ID over OAuth 2.0 and OpenID Connect: the authorization-code flow with PKCE, for one tenant
// as for all of them, in every cloud.
//
// [Client] stands alone and knows no connection: [Client.SignIn] makes the address to send the browser to, [Client.Redeem] takes the
// answer and returns a claims.Identity, [Client.Verify] verifies an ID token from elsewhere. [Client.Refresh] trades a refresh token,
// [Client.AdminConsentURL] sends an administrator to consent, [Client.SignOut] ends Entra's own session. [Protocol] plugs all of it into an entra.Service.
//
// # What a token must be
//
// Nothing in a token says where its keys or its issuer are: both come from the authority that the configuration names, and nothing else is
// ever fetched. iss must be, byte for byte, what that authority issues for tid; the key must be one that may sign for that issuer, because Entra's
// tenants share keys, and the signature alone does not tell one tenant from another. Then tenant, audience, times, nonce and the rest are checked,
// each on every token; a check that lacks its input fails. What fails is a [VerificationError] that names the check.
//
// [Metadata] keeps documents and keys, one copy per authority, however many clients there are.
//
// Sources: OpenID Connect Core 1.0; RFC 6749, RFC 7636, RFC 8725, RFC 9207; https://learn.microsoft.com/entra/identity-platform/claims-validation.
//
// The package's name is that of golang.org/x/oauth2, which does the work at the token endpoint: where both are needed, import this one as entraoauth2.
package oauth2
