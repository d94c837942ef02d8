package oauth2

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// SignOutRequest asks for the address of a sign-out.
type SignOutRequest struct {
	// ReturnTo is where Entra sends the browser afterwards: absolute, https or loopback, registered with the application. "" leaves
	// the person on Entra's own page.
	ReturnTo string
	// LoginHint is the identity's LoginHint (the optional claim login_hint). With it Entra asks nobody which account to sign out;
	// a user name does not do that.
	LoginHint string
}

// SignOut returns where to send the browser so that Entra ends its session, after the host has ended its own (OpenID Connect RP-Initiated
// Logout 1.0). https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request
func (c *Client) SignOut(ctx context.Context, q SignOutRequest) (string, error) {
	now, err := c.cfg.Metadata.current(ctx, c.authority, c.means)
	if err != nil {
		return "", err
	}
	return signOutURL(now.document, q)
}

func signOutURL(d *document, q SignOutRequest) (string, error) {
	if d.endSession == "" {
		return "", errors.New("oauth2: the authority has no sign-out endpoint")
	}
	u, err := url.Parse(d.endSession)
	if err != nil {
		return "", errors.New("oauth2: the sign-out endpoint is not a URL")
	}
	query := u.Query()
	if q.ReturnTo != "" {
		if _, err := outbound.CheckURL(q.ReturnTo); err != nil {
			return "", fmt.Errorf("%w: return URL of a sign-out: %w", ErrInvalid, err)
		}
		query.Set("post_logout_redirect_uri", q.ReturnTo)
	}
	if q.LoginHint != "" {
		query.Set("logout_hint", q.LoginHint)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
