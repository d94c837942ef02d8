package entra

import (
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// SignIn is a person who signed in, and what was decided about them.
type SignIn struct {
	User         *provisioning.User    // nil without Config.Users
	Identity     *claims.Identity      // complete: with what Graph knows
	Connection   *Connection           // read only
	Decision     provisioning.Decision // without Config.Users the zero value, and nothing was decided
	Application  string
	Organization string // where the person wants to go: ask Service.MayEnter whether they may
	ByHomeRealm  bool   // an address led to the connection, and no choice of application or organization: see Connection.EnabledFor
	ReturnTo     string // may be redirected to
	Data         []byte // BeginOptions.Data
	// Tokens are Entra's: the access token for Graph and, if asked for, the refresh token (Service.Refresh). nil over WS-Federation. Nobody stores them but
	// the host. Where Graph answers the host's own call with a claims challenge (*ProviderError with Claims), Begin with BeginOptions.Claims.
	Tokens  *credential.Token
	Attempt string // the attempt's id, as in the logs
	// NotAfter is advice: when the host's session should end at the latest, UTC, because what it rests on is no longer known to hold. It is the earliest of these, and
	// NotAfterBy names which; zero and "" when none is known.
	//
	//   - "connection": the connection's own maximum (MaxSessionSeconds), from now.
	//   - "provider": the end of the provider's session, where the token names one (SAML 2.0 core, section 2.7.2). Entra's tokens do not: its sign-in frequency
	//     shows only when a refresh token is refused.
	//   - "groups": when the groups in this SignIn become too old to go by (Config.GroupsMaxAge after they were known for certain).
	//
	// An ID token's own expiry is none of them: it says until when the token may be accepted, not how long a session lasts (OpenID Connect Core 1.0, section 2).
	NotAfter   time.Time
	NotAfterBy string
	// GroupsFrom says where the groups come from: "token", "graph", "before" (known from an earlier sign-in), "" when they are not known.
	GroupsFrom string
	GroupsAt   time.Time    // when they were known for certain, UTC; zero when they are not known
	Photo      *graph.Photo // where the connection asks for it (Connection.Profile) and there is one; JPEG or PNG, at most 100 KB

	grants   []provisioning.Grant
	groups   claims.Groups
	verified string // BeginOptions.VerifiedAddress
}

// Session returns what of the sign-in decides, later, whether the host's session that began with it should end.
func (in *SignIn) Session() Session {
	return Session{Tenant: in.Identity.TenantID, Application: in.Application, Organization: in.Organization, ByHomeRealm: in.ByHomeRealm}
}

// Groups returns the person's groups as the host's tokens should say them, and whether they are known at all: those of this sign-in, or
// those known before within the maximum age. Known and empty says: certainly in none, so that what groups gave is to be taken away.
func (in *SignIn) Groups() (list []claims.Group, ok bool) { return in.groups.Known() }

// Roles returns what Config.GroupRules give for the groups, each once, in order: none where the groups are not known, or have been unknown for too long. It is
// what User.Roles holds, too.
func (in *SignIn) Roles() []string { return provisioning.Roles(in.grants) }

// Grants says why the person has each role.
func (in *SignIn) Grants() []provisioning.Grant { return slices.Clone(in.grants) }

// IDTokenClaims returns ext_provider for the host's ID token, where its application asks for social identity. Errors are those of claims.IDToken:
// claims.ErrTooLarge, or a value that is no JSON.
func (in *SignIn) IDTokenClaims(o claims.TokenOptions) (map[string]any, error) {
	p := claims.Provider{Name: in.Connection.Name, ConnectionID: in.Connection.ID, Confirmed: in.Decision.Confirmed}
	return claims.IDToken(p, in.Identity, in.groups, o)
}

// AccessTokenClaims returns ext_groups and extra_claims for the host's access token. Groups that are not known are absent. Errors are those of claims.AccessToken:
// claims.ErrTooLarge, a name that options must not give, or a value that is no JSON.
func (in *SignIn) AccessTokenClaims(o claims.TokenOptions) (map[string]any, error) {
	return claims.AccessToken(in.groups, in.Identity.Extended, o)
}

// enriched takes over what the identity was completed with.
func (in *SignIn) enriched(got enriched, now time.Time) {
	in.groups, in.GroupsFrom, in.Photo = in.Identity.Groups, got.groupsFrom, got.photo
	if in.GroupsFrom != "" {
		in.GroupsAt = now.UTC()
	}
}

// TestReport is what a test sign-in comes back as, inside of an *Error with KindTested, so that nobody takes it for a SignIn. Nothing was written.
type TestReport struct {
	Connection *Connection
	Identity   *claims.Identity
	Decision   provisioning.Decision // what would have been done
	Data       []byte                // BeginOptions.Data: who began the test, if the host put it there
	Attempt    string
	GroupsFrom string
	Grants     []provisioning.Grant // what Config.GroupRules would give, for groups that this sign-in learned
	ReturnTo   string
}

func (t *TestReport) Error() string {
	return "entra: this was a test sign-in of connection " + t.Connection.ID
}
