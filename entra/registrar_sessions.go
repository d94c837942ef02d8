package entra

import (
	"slices"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// SessionEnd says why a change of a connection ends sessions of the host.
type SessionEnd string

// The reasons.
const (
	SessionsGoOn        SessionEnd = ""
	SessionsDeleted     SessionEnd = "deleted"
	SessionsSwitchedOff SessionEnd = "switched_off"
	SessionsElsewhere   SessionEnd = "elsewhere" // people come from another cloud, provider or tenant now
	SessionsNarrowed    SessionEnd = "narrowed"  // fewer tenants, applications or organizations may use the connection
)

// Session holds what decides whether a host's session ends: how and where somebody signed in through the connection (SignIn.Session). A host that keeps
// it with its sessions can end the right ones.
type Session struct {
	Tenant                    string // Identity.TenantID; "" with AD FS
	Application, Organization string // of the SignIn
	ByHomeRealm               bool   // of the SignIn
}

// SessionsEnd tells whether any session that began through the connection may have to end, and why. The library knows no sessions: the host asks as it hears of
// the change, looks for those that hold Before.ID, and ends each that EndsSession names. What a change of groups or roles ends is not among
// it, nor is what Entra itself decides: for that see Service.Refresh and sign-out.
func (ch *Change) SessionsEnd() SessionEnd {
	before, after := ch.Before, ch.After
	switch {
	case before == nil:
		return SessionsGoOn
	case after == nil:
		return SessionsDeleted
	case before.Enabled && !after.Enabled:
		return SessionsSwitchedOff
	case elsewhere(before, after):
		return SessionsElsewhere
	case narrowed(before, after):
		return SessionsNarrowed
	}
	return SessionsGoOn
}

// EndsSession tells whether a session that was good before the change should end with it.
func (ch *Change) EndsSession(s Session) bool {
	before, after := ch.Before, ch.After
	switch ch.SessionsEnd() {
	case SessionsGoOn:
		return false
	case SessionsDeleted, SessionsSwitchedOff:
		return true
	}
	if provider(before) != provider(after) || s.Tenant != "" && !after.admits(s.Tenant) {
		return true
	}
	return s.mayUse(before) && !s.mayUse(after)
}

// mayUse reports whether such a session could begin at the connection. An address leads to the connection's own organization and to no other.
func (s Session) mayUse(c *Connection) bool {
	return c.EnabledFor(s.Application, s.Organization, s.ByHomeRealm) && (c.OrganizationID == "" || c.OrganizationID == s.Organization)
}

// provider is who says who somebody is. The strategy is not part of it: over either, people of a tenant are the same.
func provider(c *Connection) [4]string {
	return [4]string{c.Cloud, c.MetadataURL, c.Issuer, c.SubjectClaim}
}

func elsewhere(before, after *Connection) bool {
	return provider(before) != provider(after) || before.TenantID != "" && before.TenantID != after.TenantID
}

func narrowed(before, after *Connection) bool {
	missing := func(had, has []string) bool {
		return slices.ContainsFunc(had, func(one string) bool { return !slices.Contains(has, one) })
	}
	return before.AnyTenant && !after.AnyTenant ||
		slices.ContainsFunc(before.AdmittedTenants(), func(t string) bool { return !after.admits(t) }) ||
		before.OrganizationID != after.OrganizationID || missing(before.Organizations, after.Organizations) ||
		before.AllApplications && !after.AllApplications || !after.AllApplications && missing(before.EnabledApplications, after.EnabledApplications) ||
		len(before.EnabledApplications) == 0 && len(after.EnabledApplications) > 0 && !after.AllApplications
}

// admits reports whether people of a tenant may sign in.
func (c *Connection) admits(tenant string) bool {
	return slices.Contains(c.AdmittedTenants(), tenant) || c.UseCommonEndpoint && c.AnyTenant && tenant != cloud.Consumers
}
