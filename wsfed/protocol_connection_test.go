package wsfed

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

// open opens another driver over the same world.
func (p *plug) open(t testing.TB, protocol Protocol) {
	t.Helper()
	d, err := protocol.Open(entra.Env{HTTPClient: &http.Client{Transport: p.net}, Now: p.clock.Now, Logger: slog.New(slog.DiscardHandler), Replay: p.replay})
	require.NoError(t, err)
	p.Driver = d
}

func (p *plug) finish(t testing.TB, answer string) error {
	t.Helper()
	_, _, err := p.Finish(t.Context(), entra.FinishRequest{Target: p.target, State: "s1", ProtocolState: idpBegun, Arrival: p.arrival(answer, "s1")})
	return err
}

// decryptionKey is a key pair that ends at the time given.
func decryptionKey(t testing.TB, ends time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: idpNow.AddDate(-1, 0, 0), NotAfter: ends}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func holding(keys ...tls.Certificate) func(context.Context, *entra.Connection) ([]tls.Certificate, error) {
	return func(context.Context, *entra.Connection) ([]tls.Certificate, error) { return keys, nil }
}

// An exported connection may say "common" and list nobody: it admits the tenant of its own domain, and not the world.
func TestDriverAdmitsTheTenantOfTheDomain(t *testing.T) {
	other := "99999999-2222-4333-8444-555555555555"
	p := newPlug(t)
	p.target.Connection.UseCommonEndpoint, p.target.Connection.EntraDomain = true, "contoso.com"
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})))
	requireCheck(t, p.finish(t, idpKeys()[0].answer(t, idpToken{tenant: other})), CheckTenant)

	p.target.Connection.AllowedTenants = []string{other}
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{tenant: other})))
	requireCheck(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), CheckTenant)

	p.target.Connection.AllowedTenants, p.target.Connection.TenantID = nil, ""
	requireKind(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), entra.KindConfiguration)
	p.target.Connection.AnyTenant = true
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{tenant: other})))
}

// TestDriverPassesTheSwitches: each switch of a connection reaches the relying party, and no other goes with it.
func TestDriverPassesTheSwitches(t *testing.T) {
	signer := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: idpKeys()[1].Raw}))
	for name, c := range map[string]struct {
		set  func(*entra.Connection)
		want func(Config) bool
	}{
		"sha1":            {func(c *entra.Connection) { c.InsecureSHA1 = true }, func(c Config) bool { return c.InsecureSHA1 }},
		"confirmation":    {func(c *entra.Connection) { c.AllowMissingConfirmation = true }, func(c Config) bool { return c.AllowMissingConfirmation }},
		"carriage return": {func(c *entra.Connection) { c.AllowCarriageReturns = true }, func(c Config) bool { return c.AllowCarriageReturns }},
		"mutable subject": {func(c *entra.Connection) { c.InsecureMutableSubject = true }, func(c Config) bool { return c.InsecureMutableSubject }},
		"signers":         {func(c *entra.Connection) { c.MetadataSigners = []string{signer} }, func(c Config) bool { return len(c.MetadataSigners) == 1 }},
	} {
		p := newPlug(t)
		c.set(p.target.Connection)
		d, ok := p.Driver.(*driver)
		require.True(t, ok)
		party, err := d.open(t.Context(), p.target, true)
		require.NoError(t, err)
		assert.True(t, c.want(party.c), name)
		on := 0
		for _, set := range []bool{party.c.InsecureSHA1, party.c.AllowMissingConfirmation, party.c.AllowCarriageReturns, party.c.InsecureMutableSubject, len(party.c.MetadataSigners) > 0} {
			if set {
				on++
			}
		}
		assert.Equal(t, 1, on, name)
	}
	p := newPlug(t)
	p.target.Connection.MetadataSigners = []string{signer}
	requireKind(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), entra.KindConfiguration)
	p.net.put(tenantMetadataURL(idpTenant), idpKeys()[1].sign(t, idpMetadata("https://sts.idp.invalid/"+idpTenant+"/", idpLogin+"/"+idpTenant+"/wsfed", idpKeys()[0]), "ID"))
	p.open(t, Protocol{})
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})))
	p.target.Connection.MetadataSigners = []string{"no PEM"}
	requireKind(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), entra.KindConfiguration)
}

