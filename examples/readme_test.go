// Package examples keeps the README's code compiling.
package examples

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

func newKey() []byte {
	key := make([]byte, entra.KeySize)
	_, _ = rand.Read(key)
	return key
}

func startSession(http.ResponseWriter, *entra.SignIn) {}

func Example() {
	key := newKey()

	keys, err := entra.NewKeyring(key) // 32 random bytes (openssl rand 32), kept like any other secret of yours
	if err != nil {
		log.Fatal(err)
	}
	connections := memory.NewConnections() // or your own tables: entra.ConnectionStore
	users := memory.NewUsers()             // or your own tables: provisioning.UserStore

	sso, err := entra.New(entra.Config{
		BaseURL:     "https://auth.example.com/sso", // register https://auth.example.com/sso/callback/oauth2 at Entra
		Connections: connections,
		Protocols:   []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys:        keys,
		Replay:      memory.NewReplay(), // several machines share one: entra.ReplayStore
		Users:       users,
		Logger:      slog.Default(), // why a sign-in failed, under the id that the person is shown
		OnSignIn: func(w http.ResponseWriter, r *http.Request, in *entra.SignIn) {
			startSession(w, in) // yours: in.User, in.Identity, in.IDTokenClaims(…), in.AccessTokenClaims(…)
			http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/sso/", sso) // discovery, begin, callbacks, front-channel sign-out
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<form method="post" action="/sso/discover"><label>Work email <input name="address" type="email"></label><button>Continue</button></form>`)
	})
	// End of the README's code: an address of nobody's domain gets an answer, not a redirect.
	body := strings.NewReader(url.Values{"address": {"eve@example.com"}}.Encode())
	r := httptest.NewRequest(http.MethodPost, "https://auth.example.com/sso/discover", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 404
}

// addConnection is the README's second block.
func addConnection(ctx context.Context, connections entra.ConnectionRegistry, clientID, clientSecret string) error {
	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: connections})
	if err != nil {
		return err
	}
	_, findings, err := registrar.Save(ctx, entra.Environment("operator"), &entra.Connection{
		Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, Enabled: true, AllApplications: true,
		EntraDomain: "contoso.com", ClientID: clientID, ClientSecret: credential.NewSecret(clientSecret),
		HomeRealmDomains: []string{"contoso.com"}, CreateMissingUsers: true, UserGroups: true,
	})
	// End of the README's code.
	return errors.Join(err, findings.Err())
}

func TestAddConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no tenant is looked up: the host's context ends every wait
	require.ErrorIs(t, addConnection(ctx, memory.NewConnections(), "c0a70500-0000-4000-8000-0000000000a1", "a test's"), context.Canceled)
	require.ErrorContains(t, addConnection(t.Context(), memory.NewConnections(), "not a GUID", "a test's"), "client_id")
}

// The README shows this file's code, line by line.
func TestReadme(t *testing.T) {
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, blocks, 2)
	for i, start := range []string{"\tkey := newKey()\n\n", "clientID, clientSecret string) error {\n"} {
		_, code, found := bytes.Cut(source, []byte(start))
		require.True(t, found)
		code, _, found = bytes.Cut(code, []byte("\t// End of the README's code"))
		require.True(t, found)
		code = regexp.MustCompile(`(?m)^\t`).ReplaceAll(code, nil)
		require.Equal(t, string(code), string(blocks[i][1]))
		require.LessOrEqual(t, bytes.Count(code, []byte("\n")), 34, "it is to be read at a glance")
	}
}
