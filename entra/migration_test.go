package entra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// The code of provisioning/MIGRATION.md: TestMigrationPage holds the two together.

func loadConnections(ctx context.Context, registrar *entra.Registrar, export []byte, secret func(name string) string) error {
	var connections []*entra.Connection
	if err := json.Unmarshal(export, &connections); err != nil {
		return err
	}
	for _, c := range connections {
		c.ClientSecret = credential.NewSecret(secret(c.Name)) // exports hold none
		c.TrustEmails = true                                  // while people move; step 5 switches it off
		if _, findings, err := registrar.Save(ctx, entra.Environment("migration"), c); err != nil {
			return fmt.Errorf("connection %s: %w (%v)", c.Name, err, findings)
		}
	}
	return nil
}

// End of the page's code.

func importPeople(ctx context.Context, users provisioning.UserStore, connections entra.ConnectionStore, file io.Reader, keep func(context.Context, []bulk.Kept) error, log *slog.Logger, dryRun bool) (bulk.Summary, error) {
	reader, err := bulk.NewReader(file) // Kinde's CSV or NDJSON, Auth0's export, Entra's "download users"
	if err != nil {
		return bulk.Summary{}, err
	}
	people, err := bulk.New(bulk.Config{
		Users: users, By: bulk.ByEnvironment(), Source: "former", DryRun: dryRun,
		Keep:        keep, // roles, phone numbers, password hashes: what your own tables hold beside users
		Connections: entra.View{Connections: connections, By: entra.Environment("migration")},
		Report: func(r bulk.Result) {
			if r.Problem != nil {
				log.WarnContext(ctx, "not imported", "problem", r.Problem) // the line, the column, what is wrong, what to do; bulk.Rejects writes a file to be mended
			}
		},
	})
	if err != nil {
		return bulk.Summary{}, err
	}
	return people.Run(ctx, reader)
}

// End of the page's code.

func switchTrustOff(ctx context.Context, registrar *entra.Registrar, connections entra.ConnectionRegistry) error {
	for c, err := range connections.Connections(ctx, entra.Filter{}) {
		if err != nil {
			return err
		}
		c = c.Clone()
		c.TrustEmails = false
		if _, _, err := registrar.Save(ctx, entra.Environment("migration"), c); err != nil {
			return err
		}
	}
	return nil
}

// End of the page's code.

