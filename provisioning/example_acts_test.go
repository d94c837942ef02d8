package provisioning_test

import (
	"context"
	"fmt"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// A person's account at the provider was made anew: the administrator looks first, and then moves the identity.
func ExampleProvisioner_Rebind() {
	users := memory.NewUsers()
	before := provisioning.Key{ConnectionID: "con_1", Authority: tenant, Subject: oldOID}
	if err := users.Load(&provisioning.User{ID: "u1", Keys: []provisioning.Key{before}}); err != nil {
		panic(err)
	}
	p, err := provisioning.New(provisioning.Config{Users: users, Audit: func(_ context.Context, a provisioning.Audit) {
		fmt.Println("audit:", a.Actor.Name, a.Note, a.Explain())
	}})
	if err != nil {
		panic(err)
	}
	after := provisioning.Key{ConnectionID: "con_1", Authority: tenant, Subject: annOID}
	order := provisioning.Order{By: provisioning.Actor{Environment: true, Name: "kim"}, Note: "(ticket 42)"}
	for _, order.DryRun = range []bool{true, false, false} {
		changed, err := p.Rebind(context.Background(), order, "u1", before, after)
		fmt.Println("dry run:", order.DryRun, "changes:", changed, err)
	}
	// Output:
	// dry run: true changes: true <nil>
	// audit: kim (ticket 42) An administrator moved the user's identity to another account of the provider.
	// dry run: false changes: true <nil>
	// dry run: false changes: false <nil>
}

// Ben has an account with a password. His company gets a connection that trusts no addresses; the administrator says that it is his from his first sign-in on.
func ExampleProvisioner_Assign() {
	users := memory.NewUsers()
	if err := users.Load(&provisioning.User{ID: "u1", Profile: provisioning.Profile{Email: "ben@contoso.com"}}); err != nil {
		panic(err)
	}
	p, err := provisioning.New(provisioning.Config{Users: users})
	if err != nil {
		panic(err)
	}
	order := provisioning.Order{By: provisioning.Actor{Environment: true, Name: "kim"}}
	changed, err := p.Assign(context.Background(), order, provisioning.Assignment{
		UserID: "u1", Wait: provisioning.Pending{ConnectionID: "con_1", TenantID: tenant, ObjectID: oldOID}, // by his object id; or his address
	})
	fmt.Println("changed:", changed, err)
	for u := range users.All() {
		fmt.Println(u.ID, "waits for a first sign-in through", u.Pending[0].ConnectionID)
	}
	// Output:
	// changed: true <nil>
	// u1 waits for a first sign-in through con_1
}

// Somebody was linked to the wrong account: the administrator takes the identity from it.
func ExampleProvisioner_Unlink() {
	users := memory.NewUsers()
	ann := provisioning.Key{ConnectionID: "con_1", Authority: tenant, Subject: annOID}
	if err := users.Load(&provisioning.User{ID: "u1", Keys: []provisioning.Key{ann}}, &provisioning.User{ID: "u2"}); err != nil {
		panic(err)
	}
	p, err := provisioning.New(provisioning.Config{Users: users})
	if err != nil {
		panic(err)
	}
	order := provisioning.Order{By: provisioning.Actor{Environment: true, Name: "kim"}, Note: "ticket 43"}
	for _, user := range []string{"u2", "u1"} {
		changed, err := p.Unlink(context.Background(), order, user, ann)
		fmt.Println(user, "changed:", changed, err)
	}
	// Output:
	// u2 changed: false provisioning: the identity belongs to another user (unlinked): another user holds the identity
	// u1 changed: true <nil>
}

// One person's data, for the person; then it is gone.
func ExampleProvisioner_Export() {
	users := memory.NewUsers()
	if err := users.Load(&provisioning.User{ID: "u1", Profile: provisioning.Profile{Email: "ann@contoso.com"}}); err != nil {
		panic(err)
	}
	p, err := provisioning.New(provisioning.Config{Users: users})
	if err != nil {
		panic(err)
	}
	order := provisioning.Order{By: provisioning.Actor{Environment: true, Name: "kim"}}
	document, err := p.Export(context.Background(), order, "u1")
	fmt.Println(len(document) > 0, err)
	fmt.Println(p.Erase(context.Background(), order, "u1"))
	_, err = p.Export(context.Background(), order, "u1")
	fmt.Println(err)
	// Output:
	// true <nil>
	// <nil>
	// provisioning: not found (exported): there is no such user
}
