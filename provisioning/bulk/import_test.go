package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

const (
	contosoTenant = "c0a70500-0000-4000-8000-000000000001"
	otherTenant   = "fab71ca0-0000-4000-8000-000000000002"
	annID         = "c0a70500-0000-4000-8000-000000000101"
	benID         = "c0a70500-0000-4000-8000-000000000102"
)

// directory is the host's connections, as one importer sees them.
type directory struct {
	names, domains map[string]string // → id
	tenants        map[string]string
	proven         map[string]bool // "id domain"
	err            error
}

func contosos() *directory {
	return &directory{
		names: map[string]string{"contoso": "conn_contoso", "fabrikam": "conn_fabrikam"}, domains: map[string]string{"contoso.com": "conn_contoso"},
		tenants: map[string]string{"conn_contoso": contosoTenant}, proven: map[string]bool{"conn_contoso contoso.com": true},
	}
}

// trouble is what a store over a network has when its caller has given up, or when it is down.
func (d *directory) trouble(ctx context.Context) error { return errors.Join(ctx.Err(), d.err) }

func (d *directory) Resolve(ctx context.Context, name, domain string) (string, bool, error) {
	id := d.domains[domain]
	if name != "" {
		id = d.names[name]
	}
	return id, id != "", d.trouble(ctx)
}

func (d *directory) Tenant(ctx context.Context, id string) (string, error) {
	return d.tenants[id], d.trouble(ctx)
}

func (d *directory) Proven(ctx context.Context, id, domain string) (bool, error) {
	return d.proven[id+" "+domain], d.trouble(ctx)
}

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// importing runs a file and returns what was reported.
func importing(t *testing.T, users provisioning.UserStore, file string, change ...func(*bulk.Config)) ([]bulk.Result, bulk.Summary, error) {
	t.Helper()
	var results []bulk.Result
	c := bulk.Config{
		Users: users, By: bulk.ByEnvironment(), Source: "kinde", Connections: contosos(), Now: clock, Batch: 3, Parallel: 2,
		Ignore: []string{"roles", "permissions", "phone"},
		Report: func(r bulk.Result) { results = append(results, r) },
	}
	for _, f := range change {
		f(&c)
	}
	i, err := bulk.New(c)
	require.NoError(t, err)
	r, err := bulk.NewReader(strings.NewReader(file))
	require.NoError(t, err)
	summary, err := i.Run(t.Context(), r)
	return results, summary, err
}

func mustImport(t *testing.T, users provisioning.UserStore, file string, change ...func(*bulk.Config)) []bulk.Result {
	t.Helper()
	results, summary, err := importing(t, users, file, change...)
	require.NoError(t, err)
	require.EqualValues(t, len(results), summary.Records())
	return results
}

// outcomes shows results: line, outcome and reason.
func outcomes(results []bulk.Result) []string {
	var all []string
	for _, r := range results {
		s := fmt.Sprint(r.Line, " ", r.Outcome)
		if r.Problem != nil {
			s += " " + string(r.Problem.Reason)
		}
		all = append(all, s)
	}
	return all
}

// people shows a store without ids and versions, so that two can be compared.
func people(s *memory.Users) []string {
	var all []string
	for u := range s.All() {
		var keys []string
		for _, k := range u.Keys {
			keys = append(keys, fmt.Sprintf("%q", k))
		}
		slices.Sort(keys)
		orgs := slices.Sorted(slices.Values(u.Organizations))
		all = append(all, fmt.Sprintf("%+v keys=%v orgs=%v pending=%+v", u.Profile, keys, orgs, u.Pending))
	}
	slices.Sort(all)
	return all
}

func byEmail(t *testing.T, s *memory.Users, address string) []*provisioning.User {
	t.Helper()
	list, err := s.UsersByEmail(t.Context(), provisioning.Fold(address))
	require.NoError(t, err)
	return list
}

func theUser(t *testing.T, s *memory.Users, address string) *provisioning.User {
	t.Helper()
	list := byEmail(t, s, address)
	require.Len(t, list, 1)
	return list[0]
}