func TestDriverAsksForDecryptionKeys(t *testing.T) {
	p := newPlug(t)
	var asked []string
	var fail error
	p.open(t, Protocol{DecryptionKeys: func(_ context.Context, c *entra.Connection) ([]tls.Certificate, error) {
		asked = append(asked, c.ID)
		return nil, fail
	}})
	_, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
	require.NoError(t, err)
	require.Empty(t, asked, "a request needs none")
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})))
	require.Equal(t, []string{"c1"}, asked)
	fail = errors.New("vault down")
	requireKind(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), entra.KindUnavailable)

	p.open(t, Protocol{DecryptionKeys: holding(tls.Certificate{})})
	requireKind(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), entra.KindConfiguration)
}

func TestDriverWithStaticMetadata(t *testing.T) {
	p := newPlug(t)
	static, err := ParseMetadata([]byte(idpMetadata("https://sts.idp.invalid/"+idpTenant+"/", idpLogin+"/"+idpTenant+"/wsfed", idpKeys()[1])))
	require.NoError(t, err)
	var fail error
	p.open(t, Protocol{Provider: func(context.Context, *entra.Connection) (*Provider, error) { return static, fail }})
	address, _, err := p.Begin(t.Context(), entra.BeginRequest{Target: p.target, State: "s1"})
	require.NoError(t, err)
	require.Contains(t, address, idpLogin)
	require.NoError(t, p.finish(t, idpKeys()[1].answer(t, idpToken{})))
	requireCheck(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})), CheckSignature)
	require.Zero(t, p.net.count(), "nothing was fetched")
	fail = errors.New("no file")
	requireKind(t, p.finish(t, idpKeys()[1].answer(t, idpToken{})), entra.KindUnavailable)

	fail = nil
	static = nil
	require.NoError(t, p.finish(t, idpKeys()[0].answer(t, idpToken{})))
	require.Equal(t, 1, p.net.count(), "nil is fetched")
}

// TestDriverHintsAtTheRealm: only an answer without a wctx tells for whom it was made, and only where it says so plainly.
func TestDriverHintsAtTheRealm(t *testing.T) {
	p := newPlug(t)
	good := idpKeys()[0].answer(t, idpToken{})
	sealed := `<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/>`
	to := func(address string) string {
		return `<t:RequestSecurityTokenResponse xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust"><AppliesTo><Address>` + address + `</Address></AppliesTo>` +
			`<t:RequestedSecurityToken>` + sealed + `</t:RequestedSecurityToken></t:RequestSecurityTokenResponse>`
	}
	audience := `<Audience>` + idpRealm + `</Audience>`
	for name, c := range map[string]struct{ answer, wctx, realm string }{
		"no wctx":               {good, "", idpRealm},
		"with a wctx":           {good, "s1", ""},
		"unsigned":              {strings.ReplaceAll(good, "SignatureValue", "x"), "", idpRealm},
		"encrypted":             {to(idpRealm), "", idpRealm},
		"encrypted, to nobody":  {envelope(sealed), "", ""},
		"two audiences":         {strings.Replace(good, audience, audience+"<Audience>spn:other</Audience>", 1), "", ""},
		"the same one twice":    {strings.Replace(good, audience, audience+audience, 1), "", idpRealm},
		"no audience":           {strings.Replace(good, audience, "", 1), "", ""},
		"an audience of markup": {strings.Replace(good, audience, "<Audience><a/></Audience>", 1), "", ""},
		"too long":              {strings.Replace(good, audience, "<Audience>"+strings.Repeat("x", 1025)+"</Audience>", 1), "", ""},
		"not XML":               {"<!DOCTYPE x>", "", ""},
		"no response":           {"<x/>", "", ""},
		"nothing":               {"", "", ""},
	} {
		receipt, err := p.Receive(p.arrival(c.answer, c.wctx))
		require.NoError(t, err)
		assert.Equal(t, entra.Receipt{State: c.wctx, Realm: c.realm}, receipt, name)
	}
	assert.Zero(t, p.net.count())
	assert.Zero(t, p.replay.calls)
}

