package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const (
	visitors  = 12 // at the same time
	timesEach = 4  // sign-ins of one person, at about the same time
	disasters = 12 // servers killed, in turn

	// patience ends the test, with what has become of the people by then, while there is still time to say so before go test's own limit (15 minutes in
	// .ci/run). People have no other: how long a database takes to come back depends on what else the machine does.
	patience = 10 * time.Minute
)

// signIns is how many sign-ins there are: all where services are required, as in .ci/run, and fewer in a quick run.
func signIns(all int) int {
	if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
		return all
	}
	return min(all, 200)
}

// TestDisasters: many people sign in over both protocols while the servers are killed in turn, what they share once each, and connections are edited. Everybody
// ends signed in, after pages that ask to sign in again at worst; nothing is used twice, nobody is doubled, nothing that was acknowledged is lost.
func TestDisasters(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		database := testservers.NewPostgres(t)
		withstand(t, options{database: database.Database(t)}, signIns(2000), database)
	})
	t.Run("PostgreSQL and Redis", func(t *testing.T) {
		database, redis := testservers.NewPostgres(t), testservers.NewRedis(t)
		withstand(t, options{database: database.Database(t), redis: redis.Database(t)}, signIns(400), redis, database)
	})
}

// withstand has n people sign in. shared are the servers behind the servers; each dies once.
func withstand(t *testing.T, o options, n int, shared ...*testservers.Server) {
	o.tenants = crowd(n / timesEach)
	c, keys := start(t, o)
	p := &party{t: t, c: c, keys: keys, client: newClient(), accepted: map[string]string{}}
	began := time.Now()

	limit, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx, done := context.WithCancel(limit)
	defer done()
	var beside sync.WaitGroup
	beside.Go(func() { p.edit(ctx) })
	beside.Go(func() { p.disasters(ctx, limit, n, shared) })
	next, people := atomic.Int64{}, sync.WaitGroup{}
	for range visitors {
		people.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				p.signIn(limit, i)
			}
		})
	}
	people.Wait()
	took := time.Since(began)
	done()
	beside.Wait()
	p.check(n)
	t.Logf("%d sign-ins of %d people over both protocols in %s (%.0f a second), %d of them at a second or later try", p.signedIn.Load(), n/timesEach, took.Round(time.Millisecond),
		float64(n)/took.Seconds(), p.retried.Load())
	t.Logf("servers killed %d times, the %d behind them once each; %d edits of connections; %d pages asked people to sign in again", p.killed.Load(), len(shared), p.edits, p.pages.Load())
	t.Logf("%d answers sent a second time to both servers, %d deliveries at both servers at once: %d second acceptances", p.replays.Load(), p.races.Load(), p.twice.Load())
}

// crowd adds people to both tenants.
func crowd(n int) func([]entratest.Tenant) []entratest.Tenant {
	return func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range n {
			t := 0
			if tenants[t].Domains[0] != domainOf(i) && tenants[1].Domains[0] == domainOf(i) {
				t = 1
			}
			tenants[t].Users = append(tenants[t].Users, entratest.User{
				ID: fmt.Sprintf("9e0b1e00-0000-4000-8000-%012d", i), UPN: addressOf(i), DisplayName: fmt.Sprint("Person ", i), Mail: addressOf(i), MailVerified: true,
			})
		}
		return tenants
	}
}

func domainOf(person int) string  { return []string{"contoso.com", "fabrikam.com"}[person%2] }
func addressOf(person int) string { return fmt.Sprintf("person%d@%s", person, domainOf(person)) }

// party is the crowd, and what became of it.
type party struct {
	t      *testing.T
	c      *cluster
	keys   *entra.Keyring
	client *http.Client

	signedIn, retried, pages, killed, replays, races, twice atomic.Int64
	edits                                                   int

	mu       sync.Mutex
	accepted map[string]string // flow → user: what a browser was told
}

