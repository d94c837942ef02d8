package oauth2_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
)

// A person signs in. The fake Entra stands in for the real one; with that, Cloud and HTTPClient are left out.
func ExampleClient() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	if err := fake.AddRedirectURI(entratest.ContosoApp, "https://auth.example.com/callback"); err != nil {
		panic(err)
	}

	client, err := entraoauth2.New(entraoauth2.Config{
		Cloud:       fake.Cloud(),
		Tenant:      entratest.ContosoID,
		ClientID:    entratest.ContosoApp,
		Credential:  credential.FromSecret(credential.NewSecret(entratest.ContosoSecret)),
		RedirectURL: "https://auth.example.com/callback",
		HTTPClient:  fake.Client(),
	})
	if err != nil {
		panic(err)
	}

	// Begin: keep pending in the browser's session, send the browser to address.
	state := rand.Text() + rand.Text()
	address, pending, err := client.SignIn(ctx, entraoauth2.SignInRequest{State: state, Params: url.Values{"login_hint": {entratest.Ann}}})
	if err != nil {
		panic(err)
	}

	// What the browser brings back to the callback.
	back, err := fake.Authenticate(ctx, address, entratest.Ann)
	if err != nil {
		panic(err)
	}

	// Finish.
	id, _, err := client.Redeem(ctx, pending, back.URL.Query())
	if err != nil {
		panic(err)
	}
	fmt.Println(id.Name, id.TenantID, id.ObjectID)
	// Output: Ann Archer c0a70500-0000-4000-8000-000000000001 c0a70500-0000-4000-8000-000000000101
}

// People of many tenants sign in at one address: whose, has to be said.
func ExampleNew() {
	config := entraoauth2.Config{
		Tenant:      "organizations",
		ClientID:    "c0a70500-0000-4000-8000-0000000000a5",
		Credential:  credential.FromSecret(credential.NewSecret("the value of the secret, not its id")),
		RedirectURL: "https://auth.example.com/callback",
	}
	_, err := entraoauth2.New(config)
	fmt.Println(err)

	config.AllowedTenants = []string{"fab71ca0-0000-4000-8000-000000000002"}
	_, err = entraoauth2.New(config)
	fmt.Println(err)
	// Output:
	// oauth2: invalid: people of every tenant could sign in: name the allowed tenants, or say AnyTenant
	// <nil>
}

// An answer that is refused says which check it failed.
func ExampleVerificationError() {
	client, err := entraoauth2.New(entraoauth2.Config{
		Tenant: "contoso.com", ClientID: "c0a70500-0000-4000-8000-0000000000a1",
		Credential: credential.FromSecret(credential.NewSecret("secret")), RedirectURL: "https://auth.example.com/callback",
	})
	if err != nil {
		panic(err)
	}
	unsigned := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."
	_, err = client.Verify(context.Background(), unsigned, "the nonce of the sign-in")
	var refused *entraoauth2.VerificationError
	if errors.As(err, &refused) {
		fmt.Println(refused.Check)
	}
	fmt.Println(err)
	// Output:
	// algorithm
	// oauth2: answer refused (algorithm): the signature algorithm is not accepted
}

// One Metadata for all clients: a thousand connections on one authority share one key set.
func ExampleMetadata() {
	var shared entraoauth2.Metadata
	for _, clientID := range []string{"c0a70500-0000-4000-8000-0000000000a1", "c0a70500-0000-4000-8000-0000000000a2"} {
		_, err := entraoauth2.New(entraoauth2.Config{
			Tenant: "contoso.com", ClientID: clientID, Metadata: &shared,
			Credential: credential.FromSecret(credential.NewSecret("secret")), RedirectURL: "https://auth.example.com/callback",
		})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}
