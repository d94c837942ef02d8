package wsfed_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// npmIssuer is the issuer of the provider made of npm's wsfed and saml.
const npmIssuer = "urn:interop:npm"

// passportClaim begins the claims that npm's wsfed makes of further fields of Passport's profile.
const passportClaim = "http://schemas.passportjs.com/"

// npmProvider is that provider, running.
type npmProvider struct {
	url  string
	keys pair
}

// options of an endpoint, as wsfed.auth of npm's wsfed takes them; see node/provider.js.
type options map[string]any

// startNPMProvider starts it with endpoints of its own for each way to answer. Ann's name needs escaping at every turn.
func startNPMProvider(t *testing.T, endpoints map[string]options) npmProvider {
	t.Helper()
	keys := newPair(t)
	person := func(id, name, mail string) options {
		return options{
			"id": id, "displayName": name, "name": options{"givenName": "<" + name + ">", "familyName": "O'Neil & \"Söhne\""},
			"emails": []options{{"value": mail}}, "departments": []string{"R&D", "Ops"},
		}
	}
	return npmProvider{keys: keys, url: startNode(t, "provider.js", options{
		"issuer": npmIssuer, "cert": keys.certificate, "key": keys.key, "replies": []string{reply}, "endpoints": endpoints,
		"people": options{"ann": person("ann-1", "Ann", "ann@example.com"), "ben": person("ben-2", "Ben", "ben@example.com")},
	})}
}

func (p npmProvider) metadata(endpoint string) string {
	return p.url + "/" + endpoint + "/FederationMetadata/2007-06/FederationMetadata.xml"
}

// answer goes the way to the provider and back, as ann. The hint that names her arrives under AD FS's name for it.
func (p npmProvider) answer(t *testing.T, party *wsfed.RelyingParty, wctx string) (url.Values, *wsfed.Pending) {
	t.Helper()
	start, pending := begin(t, party, wctx, url.Values{"login_hint": {"ann"}})
	require.True(t, strings.HasPrefix(start, p.url+"/"), "the endpoint is the metadata's")
	return requireAnswer(t, newBrowser(t).get(t, start)), pending
}

// TestNPMProvider: npm's wsfed and saml sign people in at our relying party, from its metadata to the identity.
func TestNPMProvider(t *testing.T) {
	provider := startNPMProvider(t, map[string]options{
		"own": {"token": "own", "lifetime": 240}, "saml11": {"token": "1.1"}, "saml20": {"token": "2.0"},
		"prefixed": {"token": "2.0", "signatureNamespacePrefix": "ds"}, "typed": {"token": "2.0", "typedAttributes": true, "includeAttributeNameFormat": true},
	})
	for _, endpoint := range []string{"own", "saml11", "saml20", "prefixed", "typed"} {
		t.Run(endpoint, func(t *testing.T) {
			party := newRelyingParty(t, provider.metadata(endpoint), npmIssuer)
			const wctx = `st"a<t>e&` // must survive two pages of HTML
			form, pending := provider.answer(t, party, wctx)
			require.Equal(t, wctx, form.Get("wctx"))

			_, err := party.VerifyForm(t.Context(), form, &wsfed.Pending{Context: "another browser's", Begun: pending.Begun})
			requireRefused(t, err, wsfed.CheckMessage)

			id, err := party.VerifyForm(t.Context(), form, pending)
			require.NoError(t, err)
			assert.Equal(t, npmIssuer, id.Issuer)
			assert.Equal(t, "ann-1", id.Subject)
			assert.Equal(t, claims.KindExternal, id.Kind)
			assert.Equal(t, "Ann", id.Username)
			assert.Equal(t, "<Ann>", id.GivenName)
			assert.Equal(t, `O'Neil & "Söhne"`, id.FamilyName)
			assert.Equal(t, "ann@example.com", id.Email.Address)
			assert.Empty(t, id.Email.Evidence)
			assert.Equal(t, []any{"R&D", "Ops"}, id.Raw[passportClaim+"departments"])
			assert.Empty(t, id.TenantID+id.ObjectID, "Entra's ids are Entra's to give")

			_, err = party.VerifyForm(t.Context(), form, pending)
			requireRefused(t, err, wsfed.CheckReplay)
		})
	}
}

// TestNPMProviderFromTheFuture: the saml 1.0 that npm's wsfed brings along writes the time at which the token expires as that of the
// authentication (mended in saml 2). Within the tolerated skew nobody minds; an authentication hours ahead is refused.
func TestNPMProviderFromTheFuture(t *testing.T) {
	provider := startNPMProvider(t, map[string]options{"own": {"token": "own", "lifetime": 3600}})
	party := newRelyingParty(t, provider.metadata("own"), npmIssuer)
	form, pending := provider.answer(t, party, "state")
	_, err := party.VerifyForm(t.Context(), form, pending)
	requireRefused(t, err, wsfed.CheckNotYetValid)
}

