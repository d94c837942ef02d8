package provisioningtest

import (
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func checkNotFound(t contract.TB, s provisioning.UserStore) {
	person(t, s, 1)
	nobody(t, s, key(2))
	nobody(t, s, provisioning.PendingKey(connA, guid(1))) // held, not pending
	nobody(t, s, provisioning.Key{})
	nobody(t, s, provisioning.Key{ConnectionID: connB, Authority: tenant, Subject: guid(1)})
	if _, err := s.UserByKey(t.Context()); err == nil {
		t.Errorf("UserByKey without keys found somebody")
	} else {
		contract.Is(t, "UserByKey without keys", err, provisioning.ErrNotFound)
	}
	found(t, s, mail(2))
	_, err := s.Update(t.Context(), "no-such-user", provisioning.Change{Profile: profile(3)})
	contract.Is(t, "Update of an unknown user", err, provisioning.ErrNotFound)
	found(t, s, mail(3))
}

// whole is a change in which everything is set.
func whole(n int) provisioning.Change {
	return provisioning.Change{
		AddKeys: []provisioning.Key{key(n), {ConnectionID: connB, Authority: "https://adfs.example/trust", Subject: "S-1-5-" + guid(n)}, provisioning.ImportKey("csv", guid(n))},
		Pending: &[]provisioning.Pending{
			{ConnectionID: "con_c", ConnectionName: "Fabrikam", TenantID: tenant, ObjectID: guid(n), Address: "UPN." + mail(n), Expires: soon()},
			{ConnectionID: "con_d", Address: mail(n), Expires: soon()},
			{ConnectionID: "con_e", ObjectID: guid(n), Expires: soon()},
		},
		Profile: &provisioning.Profile{
			Email: "Person" + mail(n)[len("person"):], EmailVerified: true, GivenName: "Zoë", FamilyName: "O'Neil-Łęcka 李 👩‍🚀",
			Picture:  "https://p.example/a?b=c&d=%20",
			Extended: map[string]any{"jobTitle": "Lead \"engineer\"", "businessPhones": []any{"+1", "+2"}, "manager": map[string]any{"id": "x"}, "level": 3.5, "remote": true, "none": nil},
		},
		Groups:   &[]claims.Group{{ID: guid(1), Name: "Staff – München"}, {ID: guid(2)}},
		GroupsAt: soon().Add(-time.Minute),
		Roles:    &[]string{"admin", "Прораб"},
		Join:     []string{"org_1", "org_2"},
	}
}

// asUser is the user that a change makes.
func asUser(u *provisioning.User, c provisioning.Change) *provisioning.User {
	return &provisioning.User{
		ID: u.ID, Version: u.Version, Keys: c.AddKeys, Pending: *c.Pending, Profile: *c.Profile,
		Groups: *c.Groups, GroupsAt: c.GroupsAt, Roles: *c.Roles, Organizations: c.Join,
	}
}

func checkRoundTrip(t contract.TB, s provisioning.UserStore) {
	c := whole(1)
	u := create(t, s, c)
	if u.Version == "" {
		t.Errorf("Create returned a user without a version")
	}
	want := asUser(u, c)
	same(t, "Create returned", u, want)
	for _, k := range c.AddKeys {
		same(t, fmt.Sprintf("UserByKey(%q) returned", k), find(t, s, k), want)
	}
	list, err := s.UsersByEmail(t.Context(), mail(1))
	if err != nil || len(list) != 1 {
		t.Fatalf("UsersByEmail returned %d users, %v; want the one", len(list), err)
	}
	same(t, "UsersByEmail returned", list[0], want)

	v := person(t, s, 2)
	c = whole(3)
	c.AddKeys = c.AddKeys[1:]
	got := update(t, s, v.ID, c)
	c.AddKeys = append(c.AddKeys, key(2))
	want = asUser(got, c)
	same(t, "Update returned", got, want)
	same(t, "UserByKey after Update returned", find(t, s, key(2)), want)
	same(t, "another user after Update", find(t, s, key(1)), u)
}

func checkKeyOrder(t contract.TB, s provisioning.UserStore) {
	one, two := person(t, s, 1), person(t, s, 2)
	three := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{waiting("", guid(3))}, Profile: profile(3)})
	for _, c := range []struct {
		keys []provisioning.Key
		want string
	}{
		{[]provisioning.Key{key(1), key(2)}, one.ID},
		{[]provisioning.Key{key(2), key(1)}, two.ID},
		{[]provisioning.Key{key(9), key(2), key(1)}, two.ID},
		{[]provisioning.Key{key(1), provisioning.PendingKey(connA, guid(3))}, one.ID},
		{[]provisioning.Key{provisioning.PendingKey(connA, guid(3)), key(1)}, three.ID},
		{[]provisioning.Key{key(3), provisioning.PendingKey(connA, guid(3))}, three.ID},
	} {
		u, err := s.UserByKey(t.Context(), c.keys...)
		if err != nil || u == nil || u.ID != c.want {
			t.Errorf("UserByKey(%q) = %+v, %v; want user %q: the first key that is known", c.keys, u, err, c.want)
		}
	}
}

