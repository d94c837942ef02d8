package entra

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Secrets are written by Save, which keeps what a form leaves out. What it cannot say is said here.

// keepSecrets keeps the secrets that a form left out. One that is exchanged loses the date of the old one, unless the form brings another date.
func keepSecrets(before, next *Connection) {
	for _, s := range secrets {
		old, now := s.field(before), s.field(next)
		if now.IsZero() {
			*now = *old
			continue
		}
		if at := s.expires(next); at != nil && !now.Equal(*old) && at.Equal(*s.expires(before)) {
			*at = time.Time{}
		}
	}
}

func secretsDiffer(a, b *Connection) bool {
	for _, s := range secrets {
		if !s.field(a).Equal(*s.field(b)) {
			return true
		}
	}
	return false
}

// ClearSecret removes one of a connection's secrets, by its name in the JSON: client_secret, next_client_secret, client_certificate or
// next_client_certificate. Version "" changes whatever is stored.
//
// Errors: ErrNotFound; ErrConflict; an error for any other name; the store's own.
func (r *Registrar) ClearSecret(ctx context.Context, by Actor, id, version, name string) (*Connection, error) {
	return r.changeSecret(ctx, by, id, version, func(c *Connection) error {
		s, ok := secretNamed(name)
		if !ok {
			return fmt.Errorf("entra: a connection has no secret %q: name one of %s", clipText(name), strings.Join(secretNames(""), ", "))
		}
		s.clear(c)
		return nil
	})
}

// PromoteSecret ends a rotation: next_client_secret takes the place of client_secret with its date, or next_client_certificate that of
// client_certificate, and the second place is empty. name is that of the first place. Entra accepts both until the old one is deleted there.
//
// Errors as those of ClearSecret, and one where there is no next secret.
func (r *Registrar) PromoteSecret(ctx context.Context, by Actor, id, version, name string) (*Connection, error) {
	return r.changeSecret(ctx, by, id, version, func(c *Connection) error {
		first, ok := secretNamed(name)
		next, both := secretNamed("next_" + name)
		if !ok || !both {
			return fmt.Errorf("entra: a connection has no secret %q with a second place: name one of %s", clipText(name), strings.Join(secretNames("next_"), ", "))
		}
		if next.field(c).IsZero() {
			return fmt.Errorf("entra: the connection has no next_%s to take the place of the old one: save it first", name)
		}
		*first.field(c) = *next.field(c)
		if at := first.expires(c); at != nil {
			*at = *next.expires(c)
		}
		next.clear(c)
		return nil
	})
}

func (r *Registrar) changeSecret(ctx context.Context, by Actor, id, version string, change func(*Connection) error) (*Connection, error) {
	before, err := r.cfg.Store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !by.owns(before.OrganizationID):
		return nil, ErrNotFound // another's connection is none
	case version != "" && version != before.Version:
		return nil, errChanged
	}
	next := before.Clone()
	if err := change(next); err != nil {
		return nil, err
	}
	return r.put(ctx, by, before, next)
}

// secretNames lists all secrets; with a prefix those that have a second place of this prefix.
func secretNames(prefix string) (names []string) {
	for _, s := range secrets {
		if _, ok := secretNamed(prefix + s.name); ok {
			names = append(names, s.name)
		}
	}
	return names
}

func secretNamed(name string) (secretMember, bool) {
	for _, s := range secrets {
		if s.name == name {
			return s, true
		}
	}
	return secretMember{}, false
}

func (s secretMember) clear(c *Connection) {
	*s.field(c) = credential.Secret{}
	if at := s.expires(c); at != nil {
		*at = time.Time{}
	}
}

// expires points to when the secret ends; nil for a certificate, which says so itself.
func (s secretMember) expires(c *Connection) *time.Time {
	switch {
	case strings.HasSuffix(s.name, "_certificate"):
		return nil
	case strings.HasPrefix(s.name, "next_"):
		return &c.NextClientSecretExpires
	}
	return &c.ClientSecretExpires
}
