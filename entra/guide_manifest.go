package entra

import (
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// AppManifest holds those members of an app registration that a connection needs, in the form of Microsoft Graph, which the page Manifest of the admin
// center takes too. Others stay as they are. https://learn.microsoft.com/entra/identity-platform/reference-microsoft-graph-app-manifest
type AppManifest struct {
	SignInAudience         string                   `json:"signInAudience"`
	IdentifierURIs         []string                 `json:"identifierUris,omitempty"`
	Web                    AppManifestWeb           `json:"web"`
	GroupMembershipClaims  string                   `json:"groupMembershipClaims,omitempty"`
	OptionalClaims         AppManifestClaims        `json:"optionalClaims"`
	RequiredResourceAccess []AppManifestPermissions `json:"requiredResourceAccess,omitempty"`
}

// AppManifestWeb is the platform Web.
type AppManifestWeb struct {
	RedirectURIs []string `json:"redirectUris"`
	LogoutURL    string   `json:"logoutUrl,omitempty"`
}

// AppManifestClaims are the optional claims of two kinds of tokens.
type AppManifestClaims struct {
	IDToken    []AppManifestClaim `json:"idToken"`
	SAML2Token []AppManifestClaim `json:"saml2Token"`
}

// AppManifestClaim is one optional claim.
type AppManifestClaim struct {
	Name                 string   `json:"name"`
	Essential            bool     `json:"essential"`
	AdditionalProperties []string `json:"additionalProperties"`
}

// AppManifestPermissions are the permissions at one resource.
type AppManifestPermissions struct {
	ResourceAppID  string                  `json:"resourceAppId"`
	ResourceAccess []AppManifestPermission `json:"resourceAccess"`
}

// AppManifestPermission names one by its id; Type is Scope for a delegated and Role for an application permission.
type AppManifestPermission struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// The account types of an app registration.
const (
	singleTenant     = "AzureADMyOrg"
	multiTenant      = "AzureADMultipleOrgs"
	multiAndPersonal = "AzureADandPersonalMicrosoftAccount"
)

var audienceText = map[string]string{
	singleTenant:     "Accounts in this organizational directory only (single tenant)",
	multiTenant:      "Accounts in any organizational directory (multitenant); the connection itself says whose are admitted",
	multiAndPersonal: "Accounts in any organizational directory and personal Microsoft accounts; the connection itself says whose are admitted",
}

// groupText is what the admin center calls the kinds of groupMembershipClaims.
var groupText = map[string]string{
	"SecurityGroup":    "security groups",
	"All":              "all groups",
	"ApplicationGroup": "groups assigned to the application",
	"DirectoryRole":    "directory roles, so that an administrator's test sign-in proves the home realm domains",
}

// groupKinds are our words for them.
var groupKinds = map[GroupKind]string{GroupsSecurity: "SecurityGroup", GroupsAll: "All", GroupsAssigned: "ApplicationGroup"}

// optionalClaims are what the library reads beyond what every token holds, by kind of token.
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
var (
	idTokenClaims   = []string{"email", "xms_edov", "login_hint", "sid", "acct", "auth_time", "verified_primary_email", "given_name", "family_name"}
	samlTokenClaims = []string{"email", "acct"}
)

func (b *guideBuilder) manifest() *AppManifest {
	m := &AppManifest{
		SignInAudience: b.audience(), Web: AppManifestWeb{RedirectURIs: []string{b.callback}, LogoutURL: b.signOutURL()},
		GroupMembershipClaims: strings.Join(b.groupClaims(), ", "),
	}
	if id := b.identifier(); id != "" {
		m.IdentifierURIs = []string{id}
	}
	m.OptionalClaims = AppManifestClaims{IDToken: b.claims(idTokenClaims), SAML2Token: b.claims(samlTokenClaims)}
	graph := AppManifestPermissions{ResourceAppID: graphAppID}
	for _, p := range b.permissions() {
		one := AppManifestPermission{ID: p.ID, Type: "Scope"}
		if p.Application {
			one.Type = "Role"
		}
		graph.ResourceAccess = append(graph.ResourceAccess, one)
	}
	if len(graph.ResourceAccess) > 0 {
		m.RequiredResourceAccess = []AppManifestPermissions{graph}
	}
	return m
}

// claims are given for the tokens of both protocols, so that a connection that changes its strategy needs no more than another redirect URI.
func (b *guideBuilder) claims(names []string) []AppManifestClaim {
	out := make([]AppManifestClaim, 0, len(names)+1)
	for _, name := range names {
		out = append(out, AppManifestClaim{Name: name, AdditionalProperties: []string{}})
	}
	if b.emitsGroups() {
		out = append(out, AppManifestClaim{Name: "groups", AdditionalProperties: b.groupForm()})
	}
	return out
}

// emitsGroups reports whether tokens are to carry groups.
func (b *guideBuilder) emitsGroups() bool {
	return b.c.UserGroups && b.c.Groups.Source != GroupsGraph
}

// groupForm is how the application is to emit groups; our words for the forms are the manifest's.
func (b *guideBuilder) groupForm() []string {
	form := []string{}
	if b.c.Groups.Form != GroupObjectID {
		form = append(form, string(b.c.Groups.Form))
	}
	if b.c.Groups.AsRoles {
		form = append(form, "emit_as_roles")
	}
	return form
}

func (b *guideBuilder) audience() string {
	switch {
	case !b.c.UseCommonEndpoint:
		return singleTenant
	case slices.Contains(b.c.AllowedTenants, cloud.Consumers):
		return multiAndPersonal
	}
	return multiTenant
}

// groupClaims has Entra emit the groups where they are wanted, and directory roles where an administrator is to prove an organization's domains by signing
// in (Registrar.ProveByAdministrator).
func (b *guideBuilder) groupClaims() []string {
	var kinds []string
	if b.emitsGroups() {
		kinds = append(kinds, groupKinds[b.c.Groups.Kind])
	}
	if b.c.OrganizationID != "" && len(b.c.HomeRealmDomains) > 0 && !slices.Contains(kinds, "All") { // which has them
		kinds = append(kinds, "DirectoryRole")
	}
	return kinds
}

// graphAppID is Microsoft Graph's own application id, in every cloud.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// graphPermission is a permission of Microsoft Graph.
type graphPermission struct {
	Name, ID    string
	Application bool // else delegated
}

// delegatedPermissions are those that connections name as scopes.
// https://learn.microsoft.com/graph/permissions-reference
var delegatedPermissions = map[string]string{
	"openid":               "37f7f235-527c-4136-accd-4a02d197296e",
	"profile":              "14dad69e-099b-42c9-810b-d002981feec1",
	"email":                "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
	"offline_access":       "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
	"User.Read":            "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
	"User.Read.All":        "a154be20-db9c-4678-8ab7-66f6cc099a59",
	"GroupMember.Read.All": "bc024368-1153-4739-b217-4326f2e966d0",
	"Group.Read.All":       "5f8c59db-677d-491f-a6b8-5f174b11ec1d",
	"Directory.Read.All":   "06da0dbc-49e2-44d2-8312-53f166ab848a",
}

// Application permissions that the library itself makes use of.
var (
	readGroups = graphPermission{Name: "GroupMember.Read.All", ID: "98830695-27a2-44f7-8c18-0c3ebc9698f6", Application: true}
	readUsers  = graphPermission{Name: "User.Read.All", ID: "df021288-bdef-4463-88db-98f22de89214", Application: true}
)

// asksGraphByApplication reports whether Graph is asked with the application's own token: over WS-Federation, which yields no other, and where the
// person's token is for another resource.
func (c *Connection) asksGraphByApplication(cl cloud.Cloud) bool {
	return c.Strategy == WSFed || slices.ContainsFunc(c.Scopes, func(s string) bool {
		return strings.Contains(s, "/") && !strings.HasPrefix(s, cl.Graph+"/")
	})
}

// permissions are what the connection asks of Graph: as the person over OAuth 2.0, else as the application itself. Scopes of Graph that are not in the table, and those of other resources, are the admin's own to register.
func (b *guideBuilder) permissions() []graphPermission {
	c := b.c
	asks := (c.UserGroups || c.ExtendedProfile || c.Profile.Photo) && b.cloud.Graph != ""
	var out []graphPermission
	byApplication := c.asksGraphByApplication(b.cloud)
	if c.Strategy == OAuth2 {
		names := []string{"openid", "profile", "email"}
		for _, s := range c.Scopes {
			names = append(names, strings.TrimPrefix(s, b.cloud.Graph+"/"))
		}
		if asks && !byApplication {
			names = append(names, "User.Read")
			if c.UserGroups && c.Groups.named() { // without it Graph answers with ids alone
				names = append(names, "GroupMember.Read.All")
			}
			if c.ExtendedProfile && c.Profile.Manager {
				names = append(names, "User.Read.All")
			}
		}
		for _, name := range names {
			p := graphPermission{Name: name, ID: delegatedPermissions[name]}
			if p.ID != "" && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	if asks && byApplication {
		if c.UserGroups {
			out = append(out, readGroups)
		}
		out = append(out, readUsers)
	}
	return out
}
