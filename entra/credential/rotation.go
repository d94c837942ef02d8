package credential

import (
	"context"
	"errors"
	"net/url"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// FromSecrets is FromSecret with a second secret that is used where Entra refuses the first, because it is wrong or has expired (AADSTS7000215,
// AADSTS7000222): with both in place a secret is rotated without a moment in which nobody can sign in. The second costs one more request each
// time, so it takes the first one's place once Entra accepts it. One that is empty counts for nothing.
//
// A code survives the refusal: Entra authenticates the application before it looks at the code. If it did not, the person would sign in once more.
func FromSecrets(first, second Secret) Credential {
	switch {
	case first.IsZero():
		return FromSecret(second)
	case second.IsZero(), first.Equal(second):
		return FromSecret(first)
	}
	return secretPair{first, second}
}

type secretPair struct{ first, second Secret }

func (p secretPair) Authenticate(ctx context.Context, tokenURL, clientID string, form url.Values) error {
	return FromSecret(p.first).Authenticate(ctx, tokenURL, clientID, form)
}

// identity lets whoever holds the same two secrets share a token.
func (p secretPair) identity() any {
	return [2]any{secretCredential{p.first}.identity(), secretCredential{p.second}.identity()}
}

// instead returns what to try once after err: the second secret, when the application was not believed (RFC 6749 section 5.2).
func instead(c Credential, err error) (Credential, bool) {
	pair, ok := c.(secretPair)
	var refused *aadsts.Error
	if !ok || !errors.As(err, &refused) || refused.OAuth != "invalid_client" {
		return nil, false
	}
	return FromSecret(pair.second), true
}
