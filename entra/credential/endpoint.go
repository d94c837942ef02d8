package credential

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Request is one request to the token endpoint of Tenant.
type Request struct {
	Cloud      cloud.Cloud
	Tenant     string // GUID or verified domain; common, organizations, consumers for codes and refresh tokens from there
	ClientID   string
	Credential Credential
	Form       url.Values // grant_type and what belongs to it; for AppToken only scope. Never modified
}

// String names the request without its form, in which codes and refresh tokens travel.
func (q Request) String() string {
	return fmt.Sprintf("token request of %q to tenant %q of cloud %q", q.ClientID, q.Tenant, q.Cloud.Name)
}

// Format writes String.
func (q Request) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(q.String())) }

// LogValue is String.
func (q Request) LogValue() slog.Value { return slog.StringValue(q.String()) }

// MarshalText is String, so that encoders show no form either.
func (q Request) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// Token is what the token endpoint answered.
type Token struct {
	Access, Refresh, ID Secret    // ID is not verified here
	Scope               string    // space-separated, as granted
	Expires             time.Time // of the access token; zero if the endpoint did not say
}

// Endpoint is the token endpoint. Its zero value works; it is safe for concurrent use and must not be copied after its first use.
type Endpoint struct {
	HTTPClient *http.Client     // nil: the guarded default, which dials public addresses only
	Now        func() time.Time // nil: time.Now

	mu    sync.Mutex
	kept  map[cacheKey]keptToken
	calls map[cacheKey]*call
}

// maxAnswer bounds an answer of the token endpoint, in bytes. Tokens with 200 groups stay below 20 KB.
const maxAnswer = 256 << 10

// URL returns the address of the token endpoint. The tenant must pass cloud.IsTenant.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-protocols
func URL(c cloud.Cloud, tenant string) (string, error) {
	if !cloud.IsTenant(tenant) {
		return "", errors.New("credential: the tenant is neither a GUID nor a domain")
	}
	base, err := outbound.CheckURL(c.Login)
	if err != nil {
		return "", fmt.Errorf("credential: login address of cloud %q: %w", c.Name, err)
	}
	if base.RawQuery != "" || base.ForceQuery {
		return "", fmt.Errorf("credential: login address of cloud %q has a query", c.Name)
	}
	return base.JoinPath(tenant, "oauth2/v2.0/token").String(), nil
}

// Token makes one bounded POST, client parameters in the body, and follows no redirect. Entra's refusal is *aadsts.Error;
// every other error is trouble on the way, or a request that could not be made. No error holds anything of the form or of the answer.
// Where Entra refuses the first secret of FromSecrets there is one more POST, with the second.
func (e *Endpoint) Token(ctx context.Context, q Request) (*Token, error) {
	token, err := e.post(ctx, q)
	if next, ok := instead(q.Credential, err); ok {
		q.Credential = next
		return e.post(ctx, q)
	}
	return token, err
}

func (e *Endpoint) post(ctx context.Context, q Request) (*Token, error) {
	tokenURL, err := URL(q.Cloud, q.Tenant)
	if err != nil {
		return nil, err
	}
	form, err := e.proven(ctx, tokenURL, q)
	if err != nil {
		return nil, err
	}
	client := outbound.Bounded(e.HTTPClient, maxAnswer)
	client.Transport = whole{client.Transport}
	grant := clientcredentials.Config{ // grant_type comes from the form
		ClientID:       q.ClientID,
		TokenURL:       tokenURL,
		EndpointParams: form,
		AuthStyle:      oauth2.AuthStyleInParams,
	}
	asked := e.now() // before the request: a slow answer must not lengthen the token's life
	answer, err := grant.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return nil, refusal(tokenURL, err)
	}
	return read(answer, asked)
}

