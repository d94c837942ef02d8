package entratest

import "cmp"

// samlClaims are what an assertion says of an account, in the order of Entra's own tokens; empty ones are left out when it is written.
// https://learn.microsoft.com/entra/identity-platform/reference-saml-tokens
func (s *Server) samlClaims(acc *account, app *Application, faults Faults) []samlClaim {
	u, t := acc.user, acc.tenant
	objectID := u.ID
	if faults.NoObjectID {
		objectID = ""
	}
	claims := []samlClaim{
		samlClaimOf(claimTenantID, cmp.Or(faults.WrongTenant, t.ID)),
		samlClaimOf(claimObjectID, objectID),
		samlClaimOf(claimName, u.UPN),
		samlClaimOf(claimSurname, u.Surname),
		samlClaimOf(claimGivenName, u.GivenName),
		samlClaimOf(claimDisplayName, u.DisplayName),
		samlClaimOf(claimEmailAddress, u.Mail),
		samlClaimOf(claimIdentityProvider, s.samlIdentityProvider(acc)),
		samlClaimOf(claimAuthnMethods, authnMethodPassword),
	}
	groups, roles, groupsClaim := app.groupsOf(t, u), app.rolesOf(u), claimGroups
	if app.GroupRoles {
		roles, groupsClaim = nil, claimRole
	}
	switch {
	case faults.NoGroups:
	case faults.Overage || len(groups) > maxGroupsSAML:
		// The link still names the retired Azure AD Graph, as Entra's does.
		source := "https://graph.windows.net/" + t.ID + "/users/" + u.ID + "/getMemberObjects"
		claims = append(claims, samlClaimOf(claimGroupsLink, cmp.Or(faults.ForeignSource, source)))
	default:
		claims = append(claims, samlClaimOf(groupsClaim, groups...))
	}
	return append(claims,
		samlClaimOf(claimRole, roles...),
		samlClaimOf(claimDirectoryRoles, app.directoryRolesOf(u)...))
}

// samlIdentityProvider names where the person proved who they are: for a guest, their home.
func (s *Server) samlIdentityProvider(acc *account) string {
	if acc.user.Guest {
		return s.guestProvider(acc.user)
	}
	return s.identityProvider(acc.tenant)
}
