package wsfed_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// onlyOnce is a replay store for one process. Several machines share one, in a database.
type onlyOnce map[string]bool

func (s onlyOnce) Remember(_ context.Context, id string, _ time.Time) (bool, error) {
	first := !s[id]
	s[id] = true
	return first, nil
}

func Example() {
	party, err := wsfed.New(wsfed.Config{
		Tenant: "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11",
		Realm:  "spn:7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
		Reply:  "https://auth.example.com/sso/wsfed",
		Replay: onlyOnce{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.HandleFunc("POST /sso/wsfed", func(w http.ResponseWriter, r *http.Request) {
		wctx, begun := "", time.Time{} // what SignIn sent for this browser, and when, from a cookie that only this browser has
		identity, err := party.VerifyRequest(r, wctx, wsfed.IssuedSince(begun))
		if err != nil {
			http.Error(w, "The sign-in was refused.", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "Hello, %s", html.EscapeString(identity.Name))
	})
	// Output:
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
