package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// ExportFormat is the member "format" of an exported document.
const ExportFormat = "tenantdoor/user/1"

// document is all that is kept about one person, under names that stay.
type document struct {
	Format        string            `json:"format"`
	ExportedAt    time.Time         `json:"exported_at"`
	ID            string            `json:"id"`
	Version       string            `json:"version"`
	Suspended     bool              `json:"suspended"`
	Emergency     bool              `json:"emergency"`
	Identities    []documentKey     `json:"identities"`
	Imports       []documentImport  `json:"imports"`
	Pending       []documentPending `json:"pending"`
	Profile       documentProfile   `json:"profile"`
	Groups        []claims.Group    `json:"groups"`
	GroupsAt      time.Time         `json:"groups_at,omitzero"`
	Roles         []string          `json:"roles"`
	Organizations []string          `json:"organizations"`
}

type documentKey struct {
	ConnectionID string `json:"connection_id"`
	Authority    string `json:"authority"` // tenant id, or issuer
	Subject      string `json:"subject"`   // object id, or subject
}

type documentImport struct {
	Source string `json:"source"`
	Record string `json:"record"`
}

type documentPending struct {
	ConnectionID   string    `json:"connection_id"`
	ConnectionName string    `json:"connection_name,omitempty"`
	TenantID       string    `json:"tenant_id,omitempty"`
	ObjectID       string    `json:"object_id,omitempty"`
	Address        string    `json:"address,omitempty"`
	Expires        time.Time `json:"expires"`
}

type documentProfile struct {
	Email         string         `json:"email"`
	EmailVerified bool           `json:"email_verified"`
	GivenName     string         `json:"given_name"`
	FamilyName    string         `json:"family_name"`
	Picture       string         `json:"picture"`
	Extended      map[string]any `json:"extended,omitempty"`
}

// Export returns all that the store keeps about a user, as a JSON document, for a person who asks what is known about them. What the host keeps beside it (sessions,
// tokens, audit log) is for the host to add. Only the environment may; it is audited, except with DryRun.
//
// Errors: an *ActError with ErrNotAllowed or ErrNotFound; others are the store's. The store must be a UserReader.
func (p *Provisioner) Export(ctx context.Context, o Order, userID string) ([]byte, error) {
	var out []byte
	err := p.once(ctx, o, Audit{Event: EventExported, UserID: userID}, func() error {
		u, err := p.user(ctx, userID)
		if err != nil {
			return err
		}
		out, err = json.MarshalIndent(documentOf(u, p.now()), "", "  ")
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Erase deletes a user and all that the store keeps about them; with DryRun it only looks whether there is such a user. Only the environment may. The audit event holds the
// user's id and nothing else of them. An import that still names the person makes them anew.
//
// Errors: an *ActError with ErrNotAllowed or ErrNotFound; others are the store's. The store must be a UserReader and a UserEraser.
func (p *Provisioner) Erase(ctx context.Context, o Order, userID string) error {
	return p.once(ctx, o, Audit{Event: EventErased, UserID: userID}, func() error {
		eraser, ok := p.users.(UserEraser)
		if !ok {
			return errors.New("the user store is no UserEraser")
		}
		if _, err := p.user(ctx, userID); err != nil || o.DryRun {
			return err
		}
		err := eraser.Erase(ctx, userID, "") // whatever it became meanwhile is the same person's
		if errors.Is(err, ErrNotFound) {
			return noSuchUser()
		}
		return err
	})
}

// once does and audits an act that is no Change.
func (p *Provisioner) once(ctx context.Context, o Order, a Audit, do func() error) error {
	_, _, err := p.allowed(o, a.Event, func() (*User, Change, error) { return nil, Change{}, do() })
	return p.acted(ctx, o, a, err)
}

func documentOf(u *User, now time.Time) document {
	d := document{
		Format: ExportFormat, ExportedAt: now.UTC(), ID: u.ID, Version: u.Version, Suspended: u.Suspended, Emergency: u.Emergency,
		Identities: []documentKey{}, Imports: []documentImport{}, Pending: []documentPending{}, Groups: append([]claims.Group{}, u.Groups...),
		Profile: documentProfile(u.Profile), GroupsAt: u.GroupsAt, Roles: append([]string{}, u.Roles...), Organizations: append([]string{}, u.Organizations...),
	}
	for _, k := range u.Keys {
		if k.Enterprise() {
			d.Identities = append(d.Identities, documentKey(k))
		} else {
			d.Imports = append(d.Imports, documentImport{Source: k.Authority, Record: k.Subject})
		}
	}
	for _, w := range u.Pending {
		d.Pending = append(d.Pending, documentPending(w))
	}
	return d
}
