package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var connectionChecks = []contract.Check[entra.ConnectionRegistry]{
	{Name: "not found", Run: checkConnectionNotFound},
	{Name: "round trip", Run: checkConnectionRoundTrip},
	{Name: "identifiers byte for byte", Run: checkConnectionIDs},
	{Name: "long values", Run: checkConnectionLong},
	{Name: "times", Run: checkConnectionTimes},
	{Name: "versions", Run: checkConnectionVersions},
	{Name: "deleting", Run: checkConnectionDelete},
	{Name: "names of an owner", Run: checkConnectionNames},
	{Name: "home realm domains", Run: checkConnectionDomains},
	{Name: "domains that are not proven", Run: checkConnectionUnproven},
	{Name: "listing", Run: checkConnectionListing},
	{Name: "listing by realm", Run: checkConnectionRealms},
	{Name: "values are the caller's", Run: checkConnectionCopies},
	{Name: "cancelled context", Run: checkConnectionCancelled},
	{Name: "race to create", Run: checkConnectionRaceCreate},
	{Name: "race for a name", Run: checkConnectionRaceName},
	{Name: "race for a domain", Run: checkConnectionRaceDomain},
	{Name: "race on a version", Run: checkConnectionRaceVersion},
}

func checkConnectionNotFound(t contract.TB, s entra.ConnectionRegistry) {
	put(t, s, simple("con_1", "contoso.example"))
	absent(t, s, "con_2")
	absent(t, s, "")
	routes(t, s, "fabrikam.example", "")
	routes(t, s, "sub.contoso.example", "")
	routes(t, s, "example", "")
	routes(t, s, "", "")
	contract.Is(t, "Delete of an unknown connection", s.Delete(t.Context(), "con_2", ""), entra.ErrNotFound)
	get(t, s, "con_1")
}

func checkConnectionRoundTrip(t contract.TB, s entra.ConnectionRegistry) {
	c := full("con_1")
	version := put(t, s, c)
	got := get(t, s, "con_1")
	same(t, "Connection", got, c)
	if got.Version != version {
		t.Errorf("Connection has version %q, Put returned %q", got.Version, version)
	}
	for listed, err := range s.Connections(t.Context(), entra.Filter{}) {
		if err != nil {
			t.Fatalf("Connections: %v", err)
		}
		same(t, "Connections", listed, c)
		if listed.Version != version {
			t.Errorf("Connections lists version %q, Put returned %q", listed.Version, version)
		}
	}
	small := simple("con_1")
	small.Version, small.Name = version, "another name"
	version = put(t, s, small)
	got = get(t, s, "con_1")
	same(t, "Connection after a smaller one was put", got, small)
	if got.Version != version {
		t.Errorf("Connection has version %q, Put returned %q", got.Version, version)
	}
	routes(t, s, "contoso.example", "")
}

func checkConnectionIDs(t contract.TB, s entra.ConnectionRegistry) {
	for i, id := range contract.Alike() {
		c := simple(id)
		c.Name = fmt.Sprint("name ", i)
		if _, err := s.Put(t.Context(), c); err != nil {
			t.Errorf("Put of connection %q: %v; identifiers are compared byte for byte", id, err)
		}
	}
	for i, id := range contract.Alike() {
		c, err := s.Connection(t.Context(), id)
		if err != nil || c == nil || c.ID != id || c.Name != fmt.Sprint("name ", i) {
			t.Errorf("Connection(%q) is another one, %v", id, err)
		}
	}
}

