package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Kind classifies an Error, so that a host can choose its own message.
type Kind int

// The kinds.
const (
	KindInternal      Kind = iota // the library's or the host's fault
	KindConfiguration             // the connection, or the host's set-up, cannot work
	KindNoConnection              // nobody's domain, or an unknown connection
	KindDisabled                  // switched off: for all, for this application or organization, or since the sign-in began
	KindFlow                      // nobody asked for this answer: state missing, expired, already used, or of another browser
	KindToken                     // the answer was refused: a check of the token failed
	KindProvider                  // Entra said no; errors.As finds the *ProviderError
	KindRefused                   // the person may not; of a sign-in errors.As may find the *provisioning.Refused (not with ErrGroupRequired), of Assign the *provisioning.ActError
	KindVerify                    // mail a one-time code to the address, then begin again with BeginOptions.VerifiedAddress; *provisioning.Refused inside
	KindUnavailable               // network, provider or a store: trying again may help
	KindLimited                   // the host's limiter
	KindConsented                 // no failure: an administrator consented, and Again leads to the sign-in; errors.As finds the *ConsentReport
	KindUseConnection             // AdmitLocal: the person has to sign in through ConnectionID, and Again says how
	KindTested                    // no failure: a test sign-in went the whole way; errors.As finds the *TestReport
)

var kindNames = [...]string{"internal", "configuration", "no_connection", "disabled", "flow", "token", "provider", "refused", "verify", "unavailable", "limited", "consented", "use_connection", "tested"}

// String returns the kind as a word for logs and metrics.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// MarshalText is String, so that JSON holds the word.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return errors.New("entra: unknown kind of error")
	}
	*k = Kind(i)
	return nil
}

// Error is what a Service answers with when it cannot do what was asked: Begin, BeginByAddress, BeginTest, Finish, Refresh, Recheck, SignOut, MayEnter,
// AdmitLocal and the rest return no other, and OnError is given it. Its text is for logs; Public is for people. Match by Kind, and the cause with errors.As.
type Error struct {
	Kind   Kind
	Public string        // safe to show; says what to do
	Mender aadsts.Mender // who can mend it
	Retry  bool          // beginning once more may help
	// Again, when set, is what to Begin once more with, at ConnectionID: Entra asked for more (a claims challenge), and the
	// options hold it beside everything that this sign-in was begun with. Or, with KindFlow, nobody had asked for the answer, and the connection
	// allows provider-initiated sign-in: there was no sign-in, so the host adds its application. The handlers do so by themselves, except for Again.AdminConsent: an
	// administrator's consent is missing, and the host decides whom to send for it.
	Again        *BeginOptions
	ConnectionID string // "" when it is not known
	ReturnTo     string // of the sign-in, "" when there was none
	Attempt      string // the attempt's id, on the page and in the log
	Err          error  // the cause
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "entra: " + e.Kind.String()
	}
	return fmt.Sprintf("entra: %s: %v", e.Kind, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// textOf says per kind what a person reads, who mends it and whether another try may help.
var textOf = [...]struct {
	public string
	mender aadsts.Mender
	retry  bool
}{
	KindInternal:      {"Something went wrong on our side. Please try again; if it happens again, contact support with the number below.", aadsts.MenderHost, true},
	KindConfiguration: {"This sign-in is not set up correctly. Please tell your administrator.", aadsts.MenderAppOwner, false},
	KindNoConnection:  {"There is no single sign-on for this address. Check the spelling, or sign in another way.", aadsts.MenderUser, false},
	KindDisabled:      {"This way to sign in is switched off. Please ask your administrator, or sign in another way.", aadsts.MenderAppOwner, false},
	KindFlow:          {"This sign-in has expired, was already used, or was begun in another browser. Please sign in again.", aadsts.MenderUser, true},
	KindToken:         {"We could not verify the answer of your organization's sign-in page, so you were not signed in. Please try again; if it happens again, tell your administrator.", aadsts.MenderAppOwner, true},
	KindProvider:      {"Your organization's sign-in page reported a problem.", aadsts.MenderTenantAdmin, false},
	KindRefused:       {"You cannot be signed in with this account. Please ask your administrator.", aadsts.MenderTenantAdmin, false},
	KindVerify:        {"An account with your address exists already. Verify the address to go on.", aadsts.MenderUser, false},
	KindUnavailable:   {"The sign-in could not be completed because a service did not answer. Please try again in a moment.", aadsts.MenderHost, true},
	KindLimited:       {"Too many attempts. Please wait a moment and try again.", aadsts.MenderUser, true},
	KindConsented:     {"The permissions were granted. Please sign in to go on.", aadsts.MenderUser, true},
	KindUseConnection: {"Please sign in through your organization's sign-in page.", aadsts.MenderUser, false},
	KindTested:        {"The test went the whole way. It signed nobody in, and nothing was written.", aadsts.MenderUser, false},
}

// NewError returns an error of a kind with the kind's own text. Protocols use it for what they refuse.
func NewError(k Kind, cause error) *Error {
	if k < 0 || int(k) >= len(textOf) {
		k = KindInternal
	}
	t := textOf[k]
	return &Error{Kind: k, Public: t.public, Mender: t.mender, Retry: t.retry, Err: cause}
}

// asError turns whatever a driver, a store or the provisioner answered into what leaves the Service.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		c := *e
		if c.Public == "" {
			c.Public, c.Mender, c.Retry = textOf[c.Kind].public, textOf[c.Kind].mender, textOf[c.Kind].retry
		}
		return &c
	}
	var provider *ProviderError
	if errors.As(err, &provider) {
		e = NewError(KindProvider, err)
		e.Public, e.Mender, e.Retry = provider.Public(), provider.Mender, provider.Retry || provider.SignInAgain()
		switch {
		case provider.Claims != "":
			e.Again = &BeginOptions{Claims: provider.Claims}
		case provider.NeedsConsent():
			e.Again = &BeginOptions{AdminConsent: true}
		}
		return e
	}
	var refused *provisioning.Refused
	if errors.As(err, &refused) {
		if refused.Decision.Action == provisioning.ActionVerify {
			return NewError(KindVerify, err)
		}
		e = NewError(KindRefused, err)
		if text, ok := refusalText[refused.Decision.Reason]; ok {
			e.Public = text
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		e = NewError(KindUnavailable, err)
		e.Mender = aadsts.MenderUser // whoever asked went away
		return e
	}
	return NewError(KindUnavailable, err)
}

// fail makes what leaves the Service of err, with a line in the log. nil stays nil.
func (s *Service) fail(ctx context.Context, step, attempt string, f *flow, err error) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	e.Attempt = attempt
	if f != nil {
		e.ConnectionID, e.ReturnTo = f.Connection, f.ReturnTo
		e.Again = f.again(e.Again)
	}
	switch e.Kind {
	case KindConsented:
		s.log.InfoContext(ctx, "consent came back", "attempt", attempt, "connection", e.ConnectionID)
		return e
	case KindTested:
		s.log.InfoContext(ctx, "test sign-in came back", "attempt", attempt, "connection", e.ConnectionID)
		return e
	}
	s.log.WarnContext(ctx, "sign-in failed", "step", step, "attempt", attempt, "connection", e.ConnectionID, "kind", e.Kind.String(), "error", e.Err)
	return e
}
