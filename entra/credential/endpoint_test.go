package credential_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	tenant   = "a57c1b0e-3a52-4c1c-9d5c-2d1f0c7b9e11"
	clientID = "9a0c2b84-7c3e-4f14-8a3b-0f5c6f7d8e90"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tokenServer answers with what answer says, and counts.
type tokenServer struct {
	*httptest.Server
	requests atomic.Int32
	last     atomic.Pointer[http.Request]
}

func serve(t *testing.T, answer func(w http.ResponseWriter, form url.Values)) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		_ = r.ParseForm()
		s.last.Store(r)
		answer(w, r.Form)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) cloud() cloud.Cloud { return cloud.Cloud{Name: "test", Login: s.URL} }

func (s *tokenServer) endpoint() *credential.Endpoint {
	return &credential.Endpoint{HTTPClient: s.Client(), Now: func() time.Time { return start }}
}

func (s *tokenServer) request() credential.Request {
	return credential.Request{
		Cloud: s.cloud(), Tenant: tenant, ClientID: clientID, Credential: credential.FromSecret(credential.NewSecret(plain)),
		Form: url.Values{"grant_type": {"authorization_code"}, "code": {"code-not-to-be-seen"}, "redirect_uri": {"https://app.example/cb"}, "code_verifier": {"v"}},
	}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func goodAnswer(w http.ResponseWriter, _ url.Values) {
	answerJSON(w, 200, map[string]any{"token_type": "Bearer", "access_token": "access-1", "refresh_token": "refresh-1", "id_token": "id-1", "scope": "openid User.Read", "expires_in": 3599})
}

func ExampleEndpoint_Token() {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"token_type":"Bearer","access_token":"eyJ…","scope":"openid","expires_in":3599}`)
	}))
	defer login.Close()

	var tokens credential.Endpoint
	tokens.HTTPClient = login.Client() // the default client does not dial loopback
	t, err := tokens.Token(context.Background(), credential.Request{
		Cloud:      cloud.Cloud{Login: login.URL},
		Tenant:     "contoso.com",
		ClientID:   "9a0c2b84-7c3e-4f14-8a3b-0f5c6f7d8e90",
		Credential: credential.FromSecret(credential.NewSecret("the secret's value")),
		Form:       url.Values{"grant_type": {"authorization_code"}, "code": {"…"}, "redirect_uri": {"https://app.example.com/callback"}},
	})
	fmt.Println(err, t.Access, t.Scope)
	// Output: <nil> [redacted] openid
}

func TestToken(t *testing.T) {
	s := serve(t, goodAnswer)
	q := s.request()
	got, err := s.endpoint().Token(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, "access-1", got.Access.Reveal())
	assert.Equal(t, "refresh-1", got.Refresh.Reveal())
	assert.Equal(t, "id-1", got.ID.Reveal())
	assert.Equal(t, "openid User.Read", got.Scope)
	assert.Equal(t, start.Add(3599*time.Second), got.Expires)

	r := s.last.Load()
	assert.Equal(t, http.MethodPost, r.Method)
	assert.Equal(t, "/"+tenant+"/oauth2/v2.0/token", r.URL.Path)
	assert.Empty(t, r.URL.RawQuery)
	assert.Empty(t, r.Header.Get("Authorization"), "client parameters belong in the body")
	assert.Equal(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {"code-not-to-be-seen"}, "redirect_uri": {"https://app.example/cb"}, "code_verifier": {"v"},
		"client_id": {clientID}, "client_secret": {plain},
	}, r.Form)
	assert.Len(t, q.Form, 4, "the caller's form stays as it was")
}

func TestTokenURL(t *testing.T) {
	public := cloud.Public()
	for tenant, want := range map[string]string{
		tenant:          "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token",
		"contoso.com":   "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
		"organizations": "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
	} {
		got, err := credential.URL(public, tenant)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, bad := range []string{"", "a/../b", "..", "contoso", "contoso.com/", "contoso.com?x", "common#", "%2e%2e", "{tenantid}"} {
		_, err := credential.URL(public, bad)
		require.Error(t, err, bad)
	}
	for _, login := range []string{"", "login.microsoftonline.com", "http://login.microsoftonline.com", "https://u:p@login.example", "https://login.example?x=1", "https://login.example?", "https://login.example#f", "file:///x"} {
		_, err := credential.URL(cloud.Cloud{Login: login}, tenant)
		require.Error(t, err, login)
	}
}

func TestTokenRefusals(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ url.Values) {
		answerJSON(w, 401, map[string]any{
			"error": "invalid_client", "error_codes": []int{7000215}, "suberror": "x", "claims": `{"access_token":{}}`,
			"error_description": "AADSTS7000215: Invalid client secret " + plain, "trace_id": tenant, "timestamp": "2026-03-01 12:00:00Z",
		})
	})
	_, err := s.endpoint().Token(t.Context(), s.request())
	var refused *aadsts.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 7000215, refused.Code)
	assert.Equal(t, 401, refused.Status)
	assert.Equal(t, "invalid_client", refused.OAuth)
	assert.Equal(t, tenant, refused.TraceID)
	assert.JSONEq(t, `{"access_token":{}}`, refused.Claims)
	assert.Equal(t, aadsts.MenderAppOwner, refused.Mender)
	requireMasked(t, "error", fmt.Sprintf("%v %+v", err, refused))
}

// An endpoint that lies, floods or redirects is refused, and what it said is in no error. Attack 23.
func TestBadAnswers(t *testing.T) {
	elsewhere := serve(t, goodAnswer)
	const said = "said-by-the-server"
	for name, answer := range map[string]func(w http.ResponseWriter, _ url.Values){
		"html": func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>"+said)
		},
		"form instead of JSON": func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
			fmt.Fprint(w, "access_token=x&token_type=bearer&said="+said)
		},
		"plain text": func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "access_token=x&token_type=bearer")
		},
		"no content type": func(w http.ResponseWriter, _ url.Values) { w.Header()["Content-Type"] = nil; fmt.Fprint(w, `{}`) },
		"not JSON":        func(w http.ResponseWriter, _ url.Values) { answerRaw(w, "{"+said) },
		"array":           func(w http.ResponseWriter, _ url.Values) { answerRaw(w, `["`+said+`"]`) },
		"no access token": func(w http.ResponseWriter, _ url.Values) { answerRaw(w, `{"token_type":"Bearer","said":"`+said+`"}`) },
		"no token type":   func(w http.ResponseWriter, _ url.Values) { answerRaw(w, `{"access_token":"`+said+`"}`) },
		"another type": func(w http.ResponseWriter, _ url.Values) {
			answerRaw(w, `{"access_token":"`+said+`","token_type":"pop"}`)
		},
		"endless": func(w http.ResponseWriter, _ url.Values) { answerRaw(w, `{"x":"`+strings.Repeat("y", 1<<20)) },
		"error with 200": func(w http.ResponseWriter, _ url.Values) {
			answerRaw(w, `{"error":"invalid_grant","error_description":"`+said+`"}`)
		},
		"endless error": func(w http.ResponseWriter, _ url.Values) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, strings.Repeat("y", 1<<20))
		},
		"redirect": func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Location", elsewhere.URL+"/"+said)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"redirect to https": func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Location", "https://evil.example/"+said)
			w.WriteHeader(http.StatusFound)
		},
		"html error": func(w http.ResponseWriter, _ url.Values) {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<h1>"+said)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, answer)
			got, err := s.endpoint().Token(t.Context(), s.request())
			require.Error(t, err)
			assert.Nil(t, got)
			assert.EqualValues(t, 1, s.requests.Load(), "one POST, no second guess")
			for _, leak := range []string{said, plain, "code-not-to-be-seen", "evil"} {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), leak)
			}
			switch name {
			case "endless", "endless error":
				require.ErrorIs(t, err, outbound.ErrTooLarge)
			case "redirect", "redirect to https":
				require.ErrorIs(t, err, outbound.ErrRedirect)
			case "html error", "error with 200":
				var refused *aadsts.Error
				require.ErrorAs(t, err, &refused)
			}
		})
	}
	assert.Zero(t, elsewhere.requests.Load(), "nothing was sent elsewhere")
}

