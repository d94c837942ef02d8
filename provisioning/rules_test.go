package provisioning_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestGrants(t *testing.T) {
	const id = "99999999-aaaa-4bbb-8ccc-888888888888"
	assigned := func(name string) claims.Group { return claims.Group{ID: id, Name: name, Origin: claims.OriginAssigned} }
	tests := map[string]struct {
		rule  provisioning.Rule
		group claims.Group
		match bool
	}{
		"id":                    {provisioning.Rule{ID: id}, claims.Group{ID: id}, true},
		"id, other case":        {provisioning.Rule{ID: strings.ToUpper(id)}, claims.Group{ID: id}, true},
		"other id":              {provisioning.Rule{ID: id}, claims.Group{ID: "x", Name: id, Origin: claims.OriginAssigned}, false},
		"name":                  {provisioning.Rule{Name: "App admins"}, assigned("app ADMINS"), true},
		"name, on-premises":     {provisioning.Rule{Name: `CORP\admins`}, claims.Group{Name: `CORP\Admins`, Origin: claims.OriginOnPremises}, true},
		"name, anybody's":       {provisioning.Rule{Name: "App admins"}, claims.Group{ID: id, Name: "App admins"}, false},
		"name, unknown origin":  {provisioning.Rule{Name: "App admins"}, claims.Group{Name: "App admins", Origin: "elsewhere"}, false},
		"name is no id":         {provisioning.Rule{Name: id}, claims.Group{ID: id, Origin: claims.OriginAssigned}, false},
		"pattern":               {provisioning.Rule{Pattern: "App *"}, assigned("App users"), true},
		"pattern, anybody's":    {provisioning.Rule{Pattern: "App *"}, claims.Group{ID: id, Name: "App users"}, false},
		"pattern, middle":       {provisioning.Rule{Pattern: "app*eu*admins"}, assigned("App-EU-West-Admins"), true},
		"pattern, not enough":   {provisioning.Rule{Pattern: "ab*ba"}, assigned("aba"), false},
		"pattern, order":        {provisioning.Rule{Pattern: "*b*a*"}, assigned("ab"), false},
		"pattern without star":  {provisioning.Rule{Pattern: "app"}, assigned("app 1"), false},
		"pattern of everything": {provisioning.Rule{Pattern: "**"}, assigned("x"), false},
		"two ways":              {provisioning.Rule{ID: id, Name: "App"}, assigned("App"), false},
		"no way":                {provisioning.Rule{}, assigned(""), false},
	}
	for name, test := range tests {
		test.rule.Gives = "admin"
		got := provisioning.Grants([]provisioning.Rule{test.rule}, []claims.Group{test.group, test.group})
		if !test.match {
			assert.Empty(t, got, name)
			continue
		}
		assert.Equal(t, []provisioning.Grant{{Role: "admin", Rule: test.rule, Group: test.group}}, got, name)
	}
	require.Error(t, provisioning.Rule{ID: id}.Check(), "gives nothing")
}

func TestGrantsAreExplained(t *testing.T) {
	groups := []claims.Group{{ID: "b", Name: "Staff", Origin: claims.OriginAssigned}, {ID: "a"}}
	rules := []provisioning.Rule{{Name: "staff", Gives: "user"}, {ID: "a", Gives: "admin"}, {ID: "b", Gives: "user"}}
	got := provisioning.Grants(rules, groups)
	var says []string
	for _, g := range got {
		says = append(says, g.String())
	}
	assert.Equal(t, []string{
		`admin: member of "a", matched by its id`, `user: member of "Staff", matched by its name (assigned)`, `user: member of "Staff", matched by its id`,
	}, says)
	assert.Equal(t, []string{"admin", "user"}, provisioning.Roles(got))
	assert.NotNil(t, provisioning.Roles(nil))
	groups[0], groups[1] = groups[1], groups[0]
	assert.Equal(t, got, provisioning.Grants(rules, groups), "whatever order Entra chose")
}

// Groups known before stand in only for the connection that told them: another one's are those of another tenant, whose administrator may call them anything.
func TestGroupsBefore(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	own := provisioning.Key{ConnectionID: "c1", Authority: "t1", Subject: "o1"}
	other := provisioning.Key{ConnectionID: "c2", Authority: "t2", Subject: "o2"}
	imported := provisioning.ImportKey("hr", "17")
	tests := map[string]struct {
		keys []provisioning.Key
		at   time.Time
		ok   bool
	}{
		"young":                    {[]provisioning.Key{imported, own}, now.Add(-time.Hour), true},
		"at the limit":             {[]provisioning.Key{own}, now.Add(-24 * time.Hour), true},
		"too old":                  {[]provisioning.Key{own}, now.Add(-24*time.Hour - 1), false},
		"of the future":            {[]provisioning.Key{own}, now.Add(time.Second), false},
		"never":                    {[]provisioning.Key{own}, time.Time{}, false},
		"another connection's":     {[]provisioning.Key{other}, now.Add(-time.Hour), false},
		"one of two":               {[]provisioning.Key{own, other}, now.Add(-time.Hour), false},
		"nobody's but an import's": {[]provisioning.Key{imported}, now.Add(-time.Hour), false},
	}
	groups := []claims.Group{{ID: "99999999-aaaa-4bbb-8ccc-888888888888"}}
	for name, test := range tests {
		u := &provisioning.User{Keys: test.keys, Groups: groups, GroupsAt: test.at}
		got, ok := u.GroupsBefore("c1", now, 24*time.Hour)
		assert.Equal(t, test.ok, ok, name)
		if test.ok {
			assert.Equal(t, groups, got, name)
		} else {
			assert.Nil(t, got, name)
		}
	}
	_, ok := (&provisioning.User{Keys: []provisioning.Key{own}, GroupsAt: now}).GroupsBefore("c1", now, -1)
	assert.False(t, ok, "not at all")
}
