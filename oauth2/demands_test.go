package oauth2_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const stepUp = `{"id_token":{"acrs":{"essential":true,"value":"c1"}}}`

// TestStepUp: what the claims request asked of the ID token has to be in the verified token.
func TestStepUp(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	ask := func(acrs string) string { return `{"id_token":{"acrs":` + acrs + `}}` }
	for name, tt := range map[string]struct {
		request string
		token   map[string]any
		met     bool
	}{
		"the context is there":           {stepUp, map[string]any{"acrs": []string{"c1"}}, true},
		"among others":                   {stepUp, map[string]any{"acrs": []string{"p1", "c1"}}, true},
		"as a single value":              {stepUp, map[string]any{"acrs": "c1"}, true},
		"absent":                         {stepUp, nil, false},
		"null":                           {stepUp, map[string]any{"acrs": []any{nil}}, false},
		"an empty list":                  {stepUp, map[string]any{"acrs": []string{}}, false},
		"another context":                {stepUp, map[string]any{"acrs": []string{"c2"}}, false},
		"a part of it":                   {stepUp, map[string]any{"acrs": []string{"c11"}}, false},
		"in another case":                {stepUp, map[string]any{"acrs": []string{"C1"}}, false},
		"nested":                         {stepUp, map[string]any{"acrs": []any{[]string{"c1"}}}, false},
		"an object":                      {stepUp, map[string]any{"acrs": map[string]any{"c1": true}}, false},
		"not essential, but named":       {ask(`{"value":"c1"}`), nil, false},
		"all of several":                 {ask(`{"values":["c1","c2"]}`), map[string]any{"acrs": []string{"c2", "c1"}}, true},
		"one of several":                 {ask(`{"values":["c1","c2"]}`), map[string]any{"acrs": []string{"c1"}}, false},
		"essential, whichever":           {ask(`{"essential":true}`), map[string]any{"acrs": []string{"c9"}}, true},
		"essential, whichever, absent":   {ask(`{"essential":true}`), nil, false},
		"essential, whichever, none":     {ask(`{"essential":true}`), map[string]any{"acrs": []string{}}, false},
		"as it comes":                    {ask(`null`), nil, true},
		"as it comes, in words":          {ask(`{"essential":false}`), nil, true},
		"a single claim, one of several": {`{"id_token":{"acr":{"values":["1","2"]}}}`, map[string]any{"acr": "2"}, true},
		"a single claim, none of them":   {`{"id_token":{"acr":{"values":["1","2"]}}}`, map[string]any{"acr": "0"}, false},
		"a number":                       {`{"id_token":{"extn.level":{"value":3}}}`, map[string]any{"extn.level": 3}, true},
		"a number for a string":          {`{"id_token":{"extn.level":{"value":3}}}`, map[string]any{"extn.level": "3"}, false},
		"a boolean":                      {`{"id_token":{"extn.ok":{"value":true}}}`, map[string]any{"extn.ok": true}, true},
		"an essential object":            {`{"id_token":{"extn.o":{"essential":true}}}`, map[string]any{"extn.o": map[string]any{}}, true},
		"of the access token":            {`{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := begin(t, c, oauth2.SignInRequest{Claims: tt.request})
			f.answers(p, tt.token)
			id, _, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
			if tt.met {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, oauth2.CheckDemand, "")
			require.Nil(t, id)
		})
	}
}

// TestClaimsRequestsThatAreRefused: what could not be checked is not sent.
func TestClaimsRequestsThatAreRefused(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	for _, request := range []string{
		`x`, `[]`, `{"id_token":[]}`, `{"id_token":1}`, `{"id_token":{"acrs":"c1"}}`, `{"id_token":{"acrs":{"value":{}}}}`, `{"id_token":{"acrs":{"value":["c1"]}}}`,
		`{"id_token":{"acrs":{"values":"c1"}}}`, `{"id_token":{"acrs":{"values":[null]}}}`, `{"id_token":{"acrs":{"essential":"yes"}}}`, `{"Access_Token":{}}`,
		`{"access_token":1}`, `{"id_token":{"acrs":{"value":"c1"},"ACRS":null}}`,
	} {
		_, _, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState, Claims: request})
		require.ErrorIs(t, err, oauth2.ErrInvalid, request)
	}
}

// TestCapability: cp1 goes along, to the authorization endpoint and to the token endpoint, where it was configured or a challenge is answered.
func TestCapability(t *testing.T) {
	const cp1 = `{"access_token":{"xms_cc":{"values":["cp1"]}}}`
	f := newFake(t)
	capable := func(c *oauth2.Config) { c.HandlesChallenges = true }
	for name, tt := range map[string]struct {
		change        func(*oauth2.Config)
		request, want string
	}{
		"nothing":                {func(*oauth2.Config) {}, "", ""},
		"configured":             {capable, "", cp1},
		"an empty request":       {capable, `{"access_token":null}`, cp1},
		"a step-up":              {func(*oauth2.Config) {}, stepUp, stepUp},
		"a step-up, configured":  {capable, stepUp, `{"access_token":{"xms_cc":{"values":["cp1"]}},"id_token":{"acrs":{"essential":true,"value":"c1"}}}`},
		"a challenge":            {func(*oauth2.Config) {}, `{"access_token":{"nbf":{"value":"1"}}}`, `{"access_token":{"nbf":{"value":"1"},"xms_cc":{"values":["cp1"]}}}`},
		"declared by the caller": {capable, `{"access_token":{"xms_cc":{"values":["cp1","cp2"]}}}`, `{"access_token":{"xms_cc":{"values":["cp1","cp2"]}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.client(t, tt.change)
			query, p := begin(t, c, oauth2.SignInRequest{Claims: tt.request})
			f.answers(p, map[string]any{"acrs": []string{"c1"}})
			f.forms = nil
			_, _, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
			require.NoError(t, err)
			for _, sent := range []url.Values{query, f.forms[0]} {
				if tt.want == "" {
					require.NotContains(t, sent, "claims")
					continue
				}
				require.JSONEq(t, tt.want, sent.Get("claims"))
			}
		})
	}
}

// TestDriverKeepsItsDemands: the claims request lies with entra, but another one than that of the beginning is not what the token is held to.
func TestDriverKeepsItsDemands(t *testing.T) {
	f := newFake(t)
	d := f.driver(t)
	for _, claims := range []string{"", `{}`, `{"id_token":{"acrs":{"essential":true,"value":"c2"}}}`} {
		q := f.arrive(t, d, f.target(), entra.BeginOptions{Claims: stepUp}, map[string]any{"acrs": []string{"c2"}})
		q.Options.Claims = claims
		id, _, err := d.Finish(t.Context(), q)
		requireKind(t, err, entra.KindFlow)
		require.Nil(t, id)
	}
	_, _, err := d.Finish(t.Context(), f.arrive(t, d, f.target(), entra.BeginOptions{Claims: stepUp}, nil))
	e := requireKind(t, err, entra.KindToken)
	require.Contains(t, e.Public, "further step")
	_, _, err = d.Finish(t.Context(), f.arrive(t, d, f.target(), entra.BeginOptions{Claims: stepUp}, map[string]any{"acrs": []string{"c1"}}))
	require.NoError(t, err)

	address, _, err := d.Begin(t.Context(), entra.BeginRequest{Target: f.target(), State: testState})
	require.NoError(t, err)
	require.Contains(t, address, url.QueryEscape("cp1"), "the Service handles challenges")
}

// A step-up for one action of the host: the person proves more, and the token has to say so.
func ExampleSignInRequest_stepUp() {
	ctx := context.Background()
	fake, err := entratest.Start(nil)
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	if err := fake.AddRedirectURI(entratest.ContosoApp, "https://auth.example.com/callback"); err != nil {
		panic(err)
	}
	client, err := oauth2.New(oauth2.Config{
		Cloud: fake.Cloud(), Tenant: entratest.ContosoID, ClientID: entratest.ContosoApp, RedirectURL: "https://auth.example.com/callback",
		Credential: credential.FromSecret(credential.NewSecret(entratest.ContosoSecret)), HTTPClient: fake.Client(),
	})
	if err != nil {
		panic(err)
	}
	signIn := func() error {
		address, pending, err := client.SignIn(ctx, oauth2.SignInRequest{
			State: rand.Text() + rand.Text(), Claims: `{"id_token":{"acrs":{"essential":true,"value":"c1"}}}`,
		})
		if err != nil {
			return err
		}
		back, err := fake.Authenticate(ctx, address, entratest.Ann)
		if err != nil {
			return err
		}
		_, _, err = client.Redeem(ctx, pending, back.URL.Query())
		return err
	}
	fmt.Println(signIn())
	fake.SetFaults(entratest.Faults{NoContexts: true}) // Entra answers, but does not say that the step was taken
	var refused *oauth2.VerificationError
	fmt.Println(errors.As(signIn(), &refused), refused.Check)
	// Output:
	// <nil>
	// true demand
}
