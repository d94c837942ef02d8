package provisioningtest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func checkUniqueKeys(t contract.TB, s provisioning.UserStore) {
	one, two := person(t, s, 1), person(t, s, 2)
	c := whole(3)
	c.AddKeys = append([]provisioning.Key{{ConnectionID: "con_z", Authority: tenant, Subject: guid(3)}}, key(1))
	_, err := s.Create(t.Context(), c)
	contract.Is(t, "Create with another user's key", err, provisioning.ErrConflict)
	nobody(t, s, c.AddKeys[0])
	found(t, s, mail(3))

	_, err = s.Update(t.Context(), two.ID, provisioning.Change{
		AddKeys: []provisioning.Key{{ConnectionID: "con_z", Authority: tenant, Subject: guid(3)}, key(1)}, DropKeys: []provisioning.Key{key(2)},
		Profile: profile(3), Pending: c.Pending, Groups: c.Groups, GroupsAt: c.GroupsAt, Join: c.Join,
	})
	contract.Is(t, "Update with another user's key", err, provisioning.ErrConflict)
	same(t, "a user after a conflict", find(t, s, key(2)), two)
	same(t, "the holder after a conflict", find(t, s, key(1)), one)
	found(t, s, mail(3))

	imported := provisioning.ImportKey("csv", "1")
	update(t, s, one.ID, provisioning.Change{AddKeys: []provisioning.Key{imported}})
	_, err = s.Update(t.Context(), two.ID, provisioning.Change{AddKeys: []provisioning.Key{imported}})
	contract.Is(t, "Update with another user's import key", err, provisioning.ErrConflict)
}

func checkOneKeyPerConnection(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	_, err := s.Update(t.Context(), u.ID, provisioning.Change{AddKeys: []provisioning.Key{key(2)}})
	contract.Is(t, "Update with a second key of a connection", err, provisioning.ErrConflict)
	nobody(t, s, key(2))
	if _, err = s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{key(3), key(4)}, Profile: profile(3)}); err == nil {
		t.Errorf("Create with two keys of one connection went through")
	}
	nobody(t, s, key(3))

	update(t, s, u.ID, provisioning.Change{AddKeys: []provisioning.Key{{ConnectionID: connB, Authority: tenant, Subject: guid(1)}}})
	update(t, s, u.ID, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", "1"), provisioning.ImportKey("auth0", "1")}})
	update(t, s, u.ID, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", "2")}})
	if n := len(find(t, s, key(1)).Keys); n != 5 {
		t.Errorf("the user holds %d keys, want 5: another connection's and import keys are not limited", n)
	}
}

func checkDropKeys(t contract.TB, s provisioning.UserStore) {
	one, two := person(t, s, 1), person(t, s, 2)
	moved := update(t, s, one.ID, provisioning.Change{DropKeys: []provisioning.Key{key(1)}, AddKeys: []provisioning.Key{key(3)}})
	if len(moved.Keys) != 1 || moved.Keys[0] != key(3) {
		t.Errorf("after one key was dropped and another of the connection added the user holds %q", moved.Keys)
	}
	nobody(t, s, key(1))
	update(t, s, two.ID, provisioning.Change{DropKeys: []provisioning.Key{key(2), key(9)}}) // a key that nobody holds changes nothing
	nobody(t, s, key(2))
	update(t, s, two.ID, provisioning.Change{DropKeys: []provisioning.Key{key(3)}}) // nor does another user's
	if u := find(t, s, key(3)); u.ID != one.ID {
		t.Errorf("the key moved to user %q", u.ID)
	}
	update(t, s, two.ID, provisioning.Change{AddKeys: []provisioning.Key{key(1)}}) // free again
	if u := find(t, s, key(1)); u.ID != two.ID {
		t.Errorf("the freed key is held by user %q, want %q", u.ID, two.ID)
	}
}

func checkUniquePending(t contract.TB, s provisioning.UserStore) {
	expired := waiting("Wait@Contoso.Example", guid(1))
	expired.Expires = soon().Add(-48 * time.Hour)
	one := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{expired}, Profile: profile(1)})
	two := person(t, s, 2)
	for what, p := range map[string]provisioning.Pending{
		"address":   waiting("wait@contoso.example", ""),
		"object id": waiting("other@contoso.example", guid(1)),
	} {
		_, err := s.Create(t.Context(), provisioning.Change{Pending: &[]provisioning.Pending{p}, Profile: profile(3)})
		contract.Is(t, "Create with a pending "+what+" that is taken", err, provisioning.ErrConflict)
		found(t, s, mail(3))
		_, err = s.Update(t.Context(), two.ID, provisioning.Change{Pending: &[]provisioning.Pending{p}, Join: []string{"org"}})
		contract.Is(t, "Update with a pending "+what+" that is taken", err, provisioning.ErrConflict)
		same(t, "a user after a conflict", find(t, s, key(2)), two)
	}
	elsewhere := waiting("wait@contoso.example", guid(1))
	elsewhere.ConnectionID = connB
	update(t, s, two.ID, provisioning.Change{Pending: &[]provisioning.Pending{elsewhere}})
	update(t, s, one.ID, provisioning.Change{Pending: &[]provisioning.Pending{expired}}) // its own again
	update(t, s, one.ID, provisioning.Change{Pending: &[]provisioning.Pending{}})
	update(t, s, two.ID, provisioning.Change{Pending: &[]provisioning.Pending{expired, elsewhere}}) // free again
	// Several that know only an address, or only an object id, do not collide in what they do not know.
	for n := 4; n < 10; n += 3 {
		create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{waiting(fmt.Sprint("x", n, "@contoso.example"), "")}, Profile: profile(n)})
		create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{waiting("", guid(n))}, Profile: profile(n + 1)})
		create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{waiting(fmt.Sprint("y", n, "@contoso.example"), ""), waiting(fmt.Sprint("z", n, "@contoso.example"), "")}, Profile: profile(n + 2)})
	}
}

