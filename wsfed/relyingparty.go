package wsfed

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Config of a RelyingParty. Who may sign people in is said in one of three ways:
//
//   - one Entra tenant: Tenant;
//   - several Entra tenants: AllowedTenants or AnyTenant, Tenant empty;
//   - AD FS, or another provider that is not Entra: SubjectClaim, with MetadataURL or Provider.
type Config struct {
	// Realm is the wtrealm: the relying party's identifier at the provider. The token's audience must equal it, byte for byte. Required.
	Realm string
	// Reply is the wreply: the absolute address to which the browser posts the answer, registered with the provider. Required.
	Reply string

	// Cloud is the Microsoft cloud of the tenant; the zero value is the public one.
	Cloud cloud.Cloud
	// Tenant is the one Entra tenant that may sign people in: a GUID, or a domain verified in it.
	Tenant string
	// AllowedTenants are the GUIDs of the Entra tenants that may, when there are several.
	AllowedTenants []string
	// AnyTenant lets people of any work tenant in. The tenant of personal accounts must be named in AllowedTenants all the same.
	AnyTenant bool
	// AppID is sent with the metadata request, because an application can have signing keys of its own; "" takes it from a Realm of the form spn:{id}.
	AppID string

	// SubjectClaim says that the provider is not Entra, and which claim identifies a person for good there. Entra's tenant
	// and object ids are then not read. The name identifier is NameIdentifierClaim.
	SubjectClaim string
	// InsecureMutableSubject accepts a SubjectClaim whose values are given to other people over time (UPN, email
	// address, name). Whoever sets it must make sure that the provider never reuses one.
	InsecureMutableSubject bool

	// MetadataURL is the address of the federation metadata; "" derives it from Cloud and Tenant.
	MetadataURL string
	// Issuer is the expected issuer; for Entra it may hold {tenantid}. "" takes it from Cloud, else from the metadata.
	Issuer string
	// Provider stands in for federation metadata, for a host without a network: ParseMetadata reads it from bytes, which os.ReadFile reads from a file. Then
	// nothing is ever fetched, and when the provider renews its keys the document must be handed in anew: see Expiries.
	Provider *Provider
	// MetadataSigners, when set, are the certificates of the keys that may sign the metadata document; an unsigned one is then refused. Without
	// it the trust in a document is that of the TLS connection it came over.
	MetadataSigners []*x509.Certificate
	// Metadata is the cache of federation metadata, shared between relying parties. Nil is one of its own.
	Metadata *Metadata

	// DecryptionKeys, when set, open encrypted tokens: RSA keys of 2048 bits or more with their certificates, at most 8, as
	// tls.LoadX509KeyPair reads them. The first is the one to encrypt with, which MetadataDocument publishes; the others are from before it. To rotate, put the
	// new one in front, hand the provider its certificate, and drop the old one when no token is encrypted with it any more. A token in clear
	// is accepted all the same: what counts is its signature. Of the ways to encrypt, prefer AES-GCM: AES-CBC can be altered on its way.
	DecryptionKeys []tls.Certificate

	// Replay remembers the assertions that were used. Required.
	Replay entra.ReplayStore
	// HTTPClient fetches metadata. Nil is a client that refuses private and loopback addresses.
	HTTPClient *http.Client
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Skew is how far the clocks of provider and relying party may differ. 0 is DefaultSkew; negative is none at all.
	Skew time.Duration

	// InsecureSHA1 accepts signatures and digests over SHA-1, for AD FS that cannot be set to SHA-256.
	// SHA-1 collisions are practical: whoever can have the provider sign chosen claims may forge others.
	InsecureSHA1 bool
	// AllowMissingConfirmation accepts SAML 1.1 statements without a SubjectConfirmation, as SimpleSAMLphp sends them.
	AllowMissingConfirmation bool
	// AllowCarriageReturns gives a token whose signature does not hold one more chance, with each raw CR LF inside a value read as
	// the &#xD; LF that AD FS signed.
	AllowCarriageReturns bool
}

// DefaultSkew is the clock difference that is tolerated by default.
const DefaultSkew = 5 * time.Minute

// NameIdentifierClaim as SubjectClaim is the assertion's name identifier.
const NameIdentifierClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"

