package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// The claims that the package writes.
const (
	ClaimProvider    = "ext_provider" // ID token: the connection, and the person as the provider knows them
	ClaimGroups      = "ext_groups"   // access token: the groups
	ClaimExtra       = "extra_claims" // access token: the extended attributes; TokenOptions.ExtraClaimsName renames it
	ClaimOmitted     = "ext_omitted"  // either: what TokenOptions.MaxBytes left no room for
	memberProfile    = "profile"
	memberGroups     = "groups"
	omittedProfile   = "ext_provider.profile"
	omittedProGroups = "ext_provider.groups"
)

// ErrTooLarge says that the claims exceed TokenOptions.MaxBytes even with everything left out that may be.
var ErrTooLarge = errors.New("claims: token claims exceed the size budget")

// Provider is the connection as the host's ID token names it.
type Provider struct {
	Name, ConnectionID string
	Confirmed          bool // is_confirmed: the decision's word that the address is the person's
}

// TokenOptions shape the claims.
type TokenOptions struct {
	// ExtraClaimsName is the name of the claim with the extended attributes; "" is extra_claims. A name that a token or
	// the host gives a meaning of its own (see [HostClaim]) is refused.
	ExtraClaimsName string
	// GroupsName is the name of the access token's claim with the groups; "" is ext_groups. The same names are refused.
	GroupsName string
	// GroupNames has groups stand by name where one is known, for people to read: anybody may call a group as they like, so that whoever reads the token must
	// not go by it.
	GroupNames bool
	// Group says which of the known groups this token names, so that one token can name others than another; nil is all of them. When it leaves none the claim is
	// []. Unless Group.NameTrusted, the name is what anybody may call a group.
	Group func(Group) bool
	// Attribute says which members the ID token's profile has, beside the groups, or which extended attributes the access token has, by their names; nil is all of
	// them. It adds nothing: the host's own names stay out. What Group and Attribute leave out is not in ext_omitted, which is about room.
	Attribute func(name string) bool
	// RefuseTooLarge makes it ErrTooLarge when not everything fits into MaxBytes; nothing is left out then.
	RefuseTooLarge bool
	// MaxBytes is the budget for the returned claims, as encoding/json writes them, in bytes; 0 is no limit.
	//
	// What does not fit is left out whole, never in part, and named in the claim ext_omitted, a list. Of several ways
	// to fit, the access token keeps ext_groups rather than the extended attributes, and the ID token keeps the
	// profile's groups rather than its other members. When nothing more may be left out the error is [ErrTooLarge].
	MaxBytes int
}

// IDToken returns the claims for the host's ID token, where its application asks for the provider's view of the person:
//
//	{"ext_provider": {"name", "connection_id", "claims": {"connection_id", "email", "given_name", "family_name",
//	  "picture", "is_confirmed", "profile": {…, "groups": […]}}}}
//
// An empty email, name or picture is left out. The profile is what the provider sent, under the provider's own names,
// without the claims of the protocol (nonce, at_hash, sid, login_hint, …) and without names of the host's (see
// [HostClaim]). Its groups are those given here, not the token's: known and empty is [], unknown is no member at all.
//
// The maps are new and the caller's own; they hold strings, booleans, int64, uint64, float64 (json.Number for what these do not hold exactly), lists and maps.
func IDToken(p Provider, id *Identity, groups Groups, o TokenOptions) (map[string]any, error) {
	if id == nil || p.ConnectionID == "" {
		return nil, errors.New("claims: ID token needs an identity and a connection id")
	}
	list, known := groups.only(o.Group).values(o.GroupNames), groups.state == groupsKnown
	build := func(withProfile, withGroups bool, omitted []string) map[string]any {
		profile := map[string]any{}
		if withProfile {
			profile = o.attributes(profileOf(id.Raw))
		}
		if known && withGroups {
			profile[memberGroups] = list
		}
		c := map[string]any{
			"connection_id": p.ConnectionID,
			"is_confirmed":  p.Confirmed && id.Email.Address != "",
			memberProfile:   profile,
		}
		for name, v := range map[string]string{
			"email": id.Email.Address, "given_name": id.GivenName, "family_name": id.FamilyName, "picture": id.Picture,
		} {
			if v != "" {
				c[name] = v
			}
		}
		return withOmitted(map[string]any{
			ClaimProvider: map[string]any{"name": p.Name, "connection_id": p.ConnectionID, "claims": c},
		}, omitted)
	}
	return fit(o, build, omittedProfile, omittedProGroups, len(o.attributes(profileOf(id.Raw))) > 0, known)
}

