package oauth2

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Diagnose implements entra.Diagnoser: whether the connection is complete, whether its authority answers and has keys that sign for its tenants, whether
// its domain still belongs to the pinned tenant. Nobody has to sign in for it; what only a sign-in shows (redirect URI, consent, policies) is for a test
// sign-in to find. Whether Entra believes the application the Service finds out, for both protocols.
func (d *driver) Diagnose(ctx context.Context, t entra.Target) entra.Findings {
	x := examination{target: t}
	c, err := d.client(t)
	if err != nil {
		x.fault("", err, "complete the connection's fields", aadsts.MenderAppOwner)
		return x.found
	}
	now, err := c.cfg.Metadata.current(ctx, c.authority, c.means)
	if err != nil {
		x.metadata(err)
		return x.found
	}
	x.keys(c, now)
	x.pin(ctx, c, now)
	return x.found
}

// examination gathers findings of one connection.
type examination struct {
	target entra.Target
	found  entra.Findings
}

func (x *examination) add(s entra.Severity, field, problem, fix string, mender aadsts.Mender) {
	x.found = append(x.found, entra.Finding{ConnectionID: x.target.Connection.ID, Field: field, Problem: problem, Fix: fix, Mender: mender, Severity: s})
}

func (x *examination) fault(field string, err error, fix string, mender aadsts.Mender) {
	x.add(entra.SeverityError, field, err.Error(), fix, mender)
}

// metadata says why there are no discovery document and keys.
func (x *examination) metadata(err error) {
	var refused *MetadataError
	var provider *aadsts.Error
	switch {
	case errors.As(err, &provider):
		x.fault("entra_id_domain", err, "check the spelling of tenant or domain, and the cloud", aadsts.MenderAppOwner)
	case errors.As(err, &refused):
		x.fault("cloud", err, "check that the cloud's addresses are right, and that nothing between this server and Entra changes answers", aadsts.MenderHost)
	default:
		x.fault("cloud", err, "check that this server can reach the cloud's login host", aadsts.MenderHost)
	}
}

// keys looks for one that may sign for each tenant that is admitted by name, or for the authority's own.
func (x *examination) keys(c *Client, now *snapshot) {
	tenants := c.cfg.AllowedTenants
	if !now.document.shared {
		tenants = []string{now.document.tenant}
	}
	for _, tenant := range tenants {
		issuer, signs := now.document.issuerFor(tenant), false
		for _, list := range now.keys {
			for _, k := range list {
				signs = signs || k.signsFor(now.document, issuer, tenant)
			}
		}
		if !signs {
			x.add(entra.SeverityError, "entra_id_domain", fmt.Sprintf("Entra publishes no key that signs for tenant %s here", tenant),
				"check tenant and cloud", aadsts.MenderAppOwner)
		}
	}
}

// pin compares the tenant that the connection is pinned to with the one that its domain belongs to now.
func (x *examination) pin(ctx context.Context, c *Client, now *snapshot) {
	typed, pinned := strings.ToLower(strings.TrimSpace(x.target.Connection.EntraDomain)), x.target.Connection.TenantID
	if pinned == "" || !cloud.IsDomain(typed) || now.document.shared {
		return
	}
	a := c.authority
	a.tenant = typed
	there, err := c.cfg.Metadata.current(ctx, a, c.means)
	switch {
	case err != nil:
		x.add(entra.SeverityWarning, "entra_id_domain", "Entra does not name a tenant for the domain any more: "+err.Error(),
			"check that the domain is still verified in the tenant; people go on signing in to the pinned tenant", aadsts.MenderTenantAdmin)
	case there.document.tenant != pinned:
		x.add(entra.SeverityError, "entra_id_domain", fmt.Sprintf("the domain belongs to tenant %s now, not to the pinned one", there.document.tenant),
			"find out why it moved before the environment confirms the new tenant", aadsts.MenderHost)
	}
}
