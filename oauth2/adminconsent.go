package oauth2

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// AdminConsentRequest asks for the address at which a tenant's administrator consents for everybody in it.
type AdminConsentRequest struct {
	// State comes back with the answer, as in SignInRequest.
	State string

	// Tenant is whose administrator is asked: a GUID or a verified domain. "" is the client's own tenant, or at a tenant-independent
	// authority whichever the administrator signs in to ("organizations").
	Tenant string

	// Scopes are the delegated permissions to consent to; nil is everything that the app registration lists, delegated and application permissions
	// alike ({graph}/.default), which is the only way to application permissions.
	Scopes []string
}

// AdminConsent is what an answer from the admin consent endpoint says. Nothing in it is signed: whoever began the flow can have written it. It may
// be shown, and is a reason to sign in now, but no tenant is known by it, let alone bound to anything, before somebody of that tenant has signed in.
type AdminConsent struct {
	Tenant string   // a lower-case GUID, or "" where the answer names none
	Scopes []string // what is said to be granted; names only, at most 64
}

// AdminConsentURL returns where to send an administrator. It uses no network. Personal accounts have no administrator: a client for "consumers" has no
// such address.
//
// Errors: ErrInvalid. https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
func (c *Client) AdminConsentURL(q AdminConsentRequest) (string, error) {
	state := SignInRequest{State: q.State}
	if err := state.check(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	tenant, err := c.consentingTenant(q.Tenant)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	scope, err := c.consentScope(q.Scopes)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	query := url.Values{"client_id": {c.cfg.ClientID}, "scope": {scope}, "redirect_uri": {c.cfg.RedirectURL}, "state": {q.State}}
	return c.authority.login + "/" + tenant + "/v2.0/adminconsent?" + query.Encode(), nil
}

// consentingTenant never is "common", which the endpoint does not know.
func (c *Client) consentingTenant(asked string) (string, error) {
	asked = strings.ToLower(asked)
	switch {
	case c.authority.tenant == consumers, asked == consumers, asked == cloud.Consumers:
		return "", errors.New("personal accounts have no administrator who could consent")
	case asked == "" && c.authority.shared():
		return organizations, nil
	case asked == "":
		return c.authority.tenant, nil
	case !cloud.IsGUID(asked) && !cloud.IsDomain(asked):
		return "", errors.New("the tenant of a consent is its id, or a domain verified in it")
	case !c.authority.shared() && asked != c.authority.tenant:
		return "", errors.New("the tenant of the consent is not the client's")
	case cloud.IsGUID(asked) && !c.cfg.admits(asked):
		return "", errors.New("the tenant of the consent is not allowed to sign in")
	}
	return asked, nil
}

func (c *Client) consentScope(asked []string) (string, error) {
	if len(asked) == 0 {
		return strings.TrimPrefix(c.cfg.Cloud.Graph+"/.default", "/"), nil // Graph is the default resource
	}
	for _, s := range asked {
		if !scopeToken.MatchString(s) {
			return "", errors.New("a scope is not one word of printable ASCII")
		}
	}
	return strings.Join(asked, " "), nil
}

// ReadAdminConsent reads the answer that came back to the redirect URL; state is the one that was sent, which the caller has bound to the
// browser and uses no second time. An answer that names another tenant than the client's, or one that may not sign in, is refused: the consent would be
// of no use.
//
// Errors: *VerificationError for what was refused, *aadsts.Error for what Entra answered.
func (c *Client) ReadAdminConsent(state string, answer url.Values) (*AdminConsent, error) {
	if err := checkAnswer(answer); err != nil {
		return nil, err
	}
	if len(state) < minState || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(state)) != 1 {
		return nil, refuse(CheckState, "the answer belongs to another consent")
	}
	if e := aadsts.FromCallback(answer); e != nil { // comes first: the answer of a refusal says admin_consent=True too
		return nil, e
	}
	tenant := strings.ToLower(answer.Get("tenant"))
	switch {
	case !strings.EqualFold(answer.Get("admin_consent"), "true"):
		return nil, refuse(CheckResponse, "the answer is not one of the admin consent endpoint")
	case tenant == "":
	case !cloud.IsCanonicalGUID(tenant):
		return nil, refuse(CheckResponse, "the tenant is not a GUID")
	case cloud.IsCanonicalGUID(c.authority.tenant) && tenant != c.authority.tenant, !c.cfg.admits(tenant):
		return nil, refuse(CheckTenant, "the answer names a tenant that may not sign in here")
	}
	return &AdminConsent{Tenant: tenant, Scopes: scopeNames(answer.Get("scope"))}, nil
}

const maxConsented = 64 // scopes

// scopeNames keeps what has the form of a scope.
func scopeNames(list string) []string {
	names := slices.DeleteFunc(strings.Fields(list), func(s string) bool { return len(s) > 256 || !scopeToken.MatchString(s) })
	return names[:min(len(names), maxConsented)]
}

// BeginConsent implements entra.Consenter.
func (d *driver) BeginConsent(_ context.Context, q entra.BeginRequest) (string, error) {
	c, err := d.client(q.Target)
	if err != nil {
		return "", failure(err)
	}
	address, err := c.AdminConsentURL(AdminConsentRequest{State: q.State})
	return address, failure(err)
}

// FinishConsent implements entra.Consenter. The endpoint answers by GET, whatever response mode sign-ins have.
func (d *driver) FinishConsent(_ context.Context, q entra.FinishRequest) (*entra.Consent, error) {
	c, err := d.client(q.Target)
	if err != nil {
		return nil, failure(err)
	}
	answer, err := answerOf(q.Arrival)
	if err != nil {
		return nil, failure(err)
	}
	if q.Arrival.Method != http.MethodGet {
		return nil, failure(refuse(CheckResponse, "an answer about consent comes by GET"))
	}
	said, err := c.ReadAdminConsent(q.State, answer)
	if err != nil {
		return nil, failure(err)
	}
	return &entra.Consent{Tenant: said.Tenant, Scopes: said.Scopes}, nil
}
