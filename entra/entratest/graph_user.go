package entratest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Properties of a user that are answered by default, and those that must be selected.
// https://learn.microsoft.com/graph/api/resources/user#properties
var (
	defaultUserProperties = []string{
		"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
		"surname", "userPrincipalName",
	}
	selectableUserProperties = []string{
		"accountEnabled", "ageGroup", "city", "companyName", "country", "createdDateTime", "creationType", "department", "employeeHireDate",
		"employeeId", "employeeOrgData", "employeeType", "externalUserState", "faxNumber", "identities", "imAddresses", "mailNickname",
		"onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesExtensionAttributes", "onPremisesImmutableId",
		"onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "onPremisesUserPrincipalName", "otherMails",
		"postalCode", "preferredDataLocation", "proxyAddresses", "state", "streetAddress", "usageLocation", "userType",
	}
	// basicUserProperties are what User.ReadBasic.All shows of others.
	basicUserProperties = []string{"displayName", "givenName", "id", "mail", "surname", "userPrincipalName"}
)

// serveUser answers /me and /users/{id}.
// https://learn.microsoft.com/graph/api/user-get
func (s *Server) serveUser(r *http.Request, c *caller) (any, *graphFailure) {
	if c.user == nil && !c.may("User.Read.All", "Directory.Read.All") {
		return nil, denied // it does not even learn who is there
	}
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	basic := false
	switch self := c.user == u; {
	case c.may("User.Read.All", "Directory.Read.All"), self && c.may("User.Read"):
	case c.user != nil && c.may("User.ReadBasic.All"):
		basic = true
	default:
		return nil, denied
	}
	names := defaultUserProperties
	if list := r.URL.Query().Get("$select"); list != "" {
		names = strings.Split(list, ",")
	}
	all := u.properties()
	out := map[string]any{"@odata.context": s.GraphURL + "/v1.0/$metadata#users/$entity"}
	for _, name := range names {
		name = strings.TrimSpace(name)
		value, has := all[name]
		if !has && !slices.Contains(defaultUserProperties, name) && !slices.Contains(selectableUserProperties, name) {
			return nil, badRequest("BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+name+"' on type 'microsoft.graph.user'.")
		}
		if basic && !slices.Contains(basicUserProperties, name) {
			value = nil
		}
		out[name] = value
	}
	if expand := r.URL.Query().Get("$expand"); strings.HasPrefix(expand, "manager") {
		// https://learn.microsoft.com/graph/api/user-list-manager
		if !c.may("User.Read.All", "Directory.Read.All") {
			return nil, denied
		}
		if m := c.tenant.user(u.Manager); m != nil {
			out["manager"] = map[string]any{"@odata.type": "#microsoft.graph.user", "id": m.ID, "displayName": m.DisplayName, "mail": m.Mail, "userPrincipalName": m.UPN}
		}
	}
	return out, nil
}

// properties are the user's own, under Graph's names. What is not set is null.
func (u *User) properties() map[string]any {
	out := map[string]any{"businessPhones": []string{}}
	maps.Copy(out, u.Properties)
	for name, value := range map[string]string{
		"id": u.ID, "userPrincipalName": u.UPN, "displayName": u.DisplayName, "givenName": u.GivenName, "surname": u.Surname, "mail": u.Mail,
	} {
		out[name] = nil
		if value != "" {
			out[name] = value
		}
	}
	out["accountEnabled"] = !u.Disabled
	out["userType"] = "Member"
	if u.Guest {
		out["userType"], out["externalUserState"] = "Guest", "Accepted"
	}
	return out
}

// servePhoto answers the photo itself, or what it is; 404 when there is none.
// https://learn.microsoft.com/graph/api/profilephoto-get
func (s *Server) servePhoto(r *http.Request, c *caller) (any, *graphFailure) {
	u, failed := s.subject(r, c)
	if failed != nil {
		return nil, failed
	}
	if !c.may("User.Read.All", "ProfilePhoto.Read.All", "User.ReadBasic.All") && (c.user != u || !c.may("User.Read")) {
		return nil, denied
	}
	if u.Photo == nil {
		return nil, &graphFailure{http.StatusNotFound, "ImageNotFound", "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown."}
	}
	if strings.HasSuffix(r.URL.Path, "/$value") {
		return u.Photo, nil
	}
	return map[string]any{"@odata.mediaContentType": http.DetectContentType(u.Photo), "id": "48x48", "width": 48, "height": 48}, nil
}

// serveUserInfo is the userinfo endpoint of OpenID Connect. It says less than an ID token, and proves no sign-in.
// https://learn.microsoft.com/entra/identity-platform/userinfo
func (s *Server) serveUserInfo(_ *http.Request, c *caller) (any, *graphFailure) {
	if c.user == nil || !c.may("openid") {
		return nil, denied
	}
	out := map[string]any{"sub": pairwise(c.tenant.ID, c.user.ID, s.GraphURL), "picture": s.GraphURL + "/v1.0/me/photo/$value"}
	if c.may("profile") {
		for name, value := range map[string]string{"name": c.user.DisplayName, "given_name": c.user.GivenName, "family_name": c.user.Surname} {
			if value != "" {
				out[name] = value
			}
		}
	}
	if c.may("email") && c.user.Mail != "" {
		out["email"] = c.user.Mail
	}
	return out, nil
}
