package storetest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

func memoryStores() Stores {
	return Stores{Connections: memory.NewConnections(), Flows: memory.NewFlows(), Replay: memory.NewReplay()}
}

func TestMemoryEnvironments(t *testing.T) {
	Environments(t, func(*testing.T) (one, other Stores) { return memoryStores(), memoryStores() })
}

// TestEnvironmentsCatch: whatever leaks from one environment to the other is caught.
func TestEnvironmentsCatch(t *testing.T) {
	contract.Catches(t, environmentChecks, contract.Faults{
		"one database":      {"the same connection in both", "the other's connection", "the other's flow", "the other's replay ids"},
		"unique names":      {"the same connection in both"},
		"unique domains":    {"the same connection in both"},
		"deleting both":     {"the same connection in both"},
		"reading":           {"the other's connection"},
		"routing":           {"the other's connection"},
		"listing":           {"the other's connection"},
		"writing":           {"the other's connection"},
		"deleting":          {"the other's connection"},
		"flows":             {"the other's flow"},
		"flows are used up": {"the other's flow"},
		"replay":            {"the other's replay ids"},
	}, func(fault string) neighbours {
		one, other := memoryStores(), memoryStores()
		if fault == "one database" {
			other = one
		}
		return neighbours{leak(fault, one, other), leak(fault, other, one)}
	})
}

// leak makes the stores of an environment that reach into the one beside it, in one way.
func leak(fault string, own, other Stores) Stores {
	return Stores{
		Connections: &leakyConnections{own.Connections, other.Connections, fault},
		Flows:       &leakyFlows{own.Flows, other.Flows, fault},
		Replay:      &leakyReplay{own.Replay, other.Replay, fault},
	}
}

type leakyConnections struct {
	entra.ConnectionRegistry

	other entra.ConnectionRegistry
	fault string
}

func (s *leakyConnections) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	c, err := s.ConnectionRegistry.Connection(ctx, id)
	if errors.Is(err, entra.ErrNotFound) && s.fault == "reading" {
		return s.other.Connection(ctx, id)
	}
	return c, err
}

func (s *leakyConnections) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	id, found, err := s.ConnectionRegistry.HomeRealm(ctx, domain)
	if !found && s.fault == "routing" {
		return s.other.HomeRealm(ctx, domain)
	}
	return id, found, err
}

func (s *leakyConnections) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	if s.fault == "listing" {
		return s.other.Connections(ctx, f)
	}
	return s.ConnectionRegistry.Connections(ctx, f)
}

func (s *leakyConnections) Put(ctx context.Context, c *entra.Connection) (string, error) {
	others, err := s.other.Connection(ctx, c.ID)
	switch {
	case err == nil && s.fault == "unique names":
		return "", &entra.TakenError{Field: "name", Value: c.Name, ConnectionID: others.ID}
	case err == nil && s.fault == "unique domains":
		return "", &entra.TakenError{Field: "home_realm_domains", Value: "contoso.example", ConnectionID: others.ID}
	case err == nil && s.fault == "writing" && c.Version == others.Version:
		return s.other.Put(ctx, c)
	}
	return s.ConnectionRegistry.Put(ctx, c)
}

func (s *leakyConnections) Delete(ctx context.Context, id, version string) error {
	err := s.ConnectionRegistry.Delete(ctx, id, version)
	if errors.Is(err, entra.ErrNotFound) && s.fault == "deleting" || err == nil && s.fault == "deleting both" {
		return s.other.Delete(ctx, id, version)
	}
	return err
}

type leakyFlows struct {
	entra.FlowStore

	other entra.FlowStore
	fault string
}

func (s *leakyFlows) Take(ctx context.Context, id string) ([]byte, error) {
	sealed, err := s.FlowStore.Take(ctx, id)
	if errors.Is(err, entra.ErrNotFound) {
		switch s.fault {
		case "flows":
			return s.other.Take(ctx, id)
		case "flows are used up":
			_, _ = s.other.Take(ctx, id)
		}
	}
	return sealed, err
}

type leakyReplay struct {
	entra.ReplayStore

	other entra.ReplayStore
	fault string
}

func (s *leakyReplay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	first, err := s.ReplayStore.Remember(ctx, id, until)
	if first && s.fault == "replay" {
		return s.other.Remember(ctx, id, until)
	}
	return first, err
}
