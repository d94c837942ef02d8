package entra_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Between sign-ins the host asks whether Ann's account still stands; she is disabled at Entra meanwhile.
func ExampleService_Recheck() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, func(http.ResponseWriter, *http.Request, *entra.SignIn) {})
	contoso := addContoso(fake, connections)
	ann := provisioning.Key{ConnectionID: contoso.ID, Authority: entratest.ContosoID, Subject: entratest.AnnID} // a host finds it in User.Keys

	for _, disabled := range []bool{false, true} {
		if err := fake.SetDisabled(entratest.ContosoID, entratest.Ann, disabled); err != nil {
			log.Fatal(err)
		}
		answer, err := service.Recheck(ctx, ann, entra.RecheckOptions{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer.State, "says", answer.By)
	}
	// Output:
	// active says graph
	// disabled says graph
}
