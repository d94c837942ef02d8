package claims

import "strings"

// hostClaims are names that a token library, or the host, gives a meaning of its own. An attribute of the provider's under
// such a name could be taken for the host's word by whoever flattens or searches a token.
var hostClaims = set(
	// RFC 7519, section 4.1
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	// OpenID Connect Core 1.0, section 2, and OpenID Connect Back-Channel and Front-Channel Logout 1.0
	"azp", "nonce", "auth_time", "acr", "amr", "at_hash", "c_hash", "s_hash", "sid", "events",
	"email_verified", "phone_number_verified",
	// RFC 8693, RFC 9068, RFC 7800, RFC 9396
	"act", "may_act", "client_id", "scope", "roles", "groups", "entitlements", "cnf", "authorization_details",
	// Names that authorization servers use for what somebody may do, or in whose name
	"scp", "role", "permission", "permissions", "entitlement", "org_code", "org_codes", "org_id", "org_name", "orgs", "organization", "organizations",
	"external_org_id", "tenant", "feature_flags", "billing", "gty", "is_admin", "admin",
	"application_properties", "organization_properties", "user_properties",
	// Ours
	ClaimProvider, ClaimGroups, ClaimExtra, ClaimOmitted, "ext_attributes",
)

// extraNames are the names that the claim with the extended attributes may have although no attribute may.
var extraNames = set(ClaimExtra, ClaimGroups, "ext_attributes")

// protocolClaims are not copied into the ID token's profile: they belong to the exchange with the provider, are secrets of
// a session, or stand in a form that [IDToken] writes itself. Names are in lower case.
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
var protocolClaims = set(
	"aio", "rh", "uti", "ver", "login_hint", "idtyp", "wids", "acrs", "appid", "appidacr", "azpacr",
	"hasgroups", "_claim_names", "_claim_sources", "xms_edov", "xms_cc", "xms_ssm", "xms_ftd", "xms_st", "xms_idrel", "xms_mirid",
	"pwd_exp", "pwd_url", "fwd", "ipaddr", "puid", "onprem_sid", "access_token", "refresh_token", "id_token",
	strings.ToLower(attrGroups), strings.ToLower(attrGroupsLink), strings.ToLower(attrADFSGroup), strings.ToLower(attrRole),
	strings.ToLower(attrWids), strings.ToLower(attrMethods),
	"http://schemas.microsoft.com/identity/claims/accesstoken",
)

// HostClaim reports whether name, in whatever case, is one that tokens or the host give a meaning of their own: registered
// claims (iss, sub, aud, …), what somebody may do (roles, permissions, scp, …), in whose name (org_code, …), and the claims
// that this package writes. Attributes of a provider never travel under such a name.
func HostClaim(name string) bool { return hostClaims[strings.ToLower(name)] }

func set(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}
