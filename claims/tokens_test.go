package claims_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

var provider = claims.Provider{Name: "contoso-entra", ConnectionID: "conn_1", Confirmed: true}

// golden compares the claims, as encoding/json writes them, byte for byte.
func golden(t *testing.T, want string, got map[string]any, err error) {
	t.Helper()
	require.NoError(t, err)
	data, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Equal(t, want, string(data))
}

func TestIDTokenShape(t *testing.T) {
	id := fromJWT(t, members{
		"email": "Ann@contoso.com", "given_name": "Ann", "family_name": "Archer", "picture": "https://example.com/ann.png",
		"ctry": "NL", "extn.level": json.Number("12345678901234567890"), "groups": []string{"ignored"},
		// of the protocol, or the host's
		"nonce": "n", "at_hash": "h", "c_hash": "h", "aio": "a", "rh": "r", "uti": "u", "sid": "s", "login_hint": "l", "exp": 1, "nbf": 1, "iat": 1,
		"auth_time": 1700000000, "amr": []string{"pwd"}, "xms_edov": true, "hasgroups": false, "wids": []string{other}, "roles": []string{"Owner"},
		"permissions": []string{"all"}, "Scp": "all", "ORG_CODE": "org_1", "feature_flags": members{},
	})
	groups := claims.KnownGroups([]claims.Group{{ID: other, Name: "Sales"}, {ID: ann}, {Name: "By name"}, {ID: ann}})
	got, err := claims.IDToken(provider, id, groups, claims.TokenOptions{})
	golden(t, `{"ext_provider":{"claims":{"connection_id":"conn_1","email":"Ann@contoso.com","family_name":"Archer","given_name":"Ann","is_confirmed":true,`+
		`"picture":"https://example.com/ann.png","profile":{"ctry":"NL","email":"Ann@contoso.com","extn.level":12345678901234567890,"family_name":"Archer","given_name":"Ann",`+
		`"groups":["33333333-dddd-4eee-8fff-444444444444","99999999-aaaa-4bbb-8ccc-888888888888","By name"],"name":"Ann Archer",`+
		`"oid":"33333333-dddd-4eee-8fff-444444444444","picture":"https://example.com/ann.png","preferred_username":"ann@contoso.com","tid":"11111111-aaaa-4bbb-8ccc-222222222222"}},`+
		`"connection_id":"conn_1","name":"contoso-entra"}}`, got, err)
}

func TestIDTokenOverSAML(t *testing.T) {
	id, err := claims.FromVerifiedSAML(assertion(
		attr(roleClaims+"groups", other), attr(roleClaims+"role", "Owner"), attr(groupsLink, "https://graph.windows.net/x"),
		attr("http://schemas.microsoft.com/claims/authnmethodsreferences", "pwd"),
	))
	require.NoError(t, err)
	got, err := claims.IDToken(claims.Provider{Name: "c", ConnectionID: "1"}, id, id.Groups, claims.TokenOptions{})
	golden(t, `{"ext_provider":{"claims":{"connection_id":"1","email":"ann@contoso.com","is_confirmed":false,"profile":{`+
		`"http://schemas.microsoft.com/identity/claims/displayname":"Ann Archer",`+
		`"http://schemas.microsoft.com/identity/claims/identityprovider":"https://sts.windows.net/11111111-aaaa-4bbb-8ccc-222222222222/",`+
		`"http://schemas.microsoft.com/identity/claims/objectidentifier":"33333333-dddd-4eee-8fff-444444444444",`+
		`"http://schemas.microsoft.com/identity/claims/tenantid":"11111111-aaaa-4bbb-8ccc-222222222222",`+
		`"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"ann@contoso.com"}},"connection_id":"1","name":"c"}}`, got, err)
}