// accept notes a session that a browser got.
func (p *party) accept(s session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, twice := p.accepted[s.Flow]; twice {
		p.t.Errorf("flow %s signed somebody in twice", s.Flow)
	}
	p.accepted[s.Flow] = s.User
}

// signIn signs a person in, however often it takes. What goes wrong on the way must be a page that says so.
func (p *party) signIn(ctx context.Context, i int) {
	address := addressOf(i / timesEach)
	for try := 0; ; try++ {
		v := p.c.newVisitor(p.client)
		err := p.try(ctx, v, i, address)
		switch {
		case ctx.Err() != nil:
			return // check counts who is not signed in
		case err == nil:
			p.signedIn.Add(1)
			if try > 0 {
				p.retried.Add(1)
			}
			return
		case !errors.Is(err, errAgain):
			p.t.Errorf("%s: %v", address, err)
			return
		}
		p.pages.Add(1)
		select {
		case <-time.After(50 * time.Millisecond): // nobody clicks faster
		case <-ctx.Done():
			return
		}
	}
}

// try is one way from the address to the account page.
func (p *party) try(ctx context.Context, v *visitor, i int, address string) error {
	location, err := v.begin(ctx, "", address)
	if err != nil {
		return err
	}
	back, err := v.authenticate(ctx, location, address)
	if err != nil {
		return err
	}
	switch {
	case i%8 == 0: // the same answer of the same browser, at both servers at once
		return p.race(ctx, []*visitor{v, v}, []message{back, back})
	case i%8 == 4 && strings.Contains(back.form, "wresult="): // one assertion in two sign-ins that were both begun
		other := p.c.newVisitor(p.client)
		location, err := other.begin(ctx, "", address)
		if err != nil {
			return err
		}
		stolen, err := moved(other, back, location)
		if err != nil {
			return err
		}
		return p.race(ctx, []*visitor{v, other}, []message{back, stolen})
	}
	s, err := v.finish(ctx, "", back, p.keys)
	if err != nil {
		return err
	}
	p.accept(s)
	if i%4 == 1 {
		p.replay(ctx, v, back)
	}
	return p.account(ctx, v)
}

// moved is the assertion of a message in the sign-in that another browser has begun.
func moved(v *visitor, m message, location string) (message, error) {
	start, err := url.Parse(location)
	if err != nil {
		return message{}, err
	}
	form, err := url.ParseQuery(m.form)
	if err != nil {
		return message{}, err
	}
	form.Set("wctx", start.Query().Get("wctx"))
	return v.message(m.method, m.path, form.Encode()), nil
}

// race delivers two messages at once, one at each server. One of them may be accepted; where neither is, the person signs in again.
func (p *party) race(ctx context.Context, by []*visitor, messages []message) error {
	p.races.Add(1)
	sessions, errs := make([]session, 2), make([]error, 2)
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { sessions[i], errs[i] = by[i].finish(ctx, p.c.machines[i].task.Listen, messages[i], p.keys) })
	}
	both.Wait()
	accepted := 0
	for i, err := range errs {
		var network *url.Error // straight to a server that is down: no balancer is in between
		switch {
		case err == nil:
			accepted++
			p.accept(sessions[i])
		case !errors.Is(err, errAgain) && !errors.As(err, &network):
			return err
		}
	}
	switch {
	case accepted == 2:
		p.twice.Add(1)
	case accepted == 0:
		return errAgain
	}
	return nil
}

// replay sends what was accepted once more, to both servers.
func (p *party) replay(ctx context.Context, v *visitor, m message) {
	for _, machine := range p.c.machines {
		switch s, err := v.finish(ctx, machine.task.Listen, m, p.keys); {
		case err == nil:
			p.t.Errorf("%s accepted a second time what signed %s in", machine.task.Name, s.User)
			p.twice.Add(1)
		case errors.Is(err, errAgain):
			p.replays.Add(1)
		}
	}
}

