package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/memory"
)

// readConnections reads connections from a file into memory. Whoever runs the command is the environment, so their home realm domains are proven, and
// the tenant is pinned where the file names its id.
func readConnections(ctx context.Context, file string) (*memory.Connections, error) {
	list := memory.NewConnections()
	if file == "" {
		return list, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	var all []*entra.Connection
	if json.Unmarshal(data, &all) != nil {
		var page struct{ Connections []*entra.Connection }
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = page.Connections
	}
	for _, c := range all {
		if c.ID == "" {
			return nil, fmt.Errorf("%s: connection %q has no id: it is the one that your server knows it by", file, c.Name)
		}
		for _, domain := range c.Domains() {
			c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: domain, State: entra.DomainProven, By: entra.ProofByEnvironment, At: time.Now().UTC()})
		}
		c.Version = ""
		if c.TenantID == "" && cloud.IsGUID(c.EntraDomain) { // a domain is resolved when the server saves the connection
			c.TenantID = strings.ToLower(c.EntraDomain)
		}
		if _, err := list.Put(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: connection %q: %w", file, c.Name, err)
		}
	}
	return list, nil
}

// readKey reads the key that seals the secrets of connections: 32 bytes, as they are or in base64. Without a file there is none, and then no secrets either.
func readKey(file string) (entra.Sealer, error) {
	if file == "" {
		return nil, nil
	}
	key, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if len(key) != entra.KeySize {
		if key, err = base64.StdEncoding.DecodeString(string(bytes.TrimSpace(key))); err != nil || len(key) != entra.KeySize {
			return nil, fmt.Errorf("%s does not hold a key: want %d bytes, as they are or in base64", file, entra.KeySize)
		}
	}
	return entra.NewKeyring(key)
}

// adding writes connections into a database.
type adding struct {
	to             entra.RegistrarConfig
	sealed         bool // secrets can be sealed
	dryRun         bool
	stdout, stderr io.Writer
}

// run writes those of the list that the store does not have yet, as the environment does: checked, their tenants pinned, their home realm
// domains proven, their secrets sealed. What is there stays as it is. As long as one has a fault, none is written.
func (a adding) run(ctx context.Context, list *memory.Connections) error {
	registrar, err := entra.NewRegistrar(a.to)
	if err != nil {
		return err
	}
	by := entra.Environment("entraimport")
	say := func(one *entra.Connection, found entra.Findings) {
		for _, f := range found {
			fmt.Fprintf(a.stderr, "connection %q: %s: %s\n", one.Name, f.Severity, f)
		}
	}
	var missing []*entra.Connection
	looked := map[string]int{} // findings that were said, by connection
	faulty := 0
	for one, err := range list.Connections(ctx, entra.Filter{}) {
		if err != nil {
			return err
		}
		switch _, err := a.to.Store.Connection(ctx, one.ID); {
		case err == nil:
			continue
		case !errors.Is(err, entra.ErrNotFound):
			return err
		}
		fresh := one.Clone()
		fresh.Version = ""
		_, found, err := registrar.Preview(ctx, by, fresh)
		if holdsSecrets(fresh) && !a.sealed {
			found = append(found, entra.Finding{Problem: "it holds secrets, which are not written in clear", Fix: "name your server's key with -key, or take them out of the file", Severity: entra.SeverityError})
		}
		say(fresh, found)
		switch {
		case found.Err() != nil:
			faulty++
		case err != nil:
			return err
		}
		missing, looked[fresh.ID] = append(missing, fresh), len(found)
	}
	if faulty > 0 {
		return fmt.Errorf("%d of the connections have faults, so none was added", faulty)
	}
	for _, fresh := range missing {
		done := "would be added"
		if !a.dryRun {
			_, found, err := registrar.Save(ctx, by, fresh)
			if err != nil {
				return fmt.Errorf("connection %q: %w", fresh.Name, err)
			}
			say(fresh, found[looked[fresh.ID]:]) // what only saving finds out
			done = "added"
		}
		state := "off"
		if fresh.Enabled {
			state = "on"
		}
		fmt.Fprintf(a.stdout, "connection %q (%s): %s, %s\n", cmp.Or(fresh.DisplayName, fresh.Name), fresh.ID, done, state)
	}
	return nil
}

func holdsSecrets(c *entra.Connection) bool {
	return slices.ContainsFunc([]credential.Secret{c.ClientSecret, c.NextClientSecret, c.ClientCertificate, c.NextClientCertificate}, func(s credential.Secret) bool { return !s.IsZero() })
}
