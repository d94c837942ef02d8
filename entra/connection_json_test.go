package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// exports are connections as Kinde's management API shows them, every option spelled out.
var exports = map[string]string{
	"OAuth 2.0": `{
		"id": "conn_0190ac0e", "name": "contoso-entra", "display_name": "Contoso", "strategy": "oauth2:azure_ad",
		"enabled_applications": ["299627bd8bfa493f8b17e6aec8ebfb86", "b1d1e3f6"],
		"options": {
			"client_id": "cccccccc-cccc-4ccc-8ccc-cccccccccccc", "is_use_custom_domain": false,
			"home_realm_domains": ["@contoso.com", "contoso.io"], "entra_id_domain": "contoso.com", "is_use_common_endpoint": false,
			"is_sync_user_profile_on_login": true, "is_retrieve_provider_user_groups": true, "is_extended_attributes_required": true,
			"is_create_missing_user": true, "is_force_show_sso_button": false, "is_auto_join_organization_enabled": false,
			"upstream_params": {"prompt": {"value": "select_account"}, "username": {"alias": "login_hint"}}
		}
	}`,
	"WS-Federation": `{
		"id": "conn_0190ac0f", "name": "fabrikam", "display_name": "", "strategy": "wsfed:azure_ad", "enabled_applications": [],
		"options": {
			"client_id": "dddddddd-dddd-4ddd-8ddd-dddddddddddd", "home_realm_domains": [], "entra_id_domain": "fabrikam.com",
			"is_use_common_endpoint": false, "is_create_missing_user": false, "is_force_show_sso_button": true, "upstream_params": null
		}
	}`,
	"of a later version": `{
		"id": "conn_1", "name": "n", "strategy": "oauth2:azure_ad", "created_on": "2026-01-02T03:04:05Z", "rank": 12345678901234567890,
		"options": {"client_id": "cccccccc-cccc-4ccc-8ccc-cccccccccccc", "entra_id_domain": "contoso.com", "is_new_feature": true, "nested": {"b": [1, null], "a": "<&>"}}
	}`,
	"of our own": `{
		"id": "conn_2", "name": "n", "strategy": "wsfed:azure_ad", "is_enabled": true, "organization_id": "org_1", "version": "7",
		"options": {
			"tenant_id": "11111111-1111-4111-8111-111111111111", "cloud": "usgov", "is_trust_emails_enabled": true, "allowed_tenants": ["11111111-1111-4111-8111-111111111111"],
			"home_realm_domain_proofs": [{"domain": "contoso.com", "state": "proven", "by": "environment", "at": "2026-01-02T03:04:05Z"}],
			"realm": "api://contoso", "response_mode": "form_post", "scopes": ["User.Read"]
		}
	}`,
	"switch said though needless": `{"name": "n", "strategy": "oauth2:azure_ad", "is_enabled": true, "options": {}}`,
	"switch off":                  `{"name": "n", "strategy": "oauth2:azure_ad", "is_enabled": false, "options": {}}`,
	"organization's, off":         `{"name": "n", "strategy": "oauth2:azure_ad", "organization_id": "org_1", "options": {}}`,
}

func read(t *testing.T, data string) *entra.Connection {
	t.Helper()
	var c entra.Connection
	require.NoError(t, json.Unmarshal([]byte(data), &c))
	return &c
}

func TestConnectionJSONComesBackEqual(t *testing.T) {
	for name, export := range exports {
		t.Run(name, func(t *testing.T) {
			c := read(t, export)
			written := toJSON(t, c)
			assert.JSONEq(t, export, written)
			assert.Equal(t, c, read(t, written))
			assert.Equal(t, written, toJSON(t, c.Clone()), "the order is always the same")
		})
	}
	assert.Contains(t, toJSON(t, read(t, exports["of a later version"])), "12345678901234567890", "numbers are kept exactly")
}

func TestConnectionJSONFields(t *testing.T) {
	c := read(t, exports["OAuth 2.0"])
	want := &entra.Connection{
		ID: "conn_0190ac0e", Name: "contoso-entra", DisplayName: "Contoso", Strategy: entra.OAuth2, Enabled: true,
		EnabledApplications: []string{"299627bd8bfa493f8b17e6aec8ebfb86", "b1d1e3f6"}, ClientID: "cccccccc-cccc-4ccc-8ccc-cccccccccccc",
		HomeRealmDomains: []string{"@contoso.com", "contoso.io"}, EntraDomain: "contoso.com", SyncProfile: true, UserGroups: true,
		ExtendedProfile: true, CreateMissingUsers: true,
		UpstreamParams: map[string]entra.UpstreamParam{"prompt": {Value: "select_account"}, "username": {Alias: "login_hint"}},
	}
	assert.JSONEq(t, toJSON(t, want), toJSON(t, read(t, toJSON(t, want))))
	assert.NoError(t, c.Check().Err())
	c2 := read(t, toJSON(t, want)) // without what was spelled out needlessly
	assert.Equal(t, want, c2)
}

