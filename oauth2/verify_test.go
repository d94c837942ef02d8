package oauth2_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

func TestVerifyAccepts(t *testing.T) {
	f := newFake(t)
	now := start
	tests := map[string]map[string]any{
		"an ordinary token":                          {},
		"expired within the leeway":                  {"exp": now.Add(-5*time.Minute + time.Second).Unix()},
		"not yet valid, within the leeway":           {"nbf": now.Add(5 * time.Minute).Unix(), "iat": now.Add(5 * time.Minute).Unix()},
		"no nbf":                                     {"nbf": nil},
		"fractions of a second":                      {"exp": float64(now.Add(time.Hour).Unix()) + 0.5},
		"a list of one audience":                     {"aud": []string{clientID}},
		"several audiences and our azp":              {"aud": []string{clientID, "api://other"}, "azp": clientID},
		"our azp":                                    {"azp": clientID},
		"a person's idtyp":                           {"idtyp": "user"},
		"claims that nobody knows":                   {"extn.badge": []string{"7"}, "nested": map[string]any{"iss": "https://evil.example", "Tid": 1}},
		"an issued-at of nearly a day ago":           {"iat": now.Add(-24 * time.Hour).Unix()},
		"at_hash and c_hash to compare with nothing": {"at_hash": "AAAA", "c_hash": "AAAA"},
	}
	for name, with := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := f.client(t).Verify(t.Context(), f.sign(with), testNonce)
			require.NoError(t, err)
			require.Equal(t, contoso, id.TenantID)
			require.Equal(t, objectID, id.ObjectID)
		})
	}
}

// TestGroupsWithoutSource: go-oidc refuses a token whose _claim_names point nowhere. For us it is an overage.
func TestGroupsWithoutSource(t *testing.T) {
	f := newFake(t)
	for name, with := range map[string]map[string]any{
		"no source":      {"_claim_names": map[string]any{"groups": "src1"}},
		"other source":   {"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src2": map[string]any{"endpoint": "https://evil.example/x"}}},
		"empty source":   {"_claim_names": map[string]any{"groups": ""}},
		"foreign source": {"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://evil.example/x", "access_token": "t"}}},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := f.client(t).Verify(t.Context(), f.sign(with), testNonce)
			require.NoError(t, err)
			require.True(t, id.Groups.Overage())
			require.Empty(t, f.elsewhere())
		})
	}
	escaped := signedText(`{"alg":"RS256","kid":"one"}`, strings.Replace(text(f.claims(nil)), "{", `{"\u005fclaim_names":{"groups":"src1"},`, 1), 0)
	id, err := f.client(t).Verify(t.Context(), escaped, testNonce)
	require.NoError(t, err)
	require.True(t, id.Groups.Overage())
}

