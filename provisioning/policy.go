package provisioning

import "time"

// Policy is what the connection and the host allow at this sign-in. The zero value of every switch is the careful one.
type Policy struct {
	ConnectionID   string // required
	ConnectionName string // for people; nothing is matched by it

	// ProvenDomains are the connection's canonical home realm domains that the environment itself has proven. A domain that only
	// Entra vouches for does not belong here: an unmanaged tenant holds a domain through an email sign-up alone
	// (https://learn.microsoft.com/entra/identity/users/directory-self-service-signup).
	ProvenDomains []string
	// SingleTenant says that the connection is pinned to one tenant, and that the token was checked to be of it.
	SingleTenant bool

	// TrustEmails lets an evidenced address link to an account that exists.
	TrustEmails bool
	// CreateMissing creates a user when nobody matches (just-in-time provisioning).
	CreateMissing bool
	// SyncProfile keeps the profile as the provider has it: the connection's switch and the host's global policy, both.
	SyncProfile bool
	// KeepOtherIdentities keeps email, phone, user-name and social identities when an enterprise one is linked. It does not hold
	// for an account whose own address was never verified: whoever registered it would keep a door into the person's account.
	KeepOtherIdentities bool

	// Join is the organization that the person may join; nil: none.
	Join *Organization
	// VerifiedAddress is an address that this person has just proven to the host by a code mailed to it, after ActionVerify.
	// It is evidence for this very address ([EvidenceMailedCode]); the connection must still be trusted.
	VerifiedAddress string
	// Rules give roles for groups; User.Roles is written in the same step as the groups. nil: the host has no rules, and roles are left alone. Empty: nothing
	// gives a role, and whoever has one loses it.
	Rules []Rule
	// GroupsMaxAge is how long the groups known before go on giving roles while nobody can say which they are now; then roles are withheld. 0:
	// DefaultGroupsMaxAge; negative: not at all.
	GroupsMaxAge time.Duration
	// Now decides whether a pending identity has expired. For Decide a zero time means that all have; a Provisioner sets its own.
	Now time.Time
}