func answerRaw(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, body)
}

func TestExpiresIn(t *testing.T) {
	for in, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `0`: 0, `-5`: 0, `"-5"`: 0, `null`: 0, `1e9`: -1, `99999999999999999999`: -1, `2147483647`: 48 * time.Hour,
	} {
		s := serve(t, func(w http.ResponseWriter, _ url.Values) {
			answerRaw(w, `{"token_type":"bearer","access_token":"x","expires_in":`+in+`}`)
		})
		got, err := s.endpoint().Token(t.Context(), s.request())
		switch want {
		case -1:
			require.Error(t, err, in)
		case 0:
			require.NoError(t, err, in)
			assert.Zero(t, got.Expires, in)
		default:
			require.NoError(t, err, in)
			assert.Equal(t, start.Add(want), got.Expires, in)
		}
	}
}

// stub is a host's own Credential.
type stub func(form url.Values) error

func (s *stub) Authenticate(_ context.Context, _, _ string, form url.Values) error { return (*s)(form) }

func TestRequestsThatAreNotMade(t *testing.T) {
	s := serve(t, goodAnswer)
	proof := func(f func(url.Values) error) func(q *credential.Request) {
		st := stub(f)
		return func(q *credential.Request) { q.Credential = &st }
	}
	assertionType := "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	for name, change := range map[string]func(q *credential.Request){
		"no credential":      func(q *credential.Request) { q.Credential = nil },
		"empty secret":       func(q *credential.Request) { q.Credential = credential.FromSecret(credential.Secret{}) },
		"no client id":       func(q *credential.Request) { q.ClientID = "" },
		"no grant type":      func(q *credential.Request) { q.Form.Del("grant_type") },
		"bad tenant":         func(q *credential.Request) { q.Tenant = "a/../b" },
		"http login":         func(q *credential.Request) { q.Cloud.Login = "http://login.example" },
		"secret in the form": func(q *credential.Request) { q.Form.Set("client_secret", "x") },
		"assertion in form":  func(q *credential.Request) { q.Form.Set("client_assertion", "x") },
		"type in the form":   func(q *credential.Request) { q.Form.Set("client_assertion_type", "x") },
		"client in the form": func(q *credential.Request) { q.Form.Set("client_id", "x") },
		"repeated field":     func(q *credential.Request) { q.Form.Add("code", "y") },
		"proves nothing":     proof(func(url.Values) error { return nil }),
		"fails":              proof(func(url.Values) error { return errors.New("vault is sealed") }),
		"both proofs": proof(func(f url.Values) error {
			f.Set("client_secret", "x")
			f.Set("client_assertion", "y")
			f.Set("client_assertion_type", assertionType)
			return nil
		}),
		"secret and type": proof(func(f url.Values) error {
			f.Set("client_secret", "x")
			f.Set("client_assertion_type", assertionType)
			return nil
		}),
		"assertion, no type": proof(func(f url.Values) error { f.Set("client_assertion", "y"); return nil }),
		"changes the form":   proof(func(f url.Values) error { f.Set("client_secret", "x"); f.Set("scope", "everything"); return nil }),
		"changes it inside":  proof(func(f url.Values) error { f.Set("client_secret", "x"); f["code"][0] = "y"; return nil }),
		"another client":     proof(func(f url.Values) error { f.Set("client_secret", "x"); f.Set("client_id", "y"); return nil }),
		"no assertion func":  func(q *credential.Request) { q.Credential = credential.FromAssertion(nil) },
		"no certificates":    func(q *credential.Request) { q.Credential = credential.FromCertificates() },
	} {
		t.Run(name, func(t *testing.T) {
			q := s.request()
			change(&q)
			_, err := s.endpoint().Token(t.Context(), q)
			require.Error(t, err)
			if strings.HasSuffix(name, " the form") && name != "changes the form" {
				require.ErrorContains(t, err, "comes from the credential")
			}
		})
	}
	assert.Zero(t, s.requests.Load())
}

// The default client dials no private address, so a cloud that points inside gains nothing. Attack 54.
func TestDefaultClientIsGuarded(t *testing.T) {
	s := serve(t, goodAnswer)
	var e credential.Endpoint
	_, err := e.Token(t.Context(), s.request())
	require.ErrorIs(t, err, outbound.ErrAddress)
	assert.Zero(t, s.requests.Load())
}

func TestTokenEndsWithItsContext(t *testing.T) {
	s := serve(t, goodAnswer)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.endpoint().Token(ctx, s.request())
	require.ErrorIs(t, err, context.Canceled)
}

var publicCloud = cloud.Public()

func memoryAnswer(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}
