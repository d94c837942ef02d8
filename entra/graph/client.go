package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Errors of a call; match with errors.Is.
var (
	// ErrNoGraph says that the cloud has no Graph address that could be asked.
	ErrNoGraph = errors.New("the cloud has no Graph address")
	// ErrOtherUser says that a token speaks for somebody else than the person who was asked about.
	ErrOtherUser = errors.New("the token belongs to another user")
	// ErrForeignLink says that an answer continued at an address outside the cloud's Graph.
	ErrForeignLink = errors.New("the answer continues at a foreign address")
	// ErrIncomplete says that an answer cannot be the whole list: unreadable, too long, or without end.
	ErrIncomplete = errors.New("the list is incomplete")
)

// Config of a Client.
type Config struct {
	HTTPClient *http.Client     // nil: the guarded default, which dials public addresses only
	Now        func() time.Time // nil: time.Now
	// Timeout bounds each method of the Client as a whole: all pages, all tries, all waiting. 0: 20 seconds.
	Timeout time.Duration
	// PerTenant is how many methods may be at work for one tenant at the same time; the others wait, within their time. It keeps the sign-ins of a
	// Monday morning from being throttled away. 0: 16; negative: no limit.
	PerTenant int
	// CacheFor is how long the groups and the profile of a person are kept, by cloud, tenant, application, object id and question. What changes at Entra is seen this much
	// later, a removal from a group too. At most 200,000 groups and properties are kept, the newest. 0: nothing is kept.
	CacheFor time.Duration
}

// Client calls Microsoft Graph. It is safe for concurrent use.
type Client struct {
	config Config
	turns  turns
	cache  cache
}

// New returns a Client.
func New(c Config) *Client {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.PerTenant == 0 {
		c.PerTenant = 16
	}
	return &Client{config: c, turns: turns{limit: c.PerTenant}, cache: cache{keep: c.CacheFor}}
}

// Caller is as whom, and about whom, Graph is asked.
type Caller struct {
	Cloud  cloud.Cloud // Graph's base URL is Cloud.Graph and nothing else
	Tenant string      // GUID
	App    string      // the client id: what one application may read is not kept for another
	User   string      // an object id; a delegated token's answer is checked to be about this very user
	Me     bool        // ask as /me (delegated token) instead of /users/{User} (app-only token)
	// Token returns an access token for Graph. It is called once for each method of the Client.
	Token func(context.Context) (string, error)
}

// session is one method call: its token, its base address, what it has used up.
type session struct {
	*Client
	base  *url.URL
	token string
	user  string // the canonical object id; "" where nobody is asked about
	me    bool
	bytes atomic.Int64 // read so far
}

// begin checks the caller and fetches the token. The returned context ends with the call's time.
func (c *Client) begin(ctx context.Context, as Caller, aboutUser bool) (context.Context, context.CancelFunc, *session, error) {
	s := &session{Client: c, me: as.Me}
	if as.Cloud.Graph == "" {
		return nil, nil, nil, fmt.Errorf("graph: cloud %q: %w", as.Cloud.Name, ErrNoGraph)
	}
	base, err := outbound.CheckURL(as.Cloud.Graph)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("graph: address of cloud %q: %w", as.Cloud.Name, err)
	}
	s.base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimSuffix(base.Path, "/")}
	if aboutUser {
		// The id becomes part of a path.
		if !cloud.IsGUID(as.User) {
			return nil, nil, nil, errors.New("graph: the user is not an object id")
		}
		s.user = strings.ToLower(as.User)
	}
	if as.Token == nil {
		return nil, nil, nil, errors.New("graph: the caller has no token")
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	leave, err := c.turns.enter(ctx, as.Tenant)
	if err != nil {
		cancel()
		return nil, nil, nil, fmt.Errorf("graph: waiting for other requests to the tenant: %w", err)
	}
	done := func() { leave(); cancel() }
	if s.token, err = as.Token(ctx); err != nil {
		done()
		return nil, nil, nil, fmt.Errorf("graph: getting a token: %w", err)
	}
	if !bearerToken.MatchString(s.token) {
		done()
		return nil, nil, nil, errors.New("graph: the token is empty, or no bearer token")
	}
	return ctx, done, s, nil
}

// bearerToken is the grammar of RFC 6750 section 2.1.
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// at returns the address of a v1.0 resource of the user, or with an empty suffix of the user.
func (s *session) at(suffix string, query url.Values) *url.URL {
	who := "me"
	if !s.me {
		who = "users/" + s.user
	}
	return s.path(who+suffix, query)
}

func (s *session) path(path string, query url.Values) *url.URL {
	u := *s.base
	u.Path += "/v1.0/" + path
	u.RawQuery = query.Encode()
	return &u
}

// aboutUser runs fetch, and with a delegated token beside it the check that /me is the user who was asked for. What fetch
// found is void unless both succeed: an access token of somebody else proves nothing about this sign-in.
func (s *session) aboutUser(ctx context.Context, fetch func(context.Context) error) error {
	if !s.me {
		return fetch(ctx)
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		var me struct{ ID string }
		if err := s.getJSON(ctx, s.at("", url.Values{"$select": {"id"}}), &me); err != nil {
			return err
		}
		return s.checkUser(me.ID)
	})
	both.Go(func() error { return fetch(ctx) })
	return both.Wait()
}

func (s *session) checkUser(id string) error {
	if canonicalID(id) != s.user {
		return fmt.Errorf("graph: %w", ErrOtherUser)
	}
	return nil
}

// canonicalID writes an id as tokens do. Of a personal account Graph knows the last 16 digits only, where a token's oid is
// that number padded to a GUID.
//
// Source: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
func canonicalID(id string) string {
	id = strings.ToLower(id)
	if shortID.MatchString(id) {
		id = strings.Repeat("0", 16-len(id)) + id
		return "00000000-0000-0000-" + id[:4] + "-" + id[4:]
	}
	return id
}

var shortID = regexp.MustCompile(`^[0-9a-f]{1,16}$`)
