package entratest

import (
	"slices"
	"strings"
)

// scopes is a scope parameter, taken apart.
// https://learn.microsoft.com/entra/identity-platform/scopes-oidc
type scopes struct {
	openid, profile, email, offline bool
	graph                           []string // delegated permissions of Graph, without its address
	byDefault                       bool     // {Graph}/.default: whatever was consented to
	granted                         []string // as the answer's scope repeats them
	unknown                         string   // the first one that is no scope of anything here
}

// delegatedScopes are the permissions of Graph that the server knows, and whether only an admin may consent to them.
// https://learn.microsoft.com/graph/permissions-reference
var delegatedScopes = map[string]bool{
	"User.Read":             false,
	"User.ReadBasic.All":    false,
	"ProfilePhoto.Read.All": true,
	"User.Read.All":         true,
	"GroupMember.Read.All":  true,
	"Group.Read.All":        true,
	"Directory.Read.All":    true,
}

// realGraph is how applications that know only the public cloud name Graph's scopes.
const realGraph = "https://graph.microsoft.com"

// parseScopes reads a scope parameter.
func (s *Server) parseScopes(parameter string) scopes {
	var out scopes
	for scope := range strings.FieldsSeq(parameter) {
		name := scope
		for _, resource := range []string{s.GraphURL, realGraph} {
			name = strings.TrimPrefix(name, resource+"/")
		}
		name = strings.TrimPrefix(name, "/") // .default may be asked for with two slashes
		known := true
		switch name {
		case "openid":
			out.openid = true
		case "profile":
			out.profile = true
		case "email":
			out.email = true
		case "offline_access":
			out.offline = true
			continue // never repeated in an answer
		case ".default":
			out.byDefault = true
		default:
			if _, known = delegatedScopes[name]; known && !slices.Contains(out.graph, name) {
				out.graph = append(out.graph, name)
			}
		}
		if !known && out.unknown == "" {
			out.unknown = scope
		}
		if known && !slices.Contains(out.granted, scope) {
			out.granted = append(out.granted, scope)
		}
	}
	return out
}

// missingConsent returns the first permission that an admin would have to consent to first, or "".
func (c scopes) missingConsent(app *Application) string {
	for _, name := range c.graph {
		if delegatedScopes[name] && !slices.Contains(app.DelegatedPermissions, name) {
			return name
		}
	}
	return ""
}

// permissions are what an access token of these scopes allows.
func (c scopes) permissions(app *Application) []string {
	out := slices.Clone(c.graph)
	if c.byDefault {
		out = append(out, "User.Read")
		out = append(out, app.DelegatedPermissions...)
	}
	for name, there := range map[string]bool{"openid": c.openid, "profile": c.profile, "email": c.email} {
		if there {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// within leaves out what was not granted of the OpenID Connect scopes; a refresh token stays one.
func (c scopes) within(granted scopes) scopes {
	c.openid, c.profile, c.email, c.offline = c.openid && granted.openid, c.profile && granted.profile, c.email && granted.email, granted.offline
	return c
}
