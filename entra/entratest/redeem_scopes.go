package entratest

import (
	"net/url"
	"slices"
	"strings"
)

// redeemedScopes are what a code's tokens are for: what the sign-in asked for and what the redemption adds. That a redemption may
// name scopes is Entra's extension of RFC 6749, and Microsoft's own libraries rely on it: some ask for openid and offline_access
// nowhere else. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token
func (s *Server) redeemedScopes(app *Application, g *grant, values url.Values) (scopes, *failure) {
	asked := s.parseScopes(values.Get("scope"))
	if asked.unknown != "" {
		return scopes{}, fail(70011, asked.unknown)
	}
	if asked.missingConsent(app) != "" {
		failed := fail(65001, app.ClientID)
		failed.subError = "consent_required"
		return scopes{}, failed
	}
	out := g.scopes
	out.openid, out.profile, out.email = out.openid || asked.openid, out.profile || asked.profile, out.email || asked.email
	out.offline, out.byDefault = out.offline || asked.offline, out.byDefault || asked.byDefault
	out.graph, out.granted = union(out.graph, asked.graph), union(out.granted, asked.granted)
	return out, nil
}

// union keeps the order of first mention.
func union(list, more []string) []string {
	out := slices.Clone(list)
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// withoutOIDC leaves out the scopes that are about a person. MSAL for Go sends them along with every request, those for an application's
// own token included, and Entra passes over them there.
func withoutOIDC(parameter string) string {
	list := slices.DeleteFunc(strings.Fields(parameter), func(s string) bool {
		return s == "openid" || s == "profile" || s == "email" || s == "offline_access"
	})
	return strings.Join(list, " ")
}
