package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// codecVersion is the form that EncodeConnection writes.
const codecVersion = 1

// encoded is a connection in a store. []byte is base64 in JSON.
type encoded struct {
	Form       int               `json:"form"`
	Connection json.RawMessage   `json:"connection"`
	Sealed     map[string][]byte `json:"sealed,omitempty"`
}

// EncodeConnection writes a connection for a store: everything, as JSON, each secret sealed by s and bound to the connection's
// id and the field, so that it opens nowhere else. The connection must have an id. The result is at most a few KB.
//
// Version is written as it is in c: a store that gives versions sets its own after DecodeConnection.
//
// An error of the Sealer is passed on; nothing is ever written in clear instead. s may be nil only for a connection without
// secrets.
func EncodeConnection(ctx context.Context, c *Connection, s Sealer) ([]byte, error) {
	if c == nil || c.ID == "" {
		return nil, errors.New("entra: only a connection with an id can be encoded")
	}
	plain, err := c.MarshalJSON()
	if err != nil {
		return nil, err
	}
	out := encoded{Form: codecVersion, Connection: plain}
	for _, secret := range secrets {
		value := secret.field(c)
		if value.IsZero() {
			continue
		}
		if s == nil {
			return nil, fmt.Errorf("entra: connection %s: %s needs a Sealer", c.ID, secret.name)
		}
		sealed, err := s.Seal(ctx, []byte(value.Reveal()), aboutSecret(c.ID, secret.name))
		if err != nil {
			return nil, fmt.Errorf("entra: connection %s: sealing %s: %w", c.ID, secret.name, err)
		}
		if out.Sealed == nil {
			out.Sealed = map[string][]byte{}
		}
		out.Sealed[secret.name] = sealed
	}
	return json.Marshal(out)
}

// DecodeConnection reads what EncodeConnection wrote. A secret that s cannot open, or that belongs to another connection or
// field, is an error; so is data of a form that this version of the library does not know. s may be nil as for EncodeConnection.
func DecodeConnection(ctx context.Context, data []byte, s Sealer) (*Connection, error) {
	var in encoded
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, errors.New("entra: stored connection is not JSON") // the decoder's error may repeat a value
	}
	if in.Form != codecVersion {
		return nil, fmt.Errorf("entra: stored connection has form %d, this version reads %d", in.Form, codecVersion)
	}
	var c Connection
	if err := c.UnmarshalJSON(in.Connection); err != nil {
		return nil, err
	}
	if c.ID == "" {
		return nil, errors.New("entra: stored connection has no id")
	}
	for _, secret := range secrets {
		sealed, ok := in.Sealed[secret.name]
		if !ok {
			continue
		}
		delete(in.Sealed, secret.name)
		if s == nil {
			return nil, fmt.Errorf("entra: connection %s: %s needs a Sealer", c.ID, secret.name)
		}
		plain, err := s.Open(ctx, sealed, aboutSecret(c.ID, secret.name))
		if err != nil {
			return nil, fmt.Errorf("entra: connection %s: opening %s: %w", c.ID, secret.name, err)
		}
		*secret.field(&c) = credential.NewSecret(string(plain))
	}
	if len(in.Sealed) > 0 { // written by a later version: dropping it quietly would lose it at the next write
		return nil, fmt.Errorf("entra: connection %s holds a secret that this version does not know", c.ID)
	}
	return &c, nil
}

// ResealConnection seals the secrets of an encoded connection anew, with the keyring's current key, and reports whether there was anything to do: for a job that goes
// over the store after a key was rotated, before the old one is dropped. What it returns is to be stored only in the place of what it read.
//
// An error says that a secret opens with none of the keys, or that data is no encoded connection.
func ResealConnection(ctx context.Context, data []byte, k *Keyring) (fresh []byte, changed bool, err error) {
	c, err := DecodeConnection(ctx, data, k)
	if err != nil {
		return nil, false, err
	}
	var in encoded
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, false, errors.New("entra: stored connection is not JSON")
	}
	for _, sealed := range in.Sealed {
		if !k.current(sealed) {
			fresh, err = EncodeConnection(ctx, c, k)
			return fresh, err == nil, err
		}
	}
	return data, false, nil
}

// aboutSecret binds a sealed secret to its place. Ids cannot shift into the field: no field name holds a NUL.
func aboutSecret(connectionID, field string) []byte {
	return []byte("tenantdoor connection\x00" + connectionID + "\x00" + field)
}