func checkPendingKey(t contract.TB, s provisioning.UserStore) {
	expired := waiting("", guid(2))
	expired.Expires = soon().Add(-48 * time.Hour)
	noTenant := waiting("a@contoso.example", guid(1))
	noTenant.TenantID = ""
	one := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{noTenant}, Profile: profile(1)})
	two := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{expired, waiting("b@contoso.example", "")}, Profile: profile(2)})
	for n, want := range map[int]string{1: one.ID, 2: two.ID} {
		if u := find(t, s, provisioning.PendingKey(connA, guid(n))); u.ID != want {
			t.Errorf("PendingKey found user %q, want %q", u.ID, want)
		}
	}
	nobody(t, s, provisioning.PendingKey(connB, guid(1)))
	nobody(t, s, provisioning.PendingKey(connA, guid(3)))
	nobody(t, s, provisioning.PendingKey(connA, "")) // a pending identity without an object id is not found by an empty one
	nobody(t, s, key(1))
	update(t, s, one.ID, provisioning.Change{Pending: &[]provisioning.Pending{}, AddKeys: []provisioning.Key{key(1)}})
	nobody(t, s, provisioning.PendingKey(connA, guid(1)))
}

func checkAddresses(t contract.TB, s provisioning.UserStore) {
	expired := waiting("UPN@corp.example", "")
	expired.Expires = soon().Add(-48 * time.Hour)
	spelled := provisioning.Profile{Email: "Ann.Lee@Bücher.Example"}
	one := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(1)}, Profile: &spelled, Pending: &[]provisioning.Pending{
		expired,
		{ConnectionID: connB, Address: "ann.lee@bücher.example", Expires: soon()},
	}})
	two := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(2)}, Profile: &provisioning.Profile{Email: "ann.lee@books.example"}})
	create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(3)}, Profile: &provisioning.Profile{GivenName: "No address"}})
	found(t, s, "ann.lee@xn--bcher-kva.example", one.ID)
	found(t, s, "upn@corp.example", one.ID)
	found(t, s, "ann.lee@books.example", two.ID)
	found(t, s, "ann_lee@books.example")
	found(t, s, "ann%@books.example")
	found(t, s, "lee@books.example")
	found(t, s, "")
	if got := find(t, s, key(1)).Profile.Email; got != spelled.Email {
		t.Errorf("the address came back as %q, want it as it was spelled, %q", got, spelled.Email)
	}
	update(t, s, one.ID, provisioning.Change{Profile: &provisioning.Profile{Email: "new@contoso.example"}, Pending: &[]provisioning.Pending{}})
	found(t, s, "ann.lee@xn--bcher-kva.example")
	found(t, s, "upn@corp.example")
	found(t, s, "new@contoso.example", one.ID)
}

// checkSharedAddress lets a host choose: several users with one address, or ErrEmailTaken and nothing written.
func checkSharedAddress(t contract.TB, s provisioning.UserStore) {
	one, other := person(t, s, 1), person(t, s, 2)
	again := provisioning.Change{AddKeys: []provisioning.Key{key(3)}, Profile: &provisioning.Profile{Email: "PERSON1@Contoso.Example"}}
	two, err := s.Create(t.Context(), again)
	if err == nil && two != nil {
		found(t, s, mail(1), one.ID, two.ID)
		update(t, s, other.ID, provisioning.Change{Profile: profile(1)})
		found(t, s, mail(1), one.ID, two.ID, other.ID)
		return
	}
	contract.Is(t, "Create with another user's address", err, provisioning.ErrEmailTaken)
	nobody(t, s, key(3))
	_, err = s.Update(t.Context(), other.ID, provisioning.Change{Profile: profile(1), Join: []string{"org"}})
	contract.Is(t, "Update to another user's address", err, provisioning.ErrEmailTaken)
	same(t, "a user after ErrEmailTaken", find(t, s, key(2)), other)
	update(t, s, one.ID, provisioning.Change{Profile: &provisioning.Profile{Email: mail(1), GivenName: "Same address"}})
	// An imported record that waits for the address is no user who has it.
	create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{waiting("upn9@contoso.example", "")}, Profile: profile(9)})
	create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(8)}, Profile: &provisioning.Profile{Email: "upn9@contoso.example"}})
}

// checkAddressBytes: a collation, or a normalization, that takes two mailboxes for one gives the account of one to the other.
func checkAddressBytes(t contract.TB, s provisioning.UserStore) {
	ids := map[string]string{}
	locals := []string{"zoe", "zoë", "zoe\u0308", "ｚoe", "strasse", "straße", "kim", "\u212aim", "i", "ı", "a_b", "a%b", "ab", "a'b", "a+b"}
	for i, local := range locals {
		address := provisioning.Fold(local + "@contoso.example")
		if address == "" {
			t.Fatalf("%q is no address", local)
		}
		u, err := s.Create(t.Context(), provisioning.Change{
			AddKeys: []provisioning.Key{key(i)}, Profile: &provisioning.Profile{Email: address}, Pending: &[]provisioning.Pending{waiting("upn."+address, "")},
		})
		if err != nil {
			t.Errorf("Create with address %q: %v; addresses are compared as Fold gives them, byte for byte", address, err)
			continue
		}
		ids[address] = u.ID
	}
	for address, id := range ids {
		found(t, s, address, id)
		found(t, s, "upn."+address, id)
	}
}