func checkConnectionLong(t contract.TB, s entra.ConnectionRegistry) {
	c := full("con_" + strings.Repeat("x", 60))
	c.Name, c.DisplayName = strings.Repeat("名", 250), strings.Repeat("👩‍🚀", 200)
	c.ClientSecret = credential.NewSecret(strings.Repeat("~Secret.", 500))
	for i := range 500 {
		c.EnabledApplications = append(c.EnabledApplications, fmt.Sprint("application_", i))
		c.Organizations = append(c.Organizations, fmt.Sprint("organization_", i))
		domain := fmt.Sprintf("d%d.%s.%s.%s.example", i, strings.Repeat("a", 60), strings.Repeat("b", 60), strings.Repeat("c", 60))
		c.HomeRealmDomains = append(c.HomeRealmDomains, domain)
		c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: domain, State: entra.DomainProven, By: "environment", At: c.DomainProofs[0].At})
	}
	put(t, s, c)
	same(t, "a connection with long values", get(t, s, c.ID), c)
	routes(t, s, c.HomeRealmDomains[len(c.HomeRealmDomains)-1], c.ID)
	alike := simple("con_1")
	alike.Name = c.Name[:len(c.Name)-1] + "\x80" // another last letter
	if alike.Name = strings.ToValidUTF8(alike.Name, "字"); alike.Name == c.Name {
		t.Fatalf("the names are the same")
	}
	put(t, s, alike)
	if got := list(t, s, entra.Filter{Name: c.Name}); !slices.Equal(got, []string{c.ID}) {
		t.Errorf("a long name lists %q, want %q: it was cut off", got, c.ID)
	}
}

// checkConnectionTimes: times come back as UTC, whatever the zone they were put in.
func checkConnectionTimes(t contract.TB, s entra.ConnectionRegistry) {
	for i, zone := range []*time.Location{time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600), time.UTC} {
		c := simple(fmt.Sprint("con_", i), fmt.Sprintf("d%d.example", i))
		at := time.Now().Truncate(time.Second).In(zone)
		c.DomainProofs[0].At = at
		put(t, s, c)
		got := get(t, s, c.ID).DomainProofs
		if len(got) != 1 || !got[0].At.Equal(at) || got[0].At.Location() != time.UTC {
			t.Errorf("a proof of %v came back as %+v, want the same time as UTC", at, got)
		}
	}
}

func checkConnectionVersions(t contract.TB, s entra.ConnectionRegistry) {
	c := simple("con_1", "contoso.example")
	first := put(t, s, c)
	_, err := s.Put(t.Context(), simple("con_1"))
	contract.Is(t, "Put without a version of a connection that exists", err, entra.ErrConflict)

	next := get(t, s, "con_1").Clone()
	next.DisplayName = "second"
	second := put(t, s, next)
	if second == first {
		t.Errorf("version %q came again after a change", first)
	}
	stale := next.Clone()
	stale.Version, stale.DisplayName, stale.HomeRealmDomains = first, "stale", nil
	_, err = s.Put(t.Context(), stale)
	contract.Is(t, "Put with a version of before", err, entra.ErrConflict)
	if got := get(t, s, "con_1"); got.DisplayName != "second" || got.Version != second {
		t.Errorf("after a conflict the connection is %q, version %q", got.DisplayName, got.Version)
	}
	routes(t, s, "contoso.example", "con_1")

	unknown := simple("con_2")
	unknown.Version = second
	_, err = s.Put(t.Context(), unknown)
	contract.Is(t, "Put with a version of a connection that does not exist", err, entra.ErrConflict)
	absent(t, s, "con_2")
}

func checkConnectionDelete(t contract.TB, s entra.ConnectionRegistry) {
	c := simple("con_1", "contoso.example")
	first := put(t, s, c)
	next := c.Clone()
	next.Version = first
	second := put(t, s, next)
	contract.Is(t, "Delete with a version of before", s.Delete(t.Context(), "con_1", first), entra.ErrConflict)
	get(t, s, "con_1")
	if err := s.Delete(t.Context(), "con_1", second); err != nil {
		t.Errorf("Delete: %v", err)
	}
	absent(t, s, "con_1")
	routes(t, s, "contoso.example", "")
	contract.Is(t, "a second Delete", s.Delete(t.Context(), "con_1", second), entra.ErrNotFound)

	other := simple("con_2", "contoso.example")
	other.Name = c.Name
	put(t, s, other) // name and domain are free again
	again := simple("con_1")
	again.Name = "again"
	third := put(t, s, again)
	if third == first || third == second {
		t.Errorf("version %q came again for a connection that was deleted and made anew", third)
	}
	if err := s.Delete(t.Context(), "con_1", ""); err != nil {
		t.Errorf("Delete without a version: %v", err)
	}
	absent(t, s, "con_1")
}

