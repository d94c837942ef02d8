package oauth2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

const (
	// freshSkew is what the clocks may differ by when a fresh sign-in was asked for: less than elsewhere, because it is also how
	// old a sign-in may be and still pass for fresh.
	freshSkew = time.Minute
	// maxIssuedAge is how long ago an ID token may have been issued. Entra lets an admin make them live a day.
	// https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes
	maxIssuedAge = 24 * time.Hour
)

// Verify verifies an ID token that the caller got from the token endpoint by other means, and says who it is about. nonce is the one that
// was sent with the authorization request; the empty nonce is refused. at_hash and c_hash are not looked at, for
// there is nothing to compare them with, and no demand for a fresh sign-in is.
//
// Errors: *VerificationError for a token that is refused; *MetadataError, *aadsts.Error or the network's when there are no keys to verify with.
func (c *Client) Verify(ctx context.Context, idToken, nonce string) (*claims.Identity, error) {
	return c.verify(ctx, idToken, expected{pending: &Pending{Nonce: nonce}})
}

// expected is what the token must fit.
type expected struct {
	pending      *Pending
	redeemed     bool   // with the two below: it came with them
	code, access string // what c_hash and at_hash are about

	refreshed time.Time // when a refresh asked for it; zero: a sign-in's
}

// verify is the whole verification, in an order in which nothing depends on what is not yet checked. The issuer comes before the signature
// because it decides which keys may sign; whose token is allowed comes after it.
func (c *Client) verify(ctx context.Context, raw string, want expected) (*claims.Identity, error) {
	t, err := parseToken(raw, c.cfg.Algorithms)
	if err != nil {
		return nil, err
	}
	now, err := c.cfg.Metadata.current(ctx, c.authority, c.means)
	if err != nil {
		return nil, err
	}
	if err := c.checkIssuer(now.document, &t.claims); err != nil {
		return nil, err
	}
	if err := c.checkSignature(ctx, t, now); err != nil {
		return nil, err
	}
	v := verification{cfg: &c.cfg, algorithm: t.parsed.Signatures[0].Header.Algorithm, claims: &t.claims, want: want, now: c.cfg.Now()}
	for _, check := range checks {
		if err := check(&v); err != nil {
			return nil, err
		}
	}
	id, err := claims.FromVerifiedClaims(t.all)
	if err != nil {
		return nil, refuse(CheckSubject, "the claims do not say who it is")
	}
	if err := checkDemands(id.Raw, want.pending.Claims); err != nil {
		return nil, err
	}
	return id, nil
}

// version1 and version2 are values of ver.
const (
	version1 = "1.0"
	version2 = "2.0"
)

// checkIssuer compares iss with the only issuer that a token of tid and of its version can have, byte for byte. The templates are the
// authority's and the cloud's own, not the token's.
// https://learn.microsoft.com/entra/identity-platform/claims-validation#validate-the-issuer
func (c *Client) checkIssuer(d *document, t *idClaims) error {
	issuer := d.issuerFor(t.Tenant)
	if c.cfg.AllowV1Tokens && t.Version == version1 {
		issuer = cloud.Issuer(c.cfg.Cloud.IssuerV1, t.Tenant)
	}
	switch {
	case !cloud.IsCanonicalGUID(t.Tenant):
		return refuse(CheckTenant, "tid is not one lower-case GUID")
	case !d.shared && t.Tenant != d.tenant:
		return refuse(CheckTenant, "the token is of another tenant than the one configured")
	case t.Issuer != issuer || issuer == "":
		return refuse(CheckIssuer, "iss is not the issuer of this authority and tid")
	}
	return nil
}

// checkSignature leaves the signature to go-oidc, under a key set that knows for whom each key signs. The bytes that were signed must be those that
// the claims were read from.
func (c *Client) checkSignature(ctx context.Context, t *idToken, now *snapshot) error {
	s := &signature{
		// The issuer by which keys are scoped is always the v2.0 one: keys name no other, whichever version of token they sign.
		raw: t.raw, token: t.parsed, kid: t.kid, issuer: now.document.issuerFor(t.claims.Tenant), tenant: t.claims.Tenant, found: now,
		renew: func(ctx context.Context, seen *snapshot) (*snapshot, error) {
			return c.cfg.Metadata.renew(ctx, c.authority, c.means, seen)
		},
	}
	verifier := oidc.NewVerifier(t.claims.Issuer, s, &oidc.Config{
		SupportedSigningAlgs: c.cfg.Algorithms,
		SkipIssuerCheck:      true, // checkIssuer
		SkipClientIDCheck:    true, // checkAudience, which looks at azp too
		SkipExpiryCheck:      true, // checkTimes, which allows for clocks
	})
	if _, err := verifier.Verify(ctx, t.raw); err != nil {
		if s.err != nil {
			return s.err
		}
		return refuse(CheckForm, "go-oidc refuses the token")
	}
	if s.verified == nil || !bytes.Equal(s.verified, t.payload) {
		return refuse(CheckSignature, "the signature is about another payload")
	}
	return nil
}

// verification is what the checks after the signature look at.
type verification struct {
	cfg       *Config
	algorithm string
	claims    *idClaims
	want      expected
	now       time.Time
}

// checks are made on every token, in this order.
var checks = []func(*verification) error{
	checkTenant, checkKind, checkAudience, checkTimes, checkNonce, checkHashes, checkAuthTime,
}

// checkTenant applies the allow-list.
func checkTenant(v *verification) error {
	if !v.cfg.admits(v.claims.Tenant) {
		return refuse(CheckTenant, "the tenant is not allowed")
	}
	return nil
}

