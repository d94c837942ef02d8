package wsfed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Protocol plugs the relying party into an entra.Service. The zero value is ready.
type Protocol struct {
	// Metadata is the cache of federation metadata, to share between services; nil is one for each service.
	Metadata *Metadata
	// DecryptionKeys returns the keys for a connection's encrypted tokens, see Config.DecryptionKeys. They are the host's and not the
	// connection's: one pair can serve every customer, is renewed for all at once, and no copy of a private key lies among what
	// administrators edit. nil: encrypted tokens are refused. It is called by many goroutines at once; an error is KindUnavailable.
	DecryptionKeys func(context.Context, *entra.Connection) ([]tls.Certificate, error)
	// Provider returns what stands in for a connection's metadata, see Config.Provider: from ParseMetadata, for hosts that reach no provider.
	// Nil, the function or what it returns: the metadata is fetched. As DecryptionKeys it is called by many goroutines at once.
	Provider func(context.Context, *entra.Connection) (*Provider, error)
}

// Strategy is entra.WSFed.
func (Protocol) Strategy() entra.Strategy { return entra.WSFed }

// Open returns the driver.
func (p Protocol) Open(e entra.Env) (entra.Driver, error) {
	if e.Replay == nil {
		return nil, fmt.Errorf("%w: no replay store", ErrInvalid)
	}
	m := p.Metadata
	if m == nil {
		m = new(Metadata)
	}
	p.Metadata = m
	return &driver{own: p, env: e}, nil
}

var (
	_ entra.Protocol  = Protocol{}
	_ entra.Driver    = (*driver)(nil)
	_ entra.SignOuter = (*driver)(nil)
	_ entra.Diagnoser = (*driver)(nil)
	_ entra.Ender     = (*driver)(nil)
)

type driver struct {
	own Protocol // its Metadata is set
	env entra.Env
}

// open makes a relying party of a connection. It keeps nothing, so that a changed connection needs no invalidation, and it asks nobody
// but the host's functions: for decryption keys only where a token is to be read.
func (d *driver) open(ctx context.Context, t entra.Target, reads bool) (*RelyingParty, error) {
	if t.Cloud == (cloud.Cloud{}) { // entra names each connection's; what is missing here must not become the public one
		return nil, failure(entra.KindConfiguration, fmt.Errorf("%w: no cloud", ErrInvalid))
	}
	c := t.Connection
	var provider *Provider
	var keys []tls.Certificate
	var err error
	if d.own.Provider != nil {
		if provider, err = d.own.Provider(ctx, c); err != nil {
			return nil, failure(entra.KindUnavailable, fmt.Errorf("%w: provider: %w", ErrUnavailable, err))
		}
	}
	if d.own.DecryptionKeys != nil && reads {
		if keys, err = d.own.DecryptionKeys(ctx, c); err != nil {
			return nil, failure(entra.KindUnavailable, fmt.Errorf("%w: decryption keys: %w", ErrUnavailable, err))
		}
	}
	signers, err := c.MetadataCertificates()
	if err != nil {
		return nil, failure(entra.KindConfiguration, fmt.Errorf("%w: metadata signers: %w", ErrInvalid, err))
	}
	config := Config{
		Realm:           c.WTRealm(),
		Reply:           t.CallbackURL,
		Cloud:           t.Cloud,
		AppID:           c.ClientID,
		SubjectClaim:    c.SubjectClaim,
		MetadataURL:     c.MetadataURL,
		Issuer:          c.Issuer,
		MetadataSigners: signers,
		Provider:        provider,
		Metadata:        d.own.Metadata,
		DecryptionKeys:  keys,
		Replay:          d.env.Replay,
		HTTPClient:      d.env.HTTPClient,
		Now:             d.env.Now,

		InsecureMutableSubject:   c.InsecureMutableSubject,
		InsecureSHA1:             c.InsecureSHA1,
		AllowMissingConfirmation: c.AllowMissingConfirmation,
		AllowCarriageReturns:     c.AllowCarriageReturns,
	}
	switch {
	case c.UseCommonEndpoint:
		config.AllowedTenants, config.AnyTenant = c.AdmittedTenants(), c.AnyTenant
	case c.SubjectClaim == "":
		config.Tenant = c.Tenant()
	}
	p, err := New(config)
	if err != nil {
		return nil, failure(entra.KindConfiguration, err)
	}
	return p, nil
}

