package wsfed_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// passport is npm's passport-wsfed-saml2, running, with applications of the fake's sample.
type passport struct {
	url  string
	fake *entratest.Server
}

// passportApplications are the sample's that sign in over WS-Federation; by path.
var passportApplications = map[string]struct{ tenant, client string }{
	"saml20":  {entratest.ContosoID, entratest.ContosoApp},
	"saml11":  {entratest.ContosoID, entratest.ContosoSAML11App},
	"own-key": {entratest.ContosoID, entratest.ContosoOwnKeyApp},
	"domain":  {"fabrikam.com", entratest.FabrikamApp},
}

func startPassport(t *testing.T) passport {
	t.Helper()
	fake, err := entratest.Start(nil)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	applications := options{}
	for name, a := range passportApplications {
		tenant := fake.URL + "/" + a.tenant
		applications[name] = options{
			"realm": "spn:" + a.client, "provider": tenant + "/wsfed",
			"metadata": tenant + "/FederationMetadata/2007-06/FederationMetadata.xml?appid=" + a.client,
		}
	}
	p := passport{startNode(t, "relyingparty.js", options{"applications": applications}), fake}
	for name, a := range passportApplications {
		require.NoError(t, fake.AddRedirectURI(a.client, p.url+"/"+name))
	}
	return p
}

// verdict is what Passport says of an answer.
type verdict struct {
	status  int
	Context string         `json:"wctx"`
	Profile map[string]any `json:"profile"`
	Error   string         `json:"error"`
}

// signIn begins at the relying party, signs somebody in at the fake, and lets change look at the answer before it is delivered.
func (p passport) signIn(t *testing.T, application, upn string, change func(url.Values)) verdict {
	t.Helper()
	b := newBrowser(t)
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := b.client.Get(p.url + "/" + application + "?wctx=state-1")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusFound, response.StatusCode)

	answer, err := p.fake.Authenticate(t.Context(), response.Header.Get("Location"), upn)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, answer.Method)
	require.Equal(t, p.url+"/"+application, answer.URL.String())
	require.NoError(t, answer.ParseForm())
	fields := answer.PostForm
	if change != nil {
		change(fields)
	}
	got := b.submit(t, page{form: &form{action: answer.URL.String(), fields: fields}}, nil)
	v := verdict{status: got.status}
	require.NoError(t, json.Unmarshal([]byte(got.body), &v), got.body)
	return v
}

// TestPassport: people of the fake's sample sign in at npm's relying party, and the profile that comes out is the person.
func TestPassport(t *testing.T) {
	p := startPassport(t)
	const entra, claims = "http://schemas.microsoft.com/identity/claims/", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	const microsoft = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
	ann := map[string]any{
		entra + "tenantid": entratest.ContosoID, entra + "objectidentifier": entratest.AnnID, entra + "displayname": "Ann Archer",
		claims + "givenname": "Ann", claims + "surname": "Archer", claims + "name": entratest.Ann, claims + "emailaddress": entratest.Ann,
		microsoft + "groups": []any{entratest.ContosoEngineering, entratest.ContosoAdmins, entratest.ContosoStaff},
		"issuer":             "https://sts.entratest.invalid/" + entratest.ContosoID + "/",
	}
	bob := map[string]any{
		entra + "tenantid": entratest.FabrikamID, entra + "objectidentifier": entratest.BobID, entra + "displayname": "Bob Brandt",
		claims + "name": entratest.Bob, microsoft + "groups": []any{entratest.FabrikamSales, entratest.FabrikamStaff},
	}
	for _, tt := range []struct {
		application, upn string
		want             map[string]any
	}{
		{"saml20", entratest.Ann, ann},
		{"saml11", entratest.Ann, ann},
		{"own-key", entratest.Ann, ann},
		{"domain", entratest.Bob, bob},
		{"saml20", entratest.Ben, map[string]any{entra + "objectidentifier": entratest.BenID, microsoft + "groups": nil}},
		{"saml11", entratest.Bob, map[string]any{entra + "tenantid": entratest.ContosoID, entra + "objectidentifier": entratest.BobGuestID}},
	} {
		t.Run(tt.application+"/"+tt.upn, func(t *testing.T) {
			got := p.signIn(t, tt.application, tt.upn, nil)
			require.Equal(t, http.StatusOK, got.status, got.Error)
			assert.Equal(t, "state-1", got.Context)
			for claim, want := range tt.want {
				assert.Equal(t, want, got.Profile[claim], claim)
			}
			assert.NotEmpty(t, got.Profile[claims+"nameidentifier"])
		})
	}
}

// TestPassportRefuses: the fake's faults are faults to others too, and its signatures cover what they should.
func TestPassportRefuses(t *testing.T) {
	p := startPassport(t)
	replace := func(from, to string) func(url.Values) {
		return func(fields url.Values) {
			changed := strings.ReplaceAll(fields.Get("wresult"), from, to)
			require.NotEqual(t, fields.Get("wresult"), changed)
			fields.Set("wresult", changed)
		}
	}
	for name, tt := range map[string]struct {
		faults  entratest.Faults
		change  func(url.Values)
		message string
	}{
		"bad signature":    {faults: entratest.Faults{BadSignature: true}, message: "invalid signature"},
		"unknown key":      {faults: entratest.Faults{UnknownKey: true}, message: "Invalid thumbprint"},
		"wrong audience":   {faults: entratest.Faults{WrongAudience: "spn:" + entratest.FabrikamApp}, message: "Audience is invalid"},
		"expired":          {faults: entratest.Faults{TokenLifetime: -time.Hour}, message: "expired"},
		"another person":   {change: replace(entratest.AnnID, entratest.BenID), message: "invalid signature"},
		"another audience": {change: replace("Audience>spn:", "Audience>spx:"), message: "invalid signature"},
	} {
		for _, application := range []string{"saml20", "saml11"} {
			t.Run(name+"/"+application, func(t *testing.T) {
				p.fake.SetFaults(tt.faults)
				defer p.fake.SetFaults(entratest.Faults{})
				got := p.signIn(t, application, entratest.Ann, tt.change)
				require.Equal(t, http.StatusUnauthorized, got.status)
				require.Contains(t, got.Error, tt.message)
			})
		}
	}
}

// TestPassportFollowsKeys: the key of a rollover is found by those who read the metadata again.
func TestPassportFollowsKeys(t *testing.T) {
	p := startPassport(t)
	for _, drop := range []bool{false, true} {
		p.fake.RotateKeys(drop)
		got := p.signIn(t, "saml20", entratest.Ann, nil)
		require.Equal(t, http.StatusOK, got.status, got.Error)
	}
}
