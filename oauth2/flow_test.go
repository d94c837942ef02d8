package oauth2_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

// entraTenant starts a fake Entra with our callback registered.
func entraTenant(t *testing.T) *entratest.Server {
	t.Helper()
	s, err := entratest.Start(&entratest.Options{Now: func() time.Time { return start }})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	for _, app := range []string{entratest.ContosoApp, entratest.ContosoOwnKeyApp, entratest.MultiTenantApp, entratest.PersonalApp} {
		require.NoError(t, s.AddRedirectURI(app, callback))
	}
	return s
}

func entraConfig(s *entratest.Server, tenant, app, secret string) oauth2.Config {
	return oauth2.Config{
		Cloud: s.Cloud(), Tenant: tenant, ClientID: app, RedirectURL: callback,
		Credential: credential.FromSecret(credential.NewSecret(secret)),
		HTTPClient: s.Client(), Now: func() time.Time { return start },
	}
}

// signIn goes the whole way.
func signIn(t *testing.T, s *entratest.Server, cfg oauth2.Config, q oauth2.SignInRequest, person string) (*claims.Identity, error) {
	t.Helper()
	c, err := oauth2.New(cfg)
	require.NoError(t, err)
	q.State = testState
	address, p, err := c.SignIn(t.Context(), q)
	if err != nil {
		return nil, err
	}
	back, err := s.Authenticate(t.Context(), address, person)
	require.NoError(t, err)
	answer := back.URL.Query()
	if back.Method == http.MethodPost {
		require.NoError(t, back.ParseForm())
		answer = back.PostForm
	}
	id, _, err := c.Redeem(t.Context(), p, answer)
	return id, err
}

func TestWholeFlow(t *testing.T) {
	s := entraTenant(t)
	contosoApp := entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret)
	multi := entraConfig(s, "organizations", entratest.MultiTenantApp, entratest.MultiTenantSecret)
	multi.AnyTenant = true
	for name, tt := range map[string]struct {
		change         func(*oauth2.Config)
		base           oauth2.Config
		q              oauth2.SignInRequest
		person         string
		tenant, object string
		kind           claims.Kind
	}{
		"by GUID":                    {base: contosoApp, person: entratest.Ann, tenant: entratest.ContosoID, object: entratest.AnnID, kind: claims.KindMember},
		"by domain":                  {base: contosoApp, change: at("contoso.com"), person: entratest.Ann, tenant: entratest.ContosoID, object: entratest.AnnID, kind: claims.KindMember},
		"form_post":                  {base: contosoApp, change: func(c *oauth2.Config) { c.ResponseMode = "form_post" }, person: entratest.Ben, tenant: entratest.ContosoID, object: entratest.BenID, kind: claims.KindMember},
		"a guest":                    {base: contosoApp, person: entratest.Gus, tenant: entratest.ContosoID, object: entratest.GusID, kind: claims.KindGuest},
		"forced":                     {base: contosoApp, q: oauth2.SignInRequest{ForceLogin: true}, person: entratest.Ann, tenant: entratest.ContosoID, object: entratest.AnnID, kind: claims.KindMember},
		"with a maximum age":         {base: contosoApp, q: oauth2.SignInRequest{MaxAge: time.Hour}, person: entratest.Ann, tenant: entratest.ContosoID, object: entratest.AnnID, kind: claims.KindMember},
		"groups past the limit":      {base: contosoApp, person: entratest.Maya, tenant: entratest.ContosoID, object: entratest.MayaID, kind: claims.KindMember},
		"organizations":              {base: multi, person: entratest.Bob, tenant: entratest.FabrikamID, object: entratest.BobID},
		"common, a personal account": {base: multi, change: func(c *oauth2.Config) { c.Tenant, c.AllowedTenants = "common", []string{entratest.PersonalID} }, person: entratest.Pia, tenant: entratest.PersonalID, object: entratest.PiaID, kind: claims.KindPersonal},
		"consumers":                  {base: entraConfig(s, "consumers", entratest.PersonalApp, entratest.PersonalSecret), person: entratest.Pia, tenant: entratest.PersonalID, object: entratest.PiaID, kind: claims.KindPersonal},
		"keys of its own":            {base: entraConfig(s, entratest.ContosoID, entratest.ContosoOwnKeyApp, entratest.ContosoSecret), change: func(c *oauth2.Config) { c.AppKeys = true }, person: entratest.Ann, tenant: entratest.ContosoID, object: entratest.AnnID, kind: claims.KindMember},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tt.base
			if tt.change != nil {
				tt.change(&cfg)
			}
			id, err := signIn(t, s, cfg, tt.q, tt.person)
			require.NoError(t, err)
			require.Equal(t, tt.tenant, id.TenantID)
			require.Equal(t, tt.object, id.ObjectID)
			if tt.kind != claims.KindUnknown {
				require.Equal(t, tt.kind, id.Kind)
			}
		})
	}
}

