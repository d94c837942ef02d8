package entratest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// backdated is how far back Entra dates iat and nbf, for clocks that are behind.
const backdated = 5 * time.Minute

// maxGroupsJWT is the most groups that a JWT carries.
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#groups-overage-claim
const maxGroupsJWT = 200

// idTokenClaims are the claims of a v2.0 ID token. What has no value is left out: Entra emits no empty claims.
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
func (s *Server) idTokenClaims(app *Application, acc *account, g *grant, granted scopes, faults Faults) map[string]any {
	now := s.now()
	lifetime := tokenLifetime
	if faults.TokenLifetime != 0 {
		lifetime = faults.TokenLifetime
	}
	claims := map[string]any{
		"aud": cmp.Or(faults.WrongAudience, app.ClientID),
		"iss": cmp.Or(faults.WrongIssuer, s.issuerV2(acc.tenant.ID)),
		"tid": cmp.Or(faults.WrongTenant, acc.tenant.ID),
		"ver": cmp.Or(faults.WrongVersion, "2.0"),
		"sub": pairwise(acc.tenant.ID, acc.user.ID, app.ClientID),
		"iat": min(now.Add(-backdated).Unix(), now.Add(lifetime-backdated).Unix()),
		"nbf": min(now.Add(-backdated).Unix(), now.Add(lifetime-backdated).Unix()),
		"exp": now.Add(lifetime).Unix(),
		"aio": opaque(48), "rh": "1." + opaque(32), "uti": opaque(16),
	}
	if acc.user.Guest {
		claims["idp"] = s.guestProvider(acc.user)
	}
	if granted.profile {
		claims["name"], claims["preferred_username"] = acc.user.DisplayName, acc.username
		if !faults.NoObjectID {
			claims["oid"] = acc.user.ID
		}
	}
	emailClaims(claims, app, acc, granted)
	optionalClaims(claims, app, acc, g, granted, faults)
	if !acc.tenant.Personal {
		s.membershipClaims(claims, app, acc, faults)
	}
	for name, value := range claims {
		if value == "" {
			delete(claims, name)
		}
	}
	maps.Copy(claims, faults.Claims)
	return claims
}

// guestProvider is the idp claim of a guest: who proved who they are.
func (s *Server) guestProvider(u *User) string {
	if u.HomeTenant != "" {
		return s.issuerV1(u.HomeTenant)
	}
	return u.HomeIssuer
}

// emailClaims adds the address, and what Entra knows of it. Guests have it by default; others by scope or optional claim.
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
// https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization
func emailClaims(claims map[string]any, app *Application, acc *account, granted scopes) {
	u := acc.user
	if u.MailVerified && u.Mail != "" && app.wants("verified_primary_email") {
		claims["verified_primary_email"] = []string{u.Mail}
	}
	asked := u.Guest || granted.email || app.wants("email")
	if u.Mail == "" || !asked || app.RemoveUnverifiedEmail && !u.MailVerified {
		return
	}
	claims["email"] = u.Mail
	if u.MailVerified && app.wants("xms_edov") {
		claims["xms_edov"] = true
		if app.EdovAs != nil {
			claims["xms_edov"] = app.EdovAs
		}
	}
}

// optionalClaims adds what the registration, or the request, asks for.
func optionalClaims(claims map[string]any, app *Application, acc *account, g *grant, granted scopes, faults Faults) {
	u := acc.user
	if app.wants("auth_time") || g.maxAgeAsked || g.claims.IDToken.AuthTime != nil {
		claims["auth_time"] = acc.authTime.Unix()
	}
	if contexts := g.claims.contexts(); len(contexts) > 0 && !faults.NoContexts {
		claims["acrs"] = contexts
	}
	if app.wants("sid") {
		claims["sid"] = acc.sid
	}
	if app.wants("login_hint") {
		claims["login_hint"] = loginHint(acc)
	}
	if app.wants("acct") && !acc.tenant.Personal {
		claims["acct"] = 0
		if u.Guest {
			claims["acct"] = 1
		}
	}
	if !granted.profile {
		return
	}
	if app.wants("given_name") {
		claims["given_name"] = u.GivenName
	}
	if app.wants("family_name") {
		claims["family_name"] = u.Surname
	}
	if app.wants("upn") && !u.Guest && !acc.tenant.Personal {
		claims["upn"] = u.UPN
	}
}

