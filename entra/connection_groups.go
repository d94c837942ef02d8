package entra

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// GroupOptions steer which groups a sign-in brings, on a connection with UserGroups. The first four tell what the application emits: what
// Graph says instead is brought into that very form, or the groups are not known. The zero value suits an application that SetupGuide
// describes: security groups, by object id, from the token and past its limit from Graph.
type GroupOptions struct {
	Kind GroupKind // which groups the application emits
	Form GroupForm // in which form it emits them
	// Emitted declares that it does emit them: a token without the claim says "in none", also where Graph cannot be asked. Nothing declares it by itself: a sign-in changes
	// no connection, and that a token once had groups does not say that the application was not told since to leave them out.
	Emitted bool
	Claim   string // the claim that they are in, where it is renamed; over WS-Federation the attribute's URI. "": groups
	AsRoles bool   // they are in the role claim (emit_as_roles), and there are no application roles

	Source   GroupSource // where they are taken from
	Names    bool        // object ids get their names, and the host's rules and filters may go by them. A name that cannot be found is a failure
	Prefixes []string    // only groups whose name begins with one of these; empty: any
	Only     []string    // only these, by object id, SID or name; empty: any

	OnFailure   GroupFailure // what becomes of the sign-in when they are not known
	MaxAgeHours int          // with GroupsKeep: how old those known before may be; 0: Config.GroupsMaxAge
	Required    []string     // whoever is in none of these, by object id or by a name that an administrator gave, is refused; empty: nobody
}

// GroupKind is which of a person's groups an application emits (groupMembershipClaims).
// https://learn.microsoft.com/entra/identity-platform/reference-app-manifest#groupmembershipclaims-attribute
type GroupKind string

// The kinds.
const (
	GroupsSecurity GroupKind = ""         // security groups, nested ones included
	GroupsAll      GroupKind = "all"      // Microsoft 365 groups and distribution lists too
	GroupsAssigned GroupKind = "assigned" // those assigned to the application that the person is directly in
)

// GroupForm is the form in which an application emits groups: by object id, SID or a name. GroupDisplayName takes GroupsAssigned.
type GroupForm = graph.Form

// The forms, spelled as in an app manifest.
const (
	GroupObjectID    = graph.FormObjectID
	GroupSAM         = graph.FormSAM
	GroupDNSSAM      = graph.FormDNSSAM
	GroupNetBIOSSAM  = graph.FormNetBIOSSAM
	GroupSID         = graph.FormSID
	GroupDisplayName = graph.FormDisplayName
)

// GroupSource is where groups are taken from.
type GroupSource string

// The sources.
const (
	GroupsTokenThenGraph GroupSource = ""      // the token's; Graph's where the token has none or too many
	GroupsTokenOnly      GroupSource = "token" // Graph is never asked which
	GroupsGraph          GroupSource = "graph" // always Graph's
)

// GroupFailure is what becomes of a sign-in whose groups are not known, because Graph did not answer or may not be asked.
type GroupFailure string

// The outcomes. None of them is a part of a list.
const (
	GroupsKeep   GroupFailure = ""       // the groups known before count, up to the maximum age; then there are none known, and what they gave is withheld
	GroupsRefuse GroupFailure = "refuse" // nobody signs in: *Error with KindUnavailable, and ErrGroupsUnknown inside
	GroupsForgo  GroupFailure = "forgo"  // the sign-in goes on without groups, and what they gave is withheld at once
)

// ProfileOptions say what the extended profile holds, on a connection with ExtendedProfile.
type ProfileOptions struct {
	// Fields are Graph's names of properties, extension attributes among them; empty: graph.DefaultProfile. They take that set's place.
	Fields  []string
	Manager bool // the manager's id, name and address, where there is one and the permission User.Read.All
	Photo   bool // SignIn.Photo, whether or not there is an ExtendedProfile: JPEG or PNG, at most 100 KB
}

// maxPhoto bounds a photo, in bytes. Graph's 96 by 96 pixels take 5 KB or so.
const maxPhoto = 100 << 10

// named reports whether groups come with names.
func (o *GroupOptions) named() bool { return o.Names || o.Form != GroupObjectID && o.Form != GroupSID }