func checkInvalid(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	forever := waiting("a@contoso.example", "")
	forever.Expires = time.Time{}
	for what, c := range map[string]provisioning.Change{
		"a key that can only be looked up":        {AddKeys: []provisioning.Key{provisioning.PendingKey(connB, guid(1))}},
		"a pending identity that names nobody":    {Pending: &[]provisioning.Pending{waiting("", "")}},
		"a pending identity that does not expire": {Pending: &[]provisioning.Pending{forever}},
		"a pending identity without an address":   {Pending: &[]provisioning.Pending{waiting("not an address", "")}},
		"groups without the time they were known": {Groups: &[]claims.Group{}},
		"an organization without an id":           {Join: []string{""}},
	} {
		if _, err := s.Update(t.Context(), u.ID, c); err == nil {
			t.Errorf("Update accepted %s: call Change.Check before writing", what)
		}
		c.Profile = profile(2)
		if _, err := s.Create(t.Context(), c); err == nil {
			t.Errorf("Create accepted %s: call Change.Check before writing", what)
		}
	}
	same(t, "a user after invalid changes", find(t, s, key(1)), u)
	found(t, s, mail(2))
}

func checkIdentifiers(t contract.TB, s provisioning.UserStore) {
	alike := contract.Alike()
	subject := func(i int) provisioning.Key {
		return provisioning.Key{ConnectionID: connA, Authority: "https://adfs.example/trust", Subject: alike[i]}
	}
	ids := map[string]string{}
	for i := range alike {
		u, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{subject(i)}, Profile: profile(i)})
		if err != nil {
			t.Errorf("Create with subject %q: %v; identifiers are compared byte for byte", alike[i], err)
			continue
		}
		ids[alike[i]] = u.ID
	}
	for i := range alike {
		u, err := s.UserByKey(t.Context(), subject(i))
		switch {
		case err != nil || u == nil:
			t.Errorf("UserByKey with subject %q: %v", alike[i], err)
		case u.ID != ids[alike[i]] || !u.Holds(subject(i)):
			t.Errorf("UserByKey with subject %q found the holder of %q", alike[i], u.Keys)
		}
	}
	for _, k := range []provisioning.Key{
		{ConnectionID: "CON_A", Authority: "https://adfs.example/trust", Subject: "value"},
		{ConnectionID: connA, Authority: "https://adfs.example/TRUST", Subject: "value"},
		{ConnectionID: connA, Authority: "https://adfs.example/trust ", Subject: "value"},
		{ConnectionID: connA, Authority: "https://adfs.example/trustvalue", Subject: ""},
		{ConnectionID: connA, Authority: "", Subject: "value"},
		{ConnectionID: connA, Authority: "https://adfs.example/trus", Subject: "tvalue"},
	} {
		nobody(t, s, k)
	}
}