// TestNPMProviderRefused: what the provider says with another key, to somebody else, about another time, or not like this at all.
func TestNPMProviderRefused(t *testing.T) {
	stranger := newPair(t)
	cases := map[string]struct {
		options options
		check   wsfed.Check
	}{
		"foreign-audience": {options{"audience": "urn:interop:other"}, wsfed.CheckAudience},
		"longer-audience":  {options{"audience": realm + "/"}, wsfed.CheckAudience},
		"foreign-issuer":   {options{"issuer": "urn:interop:other"}, wsfed.CheckIssuer},
		"foreign-key":      {options{"cert": stranger.certificate, "key": stranger.key}, wsfed.CheckSignature},
		"expired":          {options{"lifetime": -3600, "lifetimeInSeconds": -3600}, wsfed.CheckExpired},
		"sha1-signature":   {options{"signatureAlgorithm": "rsa-sha1"}, wsfed.CheckSignature},
		"sha1-digest":      {options{"digestAlgorithm": "sha1"}, wsfed.CheckSignature},
	}
	endpoints := map[string]options{}
	for name, c := range cases {
		for endpoint, token := range map[string]string{name + "-11": "1.1", name + "-20": "2.0"} {
			endpoints[endpoint] = options{"token": token}
			maps.Copy(endpoints[endpoint], c.options)
		}
	}
	endpoints["foreign-recipient-20"] = options{"token": "2.0", "recipient": "https://other.example/callback"}
	endpoints["request-of-ours-20"] = options{"token": "2.0", "inResponseTo": "_1"}
	endpoints["jwt"] = options{"jwt": true}
	provider := startNPMProvider(t, endpoints)
	refused := func(name string, check wsfed.Check) {
		t.Run(name, func(t *testing.T) {
			party := newRelyingParty(t, provider.metadata(name), npmIssuer)
			form, pending := provider.answer(t, party, "state")
			id, err := party.VerifyForm(t.Context(), form, pending)
			requireRefused(t, err, check)
			require.Nil(t, id)
		})
	}
	for name, c := range cases {
		refused(name+"-11", c.check)
		refused(name+"-20", c.check)
	}
	refused("foreign-recipient-20", wsfed.CheckConfirmation)
	refused("request-of-ours-20", wsfed.CheckConfirmation)
	refused("jwt", wsfed.CheckXML)

	for _, name := range []string{"sha1-signature-11", "sha1-digest-20"} {
		t.Run(name+" where it is allowed", func(t *testing.T) {
			party := newRelyingParty(t, provider.metadata(name), npmIssuer, func(c *wsfed.Config) { c.InsecureSHA1 = true })
			form, pending := provider.answer(t, party, "state")
			_, err := party.VerifyForm(t.Context(), form, pending)
			require.NoError(t, err)
		})
	}
	t.Run("somebody unknown", func(t *testing.T) {
		party := newRelyingParty(t, provider.metadata("jwt"), npmIssuer)
		start, _ := begin(t, party, "state", url.Values{"login_hint": {"eve"}})
		p := newBrowser(t).get(t, start)
		require.Equal(t, http.StatusUnauthorized, p.status)
	})
}

// TestNPMProviderTampered: an answer that was changed on its way.
func TestNPMProviderTampered(t *testing.T) {
	provider := startNPMProvider(t, map[string]options{"saml11": {"token": "1.1"}, "saml20": {"token": "2.0"}})
	for _, endpoint := range []string{"saml11", "saml20"} {
		for name, change := range map[string][2]string{
			"name identifier": {"ann-1", "ben-2"},
			"address":         {"ann@example.com", "ben@example.com"},
			"audience":        {realm, "urn:interop:other"},
			"issuer":          {npmIssuer, "urn:interop:other"},
			"digest":          {"<DigestValue>", "<DigestValue>A"},
			"signature value": {"<SignatureValue>", "<SignatureValue>A"},
			"a comment":       {"ann@example.com", "ann@example.com<!-- -->.evil.example"},
		} {
			t.Run(endpoint+"/"+name, func(t *testing.T) {
				party := newRelyingParty(t, provider.metadata(endpoint), npmIssuer)
				form, pending := provider.answer(t, party, "state")
				good := form.Get("wresult")
				require.Contains(t, good, change[0])
				form.Set("wresult", strings.ReplaceAll(good, change[0], change[1]))
				id, err := party.VerifyForm(t.Context(), form, pending)
				var refused *wsfed.VerificationError
				require.ErrorAs(t, err, &refused)
				require.Contains(t, []wsfed.Check{wsfed.CheckSignature, wsfed.CheckXML}, refused.Check)
				require.Nil(t, id)

				form.Set("wresult", good)
				_, err = party.VerifyForm(t.Context(), form, pending)
				require.NoError(t, err, "and the refusal used nothing up")
			})
		}
	}
}

// TestNPMProviderMetadata: keys and issuer are the configured provider's.
func TestNPMProviderMetadata(t *testing.T) {
	provider := startNPMProvider(t, map[string]options{"saml20": {"token": "2.0"}})
	t.Run("another issuer than the configured one", func(t *testing.T) {
		party := newRelyingParty(t, provider.metadata("saml20"), "urn:interop:other")
		_, _, err := party.SignIn(t.Context(), wsfed.SignInRequest{Context: "state"})
		require.ErrorIs(t, err, wsfed.ErrMetadata)
	})
	t.Run("an unsigned document where a signed one is demanded", func(t *testing.T) {
		party := newRelyingParty(t, provider.metadata("saml20"), npmIssuer, func(c *wsfed.Config) {
			c.MetadataSigners = append(c.MetadataSigners, provider.keys.parsed)
		})
		_, _, err := party.SignIn(t.Context(), wsfed.SignInRequest{Context: "state"})
		require.ErrorIs(t, err, wsfed.ErrMetadata)
	})
	t.Run("no document", func(t *testing.T) {
		party := newRelyingParty(t, provider.metadata("nowhere"), npmIssuer)
		_, _, err := party.SignIn(t.Context(), wsfed.SignInRequest{Context: "state"})
		require.ErrorIs(t, err, wsfed.ErrUnavailable)
	})
}
