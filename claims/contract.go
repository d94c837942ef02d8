package claims

import "time"

// Kind is what sort of account a person used. An unknown kind counts as a guest.
type Kind int

// The kinds, from acct, idp and tid.
const (
	KindUnknown  Kind = iota // counts as a guest wherever it matters
	KindMember               // a member account of the tenant that issued the token
	KindGuest                // invited from elsewhere; tid and oid are the resource tenant's
	KindPersonal             // a personal Microsoft account
	KindExternal             // Entra External ID, or an identity provider that is not Entra (AD FS)
)

// Evidence is a reason to believe that an address belongs to the person.
type Evidence string

// The evidence that a token can carry.
const (
	EvidenceDomainOwnerVerified  Evidence = "xms_edov"               // the address's domain owner was verified by Entra
	EvidenceVerifiedPrimaryEmail Evidence = "verified_primary_email" // the address is a verified primary address
	// EvidenceProvenDomain is added by provisioning, never by a token: the address lies in a proven home realm
	// domain of a connection pinned to one tenant, and the person is a member there.
	EvidenceProvenDomain Evidence = "proven_domain"
)

// Email is an address and what supports it. No evidence: the address is a display value.
type Email struct {
	Address  string
	Evidence []Evidence
}

// Group is a group as the token or Graph names it. Name is "" where only the id is known.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type groupState int

// Groups is what is known of a person's groups: known, overage, or not emitted (the zero value).
type Groups struct {
	state groupState
	list  []Group
}

// KnownGroups is a complete list. An empty or nil list says: certainly in no group.
func KnownGroups(list []Group) Groups { return Groups{state: 1, list: list} }

// OverageGroups says that the person has groups, more than the token could hold.
func OverageGroups() Groups { return Groups{state: 2} }

// Known returns the whole list, and whether it is known at all.
func (g Groups) Known() (list []Group, ok bool) { return g.list, g.state == 1 }

// Overage reports whether the token said that there are more groups than it can hold.
func (g Groups) Overage() bool { return g.state == 2 }

// Identity is what a verified token says of a person. It is made only by FromVerifiedJWT and FromVerifiedSAML.
type Identity struct {
	Issuer, Subject, TenantID, ObjectID, SessionID, LoginHint string // the two ids: lower-case GUIDs, "" when not given (AD FS)
	Username, Name, GivenName, FamilyName, Picture            string // shown, never matched
	Kind                                                      Kind
	Email                                                     Email
	Groups                                                    Groups
	Roles, DirectoryRoles                                     []string
	AuthTime                                                  time.Time      // zero when the token does not say
	Extended                                                  map[string]any // extended profile, from Graph
	Raw                                                       map[string]any // every claim under its own name
}

// Attribute is one SAML attribute: for SAML 1.1 Name is AttributeNamespace + "/" + AttributeName.
type Attribute struct {
	Name   string
	Values []string
}

// SAML is a verified SAML assertion, whichever version.
type SAML struct {
	Issuer, Subject string
	// Tenant is the tenant under whose Entra issuer the assertion was verified, a lower-case GUID.
	// "" means that the issuer is not Entra (AD FS): the tenant and object ids in the attributes are then not read.
	Tenant     string
	AuthTime   time.Time
	SessionID  string
	Attributes []Attribute
}

// FromVerifiedJWT reads an Entra ID token's payload. The caller has verified its signature, issuer and the rest.
func FromVerifiedJWT(payload []byte) (*Identity, error) { panic("sketch") }

// FromVerifiedSAML reads the claims of an assertion that the caller has verified.
func FromVerifiedSAML(a SAML) (*Identity, error) { panic("sketch") }

// Provider is the connection as the host's ID token names it.
type Provider struct {
	Name, ConnectionID string
	Confirmed          bool // is_confirmed: the decision's word that the address is the person's
}

// TokenOptions shape the claims.
type TokenOptions struct {
	ExtraClaimsName string // "" is extra_claims
	MaxBytes        int    // budget for the claims as JSON, in bytes; 0 is no limit
}

// IDToken returns the claims for the host's ID token (ext_provider).
func IDToken(p Provider, id *Identity, groups Groups, o TokenOptions) (map[string]any, error) {
	panic("sketch")
}

// AccessToken returns the claims for the host's access token (ext_groups, extra_claims).
func AccessToken(groups Groups, extended map[string]any, o TokenOptions) (map[string]any, error) {
	panic("sketch")
}
