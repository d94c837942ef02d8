package oauth2

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// The tenant-independent authorities, https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints.
const (
	common        = "common" // personal accounts too
	organizations = "organizations"
	consumers     = "consumers"
)

// guidLength is the length of a GUID with hyphens, without braces.
const guidLength = 36

// authority is the address under which metadata is asked for, with what the cloud says about the answer. It is the cache's key.
type authority struct {
	login, issuer, instance string // of the cloud: login host's base URL, issuer template, cloud_instance_name
	tenant                  string // in lower case: GUID, domain, common, organizations, consumers
	appID                   string // the application whose own signing keys are wanted, or ""
}

// newAuthority checks what the configuration says.
func newAuthority(c cloud.Cloud, tenant, appID string) (authority, error) {
	login, err := outbound.CheckURL(c.Login)
	if err != nil || login.RawQuery != "" {
		return authority{}, errors.New("the cloud's login address must be an https URL")
	}
	if c.IssuerV2 != "" && !strings.Contains(c.IssuerV2, cloud.Placeholder) {
		return authority{}, errors.New("the cloud's issuer must contain {tenantid}")
	}
	if !cloud.IsTenant(tenant) {
		return authority{}, errors.New("a tenant is needed: its id, a domain verified in it, common, organizations or consumers")
	}
	return authority{
		login: strings.TrimSuffix(c.Login, "/"), issuer: c.IssuerV2, instance: c.KeyInstance,
		tenant: strings.ToLower(tenant), appID: appID,
	}, nil
}

// shared reports whether people of several tenants sign in here.
func (a authority) shared() bool { return a.tenant == common || a.tenant == organizations }

// discovery is the address of the authority's OpenID Connect metadata. An application with claims mapping has keys of its own,
// https://learn.microsoft.com/entra/identity-platform/jwt-claims-customization#validate-token-signing-key.
func (a authority) discovery() string {
	address := a.login + "/" + a.tenant + "/v2.0/.well-known/openid-configuration"
	if a.appID != "" {
		address += "?appid=" + url.QueryEscape(a.appID)
	}
	return address
}

// document is what we use of a discovery document, all of it checked.
type document struct {
	issuer                                 string // of the tenant, or with {tenantid}
	tenant                                 string // the tenant's GUID; "" for a tenant-independent authority
	instance                               string // cloud_instance_name, "" where there is none
	authorization, token, keys, endSession string
	namesIssuer                            bool // answers carry an iss parameter (RFC 9207)
	shared                                 bool
}

var documentNames = strictjson.NamesOf("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint",
	"cloud_instance_name", "authorization_response_iss_parameter_supported")

// parseDocument reads the authority's discovery document and refuses one that speaks for another issuer, or points elsewhere than
// to the authority's own host.
func (a authority) parseDocument(data []byte) (*document, error) {
	if err := strictjson.Check(data, documentNames); err != nil {
		return nil, err
	}
	var raw struct {
		Issuer        string `json:"issuer"`
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		Keys          string `json:"jwks_uri"`
		EndSession    string `json:"end_session_endpoint"`
		Instance      string `json:"cloud_instance_name"`
		NamesIssuer   bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, errors.New("a member has the wrong type")
	}
	endpoints := []struct {
		name, address string
		required      bool
	}{
		{"authorization_endpoint", raw.Authorization, true},
		{"token_endpoint", raw.Token, true},
		{"jwks_uri", raw.Keys, true},
		{"end_session_endpoint", raw.EndSession, false},
	}
	for _, e := range endpoints {
		if e.address == "" && !e.required {
			continue
		}
		if err := a.ownEndpoint(e.address); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	if a.instance != "" && raw.Instance != "" && raw.Instance != a.instance {
		return nil, errors.New("cloud_instance_name is another cloud's")
	}
	tenant, err := a.checkIssuer(raw.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &document{
		issuer: raw.Issuer, tenant: tenant, instance: raw.Instance,
		authorization: raw.Authorization, token: raw.Token, keys: raw.Keys, endSession: raw.EndSession,
		namesIssuer: raw.NamesIssuer, shared: a.shared(),
	}, nil
}

// ownEndpoint accepts an address at the scheme, host and port that were configured, and nowhere else.
func (a authority) ownEndpoint(address string) error {
	login, err := url.Parse(a.login)
	if err != nil {
		return errors.New("the login address is not a URL")
	}
	u, err := outbound.CheckURL(address)
	if err != nil {
		return err
	}
	if u.Scheme != login.Scheme || u.Host != login.Host {
		return errors.New("not at the cloud's login host")
	}
	return nil
}

// checkIssuer accepts exactly the issuer that the authority must have, and returns the tenant that it names.
func (a authority) checkIssuer(issuer string) (tenant string, err error) {
	template := a.issuer
	if template == "" { // External ID and custom clouds: only the document of the configured host says it
		if template, err = issuerTemplate(issuer); err != nil {
			return "", err
		}
	}
	if a.shared() {
		if issuer != template {
			return "", errors.New("a tenant-independent authority must have the cloud's template")
		}
		return "", nil
	}
	before, _, _ := strings.Cut(template, cloud.Placeholder)
	if len(issuer) >= len(before)+guidLength {
		tenant = issuer[len(before) : len(before)+guidLength]
	}
	if !cloud.IsCanonicalGUID(tenant) || strings.ReplaceAll(template, cloud.Placeholder, tenant) != issuer {
		return "", errors.New("not the cloud's issuer of one tenant")
	}
	if cloud.IsCanonicalGUID(a.tenant) && tenant != a.tenant || a.tenant == consumers && tenant != cloud.Consumers {
		return "", errors.New("another tenant's")
	}
	return tenant, nil
}

// issuerTemplate puts {tenantid} in the place of the tenant that an issuer's path begins with, wherever it occurs.
// External ID's issuers name it twice: https://{tenantid}.ciamlogin.com/{tenantid}/v2.0.
func issuerTemplate(issuer string) (string, error) {
	if strings.Contains(issuer, cloud.Placeholder) {
		return issuer, nil
	}
	u, err := outbound.CheckURL(issuer)
	if err != nil || u.RawQuery != "" || u.RawPath != "" {
		return "", errors.New("not an https URL without a query")
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !cloud.IsCanonicalGUID(tenant) {
		return "", errors.New("names no tenant")
	}
	return strings.ReplaceAll(issuer, tenant, cloud.Placeholder), nil
}

// issuerFor is the one issuer that a token of the tenant may have.
func (d *document) issuerFor(tenant string) string {
	return strings.ReplaceAll(d.issuer, cloud.Placeholder, tenant)
}
