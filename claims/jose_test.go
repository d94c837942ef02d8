package claims_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
)

// A host's token library signs what we return beside its own claims, and a reader gets back exactly that, whatever order the groups came in.
func TestTokenClaimsThroughATokenLibrary(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("at+jwt"))
	require.NoError(t, err)
	own := jwt.Claims{Issuer: "https://auth.example.com", Subject: "user_1", Expiry: jwt.NewNumericDate(time.Unix(1900000000, 0))}
	id := fromJWT(t, members{"email": "ann@contoso.com", "ctry": "NL", "extn.level": json.Number("12345678901234567890"), "sub": "evil"})
	for _, list := range [][]claims.Group{{{ID: "b"}, {ID: "a", Name: "Alpha"}}, {{ID: "a"}, {ID: "b"}, {ID: "b"}}} {
		groups := claims.KnownGroups(list)
		access, err := claims.AccessToken(groups, map[string]any{"jobTitle": "CFO", "sub": "evil"}, claims.TokenOptions{})
		require.NoError(t, err)
		social, err := claims.IDToken(provider, id, groups, claims.TokenOptions{})
		require.NoError(t, err)
		maps.Copy(access, social)
		raw, err := jwt.Signed(signer).Claims(own).Claims(access).Serialize()
		require.NoError(t, err)

		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
		require.NoError(t, err)
		var back struct {
			jwt.Claims
			Groups   []string        `json:"ext_groups"`
			Extra    json.RawMessage `json:"extra_claims"`
			Provider json.RawMessage `json:"ext_provider"`
		}
		require.NoError(t, parsed.Claims(key.Public(), &back))
		assert.Equal(t, "user_1", back.Subject, "the host's own claims stay its own")
		assert.Equal(t, []string{"a", "b"}, back.Groups)
		assert.Equal(t, `{"jobTitle":"CFO"}`, string(back.Extra))
		assert.Equal(t, `{"claims":{"connection_id":"conn_1","email":"ann@contoso.com","is_confirmed":true,"profile":{"ctry":"NL","email":"ann@contoso.com",`+
			`"extn.level":12345678901234567890,"groups":["a","b"],"name":"Ann Archer","oid":"`+ann+`","preferred_username":"ann@contoso.com","tid":"`+contoso+`"}},`+
			`"connection_id":"conn_1","name":"contoso-entra"}`, string(back.Provider))
	}
}
