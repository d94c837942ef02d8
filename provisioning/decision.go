package provisioning

import (
	"errors"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Action is what is done with a person.
type Action int

// The actions. The zero value refuses.
const (
	ActionRefuse Action = iota
	ActionSignIn        // the identity is known
	ActionLink          // the identity is added to a user who exists
	ActionCreate        // a new user is made
	ActionVerify        // mail a one-time code to the existing address, then come back with Policy.VerifiedAddress; until then nobody is signed in
)

// String returns the action's name as logs and audit trails show it.
func (a Action) String() string {
	switch a {
	case ActionSignIn:
		return "sign_in"
	case ActionLink:
		return "link"
	case ActionCreate:
		return "create"
	case ActionVerify:
		return "verify"
	}
	return "refuse"
}

// MarshalText is String, so that JSON holds the name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (a *Action) UnmarshalText(text []byte) error {
	for one := ActionRefuse; one <= ActionVerify; one++ {
		if one.String() == string(text) {
			*a = one
			return nil
		}
	}
	return errors.New("provisioning: unknown action")
}

// EvidenceMailedCode is added by Decide when the person has proven the address to the host: Policy.VerifiedAddress.
const EvidenceMailedCode claims.Evidence = "mailed_code"

// Reason says why, in a word that a machine can read. The words are stable.
type Reason string

// The reasons.
const (
	// ActionSignIn
	ReasonKeyKnown Reason = "key_known" // a user holds this key

	// ActionLink
	ReasonPendingObjectID Reason = "pending_object_id" // an imported record or an assignment names the object id
	ReasonPendingUPN      Reason = "pending_upn"       // … the user principal name
	ReasonPendingAddress  Reason = "pending_address"   // … the email address
	ReasonTrustedAddress  Reason = "trusted_address"   // trusted connection, evidence, and a local address that is verified

	// ActionCreate
	ReasonNewPerson         Reason = "new_person"         // nobody has the address
	ReasonNotTrusted        Reason = "not_trusted"        // somebody has it, but the connection's addresses are not trusted
	ReasonAddressUnverified Reason = "address_unverified" // somebody has it without having verified it
	ReasonOtherConnection   Reason = "other_connection"   // only users who sign in through another connection or tenant have it

	// ActionVerify
	ReasonEvidenceMissing Reason = "evidence_missing" // everything but evidence for the address is there

	// ActionRefuse
	ReasonNoKey            Reason = "no_key"             // the token lacks what makes a key
	ReasonStoreMismatch    Reason = "store_mismatch"     // the store returned a user who holds neither key nor pending identity
	ReasonSuspended        Reason = "suspended"          // the user is suspended
	ReasonEmergency        Reason = "emergency"          // a break-glass user is never linked
	ReasonIdentityConflict Reason = "identity_conflict"  // the address, or the record, belongs to another person of the connection
	ReasonAmbiguous        Reason = "ambiguous"          // more than one user would match
	ReasonPendingExpired   Reason = "pending_expired"    // the record that names the person has expired
	ReasonPendingTenant    Reason = "pending_tenant"     // … was made for another tenant
	ReasonPendingNotMember Reason = "pending_not_member" // … but the account is a guest, personal or external
	ReasonPendingUnproven  Reason = "pending_unproven"   // … by an address that lacks evidence, on a multi-tenant connection
	ReasonNoAccount        Reason = "no_account"         // nobody matches, and the connection does not create users
	ReasonEmailTaken       Reason = "email_taken"        // the host keeps addresses unique, and another user has this one
)