// membershipClaims adds groups, or the sign that they are too many, and roles.
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#groups-overage-claim
func (s *Server) membershipClaims(claims map[string]any, app *Application, acc *account, faults Faults) {
	groups := app.groupsOf(acc.tenant, acc.user)
	roles, claim := app.rolesOf(acc.user), "groups"
	if app.GroupRoles {
		roles, claim = nil, "roles"
	}
	if len(roles) > 0 {
		claims["roles"] = roles
	}
	if roles := app.directoryRolesOf(acc.user); len(roles) > 0 {
		claims["wids"] = roles
	}
	switch {
	case faults.NoGroups:
	case app.HasGroups && len(groups) > maxGroupsJWT:
		claims["hasgroups"] = true
	case faults.Overage || len(groups) > maxGroupsJWT:
		// The address is one of Azure AD Graph, which is retired; tokens name it nevertheless.
		source := "https://graph.windows.net/" + acc.tenant.ID + "/users/" + acc.user.ID + "/getMemberObjects"
		claims["_claim_names"] = map[string]any{"groups": "src1"}
		claims["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": cmp.Or(faults.ForeignSource, source)}}
	case len(groups) > 0:
		claims[claim] = groups
	}
}

// groupsOf are the values of the groups claim, as groupMembershipClaims asks, nested groups included. "Groups assigned to the
// application" are those in which the person is directly.
// https://learn.microsoft.com/entra/identity-platform/reference-app-manifest#groupmembershipclaims-attribute
// https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-fed-group-claims
func (a *Application) groupsOf(t *Tenant, u *User) []string {
	var out []string
	kinds := groupClaimKinds(a.GroupClaims)
	for _, g := range t.transitiveGroups(u) {
		switch {
		case slices.Contains(kinds, "All"), slices.Contains(kinds, "SecurityGroup") && g.SecurityEnabled:
			out = append(out, g.named(a.GroupForm))
		case slices.Contains(kinds, "ApplicationGroup") && containsFold(u.Groups, g.ID) && containsFold(a.Assigned, g.ID):
			if a.GroupNames {
				out = append(out, g.Name)
			} else {
				out = append(out, g.named(a.GroupForm))
			}
		}
	}
	return out
}

// named is what tokens call a group.
// https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-fed-group-claims
func (g *Group) named(form string) string {
	if g.OnPremises == "" {
		return g.ID
	}
	switch form {
	case "sam_account_name":
		return g.OnPremises
	case "dns_domain_and_sam_account_name":
		return g.DNSDomain + `\` + g.OnPremises
	case "netbios_domain_and_sam_account_name":
		return g.NetBIOSDomain + `\` + g.OnPremises
	case "on_premise_security_identifier":
		return g.SID
	}
	return g.ID
}

// rolesOf are the values of the roles claim: the person's own, and those of groups that they are directly in.
// https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps
func (a *Application) rolesOf(u *User) []string {
	var out []string
	for who, roles := range a.AppRoles {
		if strings.EqualFold(who, u.UPN) || strings.EqualFold(who, u.ID) || containsFold(u.Groups, who) {
			out = append(out, roles...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// directoryRolesOf are the values of the wids claim.
func (a *Application) directoryRolesOf(u *User) []string {
	kinds := groupClaimKinds(a.GroupClaims)
	if !slices.Contains(kinds, "DirectoryRole") && !slices.Contains(kinds, "All") {
		return nil
	}
	return u.DirectoryRoles
}

// groupClaimKinds takes groupMembershipClaims apart, of which the admin center writes several with commas.
func groupClaimKinds(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
