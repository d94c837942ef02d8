package entra_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func localUser(id, address string) *provisioning.User {
	return &provisioning.User{ID: id, Profile: provisioning.Profile{Email: address, EmailVerified: true}}
}

// A break-glass user gets in locally whatever happened to the connection, the store and Entra, and the audit log hears of it.
func TestEmergencyUser(t *testing.T) {
	var audits []provisioning.Audit
	s := newStage(t, func(c *entra.Config) {
		c.Audit = func(_ context.Context, a provisioning.Audit) { audits = append(audits, a) }
	})
	glass := localUser("glass", "glass@contoso.com")
	glass.Emergency = true
	require.NoError(t, s.AdmitLocal(t.Context(), glass))
	require.Equal(t, []provisioning.Audit{{Event: provisioning.EventEmergency, Time: s.clock.Now().UTC(), UserID: "glass", ConnectionID: "conn_contoso"}}, audits)
	s.shelf.err = errors.New("the database is down")
	require.NoError(t, s.AdmitLocal(t.Context(), glass), "that is what they are for")
	require.Len(t, audits, 2)
	s.shelf.err = nil

	glass.Suspended = true
	requireKind(t, entra.KindRefused, s.AdmitLocal(t.Context(), glass))
	requireKind(t, entra.KindConfiguration, s.AdmitLocal(t.Context(), nil))
	require.Len(t, audits, 2)
}

// Whose address a connection claims goes through it; everybody else may sign in as the host likes.
func TestAdmitLocal(t *testing.T) {
	s := newStage(t, forApp)
	ann := localUser("ann", "Ann@CONTOSO.com")
	e := requireKind(t, entra.KindUseConnection, s.AdmitLocal(t.Context(), ann))
	require.Equal(t, "conn_contoso", e.ConnectionID)
	require.Contains(t, e.Public, "organization's sign-in page")
	o := *e.Again
	o.Application = "app"
	_, err := s.Begin(t.Context(), e.ConnectionID, o)
	require.NoError(t, err, "and there is the way")

	for _, address := range []string{"ann@gmail.com", "", "not an address", "ann@sub.contoso.com"} {
		require.NoError(t, s.AdmitLocal(t.Context(), localUser("u", address)), address)
	}
	s.shelf.err = errors.New("the database is down")
	requireKind(t, entra.KindUnavailable, s.AdmitLocal(t.Context(), ann))
	s.shelf.err = nil
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.Enabled = false })
	require.NoError(t, s.AdmitLocal(t.Context(), ann), "a connection that is off leads nowhere")
}

// A domain that an organization's administrator proved by Entra's word alone (an unmanaged tenant can come to hold it) shuts nobody out but the connection's own people.
func TestAdmitLocalWhereOnlyEntraProved(t *testing.T) {
	s := newStage(t, forApp)
	proveBy := func(by string, domains ...string) {
		s.shelf.edit("conn_contoso", func(c *entra.Connection) {
			c.OrganizationID, c.HomeRealmDomains, c.DomainProofs = "org_contoso", domains, nil
			for _, d := range domains {
				c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: d, State: entra.DomainProven, By: by})
			}
		})
	}
	closed := func(u *provisioning.User) bool {
		err := s.AdmitLocal(t.Context(), u)
		if err != nil {
			requireKind(t, entra.KindUseConnection, err)
		}
		return err != nil
	}
	stranger := localUser("stranger", "eve@contoso.com")
	elsewhere := localUser("elsewhere", "eve@contoso.com")
	elsewhere.Organizations = []string{"org_other"}
	both := localUser("both", "eve@contoso.com")
	both.Organizations = []string{"org_contoso", "org_other"}
	member := localUser("member", "ann@contoso.com")
	member.Organizations = []string{"org_contoso"}
	known := localUser("known", "ben@contoso.com")
	known.Keys, known.Organizations = []provisioning.Key{{ConnectionID: "conn_contoso", Authority: entratest.ContosoID, Subject: entratest.AnnID}}, both.Organizations

	proveBy(entra.ProofByEntra, "contoso.com")
	for _, u := range []*provisioning.User{stranger, elsewhere, both} {
		require.False(t, closed(u), u.ID)
	}
	for _, u := range []*provisioning.User{member, known} {
		require.True(t, closed(u), u.ID)
	}
	for _, by := range []string{entra.ProofByEnvironment, entra.ProofByAuthority} {
		proveBy(by, "contoso.com")
		for _, u := range []*provisioning.User{stranger, elsewhere, both, member, known} {
			require.True(t, closed(u), "%s by the %s", u.ID, by)
		}
	}
	below := localUser("below", "eve@sales.contoso.com")
	proveBy(entra.ProofByAuthority, "*.contoso.com")
	require.True(t, closed(below), "what stands for subdomains")
	proveBy(entra.ProofByEntra, "*.contoso.com")
	require.False(t, closed(below))

	// A connection of the environment's own has no organization: whoever is in none is not its people.
	proveBy(entra.ProofByEntra, "contoso.com")
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.OrganizationID = "" })
	require.False(t, closed(stranger))
	require.False(t, closed(member))
}

