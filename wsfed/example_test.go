package wsfed_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// onlyOnce is a replay store for one process. Several machines share one, in a database.
type onlyOnce map[string]bool

func (s onlyOnce) Remember(_ context.Context, id string, _ time.Time) (bool, error) {
	first := !s[id]
	s[id] = true
	return first, nil
}

// A person signs in. The fake Entra stands in for the real one; with that, Cloud and HTTPClient are left out.
func Example() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	if err := fake.AddRedirectURI(entratest.ContosoApp, "https://auth.example.com/sso/wsfed"); err != nil {
		panic(err)
	}

	party, err := wsfed.New(wsfed.Config{
		Cloud:      fake.Cloud(),
		Tenant:     entratest.ContosoID,
		Realm:      "spn:" + entratest.ContosoApp,
		Reply:      "https://auth.example.com/sso/wsfed",
		Replay:     onlyOnce{},
		HTTPClient: fake.Client(),
	})
	if err != nil {
		panic(err)
	}

	// Begin: keep pending in the browser's session, send the browser to address.
	address, pending, err := party.SignIn(ctx, wsfed.SignInRequest{Context: rand.Text()})
	if err != nil {
		panic(err)
	}

	// What the browser posts to the reply address.
	r, err := fake.Authenticate(ctx, address, entratest.Ann)
	if err != nil {
		panic(err)
	}

	// Finish: take pending out of the session of this browser.
	id, err := party.VerifyRequest(r, pending)
	if err != nil {
		panic(err)
	}
	fmt.Println(id.Name, id.TenantID, id.ObjectID)
	// Output: Ann Archer c0a70500-0000-4000-8000-000000000001 c0a70500-0000-4000-8000-000000000101
}

// An answer that is refused says which check it failed.
func ExampleVerificationError() {
	party, err := wsfed.New(wsfed.Config{
		Tenant: "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11",
		Realm:  "spn:7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
		Reply:  "https://auth.example.com/sso/wsfed",
		Replay: onlyOnce{},
	})
	if err != nil {
		panic(err)
	}
	pending := &wsfed.Pending{Context: "of this browser", Begun: time.Now()} // as SignIn returned it
	form := url.Values{"wa": {"wsignin1.0"}, "wresult": {"…"}, "wctx": {"of another browser"}}
	_, err = party.VerifyForm(context.Background(), form, pending)
	var refused *wsfed.VerificationError
	if errors.As(err, &refused) {
		fmt.Println(refused.Check)
	}
	fmt.Println(err)
	// Output:
	// message
	// wsfed: token refused (message): wctx is not that of this sign-in
}

func ExampleNew() {
	_, err := wsfed.New(wsfed.Config{Realm: "spn:app", Reply: "https://auth.example.com/sso/wsfed", Replay: onlyOnce{}})
	fmt.Println(err)
	// Output:
	// wsfed: invalid: no tenant is named: set Tenant, AllowedTenants or AnyTenant, or SubjectClaim for AD FS
}

// What to hand to a customer's administrator, before anything else of the connection is known.
func ExampleProtocol_MetadataDocument() {
	connection := &entra.Connection{Strategy: entra.WSFed, Realm: "https://app.example.com/"}
	document, err := wsfed.Protocol{}.MetadataDocument(context.Background(), connection, "https://auth.example.com/sso/callback/wsfed")
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(document)) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "<fed:"); ok {
			fmt.Println(strings.TrimSuffix(address, ">"))
		}
	}
	// Output:
	// TargetScopes
	// ApplicationServiceEndpoint
	// PassiveRequestorEndpoint
}

func ExampleParseMessage() {
	_, err := wsfed.ParseMessage(http.MethodGet, url.Values{"wa": {"wsignin1.0"}, "wresult": {"…"}}, nil)
	var refused *wsfed.VerificationError
	fmt.Println(errors.As(err, &refused), refused.Check)

	message, err := wsfed.ParseMessage(http.MethodGet, url.Values{"wa": {"wsignoutcleanup1.0"}}, nil)
	fmt.Println(message.Action, err)
	// Output:
	// true message
	// wsignoutcleanup1.0 <nil>
}
