package provisioning

import (
	"slices"

	"github.com/tenantdoor/tenantdoor/claims"
)

// JoinRefusal says why a person who signed in did not join the organization they could have joined. The words are stable.
type JoinRefusal string

// The refusals, in the order in which they are looked for.
const (
	JoinSuspended   JoinRefusal = "suspended"           // the organization is suspended: nobody joins
	JoinClosed      JoinRefusal = "self_join_off"       // people do not join by themselves: by the organization's policy, or by the connection's switch
	JoinUnconfirmed JoinRefusal = "address_unconfirmed" // nothing proves that the address is this person's
	JoinDomain      JoinRefusal = "domain_not_allowed"  // the address's domain is not among Organization.AllowedDomains
)

// joins returns the organization that the person joins now, or why not. An address that is not confirmed joins nothing, not even an organization
// that admits any domain; a verified address of the user's own that is another than the token's does not stand in for it.
func (p Policy) joins(id *claims.Identity, d Decision, user *User) (string, JoinRefusal) {
	o := p.Join
	switch {
	case o == nil, o.ID == "", slices.Contains(user.Organizations, o.ID):
		return "", ""
	case o.Suspended:
		return "", JoinSuspended
	case !o.AutoJoin:
		return "", JoinClosed
	case !d.Confirmed:
		return "", JoinUnconfirmed
	case len(o.AllowedDomains) > 0 && !slices.Contains(o.AllowedDomains, domainOf(Fold(id.Email.Address))):
		return "", JoinDomain
	}
	return o.ID, ""
}
