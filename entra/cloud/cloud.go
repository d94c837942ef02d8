package cloud

import (
	"fmt"
	"strings"
)

// Placeholder stands for the tenant's GUID in IssuerV1 and IssuerV2, as it does in Entra's own discovery documents.
const Placeholder = "{tenantid}"

// Cloud is where one of Microsoft's clouds lives: base URLs without a trailing slash, issuers with the literal {tenantid}.
// It is comparable. Tests, and clouds that are not in the table, fill one in by hand.
type Cloud struct {
	Name  string // "public", "usgov", "usgov-dod", "china", …
	Login string // https://login.microsoftonline.com
	Graph string // https://graph.microsoft.com; "" where it is not known: Graph is then not asked

	IssuerV2 string // https://login.microsoftonline.com/{tenantid}/v2.0; "" where only the discovery document says it
	IssuerV1 string // https://sts.windows.net/{tenantid}/, of v1.0 and WS-Federation tokens; "" where only the metadata says it

	// KeyInstance is cloud_instance_name in the discovery document and of each key: microsoftonline.com.
	// "" where only the discovery document says it.
	KeyInstance string

	// FederationAudience is the audience of a federated credential's assertion: api://AzureADTokenExchange.
	// "" where it is not known.
	FederationAudience string
}

// clouds is the table. Each row's sources:
//
//   - Login and Graph: the pages of the package comment.
//   - IssuerV1 of the US government: https://learn.microsoft.com/answers/questions/1190472 and Microsoft's Azure Stack
//     tools, which agree that it is the public cloud's. What keeps the two apart is the signing key, never this string.
//   - IssuerV1 of China: https://docs.azure.cn/entra/identity-platform/howto-convert-app-to-be-multi-tenant
//   - FederationAudience: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
//   - bleu, delos, govsg: login hosts and v2.0 issuers as in the table of known authorities of Microsoft's own MSAL
//     libraries. Their Graph hosts stand in no page of Microsoft's yet.
var clouds = []Cloud{
	{
		Name: "public", Login: "https://login.microsoftonline.com", Graph: "https://graph.microsoft.com",
		IssuerV2: "https://login.microsoftonline.com/{tenantid}/v2.0", IssuerV1: "https://sts.windows.net/{tenantid}/",
		KeyInstance: "microsoftonline.com", FederationAudience: "api://AzureADTokenExchange",
	},
	{
		Name: "usgov", Login: "https://login.microsoftonline.us", Graph: "https://graph.microsoft.us",
		IssuerV2: "https://login.microsoftonline.us/{tenantid}/v2.0", IssuerV1: "https://sts.windows.net/{tenantid}/",
		KeyInstance: "microsoftonline.us", FederationAudience: "api://AzureADTokenExchangeUSGov",
	},
	{
		Name: "usgov-dod", Login: "https://login.microsoftonline.us", Graph: "https://dod-graph.microsoft.us",
		IssuerV2: "https://login.microsoftonline.us/{tenantid}/v2.0", IssuerV1: "https://sts.windows.net/{tenantid}/",
		KeyInstance: "microsoftonline.us", FederationAudience: "api://AzureADTokenExchangeUSGov",
	},
	{
		Name: "china", Login: "https://login.partner.microsoftonline.cn", Graph: "https://microsoftgraph.chinacloudapi.cn",
		IssuerV2: "https://login.partner.microsoftonline.cn/{tenantid}/v2.0", IssuerV1: "https://sts.chinacloudapi.cn/{tenantid}/",
		FederationAudience: "api://AzureADTokenExchangeChina",
	},
	{Name: "bleu", Login: "https://login.sovcloud-identity.fr", IssuerV2: "https://login.sovcloud-identity.fr/{tenantid}/v2.0"},
	{Name: "delos", Login: "https://login.sovcloud-identity.de", IssuerV2: "https://login.sovcloud-identity.de/{tenantid}/v2.0"},
	{Name: "govsg", Login: "https://login.sovcloud-identity.sg", IssuerV2: "https://login.sovcloud-identity.sg/{tenantid}/v2.0"},
}

// Public returns the public cloud.
func Public() Cloud { return clouds[0] }

// ByName returns a cloud of the table by its name, exactly as Names gives it; "" is the public cloud.
func ByName(name string) (Cloud, bool) {
	if name == "" {
		return Public(), true
	}
	for _, c := range clouds {
		if c.Name == name {
			return c, true
		}
	}
	return Cloud{}, false
}

// Names returns the names of the table in its order, the public cloud first.
func Names() []string {
	names := make([]string, len(clouds))
	for i, c := range clouds {
		names[i] = c.Name
	}
	return names
}

// External returns the cloud of an External ID tenant, {subdomain}.ciamlogin.com. The subdomain is one DNS label
// (RFC 1123), in any case. Issuer and keys come from the tenant's own discovery document, because its authority
// and its issuer live on different hosts.
//
// Source: https://learn.microsoft.com/entra/external-id/customers/how-to-custom-url-domain
func External(subdomain string) (Cloud, error) {
	if !isLabel(subdomain) {
		return Cloud{}, fmt.Errorf("cloud: %q is not the subdomain of an External ID tenant: letters, digits and inner hyphens, at most 63", clip(subdomain))
	}
	host := strings.ToLower(subdomain) + ".ciamlogin.com"
	return Cloud{
		Name:               "external:" + strings.ToLower(subdomain),
		Login:              "https://" + host,
		Graph:              "https://graph.microsoft.com",
		FederationAudience: "api://AzureADTokenExchange",
	}, nil
}

// Issuer fills tenantID into a template such as IssuerV2. It is "" unless the template holds exactly one
// placeholder and tenantID is a lower-case GUID, so that nothing else can ever become part of an issuer
// that tokens are compared with.
func Issuer(template, tenantID string) string {
	if strings.Count(template, Placeholder) != 1 || !IsCanonicalGUID(tenantID) {
		return ""
	}
	return strings.Replace(template, Placeholder, tenantID, 1)
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
