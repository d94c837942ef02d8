package graph

import (
	"fmt"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Form is how groups are told: as an application's tokens would, so that one list can stand for the other. In all forms but object ids and
// display names a group that was not synced from on-premises stands as its object id.
//
// Source: https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-fed-group-claims
type Form string

// The forms, spelled as in an app manifest's additionalProperties.
const (
	FormObjectID    Form = ""
	FormSAM         Form = "sam_account_name"
	FormDNSSAM      Form = "dns_domain_and_sam_account_name"
	FormNetBIOSSAM  Form = "netbios_domain_and_sam_account_name"
	FormSID         Form = "on_premise_security_identifier"
	FormDisplayName Form = "cloud_displayname"
)

// properties are what the form is made of, for $select.
func (f Form) properties() string {
	switch f {
	case FormSAM:
		return ",onPremisesSamAccountName"
	case FormDNSSAM:
		return ",onPremisesSamAccountName,onPremisesDomainName"
	case FormNetBIOSSAM:
		return ",onPremisesSamAccountName,onPremisesNetBiosName"
	case FormSID:
		return ",onPremisesSecurityIdentifier"
	}
	return ""
}

// told returns the groups as they are asked for, each once: nested membership can list one twice. A list with something in it that is no
// object id, or that cannot be told in the form, is not believed.
func (q GroupQuery) told(found []group) ([]claims.Group, error) {
	list := make([]claims.Group, 0, len(found))
	seen := make(map[string]bool, len(found))
	for _, g := range found {
		if !cloud.IsGUID(g.ID) {
			return nil, fmt.Errorf("graph: %w: a group without an object id", ErrIncomplete)
		}
		g.ID = strings.ToLower(g.ID)
		if seen[g.ID] {
			continue
		}
		seen[g.ID] = true
		one, ok := g.as(q)
		if !ok {
			return nil, fmt.Errorf("graph: %w: what the token calls a group takes the permission GroupMember.Read.All", ErrIncomplete)
		}
		if q.AssignedTo != "" {
			one.Origin = claims.OriginAssigned
		}
		list = append(list, one)
	}
	return list, nil
}

// as tells one group; false where Graph kept back what that takes. A group always has a display name, so that its absence is the sign.
func (g group) as(q GroupQuery) (claims.Group, bool) {
	one := claims.Group{ID: g.ID, Origin: g.origin()}
	if q.Names {
		one.Name = text(g.DisplayName)
	}
	if q.Form == FormObjectID {
		return one, true
	}
	if g.DisplayName == nil {
		return one, false
	}
	if q.Form == FormDisplayName {
		return claims.Group{Name: *g.DisplayName, Origin: one.Origin}, *g.DisplayName != ""
	}
	if one.Origin != claims.OriginOnPremises {
		return one, true
	}
	domain, value := "", text(g.SAM)
	switch q.Form {
	case FormDNSSAM:
		domain = text(g.DNSDomain)
	case FormNetBIOSSAM:
		domain = text(g.NetBIOS)
	case FormSID:
		return claims.Group{ID: text(g.SID), Origin: one.Origin}, text(g.SID) != ""
	}
	if q.Form != FormSAM {
		if domain == "" {
			return one, false
		}
		return claims.Group{Name: domain + `\` + value, Origin: one.Origin}, value != ""
	}
	return claims.Group{Name: value, Origin: one.Origin}, value != ""
}

func (g group) origin() claims.Origin {
	if g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled {
		return claims.OriginOnPremises
	}
	return claims.OriginUnknown
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