func checkLong(t contract.TB, s provisioning.UserStore) {
	long := func(unit string, n int) string { return strings.Repeat(unit, n) }
	keys := []provisioning.Key{
		{ConnectionID: long("c", 200), Authority: "https://" + long("i", 1016), Subject: long("s", 1023) + "1"},
		{ConnectionID: long("c", 200), Authority: "https://" + long("i", 1016), Subject: long("s", 1023) + "2"},
	}
	groups := make([]claims.Group, 1000)
	for i := range groups {
		groups[i] = claims.Group{ID: guid(i), Name: fmt.Sprintf("Gruppe %d – %s", i, long("ü", 200))}
	}
	roles := make([]string, 100)
	for i := range roles {
		roles[i] = fmt.Sprint(i, long("ролі", 60))
	}
	extended := map[string]any{}
	for i := range 100 {
		extended[fmt.Sprintf("extension_%s_%d", long("0", 32), i)] = long("👩‍🚀", 20)
	}
	address := long("l", 64) + "@" + long("d", 60) + "." + long("e", 60) + "." + long("f", 50) + ".example"
	for i, k := range keys {
		p := &provisioning.Profile{
			Email: fmt.Sprint(i) + address[1:], GivenName: long("漢", 200), FamilyName: long("👩", 200), Picture: "https://p.example/" + long("p", 1900), Extended: extended,
		}
		c := provisioning.Change{AddKeys: []provisioning.Key{k}, Profile: p, Groups: &groups, GroupsAt: soon(), Roles: &roles, Pending: &[]provisioning.Pending{{ConnectionID: k.ConnectionID, ConnectionName: long("n", 200), Address: fmt.Sprint(i) + "u" + address[2:], Expires: soon()}}}
		u := create(t, s, c)
		got := find(t, s, k)
		if got.ID != u.ID {
			t.Errorf("a long key found another user: it was cut off")
		}
		same(t, "a user with long values", got, asUser(u, c))
		found(t, s, provisioning.Fold(p.Email), u.ID)
	}
}

func checkTimes(t contract.TB, s provisioning.UserStore) {
	for i, zone := range []*time.Location{time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600), time.UTC} {
		at, expires := soon().Add(-time.Hour).In(zone), soon().In(zone)
		p := waiting(fmt.Sprintf("zone%d@contoso.example", i), "")
		p.Expires = expires
		create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(i)}, Profile: profile(i), Groups: &[]claims.Group{}, GroupsAt: at, Pending: &[]provisioning.Pending{p}})
		u := find(t, s, key(i))
		if len(u.Pending) != 1 {
			t.Fatalf("the user has %d pending identities, want one", len(u.Pending))
		}
		for what, pair := range map[string][2]time.Time{"GroupsAt": {u.GroupsAt, at}, "Expires": {u.Pending[0].Expires, expires}} {
			if !pair[0].Equal(pair[1]) {
				t.Errorf("%s came back as %v, want %v", what, pair[0], pair[1].UTC())
			}
			if pair[0].Location() != time.UTC {
				t.Errorf("%s came back in zone %v, want UTC", what, pair[0].Location())
			}
		}
	}
	never := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(9)}, Profile: profile(9)})
	if !never.GroupsAt.IsZero() || !find(t, s, key(9)).GroupsAt.IsZero() {
		t.Errorf("GroupsAt of a user whose groups were never known is %v, want the zero time", never.GroupsAt)
	}
}

func checkLeavesAlone(t contract.TB, s provisioning.UserStore) {
	c := whole(1)
	u := create(t, s, c)
	want := asUser(u, c)
	for _, change := range []provisioning.Change{{}, {DropOtherIdentities: true}, {Join: []string{"org_1"}}} {
		got := update(t, s, u.ID, change)
		want.Version = got.Version
		same(t, "a user after a change that names nothing", got, want)
	}
	c.Groups = &[]claims.Group{{ID: guid(7)}}
	c.GroupsAt = soon()
	got := update(t, s, u.ID, provisioning.Change{Groups: c.Groups, GroupsAt: c.GroupsAt})
	want.Groups, want.GroupsAt, want.Version = *c.Groups, c.GroupsAt, got.Version
	same(t, "a user after a change of groups only", find(t, s, key(1)), want)
	c.Roles = &[]string{"guest"}
	got = update(t, s, u.ID, provisioning.Change{Roles: c.Roles})
	want.Roles, want.Version = *c.Roles, got.Version
	same(t, "a user after a change of roles only", find(t, s, key(1)), want)
	got = update(t, s, u.ID, provisioning.Change{GroupsAt: soon().Add(time.Minute)}) // means nothing without Groups
	want.Version = got.Version
	same(t, "a user after a time without groups", find(t, s, key(1)), want)
}

func checkReplaces(t contract.TB, s provisioning.UserStore) {
	c := whole(1)
	u := create(t, s, c)
	at := soon()
	got := update(t, s, u.ID, provisioning.Change{
		Pending: &[]provisioning.Pending{}, Groups: &[]claims.Group{}, GroupsAt: at, Roles: &[]string{},
		Profile: &provisioning.Profile{Email: "only@contoso.example"},
	})
	want := &provisioning.User{
		ID: u.ID, Version: got.Version, Keys: c.AddKeys, GroupsAt: at, Organizations: c.Join,
		Profile: provisioning.Profile{Email: "only@contoso.example"},
	}
	same(t, "Update returned", got, want)
	same(t, "a user whose lists were emptied", find(t, s, key(1)), want)
	found(t, s, mail(1))
}

