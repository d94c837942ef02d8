package entra_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// customersConnection is what a customer's administrator fills in for their own organization.
func customersConnection() *entra.Connection {
	return &entra.Connection{
		Name: "contoso", Strategy: entra.OAuth2, OrganizationID: "org_contoso", Enabled: true,
		EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: secret(entratest.ContosoSecret),
		HomeRealmDomains: []string{"contoso.com"},
	}
}

// publicCloud has the fake stand in for Microsoft's, which a connection need not name. A real host leaves out Clouds and HTTPClient.
func publicCloud(fake *entratest.Server) []cloud.Cloud {
	c := fake.Cloud()
	c.Name = ""
	return []cloud.Cloud{c}
}

// A domain that a customer's administrator lists leads nobody anywhere until somebody vouches for it: here the operator, who has looked into the contract.
func ExampleRegistrar_ProveDomain() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: memory.NewConnections(), Clouds: publicCloud(fake), HTTPClient: fake.Client()})
	if err != nil {
		log.Fatal(err)
	}
	customer, operator := entra.Administrator("org_contoso", "ann"), entra.Environment("kim")

	c, findings, err := registrar.Save(ctx, customer, customersConnection())
	if err != nil {
		log.Fatal(err, findings)
	}
	fmt.Println(c.DomainProofs[0].Domain, "is", c.DomainProofs[0].State)
	_, err = registrar.ProveDomain(ctx, customer, c.ID, "contoso.com")
	fmt.Println("by the customer:", err)
	c, err = registrar.ProveDomain(ctx, operator, c.ID, "contoso.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.DomainProofs[0].Domain, "is", c.DomainProofs[0].State, "by the", c.DomainProofs[0].By)
	// Output:
	// contoso.com is pending
	// by the customer: entra: not allowed: home_realm_domains: is proven by the operator's word only; publish its record in DNS, sign in as an administrator of its tenant, or ask the operator
	// contoso.com is proven by the environment
}

// The customer helps themself: they publish the record that the page shows, then press its button.
func ExampleRegistrar_ProveByAuthority() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	dns := map[string][]string{} // a real host leaves Lookup out
	authority := &entra.DNSAuthority{
		Secret: bytes.Repeat([]byte{1}, 32), // a real host keeps 32 random bytes
		Lookup: func(_ context.Context, name string) ([]string, error) { return dns[name], nil },
	}
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{
		Store: memory.NewConnections(), Domains: authority, Clouds: publicCloud(fake), HTTPClient: fake.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	customer := entra.Administrator("org_contoso", "ann")
	c, findings, err := registrar.Save(ctx, customer, customersConnection())
	if err != nil {
		log.Fatal(err, findings)
	}

	record, err := authority.Challenge("contoso.com", c.OrganizationID)
	if err != nil {
		log.Fatal(err)
	}
	for _, published := range []bool{false, true} {
		if published {
			dns[record.Name+"."] = []string{record.Value}
		}
		after, err := registrar.ProveByAuthority(ctx, customer, c.ID)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("published:", published, "routes:", after.ProvenDomains())
	}
	// Output:
	// published: false routes: []
	// published: true routes: [contoso.com]
}

// A connection that people sign in through is deleted only by whoever has seen how many they are.
func ExampleRegistrar_Delete() {
	ctx := context.Background()
	connections, users := memory.NewConnections(), memory.NewUsers()
	if _, err := connections.Put(ctx, &entra.Connection{ID: "conn_contoso", Name: "contoso"}); err != nil {
		log.Fatal(err)
	}
	ann := provisioning.Key{ConnectionID: "conn_contoso", Authority: entratest.ContosoID, Subject: entratest.AnnID}
	if err := users.Load(&provisioning.User{ID: "u1", Keys: []provisioning.Key{ann}}); err != nil {
		log.Fatal(err)
	}
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: connections, Users: users})
	if err != nil {
		log.Fatal(err)
	}
	operator := entra.Environment("kim")

	err = registrar.Delete(ctx, operator, "conn_contoso", "")
	var used *entra.InUseError
	if errors.As(err, &used) {
		fmt.Println("ask once more, as", used.Users, "user depends on it")
		err = registrar.DeleteInUse(ctx, operator, "conn_contoso", "")
	}
	fmt.Println("deleted:", err == nil)
	// Output:
	// ask once more, as 1 user depends on it
	// deleted: true
}
