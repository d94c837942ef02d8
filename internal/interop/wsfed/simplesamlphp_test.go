package wsfed_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/wsfed"
)

const (
	phpIssuer = "urn:interop:simplesamlphp"
	phpRoot   = "/usr/share/simplesamlphp/www" // Debian's
	oddName   = `Ann <Archer> & "Söhne" 'n ☃`
	upnClaim  = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
)

// phpProvider is Debian's SimpleSAMLphp with its module adfs, running in PHP's own web server.
type phpProvider struct {
	url  string
	keys pair
}

var listening = regexp.MustCompile(`Development Server \((http://127\.0\.0\.1:[0-9]+)\) started`)

func startSimpleSAMLphp(t *testing.T) phpProvider {
	t.Helper()
	const remedy = "apt-get install --no-install-recommends simplesamlphp php-cli php-xml php-mbstring"
	php := program(t, "php", remedy)
	if _, err := os.Stat(filepath.Join(phpRoot, "module.php")); err != nil {
		absent(t, "SimpleSAMLphp", remedy)
	}
	keys, dir := newPair(t), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "provider.key"), []byte(keys.key), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "provider.crt"), []byte(keys.certificate), 0o600))
	config, err := filepath.Abs("simplesamlphp")
	require.NoError(t, err)
	people, err := json.Marshal(map[string]map[string][]string{
		"ann:anns password": {"employeeNumber": {"ann-1"}, "uid": {"ann"}, "cn": {oddName}, "mail": {"ann@example.com"}, "memberOf": {"R&D", "Ops"}},
		"ben:bens password": {"employeeNumber": {"ben-2"}, "uid": {"ben"}, "cn": {"Ben"}, "mail": {"ben@example.com"}},
	})
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), php, "-S", "127.0.0.1:0", "-t", phpRoot)
	command.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+config, "INTEROP_DIR="+dir, "INTEROP_SECRET="+rand.Text(), "INTEROP_USERS="+string(people))
	command.Stdout = io.Discard
	address := start(t, command, nil, command.StderrPipe, func(line string) string {
		if found := listening.FindStringSubmatch(line); found != nil {
			return found[1]
		}
		return ""
	})
	return phpProvider{address, keys}
}

func (p phpProvider) metadata() string { return p.url + "/module.php/adfs/idp/metadata.php" }

func (p phpProvider) party(t *testing.T, change ...func(*wsfed.Config)) *wsfed.RelyingParty {
	t.Helper()
	// The module sends no SubjectConfirmation.
	change = append([]func(*wsfed.Config){func(c *wsfed.Config) { c.AllowMissingConfirmation = true }}, change...)
	return newRelyingParty(t, p.metadata(), phpIssuer, change...)
}

// signIn types somebody's password into the provider's page and returns the page after it.
func (p phpProvider) signIn(t *testing.T, b *browser, address, name, password string) page {
	t.Helper()
	login := b.get(t, address)
	require.Equal(t, "/module.php/core/loginuserpass.php", login.address.Path, "nobody is signed in yet")
	return b.submit(t, login, url.Values{"username": {name}, "password": {password}})
}