// admits reports whether people of the tenant may sign in. Personal accounts are no work tenant's: they must be named.
func (c *Config) admits(tenant string) bool {
	switch listed := slices.Contains(c.AllowedTenants, tenant); {
	case listed, c.AnyTenant && tenant != cloud.Consumers:
		return true
	case !c.AnyTenant && len(c.AllowedTenants) == 0:
		return true // one tenant: checkIssuer compares it, and New made sure that it is one
	}
	return false
}

// checkKind refuses what is signed by the right key and is yet no ID token of a person: v1.0 tokens, an app's own tokens, and those by
// which somebody acts for somebody else. https://learn.microsoft.com/entra/identity-platform/optional-claims-reference (idtyp)
func checkKind(v *verification) error {
	c := v.claims
	switch {
	case c.Version != version2 && !(v.cfg.AllowV1Tokens && c.Version == version1):
		return refuse(CheckVersion, "not a v2.0 token")
	case c.hasIDType && c.IDType != "user":
		return refuse(CheckTokenType, "idtyp is not a person's")
	case c.hasActor:
		return refuse(CheckTokenType, "somebody acts for somebody else")
	}
	return nil
}

// checkAudience: OpenID Connect Core 1.0, section 3.1.3.7, steps 3 to 5.
func checkAudience(v *verification) error {
	c, ours := v.claims, v.cfg.ClientID
	switch {
	case !slices.Contains(c.Audience, ours):
		return refuse(CheckAudience, "the token is for another application")
	case len(c.Audience) > 1 && c.Party == nil && c.PartyV1 == nil:
		return refuse(CheckParty, "the token is for several applications and does not say which one asked for it")
	case c.Party != nil && *c.Party != ours, c.PartyV1 != nil && *c.PartyV1 != ours:
		return refuse(CheckParty, "another application asked for the token")
	}
	return nil
}

// checkTimes: RFC 7519, sections 4.1.4 to 4.1.6, each with the leeway. go-oidc gives exp none.
func checkTimes(v *verification) error {
	c, leeway := v.claims, v.cfg.Skew
	switch {
	case c.Expires == nil:
		return refuse(CheckExpired, "the token does not say when it expires")
	case !v.now.Before(c.Expires.Add(leeway)):
		return refuse(CheckExpired, "the token has expired")
	case c.NotBefore != nil && c.NotBefore.After(v.now.Add(leeway)):
		return refuse(CheckNotYetValid, "the token is not valid yet: do the clocks agree?")
	case c.IssuedAt == nil:
		return refuse(CheckIssuedAt, "the token does not say when it was issued")
	case c.IssuedAt.After(v.now.Add(leeway)):
		return refuse(CheckIssuedAt, "the token was issued in the future: do the clocks agree?")
	case c.IssuedAt.After(*c.Expires), c.IssuedAt.Before(v.now.Add(-maxIssuedAge - leeway)):
		return refuse(CheckIssuedAt, "the token was issued after it expires, or more than a day ago")
	}
	return nil
}

func checkNonce(v *verification) error {
	if !v.want.refreshed.IsZero() {
		return checkRefreshed(v)
	}
	want := v.want.pending.Nonce
	if want == "" || subtle.ConstantTimeCompare([]byte(v.claims.Nonce), []byte(want)) != 1 {
		return refuse(CheckNonce, "the token belongs to another sign-in")
	}
	return nil
}

// checkHashes: OpenID Connect Core 1.0, sections 3.1.3.8 and 3.3.2.11. Both claims are optional in this flow; present they must be right.
func checkHashes(v *verification) error {
	if !v.want.redeemed {
		return nil
	}
	if h := v.claims.AtHash; h != nil && !leftHalf(v.algorithm, v.want.access, *h) {
		return refuse(CheckAccessHash, "the access token is not the one that came with the ID token")
	}
	if h := v.claims.CHash; h != nil && !leftHalf(v.algorithm, v.want.code, *h) {
		return refuse(CheckCodeHash, "the code is not the one that the ID token was issued for")
	}
	return nil
}

// leftHalf compares claim with the left half of the hash of value, by the hash function of the token's algorithm.
func leftHalf(algorithm, value, claim string) bool {
	var h hash.Hash
	switch {
	case value == "":
		return false
	case strings.HasSuffix(algorithm, "384"):
		h = sha512.New384()
	case strings.HasSuffix(algorithm, "512"):
		h = sha512.New()
	default:
		h = sha256.New()
	}
	h.Write([]byte(value))
	sum := h.Sum(nil)
	want := base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	return subtle.ConstantTimeCompare([]byte(claim), []byte(want)) == 1
}

// checkAuthTime: a demand for a fresh sign-in is met by what the token says, not by the page that was shown (OpenID Connect Core 1.0, section
// 3.1.3.7, step 13): whoever holds the browser can strip prompt from the address.
func checkAuthTime(v *verification) error {
	p := v.want.pending
	if !p.fresh() {
		return nil
	}
	oldest := p.Begun.Add(-freshSkew)
	if !p.ForceLogin {
		oldest = oldest.Add(-p.MaxAge)
	}
	switch at := v.claims.AuthTime; {
	case at == nil:
		return refuse(CheckFreshness, "a fresh sign-in was asked for and the token does not say when it was: switch on the optional claim auth_time")
	case at.Before(oldest.Truncate(time.Second)):
		return refuse(CheckFreshness, "the person signed in longer ago than was asked for")
	case at.After(v.now.Add(v.cfg.Skew)):
		return refuse(CheckFreshness, "auth_time lies in the future: do the clocks agree?")
	}
	return nil
}
