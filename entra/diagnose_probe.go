package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Clocks that differ by a minute want a look; five minutes are what tokens are dated back by, and then none is valid.
const (
	slightSkew = time.Minute
	fatalSkew  = 5 * time.Minute
)

// maxDocument bounds what is fetched for its Date alone; federation metadata is the longest, with 100 KB or so.
const maxDocument = 1 << 20

// clock compares this machine's time with the provider's (Date, RFC 9110 section 6.6.1), as far as that is known to a second.
func (x *examination) clock(ctx context.Context, s *Service) {
	address := x.Cloud.Login + "/" + url.PathEscape(x.Connection.Tenant()) + "/v2.0/.well-known/openid-configuration"
	if x.Connection.ADFS() {
		address = x.Connection.MetadataURL
	}
	before := s.now()
	res, err := outbound.Get(ctx, s.cfg.HTTPClient, address, maxDocument)
	after := s.now()
	if err != nil {
		return // the protocol says why
	}
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return
	}
	if age, err := strconv.Atoi(res.Header.Get("Age")); err == nil && age > 0 { // from a cache on the way
		theirs = theirs.Add(time.Duration(age) * time.Second)
	}
	skew := max(before.Sub(theirs), theirs.Sub(after), 0).Round(time.Second)
	const fix = "synchronize this machine's clock (NTP)"
	switch {
	case skew >= fatalSkew:
		x.add(SeverityError, aadsts.MenderHost, "", fmt.Sprintf("this machine's clock and the provider's differ by %s, so tokens are refused", skew), fix)
	case skew >= slightSkew:
		x.add(SeverityWarning, aadsts.MenderHost, "", fmt.Sprintf("this machine's clock and the provider's differ by %s", skew), fix)
	default:
		x.ok("", "this machine's clock and the provider's agree")
	}
}

// application has the application ask for a token of its own, which needs no permission, and then Graph what it may read with it. On the common
// endpoint it asks in the first admitted tenant; where any is admitted there is none to ask in.
func (x *examination) application(ctx context.Context, s *Service) {
	c := x.Connection
	tenant := c.Tenant()
	if c.UseCommonEndpoint {
		tenant = ""
		if admitted := c.AdmittedTenants(); len(admitted) > 0 {
			tenant = admitted[0]
		}
	}
	if x.Credential == nil || x.Cloud.Graph == "" || tenant == "" || tenant == cloud.Consumers || c.ADFS() {
		return
	}
	token, err := s.tokens.Token(ctx, credential.Request{ // not from the cache: a credential that was mended is right at once, one that ended is wrong
		Cloud: x.Cloud, Tenant: tenant, ClientID: c.ClientID, Credential: x.Credential,
		Form: url.Values{"grant_type": {"client_credentials"}, "scope": {x.Cloud.Graph + "/.default"}},
	})
	if err != nil {
		x.refusedCredential(err)
		return
	}
	x.ok(c.credentialField(), "Entra accepts the application's credential")
	if c.asksGraphByApplication(x.Cloud) {
		x.permissions(ctx, s.graph, graph.Caller{
			Cloud: x.Cloud, Tenant: tenant, App: c.ClientID, User: nobody,
			Token: func(context.Context) (string, error) { return token.Access.Reveal(), nil },
		})
	}
}

// credentialField is the member that holds what is in use.
func (c *Connection) credentialField() string {
	switch {
	case c.FederatedTokenFile != "":
		return "federated_token_file"
	case len(c.certificateSlots()) > 0:
		return "client_certificate"
	}
	return "client_secret"
}

func (x *examination) refusedCredential(err error) {
	field := x.Connection.credentialField()
	var refused *aadsts.Error
	switch {
	case !errors.As(err, &refused):
		x.add(SeverityWarning, aadsts.MenderHost, field, "the application's credential could not be tried: "+err.Error(), "try again, and check that this server can reach the cloud's login host")
	case refused.Retry:
		x.add(SeverityWarning, aadsts.MenderUnknown, field, "the application's credential could not be tried: "+refused.Error(), "try again in a moment")
	default:
		if refused.OAuth != "invalid_client" {
			field = "client_id"
		}
		fix := "check the client id and the credential in the app registration"
		if a, ok := aadsts.Explain(refused.Code); ok && a.Do != "" {
			fix = a.Do
		}
		x.add(SeverityError, refused.Mender, field, refused.Error(), fix)
	}
}

// nobody is an object id that no tenant has: Graph answers 404 to those who may look and 403 to those who may not.
const nobody = "00000000-0000-4000-8000-000000000000"

// permissions asks Graph about nobody for what it will be asked about somebody.
func (x *examination) permissions(ctx context.Context, client *graph.Client, as graph.Caller) {
	try := func(field, what, permission string, err error) {
		var refused *graph.Error
		switch {
		case err == nil, errors.As(err, &refused) && refused.Status == http.StatusNotFound:
			x.ok(field, "Graph lets the application read "+what)
		case refused != nil && refused.Status == http.StatusForbidden:
			x.add(SeverityError, aadsts.MenderTenantAdmin, field, "Graph does not let the application read "+what+" ("+refused.Reference()+")",
				"grant the application permission "+permission+" and an administrator's consent to it")
		default:
			x.add(SeverityWarning, aadsts.MenderUnknown, field, "it could not be found out whether the application may read "+what+": "+err.Error(), "try again in a moment")
		}
	}
	if x.Connection.UserGroups {
		_, err := client.Groups(ctx, as, graph.GroupQuery{Names: true})
		try("is_retrieve_provider_user_groups", "people's groups", "GroupMember.Read.All", err)
	}
	if x.Connection.ExtendedProfile {
		_, err := client.Profile(ctx, as, nil)
		try("is_extended_attributes_required", "people's profiles", "User.Read.All", err)
	}
}

// What one diagnosis asks discovery at the most.
const (
	maxDomainLookups = 20
	lookupsAtOnce    = 4
)

// domains asks discovery which tenant the home realm domains belong to. People may well have addresses that their tenant does not know, so
// what it finds is no more than a warning.
func (x *examination) domains(ctx context.Context, s *Service) {
	const field = "home_realm_domains"
	c := x.Connection
	if c.TenantID == "" || c.UseCommonEndpoint || c.ADFS() {
		return
	}
	list := c.Domains()
	asked := list[:min(len(list), maxDomainLookups)]
	tenants := make([]string, len(asked))
	var all sync.WaitGroup
	for from := range lookupsAtOnce {
		all.Go(func() {
			for i := from; i < len(asked); i += lookupsAtOnce {
				tenants[i] = discoveredTenant(ctx, s.cfg.HTTPClient, x.Cloud, asked[i])
			}
		})
	}
	all.Wait()
	for i, domain := range asked {
		switch tenants[i] {
		case c.TenantID:
			x.ok(field, domain+" belongs to the connection's tenant")
		case "":
			x.add(SeverityWarning, aadsts.MenderAppOwner, field, "Entra's discovery knows no tenant for "+domain, "check its spelling; it is in order where people's addresses have a domain that is not verified in the tenant")
		default:
			x.add(SeverityWarning, aadsts.MenderAppOwner, field, domain+" belongs to another tenant than the connection's", "check that the people with such addresses sign in at this tenant")
		}
	}
	if len(list) > len(asked) {
		x.ok(field, fmt.Sprintf("of %d domains the first %d were looked up", len(list), len(asked)))
	}
}
