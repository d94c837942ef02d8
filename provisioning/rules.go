package provisioning

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// DefaultGroupsMaxAge is the default of Policy.GroupsMaxAge.
const DefaultGroupsMaxAge = 24 * time.Hour

// Rule gives a role or permission of the host's to whoever is in a group. It names the group in exactly one way.
type Rule struct {
	ID string // object id or SID, as tokens spell it: certain, whatever the group is called
	// Name is the group's whole name, and Pattern a name with stars for any text ("App *"). Case does not count. Both match only groups that were
	// assigned to the application or synced from on-premises: anybody may call a group of their own "Administrators".
	Name, Pattern string

	Gives string // the role or permission, as the host spells it
}

// Grant says why somebody has a role: the rule, and the group that it matched.
type Grant struct {
	Role  string
	Rule  Rule
	Group claims.Group
}

// String is the answer to "why has Ann this role": a sentence for support people. It names the group.
func (g Grant) String() string {
	by := "its id"
	if g.Rule.ID == "" {
		by = fmt.Sprintf("its name (%s)", strings.ReplaceAll(string(g.Group.Origin), "_", "-"))
	}
	name := g.Group.Name
	if name == "" {
		name = g.Group.ID
	}
	return fmt.Sprintf("%s: member of %q, matched by %s", g.Role, name, by)
}

// Check reports what is wrong with a rule: nothing that it names or gives, several ways of naming, or a pattern that every group matches.
func (r Rule) Check() error {
	ways := 0
	for _, s := range []string{r.ID, r.Name, r.Pattern} {
		if s != "" {
			ways++
		}
	}
	switch {
	case r.Gives == "":
		return errors.New("provisioning: rule gives nothing")
	case ways != 1:
		return fmt.Errorf("provisioning: rule for %q must name a group by ID, Name or Pattern, by exactly one of them", r.Gives)
	case r.Pattern != "" && strings.Trim(r.Pattern, "*") == "":
		return fmt.Errorf("provisioning: rule for %q matches every group", r.Gives)
	}
	return nil
}

// Grants applies rules to groups that are known, purely: the same groups and rules always give the same grants in the same order, by role, then in the
// order of the rules. A role may come by several groups. A rule that Check refuses gives nothing.
func Grants(rules []Rule, groups []claims.Group) []Grant {
	var out []Grant
	sorted := sortGroups(groups)
	for _, r := range rules {
		if r.Check() != nil {
			continue
		}
		for _, g := range sorted {
			if r.matches(g) {
				out = append(out, Grant{Role: r.Gives, Rule: r, Group: g})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Grant) int { return strings.Compare(a.Role, b.Role) })
	return out
}

// Roles are the roles of grants, each once, in byte order; never nil.
func Roles(grants []Grant) []string {
	out := make([]string, 0, len(grants))
	for _, g := range grants {
		out = append(out, g.Role)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r Rule) matches(g claims.Group) bool {
	switch {
	case r.ID != "":
		return strings.EqualFold(r.ID, g.ID)
	case !g.NameTrusted():
		return false
	case r.Name != "":
		return strings.EqualFold(r.Name, g.Name)
	}
	return matchesPattern(strings.ToLower(r.Pattern), strings.ToLower(g.Name))
}

// matchesPattern compares text with a pattern in which a star stands for any text, in time proportional to their lengths for each star.
func matchesPattern(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == text
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return true
}

// rolesFor returns the roles that a sign-in leaves the user with: those of the groups that are known now, else of those known before while they are young
// enough, else none. nil: the host has no rules, and roles are left alone.
func (p Policy) rolesFor(groups claims.Groups, old *User) *[]string {
	if p.Rules == nil {
		return nil
	}
	list, known := groups.Known()
	if !known {
		most := p.GroupsMaxAge
		if most == 0 {
			most = DefaultGroupsMaxAge
		}
		list, _ = old.GroupsBefore(p.ConnectionID, p.Now, most)
	}
	roles := Roles(Grants(p.Rules, list))
	if slices.Equal(roles, old.Roles) {
		return nil
	}
	return &roles
}

// GroupsBefore returns the groups that an earlier sign-in through the connection told, if they may stand for those that are not known now: they are at most so
// old, and no other connection can have told them, whose groups are another tenant's. A time in the future is of no known age.
func (u *User) GroupsBefore(connectionID string, now time.Time, most time.Duration) (list []claims.Group, ok bool) {
	held := false
	for _, k := range u.Keys {
		switch {
		case k.ConnectionID == connectionID:
			held = true
		case k.Enterprise():
			return nil, false
		}
	}
	if age := now.Sub(u.GroupsAt); !held || u.GroupsAt.IsZero() || age < 0 || age > most {
		return nil, false
	}
	return slices.Clone(u.Groups), true
}
