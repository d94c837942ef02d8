package claims

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Attribute is one SAML attribute. For SAML 1.1 Name is AttributeNamespace + "/" + AttributeName.
type Attribute struct {
	Name   string
	Values []string
}

// SAML is a verified SAML assertion, whichever version.
type SAML struct {
	Issuer  string
	Subject string // NameID; for AD FS the immutable claim that configuration names
	// Tenant is the tenant under whose Entra issuer the assertion was verified, a lower-case GUID.
	// "" means that the issuer is not Entra (AD FS): the tenant and object ids in the attributes are then not read,
	// because AD FS can emit any claim under any name.
	Tenant    string
	AuthTime  time.Time
	SessionID string
	// SessionEnd is the earliest SessionNotOnOrAfter (SAML 2.0 core, section 2.7.2); zero when the assertion has none.
	SessionEnd time.Time
	Attributes []Attribute
}

// The attributes that are read.
// https://learn.microsoft.com/entra/identity-platform/reference-saml-tokens and, for AD FS, MS-MWBF.
const (
	attrTenant      = "http://schemas.microsoft.com/identity/claims/tenantid"
	attrObject      = "http://schemas.microsoft.com/identity/claims/objectidentifier"
	attrDisplayName = "http://schemas.microsoft.com/identity/claims/displayname"
	attrProvider    = "http://schemas.microsoft.com/identity/claims/identityprovider"
	attrAccount     = "http://schemas.microsoft.com/identity/claims/acct"
	attrName        = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
	attrGivenName   = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"
	attrSurname     = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"
	attrEmail       = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
	attrUPN         = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
	attrGroups      = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	attrGroupsLink  = "http://schemas.microsoft.com/claims/groups.link"
	attrRole        = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
	attrWids        = "http://schemas.microsoft.com/ws/2008/06/identity/claims/wids"
	attrMethods     = "http://schemas.microsoft.com/claims/authnmethodsreferences"
	attrADFSGroup   = "http://schemas.xmlsoap.org/claims/Group"
	attrCommonName  = "http://schemas.xmlsoap.org/claims/CommonName"
)

// attributes tells for each attribute that is read whether it may have several values.
var attributes = map[string]bool{
	attrTenant: false, attrObject: false, attrDisplayName: false, attrProvider: false, attrAccount: false,
	attrName: false, attrGivenName: false, attrSurname: false, attrEmail: false, attrUPN: false, attrCommonName: false,
	attrGroups: true, attrGroupsLink: true, attrRole: true, attrWids: true, attrMethods: true, attrADFSGroup: true,
}

// Bounds of an assertion's attributes; Entra sends at most 150 groups.
const (
	maxAttributes = 1000
	maxValues     = 20000
)

// FromVerifiedSAML reads the claims of an assertion that the caller has verified, from the bytes that were verified.
//
// The same person has the same TenantID and ObjectID as over OpenID Connect. With a Tenant, the attribute tenantid must be
// there and equal it, and objectidentifier must be a lower-case GUID. SAML carries no evidence for an address.
// It is an error when an attribute that has one value is given several, or when a name differs from one that is read only
// in case or is not printable ASCII.
func FromVerifiedSAML(a SAML) (*Identity, error) {
	if a.Issuer == "" || a.Subject == "" {
		return nil, errors.New("claims: assertion lacks issuer or subject")
	}
	values, err := attributeValues(a.Attributes)
	if err != nil {
		return nil, err
	}
	one := func(name string) string {
		if v := values[name]; len(v) == 1 {
			return v[0]
		}
		return ""
	}
	id := &Identity{
		Issuer:         a.Issuer,
		Subject:        a.Subject,
		SessionID:      a.SessionID,
		AuthTime:       a.AuthTime,
		SessionEnd:     a.SessionEnd,
		Username:       firstOf(one(attrUPN), one(attrName)),
		Name:           firstOf(one(attrDisplayName), one(attrCommonName)),
		GivenName:      one(attrGivenName),
		FamilyName:     one(attrSurname),
		Roles:          values[attrRole],
		DirectoryRoles: values[attrWids],
		Kind:           KindExternal,
		Raw:            rawAttributes(values),
	}
	id.Email.Address = addressOf(one(attrEmail), one(attrUPN), one(attrName))

	groupsName := attrGroups
	if a.Tenant == "" && values[attrGroups] == nil {
		groupsName = attrADFSGroup
	}
	if list, ok := values[groupsName]; ok {
		id.Groups = groupsFrom(list)
	}
	if _, ok := values[attrGroupsLink]; ok { // its address is never used
		id.Groups = OverageGroups()
	}
	if a.Tenant == "" {
		return id, nil
	}

	switch tenant, object := one(attrTenant), one(attrObject); {
	case !IsGUID(a.Tenant):
		return nil, errors.New("claims: the issuer's tenant is not a lower-case GUID")
	case tenant == "":
		return nil, errors.New("claims: assertion lacks tenantid")
	case tenant != a.Tenant:
		return nil, errors.New("claims: tenantid is not the issuer's tenant")
	case !IsGUID(object):
		return nil, errors.New("claims: objectidentifier is missing or not a lower-case GUID")
	default:
		id.TenantID, id.ObjectID = tenant, object
		id.Kind = kindOf(a.Issuer, tenant, one(attrProvider), one(attrAccount))
	}
	return id, nil
}

// attributeValues gathers the values by name. An attribute may be split over several elements; empty values of those that
// are read are left out, as Entra itself leaves out empty claims.
func attributeValues(list []Attribute) (map[string][]string, error) {
	if len(list) > maxAttributes {
		return nil, fmt.Errorf("claims: more than %d attributes", maxAttributes)
	}
	known := make(map[string]string, len(attributes))
	for name := range attributes {
		known[strings.ToLower(name)] = name
	}
	seen := make(map[string]string, len(list))
	values := make(map[string][]string, len(list))
	total := 0
	for _, a := range list {
		if !isPrintableASCII(a.Name) {
			return nil, fmt.Errorf("claims: attribute name %+q is not printable ASCII", clip(a.Name))
		}
		folded := strings.ToLower(a.Name)
		if name, ok := known[folded]; ok && name != a.Name {
			return nil, fmt.Errorf("claims: attribute %q differs from %q only in case", clip(a.Name), name)
		}
		if name, ok := seen[folded]; ok && name != a.Name {
			return nil, fmt.Errorf("claims: attributes %q and %q differ only in case", clip(a.Name), clip(name))
		}
		seen[folded] = a.Name
		if total += len(a.Values); total > maxValues {
			return nil, fmt.Errorf("claims: more than %d attribute values", maxValues)
		}
		several, isRead := attributes[a.Name]
		kept := values[a.Name]
		if kept == nil {
			kept = []string{}
		}
		for _, v := range a.Values {
			if v != "" || !isRead {
				kept = append(kept, v)
			}
		}
		if isRead && !several && len(kept) > 1 {
			return nil, fmt.Errorf("claims: attribute %q has several values", a.Name)
		}
		values[a.Name] = kept
	}
	return values, nil
}

// rawAttributes gives attributes the form of JWT claims: lists stay lists, a single value of any other is a string.
func rawAttributes(values map[string][]string) map[string]any {
	raw := make(map[string]any, len(values))
	for name, list := range values {
		if len(list) == 1 && !attributes[name] {
			raw[name] = list[0]
			continue
		}
		anys := make([]any, len(list))
		for i, v := range list {
			anys[i] = v
		}
		raw[name] = anys
	}
	return raw
}
