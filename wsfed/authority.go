package wsfed

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// authority is the configured answer to: whose tokens are accepted, and which metadata may speak for them.
type authority struct {
	entra    bool
	template string   // Entra: issuer with {tenantid}; "" takes it from the metadata
	issuer   string   // elsewhere: the issuer; "" takes it from the metadata
	tenant   string   // Entra: the pinned GUID, "" when there are several or only a domain is known
	domain   string   // Entra: the pinned tenant's domain; the metadata says its GUID
	allowed  []string // Entra: GUIDs
	any      bool
	hosts    []string // hosts at which Entra lives
}

// issuerRule is an authority made complete by metadata.
type issuerRule struct {
	authority
	keys []*x509.Certificate
}

const claimTenantID = "http://schemas.microsoft.com/identity/claims/tenantid"

// entraHosts are hosts that only Entra owns: login hosts and their aliases, and the hosts of issuers.
// https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
var entraHosts = []string{
	"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net",
	"login.microsoftonline.us", "login.usgovcloudapi.net", "sts.microsoftonline.us",
	"login.partner.microsoftonline.cn", "login.chinacloudapi.cn", "sts.chinacloudapi.cn",
}

// mutableClaims can be given to another person: addresses and names are reassigned, and a new employee must not become the one who left.
var mutableClaims = []string{
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
	"http://schemas.xmlsoap.org/claims/UPN",
	"http://schemas.xmlsoap.org/claims/EmailAddress",
	"http://schemas.xmlsoap.org/claims/CommonName",
	"http://schemas.microsoft.com/identity/claims/displayname",
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/windowsaccountname",
}

func newAuthority(c Config) (*authority, error) {
	a := &authority{entra: c.SubjectClaim == "", hosts: hostsOf(c.Cloud)}
	if !a.entra {
		return a, a.configureElsewhere(c)
	}
	return a, a.configureEntra(c)
}

