package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func ExampleReplay() {
	replay := memory.NewReplay()
	id := strings.Repeat("0a", 32) // a hash of what may be used once
	for range 2 {
		first, err := replay.Remember(context.Background(), id, time.Now().Add(time.Hour))
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleFlows() {
	ctx, flows := context.Background(), memory.NewFlows()
	if err := flows.Put(ctx, "a random id", []byte("sealed"), time.Now().Add(time.Minute)); err != nil {
		panic(err)
	}
	sealed, err := flows.Take(ctx, "a random id")
	fmt.Println(string(sealed), err)
	_, err = flows.Take(ctx, "a random id")
	fmt.Println(errors.Is(err, entra.ErrNotFound))
	// Output:
	// sealed <nil>
	// true
}

func ExampleConnections() {
	ctx, connections := context.Background(), memory.NewConnections()
	_, err := connections.Put(ctx, &entra.Connection{
		ID: "con_1", Name: "contoso", Strategy: entra.OAuth2, HomeRealmDomains: []string{"@Contoso.com"},
		DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven}},
	})
	if err != nil {
		panic(err)
	}
	id, found, err := connections.HomeRealm(ctx, "contoso.com")
	fmt.Println(id, found, err)
	// Output: con_1 true <nil>
}

func ExampleUsers() {
	ctx, users := context.Background(), memory.NewUsers()
	_, err := users.Create(ctx, provisioning.Change{Profile: &provisioning.Profile{Email: "Ann@Contoso.com", GivenName: "Ann"}})
	if err != nil {
		panic(err)
	}
	found, err := users.UsersByEmail(ctx, provisioning.Fold("ann@contoso.COM"))
	fmt.Println(len(found), err)
	for u := range users.All() {
		fmt.Println(u.Profile.GivenName)
	}
	// Output:
	// 1 <nil>
	// Ann
}
