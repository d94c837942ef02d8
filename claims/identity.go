package claims

import (
	"log/slog"
	"time"
)

// Kind is what sort of account a person used. An unknown kind counts as a guest.
type Kind int

// The kinds, from the claims acct, idp and tid.
const (
	KindUnknown  Kind = iota // counts as a guest wherever it matters
	KindMember               // an account of the tenant that issued the token
	KindGuest                // invited from elsewhere; tid and oid are the resource tenant's
	KindPersonal             // a personal Microsoft account
	KindExternal             // Entra External ID, or an identity provider that is not Entra (AD FS)
)

// String returns "unknown", "member", "guest", "personal" or "external".
func (k Kind) String() string {
	switch k {
	case KindMember:
		return "member"
	case KindGuest:
		return "guest"
	case KindPersonal:
		return "personal"
	case KindExternal:
		return "external"
	}
	return "unknown"
}

// Evidence is a reason to believe that an address belongs to the person.
type Evidence string

// The evidence that a token can carry, and the one that the host can add.
const (
	// EvidenceDomainOwnerVerified is the optional claim xms_edov: Entra verified the owner of the address's domain.
	EvidenceDomainOwnerVerified Evidence = "xms_edov"
	// EvidenceVerifiedPrimaryEmail is the optional claim verified_primary_email (PrimaryAuthoritativeEmail).
	EvidenceVerifiedPrimaryEmail Evidence = "verified_primary_email"
	// EvidenceProvenDomain is added by provisioning, never by a token: the address lies in a proven home realm
	// domain of a connection pinned to one tenant, and the person is a member there.
	EvidenceProvenDomain Evidence = "proven_domain"
)

// Email is an address and what supports it.
//
// Without evidence the address is a display value: any administrator of any tenant can write any address into a
// person's mail attribute, so it must neither find nor change an account.
// See https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization.
type Email struct {
	Address  string // as the token spells it; "" when there is none
	Evidence []Evidence
}

// Identity is what a verified token says of a person. A verified one is made only by [FromVerifiedJWT], [FromVerifiedClaims] and [FromVerifiedSAML];
// a host fills one in only where a function asks for a person's TenantID and ObjectID. Nobody modifies one, so it may be shared between goroutines.
//
// TenantID and ObjectID together are the person: they stay for good, whichever application or protocol asks, and are
// never given to someone else. Everything under "shown, never matched" may change at any time, or be chosen by the person.
type Identity struct {
	Issuer  string // as verified
	Subject string // sub or NameID: another value in each application; for AD FS the immutable claim that configuration names

	TenantID string // lower-case GUID; "" when the issuer is not Entra (AD FS)
	ObjectID string // lower-case GUID; "" when the issuer is not Entra (AD FS)

	SessionID string // sid; what a front-channel sign-out names
	LoginHint string // login_hint; the logout_hint of a sign-out

	// Shown, never matched.
	Username   string // preferred_username, UPN or the like
	Name       string // display name
	GivenName  string
	FamilyName string
	Picture    string // https URL

	Kind  Kind
	Email Email

	Groups         Groups
	Roles          []string // app roles of the application, as the token spells them
	DirectoryRoles []string // wids: template ids of Entra's directory roles

	AuthTime   time.Time // when the person last proved who they are, UTC; zero when the token does not say
	SessionEnd time.Time // when the provider's own session ends at the latest, UTC; zero when the token does not say (Entra's do not)

	Extended map[string]any // extended profile from Graph, under Graph's own names; nil until it is asked for
	Raw      map[string]any // every claim under its own name; numbers are json.Number
}

// LogValue keeps claims out of logs: it names the account by kind, tenant and object id only.
func (id *Identity) LogValue() slog.Value {
	if id == nil {
		return slog.StringValue("none")
	}
	return slog.GroupValue(
		slog.String("kind", id.Kind.String()),
		slog.String("tenant", id.TenantID),
		slog.String("object", id.ObjectID),
	)
}

// IsGUID reports whether s is a GUID as Entra writes it into tokens: 8-4-4-4-12 lower-case hexadecimal digits, not all zero.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	zero := true
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c == '0':
		case '1' <= c && c <= '9', 'a' <= c && c <= 'f':
			zero = false
		default:
			return false
		}
	}
	return !zero
}
