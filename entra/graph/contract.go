package graph

import (
	"context"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Config of a Client.
type Config struct {
	HTTPClient *http.Client     // nil: the guarded default
	Now        func() time.Time // nil: time.Now
}

// Client calls Microsoft Graph. It is safe for concurrent use.
type Client struct{}

// New returns a Client.
func New(c Config) *Client { panic("sketch") }

// Caller is as whom, and about whom, Graph is asked.
type Caller struct {
	Cloud  cloud.Cloud // Graph's base URL is Cloud.Graph and nothing else
	Tenant string      // GUID
	User   string      // an object id; a delegated token's answer is checked to be about this very user
	Me     bool        // ask as /me (delegated token) instead of /users/{User} (app-only token)
	Token  func(context.Context) (string, error)
}

// GroupQuery says which groups, and whether with names.
type GroupQuery struct{ Names, SecurityOnly bool }

// Groups returns all groups of the user, transitively, or an error; never a part of them.
func (c *Client) Groups(ctx context.Context, as Caller, q GroupQuery) ([]claims.Group, error) {
	panic("sketch")
}

// GroupNames returns the groups of ids with their names. An id that Graph does not know keeps an empty name.
func (c *Client) GroupNames(ctx context.Context, as Caller, ids []string) ([]claims.Group, error) {
	panic("sketch")
}

// DefaultProfile is what Profile selects when fields is nil.
func DefaultProfile() []string { panic("sketch") }

// Profile returns the user's attributes under Graph's own names; empty ones are left out.
func (c *Client) Profile(ctx context.Context, as Caller, fields []string) (map[string]any, error) {
	panic("sketch")
}

// Photo is a small profile photo.
type Photo struct {
	ContentType string // image/jpeg or image/png
	Data        []byte
}

// Photo returns the photo, at most max bytes; nil without an error when there is none.
func (c *Client) Photo(ctx context.Context, as Caller, max int) (*Photo, error) { panic("sketch") }