func checkConnectionNames(t contract.TB, s entra.ConnectionRegistry) {
	of := func(id, organization, name string) *entra.Connection {
		c := simple(id)
		c.OrganizationID, c.Name = organization, name
		return c
	}
	put(t, s, of("con_1", "", "contoso"))
	put(t, s, of("con_2", "org_1", "contoso"))
	put(t, s, of("con_3", "org_2", "contoso"))
	_, err := s.Put(t.Context(), of("con_4", "org_1", "contoso"))
	taken(t, "Put with a name that the owner has", err, entra.TakenError{Field: "name", Value: "contoso", ConnectionID: "con_2"})
	absent(t, s, "con_4")

	version := put(t, s, of("con_5", "", "fabrikam"))
	rename := of("con_5", "", "contoso")
	rename.Version, rename.DisplayName = version, "renamed"
	_, err = s.Put(t.Context(), rename)
	taken(t, "renaming to a name that the owner has", err, entra.TakenError{Field: "name", Value: "contoso", ConnectionID: "con_1"})
	if got := get(t, s, "con_5"); got.Name != "fabrikam" || got.DisplayName != "" || got.Version != version {
		t.Errorf("after a refused renaming the connection is %q %q", got.Name, got.DisplayName)
	}
	rename.Name = "fabrikam 2"
	put(t, s, rename)
	put(t, s, of("con_6", "", "fabrikam")) // free again
	for i, name := range contract.Alike() {
		if _, err := s.Put(t.Context(), of(fmt.Sprint("alike_", i), "org_9", name)); err != nil {
			t.Errorf("Put with name %q: %v; names are compared byte for byte", name, err)
		}
	}
}

func checkConnectionDomains(t contract.TB, s entra.ConnectionRegistry) {
	c := simple("con_1", "contoso.example", "xn--bcher-kva.example")
	c.HomeRealmDomains = []string{"@Contoso.Example", "Bücher.example"} // the admin's spelling
	version := put(t, s, c)
	routes(t, s, "contoso.example", "con_1")
	routes(t, s, "xn--bcher-kva.example", "con_1")

	rival := simple("con_2", "fabrikam.example", "contoso.example")
	rival.OrganizationID = "org_1"
	_, err := s.Put(t.Context(), rival)
	taken(t, "Put with a domain that another owner's connection has proven", err, entra.TakenError{Field: "home_realm_domains", Value: "contoso.example", ConnectionID: "con_1"})
	absent(t, s, "con_2")
	routes(t, s, "fabrikam.example", "")
	routes(t, s, "contoso.example", "con_1")

	other := simple("con_3", "fabrikam.example")
	otherVersion := put(t, s, other)
	grab := simple("con_3", "fabrikam.example", "xn--bcher-kva.example")
	grab.Version, grab.DisplayName = otherVersion, "grabbed"
	_, err = s.Put(t.Context(), grab)
	taken(t, "Put of a change with another connection's domain", err, entra.TakenError{Field: "home_realm_domains", Value: "xn--bcher-kva.example", ConnectionID: "con_1"})
	same(t, "a connection after a refused change", get(t, s, "con_3"), other)

	c.Version, c.HomeRealmDomains = version, []string{"contoso.example"} // gives one up
	put(t, s, c)
	routes(t, s, "xn--bcher-kva.example", "")
	put(t, s, grab)
	routes(t, s, "xn--bcher-kva.example", "con_3")
	routes(t, s, "contoso.example", "con_1")

	// What stands for subdomains is one more text; what it covers is for hrd.Lookup to ask.
	covering := simple("con_4", "*.contoso.example")
	put(t, s, covering)
	routes(t, s, "*.contoso.example", "con_4")
	routes(t, s, "contoso.example", "con_1")
	routes(t, s, "sales.contoso.example", "")
}

