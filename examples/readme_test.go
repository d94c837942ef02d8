// Package examples keeps the README's code compiling.
package examples

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
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

	keys, err := entra.NewKeyring(key) // 32 random bytes, kept like any other secret of yours
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

// The README shows the code of Example, line by line.
func TestReadme(t *testing.T) {
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	_, code, found := bytes.Cut(source, []byte("\tkey := newKey()\n\n"))
	require.True(t, found)
	code, _, found = bytes.Cut(code, []byte("\t// End of the README's code"))
	require.True(t, found)
	code = regexp.MustCompile(`(?m)^\t`).ReplaceAll(code, nil)

	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	shown, _, found = strings.Cut(shown, "```")
	require.True(t, found)
	require.Equal(t, string(code), shown)
	require.LessOrEqual(t, strings.Count(shown, "\n"), 34, "it is to be read at a glance")
}
