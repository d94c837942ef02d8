package oauth2

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"

	"github.com/tenantdoor/tenantdoor/entra"
)

const (
	minState  = 22      // characters: 128 bits in base64url
	maxParam  = 512     // bytes of an upstream parameter's value
	maxClaims = 8 << 10 // bytes of a claims request
	maxAge    = 10 * 365 * 24 * time.Hour
)

// SignInRequest asks for the address of a sign-in.
type SignInRequest struct {
	// State comes back with the answer: at least 128 random bits, used once, which the caller has bound to the browser and the client.
	State string

	// Params go upstream as they are: prompt, login_hint, domain_hint and the like, one value each. A parameter that belongs to the protocol is
	// refused (entra.Reserved). What the fields below demand replaces what is here.
	Params url.Values

	// ForceLogin and MaxAge demand that the person proves anew who they are, or has done so at most MaxAge (whole seconds; 0: no demand) before
	// the sign-in began. Redeem refuses a token that does not say so in auth_time: an optional claim, which the app registration must
	// switch on. https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
	ForceLogin bool
	MaxAge     time.Duration

	// Claims is a claims request, a JSON object (OpenID Connect Core 1.0, section 5.5), "" for none: that of a claims challenge (aadsts.Error.Claims), or a
	// step-up such as {"id_token":{"acrs":{"essential":true,"value":"c1"}}}. What it asks of the ID token with a value, or as essential, Redeem demands of
	// the verified token; of what it asks of the access token only the resource can judge.
	Claims string
}

// SignIn returns the address to send the browser to, and what Redeem will need. PKCE (S256) and a nonce are always part of it.
// It fetches the authority's metadata unless that is at hand.
//
// Errors: an invalid request; *MetadataError; *aadsts.Error when Entra does not know the tenant; else the network's.
func (c *Client) SignIn(ctx context.Context, q SignInRequest) (string, *Pending, error) {
	if err := q.check(); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	now, err := c.cfg.Metadata.current(ctx, c.authority, c.means)
	if err != nil {
		return "", nil, err
	}
	p := &Pending{
		Verifier: oauth2.GenerateVerifier(), Nonce: newNonce(), State: q.State,
		ForceLogin: q.ForceLogin, MaxAge: q.MaxAge, Claims: q.Claims, Begun: c.cfg.Now(),
	}
	ours, err := c.parameters(q, p)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	address, err := compose(now.document.authorization, ours, q.Params)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return address, p, nil
}

func (q *SignInRequest) check() error {
	switch {
	case len(q.State) < minState || len(q.State) > maxParam || !visible(q.State):
		return errors.New("state must be at least 128 random bits in printable ASCII")
	case q.MaxAge < 0 || q.MaxAge > maxAge || q.MaxAge%time.Second != 0:
		return errors.New("the maximum age must be whole seconds, not negative")
	case len(q.Claims) > maxClaims:
		return errors.New("the claims request is longer than 8 KB")
	}
	for name, values := range q.Params {
		if err := checkParam(name, values); err != nil {
			return err
		}
	}
	return nil
}

// checkParam accepts one value of one line under a name that cannot be taken for another one.
func checkParam(name string, values []string) error {
	switch {
	case name == "" || len(name) > 128 || !visible(name):
		return errors.New("the name of an upstream parameter must be printable ASCII")
	case len(values) != 1:
		return fmt.Errorf("upstream parameter %q must have one value", name)
	case len(values[0]) > maxParam || !utf8.ValidString(values[0]) || strings.ContainsFunc(values[0], unicode.IsControl):
		return fmt.Errorf("the value of upstream parameter %q must be one line of at most %d bytes", name, maxParam)
	}
	return nil
}

// parameters are what the protocol and the host's demands need. They win over everything else.
func (c *Client) parameters(q SignInRequest, p *Pending) (map[string]string, error) {
	ours := map[string]string{
		"client_id": c.cfg.ClientID, "response_type": "code", "response_mode": c.cfg.ResponseMode,
		"redirect_uri": c.cfg.RedirectURL, "scope": c.scope, "state": q.State, "nonce": p.Nonce,
		"code_challenge": oauth2.S256ChallengeFromVerifier(p.Verifier), "code_challenge_method": "S256",
	}
	if q.MaxAge > 0 {
		ours["max_age"] = strconv.FormatInt(int64(q.MaxAge/time.Second), 10)
	}
	if q.ForceLogin {
		ours["prompt"], ours["max_age"] = "login", "0"
	}
	request, err := claimsRequest(q.Claims, p.fresh(), c.cfg.HandlesChallenges)
	if err != nil {
		return nil, err
	}
	if request != "" {
		ours["claims"] = request
	}
	return ours, nil
}

// compose puts the address together and looks at the result once more, so that no parameter of the protocol can come from anywhere
// but ours, in whatever case it is written and whatever the endpoint's own query holds.
func compose(endpoint string, ours map[string]string, params url.Values) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", errors.New("the authorization endpoint is not a URL")
	}
	query := u.Query()
	for name, values := range params {
		if _, replaced := ours[strings.ToLower(name)]; replaced && !entra.Reserved(name) {
			continue
		}
		query[name] = append(query[name], values...)
	}
	for name, value := range ours {
		query[name] = append(query[name], value)
	}
	seen := make(map[string]bool, len(query))
	for name, values := range query {
		_, own := ours[name]
		folded := strings.ToLower(strings.TrimSpace(name))
		if len(values) != 1 || seen[folded] || entra.Reserved(name) && !own {
			return "", fmt.Errorf("parameter %q is reserved, or given twice", name)
		}
		seen[folded] = true
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

const nonceBytes = 32

func newNonce() string {
	b := make([]byte, nonceBytes)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
