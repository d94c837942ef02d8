package entra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// What a sign-in can be refused for; match with errors.Is.
var (
	// ErrGroupsUnknown says that nobody could tell the person's groups, on a connection that lets nobody in without. KindUnavailable.
	ErrGroupsUnknown = errors.New("entra: the person's groups are not known")
	// ErrGroupRequired says that the person is in none of the groups that the connection requires. KindRefused.
	ErrGroupRequired = errors.New("entra: the person is in none of the required groups")
)

// Where a person's groups come from.
const (
	groupsFromToken  = "token"
	groupsFromGraph  = "graph"
	groupsFromBefore = "before"
)

// tokenGroups reads what the token says of groups, as the connection says that its application emits them, into id. Absent is how Entra says "none", but is
// not taken for it here.
func tokenGroups(c *Connection, id *claims.Identity) error {
	o := &c.Groups
	claim := o.Claim
	if o.AsRoles {
		claim = "roles"
	}
	var err error
	if claim != "" && c.UserGroups {
		if id.Groups, err = claims.GroupsClaim(id, claim); err != nil {
			return NewError(KindToken, err)
		}
	}
	if o.AsRoles {
		id.Roles = nil
	}
	if o.Claim != "" { // the profile says groups once, as they are settled
		id.Raw = maps.Clone(id.Raw)
		delete(id.Raw, o.Claim)
	}
	list, known := id.Groups.Known()
	switch {
	case !c.UserGroups:
		id.Groups = claims.Groups{} // not asked for, not passed on
	case known:
		for i := range list {
			if o.Form == GroupDisplayName && list[i].ID != "" { // a group is called like another one's id: that makes it none
				list[i] = claims.Group{Name: list[i].ID}
			}
			list[i].Origin = o.origin(list[i], c.ADFS())
		}
		id.Groups = claims.KnownGroups(list)
	}
	return nil
}

// origin of a group that a token names. Only an administrator assigns groups to an application; and of a group of the cloud Entra emits a name only then.
func (o *GroupOptions) origin(g claims.Group, adfs bool) claims.Origin {
	switch {
	case o.Kind == GroupsAssigned:
		return claims.OriginAssigned
	case g.ID == "" && (adfs || o.Form == GroupSAM):
		return claims.OriginOnPremises
	}
	return g.Origin
}

// groupsLookup is what is asked of Graph about a person's groups.
type groupsLookup struct {
	as    graph.Caller
	query graph.GroupQuery
	names []string // the ids whose names alone are asked for; nil: the groups themselves

	list []claims.Group
	err  error
}

var errNotAsked = errors.New("nobody can ask Microsoft Graph: there is no permission or no credential for it")

// lookup decides what Graph is to be asked; nil is nothing.
func (s *Service) lookup(t Target, id *claims.Identity, who graphCallers) *groupsLookup {
	c, o := t.Connection, &t.Connection.Groups
	list, known := id.Groups.Known()
	l := &groupsLookup{query: graph.GroupQuery{Names: o.Names, SecurityOnly: o.Kind == GroupsSecurity, Form: o.Form}}
	switch {
	case !c.UserGroups:
		return nil
	case o.Source == GroupsGraph, !known && o.Source != GroupsTokenOnly:
		if o.Kind == GroupsAssigned {
			l.query.AssignedTo = c.ClientID
		}
	case known && o.Names && slices.ContainsFunc(list, nameless):
		l.names = []string{}
		for _, g := range list {
			if nameless(g) {
				l.names = append(l.names, g.ID)
			}
		}
	default:
		return nil
	}
	l.as = who.forGroups(l.query)
	return l
}

func nameless(g claims.Group) bool { return g.Name == "" && cloud.IsGUID(g.ID) }

// ask asks, and believes nothing that is short of what the connection wants.
func (l *groupsLookup) ask(ctx context.Context, client *graph.Client, told claims.Groups) {
	if l.as.Token == nil {
		l.err = errNotAsked
		return
	}
	if l.names == nil {
		l.list, l.err = client.Groups(ctx, l.as, l.query)
	} else {
		l.list, l.err = client.GroupNames(ctx, l.as, l.names)
		named := make(map[string]claims.Group, len(l.list))
		for _, g := range l.list {
			named[g.ID] = g
		}
		l.list, _ = told.Known()
		for i, g := range l.list {
			if n, ok := named[g.ID]; ok {
				l.list[i].Name = n.Name
				if g.Origin == claims.OriginUnknown {
					l.list[i].Origin = n.Origin
				}
			}
		}
	}
	if l.err == nil && l.query.Names && slices.ContainsFunc(l.list, nameless) {
		l.err = errors.New("names of groups were kept back by Microsoft Graph: they take the permission GroupMember.Read.All")
	}
}

// settleGroups decides which groups the sign-in has: the token's, Graph's, or by the connection's policy none that are known. It says where they come from.
func (s *Service) settleGroups(ctx context.Context, c *Connection, id *claims.Identity, l *groupsLookup) (from string, err error) {
	o := &c.Groups
	list, known := id.Groups.Known()
	switch {
	case !c.UserGroups:
		return "", nil
	case l != nil && l.err == nil && l.names == nil:
		list, known, from = l.list, true, groupsFromGraph
	case l != nil && l.err == nil:
		list, known, from = l.list, true, groupsFromToken
	case l == nil && known:
		from = groupsFromToken
	case !known && !id.Groups.Overage() && o.Emitted:
		// Who was taken out of the last group has no claim any more, and must lose what it gave also while Graph is down.
		list, known, from = nil, true, groupsFromToken
	default:
		known = false
	}
	if l != nil && l.err != nil {
		s.log.WarnContext(ctx, "Graph did not say the groups", "connection", c.ID, "error", l.err)
	}
	if known {
		id.Groups = claims.KnownGroups(o.filter(list))
		return from, nil
	}
	id.Groups = claims.Groups{}
	if o.OnFailure == GroupsRefuse {
		return "", groupsUnknown(l)
	}
	return "", nil
}