func hostsOf(c cloud.Cloud) []string {
	hosts := slices.Clone(entraHosts)
	for _, name := range cloud.Names() {
		known, _ := cloud.ByName(name)
		hosts = append(hosts, host(known.Login), host(known.IssuerV1))
	}
	return append(hosts, host(c.Login), host(c.IssuerV1))
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// isEntra reports whether an address or an issuer lies at a host of Entra's.
func (a *authority) isEntra(raw string) bool {
	h := host(raw)
	return h != "" && slices.Contains(a.hosts, h)
}

// configureElsewhere is for AD FS and other providers that are not Entra.
func (a *authority) configureElsewhere(c Config) error {
	a.issuer = c.Issuer
	var problems []error
	if c.Tenant != "" || c.AnyTenant || len(c.AllowedTenants) > 0 {
		problems = append(problems, errors.New("SubjectClaim says that the provider is not Entra, but tenants are named"))
	}
	if c.MetadataURL == "" && c.Provider == nil {
		problems = append(problems, errors.New("a provider that is not Entra needs MetadataURL or Provider"))
	}
	if a.isEntra(c.Issuer) || a.isEntra(c.MetadataURL) {
		problems = append(problems, errors.New("SubjectClaim says that the provider is not Entra, but its issuer or metadata is Entra's"))
	}
	if !c.InsecureMutableSubject && slices.ContainsFunc(mutableClaims, func(m string) bool { return strings.EqualFold(m, c.SubjectClaim) }) {
		problems = append(problems, errors.New("SubjectClaim is a claim that can be given to another person; choose an immutable one"))
	}
	return errors.Join(problems...)
}

func (a *authority) configureEntra(c Config) error {
	var problems []error
	several := c.AnyTenant || len(c.AllowedTenants) > 0
	tenant := strings.ToLower(c.Tenant)
	switch {
	case tenant != "" && several:
		problems = append(problems, errors.New("a pinned Tenant excludes AllowedTenants and AnyTenant, which are for several"))
	case tenant == "" && !several:
		problems = append(problems, errors.New("no tenant is named: set Tenant, AllowedTenants or AnyTenant, or SubjectClaim for AD FS"))
	case tenant == "":
	case cloud.IsGUID(tenant):
		a.tenant = tenant
	case cloud.IsDomain(tenant):
		a.domain = tenant
	default:
		problems = append(problems, errors.New("the Tenant must be a GUID or a domain of the tenant"))
	}
	a.any = c.AnyTenant
	for _, id := range c.AllowedTenants {
		if !cloud.IsGUID(id) {
			problems = append(problems, errors.New("AllowedTenants must be GUIDs"))
		}
		a.allowed = append(a.allowed, strings.ToLower(id))
	}
	if c.MetadataURL != "" && c.Provider == nil && !a.isEntra(c.MetadataURL) {
		problems = append(problems, errors.New("MetadataURL is not at Entra's host: set Cloud, or SubjectClaim for a provider that is not Entra"))
	}
	problems = append(problems, a.configureIssuer(c))
	return errors.Join(problems...)
}

// configureIssuer turns the expected issuer into a template.
func (a *authority) configureIssuer(c Config) error {
	issuer := c.Issuer
	if issuer == "" {
		issuer = c.Cloud.IssuerV1
	}
	if issuer == "" {
		return nil // only the metadata says it
	}
	template, tenant := split(issuer)
	switch {
	case template == "":
		return errors.New("the Issuer holds neither {tenantid} nor a tenant's GUID: no tenant could be compared with it")
	case tenant != "" && a.tenant != tenant:
		return errors.New("the Issuer names another tenant than Tenant")
	}
	a.template = template
	return nil
}

// split takes an issuer apart into its template and its tenant: one of Entra's metadata documents says {tenantid}, Microsoft's page {tenant}.
// The template is "" for an issuer that holds no tenant at exactly one place.
func split(issuer string) (template, tenant string) {
	for _, placeholder := range [...]string{cloud.Placeholder, "{tenant}"} {
		if strings.Count(issuer, placeholder) == 1 {
			return strings.Replace(issuer, placeholder, cloud.Placeholder, 1), ""
		}
	}
	for part := range strings.SplitSeq(issuer, "/") {
		if cloud.IsCanonicalGUID(part) && strings.Count(issuer, part) == 1 {
			return strings.Replace(issuer, part, cloud.Placeholder, 1), part
		}
	}
	return "", ""
}

// metadataURL is where Entra publishes the metadata for c. The app id is always sent: an application with claims mapping has signing keys of
// its own, which are found only there, and for all others the answer holds the tenant's keys.
// https://learn.microsoft.com/entra/identity-platform/federation-metadata
func (a *authority) metadataURL(c Config) string {
	tenant := "common"
	if a.tenant != "" || a.domain != "" {
		tenant = a.tenant + a.domain
	}
	appID := c.AppID
	if appID == "" {
		appID, _ = strings.CutPrefix(c.Realm, "spn:")
		if !cloud.IsGUID(appID) {
			appID = ""
		}
	}
	address := c.Cloud.Login + "/" + tenant + "/FederationMetadata/2007-06/FederationMetadata.xml"
	if appID != "" {
		address += "?appid=" + url.QueryEscape(appID)
	}
	return address
}

// rule completes the authority with what metadata says, or refuses metadata that may not speak for it.
func (a *authority) rule(p *Provider) (*issuerRule, error) {
	if !a.entra {
		return a.ruleElsewhere(p)
	}
	template, tenant := split(p.Issuer)
	r := &issuerRule{authority: *a, keys: p.signingKeys(false)}
	switch {
	case template == "":
		return nil, fmt.Errorf("the issuer %s names no tenant", quote(p.Issuer))
	case a.template != "" && template != a.template:
		return nil, fmt.Errorf("the issuer is %s where %s was expected", quote(p.Issuer), quote(a.template))
	case a.tenant != "" && tenant != "" && tenant != a.tenant:
		return nil, fmt.Errorf("the issuer %s is not that of tenant %s", quote(p.Issuer), quote(a.tenant))
	case a.tenant == "" && a.domain == "" && tenant != "":
		return nil, fmt.Errorf("the issuer %s is one tenant's, and several were configured", quote(p.Issuer))
	case a.domain != "" && tenant == "":
		return nil, fmt.Errorf("the issuer %s does not say which tenant %s is", quote(p.Issuer), quote(a.domain))
	case len(r.keys) == 0:
		return nil, errors.New("no key to verify a signature with")
	}
	r.template = template
	if a.domain != "" {
		r.tenant = tenant
	}
	return r, nil
}

func (a *authority) ruleElsewhere(p *Provider) (*issuerRule, error) {
	r := &issuerRule{authority: *a, keys: p.signingKeys(true)}
	switch {
	case p.Issuer == "":
		return nil, errors.New("no issuer")
	case a.isEntra(p.Issuer):
		return nil, fmt.Errorf("a provider that is not Entra claims the issuer %s", quote(p.Issuer))
	case a.issuer != "" && a.issuer != p.Issuer:
		return nil, fmt.Errorf("the issuer is %s where %s was expected", quote(p.Issuer), quote(a.issuer))
	case len(r.keys) == 0:
		return nil, errors.New("no key to verify a signature with")
	}
	r.issuer = p.Issuer
	return r, nil
}

// check holds issuer and tenant of a verified assertion against the rule. The tenant is returned only where the issuer is Entra's, of that tenant.
// Every comparison is byte for byte: the keys of one cloud's tenants are the same, so issuer and tenant are all that keeps tenants apart.
func (r *issuerRule) check(a *assertion) (tenant string, err error) {
	if !r.entra {
		if a.issuer != r.issuer {
			return "", refuse(CheckIssuer, "the token was issued by %s where %s was expected", quote(a.issuer), quote(r.issuer))
		}
		return "", nil
	}
	tenant, err = a.single(claimTenantID)
	if err != nil {
		return "", &VerificationError{CheckTenant, err}
	}
	if !cloud.IsCanonicalGUID(tenant) {
		return "", refuse(CheckTenant, "the tenant %s is not a GUID in lower case", quote(tenant))
	}
	if !r.admits(tenant) {
		return "", refuse(CheckTenant, "the tenant %s is not one that may sign people in", quote(tenant))
	}
	if want := cloud.Issuer(r.template, tenant); want == "" || a.issuer != want {
		return "", refuse(CheckIssuer, "the token of tenant %s was issued by %s", quote(tenant), quote(a.issuer))
	}
	return tenant, nil
}

// admits is the allow-list. The tenant of personal accounts is part of no "any".
func (r *issuerRule) admits(tenant string) bool {
	if r.tenant != "" {
		return tenant == r.tenant
	}
	return slices.Contains(r.allowed, tenant) || r.any && tenant != cloud.Consumers
}