// explanations say what happened and who can mend it, without naming anybody.
var explanations = map[Reason]string{
	ReasonKeyKnown:          "the identity is known",
	ReasonPendingObjectID:   "an imported record or an assignment names this person's object id",
	ReasonPendingUPN:        "an imported record or an assignment names this person's user principal name",
	ReasonPendingAddress:    "an imported record or an assignment names this person's email address",
	ReasonTrustedAddress:    "the connection is trusted, the address is proven, and one account has verified the same address",
	ReasonNewPerson:         "nobody has this address, and the connection creates missing users",
	ReasonNotTrusted:        "an account has this address, but the connection's addresses are not trusted: a new user is made",
	ReasonAddressUnverified: "an account has this address but never verified it: a new user is made",
	ReasonOtherConnection:   "the address belongs to a user of another connection or tenant: a new user is made",
	ReasonEvidenceMissing:   "an account has verified this address, but nothing proves that it is this person's: mail a code to it",
	ReasonNoKey:             "the token lacks the tenant id, the object id or the subject of the person: ask the owner of the application",
	ReasonStoreMismatch:     "the user store returned a user who does not hold the identity that was asked for: ask the host",
	ReasonSuspended:         "the account is suspended: ask an admin",
	ReasonEmergency:         "the account is an emergency account and signs in locally",
	ReasonIdentityConflict:  "the account belongs to another person of this connection: an admin can rebind or remove the old identity",
	ReasonAmbiguous:         "more than one account matches this person: ask an admin to leave one",
	ReasonPendingExpired:    "the record that was waiting for this person has expired: ask an admin to renew it",
	ReasonPendingTenant:     "the record that was waiting for this person was made for another tenant: ask an admin to renew it",
	ReasonPendingNotMember:  "a record is waiting for a member account of the tenant, and this is a guest, personal or external one",
	ReasonPendingUnproven:   "a record is waiting for this address, and nothing proves that it is this person's: ask an admin to record the object id",
	ReasonNoAccount:         "there is no account for this person, and the connection does not create any: ask an admin",
	ReasonEmailTaken:        "another account has this address, and addresses are unique here: ask an admin",
}

// Explain returns the reason as a sentence for support people and logs. It names no person and no address.
func (r Reason) Explain() string {
	if text, ok := explanations[r]; ok {
		return text
	}
	return string(r)
}

// Decision is what is done with a person, and why. It holds no secret; the audit log may keep it whole, and its JSON is stable.
type Decision struct {
	Action Action `json:"action"`
	Reason Reason `json:"reason"`
	// Evidence is all that supports the token's address: the token's own, the connection's, the host's. It is nil for an address
	// that is none.
	Evidence []claims.Evidence `json:"evidence,omitempty"`
	// UserID is the user who signs in, is linked, was refused or is to verify the address; of a created user, once it exists;
	// "" where nobody in particular is meant.
	UserID string `json:"user_id,omitempty"`
	// Confirmed says that the token's address counts as this user's own: there is evidence for it, or the user has verified
	// the very same address. It is what is_confirmed says in the host's tokens. Without it the address is for display:
	// stored as unverified, no way to sign in, and it satisfies no policy of an organization.
	Confirmed bool `json:"confirmed"`
	// Joined is the organization that the user joined now; "" if none. NotJoined says why they did not join Policy.Join; "" also where they are in it already.
	Joined    string      `json:"joined,omitempty"`
	NotJoined JoinRefusal `json:"not_joined,omitempty"`
	// Changed names what was written to the profile: email, email_verified, given_name, family_name, picture, extended.
	Changed []string `json:"changed,omitempty"`
	// EmailCollision says that the profile's address was left as it was because another user has the new one.
	EmailCollision bool `json:"email_collision,omitempty"`
}

// ErrIdentityConflict is inside a *Refused whose reason is ReasonIdentityConflict.
var ErrIdentityConflict = errors.New("provisioning: the account belongs to another identity of this connection")

// Refused is the error of a refusal, and of a demand to verify (Decision.Action tells them apart). With errors.Is it is
// ErrIdentityConflict or ErrEmailTaken where that is the reason.
type Refused struct{ Decision Decision }

// Error names the reason and what to do; no person and no address.
func (r *Refused) Error() string {
	if r.Decision.Action == ActionVerify {
		return "provisioning: the address must be verified first: " + r.Decision.Reason.Explain()
	}
	return "provisioning: refused (" + string(r.Decision.Reason) + "): " + r.Decision.Reason.Explain()
}

// Unwrap returns the sentinel of the reason, if it has one.
func (r *Refused) Unwrap() error {
	switch r.Decision.Reason {
	case ReasonIdentityConflict:
		return ErrIdentityConflict
	case ReasonEmailTaken:
		return ErrEmailTaken
	}
	return nil
}