func load(t *testing.T, users ...*provisioning.User) *memory.Users {
	t.Helper()
	s := memory.NewUsers()
	require.NoError(t, s.Load(users...))
	return s
}

const peopleFile = `email,id,first_name,email_verified,external_organization_id,connection,entra_object_id
Ann@contoso.com,1,Ann,TRUE,o1,,` + annID + `
ben@contoso.com,2,Ben,FALSE,"o1,o2",contoso,
zoe@northwind.example,3,Zoë,TRUE,,,
ann@contoso.com,1,,,o2,,
eve@contoso.com,4,Eve,,,nowhere,
`

// What a record becomes: found by name, by home realm domain, or waiting for nobody.
func TestImport(t *testing.T) {
	users := memory.NewUsers()
	results := mustImport(t, users, peopleFile)
	require.Equal(t, []string{"2 created", "3 created", "4 created", "5 joined", "6 bad connection"}, outcomes(results))

	ann := theUser(t, users, "ann@contoso.com")
	require.Equal(t, []provisioning.Pending{{
		ConnectionID: "conn_contoso", TenantID: contosoTenant, ObjectID: annID, Address: "Ann@contoso.com", Expires: now.Add(90 * 24 * time.Hour),
	}}, ann.Pending)
	require.Equal(t, provisioning.Profile{Email: "Ann@contoso.com", EmailVerified: true, GivenName: "Ann"}, ann.Profile)
	require.Equal(t, []string{"o1", "o2"}, ann.Organizations)
	require.True(t, ann.Holds(provisioning.ImportKey("kinde", "1")))
	require.False(t, ann.Enterprise())
	ben := theUser(t, users, "ben@contoso.com")
	require.Equal(t, []provisioning.Pending{{
		ConnectionID: "conn_contoso", ConnectionName: "contoso", TenantID: contosoTenant, Address: "ben@contoso.com", Expires: now.Add(90 * 24 * time.Hour),
	}}, ben.Pending)
	require.False(t, ben.Profile.EmailVerified)
	require.Empty(t, theUser(t, users, "zoe@northwind.example").Pending)

	results = mustImport(t, users, "email,entra_object_id\nmia@northwind.example,"+benID+"\n")
	require.Equal(t, []string{"2 bad connection"}, outcomes(results), "somebody of Entra's without a connection could never come in")
}

// Importing again changes nothing, whatever happened in between, even where the file says something else.
func TestImportAgain(t *testing.T) {
	users := memory.NewUsers()
	mustImport(t, users, peopleFile)
	ann := theUser(t, users, "ann@contoso.com")
	ann.Organizations, ann.Profile.GivenName, ann.Pending = []string{"o2"}, "Anna", nil // left o1, married, signed in
	ann.Profile.Email = "anna@contoso.com"
	require.NoError(t, users.Load(ann))
	before := people(users)
	results := mustImport(t, users, strings.ReplaceAll(peopleFile, "Ben", "Benjamin"))
	require.Equal(t, []string{"2 known", "3 known", "4 known", "5 known", "6 bad connection"}, outcomes(results))
	require.Equal(t, before, people(users))

	results = mustImport(t, users, "id,roles,external_organization_id\n1,member,o3\n9,member,o3\n")
	require.Equal(t, []string{"2 joined", "3 bad nobody"}, outcomes(results), "people first, organizations from a second file")
	require.Equal(t, []string{"o2", "o3"}, theUser(t, users, "anna@contoso.com").Organizations)
}

// Rows without ids are known by their address, however it is spelled.
func TestWithoutIDs(t *testing.T) {
	users := memory.NewUsers()
	file := "email,external_organization_id\nann@contoso.com,o1\nzoe@northwind.example,o1\nANN@CONTOSO.COM,o2\n"
	require.Equal(t, []string{"2 created", "3 created", "4 joined"}, outcomes(mustImport(t, users, file)))
	require.Equal(t, []string{"2 known", "3 known", "4 known"}, outcomes(mustImport(t, users, file)))
	require.Equal(t, []string{"2 created", "3 known"}, outcomes(mustImport(t, users, "phone\n+6155511555\n+6155511555\n", func(c *bulk.Config) { c.Batch = 1 })))
}