// TestFaults: whatever goes wrong at Entra, nobody is signed in, and the error says what it was.
func TestFaults(t *testing.T) {
	s := entraTenant(t)
	cfg := entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret)
	for name, tt := range map[string]struct {
		fault entratest.Faults
		check oauth2.Check
	}{
		"wrong issuer":   {entratest.Faults{WrongIssuer: "https://login.evil.example/" + entratest.ContosoID + "/v2.0"}, oauth2.CheckIssuer},
		"wrong audience": {entratest.Faults{WrongAudience: entratest.FabrikamApp}, oauth2.CheckAudience},
		"wrong tenant":   {entratest.Faults{WrongTenant: entratest.FabrikamID}, oauth2.CheckTenant},
		"wrong version":  {entratest.Faults{WrongVersion: "1.0"}, oauth2.CheckVersion},
		"no nonce":       {entratest.Faults{NoNonce: true}, oauth2.CheckNonce},
		"wrong nonce":    {entratest.Faults{WrongNonce: "other"}, oauth2.CheckNonce},
		"no object id":   {entratest.Faults{NoObjectID: true}, oauth2.CheckSubject},
		"bad signature":  {entratest.Faults{BadSignature: true}, oauth2.CheckSignature},
		"unknown key":    {entratest.Faults{UnknownKey: true}, oauth2.CheckKey},
		"unsigned":       {entratest.Faults{Unsigned: true}, oauth2.CheckAlgorithm},
		"wrong state":    {entratest.Faults{WrongState: "other"}, oauth2.CheckState},
		"no ID token":    {entratest.Faults{NoIDToken: true}, oauth2.CheckForm},
		"expired":        {entratest.Faults{TokenLifetime: -time.Hour}, oauth2.CheckExpired},
		"a clock ahead":  {entratest.Faults{ClockSkew: time.Hour}, oauth2.CheckNotYetValid},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(tt.fault)
			defer s.SetFaults(entratest.Faults{})
			id, err := signIn(t, s, cfg, oauth2.SignInRequest{}, entratest.Ann)
			requireRefused(t, err, tt.check, "")
			require.Nil(t, id)
		})
	}
}

// TestRotationAtEntra: a new key is found by one fetch, also when the old one is gone.
func TestRotationAtEntra(t *testing.T) {
	s := entraTenant(t)
	cfg := entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret)
	cfg.Metadata = &oauth2.Metadata{}
	_, err := signIn(t, s, cfg, oauth2.SignInRequest{}, entratest.Ann)
	require.NoError(t, err)
	s.RotateKeys(true)
	for range 3 {
		_, err = signIn(t, s, cfg, oauth2.SignInRequest{}, entratest.Ann)
		require.NoError(t, err)
	}
	require.Equal(t, 2, s.CountRequests(entratest.EndpointKeys))
}

func TestErrorsOfTheTokenEndpoint(t *testing.T) {
	s := entraTenant(t)
	var e *aadsts.Error
	_, err := signIn(t, s, entraConfig(s, entratest.ContosoID, entratest.ContosoApp, "wrong"), oauth2.SignInRequest{}, entratest.Ann)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 7000215, e.Code)
	_, err = signIn(t, s, entraConfig(s, "unknown.example", entratest.ContosoApp, "wrong"), oauth2.SignInRequest{}, entratest.Ann)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 90002, e.Code)
}

// TestCodeOfTwoCallbacks: the same answer a second time gets nobody in.
func TestCodeOfTwoCallbacks(t *testing.T) {
	s := entraTenant(t)
	c, err := oauth2.New(entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret))
	require.NoError(t, err)
	address, p, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	back, err := s.Authenticate(t.Context(), address, entratest.Ann)
	require.NoError(t, err)
	_, _, err = c.Redeem(t.Context(), p, back.URL.Query())
	require.NoError(t, err)
	_, _, err = c.Redeem(t.Context(), p, back.URL.Query())
	var e *aadsts.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 54005, e.Code)

	// Another sign-in's verifier does not fit the code, and another client's state does not fit the sign-in.
	address, p, err = c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	back, err = s.Authenticate(t.Context(), address, entratest.Ann)
	require.NoError(t, err)
	other := *p
	other.Verifier = strings.Repeat("a", 43)
	_, _, err = c.Redeem(t.Context(), &other, back.URL.Query())
	require.ErrorAs(t, err, &e)
	require.Equal(t, "invalid_grant", e.OAuth)
}

func TestSignOutAtEntra(t *testing.T) {
	s := entraTenant(t)
	c, err := oauth2.New(entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret))
	require.NoError(t, err)
	address, err := c.SignOut(t.Context(), oauth2.SignOutRequest{ReturnTo: callback})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, callback, u.Query().Get("post_logout_redirect_uri"))
	back, err := s.Authenticate(t.Context(), address, "")
	require.NoError(t, err)
	require.Equal(t, callback, back.URL.String())
}
