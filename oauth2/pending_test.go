package oauth2_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/oauth2"
)

func pendingForTest() oauth2.Pending {
	return oauth2.Pending{
		Verifier: "verifier-of-this-sign-in-0123456789abcdefghij", Nonce: testNonce, State: testState,
		ForceLogin: true, MaxAge: time.Hour, Claims: `{"id_token":{}}`, Begun: start,
	}
}

// requireDiscreet: none of what must stay hidden is in what was printed, in clear or in hexadecimal digits.
func requireDiscreet(t *testing.T, printed string) {
	t.Helper()
	p := pendingForTest()
	for _, secret := range []string{p.Verifier, p.Nonce, p.State, p.Claims} {
		require.NotContains(t, printed, secret)
		require.NotContains(t, strings.ToLower(strings.ReplaceAll(printed, " ", "")), hex.EncodeToString([]byte(secret)))
	}
}

func TestPendingIsNotPrinted(t *testing.T) {
	p := pendingForTest()
	const said = "pending sign-in (state: true, force_login: true, max_age: 1h0m0s, begun: 2030-01-02T03:04:05Z)"
	require.Equal(t, said, p.String())
	require.Equal(t, said, fmt.Sprint(&p))
	require.Contains(t, oauth2.Pending{}.String(), "state: false")
	holder := struct{ Of *oauth2.Pending }{&p}
	for _, v := range []any{p, &p, []oauth2.Pending{p}, map[string]oauth2.Pending{"p": p}, struct{ P oauth2.Pending }{p}, holder} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb == 'p' || verb == 'w' {
				continue // fmt asks no method; go vet refuses them
			}
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "300", ".3"} {
				requireDiscreet(t, fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
	}
	require.Equal(t, "<nil>", fmt.Sprint((*oauth2.Pending)(nil)))
}

func TestPendingIsNotLogged(t *testing.T) {
	p := pendingForTest()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(handler(&out))
			log.Info("m", "p", p, "pointer", &p)
			log.With("p", &p).WithGroup("g").Info("m", slog.Group("h", "p", p))
			log.Error(fmt.Sprint("sign-in", p), "err", fmt.Errorf("refused: %+v", &p)) //nolint:sloglint // on purpose
			requireDiscreet(t, out.String())
			require.Contains(t, out.String(), "2030-01-02T03:04:05")
			require.Contains(t, out.String(), "force_login")
		})
	}
}

// TestPendingIsKeptAsJSON: what a host stores is all there when it is read.
func TestPendingIsKeptAsJSON(t *testing.T) {
	p := pendingForTest()
	data, err := json.Marshal(&p)
	require.NoError(t, err)
	require.JSONEq(t, `{"verifier":"`+p.Verifier+`","nonce":"`+p.Nonce+`","state":"`+p.State+`","force_login":true,"max_age":3600000000000,`+
		`"claims":"{\"id_token\":{}}","begun":"2030-01-02T03:04:05Z"}`, string(data))
	var back oauth2.Pending
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, p, back)
}
