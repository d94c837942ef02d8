package provisioningtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// asking is a search, and who is to be found by it.
type asking struct {
	search provisioning.Search
	ids    []string
}

func byKeys(keys ...provisioning.Key) provisioning.Search { return provisioning.Search{Keys: keys} }

func byAddresses(folded ...string) provisioning.Search {
	return provisioning.Search{Addresses: folded}
}

// search calls FindMany, demands who is to be found, and returns what came.
func search(t contract.TB, s provisioning.UserStore, asked ...asking) [][]*provisioning.User {
	t.Helper()
	searches := make([]provisioning.Search, len(asked))
	for i, a := range asked {
		searches[i] = a.search
	}
	each, err := s.(provisioning.BulkFinder).FindMany(t.Context(), searches)
	if err != nil || len(each) != len(asked) {
		t.Fatalf("FindMany of %d searches returned %d lists, %v", len(asked), len(each), err)
	}
	for i, a := range asked {
		got := []string{}
		for _, u := range each[i] {
			got = append(got, u.ID)
		}
		slices.Sort(got)
		slices.Sort(a.ids)
		if !slices.Equal(got, a.ids) {
			t.Errorf("search %d, for %q, found users %q, want %q", i, a.search, got, a.ids)
		}
	}
	return each
}

func checkFindMany(t contract.TB, s provisioning.UserStore) {
	search(t, s)
	c := whole(1)
	one, two := create(t, s, c), person(t, s, 2)
	expired := waiting(mail(2), guid(3))
	expired.Expires = soon().AddDate(-1, 0, 0)
	three := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{expired}}) // whose profile has no address
	pending := provisioning.PendingKey("con_c", guid(1))
	each := search(t, s,
		asking{byKeys(key(1)), []string{one.ID}},
		asking{byKeys(key(9)), nil},
		asking{byKeys(pending), []string{one.ID}},
		asking{byKeys(provisioning.PendingKey("con_d", guid(1)), provisioning.PendingKey(connA, guid(1))), nil}, // pending elsewhere, or held
		asking{byKeys(provisioning.PendingKey(connA, guid(3))), []string{three.ID}},
		asking{byKeys(key(9), key(2), key(1), pending, key(2)), []string{one.ID, two.ID}},
		asking{byAddresses(mail(1)), []string{one.ID}}, // twice: in the profile, and pending
		asking{byAddresses("upn." + mail(1)), []string{one.ID}},
		asking{byAddresses(mail(2)), []string{two.ID, three.ID}},
		asking{byAddresses("", mail(9), strings.ToUpper(mail(2))), nil},
		asking{provisioning.Search{Keys: []provisioning.Key{key(1), key(9)}, Addresses: []string{mail(1), mail(2)}}, []string{one.ID, two.ID, three.ID}},
		asking{},
	)
	same(t, "FindMany returned", each[0][0], asUser(one, c))
	each[0][0].Profile.GivenName = "somebody else"
	same(t, "the same user in another search, after the caller has changed the first", each[2][0], asUser(one, c))
	same(t, "the user whom the caller has changed", find(t, s, key(1)), one)

	_, err := s.(provisioning.BulkFinder).FindMany(contract.Cancelled(t), []provisioning.Search{byKeys(key(1)), byKeys(key(9))})
	contract.Refused(t, "FindMany", err, provisioning.ErrNotFound)
	_, err = s.(provisioning.BulkFinder).FindMany(contract.Cancelled(t), nil)
	contract.Refused(t, "FindMany of nothing", err, provisioning.ErrNotFound)
}

// checkFindManyMore: however many are asked for, each search has its own answer, of identifiers that are the same byte for byte.
func checkFindManyMore(t contract.TB, s provisioning.UserStore) {
	var asked []asking
	for _, v := range contract.Alike() {
		k := provisioning.ImportKey("csv", v)
		asked = append(asked, asking{byKeys(k), []string{create(t, s, provisioning.Change{AddKeys: []provisioning.Key{k}}).ID}})
	}
	const nobodys = 1200 // more than the parameters of one statement, in some engines
	for n := range nobodys {
		asked = append(asked, asking{provisioning.Search{
			Keys: []provisioning.Key{provisioning.ImportKey("csv", fmt.Sprint("row ", n)), provisioning.PendingKey(connA, guid(n))}, Addresses: []string{mail(n)},
		}, nil})
	}
	for _, n := range []int{nobodys / 2, nobodys - 1} {
		u := person(t, s, n)
		asked[len(asked)-nobodys+n].ids = []string{u.ID}
	}
	search(t, s, asked...)
}