// proven returns a copy of the form with the application's proof in it.
func (e *Endpoint) proven(ctx context.Context, tokenURL string, q Request) (url.Values, error) {
	switch {
	case q.Credential == nil:
		return nil, errors.New("credential: the request has no credential")
	case q.ClientID == "":
		return nil, errors.New("credential: the request has no client id")
	case q.Form.Get("grant_type") == "":
		return nil, errors.New("credential: the request has no grant_type")
	}
	form := make(url.Values, len(q.Form)+3)
	for name, values := range q.Form {
		switch {
		case isClientParameter(name):
			return nil, fmt.Errorf("credential: %s comes from the credential, not from the form", name)
		case len(values) != 1:
			return nil, errors.New("credential: a form field has none or several values") // RFC 6749 section 3.2
		}
		form[name] = slices.Clone(values)
	}
	before := q.Form // no value of it is shared with form
	prove := q.Credential
	if c, ok := prove.(clocked); ok {
		prove = c.at(e.now)
	}
	if err := prove.Authenticate(ctx, tokenURL, q.ClientID, form); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return form, checkProof(before, form)
}

// checkProof holds every Credential, also a host's own, to one proof and nothing else: never a secret beside an assertion
// (RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request").
func checkProof(before, after url.Values) error {
	rest := maps.Clone(after)
	maps.DeleteFunc(rest, func(name string, _ []string) bool { return isClientParameter(name) })
	if !maps.EqualFunc(before, rest, slices.Equal) || after.Has("client_id") {
		return errors.New("credential: the credential changed the form")
	}
	secret, assertion := after.Get("client_secret") != "", after.Get("client_assertion") != ""
	switch {
	case !secret && !assertion:
		return errors.New("credential: the credential proved nothing")
	case secret && (after.Has("client_assertion") || after.Has("client_assertion_type")), assertion && (after.Has("client_secret") || after.Get("client_assertion_type") != assertionType):
		return errors.New("credential: the credential mixed a secret and an assertion")
	}
	return nil
}

func isClientParameter(name string) bool {
	switch name {
	case "client_id", "client_secret", "client_assertion", "client_assertion_type":
		return true
	}
	return false
}

// refusal turns an error of x/oauth2 into ours. Its own texts repeat the answer's body and description, so none is wrapped
// but the transport's.
func refusal(tokenURL string, err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return aadsts.FromTokenResponse(refused.Response.StatusCode, refused.Body)
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return fmt.Errorf("credential: POST %s: %w", tokenURL, transport.Err)
	}
	return fmt.Errorf("credential: POST %s: the answer is not a token response", tokenURL)
}

func read(answer *oauth2.Token, asked time.Time) (*Token, error) {
	// RFC 6749 section 7.1: a token of a type that is not understood must not be used.
	if !strings.EqualFold(answer.TokenType, "Bearer") {
		return nil, errors.New("credential: the token endpoint answered with a token that is not a bearer token")
	}
	id, _ := answer.Extra("id_token").(string)
	scope, _ := answer.Extra("scope").(string)
	t := &Token{Access: NewSecret(answer.AccessToken), Refresh: NewSecret(answer.RefreshToken), ID: NewSecret(id), Scope: scope}
	if life := lifetime(answer.Extra("expires_in")); life > 0 {
		t.Expires = asked.Add(life)
	}
	return t, nil
}

// lifetime reads expires_in, in seconds: a number, or a string in v1.0 answers. 0 if it is missing or makes no sense.
func lifetime(v any) time.Duration {
	var seconds float64
	switch v := v.(type) {
	case float64:
		seconds = v
	case string:
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return 0
		}
		seconds = float64(n)
	}
	if math.IsNaN(seconds) || seconds < 1 {
		return 0
	}
	return time.Duration(min(seconds, maxLifetime.Seconds())) * time.Second
}

// maxLifetime bounds what is believed of expires_in. Access tokens live 28 hours at most.
//
// Source: https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes
const maxLifetime = 48 * time.Hour

func (e *Endpoint) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}