func TestExpiries(t *testing.T) {
	const month = 30 * 24 * time.Hour
	key := idpKeys()[0]
	document := func(validUntil time.Time, keys ...idpKey) string {
		return strings.Replace(idpMetadata("https://sts.idp.invalid/"+idpTenant+"/", idpLogin+"/wsfed", keys...), ` ID="_metadata"`, ` ID="_metadata" validUntil="`+validUntil.Format(time.RFC3339)+`"`, 1)
	}
	lasting := idpKey{Certificate: parsed(t, decryptionKey(t, idpNow.AddDate(2, 0, 0)))}
	soon := idpKey{Certificate: parsed(t, decryptionKey(t, idpNow.Add(month-time.Second)))}
	of := func(list []Expiry) (out []Expiring) {
		for _, e := range list {
			out = append(out, e.Of)
		}
		return out
	}
	for name, c := range map[string]struct {
		document string
		static   bool
		keys     []tls.Certificate
		want     []Expiring
	}{
		"all well":                      {document(idpNow.Add(48*time.Hour), lasting, key), false, []tls.Certificate{decryptionKey(t, idpNow.Add(month+time.Hour))}, nil},
		"one of several keys":           {document(idpNow.Add(48*time.Hour), soon, lasting), false, nil, nil},
		"every key":                     {document(idpNow.Add(48*time.Hour), soon, key), false, nil, []Expiring{ExpiringSigningKeys}},
		"the document":                  {document(idpNow.Add(23*time.Hour), lasting), false, nil, []Expiring{ExpiringMetadata}},
		"a static document":             {document(idpNow.Add(48*time.Hour), lasting), true, nil, []Expiring{ExpiringMetadata}},
		"a static document, long":       {document(idpNow.Add(2*month), lasting), true, nil, nil},
		"the decryption key":            {document(idpNow.Add(48*time.Hour), lasting), false, []tls.Certificate{decryptionKey(t, idpNow.Add(time.Hour))}, []Expiring{ExpiringDecryptionKey}},
		"an older decryption key alone": {document(idpNow.Add(48*time.Hour), lasting), false, []tls.Certificate{decryptionKey(t, idpNow.AddDate(2, 0, 0)), decryptionKey(t, idpNow)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlug(t)
			p.net.put(tenantMetadataURL(idpTenant), c.document)
			protocol := Protocol{DecryptionKeys: holding(c.keys...)}
			if c.static {
				provider, err := ParseMetadata([]byte(c.document))
				require.NoError(t, err)
				protocol.Provider = func(context.Context, *entra.Connection) (*Provider, error) { return provider, nil }
			}
			p.open(t, protocol)
			d, ok := p.Driver.(*driver)
			require.True(t, ok)
			party, err := d.open(t.Context(), p.target, true)
			require.NoError(t, err)
			list, err := party.Expiries(t.Context(), month)
			require.NoError(t, err)
			assert.Equal(t, c.want, of(list))

			found := d.Diagnose(t.Context(), p.target)
			require.NoError(t, found.Err(), "it still works")
			require.Len(t, found, len(c.want))
			for _, f := range found {
				assert.Equal(t, entra.SeverityWarning, f.Severity)
				assert.NotEmpty(t, f.Fix)
				assert.Contains(t, f.Problem, " 20")
			}
		})
	}
	static, err := ParseMetadata([]byte(document(idpNow, lasting)))
	require.NoError(t, err)
	w := newWorld(t, func(c *Config) { c.Provider = static })
	_, err = w.Verify(t.Context(), []byte(key.answer(t, idpToken{})))
	require.ErrorIs(t, err, ErrMetadata, "past its validUntil")
	_, err = w.Expiries(t.Context(), month)
	require.ErrorIs(t, err, ErrMetadata)
	w.net.setDown(true)
	_, err = newWorld(t, func(c *Config) { c.HTTPClient = &http.Client{Transport: w.net} }).Expiries(t.Context(), month)
	require.ErrorIs(t, err, ErrUnavailable)
}