// checkConnectionUnproven: a domain that is pending or lapsed routes nowhere and stands in nobody's way.
func checkConnectionUnproven(t contract.TB, s entra.ConnectionRegistry) {
	squatter := simple("con_1", "contoso.example", "fabrikam.example", "own.example")
	squatter.DomainProofs[0].State, squatter.DomainProofs[1].State = entra.DomainPending, entra.DomainLapsed
	squatter.HomeRealmDomains = append(squatter.HomeRealmDomains, "unheard.example") // without any proof
	put(t, s, squatter)
	for _, d := range []string{"contoso.example", "fabrikam.example", "unheard.example"} {
		routes(t, s, d, "")
	}
	routes(t, s, "own.example", "con_1")
	owner := simple("con_2", "contoso.example", "fabrikam.example", "unheard.example")
	version := put(t, s, owner)
	routes(t, s, "contoso.example", "con_2")
	routes(t, s, "fabrikam.example", "con_2")

	lapsed := owner.Clone()
	lapsed.Version, lapsed.DomainProofs[0].State = version, entra.DomainLapsed
	put(t, s, lapsed)
	routes(t, s, "contoso.example", "")
	routes(t, s, "fabrikam.example", "con_2")
}

func checkConnectionListing(t contract.TB, s entra.ConnectionRegistry) {
	if got := list(t, s, entra.Filter{}); len(got) != 0 {
		t.Errorf("an empty store lists %q", got)
	}
	for i, set := range []func(c *entra.Connection){
		func(c *entra.Connection) { c.Name, c.EnabledApplications = "contoso", []string{"app_1", "app_2"} },
		func(c *entra.Connection) { c.Name, c.AllApplications = "all", true },
		func(c *entra.Connection) {
			c.Name, c.OrganizationID, c.EnabledApplications = "contoso", "org_1", []string{"app_1"}
		},
		func(c *entra.Connection) {
			c.Name, c.OrganizationID, c.Organizations = "own", "org_2", []string{"org_1"}
		},
		func(c *entra.Connection) { c.Name, c.Organizations = "shared", []string{"org_1", "org_2"} },
		func(c *entra.Connection) {
			c.Name, c.EnabledApplications, c.Enabled = "Contoso", []string{"app_10"}, false
		},
	} {
		c := simple(fmt.Sprint("con_", 6-i)) // put in the opposite order
		set(c)
		put(t, s, c)
	}
	for _, c := range []struct {
		filter entra.Filter
		want   []string
	}{
		{entra.Filter{}, []string{"con_1", "con_2", "con_3", "con_4", "con_5", "con_6"}},
		{entra.Filter{Name: "contoso"}, []string{"con_4", "con_6"}},
		{entra.Filter{Name: "con"}, nil},
		{entra.Filter{Application: "app_1"}, []string{"con_5", "con_6"}},
		{entra.Filter{Application: "app_9"}, []string{"con_5"}},
		{entra.Filter{Application: "APP_1"}, []string{"con_5"}},
		{entra.Filter{Organization: "ORG_1"}, nil},
		{entra.Filter{Organization: "org_1"}, []string{"con_2", "con_4"}},
		{entra.Filter{Organization: "org_2"}, []string{"con_2", "con_3"}},
		{entra.Filter{Organization: "org_9"}, nil},
		{entra.Filter{Name: "contoso", Organization: "org_1"}, []string{"con_4"}},
		{entra.Filter{Name: "contoso", Application: "app_2"}, []string{"con_6"}},
		{entra.Filter{Application: "app_1", Organization: "org_1"}, nil},
	} {
		if got := list(t, s, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("Connections(%+v) lists %q, want %q: what matches, in the order of the ids", c.filter, got, c.want)
		}
	}
	for _, err := range s.Connections(t.Context(), entra.Filter{}) {
		if err != nil {
			t.Errorf("Connections: %v", err)
		}
		break // a caller may stop; the store must be usable after that
	}
	for c, err := range s.Connections(t.Context(), entra.Filter{}) {
		if err != nil {
			t.Fatalf("Connections: %v", err)
		}
		get(t, s, c.ID) // and while a listing goes on
	}
	put(t, s, simple("con_7"))
}