// Begin implements entra.Driver. Its state is the time of the request: the rest of a Pending entra keeps itself.
func (d *driver) Begin(ctx context.Context, q entra.BeginRequest) (string, []byte, error) {
	if q.Options.Claims != "" {
		return "", nil, failure(entra.KindConfiguration, fmt.Errorf("%w: a claims challenge cannot be asked for over WS-Federation", ErrInvalid))
	}
	p, err := d.open(ctx, q.Target, false)
	if err != nil {
		return "", nil, err
	}
	address, pending, err := p.SignIn(ctx, SignInRequest{
		Context: q.State, Params: q.Params, ForceLogin: q.Options.ForceLogin, MaxAge: q.Options.MaxAge,
	})
	if err != nil {
		return "", nil, asEntraError(err, entra.KindConfiguration)
	}
	return address, []byte(pending.Begun.UTC().Format(time.RFC3339)), nil
}

// Receive implements entra.Driver.
func (d *driver) Receive(a *entra.Arrival) (entra.Receipt, error) {
	m, err := ParseMessage(a.Method, a.Query, a.Form)
	if err != nil {
		return entra.Receipt{}, asEntraError(err, entra.KindToken)
	}
	if m.Action == ActionSignOutCleanup {
		return entra.Receipt{SignOut: &entra.SignOutNotice{}}, nil
	}
	if m.Context == "" {
		return entra.Receipt{Realm: realmHint([]byte(m.Result))}, nil
	}
	return entra.Receipt{State: m.Context}, nil
}

// Finish implements entra.Driver. WS-Federation yields no token to call Graph with.
func (d *driver) Finish(ctx context.Context, q entra.FinishRequest) (*claims.Identity, *credential.Token, error) {
	p, err := d.open(ctx, q.Target, true)
	if err != nil {
		return nil, nil, err
	}
	begun, err := time.Parse(time.RFC3339, string(q.ProtocolState))
	if err != nil {
		return nil, nil, asEntraError(refuse(CheckIssued, "it is not known when the sign-in began"), entra.KindToken)
	}
	pending := &Pending{Context: q.State, ForceLogin: q.Options.ForceLogin, MaxAge: q.Options.MaxAge, Begun: begun}
	identity, err := p.verifyMessage(ctx, q.Arrival.Method, q.Arrival.Query, q.Arrival.Form, pending)
	if err != nil {
		return nil, nil, asEntraError(err, entra.KindToken)
	}
	return identity, nil, nil
}

// SignOut implements entra.SignOuter.
func (d *driver) SignOut(ctx context.Context, t entra.Target, o entra.SignOutOptions) (string, error) {
	p, err := d.open(ctx, t, false)
	if err != nil {
		return "", err
	}
	address, err := p.SignOut(ctx, SignOutRequest{ReturnTo: o.ReturnTo})
	if err != nil {
		return "", asEntraError(err, entra.KindConfiguration)
	}
	return address, nil
}

// Diagnose implements entra.Diagnoser: the configuration, the metadata, whether the one fits the other, and what ends soon.
func (d *driver) Diagnose(ctx context.Context, t entra.Target) entra.Findings {
	found := func(field string, err error, fix string, mender aadsts.Mender) entra.Findings {
		return entra.Findings{{ConnectionID: t.Connection.ID, Field: field, Problem: err.Error(), Fix: fix, Mender: mender, Severity: entra.SeverityError}}
	}
	p, err := d.open(ctx, t, true)
	if err != nil {
		return found("", errors.Unwrap(err), "Complete the connection's fields.", aadsts.MenderAppOwner)
	}
	provider, err := p.provider(ctx)
	if err != nil {
		return found("metadata_url", err, "Check tenant, cloud and metadata address, and that this server can reach it.", aadsts.MenderAppOwner)
	}
	if _, err := p.rule(provider); err != nil {
		return found("metadata_url", err, "Check that the metadata address belongs to the tenant or provider of this connection.", aadsts.MenderAppOwner)
	}
	warnings, err := endings(ctx, p, t, warnBefore)
	if err != nil {
		return found("metadata_url", err, "Check the metadata address once more.", aadsts.MenderAppOwner)
	}
	return warnings
}

