package bench

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
)

const callback = "https://auth.example.com/sso/callback/oauth2"

// verification is one token, and three ways to verify it. Each must be done with it anew every time.
type verification struct {
	name string
	once func() error
}

// BenchmarkVerify measures, on a typical ID token of Entra (Ann's, with three groups), the whole of our verification
// from text to identity, go-oidc's Verify with a fixed key set, and the signature alone.
func BenchmarkVerify(b *testing.B) {
	for _, v := range verifications(b) {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.once(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRatio measures the same three by turns, so that a machine that is busy is busy with all of them, and reports the
// quotients of the best rounds.
func BenchmarkRatio(b *testing.B) {
	const rounds, each = 20, 50
	list := verifications(b)
	best := make([]time.Duration, len(list))
	for b.Loop() {
		for range rounds {
			for i, v := range list {
				began := time.Now()
				for range each {
					if err := v.once(); err != nil {
						b.Fatal(err)
					}
				}
				if took := time.Since(began); best[i] == 0 || took < best[i] {
					best[i] = took
				}
			}
		}
	}
	b.ReportMetric(float64(best[0])/float64(best[1]), "x-go-oidc")
	b.ReportMetric(float64(best[0])/float64(best[2]), "x-rsa")
	for i, v := range list {
		b.ReportMetric(float64(best[i].Nanoseconds())/each, v.name+"-ns")
	}
}

func verifications(b *testing.B) []verification {
	b.Helper()
	entra, err := entratest.Start(nil)
	require.NoError(b, err)
	b.Cleanup(entra.Close)
	require.NoError(b, entra.AddRedirectURI(entratest.ContosoApp, callback))
	client, err := entraoauth2.New(entraoauth2.Config{
		Cloud: entra.Cloud(), Tenant: entratest.ContosoID, ClientID: entratest.ContosoApp, RedirectURL: callback,
		Credential: credential.FromSecret(credential.NewSecret(entratest.ContosoSecret)), HTTPClient: entra.Client(),
	})
	require.NoError(b, err)

	ctx := b.Context()
	address, pending, err := client.SignIn(ctx, entraoauth2.SignInRequest{State: "state-of-this-sign-in-0123456789abcdef"})
	require.NoError(b, err)
	back, err := entra.Authenticate(ctx, address, entratest.Ann)
	require.NoError(b, err)
	_, token, err := client.Redeem(ctx, pending, back.URL.Query())
	require.NoError(b, err)
	raw := token.ID.Reveal()

	all, signer := publicKeys(b, entra, raw)
	issuer := entra.URL + "/" + entratest.ContosoID + "/v2.0"
	verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: all}, &oidc.Config{ClientID: entratest.ContosoApp})
	input, encoded := raw[:strings.LastIndex(raw, ".")], raw[strings.LastIndex(raw, ".")+1:]
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(b, err)

	return []verification{
		{"tenantdoor", func() error {
			_, err := client.Verify(ctx, raw, pending.Nonce)
			return err
		}},
		{"go-oidc", func() error {
			_, err := verifier.Verify(ctx, raw)
			return err
		}},
		{"rsa", func() error {
			digest := sha256.Sum256([]byte(input))
			return rsa.VerifyPKCS1v15(signer, crypto.SHA256, digest[:], signature)
		}},
	}
}

// publicKeys reads the tenant's key set: the one key that signed the token. go-oidc's fixed key set knows no key ids and would try the others in vain.
func publicKeys(b *testing.B, entra *entratest.Server, raw string) ([]crypto.PublicKey, *rsa.PublicKey) {
	b.Helper()
	header, err := base64.RawURLEncoding.DecodeString(raw[:strings.Index(raw, ".")])
	require.NoError(b, err)
	var named struct {
		KeyID string `json:"kid"`
	}
	require.NoError(b, json.Unmarshal(header, &named))

	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, entra.URL+"/"+entratest.ContosoID+"/discovery/v2.0/keys", nil)
	require.NoError(b, err)
	response, err := entra.Client().Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
			N  string `json:"n"`
			E  string `json:"e"`
		} `json:"keys"`
	}
	require.NoError(b, json.NewDecoder(response.Body).Decode(&set))
	for _, k := range set.Keys {
		if k.ID != named.KeyID {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		require.NoError(b, err)
		e, err := base64.RawURLEncoding.DecodeString(k.E)
		require.NoError(b, err)
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		return []crypto.PublicKey{public}, public
	}
	b.Fatal("the token's key is not in the key set")
	return nil, nil
}
