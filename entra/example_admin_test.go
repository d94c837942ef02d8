package entra_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// What an administrator is told before there is an app registration.
func ExampleSetupGuide() {
	public, _ := cloud.ByName("")
	guide := entra.SetupGuide(&entra.Connection{
		Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com", UserGroups: true,
	}, public, "https://auth.example.com/sso/callback/oauth2")
	fmt.Println(guide.Title)
	for _, step := range guide.Steps {
		fmt.Println("*", step.Title)
		for _, v := range step.Values {
			fmt.Printf("    %s: %s\n", v.Label, v.Value)
		}
	}
	// guide.ManifestJSON() is the same to paste, and guide.ServeHTTP a page.

	// Output:
	// Set up Contoso in Microsoft Entra ID
	// * Register an application
	//     Supported account types: Accounts in this organizational directory only (single tenant)
	// * Authentication
	//     Redirect URI (platform Web): https://auth.example.com/sso/callback/oauth2
	//     Front-channel logout URL: https://auth.example.com/sso/signout/oauth2
	// * Certificates & secrets
	// * Token configuration
	//     Optional claims (ID): email, xms_edov, login_hint, sid, acct, auth_time, verified_primary_email, given_name, family_name
	//     Groups claim: security groups
	// * API permissions
	//     Microsoft Graph, Delegated: openid
	//     Microsoft Graph, Delegated: profile
	//     Microsoft Graph, Delegated: email
	//     Microsoft Graph, Delegated: User.Read
	// * Back in the connection
	//     Domain or tenant: contoso.com
}

// An administrator tests a connection before anybody signs in through it.
func ExampleService_Diagnose() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, nil)
	c := addContoso(fake, connections)

	c.ClientSecret = secret("the-id-was-pasted-or-it-is-another-app's")
	for _, f := range service.Diagnose(context.Background(), c) {
		if f.Severity == entra.SeverityError {
			fmt.Println(f.Field, "|", f.Mender, "|", f.Fix)
		}
	}

	// Output:
	// client_secret | app_owner | Enter the secret's Value, not its Secret ID.
}

// A customer proves that a domain is theirs by a record in DNS.
func ExampleDNSAuthority() {
	records := map[string][]string{}
	authority := &entra.DNSAuthority{
		Secret: bytes.Repeat([]byte{1}, 32), // a real host keeps 32 random bytes
		Lookup: func(_ context.Context, name string) ([]string, error) { return records[name], nil },
	}
	challenge, err := authority.Challenge("@Contoso.com", "org_contoso")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("publish a TXT record at", challenge.Name)
	records[challenge.Name+"."] = []string{challenge.Value}

	for _, organization := range []string{"org_contoso", "org_mallory"} {
		proven, err := authority.Proven(context.Background(), "contoso.com", entra.Administrator(organization, "admin"))
		fmt.Println(organization, proven, err)
	}

	// Output:
	// publish a TXT record at _tenantdoor-challenge.contoso.com
	// org_contoso true <nil>
	// org_mallory false <nil>
}

// What a login page shows: the connections of its application and organization, and the button for everybody else.
func ExampleService_Buttons() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	service, connections := exampleHost(fake, nil)
	c := addContoso(fake, connections)
	show := func() {
		buttons, err := service.Buttons(context.Background(), "", "")
		if err != nil {
			log.Fatal(err)
		}
		for _, b := range append(buttons, service.UniversalButton()) {
			fmt.Println(b.Label) // and b.Href is where it leads
		}
	}
	show() // Contoso's people are led by their address, so there is no button of theirs

	c.AlwaysShowButton = true
	if _, err := connections.Put(context.Background(), c); err != nil {
		log.Fatal(err)
	}
	show()

	// Output:
	// Sign in with SSO
	// Contoso
	// Sign in with SSO
}