// TestVerifyRefuses has a row for each check; with the check taken out, the row's token is accepted or fails elsewhere.
func TestVerifyRefuses(t *testing.T) {
	f := newFake(t)
	now := start
	own := f.URL + "/" + contoso + "/v2.0"
	tests := map[string]struct {
		with  map[string]any
		check oauth2.Check
	}{
		// whose issuer
		"issuer missing":             {map[string]any{"iss": nil}, oauth2.CheckIssuer},
		"issuer of a look-alike":     {map[string]any{"iss": "https://login.microsoftonline.com.evil.example/" + contoso + "/v2.0"}, oauth2.CheckIssuer},
		"issuer with a suffix":       {map[string]any{"iss": own + "/"}, oauth2.CheckIssuer},
		"issuer with a query":        {map[string]any{"iss": own + "?x"}, oauth2.CheckIssuer},
		"issuer with user info":      {map[string]any{"iss": strings.Replace(own, "http://", "http://login.microsoftonline.com@", 1)}, oauth2.CheckIssuer},
		"issuer with another port":   {map[string]any{"iss": "http://127.0.0.1:1/" + contoso + "/v2.0"}, oauth2.CheckIssuer},
		"issuer in another case":     {map[string]any{"iss": strings.Replace(own, "http", "HTTP", 1)}, oauth2.CheckIssuer},
		"issuer with more path":      {map[string]any{"iss": strings.Replace(own, "/v2.0", "/x/v2.0", 1)}, oauth2.CheckIssuer},
		"issuer of v1.0":             {map[string]any{"iss": "https://sts.windows.net/" + contoso + "/"}, oauth2.CheckIssuer},
		"issuer without v2.0":        {map[string]any{"iss": f.URL + "/" + contoso}, oauth2.CheckIssuer},
		"issuer is the template":     {map[string]any{"iss": f.URL + "/{tenantid}/v2.0"}, oauth2.CheckIssuer},
		"issuer is another tenant's": {map[string]any{"iss": f.URL + "/" + fabrikam + "/v2.0"}, oauth2.CheckIssuer},
		// whose tenant
		"tid missing":          {map[string]any{"tid": nil}, oauth2.CheckTenant},
		"tid another tenant's": {map[string]any{"tid": fabrikam}, oauth2.CheckTenant},
		"another tenant":       {map[string]any{"tid": fabrikam, "iss": f.URL + "/" + fabrikam + "/v2.0"}, oauth2.CheckTenant},
		"tid in upper case":    {map[string]any{"tid": strings.ToUpper(contoso), "iss": f.URL + "/" + strings.ToUpper(contoso) + "/v2.0"}, oauth2.CheckTenant},
		"tid in braces":        {map[string]any{"tid": "{" + contoso + "}"}, oauth2.CheckTenant},
		"tid no GUID":          {map[string]any{"tid": "contoso.test"}, oauth2.CheckTenant},
		"tid with a path":      {map[string]any{"tid": "x/../" + contoso}, oauth2.CheckTenant},
		"tid a list":           {map[string]any{"tid": []string{contoso}}, oauth2.CheckForm},
		// for whom
		"audience another app":            {map[string]any{"aud": "c0a70500-0000-4000-8000-0000000000ff"}, oauth2.CheckAudience},
		"audience Graph":                  {map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}, oauth2.CheckAudience},
		"audience missing":                {map[string]any{"aud": nil}, oauth2.CheckAudience},
		"audience empty list":             {map[string]any{"aud": []string{}}, oauth2.CheckAudience},
		"audience in upper case":          {map[string]any{"aud": strings.ToUpper(clientID)}, oauth2.CheckAudience},
		"audience with ours as a part":    {map[string]any{"aud": clientID + " other"}, oauth2.CheckAudience},
		"audience with null":              {map[string]any{"aud": []any{clientID, nil}}, oauth2.CheckForm},
		"several audiences without azp":   {map[string]any{"aud": []string{clientID, "other"}}, oauth2.CheckParty},
		"several audiences, another azp":  {map[string]any{"aud": []string{clientID, "other"}, "azp": "other"}, oauth2.CheckParty},
		"one audience, another azp":       {map[string]any{"azp": "other"}, oauth2.CheckParty},
		"one audience, an azp of nothing": {map[string]any{"azp": ""}, oauth2.CheckParty},
		// when
		"expired":                 {map[string]any{"exp": now.Add(-5 * time.Minute).Unix()}, oauth2.CheckExpired},
		"no expiry":               {map[string]any{"exp": nil}, oauth2.CheckExpired},
		"expiry a string":         {map[string]any{"exp": "4102444800"}, oauth2.CheckForm},
		"expiry beyond time":      {map[string]any{"exp": 1e300}, oauth2.CheckForm},
		"expiry negative":         {map[string]any{"exp": -1}, oauth2.CheckForm},
		"not yet valid":           {map[string]any{"nbf": now.Add(5*time.Minute + time.Second).Unix()}, oauth2.CheckNotYetValid},
		"issued in the future":    {map[string]any{"iat": now.Add(5*time.Minute + time.Second).Unix()}, oauth2.CheckIssuedAt},
		"issued never":            {map[string]any{"iat": nil}, oauth2.CheckIssuedAt},
		"issued at zero":          {map[string]any{"iat": 0}, oauth2.CheckForm},
		"issued two days ago":     {map[string]any{"iat": now.Add(-48 * time.Hour).Unix()}, oauth2.CheckIssuedAt},
		"issued after it expires": {map[string]any{"iat": now.Add(time.Minute).Unix(), "exp": now.Unix()}, oauth2.CheckIssuedAt},
		// for which sign-in
		"nonce missing": {map[string]any{"nonce": nil}, oauth2.CheckNonce},
		"nonce empty":   {map[string]any{"nonce": ""}, oauth2.CheckNonce},
		"nonce other":   {map[string]any{"nonce": testNonce + "x"}, oauth2.CheckNonce},
		"nonce a list":  {map[string]any{"nonce": []string{testNonce}}, oauth2.CheckForm},
		// what kind
		"version 1.0":      {map[string]any{"ver": "1.0"}, oauth2.CheckVersion},
		"version missing":  {map[string]any{"ver": nil}, oauth2.CheckVersion},
		"an app's token":   {map[string]any{"idtyp": "app"}, oauth2.CheckTokenType},
		"a device's token": {map[string]any{"idtyp": "device"}, oauth2.CheckTokenType},
		"idtyp a list":     {map[string]any{"idtyp": []string{"user"}}, oauth2.CheckTokenType},
		"an actor, act":    {map[string]any{"act": map[string]any{"sub": "app"}}, oauth2.CheckTokenType},
		"an actor, actor":  {map[string]any{"actor": "eyJ"}, oauth2.CheckTokenType},
		"an actor, actort": {map[string]any{"actort": "eyJ"}, oauth2.CheckTokenType},
		"an actor's token": {map[string]any{"actortoken": "eyJ"}, oauth2.CheckTokenType}, // the name in [MS-SPS2SAUTH]
		// who
		"no sub":                {map[string]any{"sub": nil}, oauth2.CheckSubject},
		"no oid":                {map[string]any{"oid": nil}, oauth2.CheckSubject},
		"oid in upper case":     {map[string]any{"oid": strings.ToUpper(objectID)}, oauth2.CheckSubject},
		"oid of another format": {map[string]any{"oid": "ann"}, oauth2.CheckSubject},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := f.sign(tt.with)
			id, err := f.client(t).Verify(t.Context(), token, testNonce)
			requireRefused(t, err, tt.check, token)
			require.Nil(t, id)
			require.Empty(t, f.elsewhere())
		})
	}
}

