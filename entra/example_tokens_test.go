package entra_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// comeBack is what the handlers do, and the browser: to Entra, and back to Finish.
func comeBack(fake *entratest.Server, service *entra.Service, d *entra.Departure, who string) (*entra.SignIn, error) {
	r, err := fake.Authenticate(context.Background(), d.URL, who)
	if err != nil {
		log.Fatal(err)
	}
	r.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(r)
	if err != nil {
		log.Fatal(err)
	}
	return service.Finish(context.Background(), a)
}

// Ada, who administers Contoso's tenant, grants what the application asks for, for everybody; then she signs in. The handlers take the second step by themselves.
func ExampleConsentReport() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, func(http.ResponseWriter, *http.Request, *entra.SignIn) {})
	contoso := addContoso(fake, connections)

	d, err := service.Begin(ctx, contoso.ID, entra.BeginOptions{AdminConsent: true, ReturnTo: "/admin"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = comeBack(fake, service, d, entratest.Ada)
	var e *entra.Error
	var report *entra.ConsentReport
	if errors.As(err, &e) && errors.As(err, &report) {
		fmt.Println(e.Kind, "by somebody who says to be of", report.Consent.Tenant)
	}

	if d, err = service.Begin(ctx, e.ConnectionID, *e.Again); err != nil {
		log.Fatal(err)
	}
	in, err := comeBack(fake, service, d, entratest.Ada)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(in.Identity.Name, "of", in.Identity.TenantID, "goes on to", in.ReturnTo)
	// Output:
	// consented by somebody who says to be of c0a70500-0000-4000-8000-000000000001
	// Ada Admin of c0a70500-0000-4000-8000-000000000001 goes on to /admin
}

// Once an hour the host asks whether Entra still lets Ann in, and which groups she is in now. The scope offline_access is asked for by the connection.
func ExampleService_Refresh() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, func(http.ResponseWriter, *http.Request, *entra.SignIn) {})
	contoso := addContoso(fake, connections).Clone()
	contoso.Scopes = []string{"offline_access"}
	if _, err := connections.Put(ctx, contoso); err != nil {
		log.Fatal(err)
	}
	d, err := service.Begin(ctx, contoso.ID, entra.BeginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	in, err := comeBack(fake, service, d, entratest.Ann)
	if err != nil {
		log.Fatal(err)
	}

	now, err := service.Refresh(ctx, contoso.ID, in.Tokens.Refresh, in.Identity)
	if err != nil {
		log.Fatal(err)
	}
	groups, known := now.Groups()
	fmt.Println(now.Identity.Name, "is in", len(groups), "groups:", known)

	fake.RevokeTokens(entratest.ContosoID, entratest.Ann) // an administrator ended all of her sessions
	_, err = service.Refresh(ctx, contoso.ID, now.Tokens.Refresh, now.Identity)
	var e *entra.Error
	if errors.As(err, &e) {
		fmt.Println(e.Kind, e.Mender, e.Retry)
	}
	// Output:
	// Ann Archer is in 3 groups: true
	// provider user true
}