// Two records of a source that are one person are a mistake of the file, in one batch or over several.
func TestDuplicates(t *testing.T) {
	for _, batch := range []int{1, 2, 100} {
		users := memory.NewUsers()
		results := mustImport(t, users, "email,id,entra_object_id\nann@contoso.com,1,"+annID+"\nann@contoso.com,2,\nanna@contoso.com,3,"+annID+"\nzoe@northwind.example,4,\nzoe@northwind.example,5,\n",
			func(c *bulk.Config) { c.Batch = batch })
		require.Equal(t, []string{"2 created", "3 bad duplicate", "4 bad duplicate", "5 created", "6 bad duplicate"}, outcomes(results))
		require.Len(t, people(users), 2)
	}
}

// whom reaching users who exist depends on; each case is one import of Ann's row.
func TestUsersWhoExist(t *testing.T) {
	t.Run("found one by one", func(t *testing.T) {
		testUsersWhoExist(t, func(u *memory.Users) provisioning.UserStore { return u })
	})
	t.Run("found at once", func(t *testing.T) {
		testUsersWhoExist(t, func(u *memory.Users) provisioning.UserStore { return &finding{Users: u} })
	})
}

func testUsersWhoExist(t *testing.T, over func(*memory.Users) provisioning.UserStore) {
	const row = "email,id,connection,entra_object_id\nann@contoso.com,1,contoso,%s\n"
	local := func(change ...func(*provisioning.User)) []*provisioning.User {
		u := &provisioning.User{ID: "u1", Profile: provisioning.Profile{Email: "Ann@contoso.com", EmailVerified: true}, Organizations: []string{"org_contoso"}}
		for _, f := range change {
			f(u)
		}
		return []*provisioning.User{u}
	}
	key := func(connection, tenant, object string) func(*provisioning.User) {
		return func(u *provisioning.User) {
			u.Keys = append(u.Keys, provisioning.Key{ConnectionID: connection, Authority: tenant, Subject: object})
		}
	}
	waits := func(p provisioning.Pending) func(*provisioning.User) {
		return func(u *provisioning.User) { p.Expires = now.Add(-time.Hour); u.Pending = append(u.Pending, p) }
	}
	unverified := func(u *provisioning.User) { u.Profile.EmailVerified = false }
	admin := bulk.ByOrganization("org_contoso")

	for name, test := range map[string]struct {
		by     bulk.Importer
		object string
		users  []*provisioning.User
		proven bool
		want   string
	}{
		"verified":                     {users: local(), want: "attached"},
		"unverified":                   {users: local(unverified), want: "bad unverified"},
		"suspended":                    {users: local(func(u *provisioning.User) { u.Suspended = true }), want: "bad suspended"},
		"emergency":                    {users: local(func(u *provisioning.User) { u.Emergency = true }), want: "bad emergency"},
		"another record of the source": {users: local(func(u *provisioning.User) { u.Keys = []provisioning.Key{provisioning.ImportKey("kinde", "0")} }), want: "bad duplicate"},
		"a record of another source":   {users: local(func(u *provisioning.User) { u.Keys = []provisioning.Key{provisioning.ImportKey("auth0", "0")} }), want: "attached"},
		"two of them": {users: append(local(), &provisioning.User{
			ID: "u2", Profile: provisioning.Profile{Email: "ann@contoso.com", EmailVerified: true},
		}), want: "bad ambiguous"},
		"signs in through another connection":   {users: local(key("conn_other", otherTenant, annID)), want: "created"},
		"signs in through this one already":     {users: local(key("conn_contoso", contosoTenant, annID)), want: "attached"},
		"this very identity, another address":   {object: annID, users: local(key("conn_contoso", contosoTenant, annID), func(u *provisioning.User) { u.Profile.Email = "anna@contoso.com" }), want: "attached"},
		"another object id":                     {object: benID, users: local(key("conn_contoso", contosoTenant, annID)), want: "bad conflict"},
		"waits by address":                      {users: local(unverified, waits(provisioning.Pending{ConnectionID: "conn_contoso", Address: "ann@contoso.com"})), want: "attached"},
		"waits by object id":                    {object: annID, users: local(unverified, waits(provisioning.Pending{ConnectionID: "conn_contoso", ObjectID: annID})), want: "attached"},
		"waits for another object id":           {object: benID, users: local(waits(provisioning.Pending{ConnectionID: "conn_contoso", ObjectID: annID, Address: "ann@contoso.com"})), want: "bad conflict"},
		"waits elsewhere":                       {users: local(waits(provisioning.Pending{ConnectionID: "conn_other", Address: "ann@contoso.com"})), want: "attached"},
		"two wait":                              {object: annID, users: append(local(waits(provisioning.Pending{ConnectionID: "conn_contoso", Address: "ann@contoso.com"})), &provisioning.User{ID: "u2", Pending: []provisioning.Pending{{ConnectionID: "conn_contoso", ObjectID: annID, Expires: now}}}), want: "bad ambiguous"},
		"organization's own, domain proven":     {by: admin, users: local(), proven: true, want: "attached"},
		"organization's own, domain not proven": {by: admin, users: local(), want: "bad not_yours"},
		"another organization's": {by: admin, proven: true, users: local(func(u *provisioning.User) {
			u.Organizations = []string{"org_fabrikam"}
		}), want: "bad not_yours"},
		"of two organizations": {by: admin, proven: true, users: local(func(u *provisioning.User) {
			u.Organizations = append(u.Organizations, "org_fabrikam")
		}), want: "bad not_yours"},
		"of no organization":                           {by: admin, proven: true, users: local(func(u *provisioning.User) { u.Organizations = nil }), want: "bad not_yours"},
		"own connection, but the person is not theirs": {by: admin, object: annID, proven: false, users: local(key("conn_contoso", contosoTenant, annID)), want: "bad not_yours"},
		"nobody": {by: admin, want: "created"},
	} {
		t.Run(name, func(t *testing.T) {
			store := load(t, test.users...)
			before := people(store)
			results := mustImport(t, over(store), fmt.Sprintf(row, test.object), func(c *bulk.Config) {
				if test.by != (bulk.Importer{}) {
					c.By = test.by
				}
				d := contosos()
				d.proven = map[string]bool{"conn_contoso contoso.com": test.proven}
				c.Connections = d
			})
			require.Equal(t, []string{"2 " + test.want}, outcomes(results))
			after := people(store)
			switch test.want {
			case "created":
				require.Subset(t, after, before, "who existed is left alone")
				require.Len(t, after, len(before)+1)
			case "attached":
				require.Len(t, after, len(before))
				require.NotEqual(t, before, after)
				require.Equal(t, "u1", results[0].UserID)
				again := mustImport(t, over(store), fmt.Sprintf(row, test.object), func(c *bulk.Config) {
					if test.by != (bulk.Importer{}) {
						c.By = test.by
					}
				})
				require.Equal(t, []string{"2 known"}, outcomes(again))
			default:
				require.Equal(t, before, after)
			}
		})
	}
}