// TestTenantsForm: at an authority of many tenants tid alone says which issuer is right, so that its form is all there is.
func TestTenantsForm(t *testing.T) {
	f := newFake(t)
	for _, tenant := range []string{
		strings.ToUpper(contoso), "{" + contoso + "}", "contoso.test", "common", "", "..", contoso + "/x", contoso + "\n", "{tenantid}",
	} {
		token := f.sign(map[string]any{"tid": tenant, "iss": f.URL + "/" + tenant + "/v2.0"})
		_, err := f.client(t, anyTenant).Verify(t.Context(), token, testNonce)
		requireRefused(t, err, oauth2.CheckTenant, "")
	}
}

func TestVerifyNeedsANonce(t *testing.T) {
	f := newFake(t)
	_, err := f.client(t).Verify(t.Context(), f.sign(map[string]any{"nonce": ""}), "")
	requireRefused(t, err, oauth2.CheckNonce, "")
}

// TestAmbiguousTokens: what one reader takes for the tenant, another must not take for something else.
func TestAmbiguousTokens(t *testing.T) {
	f := newFake(t)
	claims := text(f.claims(nil))
	add := func(members string) string { return strings.Replace(claims, "{", "{"+members+",", 1) }
	const header = `{"alg":"RS256","typ":"JWT","kid":"one"}`
	tests := map[string]struct{ header, claims string }{
		"tid twice":                  {header, add(`"tid":"` + contoso + `"`)},
		"tid twice, one escaped":     {header, add(`"t\u0069d":"` + fabrikam + `"`)},
		"Tid beside tid":             {header, add(`"Tid":"` + fabrikam + `"`)},
		"TID in place of tid":        {header, strings.Replace(claims, `"tid"`, `"TID"`, 1)},
		"ſub beside sub":             {header, add(`"ſub":"x"`)},
		"ſub in place of sub":        {header, strings.Replace(claims, `"sub"`, `"ſub"`, 1)},
		"ſub escaped":                {header, strings.Replace(claims, `"sub"`, `"\u017fub"`, 1)},
		"Cyrillic ѕub":               {header, add(`"ѕub":"x"`)},
		"fullwidth ｔｉｄ":              {header, add(`"ｔｉｄ":"x"`)},
		"a zero-width space in tid":  {header, add("\"t\u200bid\":\"x\"")},
		"an empty name":              {header, add(`"":"x"`)},
		"AUD beside aud":             {header, add(`"AUD":"x"`)},
		"Idtyp alone":                {header, add(`"Idtyp":"app"`)},
		"duplicates further down":    {header, add(`"x":{"a":{"b":1,"b":2}}`)},
		"duplicates in a list":       {header, add(`"x":[1,{"b":1,"B":2}]`)},
		"nested beyond reason":       {header, add(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000))},
		"more after the end":         {header, claims + "{}"},
		"a list":                     {header, "[" + claims + "]"},
		"no UTF-8":                   {header, add("\"x\":\"\xff\"")},
		"nothing":                    {header, ""},
		"null":                       {header, "null"},
		"header with two kids":       {`{"alg":"RS256","kid":"two","kid":"one"}`, claims},
		"header with two algorithms": {`{"alg":"RS256","ALG":"none","kid":"one"}`, claims},
		"header with crit":           {`{"alg":"RS256","kid":"one","crit":["exp"],"exp":1}`, claims},
		"header with b64":            {`{"alg":"RS256","kid":"one","crit":["b64"],"b64":true}`, claims},
		"an access token":            {`{"alg":"RS256","kid":"one","typ":"at+jwt"}`, claims},
		"a logout token":             {`{"alg":"RS256","kid":"one","typ":"logout+jwt"}`, claims},
		"kid a number":               {`{"alg":"RS256","kid":1}`, claims},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := f.client(t)
			token := signedText(tt.header, tt.claims, 0)
			_, err := c.Verify(t.Context(), token, testNonce)
			requireRefused(t, err, oauth2.CheckForm, token)
		})
	}
	require.Zero(t, f.count(""), "a token that cannot be read causes no request at all")
}