// Discovery answers to a break-glass user's address what it answers to any other: nobody finds out who they are (attack 10, Keycloak CVE-2026-4633).
func TestAttack10EmergencyUsersCannotBeFound(t *testing.T) {
	h := newHouse(t, forApp)
	glass := localUser("glass", "glass@contoso.com")
	glass.Emergency = true
	suspended := localUser("suspended", "suspended@contoso.com")
	suspended.Suspended = true
	require.NoError(t, h.users.Load(glass, suspended))
	var first *url.URL
	for _, address := range []string{"nobody@contoso.com", "glass@contoso.com", "suspended@contoso.com"} {
		res := serve(h, post("http://localhost:8080/sso/discover", url.Values{"address": {address}}))
		require.Equal(t, http.StatusSeeOther, res.StatusCode, address)
		u, err := url.Parse(res.Header.Get("Location"))
		require.NoError(t, err)
		q := u.Query()
		for _, fresh := range []string{"state", "nonce", "code_challenge"} {
			require.NotEmpty(t, q.Get(fresh))
			q.Del(fresh)
		}
		u.RawQuery = q.Encode()
		if first == nil {
			first = u
		}
		require.Equal(t, first, u, address)
	}
}

// An assignment ties a person to an account without any trust in addresses, over either protocol; only by who may.
func TestServiceAssign(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		h.edit(t, connection, func(c *entra.Connection) { c.CreateMissingUsers = false })
		require.NoError(t, h.users.Load(localUser("u1", "ann@private.example")))
		_, err := h.signIn(t, connection, entratest.Ann)
		requireKind(t, entra.KindRefused, err)
		environment := entra.Environment("ops")
		for name, c := range map[string]struct {
			by   entra.Actor
			o    entra.AssignOptions
			user string
			kind entra.Kind
		}{
			"nobody":            {entra.Actor{}, entra.AssignOptions{ObjectID: entratest.AnnID}, "u1", entra.KindNoConnection},
			"a customer":        {entra.Administrator("org_evil", "mallory"), entra.AssignOptions{ObjectID: entratest.AnnID}, "u1", entra.KindNoConnection},
			"no such user":      {environment, entra.AssignOptions{ObjectID: entratest.AnnID}, "u2", entra.KindRefused},
			"another tenant":    {environment, entra.AssignOptions{ObjectID: entratest.AnnID, TenantID: entratest.FabrikamID}, "u1", entra.KindConfiguration},
			"nobody in Contoso": {environment, entra.AssignOptions{}, "u1", entra.KindRefused},
		} {
			_, err := h.Assign(t.Context(), c.by, connection, c.user, c.o)
			requireKind(t, c.kind, err)
			u, err := h.users.User(t.Context(), "u1")
			require.NoError(t, err)
			require.Empty(t, u.Pending, name)
		}
		changed, err := h.Assign(t.Context(), environment, connection, "u1", entra.AssignOptions{ObjectID: entratest.AnnID, DryRun: true})
		require.NoError(t, err)
		require.True(t, changed)
		changed, err = h.Assign(t.Context(), environment, connection, "u1", entra.AssignOptions{ObjectID: entratest.AnnID})
		require.NoError(t, err)
		require.True(t, changed)

		_, err = h.signIn(t, connection, entratest.Ben)
		requireKind(t, entra.KindRefused, err) // it waits for Ann
		in := h.mustSignIn(t, connection, entratest.Ann)
		require.Equal(t, "u1", in.User.ID)
		require.Equal(t, provisioning.ReasonPendingObjectID, in.Decision.Reason)
	}
}

