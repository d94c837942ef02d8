package credential

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
	// maxKept bounds the number of kept tokens: one per tenant and scope that the application speaks for.
	maxKept = 4096
	// early is how long before its end a kept token is no longer handed out, or half its life if that is shorter.
	early = 5 * time.Minute
)

// cacheKey keeps apart what must not share a token. A token is handed only to whoever holds the credential that got it.
type cacheKey struct {
	login, tenant, client, form string
	credential                  any // comparable
}

type keptToken struct {
	token Token
	until time.Time
}

// call is a request for an app-only token that is on its way.
type call struct {
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// AppToken returns an app-only token (client credentials), kept until shortly before it expires. Simultaneous callers
// share one request, which no single caller's context ends; each stops waiting when its own does.
// Failures are not kept. Tenant must name one tenant. Errors are those of Token.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (e *Endpoint) AppToken(ctx context.Context, q Request) (*Token, error) {
	q, err := appRequest(q)
	if err != nil {
		return nil, err
	}
	key, ok := keyOf(q)
	if !ok {
		return e.Token(ctx, q)
	}
	t, c := e.keptOrCall(ctx, key, q)
	if t != nil {
		return t, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
	}
	if c.err != nil {
		return nil, c.err
	}
	token := c.token // each caller its own
	return &token, nil
}

// keptOrCall returns a kept token, or the one call for it, begun here if there was none.
func (e *Endpoint) keptOrCall(ctx context.Context, key cacheKey, q Request) (*Token, *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if kept, ok := e.kept[key]; ok && e.now().Before(kept.until) {
		return &kept.token, nil
	}
	c := e.calls[key]
	if c == nil {
		c = &call{done: make(chan struct{})}
		if e.calls == nil {
			e.calls = map[cacheKey]*call{}
		}
		e.calls[key] = c
		go e.run(context.WithoutCancel(ctx), key, q, c)
	}
	return nil, c
}

// run makes the call; its own timeout ends it.
func (e *Endpoint) run(ctx context.Context, key cacheKey, q Request, c *call) {
	ctx, cancel := context.WithTimeout(ctx, 2*outbound.Timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil { // of the host's Credential: outside of its handlers it would end the process
			c.err = fmt.Errorf("credential: panic of type %T while asking for a token", r)
		}
		e.mu.Lock()
		delete(e.calls, key)
		if c.err == nil {
			e.keep(key, c.token)
		}
		e.mu.Unlock()
		close(c.done)
	}()
	t, err := e.Token(ctx, q)
	if err != nil {
		c.err = err
		return
	}
	c.token = *t
}

// keep stores a token that lives long enough. The caller holds the lock.
func (e *Endpoint) keep(key cacheKey, t Token) {
	now := e.now()
	life := t.Expires.Sub(now)
	if life <= 0 { // also where the endpoint did not say
		return
	}
	if e.kept == nil {
		e.kept = map[cacheKey]keptToken{}
	}
	if len(e.kept) >= maxKept {
		e.makeRoom(now)
	}
	e.kept[key] = keptToken{token: t, until: t.Expires.Add(-min(early, life/2))}
}

// makeRoom drops what has ended, else any one token: it costs one request to get it again.
func (e *Endpoint) makeRoom(now time.Time) {
	maps.DeleteFunc(e.kept, func(_ cacheKey, k keptToken) bool { return !now.Before(k.until) })
	for key := range e.kept {
		if len(e.kept) < maxKept {
			return
		}
		delete(e.kept, key)
	}
}

// ForgetAppToken drops a kept token, for a caller whose token was answered with 401.
func (e *Endpoint) ForgetAppToken(q Request) {
	q, err := appRequest(q)
	if err != nil {
		return
	}
	if key, ok := keyOf(q); ok {
		e.mu.Lock()
		delete(e.kept, key)
		e.mu.Unlock()
	}
}

func appRequest(q Request) (Request, error) {
	switch {
	case !cloud.IsTenant(q.Tenant) || cloud.IsShared(q.Tenant):
		return q, errors.New("credential: an app-only token needs one tenant, by GUID or domain")
	case q.Form.Get("scope") == "":
		return q, errors.New("credential: an app-only token needs a scope")
	case q.Form.Has("grant_type") && q.Form.Get("grant_type") != "client_credentials":
		return q, errors.New("credential: an app-only token is asked for by client credentials")
	}
	form := maps.Clone(q.Form)
	form["grant_type"] = []string{"client_credentials"}
	q.Form = form
	return q, nil
}

// keyOf is false for a credential that cannot be told from others: its tokens are not kept.
func keyOf(q Request) (cacheKey, bool) {
	key := cacheKey{login: q.Cloud.Login, tenant: q.Tenant, client: q.ClientID, form: q.Form.Encode()}
	switch c := q.Credential.(type) {
	case interface{ identity() any }:
		key.credential = c.identity()
	case nil:
		return key, false
	default:
		if reflect.TypeOf(c).Kind() != reflect.Pointer { // a value may hold what == compares too generously, or panics on
			return key, false
		}
		key.credential = c
	}
	return key, true
}