// checkConnectionRealms: an answer that nobody asked for names its connection by the realm, whose default follows from the client id.
func checkConnectionRealms(t contract.TB, s entra.ConnectionRegistry) {
	version := ""
	long := "https://auth.example.com/" + strings.Repeat("customer/", 200)
	for i, set := range []func(c *entra.Connection){
		func(c *entra.Connection) { c.Strategy = entra.WSFed },
		func(*entra.Connection) {}, // the same client id over OpenID Connect
		func(c *entra.Connection) {
			c.Strategy, c.Realm, c.OrganizationID = entra.WSFed, "https://auth.example.com/app", "org_1"
		},
		func(c *entra.Connection) {
			c.Strategy, c.Realm, c.Enabled = entra.WSFed, "https://auth.example.com/app", false
		},
		func(c *entra.Connection) { c.Strategy, c.Realm = entra.WSFed, long+"1" },
		func(c *entra.Connection) { c.Strategy, c.Realm = entra.WSFed, long+"2" },
	} {
		c := simple(fmt.Sprint("con_", i+1))
		set(c)
		version = put(t, s, c)
	}
	client := "spn:" + simple("").ClientID
	lists := func(f entra.Filter, want ...string) {
		t.Helper()
		if got := list(t, s, f); !slices.Equal(got, want) {
			t.Errorf("Connections(%.80q) lists %q, want %q: the connections over WS-Federation with exactly this realm", f, got, want)
		}
	}
	lists(entra.Filter{Realm: client}, "con_1")
	lists(entra.Filter{Realm: "https://auth.example.com/app"}, "con_3", "con_4")
	lists(entra.Filter{Realm: "https://auth.example.com/app", Organization: "org_1"}, "con_3")
	lists(entra.Filter{Realm: "https://auth.example.com/APP"})
	lists(entra.Filter{Realm: "https://auth.example.com/app/"})
	lists(entra.Filter{Realm: long + "2"}, "con_6")
	lists(entra.Filter{Realm: long})
	changed := simple("con_6")
	changed.Strategy, changed.Version = entra.WSFed, version
	put(t, s, changed)
	lists(entra.Filter{Realm: long + "2"})
	lists(entra.Filter{Realm: client}, "con_1", "con_6")
	if err := s.Delete(t.Context(), "con_1", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	lists(entra.Filter{Realm: client}, "con_6")
}

func list(t contract.TB, s entra.ConnectionRegistry, f entra.Filter) []string {
	t.Helper()
	var ids []string
	for c, err := range s.Connections(t.Context(), f) {
		if err != nil {
			t.Fatalf("Connections(%+v): %v", f, err)
		}
		ids = append(ids, c.ID)
	}
	return ids
}

// checkConnectionCopies: what was put is the caller's again, and Put does not write to it.
func checkConnectionCopies(t contract.TB, s entra.ConnectionRegistry) {
	c := full("con_1")
	put(t, s, c)
	if c.Version != "" {
		t.Errorf("Put wrote a version into its argument")
	}
	c.DisplayName, c.HomeRealmDomains[0], c.DomainProofs[0].State, c.EnabledApplications[0] = "spoiled", "spoiled.example", entra.DomainPending, "spoiled"
	c.UpstreamParams["prompt"] = entra.UpstreamParam{Value: "spoiled"}
	c.ClientSecret = credential.NewSecret("spoiled")
	want := full("con_1")
	want.DomainProofs[0].At, want.DomainProofs[1].At = c.DomainProofs[0].At, c.DomainProofs[1].At
	same(t, "a connection after the caller changed its own", get(t, s, "con_1"), want)
	routes(t, s, "contoso.example", "con_1")
}

func checkConnectionCancelled(t contract.TB, s entra.ConnectionRegistry) {
	put(t, s, simple("con_1", "contoso.example"))
	ctx := contract.Cancelled(t)
	_, known := s.Connection(ctx, "con_1")
	_, unknown := s.Connection(ctx, "con_2")
	_, _, domain := s.HomeRealm(ctx, "contoso.example")
	_, _, nowhere := s.HomeRealm(ctx, "fabrikam.example")
	_, put := s.Put(ctx, simple("con_2"))
	del := s.Delete(ctx, "con_1", "")
	var listing error
	for _, err := range s.Connections(ctx, entra.Filter{}) {
		listing = err
	}
	for what, err := range map[string]error{
		"Connection": known, "Connection of nobody": unknown, "HomeRealm": domain, "HomeRealm of nobody": nowhere,
		"Put": put, "Delete": del, "Connections": listing,
	} {
		contract.Refused(t, what, err, entra.ErrNotFound, entra.ErrConflict)
	}
	get(t, s, "con_1")
	absent(t, s, "con_2")
}
