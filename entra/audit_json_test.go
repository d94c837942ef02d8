package entra_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// TestStableJSON: what hosts show, send and keep is spelled so.
func TestStableJSON(t *testing.T) {
	connection := func(name string) *entra.Connection { return &entra.Connection{ID: "conn_1", Name: name, Enabled: true} }
	for _, c := range []struct {
		value any
		want  string
	}{
		{
			entra.Finding{ConnectionID: "conn_1", Field: "client_id", Problem: "is missing", Fix: "copy it", Mender: aadsts.MenderAppOwner, Severity: entra.SeverityError},
			`{"connection_id": "conn_1", "field": "client_id", "problem": "is missing", "fix": "copy it", "mender": "app_owner", "severity": "error"}`,
		},
		{entra.Button{ConnectionID: "conn_1", Label: "Contoso", Href: "/sso/begin"}, `{"connection_id": "conn_1", "label": "Contoso", "href": "/sso/begin"}`},
		{entra.Challenge{Name: "_x.contoso.com", Value: "v"}, `{"name": "_x.contoso.com", "value": "v"}`},
		{
			entra.Change{
				Actor: entra.Environment("ops"), At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), Before: connection("a"), After: connection("b"), SecretChanged: true, HighRisk: []string{"cloud"},
			},
			`{"actor": {"environment": true, "name": "ops"}, "at": "2026-11-26T09:00:00Z", "before": {"id": "conn_1", "name": "a", "options": {}},
			  "after": {"id": "conn_1", "name": "b", "options": {}}, "secret_changed": true, "high_risk": ["cloud"]}`,
		},
		{entra.Change{Actor: entra.Administrator("org_1", "ann")}, `{"actor": {"organization": "org_1", "name": "ann"}, "at": "0001-01-01T00:00:00Z", "secret_changed": false}`},
	} {
		got, err := json.Marshal(c.value)
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(got))
	}
	for kind := entra.KindInternal; kind <= entra.KindTested; kind++ {
		requireWord(t, kind, new(entra.Kind))
	}
	for severity := entra.SeverityOK; severity <= entra.SeverityError; severity++ {
		requireWord(t, severity, new(entra.Severity))
	}
	for mender := aadsts.MenderUnknown; mender <= aadsts.MenderHost; mender++ {
		requireWord(t, mender, new(aadsts.Mender))
	}
}

// requireWord: a value is a word in JSON, which reads as the value again; what is no such word is refused.
func requireWord[V any](t *testing.T, value V, into *V) {
	t.Helper()
	got, err := json.Marshal(value)
	require.NoError(t, err)
	require.Regexp(t, `^"[a-z_]+"$`, string(got))
	require.Equal(t, fmt.Sprintf("%q", fmt.Sprint(value)), string(got))
	require.NoError(t, json.Unmarshal(got, into))
	require.Equal(t, value, *into)
	require.Error(t, json.Unmarshal([]byte(`"another"`), into))
}

func TestDNSAuthorityKeepsItsSecret(t *testing.T) {
	a := &entra.DNSAuthority{Secret: []byte("a secret of more than thirty-two bytes"), Environment: "production"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, value := range []any{a, *a, struct{ A *entra.DNSAuthority }{a}} {
			text := fmt.Sprintf(verb, value)
			require.NotContains(t, text, "thirty-two", verb)
			require.NotContains(t, text, fmt.Sprintf("%x", "thirty"), verb)
			require.NotContains(t, text, "97 32 115", verb)
		}
	}
}
