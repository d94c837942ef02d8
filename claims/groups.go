package claims

import (
	"slices"
	"strings"
)

// Group is a group as the token or Graph names it.
//
// A token names groups by object id (or on-premises SID), which goes to ID, or, where the application is set up so, by
// sAMAccountName, domain\name or display name, which goes to Name and leaves ID empty: a name is not an id.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
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

// values returns what tokens hold: each group once, in byte order, so that the same groups always give the same claim.
func (g Groups) values() []string {
	out := make([]string, 0, len(g.list))
	for _, group := range g.list {
		if v := group.Value(); v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// groupsFrom reads the values of a group claim.
func groupsFrom(values []string) Groups {
	list := make([]Group, 0, len(values))
	for _, v := range values {
		if IsGUID(v) || isSID(v) {
			list = append(list, Group{ID: v})
		} else {
			list = append(list, Group{Name: v})
		}
	}
	return Groups{state: groupsKnown, list: list}
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
