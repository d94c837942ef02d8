package oauth2

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Protocol plugs OAuth 2.0 and OpenID Connect into an entra.Service, as oauth2.Protocol{} in its Config.Protocols.
type Protocol struct {
	// Metadata is shared between the services that are given the same one; nil: the service has one of its own. Where it
	// names no HTTP client or clock, it uses those of the service that asks.
	Metadata *Metadata
}

// Strategy implements entra.Protocol.
func (Protocol) Strategy() entra.Strategy { return entra.OAuth2 }

// Open implements entra.Protocol.
func (p Protocol) Open(e entra.Env) (entra.Driver, error) {
	d := &driver{env: e, metadata: p.Metadata}
	if d.metadata == nil {
		d.metadata = new(Metadata)
	}
	return d, nil
}

var (
	_ entra.Protocol  = Protocol{}
	_ entra.Driver    = (*driver)(nil)
	_ entra.SignOuter = (*driver)(nil)
	_ entra.Consenter = (*driver)(nil)
	_ entra.Refresher = (*driver)(nil)
	_ entra.Diagnoser = (*driver)(nil)
)

// driver makes a Client for each call; what it keeps is the metadata, by authority.
type driver struct {
	env      entra.Env
	metadata *Metadata
}

// Begin implements entra.Driver.
func (d *driver) Begin(ctx context.Context, q entra.BeginRequest) (string, []byte, error) {
	c, err := d.client(q.Target)
	if err != nil {
		return "", nil, failure(err)
	}
	address, p, err := c.SignIn(ctx, SignInRequest{
		State: q.State, Params: q.Params,
		ForceLogin: q.Options.ForceLogin, MaxAge: q.Options.MaxAge, Claims: q.Options.Claims,
	})
	if err != nil {
		return "", nil, failure(err)
	}
	state, err := p.pack()
	if err != nil {
		return "", nil, failure(err)
	}
	return address, state, nil
}

// Receive implements entra.Driver.
func (d *driver) Receive(a *entra.Arrival) (entra.Receipt, error) {
	if path.Base(path.Dir(a.Path)) == "signout" {
		n, err := signOutNotice(a)
		return entra.Receipt{SignOut: n}, failure(err)
	}
	answer, err := answerOf(a)
	if err != nil {
		return entra.Receipt{}, failure(err)
	}
	return entra.Receipt{State: answer.Get("state")}, nil
}

// answerOf returns the parameters of an answer: the query of a GET, or the body of a POST, and never some of each.
func answerOf(a *entra.Arrival) (url.Values, error) {
	answer, other := a.Query, a.Form
	switch a.Method {
	case http.MethodGet:
	case http.MethodPost:
		answer, other = a.Form, a.Query
	default:
		return nil, refuse(CheckResponse, "the answer came by another method than GET or POST")
	}
	if len(other) > 0 {
		return nil, refuse(CheckResponse, "the answer is in the query and in the body")
	}
	return answer, checkAnswer(answer)
}

// signOutNotice reads Entra's front-channel sign-out (OpenID Connect Front-Channel Logout 1.0, section 3): a GET in a hidden frame,
// with sid, seldom with iss. Both may be missing: then it is about whoever this browser's session belongs to.
func signOutNotice(a *entra.Arrival) (*entra.SignOutNotice, error) {
	if a.Method != http.MethodGet || len(a.Form) > 0 {
		return nil, refuse(CheckResponse, "a sign-out comes by GET")
	}
	if err := checkAnswer(a.Query); err != nil {
		return nil, err
	}
	return &entra.SignOutNotice{Issuer: a.Query.Get("iss"), SessionID: a.Query.Get("sid")}, nil
}

// Finish implements entra.Driver.
func (d *driver) Finish(ctx context.Context, q entra.FinishRequest) (*claims.Identity, *credential.Token, error) {
	c, err := d.client(q.Target)
	if err != nil {
		return nil, nil, failure(err)
	}
	p, err := unpack(q.ProtocolState, q.State, q.Options.Claims)
	if err != nil {
		return nil, nil, failure(err)
	}
	answer, err := answerOf(q.Arrival)
	if err != nil {
		return nil, nil, failure(err)
	}
	if (q.Arrival.Method == http.MethodPost) != (c.cfg.ResponseMode == "form_post") {
		return nil, nil, failure(refuse(CheckResponse, "the answer came by another method than was asked for"))
	}
	id, token, err := c.Redeem(ctx, p, answer)
	return id, token, failure(err)
}

// SignOut implements entra.SignOuter.
func (d *driver) SignOut(ctx context.Context, t entra.Target, o entra.SignOutOptions) (string, error) {
	c, err := d.client(t)
	if err != nil {
		return "", failure(err)
	}
	address, err := c.SignOut(ctx, SignOutRequest{ReturnTo: o.ReturnTo, LoginHint: o.LoginHint})
	return address, failure(err)
}

// client makes the connection's client. A connection that could not verify a token is refused here, at Begin as at Finish.
func (d *driver) client(t entra.Target) (*Client, error) {
	switch {
	case t.Connection == nil:
		return nil, errors.Join(ErrInvalid, errors.New("no connection"))
	case t.Cloud == (cloud.Cloud{}): // entra names each connection's; what is missing here must not become the public one
		return nil, errors.Join(ErrInvalid, errors.New("no cloud"))
	}
	c := Config{
		Cloud: t.Cloud, Tenant: t.Connection.Tenant(),
		ClientID: t.Connection.ClientID, Credential: t.Credential, RedirectURL: t.CallbackURL,
		Scopes: graphScopes(t), ResponseMode: t.Connection.ResponseMode, AppKeys: t.Connection.OwnSigningKeys,
		HandlesChallenges: true, // an *entra.Error says what to begin again with
		Metadata:          d.metadata, Tokens: d.env.Tokens, HTTPClient: d.env.HTTPClient, Now: d.env.Now,
	}
	if t.Connection.UseCommonEndpoint {
		c.AllowedTenants, c.AnyTenant = t.Connection.AdmittedTenants(), t.Connection.AnyTenant
	}
	return New(c)
}

// graphScopes are the connection's scopes, with User.Read where the person's token is to ask Graph about the person. A token is for one
// resource: where the connection wants one for something else, Graph is left to the application's own token.
// https://learn.microsoft.com/entra/identity-platform/scopes-oidc
func graphScopes(t entra.Target) []string {
	scopes := slices.Clone(t.Connection.Scopes)
	asks := t.Connection.UserGroups || t.Connection.ExtendedProfile || t.Connection.Profile.Photo
	if !asks || t.Cloud.Graph == "" {
		return scopes
	}
	for _, s := range scopes {
		if strings.Contains(s, "/") && !strings.HasPrefix(s, t.Cloud.Graph+"/") {
			return scopes
		}
	}
	return append(scopes, "User.Read")
}