// A customer's admin assigns their own connection to their own people, with addresses that the environment has proven for it.
func TestAssignByAdministrator(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.OrganizationID = "org_contoso" })
	inside, both, outside := localUser("inside", "ann@contoso.com"), localUser("both", "ben@contoso.com"), localUser("outside", "bob@fabrikam.com")
	inside.Organizations, both.Organizations, outside.Organizations = []string{"org_contoso"}, []string{"org_contoso", "org_evil"}, []string{"org_fabrikam"}
	require.NoError(t, h.users.Load(inside, both, outside))
	ada := entra.Administrator("org_contoso", "ada")
	for _, id := range []string{"both", "outside"} {
		_, err := h.Assign(t.Context(), ada, contosoOAuth2, id, entra.AssignOptions{ObjectID: entratest.AnnID})
		e := requireKind(t, entra.KindRefused, err)
		var refused *provisioning.ActError
		require.ErrorAs(t, e, &refused)
		require.Contains(t, e.Public, refused.Fix)
	}
	c, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	c = c.Clone()
	c.DomainProofs[0].By = entra.ProofByEntra // Entra's word alone is not enough
	_, err = h.connections.Put(t.Context(), c)
	require.NoError(t, err)
	_, err = h.Assign(t.Context(), ada, contosoOAuth2, "inside", entra.AssignOptions{ObjectID: entratest.AnnID})
	requireKind(t, entra.KindRefused, err)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains = nil })
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains = []string{"contoso.com"} })
	changed, err := h.Assign(t.Context(), ada, contosoOAuth2, "inside", entra.AssignOptions{ObjectID: entratest.AnnID})
	require.NoError(t, err)
	require.True(t, changed)
}

