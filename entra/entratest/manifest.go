package entratest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// manifest holds the members of an app manifest, in the form of Microsoft Graph, that the server acts upon.
// https://learn.microsoft.com/entra/identity-platform/reference-microsoft-graph-app-manifest
type manifest struct {
	DisplayName            string   `json:"displayName"`
	SignInAudience         string   `json:"signInAudience"`
	IdentifierURIs         []string `json:"identifierUris"`
	GroupMembershipClaims  string   `json:"groupMembershipClaims"`
	RequiredResourceAccess []struct {
		ResourceAppID  string `json:"resourceAppId"`
		ResourceAccess []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"resourceAccess"`
	} `json:"requiredResourceAccess"`
	OptionalClaims struct {
		IDToken     []manifestClaim `json:"idToken"`
		AccessToken []manifestClaim `json:"accessToken"`
		SAML2Token  []manifestClaim `json:"saml2Token"`
	} `json:"optionalClaims"`
	Web struct {
		RedirectURIs []string `json:"redirectUris"`
		LogoutURL    string   `json:"logoutUrl"`
	} `json:"web"`
}

type manifestClaim struct {
	Name                 string   `json:"name"`
	Source               *string  `json:"source"`
	Essential            bool     `json:"essential"`
	AdditionalProperties []string `json:"additionalProperties"`
}

// Register registers an application in a tenant, named by GUID or domain, as an administrator does who pastes a manifest into the admin center. It returns
// the application with the client id and the one secret that the server gave it. Permissions that the manifest lists are wanted, not granted.
//
// Refused is what Entra refuses, and every member that the server would not act upon.
func (s *Server) Register(tenant string, manifest []byte) (*Application, error) {
	t := s.tenantByName(tenant)
	if t == nil {
		return nil, fmt.Errorf("entratest: there is no tenant %q", tenant)
	}
	app, err := readManifest(manifest, t)
	if err != nil {
		return nil, fmt.Errorf("entratest: manifest: %w", err)
	}
	app.ClientID, app.Secrets = newGUID(), []string{rand.Text()}
	err = s.Edit(func(tenants []Tenant) []Tenant {
		for i := range tenants {
			if tenants[i].ID == t.ID {
				tenants[i].Applications = append(tenants[i].Applications, *app)
			}
		}
		return tenants
	})
	if err != nil {
		return nil, err
	}
	return app, nil
}

// Configure changes a registered application by a manifest, as Register makes one. Its id, secrets and grants stay.
func (s *Server) Configure(clientID string, manifest []byte) error {
	owner, _ := s.dir().application(clientID)
	if owner == nil {
		return fmt.Errorf("entratest: no application has the client id %q", clientID)
	}
	next, err := readManifest(manifest, owner)
	if err != nil {
		return fmt.Errorf("entratest: manifest: %w", err)
	}
	return s.editApplication(clientID, func(a *Application) {
		a.MultiTenant, a.PersonalAccounts = next.MultiTenant, next.PersonalAccounts
		a.RedirectURIs, a.ReplyURLs, a.LogoutURL, a.Identifiers = next.RedirectURIs, next.ReplyURLs, next.LogoutURL, next.Identifiers
		a.OptionalClaims, a.GroupClaims, a.GroupNames, a.WantedPermissions = next.OptionalClaims, next.GroupClaims, next.GroupNames, next.WantedPermissions
	})
}

func readManifest(text []byte, owner *Tenant) (*Application, error) {
	var m manifest
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	app := &Application{Name: m.DisplayName, RedirectURIs: m.Web.RedirectURIs, LogoutURL: m.Web.LogoutURL, Identifiers: m.IdentifierURIs}
	if app.Name == "" {
		app.Name = "Registered application"
	}
	var errs []error
	switch m.SignInAudience {
	case "AzureADMyOrg":
	case "AzureADMultipleOrgs":
		app.MultiTenant = true
	case "AzureADandPersonalMicrosoftAccount":
		app.MultiTenant, app.PersonalAccounts = true, true
	default:
		errs = append(errs, fmt.Errorf("signInAudience %q", m.SignInAudience))
	}
	for _, uri := range m.Web.RedirectURIs {
		errs = append(errs, checkRedirectURI(uri))
	}
	if m.Web.LogoutURL != "" {
		errs = append(errs, checkRedirectURI(m.Web.LogoutURL))
	}
	for _, uri := range m.IdentifierURIs {
		errs = append(errs, checkIdentifier(uri, owner))
	}
	var err error
	app.GroupClaims, err = checkGroupClaims(m.GroupMembershipClaims)
	errs = append(errs, err)
	app.OptionalClaims, app.GroupNames, err = m.optionalClaims()
	errs = append(errs, err)
	app.WantedPermissions, err = m.permissions()
	return app, errors.Join(append(errs, err)...)
}

// checkRedirectURI follows https://learn.microsoft.com/entra/identity-platform/reply-url
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "" || u.Fragment != "" || len(uri) > 256 || strings.Contains(uri, "*"):
		return fmt.Errorf("redirect URI %q", uri)
	case u.Scheme == "https", u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"):
		return nil
	}
	return fmt.Errorf("redirect URI %q: http is for localhost only", uri)
}

// checkIdentifier lets an application be named by a domain of its tenant, or by its own id.
// https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions
func checkIdentifier(uri string, owner *Tenant) error {
	u, err := url.Parse(uri)
	if err != nil || u.Fragment != "" || strings.HasSuffix(uri, "/") {
		return fmt.Errorf("identifier URI %q", uri)
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme == "api" && (host == owner.ID || guidPattern.MatchString(host)) {
		return nil
	}
	for _, domain := range owner.Domains {
		if (u.Scheme == "https" || u.Scheme == "api") && (host == domain || strings.HasSuffix(host, "."+domain)) {
			return nil
		}
	}
	return fmt.Errorf("identifier URI %q is not of a verified domain", uri)
}

func checkGroupClaims(list string) (string, error) {
	for _, kind := range groupClaimKinds(list) {
		if !slices.Contains([]string{"None", "SecurityGroup", "ApplicationGroup", "DirectoryRole", "All"}, kind) {
			return "", fmt.Errorf("groupMembershipClaims %q", list)
		}
	}
	return list, nil
}

// claimsOfTokens are the optional claims that the server knows, by kind of token.
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
var (
	claimsOfJWT = []string{
		"email", "xms_edov", "login_hint", "sid", "acct", "auth_time", "verified_primary_email", "upn", "given_name", "family_name", "ipaddr", "tenant_ctry", "groups",
	}
	claimsOfSAML = []string{"acct", "email", "groups", "upn"}
)

// optionalClaims are those of ID tokens; SAML tokens carry theirs anyhow. It tells too whether groups come as names.
func (m *manifest) optionalClaims() (names []string, groupNames bool, err error) {
	for _, list := range []struct {
		kind   string
		known  []string
		claims []manifestClaim
	}{{"ID", claimsOfJWT, m.OptionalClaims.IDToken}, {"SAML", claimsOfSAML, m.OptionalClaims.SAML2Token}} {
		for _, c := range list.claims {
			switch {
			case !slices.Contains(list.known, c.Name):
				return nil, false, fmt.Errorf("%s tokens have no optional claim %q", list.kind, c.Name)
			case c.Name == "groups" && m.GroupMembershipClaims == "":
				return nil, false, errors.New("the optional claim groups needs groupMembershipClaims")
			case c.Name == "groups" && slices.Equal(c.AdditionalProperties, []string{"cloud_displayname"}):
				groupNames = true
			case len(c.AdditionalProperties) > 0:
				return nil, false, fmt.Errorf("the server knows no %q of the claim %s", c.AdditionalProperties, c.Name)
			}
			if list.kind == "ID" {
				names = append(names, c.Name)
			}
		}
	}
	return names, groupNames, nil
}

// graphAppID is Microsoft Graph's application id.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// graphPermissions names Graph's permissions by type and id. Those that no administrator has to grant are "".
// https://learn.microsoft.com/graph/permissions-reference
var graphPermissions = map[string]string{
	"Scope 37f7f235-527c-4136-accd-4a02d197296e": "", // openid
	"Scope 14dad69e-099b-42c9-810b-d002981feec1": "", // profile
	"Scope 64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0": "", // email
	"Scope 7427e0e9-2fba-42fe-b0c0-848c9e6a8182": "", // offline_access
	"Scope e1fe6dd8-ba31-4d61-89e7-88639da4683d": "", // User.Read
	"Scope a154be20-db9c-4678-8ab7-66f6cc099a59": "User.Read.All",
	"Scope bc024368-1153-4739-b217-4326f2e966d0": "GroupMember.Read.All",
	"Scope 5f8c59db-677d-491f-a6b8-5f174b11ec1d": "Group.Read.All",
	"Scope 06da0dbc-49e2-44d2-8312-53f166ab848a": "Directory.Read.All",
	"Role 98830695-27a2-44f7-8c18-0c3ebc9698f6":  "GroupMember.Read.All",
	"Role df021288-bdef-4463-88db-98f22de89214":  "User.Read.All",
}

func (m *manifest) permissions() ([]string, error) {
	var out []string
	for _, resource := range m.RequiredResourceAccess {
		if resource.ResourceAppID != graphAppID {
			return nil, fmt.Errorf("requiredResourceAccess names the unknown resource %q", resource.ResourceAppID)
		}
		for _, p := range resource.ResourceAccess {
			name, ok := graphPermissions[p.Type+" "+p.ID]
			if !ok {
				return nil, fmt.Errorf("there is no permission of type %q with the id %q at Graph", p.Type, p.ID)
			}
			if name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out, nil
}