func TestIDTokenGroupStates(t *testing.T) {
	id := fromJWT(t, members{"preferred_username": nil, "name": nil, "ver": nil})
	ids := `"oid":"` + ann + `","tid":"` + contoso + `"`
	for want, groups := range map[string]claims.Groups{
		`{` + ids + `}`:             {},
		`{"groups":[],` + ids + `}`: claims.KnownGroups(nil),
	} {
		got, err := claims.IDToken(provider, id, groups, claims.TokenOptions{})
		golden(t, `{"ext_provider":{"claims":{"connection_id":"conn_1","is_confirmed":false,"profile":`+want+`},"connection_id":"conn_1","name":"contoso-entra"}}`, got, err)
	}
	got, err := claims.IDToken(provider, id, claims.OverageGroups(), claims.TokenOptions{})
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprint(got), "groups")
}

func TestIDTokenNeedsItsInput(t *testing.T) {
	_, err := claims.IDToken(provider, nil, claims.Groups{}, claims.TokenOptions{})
	require.Error(t, err)
	_, err = claims.IDToken(claims.Provider{Name: "x"}, fromJWT(t, nil), claims.Groups{}, claims.TokenOptions{})
	require.Error(t, err)
}

func TestTokenClaimsAreTheCallersOwn(t *testing.T) {
	id := fromJWT(t, members{"address": members{"city": []string{"Delft"}}})
	got, err := claims.IDToken(provider, id, claims.Groups{}, claims.TokenOptions{})
	require.NoError(t, err)
	profile := got["ext_provider"].(map[string]any)["claims"].(map[string]any)["profile"].(map[string]any)
	profile["address"].(map[string]any)["city"].([]any)[0] = "changed"
	profile["oid"] = "changed"
	assert.Equal(t, "Delft", id.Raw["address"].(map[string]any)["city"].([]any)[0])
	assert.Equal(t, ann, id.Raw["oid"])

	extended := map[string]any{"phones": []string{"1"}}
	got, err = claims.AccessToken(claims.Groups{}, extended, claims.TokenOptions{})
	require.NoError(t, err)
	got["extra_claims"].(map[string]any)["phones"].([]string)[0] = "changed"
	assert.Equal(t, "1", extended["phones"].([]string)[0])
}