func checkJoin(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	update(t, s, u.ID, provisioning.Change{Join: []string{"org_1"}})
	update(t, s, u.ID, provisioning.Change{Join: []string{"org_2"}})
	update(t, s, u.ID, provisioning.Change{Join: []string{"org_3", "org_1"}})
	got := find(t, s, key(1))
	want := *u
	want.Organizations, want.Version = []string{"org_1", "org_2", "org_3"}, got.Version
	same(t, "a user who joined three organizations", got, &want)
	got = update(t, s, u.ID, provisioning.Change{Join: contract.Alike()})
	want.Organizations, want.Version = append(want.Organizations, contract.Alike()...), got.Version
	same(t, "a user who joined organizations whose ids look alike", got, &want)
}

func checkVersions(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	if got := find(t, s, key(1)).Version; got == "" || got != u.Version {
		t.Errorf("the version read is %q, Create returned %q", got, u.Version)
	}
	seen := map[string]bool{u.Version: true}
	v := u
	for i := range 3 {
		v = update(t, s, u.ID, provisioning.Change{Version: v.Version, Join: []string{fmt.Sprint("org_", i)}})
		if seen[v.Version] {
			t.Errorf("version %q came again after another change", v.Version)
		}
		seen[v.Version] = true
	}
	if got := find(t, s, key(1)).Version; got != v.Version {
		t.Errorf("the version read is %q, Update returned %q", got, v.Version)
	}
	_, err := s.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Profile: profile(2), AddKeys: []provisioning.Key{provisioning.ImportKey("csv", "1")}})
	contract.Is(t, "Update with a version of before", err, provisioning.ErrConflict)
	same(t, "a user after a conflict", find(t, s, key(1)), v)
	nobody(t, s, provisioning.ImportKey("csv", "1"))
	update(t, s, u.ID, provisioning.Change{Profile: profile(3)}) // without a version
	_, err = s.Update(t.Context(), "no-such-user", provisioning.Change{Version: v.Version})
	if !errors.Is(err, provisioning.ErrNotFound) && !errors.Is(err, provisioning.ErrConflict) {
		t.Errorf("Update of an unknown user with a version: %v", err)
	}
}

func checkCopies(t contract.TB, s provisioning.UserStore) {
	c := whole(1)
	u := create(t, s, c)
	want := asUser(u, whole(1))
	want.Pending, want.GroupsAt = u.Clone().Pending, u.GroupsAt // the times of this very change
	spoil := func(u *provisioning.User) {
		u.Suspended = true
		u.Keys[0].Subject = "spoiled"
		u.Pending[0].Address = "spoiled@contoso.example"
		u.Groups[0].Name = "spoiled"
		u.Roles[0] = "spoiled"
		u.Organizations[0] = "spoiled"
		u.Profile.GivenName = "spoiled"
		for name := range u.Profile.Extended {
			u.Profile.Extended[name] = "spoiled"
		}
	}
	spoil(asUser(u, c)) // what went in
	spoil(u)            // what came out
	spoil(find(t, s, key(1)))
	list, err := s.UsersByEmail(t.Context(), mail(1))
	if err != nil || len(list) != 1 {
		t.Fatalf("UsersByEmail returned %d users, %v; want the one", len(list), err)
	}
	spoil(list[0])
	spoil(update(t, s, u.ID, provisioning.Change{Version: want.Version}))
	got := find(t, s, key(1))
	want.Version = got.Version
	same(t, "a user after callers changed their own copies", got, want)
}

func checkCancelled(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	ctx := contract.Cancelled(t)
	_, byKey := s.UserByKey(ctx, key(1))
	_, unknown := s.UserByKey(ctx, key(2))
	_, byEmail := s.UsersByEmail(ctx, mail(2))
	_, create := s.Create(ctx, provisioning.Change{AddKeys: []provisioning.Key{key(2)}, Profile: profile(2)})
	_, update := s.Update(ctx, u.ID, provisioning.Change{Profile: profile(3)})
	for what, err := range map[string]error{"UserByKey": byKey, "UserByKey of nobody": unknown, "UsersByEmail": byEmail, "Create": create, "Update": update} {
		contract.Refused(t, what, err, provisioning.ErrNotFound, provisioning.ErrConflict, provisioning.ErrEmailTaken)
	}
	nobody(t, s, key(2))
	same(t, "a user after cancelled calls", find(t, s, key(1)), u)
}
