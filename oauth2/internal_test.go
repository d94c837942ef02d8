package oauth2

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// TestRefreshedMeanwhile: who found a key missing, and finds that others have refreshed in the meantime without it, still causes the fetch that
// finds it; and no second one.
func TestRefreshedMeanwhile(t *testing.T) {
	old, refreshed, newest := &snapshot{}, &snapshot{}, &snapshot{keys: keys{"two": {{}}}}
	answers := map[*snapshot]*snapshot{old: refreshed, refreshed: newest}
	asked := 0
	s := signature{kid: "two", found: old, renew: func(_ context.Context, seen *snapshot) (*snapshot, error) {
		asked++
		return answers[seen], nil
	}}
	found, err := s.candidates(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, 2, asked)

	s = signature{kid: "three", found: old, renew: func(_ context.Context, seen *snapshot) (*snapshot, error) { return seen, nil }}
	_, err = s.candidates(t.Context())
	require.Error(t, err)
}

// TestIssuerThatNobodyKnows: a cloud that has no issuer is not the one that a token without an issuer is of.
func TestIssuerThatNobodyKnows(t *testing.T) {
	const tenant = "0e4a4700-0000-4000-8000-000000000001"
	c := &Client{cfg: Config{AllowV1Tokens: true}}
	d := &document{issuer: "https://login.test/{tenantid}/v2.0", shared: true}
	require.NoError(t, c.checkIssuer(d, &idClaims{Tenant: tenant, Issuer: "https://login.test/" + tenant + "/v2.0", Version: version2}))
	require.Error(t, c.checkIssuer(d, &idClaims{Tenant: tenant, Version: version1}))
}

func TestState(t *testing.T) {
	p := &Pending{
		Verifier: oauth2.GenerateVerifier(), Nonce: newNonce(), State: "the state is kept elsewhere",
		ForceLogin: true, MaxAge: 90 * time.Second, Begun: time.Unix(1_900_000_000, 0),
	}
	packed, err := p.pack()
	require.NoError(t, err)
	require.LessOrEqual(t, len(packed), 512)
	back, err := unpack(packed, p.State, p.Claims)
	require.NoError(t, err)
	require.Equal(t, p, back)

	packed[0]++
	for name, data := range map[string][]byte{
		"nothing": nil, "short": packed[:len(packed)-1], "long": append(slices.Clip(packed), 0), "another version": packed,
		"an unknown flag": append([]byte{stateVersion, 0x80}, packed[2:]...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(data, p.State, p.Claims)
			require.ErrorIs(t, err, errState)
		})
	}
	_, err = (&Pending{Verifier: "short", Nonce: newNonce()}).pack()
	require.ErrorIs(t, err, errState)
	_, err = (&Pending{Verifier: newNonce(), Nonce: "short"}).pack()
	require.ErrorIs(t, err, errState)
}

// TestParametersOfTheEndpoint: what the authorization endpoint's own query holds cannot take the place of ours.
func TestParametersOfTheEndpoint(t *testing.T) {
	ours := map[string]string{"client_id": "ours", "state": "s"}
	address, err := compose("https://login.example/authorize?p=b2c_1_signin", ours, nil)
	require.NoError(t, err)
	require.Equal(t, "https://login.example/authorize?client_id=ours&p=b2c_1_signin&state=s", address)
	for _, query := range []string{"client_id=theirs", "CLIENT_ID=theirs", "request_uri=x", "a=1&a=2", "a=1&A=2", "%20state=x"} {
		_, err := compose("https://login.example/authorize?"+query, ours, nil)
		require.Error(t, err, query)
	}
}

// FuzzDocument: an accepted document names one issuer, of the authority asked, and endpoints at its host alone.
func FuzzDocument(f *testing.F) {
	const login = "https://login.example"
	const good = `{"issuer":"https://login.example/c0a70500-0000-4000-8000-000000000001/v2.0","authorization_endpoint":"https://login.example/a",` +
		`"token_endpoint":"https://login.example/t","jwks_uri":"https://login.example/k?appid=1","end_session_endpoint":"https://login.example/e"}`
	f.Add([]byte(good), "c0a70500-0000-4000-8000-000000000001", true)
	f.Add([]byte(strings.Replace(good, "c0a70500-0000-4000-8000-000000000001", "{tenantid}", 1)), "common", true)
	f.Add([]byte(good), "contoso.com", false)
	f.Add([]byte(strings.ReplaceAll(good, "login.example", "login.example@evil.example")), "contoso.com", false)
	f.Fuzz(func(t *testing.T, data []byte, tenant string, known bool) {
		a := authority{login: login, tenant: tenant}
		if known {
			a.issuer = login + "/{tenantid}/v2.0"
		}
		d, err := a.parseDocument(data)
		if err != nil {
			require.Nil(t, d)
			return
		}
		for _, endpoint := range []string{d.authorization, d.token, d.keys, d.endSession} {
			if endpoint != "" {
				require.True(t, strings.HasPrefix(endpoint, login+"/") || strings.HasPrefix(endpoint, login+"?") || endpoint == login ||
					strings.HasPrefix(strings.ToLower(endpoint), login), endpoint)
			}
		}
		require.Equal(t, a.shared(), d.tenant == "")
		if known && !a.shared() {
			require.Equal(t, login+"/"+d.tenant+"/v2.0", d.issuer)
		}
	})
}

// FuzzKeys: an accepted set has keys, all of them strong enough, and is accepted again.
func FuzzKeys(f *testing.F) {
	n := strings.Repeat("_", 341) + "w"
	f.Add([]byte(`{"keys":[{"kty":"RSA","use":"sig","kid":"a","n":"` + n + `","e":"AQAB","issuer":"https://x/{tenantid}/v2.0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256"}]}`))
	f.Add([]byte(`{"keys":[null]}`))
	f.Add([]byte(`{"keys":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseKeys(data)
		if err != nil {
			require.Nil(t, set)
			return
		}
		require.NotEmpty(t, set)
		for kid, list := range set {
			require.NotEmpty(t, kid)
			for _, k := range list {
				require.GreaterOrEqual(t, k.public.N.BitLen(), minKeyBits)
				require.Positive(t, k.public.E)
			}
		}
	})
}

// FuzzUnpack: what is accepted packs to the same bytes.
func FuzzUnpack(f *testing.F) {
	p := &Pending{Verifier: newNonce(), Nonce: newNonce(), Begun: time.Unix(1_900_000_000, 0), MaxAge: time.Hour}
	packed, err := p.pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := unpack(data, "", "")
		if err != nil {
			return
		}
		again, err := p.pack()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}