func TestAccessTokenShape(t *testing.T) {
	known := claims.KnownGroups([]claims.Group{{ID: "b"}, {ID: "a", Name: "Alpha"}, {ID: "b"}})
	extended := map[string]any{"jobTitle": "CFO", "mail": "ann@contoso.com", "preferredLanguage": "nl"}
	extra := `{"jobTitle":"CFO","mail":"ann@contoso.com","preferredLanguage":"nl"}`
	tests := map[string]struct {
		groups   claims.Groups
		extended map[string]any
		o        claims.TokenOptions
		want     string
	}{
		"both":             {known, extended, claims.TokenOptions{}, `{"ext_groups":["a","b"],"extra_claims":` + extra + `}`},
		"known and empty":  {claims.KnownGroups(nil), nil, claims.TokenOptions{}, `{"ext_groups":[]}`},
		"not emitted":      {claims.Groups{}, nil, claims.TokenOptions{}, `{}`},
		"overage":          {claims.OverageGroups(), extended, claims.TokenOptions{}, `{"extra_claims":` + extra + `}`},
		"no attributes":    {known, map[string]any{}, claims.TokenOptions{}, `{"ext_groups":["a","b"]}`},
		"another name":     {claims.Groups{}, extended, claims.TokenOptions{ExtraClaimsName: "ext_attributes"}, `{"ext_attributes":` + extra + `}`},
		"a URI as name":    {claims.Groups{}, extended, claims.TokenOptions{ExtraClaimsName: "https://example.com/extra"}, `{"https://example.com/extra":` + extra + `}`},
		"only host claims": {claims.Groups{}, map[string]any{"sub": "evil", "Roles": "evil", "ext_groups": "evil"}, claims.TokenOptions{}, `{}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := claims.AccessToken(test.groups, test.extended, test.o)
			golden(t, test.want, got, err)
		})
	}
}

// One sign-in, and tokens that say different things of it.
func TestTokensFilter(t *testing.T) {
	groups := claims.KnownGroups([]claims.Group{{ID: "a", Name: "Alpha", Origin: claims.OriginAssigned}, {ID: "b"}, {ID: "c", Name: "Sales"}})
	extended := map[string]any{"jobTitle": "CFO", "mail": "ann@contoso.com", "sub": "evil"}
	id := fromJWT(t, members{"ctry": "NL", "dept": "Sales", "nonce": "n", "roles": []string{"Owner"}, "groups": []string{"ignored"}})
	assigned := func(g claims.Group) bool { return g.NameTrusted() }
	one := func(name string) bool { return name == "jobTitle" || name == "ctry" }
	all, none := func(string) bool { return true }, func(string) bool { return false }
	nobody := func(claims.Group) bool { return false }
	for name, test := range map[string]struct {
		groups         claims.Groups
		o              claims.TokenOptions
		access, idOnly string
	}{
		"groups":          {groups, claims.TokenOptions{Group: assigned, Attribute: one}, `{"ext_groups":["a"],"extra_claims":{"jobTitle":"CFO"}}`, `{"ctry":"NL","groups":["a"]}`},
		"by name":         {groups, claims.TokenOptions{Group: assigned, GroupNames: true, Attribute: none}, `{"ext_groups":["Alpha"]}`, `{"groups":["Alpha"]}`},
		"none left":       {groups, claims.TokenOptions{Group: nobody, Attribute: none}, `{"ext_groups":[]}`, `{"groups":[]}`},
		"unknown stays":   {claims.OverageGroups(), claims.TokenOptions{Group: assigned, Attribute: none}, `{}`, `{}`},
		"not emitted":     {claims.Groups{}, claims.TokenOptions{Group: nobody, Attribute: one}, `{"extra_claims":{"jobTitle":"CFO"}}`, `{"ctry":"NL"}`},
		"adds nothing":    {groups, claims.TokenOptions{Group: nobody, Attribute: all}, `{"ext_groups":[],"extra_claims":{"jobTitle":"CFO","mail":"ann@contoso.com"}}`, ""},
		"what is too big": {groups, claims.TokenOptions{Attribute: none, MaxBytes: 1000}, `{"ext_groups":["a","b","c"]}`, `{"groups":["a","b","c"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := claims.AccessToken(test.groups, extended, test.o)
			golden(t, test.access, got, err)
			got, err = claims.IDToken(provider, id, test.groups, test.o)
			require.NoError(t, err)
			profile := got["ext_provider"].(map[string]any)["claims"].(map[string]any)["profile"].(map[string]any)
			require.NotContains(t, profile, "nonce")
			require.NotContains(t, profile, "roles")
			if test.idOnly != "" {
				golden(t, test.idOnly, profile, nil)
			}
		})
	}
	list, _ := groups.Known()
	require.Len(t, list, 3, "the groups of the sign-in stay")
	require.Contains(t, extended, "mail")
	require.Contains(t, id.Raw, "dept")

	// What was left out by choice leaves no trace, and what had no room does.
	got, err := claims.AccessToken(groups, extended, claims.TokenOptions{Group: assigned, Attribute: one, MaxBytes: 53})
	golden(t, `{"ext_groups":["a"],"ext_omitted":["extra_claims"]}`, got, err)
}

func TestHostClaimsAreNeverAttributes(t *testing.T) {
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "auth_time", "acr", "amr", "sid", "act", "client_id", "scope", "scp", "cnf",
		"roles", "role", "permissions", "groups", "org_code", "org_codes", "feature_flags", "email_verified", "ext_provider", "ext_groups", "extra_claims", "ext_omitted",
		"SUB", "Org_Code",
	} {
		assert.True(t, claims.HostClaim(name), name)
		got, err := claims.AccessToken(claims.Groups{}, map[string]any{name: "evil", "jobTitle": "CFO"}, claims.TokenOptions{})
		golden(t, `{"extra_claims":{"jobTitle":"CFO"}}`, got, err)
	}
	assert.False(t, claims.HostClaim("jobTitle"))
}

