package claims_test

import (
	"encoding/json"
	"fmt"

	"github.com/tenantdoor/tenantdoor/claims"
)

func ExampleFromVerifiedJWT() {
	// The payload of a token whose signature, issuer, audience, times and nonce were verified.
	id, err := claims.FromVerifiedJWT([]byte(`{
		"iss": "https://login.microsoftonline.com/11111111-aaaa-4bbb-8ccc-222222222222/v2.0",
		"sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
		"tid": "11111111-aaaa-4bbb-8ccc-222222222222",
		"oid": "33333333-dddd-4eee-8fff-444444444444",
		"acct": 0,
		"email": "ann@contoso.com",
		"hasgroups": true
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Kind, id.ObjectID)
	fmt.Println(id.Email.Address, "evidence:", len(id.Email.Evidence))
	fmt.Println("groups:", id.Groups)
	// Output:
	// member 33333333-dddd-4eee-8fff-444444444444
	// ann@contoso.com evidence: 0
	// groups: overage
}

func ExampleFromVerifiedSAML() {
	const tenant = "11111111-aaaa-4bbb-8ccc-222222222222"
	id, err := claims.FromVerifiedSAML(claims.SAML{
		Issuer:  "https://sts.windows.net/" + tenant + "/",
		Subject: "9nCdRlrN0nuPbcqBZjKFjl4Cq1dHpFQ",
		Tenant:  tenant,
		Attributes: []claims.Attribute{
			{Name: "http://schemas.microsoft.com/identity/claims/tenantid", Values: []string{tenant}},
			{Name: "http://schemas.microsoft.com/identity/claims/objectidentifier", Values: []string{"33333333-dddd-4eee-8fff-444444444444"}},
			{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", Values: []string{"ann@contoso.com"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Username, id.ObjectID)
	// Output: ann@contoso.com 33333333-dddd-4eee-8fff-444444444444
}

func ExampleAccessToken() {
	groups := claims.KnownGroups([]claims.Group{{ID: "99999999-aaaa-4bbb-8ccc-888888888888", Name: "Sales"}})
	extended := map[string]any{"jobTitle": "CFO", "roles": "never copied"}
	got, err := claims.AccessToken(groups, extended, claims.TokenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, _ := json.Marshal(got)
	fmt.Println(string(data))

	// Unknown groups are no claim at all: nobody takes "we could not ask" for "none".
	got, _ = claims.AccessToken(claims.OverageGroups(), nil, claims.TokenOptions{})
	fmt.Println(len(got))
	// Output:
	// {"ext_groups":["99999999-aaaa-4bbb-8ccc-888888888888"],"extra_claims":{"jobTitle":"CFO"}}
	// 0
}

func ExampleIDToken() {
	id := &claims.Identity{ // as FromVerifiedJWT or FromVerifiedSAML returned it
		GivenName: "Ann",
		Email:     claims.Email{Address: "ann@contoso.com"},
		Raw:       map[string]any{"ctry": "NL", "nonce": "never copied"},
	}
	p := claims.Provider{Name: "contoso", ConnectionID: "conn_1"}
	got, err := claims.IDToken(p, id, claims.KnownGroups(nil), claims.TokenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, _ := json.MarshalIndent(got, "", "  ")
	fmt.Println(string(data))
	// Output:
	// {
	//   "ext_provider": {
	//     "claims": {
	//       "connection_id": "conn_1",
	//       "email": "ann@contoso.com",
	//       "given_name": "Ann",
	//       "is_confirmed": false,
	//       "profile": {
	//         "ctry": "NL",
	//         "groups": []
	//       }
	//     },
	//     "connection_id": "conn_1",
	//     "name": "contoso"
	//   }
	// }
}
