package claims_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Every form that an application can be set up to emit. Only what the form itself says of the origin is believed.
func TestGroupForms(t *testing.T) {
	const sid = "S-1-5-21-3623811015-3361044348-30300820-1013"
	tests := map[string]claims.Group{
		ann:                              {ID: ann},
		sid:                              {ID: sid, Origin: claims.OriginOnPremises},
		"portal-admins":                  {Name: "portal-admins"},
		`CONTOSO\portal-admins`:          {Name: `CONTOSO\portal-admins`, Origin: claims.OriginOnPremises},
		`corp.contoso.com\Portal admins`: {Name: `corp.contoso.com\Portal admins`, Origin: claims.OriginOnPremises},
		"All of us":                      {Name: "All of us"},
		`\admins`:                        {Name: `\admins`},
		`CONTOSO\`:                       {Name: `CONTOSO\`},
		`not a domain\x`:                 {Name: `not a domain\x`},
		"S-1-5-21-":                      {Name: "S-1-5-21-"},
		"S-1-5-21-admins":                {Name: "S-1-5-21-admins"},
	}
	for value, want := range tests {
		overJWT, ok := fromJWT(t, members{"groups": []string{value}}).Groups.Known()
		require.True(t, ok)
		assert.Equal(t, []claims.Group{want}, overJWT, value)
		id, err := claims.FromVerifiedSAML(assertion(attr(roleClaims+"groups", value)))
		require.NoError(t, err)
		overSAML, ok := id.Groups.Known()
		require.True(t, ok)
		assert.Equal(t, overJWT, overSAML, value)
		assert.Equal(t, want.Origin == claims.OriginOnPremises && want.Name != "", want.NameTrusted(), value)
	}
}

func TestGroupJSONIsStable(t *testing.T) {
	data, err := json.Marshal([]claims.Group{{ID: "a"}, {ID: "b", Name: "B", Origin: claims.OriginAssigned}, {Name: "c", Origin: claims.OriginOnPremises}})
	require.NoError(t, err)
	assert.Equal(t, `[{"id":"a"},{"id":"b","name":"B","origin":"assigned"},{"id":"","name":"c","origin":"on_premises"}]`, string(data))
	var back []claims.Group
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, claims.Group{ID: "a"}, back[0], "what was stored before there were origins")
}

func TestAccessTokenGroupOptions(t *testing.T) {
	groups := claims.KnownGroups([]claims.Group{{ID: "b", Name: "Staff"}, {ID: "a"}})
	got, err := claims.AccessToken(groups, map[string]any{"x": "y"}, claims.TokenOptions{GroupsName: "https://example.com/groups", GroupNames: true})
	golden(t, `{"extra_claims":{"x":"y"},"https://example.com/groups":["Staff","a"]}`, got, err)
	got, err = claims.AccessToken(groups, map[string]any{"x": "y"}, claims.TokenOptions{MaxBytes: 46})
	golden(t, `{"ext_omitted":["extra_claims","ext_groups"]}`, got, err)
	for _, o := range []claims.TokenOptions{{MaxBytes: 48, RefuseTooLarge: true}} {
		got, err := claims.AccessToken(groups, map[string]any{"x": "y"}, o)
		require.ErrorIs(t, err, claims.ErrTooLarge)
		assert.Nil(t, got)
		o.MaxBytes = 49
		_, err = claims.AccessToken(groups, map[string]any{"x": "y"}, o)
		require.NoError(t, err)
	}
	for _, o := range []claims.TokenOptions{{GroupsName: "roles"}, {GroupsName: "sub"}, {GroupsName: "a b"}, {GroupsName: "ext_attributes", ExtraClaimsName: "ext_attributes"}, {ExtraClaimsName: "ext_groups"}} {
		_, err := claims.AccessToken(groups, nil, o)
		require.Error(t, err)
	}
}

func TestGroupsClaim(t *testing.T) {
	tests := map[string]struct {
		change members
		claim  string
		state  string
		n      int
	}{
		"as roles":                {members{"roles": []string{ann, "portal-admins"}}, "roles", "known", 2},
		"no roles":                {nil, "roles", "not emitted", 0},
		"renamed":                 {members{"teams": "Sales"}, "teams", "known", 1},
		"renamed, overage":        {members{"_claim_names": members{"teams": "src1"}}, "teams", "overage", 0},
		"renamed, overage groups": {members{"teams": []string{"x"}, "_claim_names": members{"groups": "src1"}}, "teams", "overage", 0},
		"hasgroups":               {members{"roles": []string{"x"}, "hasgroups": true}, "roles", "overage", 0},
	}
	for name, test := range tests {
		g, err := claims.GroupsClaim(fromJWT(t, test.change), test.claim)
		require.NoError(t, err, name)
		assert.Equal(t, test.state, g.String(), name)
		list, _ := g.Known()
		assert.Len(t, list, test.n, name)
	}
	_, err := claims.GroupsClaim(fromJWT(t, members{"teams": members{}}), "teams")
	require.ErrorContains(t, err, "teams is not")

	id, err := claims.FromVerifiedSAML(assertion(attr(roleClaims+"role", "portal-admins"), attr("https://example.com/teams", "Sales", "Staff")))
	require.NoError(t, err)
	for claim, n := range map[string]int{"roles": 1, "https://example.com/teams": 2} {
		g, err := claims.GroupsClaim(id, claim)
		require.NoError(t, err)
		list, ok := g.Known()
		assert.True(t, ok, claim)
		assert.Len(t, list, n, claim)
	}
	id, err = claims.FromVerifiedSAML(assertion(attr(roleClaims+"role", "x"), attr(groupsLink, "https://graph.windows.net/x")))
	require.NoError(t, err)
	g, err := claims.GroupsClaim(id, "roles")
	require.NoError(t, err)
	assert.True(t, g.Overage())
}
