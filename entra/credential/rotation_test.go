package credential_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

const (
	oldSecret = "the-old-secret"
	newSecret = "the-new-secret"
)

// believing answers with tokens where the secret is one of those given, and as Entra does otherwise.
func believing(seen *[]string, secrets ...string) func(http.ResponseWriter, url.Values) {
	return func(w http.ResponseWriter, form url.Values) {
		*seen = append(*seen, form.Get("client_secret"))
		if slices.Contains(secrets, form.Get("client_secret")) {
			goodAnswer(w, form)
			return
		}
		answerJSON(w, 401, map[string]any{"error": "invalid_client", "error_codes": []int{7000222}})
	}
}

func TestSecondSecret(t *testing.T) {
	pair := credential.FromSecrets(credential.NewSecret(oldSecret), credential.NewSecret(newSecret))
	for name, tt := range map[string]struct {
		believed []string
		sent     []string
		code     int
	}{
		"both are good":      {[]string{oldSecret, newSecret}, []string{oldSecret}, 0},
		"the first is good":  {[]string{oldSecret}, []string{oldSecret}, 0},
		"the second is good": {[]string{newSecret}, []string{oldSecret, newSecret}, 0},
		"neither is good":    {nil, []string{oldSecret, newSecret}, 7000222},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			s := serve(t, believing(&seen, tt.believed...))
			q := s.request()
			q.Credential = pair
			token, err := s.endpoint().Token(t.Context(), q)
			assert.Equal(t, tt.sent, seen, "one more try at the most")
			if tt.code == 0 {
				require.NoError(t, err)
				require.Equal(t, "access-1", token.Access.Reveal())
				return
			}
			var e *aadsts.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.code, e.Code)
			require.Nil(t, token)
			require.NotContains(t, err.Error(), oldSecret)
			require.NotContains(t, err.Error(), newSecret)
		})
	}
}

// Only a refusal of the application itself is a reason for the second secret: a code that is refused must not be sent twice.
func TestSecondSecretIsForRefusalsOfTheFirst(t *testing.T) {
	for name, body := range map[string]map[string]any{
		"the code is spent":  {"error": "invalid_grant", "error_codes": []int{54005}},
		"a claims challenge": {"error": "interaction_required", "error_codes": []int{50076}, "claims": `{"a":{}}`},
		"no such app":        {"error": "unauthorized_client", "error_codes": []int{700016}},
		"passing trouble":    {"error": "temporarily_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ url.Values) { answerJSON(w, 400, body) })
			q := s.request()
			q.Credential = credential.FromSecrets(credential.NewSecret(oldSecret), credential.NewSecret(newSecret))
			_, err := s.endpoint().Token(t.Context(), q)
			require.Error(t, err)
			require.EqualValues(t, 1, s.requests.Load())
		})
	}
	var seen []string
	s := serve(t, believing(&seen, newSecret))
	_, err := s.endpoint().Token(t.Context(), s.request())
	require.Error(t, err, "one secret, one try")
	require.Len(t, seen, 1)
}

func TestFromSecretsOfFewer(t *testing.T) {
	first, second := credential.NewSecret(oldSecret), credential.NewSecret(newSecret)
	for want, c := range map[string]credential.Credential{
		oldSecret: credential.FromSecrets(first, credential.Secret{}), newSecret: credential.FromSecrets(credential.Secret{}, second),
	} {
		var seen []string
		s := serve(t, believing(&seen))
		q := s.request()
		q.Credential = c
		_, err := s.endpoint().Token(t.Context(), q)
		require.ErrorContains(t, err, "AADSTS", "Entra's refusal, not that of a second one that is not there")
		require.Equal(t, []string{want}, seen)
	}
	var seen []string
	s := serve(t, believing(&seen))
	q := s.request()
	q.Credential = credential.FromSecrets(first, credential.NewSecret(oldSecret))
	_, err := s.endpoint().Token(t.Context(), q)
	require.Error(t, err)
	require.Len(t, seen, 1, "the same secret is not tried twice")
	q.Credential = credential.FromSecrets(credential.Secret{}, credential.Secret{})
	_, err = s.endpoint().Token(t.Context(), q)
	require.ErrorContains(t, err, "empty")
}

// An app-only token is shared by those who hold the same two secrets, and by nobody else.
func TestAppTokenOfTwoSecrets(t *testing.T) {
	var seen []string
	s := serve(t, believing(&seen, newSecret))
	e := s.endpoint()
	ask := func(first, second string) {
		q := s.request()
		q.Form = url.Values{"scope": {"https://graph.test/.default"}}
		q.Credential = credential.FromSecrets(credential.NewSecret(first), credential.NewSecret(second))
		_, err := e.AppToken(t.Context(), q)
		require.NoError(t, err)
	}
	ask(oldSecret, newSecret)
	ask(oldSecret, newSecret)
	require.Equal(t, []string{oldSecret, newSecret}, seen)
	ask("another", newSecret)
	require.Len(t, seen, 4)
	ask(newSecret, "another")
	require.Len(t, seen, 5)
}

// During a rotation the old secret and the new one stand side by side.
func ExampleFromSecrets() {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("client_secret") != "the value of the new one" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_codes":[7000222]}`)
			return
		}
		fmt.Fprint(w, `{"token_type":"Bearer","access_token":"…","expires_in":3599}`)
	}))
	defer login.Close()

	endpoint := credential.Endpoint{HTTPClient: login.Client()}
	_, err := endpoint.Token(context.Background(), credential.Request{
		Cloud: cloud.Cloud{Name: "test", Login: login.URL}, Tenant: "contoso.com", ClientID: "c0a70500-0000-4000-8000-0000000000a1",
		Credential: credential.FromSecrets(credential.NewSecret("the value of the old one"), credential.NewSecret("the value of the new one")),
		Form:       url.Values{"grant_type": {"authorization_code"}, "code": {"…"}},
	})
	fmt.Println(err)
	// Output: <nil>
}
