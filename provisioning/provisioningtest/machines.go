package provisioningtest

import (
	"context"
	"slices"
	"testing"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Machines runs the contract of provisioning.UserStore on two machines: open returns two stores over the same data, which is empty, each with a
// connection to the database of its own, and every call goes to the other one than the call before. What a store decides in its own memory, under a lock
// or from a cache, is found out. A host that runs on one machine does not need it.
func Machines(t *testing.T, open func(t *testing.T) (one, other provisioning.UserStore)) {
	t.Helper()
	contract.Run(t, machineChecks(), func(t *testing.T) provisioning.UserStore {
		one, other := open(t)
		return inTurn{contract.InTurn(one, other)}
	})
}

// machineChecks are those of the interface that every store has.
func machineChecks() []contract.Check[provisioning.UserStore] {
	return slices.DeleteFunc(slices.Clone(checks), func(c contract.Check[provisioning.UserStore]) bool { return c.Needs != nil })
}

// inTurn is two stores.
type inTurn struct{ next func() provisioning.UserStore }

func (s inTurn) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	return s.next().UserByKey(ctx, keys...)
}

func (s inTurn) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	return s.next().UsersByEmail(ctx, folded)
}

func (s inTurn) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	return s.next().Create(ctx, c)
}

func (s inTurn) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	return s.next().Update(ctx, id, c)
}
