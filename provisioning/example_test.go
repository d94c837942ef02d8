package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// identity stands for what a protocol verified.
func identity() *claims.Identity {
	return &claims.Identity{
		TenantID: "11111111-1111-4111-8111-111111111111", ObjectID: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
		Kind: claims.KindMember, GivenName: "Ann", Email: claims.Email{Address: "ann@contoso.com"},
	}
}

func ExampleProvisioner_Provision() {
	p, err := provisioning.New(provisioning.Config{
		Users: memory.NewUsers(), // the host's own store
		Audit: func(_ context.Context, a provisioning.Audit) {
			fmt.Println("audit:", a.Decision.Action, a.Decision.Reason)
		},
	})
	if err != nil {
		panic(err)
	}
	policy := provisioning.Policy{ConnectionID: "con_1", SingleTenant: true, ProvenDomains: []string{"contoso.com"}, CreateMissing: true}
	for range 2 {
		user, d, err := p.Provision(context.Background(), policy, identity())
		if err != nil {
			panic(err)
		}
		fmt.Println(user.Profile.GivenName, d.Action, d.Evidence)
	}
	// Output:
	// audit: create new_person
	// Ann create [proven_domain]
	// audit: sign_in key_known
	// Ann sign_in [proven_domain]
}

// A refusal says what to do, names nobody, and carries the decision.
func ExampleRefused() {
	p, err := provisioning.New(provisioning.Config{Users: memory.NewUsers()})
	if err != nil {
		panic(err)
	}
	_, _, err = p.Provision(context.Background(), provisioning.Policy{ConnectionID: "con_1"}, identity())
	var refused *provisioning.Refused
	if errors.As(err, &refused) {
		fmt.Println(refused.Decision.Reason)
	}
	fmt.Println(err)
	// Output:
	// no_account
	// provisioning: refused (no_account): there is no account for this person, and the connection does not create any: ask an admin
}

// Decide needs no store: a support tool can ask what would happen, and why.
func ExampleDecide() {
	account := &provisioning.User{ID: "u1", Profile: provisioning.Profile{Email: "Ann@contoso.com", EmailVerified: true}}
	policy := provisioning.Policy{ConnectionID: "con_1", SingleTenant: true, TrustEmails: true, Now: time.Now()}

	d := provisioning.Decide(policy, identity(), nil, []*provisioning.User{account})
	fmt.Println(d.Action, d.UserID, d.Reason)

	policy.ProvenDomains = []string{"contoso.com"}
	d = provisioning.Decide(policy, identity(), nil, []*provisioning.User{account})
	fmt.Println(d.Action, d.UserID, d.Reason)
	// Output:
	// verify u1 evidence_missing
	// link u1 trusted_address
}

func ExampleFold() {
	fmt.Println(provisioning.Fold("Ann.Lee@Bücher.Example"))
	// Output: ann.lee@xn--bcher-kva.example
}

func ExampleKey_Hash() {
	k, err := provisioning.KeyOf("con_1", identity())
	if err != nil {
		panic(err)
	}
	fmt.Println(len(k.Hash()))
	// Output: 64
}
