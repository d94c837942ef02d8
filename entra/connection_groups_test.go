package entra_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func TestCheckGroupOptions(t *testing.T) {
	groups := func(change func(*entra.GroupOptions)) func(*entra.Connection) {
		return func(c *entra.Connection) { c.UserGroups = true; change(&c.Groups) }
	}
	tests := map[string]struct {
		change func(*entra.Connection)
		want   string // "" is nothing found
	}{
		"all forms": {groups(func(o *entra.GroupOptions) {
			*o = entra.GroupOptions{Kind: entra.GroupsAssigned, Form: entra.GroupDisplayName, Emitted: true, Claim: "teams", Source: entra.GroupsGraph, Prefixes: []string{"App "}, MaxAgeHours: 1, Required: []string{"App users"}}
		}), ""},
		"required by id":           {groups(func(o *entra.GroupOptions) { o.Required = []string{entratest.ContosoStaff} }), ""},
		"kind":                     {groups(func(o *entra.GroupOptions) { o.Kind = "some" }), "error group_kind"},
		"form":                     {groups(func(o *entra.GroupOptions) { o.Form = "some" }), "error group_form"},
		"source":                   {groups(func(o *entra.GroupOptions) { o.Source = "some" }), "error group_source"},
		"failure":                  {groups(func(o *entra.GroupOptions) { o.OnFailure = "some" }), "error group_failure"},
		"display names of all":     {groups(func(o *entra.GroupOptions) { o.Form = entra.GroupDisplayName }), "error group_form"},
		"prefixes of ids":          {groups(func(o *entra.GroupOptions) { o.Prefixes = []string{"App "} }), "error group_prefixes"},
		"id in upper case":         {groups(func(o *entra.GroupOptions) { o.Only = []string{strings.ToUpper(entratest.ContosoStaff)} }), "error group_list"},
		"two lines":                {groups(func(o *entra.GroupOptions) { o.Only = []string{"a\nb"} }), "error group_list"},
		"too many":                 {groups(func(o *entra.GroupOptions) { o.Only = slices.Repeat([]string{"a"}, 1001) }), "error group_list"},
		"no age":                   {groups(func(o *entra.GroupOptions) { o.MaxAgeHours = -1 }), "error group_max_age_hours"},
		"ages":                     {groups(func(o *entra.GroupOptions) { o.MaxAgeHours = 745 }), "error group_max_age_hours"},
		"age without effect":       {groups(func(o *entra.GroupOptions) { o.MaxAgeHours, o.OnFailure = 2, entra.GroupsRefuse }), "warning group_max_age_hours"},
		"required by name, of ids": {groups(func(o *entra.GroupOptions) { o.Required = []string{"Staff"} }), "error required_groups"},
		"required, filtered out": {groups(func(o *entra.GroupOptions) {
			o.Required, o.Only = []string{entratest.ContosoStaff}, []string{entratest.ContosoAdmins}
		}), "error required_groups"},
		"required, never asked for": {func(c *entra.Connection) {
			c.UserGroups, c.Groups.Required = false, []string{entratest.ContosoStaff}
		}, "error required_groups"},
		"claim of the host's":   {groups(func(o *entra.GroupOptions) { o.Claim = "permissions" }), "error group_claim"},
		"claim of the person's": {groups(func(o *entra.GroupOptions) { o.Claim = "Email" }), "error group_claim"},
		"claim and roles":       {groups(func(o *entra.GroupOptions) { o.Claim, o.AsRoles = "teams", true }), "error group_claim"},
		"claim, no name":        {groups(func(o *entra.GroupOptions) { o.Claim = "my teams" }), "error group_claim"},
		"attribute, no URI":     {func(c *entra.Connection) { wsfedConnection(c); c.UserGroups, c.Groups.Claim = true, "teams" }, "error group_claim"},
		"attribute of the person's": {func(c *entra.Connection) {
			wsfedConnection(c)
			c.UserGroups, c.Groups.Claim = true, "http://schemas.microsoft.com/identity/claims/tenantid"
		}, "error group_claim"},
		"Graph of AD FS":            {func(c *entra.Connection) { adfsConnection(c); c.UserGroups, c.Groups.Source = true, entra.GroupsGraph }, "error group_source"},
		"property, no name":         {func(c *entra.Connection) { c.ExtendedProfile, c.Profile.Fields = true, []string{"job title"} }, "error extended_attributes"},
		"manager as property":       {func(c *entra.Connection) { c.ExtendedProfile, c.Profile.Fields = true, []string{"manager"} }, "error extended_attributes"},
		"properties, not asked for": {func(c *entra.Connection) { c.ExtendedProfile, c.Profile.Fields = false, []string{"jobTitle"} }, "warning extended_attributes"},
		"too many properties": {func(c *entra.Connection) {
			c.ExtendedProfile, c.Profile.Fields = true, slices.Repeat([]string{"a"}, 91)
		}, "error extended_attributes"},
		"extension": {func(c *entra.Connection) {
			c.ExtendedProfile, c.Profile.Fields = true, []string{"extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_costCentre"}
		}, ""},
		"photo of AD FS": {func(c *entra.Connection) { adfsConnection(c); c.Profile.Photo = true }, "warning is_photo_included"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found := sound(test.change).Check()
			if test.want == "" {
				require.Empty(t, found)
				return
			}
			require.NotEmpty(t, found)
			assert.Equal(t, test.want, found[0].Severity.String()+" "+found[0].Field, "%v", found)
			assert.NotEmpty(t, found[0].Fix)
		})
	}
}
