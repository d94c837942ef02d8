package provisioningtest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Environments runs what two environments of a host owe each other: neither finds, counts, changes or erases the other's users, and neither
// is refused anything for what the other has. open returns the stores of two environments over one database, both empty.
func Environments(t *testing.T, open func(t *testing.T) (one, other provisioning.UserStore)) {
	t.Helper()
	contract.Run(t, environmentChecks, func(t *testing.T) neighbours {
		one, other := open(t)
		return neighbours{one, other}
	})
}

// neighbours are the stores of two environments.
type neighbours struct{ one, other provisioning.UserStore }

var environmentChecks = []contract.Check[neighbours]{
	{Name: "the same person in both", Run: checkSameInBoth},
	{Name: "the other's user by its id", Run: checkOthersID},
	{Name: "the other's users in a listing", Run: checkOthersListed, Needs: func(n neighbours) string { return needsLister(n.one) }},
	{Name: "erasing the other's user", Run: checkOthersErased, Needs: func(n neighbours) string { return needsEraser(n.one) }},
	{Name: "the other's users in a search", Run: checkOthersFound, Needs: func(n neighbours) string { return needsFinder(n.one) }},
	{Name: "the same import in both", Run: checkSameImport, Needs: func(n neighbours) string { return needsBulk(n.one) }},
}

func checkSameInBoth(t contract.TB, n neighbours) {
	u := create(t, n.one, whole(1))
	for _, k := range u.Keys {
		nobody(t, n.other, k)
	}
	nobody(t, n.other, provisioning.PendingKey("con_c", guid(1)))
	found(t, n.other, mail(1))
	found(t, n.other, "upn."+mail(1))

	twin := create(t, n.other, whole(1)) // nothing of it is taken
	same(t, "the first environment's user", find(t, n.one, key(1)), u)
	same(t, "the second environment's user", find(t, n.other, key(1)), twin)
	update(t, n.other, twin.ID, provisioning.Change{DropKeys: twin.Keys, Pending: &[]provisioning.Pending{}, Profile: &provisioning.Profile{}})
	same(t, "the first environment's user after a change in the second", find(t, n.one, key(1)), u)
	found(t, n.one, mail(1), u.ID)
	found(t, n.other, mail(1))
}

func checkOthersID(t contract.TB, n neighbours) {
	u := person(t, n.one, 1)
	_, err := n.other.Update(t.Context(), u.ID, provisioning.Change{Join: []string{"org"}, AddKeys: []provisioning.Key{key(9)}})
	contract.Is(t, "Update of the other environment's user", err, provisioning.ErrNotFound)
	_, err = n.other.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{"org"}})
	contract.Is(t, "Update of the other environment's user with its version", err, provisioning.ErrNotFound)
	nobody(t, n.other, key(9))
	same(t, "the user", find(t, n.one, key(1)), u)
	if r, ok := n.other.(provisioning.UserReader); ok {
		_, err := r.User(t.Context(), u.ID)
		contract.Is(t, "User of the other environment", err, provisioning.ErrNotFound)
	}
}

func checkOthersListed(t contract.TB, n neighbours) {
	one, other := person(t, n.one, 1), person(t, n.other, 2)
	for _, f := range []provisioning.UserFilter{{}, {ConnectionID: connA}} {
		lists(t, n.one, f, one.ID)
		lists(t, n.other, f, other.ID)
	}
}

func checkOthersFound(t contract.TB, n neighbours) {
	c := whole(1)
	u := create(t, n.one, c)
	var asked []asking
	for _, k := range append(c.AddKeys, provisioning.PendingKey("con_c", guid(1))) {
		asked = append(asked, asking{byKeys(k), nil})
	}
	asked = append(asked, asking{byAddresses(mail(1)), nil}, asking{byAddresses("upn." + mail(1)), nil})
	search(t, n.other, asked...)
	for i := range asked {
		asked[i].ids = []string{u.ID}
	}
	search(t, n.one, asked...)
}

func checkOthersErased(t contract.TB, n neighbours) {
	u := create(t, n.one, whole(1))
	twin := create(t, n.other, whole(1))
	if twin.ID != u.ID { // two environments may count alike
		contract.Is(t, "Erase of the other environment's user", n.other.(provisioning.UserEraser).Erase(t.Context(), u.ID, ""), provisioning.ErrNotFound)
	}
	if err := n.other.(provisioning.UserEraser).Erase(t.Context(), twin.ID, ""); err != nil {
		t.Errorf("Erase: %v", err)
	}
	same(t, "the user after its twin was erased", find(t, n.one, key(1)), u)
	nobody(t, n.other, key(1))
}

func checkSameImport(t contract.TB, n neighbours) {
	for _, s := range []provisioning.UserStore{n.one, n.other} {
		for i, err := range many(t, s, record(1), record(2)) {
			if err != nil {
				t.Errorf("change %d: %v; the other environment's users are in nobody's way", i, err)
			}
		}
	}
}
