package oauth2

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// backdated is how far back Entra dates iat.
const backdated = 5 * time.Minute

// Refresh trades a refresh token, which Entra gives where Scopes holds offline_access, for new tokens, and verifies the ID token that comes with
// them. person is who signed in (TenantID and ObjectID; Subject if it is known): an answer about anybody else is refused, and so is one without an ID token.
// Without a person nothing is asked (ErrInvalid): a refresh token that was filed under the wrong user must not pass for that user's.
//
// It says that Entra still knows the person and lets them in; it is no sign-in: nobody was asked anything, and AuthTime stays
// that of the sign-in. Where Entra gives no new refresh token the old one is returned, so that Token.Refresh is always the one to keep.
//
// Entra revokes no refresh token at the application's wish: it has no revocation endpoint (RFC 7009), and signing out leaves the
// refresh tokens of web applications alive. Whoever signs a person out deletes the token; an administrator can revoke all of a person's, in all
// applications at once (https://learn.microsoft.com/graph/api/user-revokesigninsessions), and then Refresh fails with invalid_grant.
// https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-revocation
//
// Errors: ErrInvalid; as Redeem; *aadsts.Error with SignInAgain when the person has to sign in again.
func (c *Client) Refresh(ctx context.Context, refresh credential.Secret, person *claims.Identity) (*claims.Identity, *credential.Token, error) {
	switch {
	case refresh.IsZero():
		return nil, nil, fmt.Errorf("%w: there is no refresh token", ErrInvalid)
	case person == nil || !cloud.IsCanonicalGUID(person.TenantID) || !cloud.IsCanonicalGUID(person.ObjectID):
		return nil, nil, fmt.Errorf("%w: the person of a refresh is known by tenant id and object id", ErrInvalid)
	}
	asked := c.cfg.Now()
	token, err := c.ask(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}, "", false)
	if err != nil {
		return nil, nil, fmt.Errorf("oauth2: refreshing tokens: %w", err)
	}
	if token.ID.IsZero() {
		return nil, nil, refuse(CheckForm, "the token endpoint returned no ID token")
	}
	id, err := c.verify(ctx, token.ID.Reveal(), expected{pending: &Pending{}, access: token.Access.Reveal(), redeemed: true, refreshed: asked})
	if err != nil {
		return nil, nil, err
	}
	// Refresh tokens are bound to a person and an application, but to no tenant: where several are admitted the tenant is compared too.
	if id.TenantID != person.TenantID || id.ObjectID != person.ObjectID || person.Subject != "" && id.Subject != person.Subject {
		return nil, nil, refuse(CheckPerson, "the refreshed token is another person's")
	}
	if token.Refresh.IsZero() { // RFC 6749, section 6
		token.Refresh = refresh
	}
	return id, token, nil
}

// checkRefreshed: OpenID Connect Core 1.0, section 12.2. A refreshed ID token carries no nonce, since no browser brought it: it came from the token endpoint
// itself, and must have been issued in answer to this very request.
func checkRefreshed(v *verification) error {
	if v.claims.IssuedAt.Before(v.want.refreshed.Add(-backdated - v.cfg.Skew)) {
		return refuse(CheckIssuedAt, "the refreshed token is an old one")
	}
	return nil
}

// Refresh implements entra.Refresher.
func (d *driver) Refresh(ctx context.Context, t entra.Target, refresh credential.Secret, person *claims.Identity) (*claims.Identity, *credential.Token, error) {
	c, err := d.client(t)
	if err != nil {
		return nil, nil, failure(err)
	}
	id, token, err := c.Refresh(ctx, refresh, person)
	return id, token, failure(err)
}
