package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

// export is as Kinde's management API writes connections, with a secret that the operator has put in.
const export = `[{"id":"conn_contoso","name":"contoso","display_name":"Contoso","strategy":"oauth2:azure_ad","enabled_applications":["3f1c9e2b7a"],
	"options":{"entra_id_domain":"c0a70500-0000-4000-8000-000000000001","client_id":"c0a70500-0000-4000-8000-0000000000a1","client_secret":"test-secret-of-contoso","home_realm_domains":["@contoso.com"]}}]`

// stored opens the desk's database as a server does, with its key.
func (d *desk) stored(t *testing.T, key []byte) *sqlstore.Connections {
	t.Helper()
	keys, err := entra.NewKeyring(key)
	require.NoError(t, err)
	store, db, err := openStore(t.Context(), d.db, sqlstore.Config{Sealer: keys})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return store.Connections()
}

// An export's connections go in before the people, for a server that opens the same database: sealed, pinned and proven, and once.
func TestAddConnections(t *testing.T) {
	key := bytes.Repeat([]byte{7}, entra.KeySize)
	d := newDesk(t, map[string]string{"people.csv": "email,id\nann@contoso.com,1\n", "key": base64.StdEncoding.EncodeToString(key) + "\n", "raw.key": string(key)})
	d.write(t, "connections.json", export)

	code, stdout, stderr := d.run(t, "people.csv", "-add-connections", "-dry-run", "-key", d.path("key"))
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, `connection "Contoso" (conn_contoso): would be added, on`)
	require.NoFileExists(t, d.db)

	code, _, stderr = d.run(t, "people.csv", "-add-connections")
	require.Equal(t, exitFailed, code, "a secret is not written in clear")
	require.Contains(t, stderr, "name your server's key with -key")
	require.Empty(t, d.people(t), "nobody is imported before their connection is there")

	code, stdout, stderr = d.run(t, "people.csv", "-add-connections", "-key", d.path("key"))
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, `connection "Contoso" (conn_contoso): added, on`)
	require.Contains(t, stdout, "1 created")
	require.NotContains(t, stdout+stderr, "test-secret-of-contoso")
	file, err := os.ReadFile(d.db)
	require.NoError(t, err)
	require.NotContains(t, string(file), "test-secret-of-contoso")
	connections := d.stored(t, key)
	c, err := connections.Connection(t.Context(), "conn_contoso")
	require.NoError(t, err)
	require.Equal(t, "test-secret-of-contoso", c.ClientSecret.Reveal())
	require.Equal(t, "c0a70500-0000-4000-8000-000000000001", c.TenantID)
	require.Equal(t, []string{"contoso.com"}, c.ProvenDomains())
	require.True(t, c.EnabledFor("3f1c9e2b7a", "", false))

	// What the server has by now is the server's.
	changed := c.Clone()
	changed.DisplayName = "Contoso Ltd"
	_, err = connections.Put(t.Context(), changed)
	require.NoError(t, err)
	code, stdout, stderr = d.run(t, "people.csv", "-add-connections", "-key", d.path("raw.key"))
	require.Equal(t, exitDone, code, stderr)
	require.NotContains(t, stdout, "added")
	c, err = connections.Connection(t.Context(), "conn_contoso")
	require.NoError(t, err)
	require.Equal(t, "Contoso Ltd", c.DisplayName)
}

// All faults of all connections are said at once, and then nothing is written.
func TestFaultyConnections(t *testing.T) {
	d := newDesk(t, map[string]string{"people.csv": "email,id\nann@contoso.com,1\n", "short.key": "c2hvcnQ="})
	d.write(t, "connections.json", `{"connections":[`+export[1:len(export)-1]+`,
		{"id":"conn_a","name":"a","strategy":"oauth2:azure_ad","options":{"entra_id_domain":"common","client_id":"x"}},
		{"id":"conn_b","name":"b","strategy":"wsfed:azure_ad","options":{"client_id":"c0a70500-0000-4000-8000-0000000000a1"}}]}`)
	for _, flags := range [][]string{{"-dry-run"}, {}} {
		code, stdout, stderr := d.run(t, "people.csv", append(flags, "-add-connections")...)
		require.Equal(t, exitFailed, code)
		for _, want := range []string{`connection "a": error: entra_id_domain: "common" stands for many tenants`, `connection "a": error: client_id: is not a GUID`, `connection "b": error: entra_id_domain: is missing`, "3 of the connections have faults, so none was added"} {
			require.Contains(t, stderr, want)
		}
		require.Empty(t, stdout)
	}
	all := d.stored(t, make([]byte, entra.KeySize))
	for c := range all.Connections(t.Context(), entra.Filter{}) {
		require.Fail(t, "nothing is written", c.ID)
	}
	code, _, stderr := d.run(t, "people.csv", "-key", d.path("short.key"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "want 32 bytes, as they are or in base64")
	require.NotContains(t, stderr, "c2hvcnQ")
}

// A tenant that the file names by a domain is asked for at Entra, and pinned.
func TestAddedConnectionIsPinned(t *testing.T) {
	fake, err := entratest.Start(nil)
	require.NoError(t, err)
	defer fake.Close()
	public := fake.Cloud()
	public.Name = ""
	list, to := memory.NewConnections(), memory.NewConnections()
	for id, domain := range map[string]string{"one": "contoso.com", "two": "nobody.example"} {
		_, err = list.Put(t.Context(), &entra.Connection{ID: id, Name: id, Strategy: entra.OAuth2, EntraDomain: domain, ClientID: entratest.ContosoApp})
		require.NoError(t, err)
	}
	var stdout, stderr bytes.Buffer
	require.NoError(t, adding{to: entra.RegistrarConfig{Store: to, Clouds: []cloud.Cloud{public}, HTTPClient: fake.Client()}, stdout: &stdout, stderr: &stderr}.run(t.Context(), list))
	c, err := to.Connection(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoID, c.TenantID)
	require.Contains(t, stdout.String(), `connection "one" (one): added, off`)
	require.Contains(t, stderr.String(), `connection "two": warning: entra_id_domain: Entra did not name a tenant for "nobody.example"`)
	require.NotContains(t, stderr.String(), `connection "one": warning: entra_id_domain`)
	require.Equal(t, 1, strings.Count(stderr.String(), `connection "one": warning: client_secret: is missing`), "said once")
}