func TestMigrationPage(t *testing.T) {
	source, err := os.ReadFile("migration_test.go")
	require.NoError(t, err)
	page, err := os.ReadFile("../provisioning/MIGRATION.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, blocks, 3)
	for i, start := range []string{"func loadConnections(", "func importPeople(", "func switchTrustOff("} {
		at := bytes.Index(source, []byte(start))
		require.Positive(t, at)
		code, _, found := bytes.Cut(source[at:], []byte("\n// End of the page's code"))
		require.True(t, found)
		require.Equal(t, strings.TrimSpace(string(code)), strings.TrimSpace(string(blocks[i][1])))
	}
	for _, reason := range regexp.MustCompile("`([a-z_]+)` \\|").FindAllSubmatch(page, -1) { // its table of refusals
		require.NotEqual(t, string(reason[1]), provisioning.Reason(reason[1]).Explain())
	}
}

// What the former product exports: connections as Kinde's management API shows them, and people in either product's form.
const formerConnections = `[
	{"id": "conn_contoso", "name": "contoso", "display_name": "Contoso", "strategy": "oauth2:azure_ad", "is_all_applications_enabled": true,
		"options": {"client_id": "` + entratest.ContosoApp + `", "entra_id_domain": "contoso.com", "cloud": "entratest", "home_realm_domains": ["@contoso.com"]}},
	{"id": "conn_fabrikam", "name": "fabrikam", "display_name": "Fabrikam", "strategy": "wsfed:azure_ad", "is_all_applications_enabled": true,
		"options": {"client_id": "` + entratest.FabrikamApp + `", "entra_id_domain": "fabrikam.com", "cloud": "entratest", "home_realm_domains": ["fabrikam.com"]}}]`

var formerPeople = map[string]string{
	"Kinde": `{"id":"kp_1","first_name":"Ann","last_name":"Archer","email":"ann@contoso.com","email_verified":true,"identities":[{"type":"oauth2:azure_ad","identity":"ann@contoso.com","user_id":"` + entratest.AnnID + `","provider":"contoso","profile":{"tid":"` + entratest.ContosoID + `"}}],"organizations":[{"external_id":"org_1"}]}
{"id":"kp_2","first_name":"Bob","email":"bob@fabrikam.com","email_verified":true,"identities":[{"type":"wsfed:azure_ad","identity":"bob@fabrikam.com","provider":"fabrikam"}],"organizations":[{"external_id":"org_2"}]}
{"id":"kp_3","first_name":"Ben","email":"ben@contoso.com","email_verified":true,"identities":[{"type":"email","identity":"ben@contoso.com","is_verified":true}],"organizations":[{"external_id":"org_1"}]}
{"id":"kp_4","first_name":"Zoe","email":"zoe@northwind.example","email_verified":true,"identities":[{"type":"email","identity":"zoe@northwind.example","is_verified":true}]}
`,
	"Auth0": `{"user_id":"waad|1","email":"ann@contoso.com","email_verified":true,"given_name":"Ann","family_name":"Archer","identities":[{"provider":"waad","connection":"contoso","user_id":"` + entratest.AnnID + `"}],"upn":"ann@contoso.com","tenantid":"` + entratest.ContosoID + `"}
{"user_id":"waad|2","email":"bob@fabrikam.com","given_name":"Bob","identities":[{"provider":"waad","connection":"fabrikam","user_id":"pairwise-subject-of-another-app"}],"upn":"bob@fabrikam.com","tenantid":"` + entratest.FabrikamID + `"}
{"user_id":"auth0|3","email":"ben@contoso.com","email_verified":true,"given_name":"Ben","identities":[{"provider":"auth0","connection":"Username-Password-Authentication","user_id":"3"}]}
{"user_id":"auth0|4","email":"zoe@northwind.example","email_verified":true,"given_name":"Zoe","identities":[{"provider":"auth0","connection":"Username-Password-Authentication","user_id":"4"}]}
`,
}

// The story of provisioning/MIGRATION.md: export, import, first sign-in over each protocol, trust switched off, second sign-in. People notice nothing.
func TestMigrationStory(t *testing.T) {
	for product, export := range formerPeople {
		t.Run(product, func(t *testing.T) {
			var audits []provisioning.Audit
			h := newHouse(t, func(c *entra.Config) {
				c.Connections = memory.NewConnections()
				c.Audit = func(_ context.Context, a provisioning.Audit) { audits = append(audits, a) }
			})
			store, ok := h.config.Connections.(*memory.Connections)
			require.True(t, ok)
			registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: store, Clouds: h.config.Clouds, HTTPClient: h.fake.Client(), Now: h.clock.Now})
			require.NoError(t, err)
			secrets := map[string]string{"contoso": entratest.ContosoSecret, "fabrikam": entratest.FabrikamSecret}
			require.NoError(t, loadConnections(t.Context(), registrar, []byte(formerConnections), func(name string) string { return secrets[name] }))

			kept := map[string]bool{}
			keep := func(_ context.Context, list []bulk.Kept) error {
				for _, k := range list {
					kept[k.Record.Email] = true
				}
				return nil
			}
			// A dry run, then the import, and once more for good measure.
			sum, err := importPeople(t.Context(), h.users, store, strings.NewReader(export), keep, h.config.Logger, true)
			require.NoError(t, err)
			require.Equal(t, bulk.Summary{Created: 4}, sum)
			require.Zero(t, h.count())
			_, err = importPeople(t.Context(), h.users, store, strings.NewReader(export), keep, h.config.Logger, false)
			require.NoError(t, err)
			require.Equal(t, 4, h.count())
			sum, err = importPeople(t.Context(), h.users, store, strings.NewReader(export), keep, h.config.Logger, false)
			require.NoError(t, err)
			require.Equal(t, bulk.Summary{Known: 4}, sum)

			require.Equal(t, product == "Auth0", kept["zoe@northwind.example"], "a password account's identity is the host's to keep")

			before := map[string]*provisioning.User{}
			for u := range h.users.All() {
				before[u.Profile.Email] = u
			}
			// Nobody is asked anything but what Entra's own page asks: an address leads to it, and back into the account they had.
			comesIn := func(upn string) *entra.SignIn {
				d, err := h.BeginByAddress(t.Context(), upn, entra.BeginOptions{ReturnTo: "/inbox"})
				require.NoError(t, err)
				in, err := h.Finish(t.Context(), h.arrival(t, d, upn))
				require.NoError(t, err, upn)
				was := before[upn]
				require.Equal(t, was.ID, in.User.ID, upn)
				require.Equal(t, was.Profile, in.User.Profile, "%s: nothing of the profile changed", upn)
				require.Equal(t, was.Organizations, in.User.Organizations, "%s: nor where they belong", upn)
				require.Equal(t, "/inbox", in.ReturnTo)
				return in
			}
			people := []string{entratest.Ann, entratest.Bob, entratest.Ben} // OAuth 2.0, WS-Federation, and a former password account
			for _, upn := range people {
				require.Equal(t, provisioning.ActionLink, comesIn(upn).Decision.Action)
			}
			require.Len(t, audits, 3)
			for _, a := range audits {
				require.Equal(t, provisioning.EventLinked, a.Event)
			}
			require.NoError(t, switchTrustOff(t.Context(), registrar, store))
			for _, upn := range people {
				require.Equal(t, provisioning.ReasonKeyKnown, comesIn(upn).Decision.Reason)
			}
			// The export once more, a year later: nothing of it undoes anything.
			h.clock.advance(365 * 24 * time.Hour)
			sum, err = importPeople(t.Context(), h.users, store, strings.NewReader(export), keep, h.config.Logger, false)
			require.NoError(t, err)
			require.Equal(t, bulk.Summary{Known: 4}, sum)
			require.Equal(t, 4, h.count())

			// Who was in no export is told whom to ask, and is not created.
			_, err = func() (*entra.SignIn, error) {
				d, err := h.BeginByAddress(t.Context(), entratest.Tina, entra.BeginOptions{})
				require.NoError(t, err)
				return h.Finish(t.Context(), h.arrival(t, d, entratest.Tina))
			}()
			e := requireKind(t, entra.KindRefused, err)
			require.Contains(t, e.Public, "administrator")
			require.Equal(t, 4, h.count())
		})
	}
}