// Whose sessions end when a connection changes, and that nobody's do when nothing of this changed.
func TestEnded(t *testing.T) {
	h := newHouse(t)
	here := func(id, tenant, object string, orgs ...string) *provisioning.User {
		return &provisioning.User{ID: id, Organizations: orgs, Keys: []provisioning.Key{{ConnectionID: contosoOAuth2, Authority: tenant, Subject: object}}}
	}
	elsewhere := here("d", entratest.ContosoID, entratest.BenID)
	elsewhere.Keys[0].ConnectionID = contosoWSFed
	waiting := &provisioning.User{ID: "e", Pending: []provisioning.Pending{{ConnectionID: contosoOAuth2, Address: "x@contoso.com", Expires: time.Now()}}}
	require.NoError(t, h.users.Load(here("a", entratest.ContosoID, entratest.AnnID, "org_a"), here("b", entratest.ContosoID, entratest.BenID, "org_a", "org_b"), here("c", entratest.FabrikamID, entratest.BobID), elsewhere, waiting))
	for name, c := range map[string]struct {
		before, after func(*entra.Connection)
		want          []string
	}{
		"nothing":        {nil, nil, nil},
		"a name":         {nil, func(c *entra.Connection) { c.DisplayName = "New" }, nil},
		"switched off":   {nil, func(c *entra.Connection) { c.Enabled = false }, []string{"a all", "b all", "c all"}},
		"switched on":    {func(c *entra.Connection) { c.Enabled = false }, nil, nil},
		"another tenant": {nil, func(c *entra.Connection) { c.TenantID = entratest.FabrikamID }, []string{"a all", "b all"}},
		"a tenant fewer": {func(c *entra.Connection) {
			c.UseCommonEndpoint, c.AllowedTenants = true, []string{entratest.ContosoID, entratest.FabrikamID}
		}, nil, []string{"c all"}},
		"not any tenant any more": {func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant = true, true }, nil, []string{"c all"}},
		"any tenant":              {nil, func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant = true, true }, nil},
		"another cloud":           {nil, func(c *entra.Connection) { c.Cloud = "china" }, []string{"a all", "b all", "c all"}},
		"AD FS now": {nil, func(c *entra.Connection) {
			c.Strategy, c.Issuer, c.MetadataURL, c.TenantID, c.EntraDomain = entra.WSFed, "http://adfs.example", "https://adfs.example", "", ""
		}, []string{"a all", "b all", "c all"}},
		"another protocol":        {nil, func(c *entra.Connection) { c.Strategy = entra.WSFed }, nil},
		"off for an organization": {func(c *entra.Connection) { c.Organizations = []string{"org_a", "org_b"} }, func(c *entra.Connection) { c.Organizations = []string{"org_a"} }, []string{"a some", "b some", "c all"}},
		"off for an application":  {func(c *entra.Connection) { c.AllApplications, c.EnabledApplications = false, []string{"x", "y"} }, func(c *entra.Connection) { c.AllApplications, c.EnabledApplications = false, []string{"x"} }, []string{"a some", "b some", "c all"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := h.connections.Connection(t.Context(), contosoOAuth2)
			require.NoError(t, err)
			before = before.Clone()
			after := before.Clone()
			for _, f := range []struct {
				change func(*entra.Connection)
				of     *entra.Connection
			}{{c.before, before}, {c.after, after}} {
				if f.change != nil {
					f.change(f.of)
				}
			}
			require.Equal(t, c.want, h.ended(t, entra.Change{Before: before, After: after}))
		})
	}
	before, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	require.Equal(t, []string{"a all", "b all", "c all"}, h.ended(t, entra.Change{Before: before}))
	require.Nil(t, h.ended(t, entra.Change{After: before}), "a new connection ends nothing")

	config := h.config
	config.Users = struct{ provisioning.UserStore }{h.users}
	s, err := entra.New(config)
	require.NoError(t, err)
	n := 0
	for _, err := range s.Ended(t.Context(), entra.Change{Before: before}) {
		var e *entra.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, entra.KindConfiguration, e.Kind)
		n++
	}
	require.Equal(t, 1, n)
}

func (h *house) ended(t *testing.T, ch entra.Change) (list []string) {
	t.Helper()
	for one, err := range h.Ended(t.Context(), ch) {
		require.NoError(t, err)
		require.Equal(t, contosoOAuth2, one.Key.ConnectionID)
		list = append(list, one.User.ID+map[bool]string{true: " all", false: " some"}[one.All])
	}
	return list
}

// The change that the registrar reports is the one that Ended reads: off means that who is in goes too.
func TestSwitchingOffEndsSessions(t *testing.T) {
	h := newHouse(t)
	in := h.mustSignIn(t, contosoWSFed, entratest.Ann)
	var changes []entra.Change
	r, err := entra.NewRegistrar(entra.RegistrarConfig{Store: h.connections, Clouds: h.config.Clouds, HTTPClient: h.fake.Client(), Audit: func(_ context.Context, c entra.Change) { changes = append(changes, c) }})
	require.NoError(t, err)
	c, err := h.connections.Connection(t.Context(), contosoWSFed)
	require.NoError(t, err)
	c = c.Clone()
	c.Enabled = false
	_, _, err = r.Save(t.Context(), entra.Environment("ops"), c)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	var gone []string
	for one, err := range h.Ended(t.Context(), changes[0]) {
		require.NoError(t, err)
		gone = append(gone, one.User.ID)
	}
	require.Equal(t, []string{in.User.ID}, gone)
}
