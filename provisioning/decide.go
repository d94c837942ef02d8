package provisioning

import (
	"slices"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Decide is the whole linking decision, without side effects and without a store: the same input gives the same answer.
//
// byKey is what UserByKey found for the identity's key, else for its PendingKey (nil: nobody); byEmail is what UsersByEmail found
// for its address and its user name. Decide looks at what the users hold, not at how they were found, so a store that returns
// too many harms nobody.
//
// The rules, in order; the first that applies decides:
//
//  1. The identity has no key: refuse.
//  2. A user holds the key: sign in; refuse a suspended one.
//  3. A pending identity of this connection names the person, by object id, else by user principal name, else by address: link. It
//     matches member accounts only, in the recorded tenant, until it expires. Where no tenant is recorded, a user principal name and an
//     address need evidence; on a multi-tenant connection an address always does. Two users named: refuse.
//  4. A user of this connection with another key has the address: a different person. Refuse; the address may have been given to
//     somebody new. (On a multi-tenant connection a stranger's tenant may have put the address there: across tenants
//     both addresses must be proven.)
//  5. The connection is trusted, and one user without any enterprise identity has verified the same address: link if the account
//     is a member's and there is evidence, else verify. Two such users: refuse.
//  6. A pending identity named the person but does not hold (expired, another tenant, no member, no evidence): refuse.
//  7. Create a user if the connection creates missing ones, else refuse.
//
// Suspended and emergency users are refused wherever they would be linked. The address of a guest, a personal account or an
// external one links to nobody, whatever the token says of it: a personal account may carry the work address of
// somebody who left.
func Decide(p Policy, id *claims.Identity, byKey *User, byEmail []*User) Decision {
	key, err := KeyOf(p.ConnectionID, id)
	if err != nil {
		return Decision{Action: ActionRefuse, Reason: ReasonNoKey}
	}
	c := newQuestion(p, id, key)
	v := c.decide(byKey, byEmail)

	d := Decision{Action: v.action, Reason: v.reason, Evidence: c.evidence, Confirmed: c.proven()}
	if v.user != nil {
		d.UserID = v.user.ID
		if v.action == ActionSignIn || v.action == ActionLink {
			d.Confirmed = c.proven() || c.verifiedBy(v.user)
		}
	}
	return d
}

// question is who a person is, with everything that the answer depends on.
type question struct {
	policy   Policy
	id       *claims.Identity
	key      Key
	address  string // folded; "" when the token has none
	username string // folded; "" when it is not an address
	evidence []claims.Evidence
}

// verdict is an answer; user is whom it concerns, or nil.
type verdict struct {
	action Action
	reason Reason
	user   *User
}

func refuse(why Reason, u *User) verdict { return verdict{ActionRefuse, why, u} }

func newQuestion(p Policy, id *claims.Identity, key Key) *question {
	c := &question{policy: p, id: id, key: key, address: Fold(id.Email.Address), username: Fold(id.Username)}
	c.evidence = evidenceFor(p, id, c.address)
	return c
}

// evidenceFor collects what supports the address. A token of a provider that is not Entra's workforce can carry any claim under
// any name, so nothing that it says counts; a proven domain counts for members of the one tenant that the connection is
// pinned to, because guests and personal accounts carry addresses that the domain's owner does not hand out.
func evidenceFor(p Policy, id *claims.Identity, address string) []claims.Evidence {
	if address == "" {
		return nil
	}
	var list []claims.Evidence
	if id.Kind != claims.KindExternal {
		for _, e := range id.Email.Evidence {
			if e == claims.EvidenceDomainOwnerVerified || e == claims.EvidenceVerifiedPrimaryEmail {
				list = append(list, e)
			}
		}
	}
	if p.SingleTenant && id.Kind == claims.KindMember && slices.Contains(p.ProvenDomains, domainOf(address)) {
		list = append(list, claims.EvidenceProvenDomain)
	}
	if Fold(p.VerifiedAddress) == address {
		list = append(list, EvidenceMailedCode)
	}
	return list
}

func (c *question) proven() bool { return len(c.evidence) > 0 }

// links reports whether the evidence suffices to link to an account: a member's, or a code that was mailed to the very address.
func (c *question) links() bool {
	return c.proven() && c.id.Kind == claims.KindMember || slices.Contains(c.evidence, EvidenceMailedCode)
}

// sameAddress reports whether the user's own address is the token's.
func (c *question) sameAddress(u *User) bool {
	return c.address != "" && Fold(u.Profile.Email) == c.address
}

func (c *question) verifiedBy(u *User) bool { return u.Profile.EmailVerified && c.sameAddress(u) }

func (c *question) decide(byKey *User, byEmail []*User) verdict {
	everyone := distinct(byKey, byEmail)
	if v, done := c.known(byKey, everyone); done {
		return v
	}
	record := c.findRecord(everyone)
	if record.valid {
		return c.claim(record)
	}
	if record.reason == ReasonAmbiguous || record.reason == ReasonIdentityConflict {
		return refuse(record.reason, record.user)
	}
	if u := c.otherPerson(everyone); u != nil {
		return refuse(ReasonIdentityConflict, u)
	}
	if v, done := c.trusted(everyone); done {
		return v
	}
	if record.reason != "" {
		return refuse(record.reason, record.user)
	}
	if c.policy.CreateMissing {
		return verdict{ActionCreate, c.whyCreate(everyone), nil}
	}
	return refuse(ReasonNoAccount, nil)
}

// known is rule 2. The store's answer is not taken on trust: a comparison that is looser than bytes (a collation, a folded
// index) would sign one person in as another.
func (c *question) known(byKey *User, everyone []*User) (verdict, bool) {
	for _, u := range everyone {
		if !u.Holds(c.key) {
			continue
		}
		if u.Suspended {
			return refuse(ReasonSuspended, u), true
		}
		return verdict{ActionSignIn, ReasonKeyKnown, u}, true
	}
	if byKey != nil && !slices.ContainsFunc(byKey.Pending, c.namesObject) {
		return refuse(ReasonStoreMismatch, nil), true
	}
	return verdict{}, false
}

// claim is rule 3, when a record holds: the user takes the identity unless something of their own forbids it.
func (c *question) claim(r record) verdict {
	switch _, taken := r.user.KeyAt(c.policy.ConnectionID); {
	case r.user.Emergency:
		return refuse(ReasonEmergency, r.user)
	case r.user.Suspended:
		return refuse(ReasonSuspended, r.user)
	case taken:
		return refuse(ReasonIdentityConflict, r.user)
	case r.user.Enterprise() && r.reason != ReasonPendingObjectID:
		// An address gives nobody a second enterprise identity; an object id names exactly one person.
		return refuse(ReasonIdentityConflict, r.user)
	}
	return verdict{ActionLink, r.reason, r.user}
}

// otherPerson is rule 4.
func (c *question) otherPerson(everyone []*User) *User {
	for _, u := range everyone {
		held, ok := u.KeyAt(c.policy.ConnectionID)
		if !ok || !c.sameAddress(u) {
			continue
		}
		if c.policy.SingleTenant || held.Authority == c.key.Authority || u.Profile.EmailVerified && c.proven() {
			return u
		}
	}
	return nil
}

// trusted is rule 5.
func (c *question) trusted(everyone []*User) (verdict, bool) {
	candidates := c.candidates(everyone)
	if !c.policy.TrustEmails || len(candidates) == 0 {
		return verdict{}, false
	}
	u := candidates[0]
	switch {
	case len(candidates) > 1:
		return refuse(ReasonAmbiguous, nil), true
	case u.Emergency:
		return refuse(ReasonEmergency, u), true
	case u.Suspended:
		return refuse(ReasonSuspended, u), true
	case !c.links():
		return verdict{ActionVerify, ReasonEvidenceMissing, u}, true
	}
	return verdict{ActionLink, ReasonTrustedAddress, u}, true
}

// candidates are the users to whom an address could link: verified by themselves, and without any enterprise identity.
func (c *question) candidates(everyone []*User) []*User {
	var list []*User
	for _, u := range everyone {
		if c.verifiedBy(u) && !u.Enterprise() {
			list = append(list, u)
		}
	}
	return list
}

// whyCreate tells support people why a person whose address is known got a new user.
func (c *question) whyCreate(everyone []*User) Reason {
	why := ReasonNewPerson
	for _, u := range everyone {
		switch {
		case !c.sameAddress(u):
		case u.Enterprise():
			if why == ReasonNewPerson {
				why = ReasonOtherConnection
			}
		case u.Profile.EmailVerified: // only an untrusted connection comes this far
			return ReasonNotTrusted
		default:
			why = ReasonAddressUnverified
		}
	}
	return why
}

// distinct puts the users together, each once.
func distinct(byKey *User, byEmail []*User) []*User {
	var list []*User
	if byKey != nil {
		list = append(list, byKey)
	}
	for _, u := range byEmail {
		if u != nil && !slices.ContainsFunc(list, func(o *User) bool { return o.ID == u.ID }) {
			list = append(list, u)
		}
	}
	return list
}