// RelyingParty makes WS-Federation requests and verifies the answers. It is safe for concurrent use.
type RelyingParty struct {
	c         Config
	authority authority
}

// New returns a RelyingParty, or an error that wraps ErrInvalid and names everything that keeps c from verifying a token. It uses no network.
func New(c Config) (*RelyingParty, error) {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if c.Cloud == (cloud.Cloud{}) {
		c.Cloud = cloud.Public()
	}
	if c.Realm == "" {
		problem("Realm is missing: nothing could be compared with a token's audience")
	}
	if u, err := url.Parse(c.Reply); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
		problem("Reply must be an absolute http or https URL without a fragment")
	}
	if c.Replay == nil {
		problem("Replay is missing: an assertion could be used twice")
	}
	if c.Metadata == nil {
		c.Metadata = new(Metadata)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case c.Skew == 0:
		c.Skew = DefaultSkew
	case c.Skew < 0:
		c.Skew = 0
	}
	if err := checkDecryptionKeys(c.DecryptionKeys); err != nil {
		problem("DecryptionKeys: %w", err)
	}
	a, err := newAuthority(c)
	if err != nil {
		problems = append(problems, err)
	}
	switch {
	case c.Provider != nil:
		if err := checkProvider(c.Provider); err != nil {
			problem("Provider: %w", err)
		} else if _, err := a.rule(c.Provider); err != nil {
			problem("Provider: %w", err)
		}
	case c.MetadataURL == "":
		c.MetadataURL = a.metadataURL(c)
	}
	if c.MetadataURL != "" {
		if _, err := outbound.CheckURL(c.MetadataURL); err != nil {
			problem("MetadataURL: %w", err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.DecryptionKeys = slices.Clone(c.DecryptionKeys)
	if c.Provider != nil {
		own := *c.Provider
		own.Certificates = slices.Clone(own.Certificates)
		c.Provider = &own
	}
	return &RelyingParty{c: c, authority: *a}, nil
}

// Option is a demand on the token, for who calls Verify or VerifyToken. VerifyRequest and VerifyForm make these demands themselves, from the Pending.
type Option func(*demands)

type demands struct{ authenticated, issued time.Time }

// AuthenticatedSince demands that the person proved who they are at t or later (less Config.Skew, of which at most a minute counts), by the token's own word. It is
// how SignInRequest.ForceLogin and MaxAge are checked on return: t is the time of the request, less the maximum age.
func AuthenticatedSince(t time.Time) Option { return func(d *demands) { d.authenticated = t } }

// IssuedSince demands that the token was issued at t or later (less Config.Skew), by its own word: t is the time of the request that it answers.
// WS-Federation has no nonce, so nothing else ties a token to one sign-in: whoever holds another person's could bring it into a sign-in that they begin
// themselves, for as long as it is valid, were it unused or forgotten by the replay store. This ends that Config.Skew after the token was issued.
func IssuedSince(t time.Time) Option { return func(d *demands) { d.issued = t } }

// VerifyRequest verifies what a browser posted to the reply address: a form of at most 512 KB. pending is what SignIn returned for this very browser; the
// caller uses it no second time. It is all that is needed: wctx must come back unchanged, the token must be no older than the sign-in, and must say
// that ForceLogin and MaxAge were met. The error wraps ErrInvalid where pending is incomplete; else see Verify.
func (p *RelyingParty) VerifyRequest(r *http.Request, pending *Pending) (*claims.Identity, error) {
	a, err := entra.ReadArrival(r)
	if err != nil {
		return nil, &VerificationError{CheckMessage, errors.New("the request cannot be read: not a form, malformed or too large")}
	}
	return p.verifyMessage(r.Context(), a.Method, a.Query, a.Form, pending)
}

// VerifyForm verifies the fields of the posted form, of the body alone, as VerifyRequest does.
func (p *RelyingParty) VerifyForm(ctx context.Context, form url.Values, pending *Pending) (*claims.Identity, error) {
	return p.verifyMessage(ctx, http.MethodPost, nil, form, pending)
}

func (p *RelyingParty) verifyMessage(ctx context.Context, method string, query, form url.Values, pending *Pending) (*claims.Identity, error) {
	if err := pending.check(); err != nil {
		return nil, err
	}
	m, err := ParseMessage(method, query, form)
	if err != nil {
		return nil, err
	}
	if m.Action != ActionSignIn {
		return nil, refuse(CheckMessage, "the message is not the answer to a sign-in")
	}
	if subtle.ConstantTimeCompare([]byte(m.Context), []byte(pending.Context)) != 1 {
		return nil, refuse(CheckMessage, "wctx is not that of this sign-in")
	}
	return p.Verify(ctx, []byte(m.Result), pending.demands()...)
}

// Verify verifies a wresult: a RequestSecurityTokenResponse, or a collection of one. It knows of no sign-in, so it does not check that this browser asked
// for the answer: the caller has compared wctx, in constant time. Nor does it check that the token belongs to that sign-in and not to an
// earlier one, without IssuedSince, or how long ago the person proved who they are, without AuthenticatedSince. VerifyRequest and VerifyForm check all three.
//
// The error is a *VerificationError when the answer was refused, with a *FaultError in it when the provider sent a SOAP fault, and wraps
// ErrUnavailable when the metadata or the replay store was out of reach, or ErrMetadata when the metadata may not speak for the configured provider.
func (p *RelyingParty) Verify(ctx context.Context, wresult []byte, o ...Option) (*claims.Identity, error) {
	d, err := parse(wresult, tokenLimits)
	if err != nil {
		return nil, &VerificationError{CheckXML, err}
	}
	token, err := openEnvelope(&d)
	if err != nil {
		return nil, err
	}
	return p.verify(ctx, &d, token, o)
}

// VerifyToken verifies a bare assertion, out of its envelope. For what it does not check, and for the errors, see Verify.
func (p *RelyingParty) VerifyToken(ctx context.Context, token []byte, o ...Option) (*claims.Identity, error) {
	d, err := parse(token, tokenLimits)
	if err != nil {
		return nil, &VerificationError{CheckXML, err}
	}
	return p.verify(ctx, &d, 0, o)
}

// verify is every check, in order. Nothing is read from the token before its signature holds, and then only from the bytes that it covers.
func (p *RelyingParty) verify(ctx context.Context, d *document, token int, options []Option) (*claims.Identity, error) {
	var demand demands
	for _, option := range options {
		option(&demand)
	}
	open := p.openSigned
	if isEncrypted(d, token) {
		open = p.openEncrypted
	}
	signed, err := open(ctx, d, token)
	if err != nil {
		return nil, err
	}
	a, err := readAssertion(signed.bytes, signed.version, readOptions{p.c.AllowMissingConfirmation})
	if err != nil {
		return nil, err
	}
	now := p.c.Now()
	if err := a.checkTimes(now, p.c.Skew); err != nil {
		return nil, err
	}
	if err := a.checkAudience(p.c.Realm); err != nil {
		return nil, err
	}
	if err := a.checkConfirmation(p.c.Reply, now, p.c.Skew); err != nil {
		return nil, err
	}
	tenant, err := signed.rule.check(a)
	if err != nil {
		return nil, err
	}
	if err := a.checkFreshness(demand.authenticated, p.c.Skew); err != nil {
		return nil, err
	}
	if err := a.checkIssued(demand.issued, p.c.Skew); err != nil {
		return nil, err
	}
	identity, err := p.identity(a, tenant)
	if err != nil {
		return nil, err
	}
	if err := p.remember(ctx, a); err != nil {
		return nil, err
	}
	return identity, nil
}

// opened is what a trusted key has signed, and whose key it was.
type opened struct {
	bytes   []byte
	version *version
	rule    *issuerRule
}

// openSigned takes out of a document what its signature covers: that of the one assertion in it.
func (p *RelyingParty) openSigned(ctx context.Context, d *document, token int) (*opened, error) {
	v, err := checkToken(d, token)
	if err != nil {
		return nil, err
	}
	s, err := checkSignature(d, token, v.idName, p.c.InsecureSHA1)
	if err != nil {
		return nil, &VerificationError{CheckSignature, err}
	}
	verified, rule, err := p.verifySignature(ctx, d, token, v, s)
	if err != nil {
		return nil, err
	}
	return &opened{verified, v, rule}, nil
}

// verifySignature verifies under the keys of the metadata. When none of them made the signature, it asks for newer
// metadata, once: keys roll over without notice.
func (p *RelyingParty) verifySignature(ctx context.Context, d *document, token int, v *version, s *signature) ([]byte, *issuerRule, error) {
	provider, err := p.provider(ctx)
	if err != nil {
		return nil, nil, err
	}
	verified, rule, err := p.verifyUnder(provider, d, token, v, s)
	if p.c.Provider != nil || !errors.Is(err, errUnknownKey) {
		return verified, rule, err
	}
	newer, renewErr := p.c.Metadata.renew(ctx, p.source(), provider)
	switch {
	case renewErr != nil:
		return nil, nil, renewErr
	case newer == provider:
		return nil, nil, err
	}
	return p.verifyUnder(newer, d, token, v, s)
}

// verifyUnder verifies under the keys of one metadata document.
func (p *RelyingParty) verifyUnder(provider *Provider, d *document, token int, v *version, s *signature) ([]byte, *issuerRule, error) {
	rule, err := p.rule(provider)
	if err != nil {
		return nil, nil, err
	}
	verified, err := verifySignature(d, token, v.idName, s, rule.keys, p.c.AllowCarriageReturns)
	if err != nil {
		return nil, nil, &VerificationError{CheckSignature, err}
	}
	return verified, rule, nil
}

// provider is the configured one, or the metadata's.
func (p *RelyingParty) provider(ctx context.Context) (*Provider, error) {
	if p.c.Provider != nil {
		return p.c.Provider, nil
	}
	return p.c.Metadata.get(ctx, p.source())
}

// rule is what the provider may speak for under this configuration.
func (p *RelyingParty) rule(provider *Provider) (*issuerRule, error) {
	if p.c.Provider == nil && len(p.c.MetadataSigners) > 0 && !provider.signedBy(p.c.MetadataSigners) {
		return nil, fmt.Errorf("%w: it is not signed by one of MetadataSigners", ErrMetadata)
	}
	if p.c.Provider != nil && !provider.validUntil.IsZero() && !p.c.Now().Before(provider.validUntil) {
		return nil, fmt.Errorf("%w: it is past its validUntil", ErrMetadata)
	}
	rule, err := p.authority.rule(provider)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetadata, err)
	}
	return rule, nil
}