func parsed(t testing.TB, k tls.Certificate) *x509.Certificate {
	t.Helper()
	c, err := leaf(k)
	require.NoError(t, err)
	return c
}

// TestOurMetadataDocument: it is read here with the gate, as a provider of the strictest sort would.
func TestOurMetadataDocument(t *testing.T) {
	key, older := decryptionKey(t, idpNow.AddDate(1, 0, 0)), decryptionKey(t, idpNow)
	read := func(doc []byte) (realm, reply string, certificates int) {
		d, err := parse(doc, metadataLimits)
		require.NoError(t, err)
		realm, _ = d.attr(0, "entityID")
		role, err := d.need(0, metadataNS, "RoleDescriptor")
		require.NoError(t, err)
		assert.False(t, isSecurityTokenService(&d, role), "no provider")
		for i := range d.nodes {
			switch {
			case d.is(i, metadataNS, "KeyDescriptor"):
				use, _ := d.attr(i, "use")
				assert.Equal(t, "encryption", use)
				assert.Equal(t, key.Certificate[0], keyHint(&d, i), "the first key's")
				certificates++
			case d.is(i, fedNS, "TargetScopes"):
				assert.Equal(t, realm, faultText(&d, i, wsaNS, "EndpointReference", "Address"))
			case d.is(i, fedNS, "PassiveRequestorEndpoint"):
				reply = faultText(&d, i, wsaNS, "EndpointReference", "Address")
			}
		}
		_, err = ParseMetadata(doc)
		require.Error(t, err, "nobody takes it for a provider's")
		return realm, reply, certificates
	}
	realm, reply, n := read(newWorld(t).MetadataDocument())
	assert.Equal(t, []any{idpRealm, idpReply, 0}, []any{realm, reply, n})
	odd := `https://app.example/?a=1&b="<{reply}>'`
	realm, _, n = read(newWorld(t, func(c *Config) { c.Realm, c.DecryptionKeys = odd, []tls.Certificate{key, older} }).MetadataDocument())
	assert.Equal(t, []any{odd, 1}, []any{realm, n})

	c := &entra.Connection{ClientID: "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910"}
	doc, err := Protocol{}.MetadataDocument(t.Context(), c, idpReply)
	require.NoError(t, err)
	realm, reply, n = read(doc)
	assert.Equal(t, []any{idpRealm, idpReply, 0}, []any{realm, reply, n})
	doc, err = Protocol{DecryptionKeys: holding(key, older)}.MetadataDocument(t.Context(), c, idpReply)
	require.NoError(t, err)
	_, _, n = read(doc)
	assert.Equal(t, 1, n)
	assert.NotContains(t, string(doc), "PRIVATE")

	_, err = Protocol{}.MetadataDocument(t.Context(), &entra.Connection{}, idpReply)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = Protocol{DecryptionKeys: holding(tls.Certificate{})}.MetadataDocument(t.Context(), c, idpReply)
	require.ErrorIs(t, err, ErrInvalid)
	failing := func(context.Context, *entra.Connection) ([]tls.Certificate, error) {
		return nil, errors.New("vault down")
	}
	_, err = Protocol{DecryptionKeys: failing}.MetadataDocument(t.Context(), c, idpReply)
	require.ErrorIs(t, err, ErrUnavailable)
}