// Endings implements entra.Ender.
func (d *driver) Endings(ctx context.Context, t entra.Target, within time.Duration) (entra.Findings, error) {
	p, err := d.open(ctx, t, true)
	if err != nil {
		return nil, err
	}
	found, err := endings(ctx, p, t, within)
	if err != nil {
		return nil, asEntraError(err, entra.KindUnavailable)
	}
	return found, nil
}

func endings(ctx context.Context, p *RelyingParty, t entra.Target, within time.Duration) (entra.Findings, error) {
	ends, err := p.Expiries(ctx, within)
	if err != nil {
		return nil, err
	}
	var warnings entra.Findings
	for _, e := range ends {
		w := expiryText[e.Of]
		warnings = append(warnings, entra.Finding{
			ConnectionID: t.Connection.ID, Field: w.field, Problem: w.problem + " on " + e.At.UTC().Format(time.DateOnly),
			Fix: w.fix, Mender: w.mender, Severity: entra.SeverityWarning,
		})
	}
	return warnings, nil
}

// warnBefore leaves time for a change at a customer's.
const warnBefore = 30 * 24 * time.Hour

var expiryText = map[Expiring]struct {
	field, problem, fix string
	mender              aadsts.Mender
}{
	ExpiringMetadata:      {"metadata_url", "the provider's metadata ends", "have the provider publish a newer document", aadsts.MenderTenantAdmin},
	ExpiringSigningKeys:   {"metadata_url", "the last of the provider's signing certificates ends", "see that the provider renews it, and that its metadata shows the new one before it signs with it", aadsts.MenderTenantAdmin},
	ExpiringDecryptionKey: {"", "the certificate that tokens are encrypted with ends", "put a new decryption key in front of the old one, and hand its certificate to the provider", aadsts.MenderHost},
}

func failure(kind entra.Kind, err error) *entra.Error { return entra.NewError(kind, err) }

// asEntraError says to the host what kind of trouble an error is, and to the person what to do. An error of no other kind is of kind other.
func asEntraError(err error, other entra.Kind) error {
	var refused *VerificationError
	switch {
	case errors.Is(err, ErrUnavailable):
		return failure(entra.KindUnavailable, err)
	case errors.Is(err, ErrMetadata):
		return failure(entra.KindConfiguration, err)
	case !errors.As(err, &refused):
		return failure(other, err)
	}
	e := failure(entra.KindToken, err)
	if text, ok := advice[refused.Check]; ok {
		e.Public, e.Mender, e.Retry = text.public, text.mender, text.retry
	}
	return e
}

// advice says more than "try again" where more is known.
var advice = map[Check]struct {
	public string
	mender aadsts.Mender
	retry  bool
}{
	CheckMessage:     {"The answer of your organization's sign-in page was incomplete. Please sign in again.", aadsts.MenderUser, true},
	CheckReplay:      {"This answer has been used already, for example by going back in the browser. Please sign in again.", aadsts.MenderUser, true},
	CheckExpired:     {"The sign-in took too long and has expired. Please sign in again.", aadsts.MenderUser, true},
	CheckNotYetValid: {"The clocks of this service and of your organization's sign-in page differ. Please tell your administrator.", aadsts.MenderHost, true},
	CheckAudience:    {"Your organization's sign-in page answered for another application. Please tell your administrator to compare the connection's realm with the application's identifier.", aadsts.MenderAppOwner, false},
	CheckIssuer:      {"The answer came from another organization than the one that was expected. Please use your work account, or tell your administrator.", aadsts.MenderUser, true},
	CheckTenant:      {"Your account belongs to an organization that may not sign in here. Please use another account, or ask your administrator.", aadsts.MenderUser, true},
	CheckFreshness:   {"You need to sign in again with your password or another factor. Please sign out at your organization's sign-in page and try again.", aadsts.MenderUser, true},
	CheckIssued:      {"This answer belongs to an earlier sign-in. Please sign in again.", aadsts.MenderUser, true},
	CheckEncrypted:   {"The answer of your organization's sign-in page is encrypted, and could not be opened here. Please tell your administrator to compare the encryption certificate of this application, or to switch token encryption off.", aadsts.MenderAppOwner, false},
	CheckEnvelope:    {"Your organization's sign-in page did not send a sign-in. Please try again; if it happens again, tell your administrator.", aadsts.MenderTenantAdmin, true},
	CheckClaims:      {"The answer of your organization's sign-in page lacks what identifies you. Please tell your administrator.", aadsts.MenderTenantAdmin, false},
}
