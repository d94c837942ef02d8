package memory

import (
	"context"
	"iter"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

type Replay struct{}

func NewReplay() *Replay { panic("sketch") }
func (*Replay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	panic("sketch")
}

type Flows struct{}

func NewFlows() *Flows { panic("sketch") }
func (*Flows) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	panic("sketch")
}
func (*Flows) Take(ctx context.Context, id string) ([]byte, error) { panic("sketch") }

type Connections struct{ byID map[string]*entra.Connection }

func NewConnections() *Connections { panic("sketch") }
func (*Connections) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	panic("sketch")
}
func (*Connections) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	panic("sketch")
}
func (*Connections) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	panic("sketch")
}
func (*Connections) Put(ctx context.Context, c *entra.Connection) (string, error) { panic("sketch") }
func (*Connections) Delete(ctx context.Context, id, version string) error         { panic("sketch") }

// Users is a provisioning.UserStore.
type Users struct{ byID map[string]*provisioning.User }

func NewUsers() *Users { panic("sketch") }
func (*Users) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	panic("sketch")
}
func (*Users) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	panic("sketch")
}
func (*Users) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	panic("sketch")
}
func (*Users) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	panic("sketch")
}

// All yields every user, in the order of their ids.
func (*Users) All() iter.Seq[*provisioning.User] { panic("sketch") }

// Load puts users as they are, for a host that keeps a snapshot.
func (*Users) Load(users ...*provisioning.User) error { panic("sketch") }

var (
	_ entra.ConnectionStore  = (*Connections)(nil)
	_ entra.ConnectionAdmin  = (*Connections)(nil)
	_ hrd.Directory          = (*Connections)(nil)
	_ entra.ReplayStore      = (*Replay)(nil)
	_ entra.FlowStore        = (*Flows)(nil)
	_ provisioning.UserStore = (*Users)(nil)
)
