package cloud

// Cloud is where one of Microsoft's clouds lives: base URLs without a trailing slash; issuers with the literal {tenantid}.
// It is comparable.
type Cloud struct {
	Name               string // "public", "usgov", "usgov-dod", "china", …
	Login              string // https://login.microsoftonline.com
	Graph              string // https://graph.microsoft.com; "" where it is not known
	IssuerV2           string // https://login.microsoftonline.com/{tenantid}/v2.0; "" where only the document says it
	IssuerV1           string // https://sts.windows.net/{tenantid}/: v1.0 and WS-Federation tokens; "" where only the metadata says it
	KeyInstance        string // cloud_instance_name of the keys: microsoftonline.com
	FederationAudience string // api://AzureADTokenExchange
}

// ByName returns a cloud by its name; "" is the public cloud.
func ByName(name string) (Cloud, bool) { panic("sketch") }

// External returns the cloud of an External ID tenant, {subdomain}.ciamlogin.com.
func External(subdomain string) (Cloud, error) { panic("sketch") }

// Consumers is the tenant of personal Microsoft accounts.
const Consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"