// TestEveryFieldTravels fails when a field is added to Connection and forgotten in the table of members.
func TestEveryFieldTravels(t *testing.T) {
	c := filled(t)
	c.Organizations, c.OrganizationID = nil, "" // Enabled is then the default; the next test has the others
	back := read(t, toJSON(t, c))
	assert.True(t, back.ClientSecret.IsZero() && back.NextClientSecret.IsZero() && back.ClientCertificate.IsZero() && back.NextClientCertificate.IsZero(), "secrets are left out")
	back.ClientSecret, back.NextClientSecret, back.ClientCertificate, back.NextClientCertificate = c.ClientSecret, c.NextClientSecret, c.ClientCertificate, c.NextClientCertificate
	assert.Equal(t, c, back)
	full := filled(t)
	data, err := entra.EncodeConnection(t.Context(), full, newKeyring(t))
	require.NoError(t, err)
	assert.NotContains(t, string(data), "secret ")
}

func TestEnabledWithoutTheSwitch(t *testing.T) {
	assert.True(t, read(t, `{"name":"n"}`).Enabled, "environment-level")
	assert.True(t, read(t, `{"name":"n","is_enabled":null}`).Enabled)
	assert.False(t, read(t, `{"name":"n","organization_id":"org_1"}`).Enabled, "an organization's")
	assert.True(t, read(t, `{"is_enabled":true,"organization_id":"org_1"}`).Enabled)
	assert.False(t, read(t, `{"is_enabled":false}`).Enabled)
	for _, c := range []*entra.Connection{{Enabled: true}, {Enabled: false}, {Enabled: true, OrganizationID: "o"}, {Enabled: false, OrganizationID: "o"}} {
		assert.Equal(t, c.Enabled, read(t, toJSON(t, c)).Enabled)
	}
	c := read(t, exports["switch said though needless"])
	c.Enabled = false
	assert.False(t, read(t, toJSON(t, c)).Enabled, "what was read does not overrule what was set")
	c = read(t, `{"options":{"is_create_missing_user":false}}`)
	c.CreateMissingUsers = true
	assert.True(t, read(t, toJSON(t, c)).CreateMissingUsers)
}

func TestConnectionJSONSecrets(t *testing.T) {
	c := read(t, `{"options":{"client_secret":"s3cr3t~a","next_client_secret":"s3cr3t~b"}}`)
	assert.Equal(t, "s3cr3t~a", c.ClientSecret.Reveal())
	assert.Equal(t, "s3cr3t~b", c.NextClientSecret.Reveal())
	for _, shown := range []string{toJSON(t, c), toJSON(t, *c), toJSON(t, map[string]any{"c": c}), fmt.Sprintf("%v %+v %#v", c, c, *c)} {
		assert.NotContains(t, shown, "s3cr3t")
	}
	for _, none := range []string{`{}`, `{"options":{"client_secret":null}}`, `{"options":{"client_secret":""}}`} {
		assert.True(t, read(t, none).ClientSecret.IsZero(), none)
	}
	var kept entra.Connection
	require.Error(t, json.Unmarshal([]byte(`{"options":{"client_secret":"[redacted]"}}`), &kept), "a mask is not a secret")
}

func TestConnectionJSONRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"not JSON":                      `{`,
		"trailing":                      `{}{}`,
		"a list":                        `[]`,
		"options is a list":             `{"options":[]}`,
		"options is text":               `{"options":"x"}`,
		"name is a number":              `{"name":1}`,
		"a switch is text":              `{"options":{"is_create_missing_user":"true"}}`,
		"is_enabled is text":            `{"is_enabled":"yes"}`,
		"domains is text":               `{"options":{"home_realm_domains":"contoso.com"}}`,
		"a secret is an object":         `{"options":{"client_secret":{"hidden":"s3cr3t"}}}`,
		"a secret is a number":          `{"options":{"client_secret":5}}`,
		"name twice":                    `{"name":"a","name":"b"}`,
		"options twice":                 `{"options":{},"options":{}}`,
		"client_id twice":               `{"options":{"client_id":"a","client_id":"b"}}`,
		"client_id twice, escaped":      `{"options":{"client_id":"a","client\u005fid":"b"}}`,
		"an upstream parameter twice":   `{"options":{"upstream_params":{"a":{"value":"1"},"a":{"value":"2"}}}}`,
		"an unknown member twice":       `{"x":{"y":1,"y":2}}`,
		"Name":                          `{"Name":"a"}`,
		"Options":                       `{"Options":{"client_id":"a"}}`,
		"Is_Enabled":                    `{"Is_Enabled":true}`,
		"Client_Secret":                 `{"options":{"Client_Secret":"s3cr3t"}}`,
		"long s":                        `{"options":{"client_ſecret":"s3cr3t"}}`,
		"unknown in an upstream param":  `{"options":{"upstream_params":{"a":{"value":"1","x":1}}}}`,
		"upstream param is text":        `{"options":{"upstream_params":{"a":"s3cr3t"}}}`,
		"not UTF-8":                     "{\"name\":\"\xff\"}",
		"too deep":                      `{"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`,
		"too long":                      `{"x":"` + strings.Repeat("a", 1<<20) + `"}`,
		"a proof with an unknown thing": `{"options":{"home_realm_domain_proofs":[{"domain":"a.example","state":"proven","forever":true}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := entra.Connection{ID: "before", Name: "before"}
			err := json.Unmarshal([]byte(data), &c)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "s3cr3t")
			assert.Equal(t, entra.Connection{ID: "before", Name: "before"}, c, "a failed parse changes nothing")
		})
	}
}

// passing is a Sealer that fails, or shows what it was asked.
type passing struct {
	about []string
	err   error
}

func (p *passing) Seal(_ context.Context, plain, about []byte) ([]byte, error) {
	p.about = append(p.about, string(about))
	return append([]byte("sealed:"), plain...), p.err
}

func (p *passing) Open(_ context.Context, sealed, _ []byte) ([]byte, error) {
	return sealed, p.err
}

func TestEncodeConnection(t *testing.T) {
	keys, ctx := newKeyring(t), t.Context()
	for name, c := range map[string]*entra.Connection{
		"everything":   filled(t),
		"an export":    read(t, exports["OAuth 2.0"]),
		"no secrets":   {ID: "c"},
		"one secret":   {ID: "c", NextClientSecret: credential.NewSecret("s3cr3t~b")},
		"not switched": {ID: "c", OrganizationID: "o", Enabled: true},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := entra.EncodeConnection(ctx, c, keys)
			require.NoError(t, err)
			assert.True(t, json.Valid(data))
			assert.Contains(t, string(data), `"form":1`)
			assert.NotContains(t, string(data), "s3cr3t")
			back, err := entra.DecodeConnection(ctx, data, keys)
			require.NoError(t, err)
			assert.Equal(t, c, back)
			assert.Equal(t, c.ClientSecret.Reveal(), back.ClientSecret.Reveal())
			assert.Equal(t, c.NextClientSecret.Reveal(), back.NextClientSecret.Reveal())
		})
	}
}

func TestEncodeConnectionRefuses(t *testing.T) {
	ctx, keys, c := t.Context(), newKeyring(t), sound()
	_, err := entra.EncodeConnection(ctx, c, nil)
	require.Error(t, err, "never in clear")
	_, err = entra.EncodeConnection(ctx, c, &passing{err: errors.New("KMS is down")})
	require.ErrorContains(t, err, "KMS is down")
	_, err = entra.EncodeConnection(ctx, &entra.Connection{}, keys)
	require.Error(t, err, "nothing to bind to")
	_, err = entra.EncodeConnection(ctx, nil, keys)
	require.Error(t, err)
	_, err = entra.EncodeConnection(ctx, &entra.Connection{ID: "c"}, nil)
	require.NoError(t, err, "without secrets there is nothing to seal")
	bad := &entra.Connection{ID: "c", Unknown: map[string]json.RawMessage{"x": json.RawMessage("{")}}
	_, err = entra.EncodeConnection(ctx, bad, keys)
	require.Error(t, err)

	seen := &passing{}
	_, err = entra.EncodeConnection(ctx, filled(t), seen)
	require.NoError(t, err)
	slices.Sort(seen.about)
	require.Len(t, seen.about, 4)
	assert.Len(t, slices.Compact(seen.about), 4, "each field has a place of its own")
}

// TestSealedSecretsOpenInTheirPlaceOnly moves what was sealed to another connection and to another field.
func TestSealedSecretsOpenInTheirPlaceOnly(t *testing.T) {
	ctx, keys := t.Context(), newKeyring(t)
	data, err := entra.EncodeConnection(ctx, sound(func(c *entra.Connection) { c.ID = "conn_victim" }), keys)
	require.NoError(t, err)
	for name, changed := range map[string]string{
		"another connection": strings.Replace(string(data), "conn_victim", "conn_robber", 1),
		"another field":      strings.Replace(string(data), `"sealed":{"client_secret"`, `"sealed":{"next_client_secret"`, 1),
		"unknown field":      strings.Replace(string(data), `"sealed":{"client_secret"`, `"sealed":{"later_secret"`, 1),
		"no id":              strings.Replace(string(data), `"id":"conn_victim",`, "", 1),
		"another form":       strings.Replace(string(data), `"form":1`, `"form":2`, 1),
		"no form":            strings.Replace(string(data), `"form":1,`, "", 1),
		"cut":                string(data[:len(data)-1]),
		"no connection":      `{"form":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, string(data), changed)
			c, err := entra.DecodeConnection(ctx, []byte(changed), keys)
			require.Error(t, err)
			assert.Nil(t, c)
			assert.NotContains(t, err.Error(), "s3cr3t")
		})
	}
	_, err = entra.DecodeConnection(ctx, data, newKeyring(t))
	require.Error(t, err, "another key")
	_, err = entra.DecodeConnection(ctx, data, nil)
	require.Error(t, err)
}