// maxAge is how old groups known before may be; negative: none of them counts.
func (o *GroupOptions) maxAge(ofConfig time.Duration) time.Duration {
	switch {
	case o.OnFailure == GroupsForgo:
		return -1
	case o.MaxAgeHours > 0:
		return time.Duration(o.MaxAgeHours) * time.Hour
	}
	return ofConfig
}

func (o *GroupOptions) clone() GroupOptions {
	c := *o
	c.Prefixes, c.Only, c.Required = slices.Clone(o.Prefixes), slices.Clone(o.Only), slices.Clone(o.Required)
	return c
}

var groupMembers = []member{
	{"group_kind", func(c *Connection) any { return &c.Groups.Kind }},
	{"group_form", func(c *Connection) any { return &c.Groups.Form }},
	{"is_group_claim_emitted", func(c *Connection) any { return &c.Groups.Emitted }},
	{"group_claim", func(c *Connection) any { return &c.Groups.Claim }},
	{"is_group_claim_as_roles", func(c *Connection) any { return &c.Groups.AsRoles }},
	{"group_source", func(c *Connection) any { return &c.Groups.Source }},
	{"is_group_names_required", func(c *Connection) any { return &c.Groups.Names }},
	{"group_prefixes", func(c *Connection) any { return &c.Groups.Prefixes }},
	{"group_list", func(c *Connection) any { return &c.Groups.Only }},
	{"group_failure", func(c *Connection) any { return &c.Groups.OnFailure }},
	{"group_max_age_hours", func(c *Connection) any { return &c.Groups.MaxAgeHours }},
	{"required_groups", func(c *Connection) any { return &c.Groups.Required }},
	{"extended_attributes", func(c *Connection) any { return &c.Profile.Fields }},
	{"is_manager_included", func(c *Connection) any { return &c.Profile.Manager }},
	{"is_photo_included", func(c *Connection) any { return &c.Profile.Photo }},
}

// Bounds of the lists.
const (
	maxGroupList  = 1000
	maxGroupHours = 31 * 24
	maxGroupText  = 256 // bytes; a display name's 256 characters are the most that Entra takes
)

var (
	jwtClaim     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:/-]{0,127}$`)
	graphField   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,119}$`)
	identityURIs = []string{"http://schemas.microsoft.com/identity/claims/", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"}
	// personClaims have a meaning of their own beside those of claims.HostClaim.
	personClaims = []string{
		"oid", "tid", "wids", "acct", "idp", "ver", "email", "upn", "preferred_username", "name", "given_name", "family_name", "picture", "xms_edov",
		"verified_primary_email", "login_hint", "hasgroups", "_claim_names", "_claim_sources", "acrs", "appid", "idtyp",
	}
)

func (k *checker) groups() {
	c, o := k.c, &k.c.Groups
	oneOf(k, "group_kind", o.Kind, GroupsSecurity, GroupsAll, GroupsAssigned)
	oneOf(k, "group_form", o.Form, GroupObjectID, GroupSAM, GroupDNSSAM, GroupNetBIOSSAM, GroupSID, GroupDisplayName)
	oneOf(k, "group_source", o.Source, GroupsTokenThenGraph, GroupsTokenOnly, GroupsGraph)
	oneOf(k, "group_failure", o.OnFailure, GroupsKeep, GroupsRefuse, GroupsForgo)
	if o.Form == GroupDisplayName && o.Kind != GroupsAssigned {
		k.fault("group_form", "is cloud_displayname, which Entra emits only for groups assigned to the application", "set group_kind to assigned, or emit object ids")
	}
	k.groupClaim()
	k.groupTexts("group_prefixes", o.Prefixes)
	k.groupTexts("group_list", o.Only)
	k.groupTexts("required_groups", o.Required)
	if len(o.Prefixes) > 0 && !o.named() {
		k.fault("group_prefixes", "would let nothing through, because groups come without names", "switch on is_group_names_required")
	}
	if o.MaxAgeHours < 0 || o.MaxAgeHours > maxGroupHours {
		k.fault("group_max_age_hours", fmt.Sprintf("is not between 0 and %d", maxGroupHours), `use 24, or leave it out; for no age at all set group_failure to "forgo"`)
	} else if o.MaxAgeHours > 0 && o.OnFailure != GroupsKeep {
		k.warn("group_max_age_hours", "has no effect with this group_failure", "remove it")
	}
	if c.ADFS() && (o.Source == GroupsGraph || o.Names || o.Kind == GroupsAssigned) {
		k.fault("group_source", "needs Graph, which AD FS has none of", "take groups from the token, as it names them")
	}
	k.required()
	k.profile()
}

