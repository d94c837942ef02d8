package entra

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A flow is one sign-in between its begin and its finish. It is sealed; it lies in the browser's cookie, or in the FlowStore
// while the cookie holds a random value whose hash is sealed inside. So state is single use, and bound to the browser, the
// connection and the callback (RFC 9700 section 2.1 and 4.7).
type flow struct {
	ID           string            `json:"i"`           // goes into the replay store when a flow that is a cookie is consumed
	State        string            `json:"s"`           // the value that went to the provider
	Cookie       string            `json:"k,omitempty"` // with a FlowStore: hash of the cookie's value
	Connection   string            `json:"c"`
	Binding      string            `json:"b"` // what of the connection must not change midway
	Callback     string            `json:"u"`
	Application  string            `json:"a,omitempty"`
	Organization string            `json:"o,omitempty"`
	ByHomeRealm  bool              `json:"h,omitempty"`
	Test         bool              `json:"t,omitempty"`
	ReturnTo     string            `json:"r"`
	Data         []byte            `json:"d,omitempty"`
	ForceLogin   bool              `json:"f,omitempty"`
	MaxAge       time.Duration     `json:"m,omitempty"`
	Claims       string            `json:"q,omitempty"`
	Consent      bool              `json:"e,omitempty"` // asks for an administrator's consent, not for a sign-in
	Verified     string            `json:"v,omitempty"` // BeginOptions.VerifiedAddress
	Hints        map[string]string `json:"l,omitempty"` // those that the connection's aliases name
	Round        int               `json:"g,omitempty"` // how many sign-ins this one continues
	Driver       []byte            `json:"p,omitempty"`
	Attempt      string            `json:"n"`
	Begun        int64             `json:"y"` // Unix seconds
	Expires      int64             `json:"x"`
}

// What fits: browsers keep 4096 bytes of a cookie, name, value and attributes (RFC 6265 section 6.1).
const (
	maxCookie      = 3900 // name and value
	maxData        = 1024 // of BeginOptions.Data when the flow is the cookie
	maxDriverState = 512
	maxFlows       = 5 // open flows of one browser; the oldest go
	maxFlowBytes   = 6 << 10
)

// The refusals of a flow. They are told apart in logs, not to people.
var (
	errNoState   = errors.New("the answer carries no state")
	errNoFlow    = errors.New("this browser has not begun this sign-in, or it has expired")
	errFlowUsed  = errors.New("this sign-in was finished already")
	errFlowOther = errors.New("the answer came to another address than the one it was begun for")
)

// about is what a sealed flow is bound to beside its contents.
func (s *Service) about(strategy Strategy) []byte {
	return []byte("tenantdoor flow\x00" + s.cfg.Environment + "\x00" + string(strategy))
}

// depart seals f, and returns the cookie that carries it or its key.
func (s *Service) depart(ctx context.Context, strategy Strategy, f *flow) (*http.Cookie, error) {
	var value string
	if s.cfg.Flows != nil {
		value = rand.Text()
		f.Cookie = hash("cookie", value)
	}
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	sealed, err := s.cfg.Keys.Seal(ctx, plain, s.about(strategy))
	if err != nil {
		return nil, fmt.Errorf("sealing the flow: %w", err)
	}
	if s.cfg.Flows != nil {
		if err := s.cfg.Flows.Put(ctx, s.flowID(f.State), sealed, time.Unix(f.Expires, 0).UTC()); err != nil {
			return nil, fmt.Errorf("flow store: %w", err)
		}
	} else {
		value = base64.RawURLEncoding.EncodeToString(sealed)
	}
	c := s.cookie(s.cookiePrefix()+strconv.FormatInt(f.Begun, 36)+flowSuffix(f.State), value, s.cfg.FlowLifetime)
	if len(c.Name)+len(c.Value) > maxCookie {
		return nil, NewError(KindConfiguration, fmt.Errorf("the flow's cookie has %d bytes, at most %d fit: shorten return address and data, or set Config.Flows", len(c.Name)+len(c.Value), maxCookie))
	}
	return c, nil
}

// arrive finds the flow of an answer in the browser's cookies and opens it, but does not consume it yet. It is found by the
// state value alone; whether the answer may be believed is the driver's business.
func (s *Service) arrive(ctx context.Context, strategy Strategy, state string, cookies []*http.Cookie) (*flow, error) {
	if state == "" {
		return nil, NewError(KindFlow, errNoState)
	}
	values := s.flowCookies(state, cookies)
	if s.cfg.Flows != nil && len(values) > 0 {
		return s.take(ctx, strategy, state, values)
	}
	for _, value := range values {
		sealed, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			continue
		}
		f, err := s.open(ctx, strategy, state, sealed)
		if errors.Is(err, errNoFlow) {
			continue
		}
		return f, err
	}
	return nil, NewError(KindFlow, errNoFlow)
}

// flowCookies are the values of this flow's cookie: one, and what a sibling domain may have tossed at us under its name, of which few are looked at.
func (s *Service) flowCookies(state string, cookies []*http.Cookie) (values []string) {
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, s.cookiePrefix()) && strings.HasSuffix(c.Name, flowSuffix(state)) && len(values) < maxFlows {
			values = append(values, c.Value)
		}
	}
	return values
}

