package oauth2

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

const (
	maxCode    = 16 << 10 // bytes; Entra's codes have about 1 KB
	maxAnswers = 32       // parameters of an answer; Entra's has five
)

// Redeem takes the answer that came back to the redirect URL, exchanges its code and says who signed in. answer holds the parameters of
// one place only: the query, or with form_post the body; the caller has looked up p by the answer's state in the same browser and
// uses it no second time.
//
// Errors: *VerificationError for what was refused, *aadsts.Error for what Entra answered, *MetadataError, else the network's.
func (c *Client) Redeem(ctx context.Context, p *Pending, answer url.Values) (*claims.Identity, *credential.Token, error) {
	if err := p.check(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := checkAnswer(answer); err != nil {
		return nil, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(p.State)) != 1 {
		return nil, nil, refuse(CheckState, "the answer belongs to another sign-in")
	}
	if e := aadsts.FromCallback(answer); e != nil {
		return nil, nil, e
	}
	issuer, err := c.checkResponseIssuer(ctx, answer)
	if err != nil {
		return nil, nil, err
	}
	code := answer.Get("code")
	if code == "" || len(code) > maxCode || !visible(code) {
		return nil, nil, refuse(CheckResponse, "the answer has neither a code nor an error")
	}
	token, err := c.exchange(ctx, code, p)
	if err != nil {
		return nil, nil, err
	}
	id, err := c.verify(ctx, token.ID.Reveal(), expected{pending: p, code: code, access: token.Access.Reveal(), redeemed: true})
	if err != nil {
		return nil, nil, err
	}
	if issuer != "" && issuer != id.Issuer {
		return nil, nil, refuse(CheckResponseIssuer, "the answer's iss is not the token's")
	}
	return id, token, nil
}

// checkAnswer refuses parameters that are given twice (RFC 6749, section 3.1), or once more in another case.
func checkAnswer(answer url.Values) error {
	if len(answer) > maxAnswers {
		return refuse(CheckResponse, "too many parameters")
	}
	seen := make(map[string]bool, len(answer))
	for name, values := range answer {
		folded := strings.ToLower(name)
		if len(values) != 1 || seen[folded] {
			return refuse(CheckResponse, "a parameter is given twice")
		}
		seen[folded] = true
	}
	return nil
}

// checkResponseIssuer compares the answer's iss with the authority's issuer before the code goes anywhere (RFC 9207, section 2.4).
// At a tenant-independent authority the tenant is not known yet: what it returns is then compared with the token's issuer.
func (c *Client) checkResponseIssuer(ctx context.Context, answer url.Values) (string, error) {
	now, err := c.cfg.Metadata.current(ctx, c.authority, c.means)
	if err != nil {
		return "", err
	}
	issuer := answer.Get("iss")
	switch d := now.document; {
	case !answer.Has("iss"):
		if d.namesIssuer {
			return "", refuse(CheckResponseIssuer, "the answer has no iss, which this authority always sends")
		}
		return "", nil
	case !d.shared && issuer == d.issuer:
		return issuer, nil
	case d.shared && issuer == d.issuer: // the template itself: it names the authority, and no tenant
		return "", nil
	case d.shared && namesTenant(d.issuer, issuer):
		return issuer, nil
	}
	return "", refuse(CheckResponseIssuer, "the answer's iss is another authority's")
}

// namesTenant reports whether issuer is the template for some tenant.
func namesTenant(template, issuer string) bool {
	before, _, _ := strings.Cut(template, cloud.Placeholder)
	if len(issuer) < len(before)+guidLength {
		return false
	}
	tenant := issuer[len(before) : len(before)+guidLength]
	return cloud.IsCanonicalGUID(tenant) && strings.ReplaceAll(template, cloud.Placeholder, tenant) == issuer
}

// exchange redeems the code at the very tenant address that it was asked for at: Entra refuses it elsewhere (AADSTS700005).
func (c *Client) exchange(ctx context.Context, code string, p *Pending) (*credential.Token, error) {
	token, err := c.ask(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.cfg.RedirectURL}, "code_verifier": {p.Verifier},
	}, p.Claims, p.fresh())
	if err != nil {
		return nil, fmt.Errorf("oauth2: redeeming the code: %w", err)
	}
	if token.ID.IsZero() {
		return nil, refuse(CheckForm, "the token endpoint returned no ID token")
	}
	return token, nil
}

// ask makes the request to the token endpoint. A claims request goes along, as Microsoft's own libraries send it: the access token is made here.
func (c *Client) ask(ctx context.Context, form url.Values, claims string, fresh bool) (*credential.Token, error) {
	request, err := claimsRequest(claims, fresh, c.cfg.HandlesChallenges)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if request != "" {
		form.Set("claims", request)
	}
	form.Set("scope", c.scope)
	return c.cfg.Tokens.Token(ctx, credential.Request{
		Cloud: c.cfg.Cloud, Tenant: c.authority.tenant, ClientID: c.cfg.ClientID, Credential: c.cfg.Credential, Form: form,
	})
}