func TestExtraClaimsNameRefused(t *testing.T) {
	for _, name := range []string{"sub", "SUB", "roles", "permissions", "scp", "org_code", "feature_flags", "aud", "ext_groups", "ext_provider", "ext_omitted", "a b", "a\nb", `a"b`, `a\b`, "ſub", strings.Repeat("a", 129)} {
		got, err := claims.AccessToken(claims.Groups{}, nil, claims.TokenOptions{ExtraClaimsName: name})
		require.Error(t, err, name)
		assert.Nil(t, got)
	}
}

func TestUnwritableAttribute(t *testing.T) {
	_, err := claims.AccessToken(claims.Groups{}, map[string]any{"x": math.NaN()}, claims.TokenOptions{})
	require.Error(t, err)
}

// TestAccessTokenBudget walks every budget from nothing to plenty: what is returned fits, is whole, says what is missing,
// and only what stands first in the order is missing when that was enough.
func TestAccessTokenBudget(t *testing.T) {
	groups := claims.KnownGroups([]claims.Group{{ID: ann}, {ID: other}})
	extended := map[string]any{"jobTitle": strings.Repeat("x", 40)}
	full, err := claims.AccessToken(groups, extended, claims.TokenOptions{})
	require.NoError(t, err)
	whole, err := json.Marshal(full)
	require.NoError(t, err)
	var seen []string
	for budget := 1; budget <= len(whole); budget++ {
		got, err := claims.AccessToken(groups, extended, claims.TokenOptions{MaxBytes: budget})
		if err != nil {
			require.ErrorIs(t, err, claims.ErrTooLarge)
			assert.Nil(t, got)
			seen = append(seen, "error")
			continue
		}
		data, err := json.Marshal(got)
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), budget)
		omitted, _ := got["ext_omitted"].([]string)
		for name, v := range full {
			if slices.Contains(omitted, name) {
				require.NotContains(t, got, name)
			} else {
				require.Equal(t, v, got[name], "whole or not at all")
			}
		}
		seen = append(seen, strings.Join(omitted, "+"))
	}
	assert.Equal(t, []string{"error", "extra_claims+ext_groups", "ext_groups", "extra_claims", ""}, slices.Compact(seen))
}

func TestIDTokenBudget(t *testing.T) {
	id := fromJWT(t, members{"note": strings.Repeat("x", 300)})
	one := claims.KnownGroups([]claims.Group{{ID: ann}})
	lots := claims.KnownGroups([]claims.Group{{ID: strings.Repeat("g", 900)}})
	budget := func(groups claims.Groups, n int) (string, error) {
		got, err := claims.IDToken(provider, id, groups, claims.TokenOptions{MaxBytes: n})
		data, _ := json.Marshal(got)
		return string(data), err
	}
	got, err := budget(one, 400)
	require.NoError(t, err)
	assert.Equal(t, `{"ext_omitted":["ext_provider.profile"],"ext_provider":{"claims":{"connection_id":"conn_1","email":"ann@contoso.com","is_confirmed":true,"profile":{"groups":["`+ann+`"]}},"connection_id":"conn_1","name":"contoso-entra"}}`, got)
	got, err = budget(lots, 900)
	require.NoError(t, err)
	assert.Contains(t, got, `"ext_omitted":["ext_provider.groups"]`)
	assert.Contains(t, got, `"note"`)
	got, err = budget(lots, 300)
	require.NoError(t, err)
	assert.Equal(t, `{"ext_omitted":["ext_provider.profile","ext_provider.groups"],"ext_provider":{"claims":{"connection_id":"conn_1","email":"ann@contoso.com","is_confirmed":true,"profile":{}},"connection_id":"conn_1","name":"contoso-entra"}}`, got)
	_, err = budget(one, 100)
	require.ErrorIs(t, err, claims.ErrTooLarge)
}
