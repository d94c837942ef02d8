package claims

import (
	"slices"
	"strings"
)

// Group is a group as the token or Graph names it.
//
// A token names groups by object id (or on-premises SID), which goes to ID, or, where the application is set up so, by
// sAMAccountName, domain\name or display name, which goes to Name and leaves ID empty: a name is not an id.
//
// Groups are compared with ==, and their JSON is stable: hosts store it.
type Group struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Origin Origin `json:"origin,omitempty"`
}

// Origin says who made a group, as far as that matters for trusting its name.
//
// In most tenants any employee may make a group and name it as they like, "Administrators" too. A name is worth something only where an
// administrator or the on-premises directory gave it. See
// https://learn.microsoft.com/entra/identity/users/groups-self-service-management.
type Origin string

// The origins.
const (
	OriginUnknown    Origin = ""            // made by anybody, or it is not known by whom
	OriginAssigned   Origin = "assigned"    // an administrator assigned the group to the application
	OriginOnPremises Origin = "on_premises" // synced from on-premises Active Directory, whose administrators name groups
)

// NameTrusted reports whether the group's name may give something: nobody but an administrator can have chosen it.
func (g Group) NameTrusted() bool {
	return g.Name != "" && (g.Origin == OriginAssigned || g.Origin == OriginOnPremises)
}

// Value is what a token says of the group: its ID, or its Name where only that is known.
func (g Group) Value() string {
	if g.ID != "" {
		return g.ID
	}
	return g.Name
}

type groupState int

const (
	groupsNotEmitted groupState = iota
	groupsKnown
	groupsOverage
)

// Groups is what is known of a person's groups: the whole list, overage, or not emitted (the zero value).
//
// The three must not be confused. Past 200 groups (150 over SAML) Entra replaces the list by a pointer to Graph, and a
// person without any group gets no claim at all, as does everybody where the application emits none.
// See https://learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles.
type Groups struct {
	state groupState
	list  []Group
}

// KnownGroups is a complete list. An empty or nil list says: certainly in no group.
func KnownGroups(list []Group) Groups { return Groups{state: groupsKnown, list: slices.Clone(list)} }

// OverageGroups says that the person has groups, more than the token could hold.
func OverageGroups() Groups { return Groups{state: groupsOverage} }

// Known returns the whole list, and whether it is known at all. The list is a copy.
func (g Groups) Known() (list []Group, ok bool) {
	return slices.Clone(g.list), g.state == groupsKnown
}

// Overage reports whether the token said that there are more groups than it can hold.
func (g Groups) Overage() bool { return g.state == groupsOverage }

// String says what is known, without naming a group: "known", "overage" or "not emitted".
func (g Groups) String() string {
	switch g.state {
	case groupsKnown:
		return "known"
	case groupsOverage:
		return "overage"
	}
	return "not emitted"
}

// only leaves the groups that keep says; nil keeps all. What was not known stays so.
func (g Groups) only(keep func(Group) bool) Groups {
	if keep != nil {
		g.list = slices.DeleteFunc(slices.Clone(g.list), func(one Group) bool { return !keep(one) })
	}
	return g
}

// values returns what tokens hold, or the names where they are known: each group once, in byte order, so that the same groups always give the same claim.
func (g Groups) values(names bool) []string {
	out := make([]string, 0, len(g.list))
	for _, group := range g.list {
		v := group.Value()
		if names && group.Name != "" {
			v = group.Name
		}
		if v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// GroupsClaim reads the groups of an identity from another claim than groups: an application can be set up to emit them under
// another name, or as roles (emit_as_roles). Over SAML "roles" stands for the role attribute, and any other claim is the attribute's
// whole URI.
//
// The three states are those of [Groups]: an overage signal for the claim, or for groups, wins over a list. A claim that is neither a string
// nor a list of strings is an error.
//
// Source: https://learn.microsoft.com/entra/identity-platform/optional-claims#configure-groups-optional-claims
func GroupsClaim(id *Identity, claim string) (Groups, error) {
	if id.Groups.Overage() {
		return OverageGroups(), nil
	}
	name := claim
	if id.Raw["iss"] != any(id.Issuer) && claim == "roles" { // SAML: the issuer is no attribute
		name = attrRole
	}
	r := &reader{raw: id.Raw}
	g := r.groupsIn(name)
	return g, r.err
}

// groupsFrom reads the values of a group claim. By their form alone, SIDs and domain\name are of groups that were synced from on-premises.
func groupsFrom(values []string) Groups {
	list := make([]Group, 0, len(values))
	for _, v := range values {
		switch domain, name, qualified := strings.Cut(v, `\`); {
		case IsGUID(v):
			list = append(list, Group{ID: v})
		case isSID(v):
			list = append(list, Group{ID: v, Origin: OriginOnPremises})
		case qualified && isDomain(domain) && name != "":
			list = append(list, Group{Name: v, Origin: OriginOnPremises})
		default:
			list = append(list, Group{Name: v})
		}
	}
	return Groups{state: groupsKnown, list: list}
}

// isDomain recognises the part before the backslash: a DNS or NetBIOS name.
func isDomain(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_')
	})
}

// isSID recognises a Windows security identifier in text form (MS-DTYP, section 2.4.2.1).
func isSID(s string) bool {
	rest, ok := strings.CutPrefix(s, "S-1-")
	if !ok {
		return false
	}
	for part := range strings.SplitSeq(rest, "-") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return true
}