// account looks at the account page, which any server has.
func (p *party) account(ctx context.Context, v *visitor) error {
	for {
		a, err := v.send(ctx, "", v.message(http.MethodGet, "/account", ""))
		switch {
		case err != nil:
			return err
		case a.status == http.StatusOK && strings.Contains(a.body, "You began to sign in on server"):
			return nil
		case !a.again():
			return unclear("account", a)
		}
		p.pages.Add(1) // its server died; the person reloads
	}
}

// disasters kills a server whenever so many people have signed in, and lets the others go on before it comes back. On the way it kills each of shared, which
// stays away until somebody was told. It ends with ctx; what it has begun to start may take until limit.
func (p *party) disasters(ctx, limit context.Context, n int, shared []*testservers.Server) {
	until := func(done func() bool) bool {
		for !done() {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return false
			}
		}
		return true
	}
	reached := func(share int) bool { // share of all sign-ins in percent
		return until(func() bool { return p.signedIn.Load()*100 >= int64(n*share) })
	}
	for i := range disasters {
		at := 5 + i*90/disasters
		if !reached(at) {
			return
		}
		for k, server := range shared {
			if i == (k+1)*disasters/(len(shared)+1) {
				told := p.pages.Load()
				server.Kill(p.t)
				until(func() bool { return p.pages.Load() > told })
				server.Start(p.t)
			}
		}
		m := p.c.machines[i%2]
		if err := m.kill(); err != nil {
			p.t.Errorf("kill: %v", err)
		}
		p.killed.Add(1)
		reached(at + 3)
		if err := m.start(limit); err != nil {
			p.t.Errorf("start: %v", err)
			return
		}
	}
}

// edit changes connections through a Registrar, as an administrator does, until ctx ends. Each edit counts one further.
func (p *party) edit(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(30 * time.Millisecond):
		}
		if p.editOnce(ctx) == nil {
			p.edits++
		}
	}
}

func (p *party) editOnce(ctx context.Context) error {
	connection, err := p.c.stores.connections.Connection(ctx, []string{"contoso", "fabrikam"}[p.edits%2])
	if err != nil {
		return err
	}
	connection = connection.Clone()
	connection.DisplayName = fmt.Sprint("edit ", p.edits+1)
	_, _, err = p.c.registry.Save(ctx, entra.Environment("administrator"), connection)
	return err
}

// check looks at what is in the database in the end.
func (p *party) check(n int) {
	t, ctx := p.t, p.t.Context()
	require.EqualValues(t, n, p.signedIn.Load(), "everybody is signed in within %s", patience)
	require.Zero(t, p.twice.Load())
	require.Positive(t, p.replays.Load())
	require.Positive(t, p.races.Load())
	require.EqualValues(t, disasters, p.killed.Load())

	written := map[string]string{}
	rows, err := p.c.stores.db.QueryContext(ctx, `SELECT flow, user_id FROM cluster_sign_ins`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var flow, user string
		require.NoError(t, rows.Scan(&flow, &user))
		require.NotContains(t, written, flow, "a flow was used twice")
		written[flow] = user
	}
	require.NoError(t, rows.Err())
	for flow, user := range p.accepted {
		require.Equal(t, user, written[flow], "a sign-in that a browser was told of is lost")
	}

	users := p.c.stores.users
	for person := range n / timesEach {
		found, err := users.UsersByEmail(ctx, addressOf(person))
		require.NoError(t, err)
		require.Len(t, found, 1, "%s is %d users", addressOf(person), len(found))
		require.Len(t, found[0].Keys, 1)
		holder, err := users.UserByKey(ctx, found[0].Keys[0])
		require.NoError(t, err)
		require.Equal(t, found[0].ID, holder.ID)
	}
	count, err := users.(provisioning.UserLister).CountUsers(ctx, provisioning.UserFilter{})
	require.NoError(t, err)
	require.Equal(t, n/timesEach, count)

	require.Positive(t, p.edits)
	require.NoError(t, p.editOnce(ctx), "the connections can still be edited")
	edited, err := p.c.stores.connections.Connection(ctx, []string{"contoso", "fabrikam"}[p.edits%2])
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("edit ", p.edits+1), edited.DisplayName)
}