// AccessToken returns the claims for the host's access token:
//
//	{"ext_groups": ["…"], "extra_claims": {"jobTitle": …}}
//
// Groups stand in byte order, each once. Known and empty groups are []; unknown groups are no claim at all, so that
// nobody takes "we could not ask" for "none". Attributes that are named like a claim of the host's own (see [HostClaim])
// are left out; without attributes the claim is left out too.
//
// It needs no Identity: a host that refreshes its tokens has none any more. The maps are new and the caller's own.
func AccessToken(groups Groups, extended map[string]any, o TokenOptions) (map[string]any, error) {
	name, groupsName := ClaimExtra, ClaimGroups
	if o.ExtraClaimsName != "" {
		if err := checkName("ExtraClaimsName", o.ExtraClaimsName); err != nil {
			return nil, err
		}
		name = o.ExtraClaimsName
	}
	if o.GroupsName != "" {
		if err := checkName("GroupsName", o.GroupsName); err != nil {
			return nil, err
		}
		groupsName = o.GroupsName
	}
	if name == groupsName {
		return nil, errors.New("claims: ExtraClaimsName and GroupsName are the same")
	}
	list, known := groups.only(o.Group).values(o.GroupNames), groups.state == groupsKnown
	extra := o.attributes(withoutHostClaims(extended))
	build := func(withExtra, withGroups bool, omitted []string) map[string]any {
		out := map[string]any{}
		if known && withGroups {
			out[groupsName] = list
		}
		if len(extra) > 0 && withExtra {
			out[name] = extra
		}
		return withOmitted(out, omitted)
	}
	return fit(o, build, name, groupsName, len(extra) > 0, known)
}

// attributes leaves those that the token is to have.
func (o *TokenOptions) attributes(all map[string]any) map[string]any {
	if o.Attribute != nil {
		maps.DeleteFunc(all, func(name string, _ any) bool { return !o.Attribute(name) })
	}
	return all
}

// fit returns the fullest claims within the budget. The first part is given up before the second; a part that is not
// there anyway is not reported as left out.
func fit(o TokenOptions, build func(first, second bool, omitted []string) map[string]any, first, second string, hasFirst, hasSecond bool) (map[string]any, error) {
	for _, try := range []struct{ first, second bool }{{true, true}, {false, true}, {true, false}, {false, false}} {
		if !try.first && !hasFirst || !try.second && !hasSecond {
			continue
		}
		var omitted []string
		if !try.first {
			omitted = append(omitted, first)
		}
		if !try.second {
			omitted = append(omitted, second)
		}
		out := build(try.first, try.second, omitted)
		size, err := json.Marshal(out)
		if err != nil {
			return nil, fmt.Errorf("claims: a value cannot be written as JSON: %w", err)
		}
		if o.MaxBytes <= 0 || len(size) <= o.MaxBytes {
			return out, nil
		}
		if o.RefuseTooLarge {
			break
		}
	}
	return nil, ErrTooLarge
}

func withOmitted(out map[string]any, omitted []string) map[string]any {
	if len(omitted) > 0 {
		out[ClaimOmitted] = omitted
	}
	return out
}

func checkName(option, name string) error {
	switch {
	case len(name) > 128 || !isPrintableASCII(name) || strings.ContainsAny(name, ` "\`):
		return fmt.Errorf("claims: %s must be 1 to 128 printable ASCII characters without space, quote or backslash", option)
	case HostClaim(name) && !extraNames[name]:
		return fmt.Errorf("claims: %s %q has a meaning of its own in tokens", option, name)
	}
	return nil
}

// profileOf copies what the provider sent, without protocol claims and the host's names.
func profileOf(raw map[string]any) map[string]any {
	profile := withoutHostClaims(raw)
	maps.DeleteFunc(profile, func(name string, _ any) bool {
		return protocolClaims[strings.ToLower(name)] || protocolClaims[name]
	})
	return profile
}

// withoutHostClaims copies attributes deeply, so that whoever changes a token's claims does not change an Identity.
func withoutHostClaims(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for name, v := range in {
		if !HostClaim(name) {
			out[name] = clone(v)
		}
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case []string:
		return append([]string{}, v...)
	case json.Number:
		return plainNumber(v)
	}
	return v
}

// plainNumber is the number as a type that every JSON writer writes as a number: token libraries with a writer of their own take json.Number for a string. One
// that no such type holds exactly stays as it is.
func plainNumber(n json.Number) any {
	text := n.String()
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u
	}
	if f, err := n.Float64(); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return f
	}
	return n
}
