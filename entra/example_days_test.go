package entra_test

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// A job looks once a day, and writes to whoever can mend what it finds.
func ExampleService_Expiring() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, nil)
	contoso := addContoso(fake, connections)
	contoso.ClientSecretExpires = time.Now().Add(10 * 24 * time.Hour) // as Entra said when it made the secret
	if _, err := connections.Put(ctx, contoso); err != nil {
		log.Fatal(err)
	}

	for f, err := range service.Expiring(ctx, 30*24*time.Hour) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Severity, "for the", f.Mender, "in", f.Field)
		fmt.Println(f.Fix) // f.Problem names the day
	}
	// Output:
	// warning for the app_owner in client_secret
	// create another secret in the app registration and enter it as the next one, then let it take the first one's place
}

// Whoever signs out everywhere is signed out here first, and then sent to their company's sign-in, which sends them back.
func ExampleService_SignOut() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, nil)
	contoso := addContoso(fake, connections)

	// The host has ended its own session, which held the connection's id and the identity's login hint.
	to, err := service.SignOut(context.Background(), contoso.ID, entra.SignOutOptions{LoginHint: "kept-from-the-sign-in", ReturnTo: "http://localhost:8080/signed-out"})
	if err != nil {
		log.Fatal(err)
	}
	at, err := url.Parse(to) // where http.Redirect leads
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("on to", at.Path)
	fmt.Println("and back to", at.Query().Get("post_logout_redirect_uri"))
	// Output:
	// on to /c0a70500-0000-4000-8000-000000000001/oauth2/v2.0/logout
	// and back to http://localhost:8080/signed-out
}

// Every night the host asks after everybody's account at Entra, and ends the sessions of those who are no more.
func ExampleService_Sweep() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	users := memory.NewUsers() // or your own tables: provisioning.UserStore, and UserLister
	service, connections := exampleHostOf(fake, users, nil)
	contoso := addContoso(fake, connections)
	for id, object := range map[string]string{"u1": entratest.AnnID, "u2": entratest.BenID} {
		if err := users.Load(&provisioning.User{ID: id, Keys: []provisioning.Key{{ConnectionID: contoso.ID, Authority: entratest.ContosoID, Subject: object}}}); err != nil {
			log.Fatal(err)
		}
	}
	if err := fake.SetDisabled(entratest.ContosoID, entratest.Ben, true); err != nil {
		log.Fatal(err)
	}

	for one, err := range service.Sweep(ctx, entra.SweepOptions{ConnectionID: contoso.ID}) {
		if err != nil {
			log.Fatal(err) // go on later, with After
		}
		switch one.State {
		case entra.AccountDisabled, entra.AccountDeleted, entra.AccountUnassigned:
			fmt.Println("end the sessions of", one.User.ID, "who is", one.State)
		default: // active; or unknown, and one.Err says why
			fmt.Println("leave", one.User.ID, "who is", one.State)
		}
	}
	// Output:
	// leave u1 who is active
	// end the sessions of u2 who is disabled
}