// TestNullIsNotAbsent: where a claim's presence decides, null is present.
func TestNullIsNotAbsent(t *testing.T) {
	f := newFake(t)
	for name, check := range map[string]oauth2.Check{
		"idtyp": oauth2.CheckTokenType, "act": oauth2.CheckTokenType, "actor": oauth2.CheckTokenType, "actort": oauth2.CheckTokenType, "aud": oauth2.CheckForm,
	} {
		claims := text(f.claims(map[string]any{"aud": nil}))
		if name != "aud" {
			claims = text(f.claims(nil))
		}
		claims = strings.Replace(claims, "{", `{"`+name+`":null,`, 1)
		_, err := f.client(t).Verify(t.Context(), signedText(`{"alg":"RS256","kid":"one"}`, claims, 0), testNonce)
		requireRefused(t, err, check, "")
	}
}

func TestMalformedTokens(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	good := f.sign(nil)
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"empty": "", "dots": "..", "one part": parts[0], "two parts": parts[0] + "." + parts[1],
		"four parts": good + ".x", "five parts": good + ".x.y", "padding": parts[0] + "=." + parts[1] + "." + parts[2],
		"a JSON serialization": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"far too long":         parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2],
		"spaces":               " " + good,
		"good, but too long":   f.sign(map[string]any{"x": strings.Repeat("x", 100<<10)}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Verify(t.Context(), token, testNonce)
			requireRefused(t, err, oauth2.CheckForm, "")
		})
	}
	require.Zero(t, f.count(""))
}

