package entra_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

func certificatePEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestMetadataCertificates(t *testing.T) {
	one, two := certificatePEM(t), certificatePEM(t)
	list, err := (&entra.Connection{MetadataSigners: []string{one, "text before\n" + two}}).MetadataCertificates()
	require.NoError(t, err)
	require.Len(t, list, 2)
	for name, signers := range map[string][]string{
		"empty":    {""},
		"no PEM":   {"MIIB"},
		"a key":    {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("s3cr3t")}))},
		"two":      {one + two},
		"broken":   {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("s3cr3t")}))},
		"too many": slices.Repeat([]string{one}, 9),
	} {
		list, err := (&entra.Connection{MetadataSigners: signers}).MetadataCertificates()
		require.Error(t, err, name)
		assert.Nil(t, list, name)
		found := sound(wsfedConnection, func(c *entra.Connection) { c.MetadataSigners = signers }).Check()
		require.Len(t, found, 1, name)
		assert.Equal(t, entra.SeverityError, found[0].Severity)
		assert.Equal(t, "metadata_signers", found[0].Field)
		assert.NotContains(t, found[0].String(), "s3cr3t")
	}
	assert.Empty(t, sound(wsfedConnection, func(c *entra.Connection) { c.MetadataSigners = []string{one} }).Check())
}

// wsfedSwitches weaken a check of WS-Federation, each by its own name.
var wsfedSwitches = map[string]func(*entra.Connection) *bool{
	"is_insecure_sha1":                func(c *entra.Connection) *bool { return &c.InsecureSHA1 },
	"is_missing_confirmation_allowed": func(c *entra.Connection) *bool { return &c.AllowMissingConfirmation },
	"is_carriage_return_allowed":      func(c *entra.Connection) *bool { return &c.AllowCarriageReturns },
}

func TestSwitchesOfWSFederation(t *testing.T) {
	for name, field := range wsfedSwitches {
		t.Run(name, func(t *testing.T) {
			for _, strategy := range []entra.Strategy{entra.WSFed, entra.OAuth2} {
				found := sound(func(c *entra.Connection) { c.Strategy = strategy; *field(c) = true }).Check()
				require.Len(t, found, 1)
				assert.Equal(t, entra.SeverityWarning, found[0].Severity)
				assert.Equal(t, name, found[0].Field)
			}

			o := newOffice(t)
			admin := entra.Administrator("org_contoso", "ann")
			on := draft("org_contoso", "contoso.com")
			*field(on) = true
			_, _, err := o.Save(t.Context(), admin, on)
			require.ErrorIs(t, err, entra.ErrNotAllowed)
			require.ErrorContains(t, err, name)

			saved, _, err := o.Save(t.Context(), environment, on)
			require.NoError(t, err)
			require.True(t, *field(saved))
			require.Contains(t, o.changes[len(o.changes)-1].HighRisk, name)
			*field(saved) = false
			saved, _, err = o.Save(t.Context(), admin, saved)
			require.NoError(t, err, "an organization's administrator may end it")
			require.False(t, *field(saved))
		})
	}
	o := newOffice(t)
	admin := entra.Administrator("org_contoso", "ann")
	signed := draft("org_contoso", "contoso.com")
	signed.MetadataSigners = []string{certificatePEM(t)}
	_, _, err := o.Save(t.Context(), admin, signed)
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	saved, _, err := o.Save(t.Context(), environment, signed)
	require.NoError(t, err)
	saved.MetadataSigners = nil
	_, _, err = o.Save(t.Context(), admin, saved)
	require.ErrorIs(t, err, entra.ErrNotAllowed, "without them unsigned metadata would do")

	for _, ineffective := range []func(*entra.Connection){
		func(c *entra.Connection) { c.AllowProviderInitiated = true },
		func(c *entra.Connection) { c.MetadataSigners = signed.MetadataSigners },
	} {
		assert.Empty(t, sound(wsfedConnection, ineffective).Check())
		assert.Len(t, sound(ineffective).Check(), 1)
	}
}

func TestWTRealm(t *testing.T) {
	for want, c := range map[string]entra.Connection{
		"spn:" + clientID: {ClientID: clientID},
		"api://app":       {ClientID: clientID, Realm: "api://app"},
		"":                {ClientSecret: credential.NewSecret("x")},
	} {
		assert.Equal(t, want, c.WTRealm())
	}
}