// take takes the flow out of the store, once, and believes it if one of the browser's cookies is the one that it was given.
func (s *Service) take(ctx context.Context, strategy Strategy, state string, values []string) (*flow, error) {
	sealed, err := s.cfg.Flows.Take(ctx, s.flowID(state))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, NewError(KindUnavailable, fmt.Errorf("flow store: %w", err))
	}
	f := new(flow)
	if err == nil {
		f, err = s.open(ctx, strategy, state, sealed)
	}
	if err != nil || !slices.ContainsFunc(values, func(v string) bool { return equal(f.Cookie, hash("cookie", v)) }) {
		return nil, NewError(KindFlow, errNoFlow)
	}
	return f, nil
}

// open reads a sealed flow.
func (s *Service) open(ctx context.Context, strategy Strategy, state string, sealed []byte) (*flow, error) {
	plain, err := s.cfg.Keys.Open(ctx, sealed, s.about(strategy))
	if err != nil {
		return nil, errNoFlow
	}
	f := new(flow)
	if err := json.Unmarshal(plain, f); err != nil {
		return nil, errNoFlow
	}
	if !equal(f.State, state) || !s.now().Before(time.Unix(f.Expires, 0)) {
		return nil, errNoFlow
	}
	return f, nil
}

// consume marks the flow as used, before anything is asked of the network: of any number of answers to it one goes on. One that was kept by a FlowStore was
// used up as it was taken.
func (s *Service) consume(ctx context.Context, f *flow) error {
	if s.cfg.Flows != nil {
		return nil
	}
	// The store keeps it a little longer than the flow lives, so that machines whose clocks differ agree.
	until := time.Unix(f.Expires, 0).Add(time.Minute).UTC()
	first, err := s.cfg.Replay.Remember(ctx, hash("flow", s.cfg.Environment, f.ID), until)
	if err != nil {
		return NewError(KindUnavailable, fmt.Errorf("replay store: %w", err))
	}
	if !first {
		return NewError(KindFlow, errFlowUsed)
	}
	return nil
}

// cookiePrefix: with "__Host-" no sibling domain and no plain-http page can set the cookie (RFC 6265bis section 4.1.3.2).
func (s *Service) cookiePrefix() string {
	if s.secure {
		return "__Host-td-"
	}
	return "td-"
}

// cookie makes a flow cookie. form_post and WS-Federation come back as cross-site POSTs, to which SameSite=Lax cookies are not added;
// on http loopback SameSite=None is not to be had, and provider and host are one site there.
func (s *Service) cookie(name, value string, life time.Duration) *http.Cookie {
	sameSite, age := http.SameSiteLaxMode, int(life/time.Second)
	if s.secure {
		sameSite = http.SameSiteNoneMode
	}
	if life <= 0 {
		age = -1
	}
	//nolint:gosec // G124: Secure is on but for http loopback, where a Secure cookie would never come back
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: sameSite, MaxAge: age}
}

// surplus returns deletions for the browser's oldest flow cookies, so that with one more of size bytes they are maxFlows at the most, and no more
// than maxFlowBytes together: servers refuse a Cookie header that is too long, and then nobody signs in. Their names begin with the time of their begin.
func (s *Service) surplus(cookies []*http.Cookie, size int) []*http.Cookie {
	var ours []*http.Cookie
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, s.cookiePrefix()) {
			ours = append(ours, c)
			size += len(c.Name) + len(c.Value)
		}
	}
	slices.SortFunc(ours, func(a, b *http.Cookie) int { return strings.Compare(a.Name, b.Name) })
	var drop []*http.Cookie
	for i, c := range ours {
		if len(ours)-i < maxFlows && size <= maxFlowBytes {
			break
		}
		size -= len(c.Name) + len(c.Value)
		drop = append(drop, s.cookie(c.Name, "", 0))
	}
	return drop
}

// spent returns deletions for the cookies of a state value.
func (s *Service) spent(state string, cookies []*http.Cookie) []*http.Cookie {
	var drop []*http.Cookie
	for _, c := range cookies {
		if state != "" && strings.HasPrefix(c.Name, s.cookiePrefix()) && strings.HasSuffix(c.Name, flowSuffix(state)) {
			drop = append(drop, s.cookie(c.Name, "", 0))
		}
	}
	return drop
}

// flowSuffix ties a cookie's name to its state without showing it.
func flowSuffix(state string) string { return "-" + hash("name", state)[:16] }

func (s *Service) flowID(state string) string { return hash("state", s.cfg.Environment, state) }

// hash returns 64 hex digits over parts that cannot run into each other.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// maxRounds bounds how often one sign-in leads to the next because Entra asks for more.
const maxRounds = 2

// again completes what Entra asked for by everything that this sign-in was begun with. Asked for too often it is nothing.
func (f *flow) again(more *BeginOptions) *BeginOptions {
	if more == nil || f.Test || f.Round >= maxRounds || f.Consent && more.AdminConsent {
		return nil
	}
	o := *more
	o.Application, o.Organization, o.ReturnTo, o.Data, o.Hints = f.Application, f.Organization, f.ReturnTo, f.Data, f.Hints
	o.Claims = mergeClaims(f.Claims, more.Claims)
	o.ForceLogin, o.MaxAge, o.VerifiedAddress = f.ForceLogin, f.MaxAge, f.Verified
	o.continues = &continued{round: f.Round + 1, byHomeRealm: f.ByHomeRealm}
	return &o
}