// TestAlgorithms is attack 13: the public key as an HMAC secret, no signature at all, algorithms that were not asked for.
func TestAlgorithms(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	public := &signingKeys()[0].PublicKey
	spki, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	token := func(alg string, value func(input string) []byte) string {
		input := encode([]byte(`{"alg":"`+alg+`","kid":"one"}`)) + "." + encode([]byte(text(f.claims(nil))))
		return input + "." + encode(value(input))
	}
	mac := func(secret []byte) func(string) []byte {
		return func(input string) []byte {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(input))
			return h.Sum(nil)
		}
	}
	pss := func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		value, err := rsa.SignPSS(rand.Reader, signingKeys()[0], crypto.SHA256, digest[:], nil)
		require.NoError(t, err)
		return value
	}
	none := func(string) []byte { return nil }
	for name, tok := range map[string]string{
		"none": token("none", none), "None": token("None", none), "no name": token("", none),
		"HS256 with the key in DER":       token("HS256", mac(spki)),
		"HS256 with the key in PEM":       token("HS256", mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))),
		"HS256 with the modulus":          token("HS256", mac(public.N.Bytes())),
		"RS512, which was not asked for":  token("RS512", none),
		"PS256, which was not asked for":  token("PS256", pss),
		"ES256, which no such key can do": token("ES256", none),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Verify(t.Context(), tok, testNonce)
			requireRefused(t, err, oauth2.CheckAlgorithm, tok)
		})
	}
	require.Zero(t, f.count(""))

	asked := f.client(t, func(c *oauth2.Config) { c.Algorithms = []string{"PS256"} })
	_, err = asked.Verify(t.Context(), token("PS256", pss), testNonce)
	require.NoError(t, err)
	_, err = asked.Verify(t.Context(), f.sign(nil), testNonce)
	requireRefused(t, err, oauth2.CheckAlgorithm, "")
}

func TestSignatures(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	good := f.sign(nil)
	parts := strings.Split(good, ".")
	value, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	value[10] ^= 1
	header := map[string]any{"alg": "RS256", "kid": "one"}
	shown := map[string]any{"alg": "RS256", "kid": "one", "jwk": f.jwk("one", 1, ""), "jku": f.URL + "/evil/keys", "x5u": "https://evil.example/x"}
	for name, token := range map[string]string{
		"a flipped bit":               parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(value),
		"none at all":                 parts[0] + "." + parts[1] + ".",
		"another key":                 signed(header, f.claims(nil), 1),
		"another key, which it shows": signed(shown, f.claims(nil), 1),
		"other claims":                parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(text(f.claims(map[string]any{"oid": fabrikam})))) + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			id, err := c.Verify(t.Context(), token, testNonce)
			require.Error(t, err)
			require.Nil(t, id)
			var refused *oauth2.VerificationError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, []oauth2.Check{oauth2.CheckSignature, oauth2.CheckForm}, refused.Check)
		})
	}
	require.Equal(t, 1, f.count("/keys"), "a wrong signature is no reason to ask for keys again")
	require.Zero(t, f.count("/evil/keys"))
	require.Empty(t, f.elsewhere())
}

