package storetest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

// Stores are those of one environment. What is nil is not checked.
type Stores struct {
	Connections entra.ConnectionRegistry
	Flows       entra.FlowStore
	Replay      entra.ReplayStore
}

// Environments runs what two environments of a host owe each other: neither finds, changes, deletes or uses up what is the other's, and neither
// is refused anything for what the other has. open returns the stores of two environments over one database, all empty.
func Environments(t *testing.T, open func(t *testing.T) (one, other Stores)) {
	t.Helper()
	contract.Run(t, environmentChecks, func(t *testing.T) neighbours {
		one, other := open(t)
		return neighbours{one, other}
	})
}

type neighbours struct{ one, other Stores }

var environmentChecks = []contract.Check[neighbours]{
	{Name: "the same connection in both", Run: checkSameConnection, Needs: needsConnections},
	{Name: "the other's connection", Run: checkOthersConnection, Needs: needsConnections},
	{Name: "the other's flow", Run: checkOthersFlow, Needs: needsFlows},
	{Name: "the other's replay ids", Run: checkOthersReplay, Needs: needsReplay},
}

func needsConnections(n neighbours) string {
	return needs(n.one.Connections == nil, "entra.ConnectionRegistry")
}

func needsFlows(n neighbours) string { return needs(n.one.Flows == nil, "entra.FlowStore") }

func needsReplay(n neighbours) string { return needs(n.one.Replay == nil, "entra.ReplayStore") }

func needs(missing bool, name string) string {
	if missing {
		return name
	}
	return ""
}

// checkSameConnection: id, name and domain are free for each environment.
func checkSameConnection(t contract.TB, n neighbours) {
	one, other := n.one.Connections, n.other.Connections
	c, twin := simple("con_1", "contoso.example"), simple("con_1", "contoso.example")
	twin.DisplayName = "twin"
	version := put(t, one, c)
	put(t, other, twin)
	same(t, "the first environment's", get(t, one, "con_1"), c)
	same(t, "the second environment's", get(t, other, "con_1"), twin)
	routes(t, other, "contoso.example", "con_1")
	if err := other.Delete(t.Context(), "con_1", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	absent(t, other, "con_1")
	routes(t, other, "contoso.example", "")
	same(t, "the first environment's after its twin was deleted", get(t, one, "con_1"), c)
	routes(t, one, "contoso.example", "con_1")
	c.Version, c.DisplayName = version, "changed"
	put(t, one, c)
}

func checkOthersConnection(t contract.TB, n neighbours) {
	one, other := n.one.Connections, n.other.Connections
	c := simple("con_1", "contoso.example")
	version := put(t, one, c)
	absent(t, other, "con_1")
	routes(t, other, "contoso.example", "")
	if got := list(t, other, entra.Filter{}); len(got) != 0 {
		t.Errorf("an environment without connections lists %q", got)
	}
	if got := list(t, other, entra.Filter{Name: c.Name}); len(got) != 0 {
		t.Errorf("an environment without connections lists %q by name", got)
	}
	grab := simple("con_1", "contoso.example")
	grab.Version, grab.DisplayName = version, "grabbed"
	_, err := other.Put(t.Context(), grab)
	contract.Is(t, "Put of the other environment's connection", err, entra.ErrConflict)
	contract.Is(t, "Delete of the other environment's connection", other.Delete(t.Context(), "con_1", ""), entra.ErrNotFound)
	contract.Is(t, "Delete of the other environment's connection, by its version", other.Delete(t.Context(), "con_1", version), entra.ErrNotFound)
	same(t, "the connection", get(t, one, "con_1"), c)
	put(t, other, simple("con_2", "fabrikam.example"))
	if got := list(t, one, entra.Filter{}); len(got) != 1 || got[0] != "con_1" {
		t.Errorf("an environment lists %q, want its own con_1", got)
	}
}

// checkOthersFlow: whoever asks the wrong environment neither gets the flow nor uses it up.
func checkOthersFlow(t contract.TB, n neighbours) {
	one, other := n.one.Flows, n.other.Flows
	putFlow(t, one, "flow", []byte("one"))
	_, err := other.Take(t.Context(), "flow")
	contract.Is(t, "Take of the other environment's flow", err, entra.ErrNotFound)
	putFlow(t, other, "flow", []byte("other"))
	if got, err := one.Take(t.Context(), "flow"); err != nil || string(got) != "one" {
		t.Errorf("Take = %q, %v; want the environment's own flow", got, err)
	}
	if got, err := other.Take(t.Context(), "flow"); err != nil || string(got) != "other" {
		t.Errorf("Take = %q, %v; want the other environment's own flow", got, err)
	}
}

func checkOthersReplay(t contract.TB, n neighbours) {
	remember(t, n.one.Replay, hex("a"), future(), true)
	remember(t, n.other.Replay, hex("a"), future(), true)
	remember(t, n.one.Replay, hex("a"), future(), false)
	remember(t, n.other.Replay, hex("a"), future(), false)
}
