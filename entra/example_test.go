package entra_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// exampleHost is a host over stores in memory, at a fake Entra. A real one leaves out Clouds and HTTPClient.
func exampleHost(fake *entratest.Server, onSignIn func(http.ResponseWriter, *http.Request, *entra.SignIn)) (*entra.Service, *memory.Connections) {
	return exampleHostOf(fake, memory.NewUsers(), onSignIn)
}

// exampleHostOf is an exampleHost of these users.
func exampleHostOf(fake *entratest.Server, users *memory.Users, onSignIn func(http.ResponseWriter, *http.Request, *entra.SignIn)) (*entra.Service, *memory.Connections) {
	key := make([]byte, entra.KeySize) // a real host keeps its key
	_, _ = rand.Read(key)
	keys, err := entra.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	connections := memory.NewConnections()
	service, err := entra.New(entra.Config{
		BaseURL:     "http://localhost:8080/sso",
		Connections: connections,
		Protocols:   []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys:        keys,
		Replay:      memory.NewReplay(),
		Users:       users,
		OnSignIn:    onSignIn,
		Clouds:      []cloud.Cloud{fake.Cloud()},
		HTTPClient:  fake.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return service, connections
}

// addContoso is what an admin does. Entra's words in the admin center, and ours: "Application (client) ID" is ClientID, a secret's "Value" is
// ClientSecret, "Primary domain" or "Directory (tenant) ID" is EntraDomain.
func addContoso(fake *entratest.Server, connections *memory.Connections) *entra.Connection {
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{
		Store: connections, Clouds: []cloud.Cloud{fake.Cloud()}, HTTPClient: fake.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	c, findings, err := registrar.Save(context.Background(), entra.Environment("operator"), &entra.Connection{
		Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, Enabled: true, AllApplications: true,
		EntraDomain: "contoso.com", Cloud: fake.Cloud().Name,
		ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
		HomeRealmDomains:   []string{"contoso.com"},
		CreateMissingUsers: true,
		UserGroups:         true,
		UpstreamParams:     map[string]entra.UpstreamParam{"login_hint": {Alias: "login_hint"}},
	})
	if err != nil {
		log.Fatal(err, findings)
	}
	return c
}

// A net/http host mounts the Service, and starts its own session in OnSignIn.
func Example() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	sso, connections := exampleHost(fake, func(w http.ResponseWriter, r *http.Request, in *entra.SignIn) {
		fmt.Println("session for", in.User.Profile.Email, "after", in.Decision.Action)
		http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
	})
	addContoso(fake, connections)
	mux := http.NewServeMux()
	mux.Handle("/sso/", sso)

	// A browser: Ann enters her address, signs in at her company, and comes back.
	form := httptest.NewRequest(http.MethodPost, "/sso/discover", strings.NewReader("address=ann%40contoso.com&return_to=%2Finbox"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	first := httptest.NewRecorder()
	mux.ServeHTTP(first, form)
	back, err := fake.Authenticate(context.Background(), first.Header().Get("Location"), entratest.Ann)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range first.Result().Cookies() {
		back.AddCookie(c)
	}
	last := httptest.NewRecorder()
	mux.ServeHTTP(last, back)
	fmt.Println("on to", last.Header().Get("Location"))
	// Output:
	// session for ann@contoso.com after create
	// on to /inbox
}

// A host with a login page and a router of its own calls the methods behind the handlers.
func ExampleService_Finish() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	sso, connections := exampleHost(fake, nil)
	addContoso(fake, connections)

	begin := func(w http.ResponseWriter, r *http.Request) {
		d, err := sso.BeginByAddress(r.Context(), r.FormValue("address"), entra.BeginOptions{ReturnTo: "/inbox"})
		if err != nil {
			showJSON(w, err)
			return
		}
		d.SetCookies(w, r)
		_ = json.NewEncoder(w).Encode(map[string]string{"go_to": d.URL}) // the page's script goes there
	}
	callback := func(w http.ResponseWriter, r *http.Request) {
		a, err := entra.ReadArrival(r)
		if err != nil {
			showJSON(w, err)
			return
		}
		sso.ClearCookies(w, a)
		in, err := sso.Finish(r.Context(), a)
		if err != nil {
			showJSON(w, err)
			return
		}
		own, err := in.AccessTokenClaims(claims.TokenOptions{})
		if err != nil {
			showJSON(w, err)
			return
		}
		fmt.Println(in.Identity.Name, "has", len(own["ext_groups"].([]string)), "groups")
	}

	w := httptest.NewRecorder()
	begin(w, httptest.NewRequest(http.MethodGet, "/api/login?address=ann%40contoso.com", nil))
	var answer struct {
		GoTo string `json:"go_to"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		log.Fatal(err)
	}
	back, err := fake.Authenticate(context.Background(), answer.GoTo, entratest.Ann)
	if err != nil {
		log.Fatal(err)
	}
	back.AddCookie(w.Result().Cookies()[0])
	callback(httptest.NewRecorder(), back)
	// Output: Ann Archer has 3 groups
}

// showJSON tells a person what to do, and a program what kind of trouble it is.
func showJSON(w http.ResponseWriter, err error) {
	var e *entra.Error
	if !errors.As(err, &e) {
		e = entra.NewError(entra.KindInternal, err)
	}
	w.WriteHeader(e.Status())
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": e.Kind.String(), "text": e.Public, "attempt": e.Attempt, "retry": e.Retry})
}

// A test sign-in goes the whole way before a connection is switched on, and changes nothing.
func ExampleService_BeginTest() {
	fake, err := entratest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	sso, connections := exampleHost(fake, nil)
	c := addContoso(fake, connections)

	d, err := sso.BeginTest(context.Background(), c.ID, entra.BeginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	back, err := fake.Authenticate(context.Background(), d.URL, entratest.Ann)
	if err != nil {
		log.Fatal(err)
	}
	back.AddCookie(d.Cookie)
	a, err := entra.ReadArrival(back)
	if err != nil {
		log.Fatal(err)
	}
	_, err = sso.Finish(context.Background(), a)
	var report *entra.TestReport
	if errors.As(err, &report) {
		fmt.Println("would", report.Decision.Action, "because", report.Decision.Reason)
	}
	// Output: would create because new_person
}