// TestKeyScope: Entra's tenants share keys, so that what a key says about whom it signs for is part of the signature check.
func TestKeyScope(t *testing.T) {
	consumer := map[string]any{"tid": cloud.Consumers}
	tests := map[string]struct {
		client  func(*oauth2.Config)
		key     map[string]any
		with    map[string]any
		refused bool
	}{
		"template at a tenant":                       {client: at(contoso)},
		"template at organizations":                  {client: at("organizations", contoso)},
		"literal of the tenant":                      {client: at(contoso), key: map[string]any{"issuer": "/" + contoso + "/v2.0"}},
		"literal of another tenant":                  {client: at(contoso), key: map[string]any{"issuer": "/" + fabrikam + "/v2.0"}, refused: true},
		"literal of another tenant at organizations": {client: anyTenant, key: map[string]any{"issuer": "/" + fabrikam + "/v2.0"}, refused: true},
		"consumers' key for a work tenant":           {client: anyTenant, key: map[string]any{"issuer": "/" + cloud.Consumers + "/v2.0"}, refused: true},
		"consumers' key for consumers":               {client: at("common", cloud.Consumers), key: map[string]any{"issuer": "/" + cloud.Consumers + "/v2.0"}, with: consumer},
		"tenant's key for consumers":                 {client: at("common", cloud.Consumers), key: map[string]any{"issuer": "/" + contoso + "/v2.0"}, with: consumer, refused: true},
		"no issuer at a tenant":                      {client: at(contoso), key: map[string]any{"issuer": nil}},
		"no issuer at organizations":                 {client: anyTenant, key: map[string]any{"issuer": nil}, refused: true},
		"no issuer at common":                        {client: at("common", contoso), key: map[string]any{"issuer": nil}, refused: true},
		"template of another host":                   {client: anyTenant, key: map[string]any{"issuer": "https://login.evil.example/{tenantid}/v2.0"}, refused: true},
		"template with a suffix":                     {client: anyTenant, key: map[string]any{"issuer": "/{tenantid}/v2.0/"}, refused: true},
		"key of another cloud":                       {client: at(contoso), key: map[string]any{"cloud_instance_name": "login.other"}, refused: true},
		"key of another cloud at organizations":      {client: anyTenant, key: map[string]any{"cloud_instance_name": "LOGIN.TEST"}, refused: true},
		"key of no cloud at organizations":           {client: anyTenant, key: map[string]any{"cloud_instance_name": nil}, refused: true},
		"key of no cloud at a tenant":                {client: at(contoso), key: map[string]any{"cloud_instance_name": nil}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if issuer, ok := tt.key["issuer"].(string); ok && strings.HasPrefix(issuer, "/") {
				tt.key["issuer"] = f.URL + issuer
			}
			override(f.keys[0], tt.key)
			with := map[string]any{}
			if tenant, ok := tt.with["tid"].(string); ok {
				with = map[string]any{"tid": tenant, "iss": f.URL + "/" + tenant + "/v2.0"}
			}
			token := f.sign(with)
			_, err := f.client(t, tt.client).Verify(t.Context(), token, testNonce)
			if !tt.refused {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, oauth2.CheckKey, token)
			require.Equal(t, 1, f.count("/keys"), "a key of the wrong scope is known: no reason to ask again")
		})
	}
}

// TestSameKeyID: two keys may have one kid, as long as each signs for its own issuer.
func TestSameKeyID(t *testing.T) {
	f := newFake(t)
	f.keys = []map[string]any{f.jwk("one", 1, f.URL+"/"+fabrikam+"/v2.0"), f.jwk("one", 0, f.URL+"/"+contoso+"/v2.0")}
	c := f.client(t, anyTenant)
	_, err := c.Verify(t.Context(), f.sign(nil), testNonce)
	require.NoError(t, err)
	foreign := signed(map[string]any{"alg": "RS256", "kid": "one"}, f.claims(nil), 1)
	_, err = c.Verify(t.Context(), foreign, testNonce)
	requireRefused(t, err, oauth2.CheckSignature, foreign)
}

