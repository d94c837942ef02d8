package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// store keeps connections and users in memory, and a snapshot of them in one JSON file. A host has its own tables instead; what they must do is
// written at entra.ConnectionRegistry and provisioning.UserStore, and storetest and provisioningtest check it.
type store struct {
	path        string
	source      string // whose connections these are: a fake tenant's are worth nothing beside a real one's
	fresh       bool   // nothing was kept yet
	key         []byte
	keys        *entra.Keyring
	connections *memory.Connections
	users       *memory.Users

	saving sync.Mutex
}

// snapshot is the file. The secrets of its connections are sealed with the key that lies in a file of its own: a copy of one is worth nothing
// without the other.
type snapshot struct {
	Source      string               `json:"source"`
	Connections []json.RawMessage    `json:"connections"`
	Users       []*provisioning.User `json:"users"`
}

// openStore reads what an earlier run kept at path, or begins anew.
func openStore(ctx context.Context, path, source string) (*store, error) {
	key, err := openKey(strings.TrimSuffix(path, filepath.Ext(path)) + ".key")
	if err != nil {
		return nil, err
	}
	s := &store{key: key, path: path, source: source, connections: memory.NewConnections(), users: memory.NewUsers()}
	if s.keys, err = entra.NewKeyring(key); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		s.fresh = true
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if err := s.load(ctx, data); err != nil {
		return nil, fmt.Errorf("%s: %w (delete it to begin anew)", path, err)
	}
	return s, nil
}

func (s *store) load(ctx context.Context, data []byte) error {
	var kept snapshot
	if err := json.Unmarshal(data, &kept); err != nil {
		return err
	}
	if kept.Source != s.source {
		return fmt.Errorf("it holds connections of %q, not of %q", kept.Source, s.source)
	}
	for _, sealed := range kept.Connections {
		c, err := entra.DecodeConnection(ctx, sealed, s.keys)
		if err != nil {
			return err
		}
		c.Version = "" // of the store that was; this one numbers anew
		if _, err := s.connections.Put(ctx, c); err != nil {
			return err
		}
	}
	return s.users.Load(kept.Users...)
}

// save writes the snapshot: another file, put in the place of the old one, so that a crash leaves one of them whole.
func (s *store) save(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	kept := snapshot{Source: s.source, Users: slices.Collect(s.users.All())}
	for c, err := range s.connections.Connections(ctx, entra.Filter{}) {
		if err != nil {
			return err
		}
		sealed, err := entra.EncodeConnection(ctx, c, s.keys)
		if err != nil {
			return err
		}
		kept.Connections = append(kept.Connections, sealed)
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(s.path, append(data, '\n'))
}

// openKey reads the key, or makes one at the first start.
func openKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, entra.KeySize)
		_, _ = rand.Read(key) // never fails
		return key, replaceFile(path, append(base64.StdEncoding.AppendEncode(nil, key), '\n'))
	}
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != entra.KeySize {
		return nil, fmt.Errorf("%s does not hold a key of %d bytes in base64", path, entra.KeySize)
	}
	return key, nil
}

// replaceFile writes a file that only its owner can read.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
