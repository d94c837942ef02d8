package wsfed_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestSignOutGoesNowhere: whatever address a sign-out brings along, nobody is sent there, and it does the same however often it comes.
func TestSignOutGoesNowhere(t *testing.T) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	keyring, err := entra.NewKeyring(key)
	require.NoError(t, err)
	ended := 0
	s, err := entra.New(entra.Config{
		BaseURL: "https://auth.example.com/sso", Connections: memory.NewConnections(), Protocols: []entra.Protocol{wsfed.Protocol{}}, Keys: keyring, Replay: memory.NewReplay(),
		HTTPClient: &http.Client{Transport: new(provider)},
		OnSignOut: func(_ context.Context, _ *http.Request, n entra.SignOutNotice) error {
			assert.Equal(t, entra.SignOutNotice{}, n, "nothing is read from it")
			ended++
			return nil
		},
	})
	require.NoError(t, err)
	get := func(path string, query url.Values) *http.Response {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso"+path+"?"+query.Encode(), nil))
		return w.Result()
	}
	evil := "https://evil.example/"
	for _, path := range []string{"/callback/wsfed", "/signout/wsfed"} {
		for name, query := range map[string]url.Values{
			"clean-up":               {"wa": {"wsignoutcleanup1.0"}},
			"foreign wreply":         {"wa": {"wsignoutcleanup1.0"}, "wreply": {evil}},
			"foreign wreply, a case": {"wa": {"WSignOutCleanup1.0"}, "WReply": {evil}},
			"other names":            {"wa": {"wsignoutcleanup1.0"}, "return_to": {evil}, "post_logout_redirect_uri": {evil}, "wtrealm": {evil}, "ru": {evil}},
			"sign-out itself":        {"wa": {"wsignout1.0"}, "wreply": {evil}},
			"two actions":            {"wa": {"wsignoutcleanup1.0", "wsignoutcleanup1.0"}, "wreply": {evil}},
		} {
			for range 2 {
				res := get(path, query)
				require.NoError(t, res.Body.Close())
				assert.Empty(t, res.Header.Get("Location"), name)
				assert.Empty(t, res.Header.Get("Refresh"), name)
				assert.True(t, res.StatusCode == http.StatusOK || res.StatusCode == http.StatusBadRequest, "%s: %d", name, res.StatusCode)
				assert.Empty(t, res.Cookies(), name)
			}
		}
	}
	assert.Equal(t, 2*2*4, ended, "each clean-up reaches the host, every time")
}
