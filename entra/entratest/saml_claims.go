package entratest

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// samlClaims are what an assertion says of an account, in the order of Entra's own tokens; empty ones are left out when it is written.
// https://learn.microsoft.com/entra/identity-platform/reference-saml-tokens
func (s *Server) samlClaims(acc *account, app *Application, faults Faults) []samlClaim {
	u, t := acc.user, acc.tenant
	objectID := u.ID
	if faults.NoObjectID {
		objectID = ""
	}
	claims := []samlClaim{
		samlClaimOf(claimTenantID, or(faults.WrongTenant, t.ID)),
		samlClaimOf(claimObjectID, objectID),
		samlClaimOf(claimName, u.UPN),
		samlClaimOf(claimSurname, u.Surname),
		samlClaimOf(claimGivenName, u.GivenName),
		samlClaimOf(claimDisplayName, u.DisplayName),
		samlClaimOf(claimEmailAddress, u.Mail),
		samlClaimOf(claimIdentityProvider, s.samlIdentityProvider(acc)),
		samlClaimOf(claimAuthnMethods, authnMethodPassword),
	}
	groups := samlGroups(t, u, app)
	switch {
	case faults.NoGroups:
	case faults.Overage || len(groups) > maxGroupsSAML:
		// The link still names the retired Azure AD Graph, as Entra's does.
		claims = append(claims, samlClaimOf(claimGroupsLink, "https://graph.windows.net/"+t.ID+"/users/"+u.ID+"/getMemberObjects"))
	default:
		claims = append(claims, samlClaimOf(claimGroups, groups...))
	}
	return append(claims,
		samlClaimOf(claimRole, samlRoles(u, app)...),
		samlClaimOf(claimDirectoryRoles, samlDirectoryRoles(u, app)...))
}

// samlIdentityProvider names where the person proved who they are: for a guest, their home.
func (s *Server) samlIdentityProvider(acc *account) string {
	switch {
	case acc.user.HomeIssuer != "":
		return acc.user.HomeIssuer
	case acc.user.HomeTenant != "":
		return s.issuerV1(acc.user.HomeTenant)
	}
	return s.identityProvider(acc.tenant)
}

// samlSubject is the persistent name identifier: the same for a person in an application, another one in the next, and never the
// object id. As in Entra it has 43 characters of base64url.
func samlSubject(acc *account, app *Application) string {
	sum := sha256.Sum256([]byte(acc.tenant.ID + " " + acc.user.ID + " " + app.ClientID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// samlGroups are the values of the groups claim, as groupMembershipClaims asks.
// https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-fed-group-claims
func samlGroups(t *Tenant, u *User, app *Application) []string {
	var out []string
	for _, g := range t.transitiveGroups(u) {
		direct := slices.ContainsFunc(u.Groups, func(id string) bool { return strings.EqualFold(id, g.ID) })
		assigned := slices.ContainsFunc(app.Assigned, func(id string) bool { return strings.EqualFold(id, g.ID) })
		switch {
		case app.GroupClaims == "All",
			app.GroupClaims == "SecurityGroup" && g.SecurityEnabled:
			out = append(out, g.ID)
		case app.GroupClaims == "ApplicationGroup" && direct && assigned:
			if app.GroupNames {
				out = append(out, g.Name)
			} else {
				out = append(out, g.ID)
			}
		}
	}
	return out
}

// samlRoles are the values of the role claim: the person's own and those of groups that the person is in directly.
func samlRoles(u *User, app *Application) []string {
	var out []string
	for who, roles := range app.AppRoles {
		mine := strings.EqualFold(who, u.UPN) || strings.EqualFold(who, u.ID) ||
			slices.ContainsFunc(u.Groups, func(id string) bool { return strings.EqualFold(id, who) })
		if mine {
			out = append(out, roles...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// samlDirectoryRoles are the values of the wids claim.
func samlDirectoryRoles(u *User, app *Application) []string {
	if app.GroupClaims != "DirectoryRole" && app.GroupClaims != "All" {
		return nil
	}
	return u.DirectoryRoles
}
