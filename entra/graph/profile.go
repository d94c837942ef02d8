package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// property is the name of one of Graph's properties: jobTitle, extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_costCentre.
var property = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,119}$`)

const maxProperties = 100

// DefaultProfile is what Profile selects when fields is nil.
//
// Source: https://learn.microsoft.com/graph/api/resources/user
func DefaultProfile() []string {
	return []string{
		"displayName", "givenName", "surname", "mail", "userPrincipalName", "preferredLanguage",
		"jobTitle", "department", "companyName", "employeeId", "employeeType", "officeLocation",
		"businessPhones", "mobilePhone", "streetAddress", "city", "state", "postalCode", "country", "usageLocation",
		"onPremisesSamAccountName", "onPremisesDomainName",
	}
}

// Profile returns the user's attributes under Graph's own names; empty ones (null, "", an empty list or object) are left out.
// fields are names of properties, extension attributes among them; nil is DefaultProfile. The name manager stands for
// the manager's id, displayName, mail and userPrincipalName.
//
// Permissions: delegated User.Read (manager: User.Read.All); app-only User.Read.All.
//
// Source: https://learn.microsoft.com/graph/api/user-get
func (c *Client) Profile(ctx context.Context, as Caller, fields []string) (map[string]any, error) {
	if fields == nil {
		fields = DefaultProfile()
	}
	query, err := profileQuery(fields)
	if err != nil {
		return nil, err
	}
	key := as.key("profile", strings.Join(fields, ","))
	if kept, ok := c.cache.get(key, c.config.Now); ok {
		return copyOf(kept.profile), nil
	}
	ctx, cancel, s, err := c.begin(ctx, as, true)
	if err != nil {
		return nil, err
	}
	defer cancel()
	var members map[string]json.RawMessage // exact names: a struct would take them in any case
	if err := s.getJSON(ctx, s.at("", query), &members); err != nil {
		return nil, err
	}
	var id string
	if json.Unmarshal(members["id"], &id) != nil {
		return nil, errors.New("graph: the answer does not say whose profile it is")
	}
	if err := s.checkUser(id); err != nil {
		return nil, err
	}
	profile := map[string]any{}
	for _, name := range fields {
		var v any
		if json.Unmarshal(members[name], &v) != nil {
			continue // absent
		}
		if v = compact(v); v != nil {
			profile[name] = v
		}
	}
	c.cache.put(key, answer{profile: copyOf(profile)}, c.config.Now)
	return profile, nil
}

// copyOf copies down to the leaves, so that whoever changes a profile changes no other.
func copyOf(profile map[string]any) map[string]any {
	out := make(map[string]any, len(profile))
	for name, v := range profile {
		out[name] = compact(v)
	}
	return out
}

func profileQuery(fields []string) (url.Values, error) {
	if len(fields) > maxProperties {
		return nil, fmt.Errorf("graph: %d profile fields, more than %d", len(fields), maxProperties)
	}
	query, selected := url.Values{}, []string{"id"}
	for _, name := range fields {
		switch {
		case !property.MatchString(name):
			return nil, fmt.Errorf("graph: %q is not the name of a property", name)
		case name == "manager":
			query.Set("$expand", "manager($select=id,displayName,mail,userPrincipalName)")
		case !slices.Contains(selected, name):
			selected = append(selected, name)
		}
	}
	query.Set("$select", strings.Join(selected, ","))
	return query, nil
}

// compact drops what is empty, and OData's own members, down to the leaves; nil is left of what holds nothing.
func compact(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		kept := make([]any, 0, len(v))
		for _, item := range v {
			if item = compact(item); item != nil {
				kept = append(kept, item)
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case map[string]any:
		kept := make(map[string]any, len(v))
		for name, item := range v {
			if item = compact(item); item != nil && !strings.Contains(name, "@odata") {
				kept[name] = item
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	}
	return v
}