func (p *RelyingParty) source() source {
	return source{url: p.c.MetadataURL, client: p.c.HTTPClient, now: p.c.Now}
}

// identity hands the claims on. Only under an Entra issuer, of this very tenant, are Entra's ids read; elsewhere the configured claim is the person's key.
func (p *RelyingParty) identity(a *assertion, tenant string) (*claims.Identity, error) {
	subject := a.subject
	if p.c.SubjectClaim != "" && p.c.SubjectClaim != NameIdentifierClaim {
		var err error
		if subject, err = a.single(p.c.SubjectClaim); err != nil {
			return nil, &VerificationError{CheckClaims, err}
		}
	}
	if subject == "" {
		return nil, refuse(CheckSubject, "the token names nobody")
	}
	identity, err := claims.FromVerifiedSAML(claims.SAML{
		Issuer: a.issuer, Subject: subject, Tenant: tenant, AuthTime: a.authTime(), SessionID: a.session, SessionEnd: a.sessionEnd, Attributes: a.attributes,
	})
	if err != nil {
		return nil, &VerificationError{CheckClaims, err}
	}
	return identity, nil
}

// remember uses the assertion up. It is the last check, so that nobody can use up another's assertion with a broken copy of it, and one
// atomic step, so that of two that arrive together one is refused. The id is kept until the assertion could not be valid any more, and a
// minute longer: on machines whose clocks differ another one's may decide that.
func (p *RelyingParty) remember(ctx context.Context, a *assertion) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "wsfed assertion\n%q\n%q", a.issuer, a.id))
	first, err := p.c.Replay.Remember(ctx, hex.EncodeToString(sum[:]), a.notOnOrAfter.Add(p.c.Skew+time.Minute))
	if err != nil {
		return fmt.Errorf("%w: replay store: %w", ErrUnavailable, err)
	}
	if !first {
		return refuse(CheckReplay, "the assertion has been used before")
	}
	return nil
}