// An organization's administrator brings people into the own organization, and nothing that reaches further (attack 45).
func TestImportByOrganization(t *testing.T) {
	by := func(c *bulk.Config) {
		c.By, c.Keep = bulk.ByOrganization("org_contoso"), func(context.Context, []bulk.Kept) error { return nil }
	}
	users := memory.NewUsers()
	results := mustImport(t, users, `email,id,email_verified,external_organization_id,connection,hashed_password
ann@contoso.com,1,TRUE,,contoso,
ben@contoso.com,2,,org_fabrikam,contoso,
eve@contoso.com,3,,,contoso,e7bd1e09
zoe@northwind.example,4,,,,
victim@fabrikam.com,5,TRUE,org_contoso,contoso,
`, by)
	require.Equal(t, []string{"2 created", "3 bad organization", "4 bad forbidden", "5 bad connection", "6 created"}, outcomes(results))
	require.True(t, results[0].Unverified)
	ann := theUser(t, users, "ann@contoso.com")
	require.Equal(t, []string{"org_contoso"}, ann.Organizations)
	require.False(t, ann.Profile.EmailVerified, "only the environment's word counts")
	require.False(t, theUser(t, users, "victim@fabrikam.com").Profile.EmailVerified)

	require.Equal(t, []string{"2 bad connection"}, outcomes(mustImport(t, users, "phone\n+6155511555\n", by)), "nobody comes in without a connection")

	// Whoever keeps roles learns whose word they are.
	var told []string
	mustImport(t, users, "email,id,connection,role_key\nliv@contoso.com,7,contoso,admin\n", by, func(c *bulk.Config) {
		c.Keep = func(_ context.Context, all []bulk.Kept) error {
			for _, k := range all {
				told = append(told, k.Organization)
			}
			return nil
		}
	})
	require.Equal(t, []string{"org_contoso"}, told)

	// Its keys are its own: with the environment's source it finds nobody, and the environment finds none of its.
	users = memory.NewUsers()
	mustImport(t, users, "email,id,external_organization_id\nzoe@northwind.example,1,o1\n")
	results = mustImport(t, users, "email,id,connection\nmallory@contoso.com,1,contoso\n", by)
	require.Equal(t, []string{"2 created"}, outcomes(results))
	require.Equal(t, []string{"o1"}, theUser(t, users, "zoe@northwind.example").Organizations)
	_, err := bulk.New(bulk.Config{Users: users, By: bulk.ByEnvironment(), Source: `organization:"org_contoso":kinde`})
	require.Error(t, err)
}