// FuzzConnectionJSON: what is accepted comes back as the same connection, Check and all else never panic, and no secret is
// written.
func FuzzConnectionJSON(f *testing.F) {
	for _, export := range exports {
		f.Add([]byte(export))
	}
	f.Add([]byte(`{"options":{"client_secret":"s3cr3t~a","upstream_params":{"":{"alias":"x"},"STATE":{"value":"\r\n"}},"home_realm_domains":["","@","1.1.1.1"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := entra.Connection{ID: "before", Scopes: []string{"before"}}
		if err := json.Unmarshal(data, &c); err != nil {
			require.Equal(t, entra.Connection{ID: "before", Scopes: []string{"before"}}, c, "a failed parse changes nothing")
			return
		}
		written := toJSON(t, c)
		if s := c.ClientSecret.Reveal(); len(s) > 8 && !strings.Contains(strings.Replace(string(data), s, "", 1), s) {
			require.NotContains(t, written, s)
		}
		var again entra.Connection
		require.NoError(t, json.Unmarshal([]byte(written), &again))
		c.ClientSecret, c.NextClientSecret, c.ClientCertificate, c.NextClientCertificate = credential.Secret{}, credential.Secret{}, credential.Secret{}, credential.Secret{}
		require.Equal(t, c, again, "what is read and written comes back")
		require.Equal(t, written, toJSON(t, again))
		require.Equal(t, c.Check(), again.Check())
		_, _, _ = c.Tenant(), c.AdmittedTenants(), c.ProvenDomains()
		for _, finding := range c.Check() {
			require.NotEmpty(t, finding.Problem)
			require.NotEmpty(t, finding.Fix)
			require.Less(t, len(finding.String()), 1000)
			require.NotContains(t, finding.String(), "\n")
		}
	})
}

func ExampleConnection_UnmarshalJSON() {
	var c entra.Connection
	err := json.Unmarshal([]byte(`{
		"name": "contoso",
		"strategy": "oauth2:azure_ad",
		"enabled_applications": ["app_1"],
		"options": {
			"client_id": "cccccccc-cccc-4ccc-8ccc-cccccccccccc",
			"client_secret": "the secret's value",
			"entra_id_domain": "contoso.com",
			"home_realm_domains": ["@contoso.com"]
		}
	}`), &c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Check().Err(), c.Domains(), c.EnabledFor("app_1", "", false))
	_ = json.NewEncoder(os.Stdout).Encode(c) // the secret is left out
	// Output:
	// <nil> [contoso.com] true
	// {"name":"contoso","strategy":"oauth2:azure_ad","enabled_applications":["app_1"],"options":{"client_id":"cccccccc-cccc-4ccc-8ccc-cccccccccccc","home_realm_domains":["@contoso.com"],"entra_id_domain":"contoso.com"}}
}

func ExampleFindings_Err() {
	c := entra.Connection{Name: "contoso", Strategy: entra.OAuth2, EntraDomain: "common", ClientID: "cccccccc-cccc-4ccc-8ccc-cccccccccccc"}
	for _, f := range c.Check() {
		fmt.Println(f.Severity, f.Field)
	}
	fmt.Println(c.Check().Err() != nil)
	// Output:
	// error entra_id_domain
	// warning client_secret
	// true
}
