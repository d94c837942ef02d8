package provisioning_test

import (
	"fmt"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Groups give roles of the host's. A name counts only where an administrator of the directory chose it.
func ExampleGrants() {
	rules := []provisioning.Rule{
		{ID: "c0a70500-0000-4000-8000-000000000201", Gives: "admin"},
		{Pattern: "App *", Gives: "member"},
	}
	for _, r := range rules {
		if err := r.Check(); err != nil {
			panic(err) // a rule that Check refuses would give nothing
		}
	}
	grants := provisioning.Grants(rules, []claims.Group{
		{ID: "c0a70500-0000-4000-8000-000000000201"},
		{Name: "App Readers", Origin: claims.OriginAssigned},
		{Name: "App Owners"}, // anybody's own group
	})
	for _, g := range grants {
		fmt.Println(g)
	}
	fmt.Println(provisioning.Roles(grants))
	// Output:
	// admin: member of "c0a70500-0000-4000-8000-000000000201", matched by its id
	// member: member of "App Readers", matched by its name (assigned)
	// [admin member]
}