// TestTenants: who may sign in at which authority.
func TestTenants(t *testing.T) {
	tests := map[string]struct {
		client func(*oauth2.Config)
		tenant string
		check  oauth2.Check // "" is accepted
	}{
		"the tenant, by GUID":               {at(contoso), contoso, ""},
		"the tenant, by GUID in upper case": {at(strings.ToUpper(contoso)), contoso, ""},
		"the tenant, by domain":             {at("contoso.test"), contoso, ""},
		"the tenant, by domain in any case": {at("Contoso.Test"), contoso, ""},
		"another tenant, by domain":         {at("contoso.test"), fabrikam, oauth2.CheckTenant},
		"listed":                            {at("organizations", fabrikam, contoso), contoso, ""},
		"listed in upper case":              {at("organizations", strings.ToUpper(contoso)), contoso, ""},
		"not listed":                        {at("organizations", fabrikam), contoso, oauth2.CheckTenant},
		"not listed, at common":             {at("common", fabrikam), contoso, oauth2.CheckTenant},
		"any":                               {anyTenant, fabrikam, ""},
		"any, but personal":                 {anyTenant, cloud.Consumers, oauth2.CheckTenant},
		"personal, named beside any": {func(c *oauth2.Config) {
			c.Tenant, c.AnyTenant, c.AllowedTenants = "common", true, []string{cloud.Consumers}
		}, cloud.Consumers, ""},
		"work, beside any and personal": {func(c *oauth2.Config) {
			c.Tenant, c.AnyTenant, c.AllowedTenants = "common", true, []string{cloud.Consumers}
		}, contoso, ""},
		"personal, named":                    {at("common", cloud.Consumers), cloud.Consumers, ""},
		"work, where only personal is named": {at("common", cloud.Consumers), contoso, oauth2.CheckTenant},
		"consumers":                          {at("consumers"), cloud.Consumers, ""},
		"work at consumers":                  {at("consumers"), contoso, oauth2.CheckTenant},
		"pinned, and not on the list":        {at(contoso, fabrikam), contoso, oauth2.CheckTenant},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			token := f.sign(map[string]any{"tid": tt.tenant, "iss": f.URL + "/" + tt.tenant + "/v2.0"})
			id, err := f.client(t, tt.client).Verify(t.Context(), token, testNonce)
			if tt.check == "" {
				require.NoError(t, err)
				require.Equal(t, tt.tenant, id.TenantID)
				return
			}
			requireRefused(t, err, tt.check, token)
		})
	}
}

// TestAllowListComesAfterTheSignature: who is on the list is nothing that a forged token may find out.
func TestAllowListComesAfterTheSignature(t *testing.T) {
	f := newFake(t)
	forged := signed(map[string]any{"alg": "RS256", "kid": "one"}, f.claims(nil), 1)
	_, err := f.client(t, at("organizations", fabrikam)).Verify(t.Context(), forged, testNonce)
	requireRefused(t, err, oauth2.CheckSignature, forged)
}

// TestExternalID: the issuer's host is not the authority's, and only the document of the configured host says what it is.
func TestExternalID(t *testing.T) {
	f := newFake(t)
	issuer := "https://" + contoso + ".ciamlogin.com/" + contoso + "/v2.0"
	f.discovery["issuer"] = issuer
	override(f.keys[0], map[string]any{"issuer": issuer})
	external := func(c *oauth2.Config) { c.Cloud.IssuerV2, c.Cloud.KeyInstance = "", "" }

	id, err := f.client(t, external).Verify(t.Context(), f.sign(map[string]any{"iss": issuer}), testNonce)
	require.NoError(t, err)
	require.Equal(t, contoso, id.TenantID)
	byDomain := func(c *oauth2.Config) { c.Tenant = "contoso.test" }
	_, err = f.client(t, external, byDomain).Verify(t.Context(), f.sign(map[string]any{"iss": issuer}), testNonce)
	require.NoError(t, err)

	_, err = f.client(t, external).Verify(t.Context(), f.sign(nil), testNonce)
	requireRefused(t, err, oauth2.CheckIssuer, "")
	_, err = f.client(t, external, at(fabrikam)).Verify(t.Context(), f.sign(map[string]any{"iss": issuer}), testNonce)
	var refused *oauth2.MetadataError
	require.ErrorAs(t, err, &refused)
}
