package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/hrd"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const maxDiscovery = 64 << 10 // bytes

// pin resolves the connection's Entra domain to the tenant's GUID, once: a domain can be moved to another tenant, and then its people are
// others. When Entra does not answer the connection stays unpinned, with a warning; the authority's own document then names the tenant at sign-in.
func (r *Registrar) pin(ctx context.Context, before, next *Connection, confirmed bool) (Findings, error) {
	typed := strings.ToLower(strings.TrimSpace(next.EntraDomain))
	switch {
	case next.MetadataURL != "" || next.UseCommonEndpoint && typed == "":
		next.TenantID = ""
		return nil, nil
	case cloud.IsCanonicalGUID(typed):
		next.TenantID = typed
		return nil, nil
	}
	resolved := r.tenantOf(ctx, next, typed)
	if resolved == "" {
		// An unchanged connection keeps its pin through Entra's bad days; a changed one must earn a new one.
		if before != nil && strings.EqualFold(before.EntraDomain, next.EntraDomain) && before.Cloud == next.Cloud {
			next.TenantID = before.TenantID
		} else {
			next.TenantID = ""
		}
		return Findings{{ConnectionID: next.ID, Field: "entra_id_domain", Problem: fmt.Sprintf("Entra did not name a tenant for %q", next.EntraDomain), Fix: "check the spelling and the cloud; the tenant is pinned when the connection is saved again", Mender: aadsts.MenderAppOwner, Severity: SeverityWarning}}, nil
	}
	if before != nil && before.TenantID != "" && before.TenantID != resolved && strings.EqualFold(before.EntraDomain, next.EntraDomain) && !confirmed {
		return nil, ErrTenantChanged
	}
	next.TenantID = resolved
	return nil, nil
}

// tenantOf asks the cloud's discovery which tenant a domain belongs to; "" when it does not say.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#find-your-apps-openid-configuration-document-uri
func (r *Registrar) tenantOf(ctx context.Context, c *Connection, domain string) string {
	cl, ok := findCloud(r.cfg.Clouds, c.Cloud)
	if !ok {
		return ""
	}
	return discoveredTenant(ctx, r.cfg.HTTPClient, cl, domain)
}

// discoveredTenant asks about a listed domain: one that stands for its subdomains is its base domain's.
func discoveredTenant(ctx context.Context, client *http.Client, cl cloud.Cloud, domain string) string {
	base, _ := hrd.Base(domain)
	res, err := outbound.Get(ctx, client, cl.Login+"/"+url.PathEscape(base)+"/v2.0/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return ""
	}
	var doc struct {
		Issuer string `json:"issuer"`
	}
	if json.Unmarshal(res.Body, &doc) != nil {
		return ""
	}
	return tenantOfIssuer(cl, doc.Issuer)
}

// tenantOfIssuer reads the GUID out of an issuer that has exactly the cloud's form.
func tenantOfIssuer(cl cloud.Cloud, issuer string) string {
	prefix, suffix, ok := strings.Cut(cl.IssuerV2, "{tenantid}")
	if !ok || !strings.HasPrefix(issuer, prefix) || !strings.HasSuffix(issuer, suffix) || len(issuer) != len(prefix)+36+len(suffix) {
		return ""
	}
	if id := issuer[len(prefix) : len(prefix)+36]; cloud.IsCanonicalGUID(id) {
		return id
	}
	return ""
}
