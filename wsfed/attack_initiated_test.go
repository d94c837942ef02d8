package wsfed_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestLoginCSRF: a stranger has somebody's browser post the stranger's own good answer. Nobody is signed in by it, whatever the connection allows; where it
// allows provider-initiated sign-in, the browser is sent to the provider with a request of our own, and who comes back from there is who sits there.
func TestLoginCSRF(t *testing.T) {
	for name, c := range map[string]struct {
		allowed bool
		status  int
	}{"not allowed": {false, http.StatusBadRequest}, "allowed": {true, http.StatusSeeOther}} {
		t.Run(name, func(t *testing.T) {
			key := make([]byte, 32)
			_, _ = rand.Read(key)
			keyring, err := entra.NewKeyring(key)
			require.NoError(t, err)
			connections, replay := memory.NewConnections(), new(replaySpy)
			_, err = connections.Put(t.Context(), &entra.Connection{
				ID: "c1", Name: "contoso", Strategy: entra.WSFed, Enabled: true, AllApplications: true, EntraDomain: tenant, TenantID: tenant, Cloud: "test",
				ClientID: strings.TrimPrefix(realm, "spn:"), AllowProviderInitiated: c.allowed,
			})
			require.NoError(t, err)
			var signedIn []string
			s, err := entra.New(entra.Config{
				BaseURL: "https://auth.example.com/sso", Connections: connections, Protocols: []entra.Protocol{wsfed.Protocol{}}, Keys: keyring, Replay: replay,
				Clouds: []cloud.Cloud{testCloud}, HTTPClient: &http.Client{Transport: new(provider)}, Now: func() time.Time { return forgeNow },
				OnSignIn: func(_ http.ResponseWriter, _ *http.Request, in *entra.SignIn) {
					signedIn = append(signedIn, in.Identity.ObjectID)
				},
			})
			require.NoError(t, err)
			post := func(answer, wctx string, cookies ...*http.Cookie) *http.Response {
				form := url.Values{"wa": {wsfed.ActionSignIn}, "wresult": {answer}}
				if wctx != "" {
					form.Set("wctx", wctx)
				}
				r := httptest.NewRequest(http.MethodPost, "https://auth.example.com/sso/callback/wsfed", strings.NewReader(form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for _, cookie := range cookies {
					r.AddCookie(cookie)
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				require.NoError(t, w.Result().Body.Close())
				return w.Result()
			}
			strangers := response(token20().signed())
			res := post(strangers, "")
			assert.Equal(t, c.status, res.StatusCode)
			assert.Empty(t, signedIn)
			assert.Zero(t, replay.calls, "the stranger's assertion is not even used up")
			if !c.allowed {
				assert.Empty(t, res.Cookies())
				return
			}
			u, err := url.Parse(res.Header.Get("Location"))
			require.NoError(t, err)
			assert.Equal(t, "login.entratest.invalid", u.Host)
			wctx := u.Query().Get("wctx")
			require.NotEmpty(t, wctx)
			require.Len(t, res.Cookies(), 1)

			assert.Equal(t, http.StatusBadRequest, post(strangers, wctx).StatusCode, "another browser's wctx")
			assert.Equal(t, http.StatusBadRequest, post(strangers, "", res.Cookies()...).StatusCode, "round in circles")
			assert.Empty(t, signedIn)
			own := response(token20().as(victim).withID("_own").signed())
			assert.Equal(t, http.StatusOK, post(own, wctx, res.Cookies()...).StatusCode)
			assert.Equal(t, []string{victim}, signedIn, "who sits there")

			for bad, answer := range map[string]string{
				"another realm": response(signedWith(func(k *token) { k.conditions = strings.ReplaceAll(k.conditions, realm, "spn:other") })),
				"not XML":       "<",
				"no answer":     "",
			} {
				assert.Equal(t, http.StatusBadRequest, post(answer, "").StatusCode, bad)
			}
		})
	}
}