func TestConfig(t *testing.T) {
	users := memory.NewUsers()
	for name, c := range map[string]bulk.Config{
		"no store":     {By: bulk.ByEnvironment(), Source: "s"},
		"nobody":       {Users: users, Source: "s"},
		"lost id":      {Users: users, Source: "s", By: bulk.ByOrganization("")},
		"no source":    {Users: users, By: bulk.ByEnvironment()},
		"batch":        {Users: users, By: bulk.ByEnvironment(), Source: "s", Batch: -1},
		"large batch":  {Users: users, By: bulk.ByEnvironment(), Source: "s", Batch: 5001},
		"long source":  {Users: users, By: bulk.ByEnvironment(), Source: strings.Repeat("s", 101)},
		"past already": {Users: users, By: bulk.ByEnvironment(), Source: "s", Expiry: -1},
	} {
		_, err := bulk.New(c)
		require.Error(t, err, name)
	}
}

// A record that names another tenant than the connection's would wait for nobody.
func TestTenantOfTheConnection(t *testing.T) {
	users := memory.NewUsers()
	results := mustImport(t, users, "email,connection,entra_tenant_id\nann@contoso.com,contoso,"+otherTenant+"\nbob@fabrikam.com,fabrikam,"+otherTenant+"\n")
	require.Equal(t, []string{"2 bad tenant", "3 created"}, outcomes(results))
	require.Equal(t, otherTenant, theUser(t, users, "bob@fabrikam.com").Pending[0].TenantID)
}

func TestUniqueEmails(t *testing.T) {
	users := memory.NewUsers()
	users.UniqueEmails = true
	require.NoError(t, users.Load(&provisioning.User{
		ID: "u1", Profile: provisioning.Profile{Email: "ann@contoso.com", EmailVerified: true},
		Keys: []provisioning.Key{{ConnectionID: "conn_other", Authority: otherTenant, Subject: annID}},
	}))
	results := mustImport(t, users, "email,id\nann@contoso.com,1\nben@contoso.com,2\n")
	require.Equal(t, []string{"2 bad email_taken", "3 created"}, outcomes(results))
}

func clock() time.Time { return now }
