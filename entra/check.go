package entra

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Bounds of what an admin fills in.
const (
	maxName           = 128 // bytes
	maxDisplayName    = 256 // bytes
	maxURI            = 1024
	maxDomains        = 10000
	maxUpstreamParams = 32
	maxScopes         = 32
)

var (
	paramName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	aliasName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	cloudName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,256}$`) // RFC 6749, section 3.3
	spelledOut = regexp.MustCompile(`(?i)secret|password|private_?key|assertion|token`)
)

// Check reports every problem at once, in the order of an admin's form. It is pure: no network, no store. What depends on
// others (a name or a domain that another connection has, whose domain it is, who may say so) is the Registrar's and the
// store's to find.
func (c *Connection) Check() Findings {
	k := &checker{c: c}
	k.names()
	k.tenant()
	k.commonEndpoint()
	k.client()
	k.adfs()
	k.wsfed()
	k.domains()
	k.groups()
	k.provisioning()
	k.upstream()
	k.protocol()
	k.enablement()
	k.unknown()
	return k.found
}

// checker gathers findings.
type checker struct {
	c     *Connection
	found Findings
}

func (k *checker) add(s Severity, mender aadsts.Mender, field, problem, fix string) {
	k.found = append(k.found, Finding{ConnectionID: k.c.ID, Field: field, Problem: problem, Fix: fix, Mender: mender, Severity: s})
}

// fault and warn address the connection's own admin, who is nearly always the one to mend it.
func (k *checker) fault(field, problem, fix string) {
	k.add(SeverityError, aadsts.MenderAppOwner, field, problem, fix)
}

func (k *checker) warn(field, problem, fix string) {
	k.add(SeverityWarning, aadsts.MenderAppOwner, field, problem, fix)
}

func (k *checker) names() {
	c := k.c
	if c.Name == "" {
		k.fault("name", "is missing", "give the connection a name; imported users refer to it")
	} else if !isLabelText(c.Name, maxName) {
		k.fault("name", "is not one line of plain text", fmt.Sprintf("use up to %d bytes, without control characters and without white space at the ends", maxName))
	}
	if c.DisplayName != "" && !isLabelText(c.DisplayName, maxDisplayName) {
		k.fault("display_name", "is not one line of plain text", fmt.Sprintf("use up to %d bytes, without control characters and without white space at the ends", maxDisplayName))
	}
	if c.Strategy != OAuth2 && c.Strategy != WSFed {
		k.fault("strategy", fmt.Sprintf("%q is not known", clipText(string(c.Strategy))), fmt.Sprintf("use %q or %q", OAuth2, WSFed))
	}
}

func (k *checker) tenant() {
	c := k.c
	if !cloudName.MatchString(c.Cloud) && c.Cloud != "" {
		k.fault("cloud", "is not the name of a cloud", "use one of "+strings.Join(cloud.Names(), ", "))
	}
	if c.TenantID != "" && (!cloud.IsCanonicalGUID(c.TenantID) || c.TenantID == cloud.Consumers) {
		k.fault("tenant_id", "is not a work tenant's GUID in lower case", "leave it out; it is found from entra_id_domain")
	}
	typed := strings.TrimSpace(c.EntraDomain)
	switch lower := strings.ToLower(typed); {
	case c.EntraDomain == "":
		if !c.UseCommonEndpoint && !c.ADFS() {
			k.fault("entra_id_domain", "is missing, so nobody's token could be verified", "enter a verified domain of the tenant, or its tenant id")
		}
	case typed != c.EntraDomain:
		k.fault("entra_id_domain", "has white space around it", "remove it")
	case c.ADFS():
		k.fault("entra_id_domain", "stands beside metadata_url and issuer, which name another provider", "keep the one or the other")
	case cloud.IsShared(lower):
		k.fault("entra_id_domain", fmt.Sprintf("%q stands for many tenants", lower), "enter a verified domain of the tenant, or its tenant id; for several tenants switch on is_use_common_endpoint and list allowed_tenants")
	case lower == cloud.Consumers:
		k.fault("entra_id_domain", "is the tenant of personal Microsoft accounts", "enter a work tenant")
	case cloud.IsGUID(typed):
	default:
		if _, err := hrd.Canonical(typed); err != nil || strings.HasPrefix(typed, "@") {
			k.fault("entra_id_domain", "is neither a domain nor a tenant id", "enter it as in Entra's admin center, such as contoso.com or contoso.onmicrosoft.com")
		}
	}
}

func (k *checker) commonEndpoint() {
	c := k.c
	if !c.UseCommonEndpoint {
		if c.AnyTenant {
			k.fault("is_any_tenant_allowed", "needs the common endpoint", "switch on is_use_common_endpoint, or switch this off")
		}
		if len(c.AllowedTenants) > 0 {
			k.warn("allowed_tenants", "has no effect without the common endpoint", "switch on is_use_common_endpoint, or empty the list")
		}
	}
	seen := map[string]bool{}
	for _, t := range c.AllowedTenants {
		switch lower := strings.ToLower(t); {
		case !cloud.IsGUID(t):
			k.fault("allowed_tenants", fmt.Sprintf("%q is not a tenant id", clipText(t)), "list tenant ids (GUIDs); domains can move to another tenant")
		case t != lower:
			k.fault("allowed_tenants", fmt.Sprintf("%s is not in lower case", t), "write it in lower case, as tokens do")
		case seen[lower]:
			k.warn("allowed_tenants", fmt.Sprintf("%s is listed twice", t), "remove one")
		default:
			seen[lower] = true
		}
	}
	if c.AnyTenant {
		// Whoever opens a tenant of their own, for nothing, would be in: that must not lead into an organization or an existing account.
		fix := "list allowed_tenants instead of admitting any"
		if c.OrganizationID != "" || len(c.Organizations) > 0 {
			k.fault("is_any_tenant_allowed", "cannot go together with an organization", fix)
		}
		if c.AutoJoinOrganization {
			k.fault("is_auto_join_organization_enabled", "cannot go together with any tenant", fix)
		}
		if c.TrustEmails {
			k.fault("is_trust_emails_enabled", "cannot go together with any tenant", fix)
		}
	}
	if !c.UseCommonEndpoint || c.AnyTenant || len(c.AllowedTenants) > 0 {
		return
	}
	if c.EntraDomain == "" && c.TenantID == "" {
		k.fault("allowed_tenants", "is empty and there is no entra_id_domain, so nobody could sign in", "list the tenants' ids, or switch on is_any_tenant_allowed")
		return
	}
	k.warn("is_use_common_endpoint", "admits only the tenant of entra_id_domain", "list allowed_tenants if people of other tenants are to sign in")
}

func (k *checker) client() {
	c := k.c
	trimmed := strings.Trim(strings.TrimSpace(c.ClientID), "{}")
	fix := "copy the application (client) id from the app registration's overview"
	switch {
	case c.ClientID == "":
		if c.Strategy == OAuth2 {
			k.fault("client_id", "is missing", fix)
		} else if c.Strategy == WSFed && c.Realm == "" {
			k.fault("realm", "is missing, and there is no client_id to derive it from", "enter the application's identifier, or its client_id")
		}
	case cloud.IsGUID(c.ClientID):
	case cloud.IsGUID(trimmed):
		k.fault("client_id", "has braces or white space around it", "enter the GUID alone")
	case c.Strategy == OAuth2 || !c.ADFS():
		k.fault("client_id", "is not a GUID", fix)
	}
	k.credentials()
}

// nameClaims can be given to somebody else one day, together with what the account holds.
var nameClaims = []string{
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/windowsaccountname",
	"http://schemas.xmlsoap.org/claims/CommonName",
}

func (k *checker) adfs() {
	c := k.c
	if c.Strategy != WSFed {
		for _, f := range []struct{ name, value string }{{"metadata_url", c.MetadataURL}, {"issuer", c.Issuer}, {"subject_claim", c.SubjectClaim}} {
			if f.value != "" {
				k.warn(f.name, "has no effect with this strategy", "remove it")
			}
		}
		return
	}
	if !c.ADFS() {
		if c.SubjectClaim != "" {
			k.fault("subject_claim", "belongs to AD FS, and there is no metadata_url", "remove it; people of Entra are known by tenant and object id")
		}
		return
	}
	if _, err := outbound.CheckURL(c.MetadataURL); err != nil || len(c.MetadataURL) > maxURI {
		k.fault("metadata_url", "is missing or not an https address", "enter the address of the provider's federation metadata, such as https://adfs.contoso.com/FederationMetadata/2007-06/FederationMetadata.xml")
	}
	switch {
	case c.Issuer == "":
		k.fault("issuer", "is missing", "enter the provider's issuer exactly, such as http://adfs.contoso.com/adfs/services/trust")
	case !isURI(c.Issuer):
		k.fault("issuer", "is not a URI", "enter the provider's issuer exactly, such as http://adfs.contoso.com/adfs/services/trust")
	case isEntraIssuer(c.Issuer):
		k.fault("issuer", "is Entra's, not another provider's", "remove metadata_url and issuer, and enter entra_id_domain")
	}
	switch {
	case c.SubjectClaim == "":
		k.fault("subject_claim", "is missing", "name a claim that never changes and is never given to someone else, such as the one issued from objectGUID")
	case !isURI(c.SubjectClaim):
		k.fault("subject_claim", "is not a URI", "enter the claim's full name")
	case !c.InsecureMutableSubject && slices.ContainsFunc(nameClaims, func(n string) bool { return strings.EqualFold(n, c.SubjectClaim) }):
		k.fault("subject_claim", "is a name or an address, which can be given to someone else", "use a claim that is issued from objectGUID or another immutable attribute")
	}
	if c.UseCommonEndpoint {
		k.fault("is_use_common_endpoint", "is Entra's, and the provider is another", "switch it off")
	}
	if c.ExtendedProfile {
		k.warn("is_extended_attributes_required", "has no effect with AD FS, which has no Graph", "switch it off")
	}
}

func (k *checker) domains() {
	const field = "home_realm_domains"
	if len(k.c.HomeRealmDomains) > maxDomains {
		k.fault(field, fmt.Sprintf("holds more than %d domains", maxDomains), "remove some")
		return
	}
	seen := map[string]bool{}
	for _, typed := range k.c.HomeRealmDomains {
		domain, err := hrd.Listed(typed)
		base, _ := hrd.Base(domain)
		switch {
		case err != nil:
			k.fault(field, fmt.Sprintf("%q cannot be used (%s)", clipText(typed), reason(err)), "enter domains such as contoso.com, or *.contoso.com for its subdomains")
			continue
		case seen[domain]:
			k.fault(field, fmt.Sprintf("%s is listed twice", domain), "remove one")
		case hrd.IsPublicSuffix(base):
			k.fault(field, fmt.Sprintf("anybody can register below %s", domain), "enter the organization's own domain")
		case hrd.IsMailProvider(base) && !k.c.AllowMailProviders:
			k.fault(field, fmt.Sprintf("anybody can get an address at %s", base), "enter the organization's own domain")
		}
		seen[domain] = true
	}
}

func (k *checker) provisioning() {
	c := k.c
	if c.MaxSessionSeconds < 0 || c.MaxSessionSeconds > maxSessionSeconds {
		k.fault("max_session_seconds", "is not between 0 and one year", "enter seconds; 0 is no advice")
	}
	if c.AutoJoinOrganization && c.OrganizationID == "" {
		k.warn("is_auto_join_organization_enabled", "has no effect: the connection belongs to no organization", "switch it off, or make the connection the organization's own")
	}
	if c.OrganizationID != "" && len(c.Organizations) > 0 {
		k.fault("organizations", "cannot share a connection that belongs to an organization", "empty the list, or make the connection environment-level")
	}
	if c.TrustEmails && !c.AnyTenant && c.UseCommonEndpoint && len(c.AdmittedTenants()) > 1 {
		k.warn("is_trust_emails_enabled", "links only addresses whose domain Entra itself vouches for, because there are several tenants", "see that the application emits the optional claim xms_edov")
	}
}

func (k *checker) upstream() {
	const field = "upstream_params"
	c := k.c
	if len(c.UpstreamParams) > maxUpstreamParams {
		k.fault(field, fmt.Sprintf("holds more than %d parameters", maxUpstreamParams), "remove some")
		return
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.UpstreamParams)) {
		p, shown := c.UpstreamParams[name], clipText(name)
		switch folded := strings.ToLower(name); {
		case Reserved(name):
			k.fault(field, fmt.Sprintf("%q belongs to the protocol", shown), "remove it")
		case !paramName.MatchString(name):
			k.fault(field, fmt.Sprintf("%q is not a parameter's name", shown), "use up to 64 letters, digits, dots, hyphens and underscores")
		case seen[folded]:
			k.fault(field, fmt.Sprintf("%q is given twice, in another case", shown), "remove one")
		default:
			seen[folded] = true
		}
		switch {
		case (p.Value == "") == (p.Alias == ""):
			k.fault(field, fmt.Sprintf("%q needs either a value or an alias", shown), `write {"value": "…"} or {"alias": "login_hint"}`)
		case p.Alias != "" && !aliasName.MatchString(p.Alias):
			k.fault(field, fmt.Sprintf("the alias of %q is not a name", shown), "use login_hint, prompt, domain_hint, or one that the host provides")
		case !oneLine(p.Value):
			k.fault(field, fmt.Sprintf("the value of %q is not one line of at most %d bytes", shown, maxParam), "shorten it, and remove control characters")
		}
	}
	if _, hinted := c.UpstreamParams["login_hint"]; hinted && c.UpstreamParams["prompt"].Value == "select_account" {
		k.warn(field, "sends login_hint together with prompt=select_account, which Entra refuses", "remove one of them")
	}
}

func (k *checker) protocol() {
	c := k.c
	if c.Realm != "" && !isURI(c.Realm) {
		k.fault("realm", "is not a URI", "enter the application's identifier exactly, such as spn:{client id}, api://… or https://…")
	}
	if c.ResponseMode != "" && c.ResponseMode != "query" && c.ResponseMode != "form_post" {
		k.fault("response_mode", fmt.Sprintf("%q is not supported", clipText(c.ResponseMode)), "use query or form_post")
	}
	if len(c.Scopes) > maxScopes {
		k.fault("scopes", fmt.Sprintf("holds more than %d scopes", maxScopes), "remove some")
		return
	}
	for _, s := range c.Scopes {
		if !scopeToken.MatchString(s) {
			k.fault("scopes", fmt.Sprintf("%q is not one scope", clipText(s)), "list scopes one by one, such as User.Read")
		}
	}
}

func (k *checker) enablement() {
	c := k.c
	if slices.Contains(c.EnabledApplications, "") {
		k.fault("enabled_applications", "holds an empty id", "remove it")
	}
	if slices.Contains(c.Organizations, "") {
		k.fault("organizations", "holds an empty id", "remove it")
	}
	if c.Enabled && c.OrganizationID == "" && !c.AllApplications && len(c.EnabledApplications) == 0 && len(c.Organizations) == 0 {
		k.warn("enabled_applications", "is empty, so the connection is on for nobody", "list the applications that may use it")
	}
}

// unknown members are kept as they are, and so would be written in clear.
func (k *checker) unknown() {
	for _, name := range slices.Sorted(maps.Keys(k.c.UnknownOptions)) {
		if spelledOut.MatchString(name) {
			k.fault(clipText(name), "looks like a secret, is not known here, and would be stored in clear", "remove it")
		}
	}
}

// isLabelText accepts one line of visible text.
func isLabelText(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// isURI accepts an absolute URI of printable ASCII (urn:, spn:, https:), as the other side must compare it byte for byte.
func isURI(s string) bool {
	if len(s) > maxURI || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Opaque != "" || u.Host != "")
}

func isEntraIssuer(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, name := range cloud.Names() {
		c, _ := cloud.ByName(name)
		for _, own := range []string{c.Login, c.IssuerV1, c.IssuerV2} {
			if o, err := url.Parse(own); err == nil && own != "" && o.Hostname() == host {
				return true
			}
		}
	}
	return false
}

// reason is hrd's own words without their preamble.
func reason(err error) string {
	_, why, ok := strings.Cut(err.Error(), hrd.ErrInvalid.Error()+": ")
	if !ok {
		return "it is not a domain"
	}
	return why
}

// clipText bounds what is repeated of somebody's input, and keeps it on one line.
func clipText(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