// groupsUnknown is the refusal of a sign-in whose groups are not known.
func groupsUnknown(l *groupsLookup) *Error {
	cause := errors.New("the token does not say them")
	if l != nil && l.err != nil {
		cause = l.err
	}
	e := NewError(KindUnavailable, fmt.Errorf("%w: %w", ErrGroupsUnknown, cause))
	e.Public = "Your groups could not be read from your organization's directory, and without them you cannot be signed in. Please try again in a moment; if it happens again, tell your administrator."
	var refused *graph.Error
	if e.Mender = aadsts.MenderTenantAdmin; errors.As(cause, &refused) && refused.Retry {
		e.Mender = aadsts.MenderUnknown
	}
	return e
}

// filter keeps the groups that the connection wants to know of.
func (o *GroupOptions) filter(list []claims.Group) []claims.Group {
	return slices.DeleteFunc(slices.Clone(list), func(g claims.Group) bool {
		begins := func(p string) bool { return strings.HasPrefix(g.Name, p) }
		return len(o.Prefixes) > 0 && !slices.ContainsFunc(o.Prefixes, begins) ||
			len(o.Only) > 0 && !slices.Contains(o.Only, g.ID) && (g.Name == "" || !slices.Contains(o.Only, g.Name))
	})
}

// requireGroup lets only those in who are in a group that the connection requires; before anything is written. Groups that are not known may be those known before.
func (s *Service) requireGroup(ctx context.Context, in *SignIn) error {
	o := &in.Connection.Groups
	if len(o.Required) == 0 {
		return nil
	}
	list, known := in.groups.Known()
	if !known {
		u, err := s.storedUser(ctx, in)
		if err != nil {
			return err
		}
		if u != nil {
			list, known = u.GroupsBefore(in.Connection.ID, s.now(), in.Connection.Groups.maxAge(s.cfg.GroupsMaxAge))
		}
		if !known {
			return groupsUnknown(nil)
		}
	}
	for _, g := range list {
		if g.ID != "" && slices.Contains(o.Required, g.ID) || g.NameTrusted() && slices.Contains(o.Required, g.Name) {
			return nil
		}
	}
	e := NewError(KindRefused, ErrGroupRequired)
	e.Public = "Your account is in none of the groups that may use this application. Please ask your administrator to add you to one."
	return e
}

// storedUser is who the person was at an earlier sign-in; nil where there was none.
func (s *Service) storedUser(ctx context.Context, in *SignIn) (*provisioning.User, error) {
	if s.cfg.Users == nil {
		return nil, nil //nolint:nilnil // nobody is known
	}
	key, err := provisioning.KeyOf(in.Connection.ID, in.Identity)
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // nobody can be known by it; provisioning says why
	}
	u, err := s.cfg.Users.UserByKey(ctx, key)
	if errors.Is(err, provisioning.ErrNotFound) {
		return nil, nil //nolint:nilnil // a new person
	}
	if err != nil {
		return nil, NewError(KindUnavailable, fmt.Errorf("finding the groups known before: %w", err))
	}
	return u, nil
}

// groupsBefore falls back on the groups that the user had at an earlier sign-in, while they are young enough.
func (s *Service) groupsBefore(in *SignIn) {
	if _, known := in.groups.Known(); known || !in.Connection.UserGroups || in.User == nil {
		return
	}
	if list, ok := in.User.GroupsBefore(in.Connection.ID, s.now(), in.Connection.Groups.maxAge(s.cfg.GroupsMaxAge)); ok {
		in.groups, in.GroupsFrom, in.GroupsAt = claims.KnownGroups(list), groupsFromBefore, in.User.GroupsAt
	}
}

// rules are the host's for this connection; nil where it has none at all. One that says nothing sensible gives nothing.
func (s *Service) rules(ctx context.Context, c *Connection) ([]provisioning.Rule, error) {
	if s.cfg.GroupRules == nil {
		return nil, nil
	}
	rules, err := s.cfg.GroupRules(ctx, c)
	if err != nil {
		return nil, NewError(KindUnavailable, fmt.Errorf("rules for groups: %w", err))
	}
	for _, r := range rules {
		if err := r.Check(); err != nil {
			s.log.ErrorContext(ctx, "a rule for groups is ignored", "connection", c.ID, "error", err)
		}
	}
	return append([]provisioning.Rule{}, rules...), nil
}

// grant says what the groups give.
func (in *SignIn) grant(rules []provisioning.Rule) {
	if list, known := in.groups.Known(); known {
		in.grants = provisioning.Grants(rules, list)
	}
}

// groupsAge bounds what is kept of groups for provisioning: never zero, which would be its default.
func (s *Service) groupsAge(c *Connection) time.Duration {
	if most := c.Groups.maxAge(s.cfg.GroupsMaxAge); most > 0 && c.UserGroups {
		return most
	}
	return -1
}