func (k *checker) required() {
	o := &k.c.Groups
	if len(o.Required) == 0 {
		return
	}
	if !k.c.UserGroups {
		k.fault("required_groups", "refuses everybody, because groups are not asked for", "switch on is_retrieve_provider_user_groups")
	}
	for _, g := range o.Required {
		switch {
		case !cloud.IsGUID(g) && !o.named() && o.Form != GroupSID:
			k.fault("required_groups", fmt.Sprintf("%q is a name, and groups come without names", clipText(g)), "enter the group's object id")
		case len(o.Only) > 0 && !slices.Contains(o.Only, g):
			k.fault("required_groups", fmt.Sprintf("%q is not in group_list, so that nobody would be in it", clipText(g)), "add it to group_list")
		}
	}
}

func (k *checker) groupClaim() {
	c, o := k.c, &k.c.Groups
	if o.Claim == "" {
		return
	}
	own := claims.HostClaim(o.Claim) && o.Claim != "groups" || slices.ContainsFunc(personClaims, func(n string) bool { return strings.EqualFold(n, o.Claim) }) ||
		slices.ContainsFunc(identityURIs, func(p string) bool { return strings.HasPrefix(strings.ToLower(o.Claim), p) })
	switch {
	case o.AsRoles:
		k.fault("group_claim", "stands beside is_group_claim_as_roles", "keep the one or the other")
	case own:
		k.fault("group_claim", fmt.Sprintf("%q has a meaning of its own", clipText(o.Claim)), "name the claim that holds groups and nothing else")
	case c.Strategy == WSFed && !isURI(o.Claim), !jwtClaim.MatchString(o.Claim):
		k.fault("group_claim", "is not the name of a claim", "enter it exactly as the token has it; over WS-Federation it is a URI")
	}
}

func (k *checker) groupTexts(field string, list []string) {
	if len(list) > maxGroupList {
		k.fault(field, fmt.Sprintf("holds more than %d groups", maxGroupList), "remove some")
		return
	}
	for _, text := range list {
		if !isLabelText(strings.TrimRight(text, " "), maxGroupText) { // a prefix may end in a space
			k.fault(field, fmt.Sprintf("%q is no group", clipText(text)), "enter object ids, or names on one line")
		} else if cloud.IsGUID(text) && text != strings.ToLower(text) {
			k.fault(field, fmt.Sprintf("%s is not in lower case", text), "write it in lower case, as tokens do")
		}
	}
}

func (k *checker) profile() {
	c, o := k.c, &k.c.Profile
	if !c.ExtendedProfile && (len(o.Fields) > 0 || o.Manager) {
		k.warn("extended_attributes", "has no effect while the extended profile is not asked for", "switch on is_extended_attributes_required")
	}
	if c.ADFS() && o.Photo {
		k.warn("is_photo_included", "has no effect with AD FS, which has no Graph", "switch it off")
	}
	if len(o.Fields) > 90 {
		k.fault("extended_attributes", "holds more than 90 properties", "remove some")
		return
	}
	for _, f := range o.Fields {
		if !graphField.MatchString(f) || f == "manager" || f == "photo" {
			k.fault("extended_attributes", fmt.Sprintf("%q is not the name of one of a user's properties", clipText(f)), "list names such as jobTitle; the manager has a switch of its own")
		}
	}
}

// oneOf checks a field that is one of some words; the first is its absence.
func oneOf[T ~string](k *checker, field string, value T, words ...T) {
	if !slices.Contains(words, value) {
		list := make([]string, 0, len(words)-1)
		for _, w := range words[1:] {
			list = append(list, string(w))
		}
		k.fault(field, fmt.Sprintf("%q is not known", clipText(string(value))), "leave it out, or use "+strings.Join(list, ", "))
	}
}
