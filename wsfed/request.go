package wsfed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// SignInRequest of one sign-in.
type SignInRequest struct {
	// Context is the wctx, which comes back with the answer: random (128 bits or more), used once, bound to the browser. Required.
	Context string
	// Params are further parameters. These names of OpenID Connect are translated, all others go as they are:
	//
	//	login_hint    login_hint; username where the provider is not Entra
	//	domain_hint   whr
	//	prompt        wfresh=0 for "login"; other values have no counterpart and are left out
	//	max_age       wfresh, seconds becoming whole minutes
	//
	// They are hints: only what ForceLogin and MaxAge demand is checked in the answer. Each has one value of at most 512 bytes
	// on one line. The protocol's own names are refused.
	Params url.Values
	// ForceLogin demands that the person proves who they are again, after this request. VerifyRequest and VerifyForm refuse a token that does not say so.
	ForceLogin bool
	// MaxAge, when not 0, demands it where the last proof is older than this, counted back from this request. In the request providers count in minutes:
	// what is left over is cut off there.
	MaxAge time.Duration
}

// SignIn returns the address to send the browser to, and what VerifyRequest or VerifyForm will need. The endpoint is that of the provider's metadata. The
// error wraps ErrInvalid where q cannot be sent, and ErrUnavailable or ErrMetadata as that of Verify does.
func (p *RelyingParty) SignIn(ctx context.Context, q SignInRequest) (string, *Pending, error) {
	if q.Context == "" {
		return "", nil, fmt.Errorf("%w: sign-in request without a Context: the answer could not be bound to this browser", ErrInvalid)
	}
	params, err := p.translate(q)
	if err != nil {
		return "", nil, fmt.Errorf("%w: sign-in request: %w", ErrInvalid, err)
	}
	pending := &Pending{Context: q.Context, ForceLogin: q.ForceLogin, MaxAge: q.MaxAge, Begun: p.c.Now()}
	address, err := p.address(ctx, params, url.Values{
		"wa":      {ActionSignIn},
		"wtrealm": {p.c.Realm},
		"wreply":  {p.c.Reply},
		"wctx":    {pending.Context},
		"wct":     {pending.Begun.UTC().Format("2006-01-02T15:04:05Z")},
	})
	if err != nil {
		return "", nil, err
	}
	return address, pending, nil
}

// SignOutRequest asks for the address of a sign-out.
type SignOutRequest struct {
	// ReturnTo is where the provider sends the browser afterwards: absolute, https or loopback, registered with the provider. "" ends at the
	// provider's own page.
	ReturnTo string
}

// SignOut returns where to send the browser to sign out at the provider, after the host has ended its own session. For the errors see SignIn.
func (p *RelyingParty) SignOut(ctx context.Context, q SignOutRequest) (string, error) {
	own := url.Values{"wa": {ActionSignOut}, "wtrealm": {p.c.Realm}}
	if q.ReturnTo != "" {
		if _, err := outbound.CheckURL(q.ReturnTo); err != nil {
			return "", fmt.Errorf("%w: return address of a sign-out: %w", ErrInvalid, err)
		}
		own.Set("wreply", q.ReturnTo)
	}
	return p.address(ctx, nil, own)
}

// translate turns parameters in OpenID Connect's names, and the demands, into WS-Federation's.
func (p *RelyingParty) translate(q SignInRequest) (url.Values, error) {
	out := url.Values{}
	for name, values := range q.Params {
		if name == "" || len(values) != 1 || !oneLine(values[0]) {
			return nil, fmt.Errorf("parameter %s needs a name and one value, on one line of at most 512 bytes", quote(name))
		}
		name, value, err := p.translateOne(name, values[0])
		if err != nil {
			return nil, err
		}
		switch {
		case name == "": // without a counterpart
			continue
		case name == "wfresh" && out.Has(name): // prompt and max_age together: the stricter one
			value = fewerMinutes(value, out.Get(name))
		case out.Has(name):
			return nil, fmt.Errorf("two parameters become %s", quote(name))
		}
		out.Set(name, value)
	}
	minutes := strconv.FormatInt(int64(q.MaxAge/time.Minute), 10)
	switch {
	case q.MaxAge < 0:
		return nil, errors.New("MaxAge is negative")
	case q.ForceLogin:
		out.Set("wfresh", "0")
	case q.MaxAge > 0 && out.Has("wfresh"):
		out.Set("wfresh", fewerMinutes(minutes, out.Get("wfresh")))
	case q.MaxAge > 0:
		out.Set("wfresh", minutes)
	}
	return out, nil
}

func (p *RelyingParty) translateOne(name, value string) (string, string, error) {
	switch strings.ToLower(name) {
	case "login_hint":
		if p.authority.entra {
			return "login_hint", value, nil
		}
		return "username", value, nil // https://learn.microsoft.com/windows-server/identity/ad-fs/technical-reference/ad-fs-2.0-passive-requests
	case "domain_hint":
		return "whr", value, nil
	case "prompt":
		if strings.Contains(" "+value+" ", " login ") {
			return "wfresh", "0", nil
		}
		return "", "", nil
	case "max_age":
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return "", "", errors.New("max_age is not a number of seconds")
		}
		return "wfresh", strconv.FormatUint(seconds/60, 10), nil
	}
	return name, value, nil
}

// fewerMinutes returns the smaller of two numbers; what is not a number loses.
func fewerMinutes(a, b string) string {
	x, errX := strconv.ParseUint(a, 10, 31)
	y, errY := strconv.ParseUint(b, 10, 31)
	if errX == nil && (errY != nil || x <= y) {
		return a
	}
	return b
}

// address puts a request together, and then looks once more at the address that came out: each parameter is there once, in whatever case it
// is written, and those of the protocol are ours.
func (p *RelyingParty) address(ctx context.Context, params, own url.Values) (string, error) {
	provider, err := p.provider(ctx)
	if err != nil {
		return "", err
	}
	if _, err := p.rule(provider); err != nil {
		return "", err // nobody could come back from there
	}
	u, err := outbound.CheckURL(provider.SignInURL)
	if err != nil {
		return "", fmt.Errorf("%w: passive endpoint: %w", ErrMetadata, err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", fmt.Errorf("%w: passive endpoint: malformed query", ErrMetadata)
	}
	for _, more := range []url.Values{params, own} {
		for name, values := range more {
			query[name] = append(query[name], values...)
		}
	}
	u.RawQuery = query.Encode()
	if err := checkAddress(u, own); err != nil {
		return "", fmt.Errorf("%w: request: %w", ErrInvalid, err)
	}
	return u.String(), nil
}

func checkAddress(u *url.URL, own url.Values) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("malformed query")
	}
	seen := map[string]bool{}
	for name, values := range query {
		lower := strings.ToLower(name)
		switch {
		case seen[lower] || len(values) != 1:
			return fmt.Errorf("the parameter %s is there twice", quote(name))
		case entra.Reserved(name) && (!own.Has(name) || own.Get(name) != values[0]):
			return fmt.Errorf("the parameter %s is reserved", quote(name))
		}
		seen[lower] = true
	}
	for name := range own {
		if !seen[name] {
			return fmt.Errorf("the parameter %s is lost", quote(name))
		}
	}
	return nil
}

// oneLine reports whether v is at most 512 bytes of UTF-8 without control characters.
func oneLine(v string) bool {
	return len(v) <= 512 && utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 })
}