// TestSimpleSAMLphp: request, login page, answer, identity; single sign-on after it; sign-out; and the login page again.
func TestSimpleSAMLphp(t *testing.T) {
	provider := startSimpleSAMLphp(t)
	party, b := provider.party(t), newBrowser(t)
	start, pending := begin(t, party, "state-1", nil)
	require.True(t, strings.HasPrefix(start, provider.url+"/module.php/adfs/idp/prp.php?"), "the endpoint is the metadata's")

	again := provider.signIn(t, b, start, "ann", "a wrong password")
	require.NotNil(t, again.form)
	require.Contains(t, again.form.fields, "password", "the provider asks again")
	form := requireAnswer(t, b.submit(t, again, url.Values{"username": {"ann"}, "password": {"anns password"}}))

	id, err := party.VerifyForm(t.Context(), form, pending)
	require.NoError(t, err)
	assert.Equal(t, phpIssuer, id.Issuer)
	assert.Equal(t, "ann-1", id.Subject)
	assert.Equal(t, "ann@example.com", id.Email.Address)
	assert.Equal(t, oddName, id.Raw["http://schemas.xmlsoap.org/claims/cn"])
	assert.Equal(t, []any{"R&D", "Ops"}, id.Raw["http://schemas.microsoft.com/ws/2008/06/identity/claims/role"])
	assert.False(t, id.AuthTime.IsZero())
	_, err = party.VerifyForm(t.Context(), form, pending)
	requireRefused(t, err, wsfed.CheckReplay)

	t.Run("single sign-on", func(t *testing.T) {
		start, pending := begin(t, party, "state-2", nil)
		form := requireAnswer(t, b.get(t, start))
		id, err := party.VerifyForm(t.Context(), form, pending)
		require.NoError(t, err)
		require.Equal(t, "ann-1", id.Subject)
	})
	t.Run("sign-out", func(t *testing.T) {
		const after = "http://localhost:8080/signed-out"
		address, err := party.SignOut(t.Context(), wsfed.SignOutRequest{ReturnTo: after})
		require.NoError(t, err)
		stop := &browser{&http.Client{Jar: b.client.Jar, Transport: b.client.Transport, Timeout: patience}}
		stop.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), provider.url) {
				return nil
			}
			return http.ErrUseLastResponse
		}
		location := func(address string) *url.URL {
			response, err := stop.client.Get(address)
			require.NoError(t, err)
			defer response.Body.Close()
			to, err := response.Location()
			require.NoError(t, err)
			return to
		}
		cleanup := location(address)
		require.True(t, strings.HasPrefix(cleanup.String(), reply+"?"), "first the provider has us clean up: %s", cleanup)
		m, err := wsfed.ParseMessage(http.MethodGet, cleanup.Query(), nil)
		require.NoError(t, err)
		require.Equal(t, wsfed.ActionSignOutCleanup, m.Action)
		// We send nobody to an address from a message; the person's browser goes back by itself.
		require.Equal(t, after, location(cleanup.Query().Get("wreply")).String())

		start, pending := begin(t, party, "state-3", nil)
		form := requireAnswer(t, provider.signIn(t, b, start, "ben", "bens password"))
		id, err := party.VerifyForm(t.Context(), form, pending)
		require.NoError(t, err)
		require.Equal(t, "ben-2", id.Subject, "somebody else at the same browser")
	})
}

// TestSimpleSAMLphpRefused: its answers at the wrong door, changed, or under the strict defaults.
func TestSimpleSAMLphpRefused(t *testing.T) {
	provider := startSimpleSAMLphp(t)
	b := newBrowser(t)
	party := provider.party(t)
	start, pending := begin(t, party, "state", nil)
	mine := requireAnswer(t, provider.signIn(t, b, start, "ann", "anns password"))

	other := provider.party(t, func(c *wsfed.Config) { c.Realm = "urn:interop:other" })
	start, others := begin(t, other, "state", nil)
	theirs := requireAnswer(t, b.get(t, start))
	stranger := newPair(t)

	for name, tt := range map[string]struct {
		form   url.Values
		change func(*wsfed.Config)
		find   [2]string
		check  wsfed.Check
	}{
		"another relying party's":     {form: theirs, check: wsfed.CheckAudience},
		"no confirmation, by default": {form: mine, change: func(c *wsfed.Config) { c.AllowMissingConfirmation = false }, check: wsfed.CheckConfirmation},
		"another key": {form: mine, check: wsfed.CheckSignature, change: func(c *wsfed.Config) {
			c.Provider, c.MetadataURL = &wsfed.Provider{Issuer: phpIssuer, Certificates: append(c.MetadataSigners, stranger.parsed)}, ""
		}},
		"a subject that changes":   {form: mine, change: func(c *wsfed.Config) { c.SubjectClaim = upnClaim; c.InsecureMutableSubject = true }, check: wsfed.CheckClaims},
		"tampered name identifier": {form: mine, find: [2]string{"ann-1", "ben-2"}, check: wsfed.CheckSignature},
		"tampered audience":        {form: theirs, find: [2]string{"urn:interop:other", realm}, check: wsfed.CheckSignature},
		"tampered time":            {form: mine, find: [2]string{`NotOnOrAfter="2`, `NotOnOrAfter="3`}, check: wsfed.CheckSignature},
	} {
		t.Run(name, func(t *testing.T) {
			changes := []func(*wsfed.Config){}
			if tt.change != nil {
				changes = append(changes, tt.change)
			}
			form := url.Values{"wa": tt.form["wa"], "wctx": tt.form["wctx"], "wresult": tt.form["wresult"]}
			if tt.find[0] != "" {
				require.Contains(t, form.Get("wresult"), tt.find[0])
				form.Set("wresult", strings.ReplaceAll(form.Get("wresult"), tt.find[0], tt.find[1]))
			}
			id, err := provider.party(t, changes...).VerifyForm(t.Context(), form, pending)
			requireRefused(t, err, tt.check)
			require.Nil(t, id)
		})
	}
	_, err := party.VerifyForm(t.Context(), mine, pending)
	require.NoError(t, err)
	_, err = other.VerifyForm(t.Context(), theirs, others)
	require.NoError(t, err, "and at the right door it passes")
}
