package entra

import (
	"context"
	"encoding/json"
)

// Actor is who changes a connection: the environment, or an organization's administrator. Its zero value is nobody and may do nothing, so
// that a host that loses an id hands out no rights.
type Actor struct {
	Organization string // "" for the environment
	Name         string // for the audit log

	environment bool
}

// Environment is the host itself, or its operator. It may do everything.
func Environment(name string) Actor { return Actor{Name: name, environment: true} }

// Administrator is an administrator of a customer, who may be hostile and may do less.
func Administrator(organization, name string) Actor {
	return Actor{Organization: organization, Name: name}
}

// IsEnvironment reports whether the actor is the host itself.
func (a Actor) IsEnvironment() bool { return a.environment && a.Organization == "" }

// MarshalJSON writes who it is, for an audit log: {"environment": true} or {"organization": "…"}, and "name". Nobody reads an actor from JSON.
func (a Actor) MarshalJSON() ([]byte, error) { return json.Marshal(a.People()) }

// owns reports whether the actor may see and change a connection of this organization ("" is the environment's own).
func (a Actor) owns(organization string) bool {
	return a.IsEnvironment() || a.Organization != "" && a.Organization == organization
}

// DomainAuthority vouches for domains on the environment's behalf: a table of verified domains, or a DNS record. Many goroutines call it at once.
type DomainAuthority interface {
	// Proven reports whether the domain (canonical) is the actor's.
	Proven(ctx context.Context, domain string, by Actor) (bool, error)
}
