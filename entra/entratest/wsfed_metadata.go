package entratest

import (
	"encoding/base64"
	"strings"
)

const (
	nsMetadata      = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsFederation    = "http://docs.oasis-open.org/wsfed/federation/200706"
	nsAuth          = "http://docs.oasis-open.org/wsfed/authorization/200706"
	nsInstance      = "http://www.w3.org/2001/XMLSchema-instance"
	protocolSAML    = "urn:oasis:names:tc:SAML:2.0:protocol"
	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// federation is a federation metadata document:
// https://learn.microsoft.com/entra/identity-platform/federation-metadata.
type federation struct {
	id, entityID string
	passive      string   // the WS-Federation endpoint
	saml         string   // the SAML 2.0 endpoint; named as Entra names it, not served
	certificates [][]byte // DER, in the order of the document
}

// claimTypesOffered are claim, display name and description of the offer in Entra's document.
var claimTypesOffered = [][3]string{
	{claimName, "Name", "The mutable display name of the user."},
	{claimGivenName, "Given Name", "First name of the user."},
	{claimSurname, "Surname", "Last name of the user."},
	{claimDisplayName, "Display Name", "Display name of the user."},
	{claimObjectID, "ObjectIdentifier", "Primary identifier for the user in the directory."},
	{claimTenantID, "TenantId", "Identifier for the user's tenant."},
	{claimIdentityProvider, "IdentityProvider", "Identity provider for the user."},
	{claimEmailAddress, "Email", "Email address of the user."},
	{claimGroups, "Groups", "Groups of the user."},
	{claimGroupsLink, "GroupsOverageClaim", "Issued when number of user's group claims exceeds return limit."},
	{claimRole, "Role Claim", "Roles that the user is attached to"},
	{claimDirectoryRoles, "RoleTemplate Id Claim", "Role template id of the directory roles that the user is a member of"},
}

// signed returns the document, signed, without the XML declaration.
func (f federation) signed(s xmlSigner) (*element, error) {
	s.prefix = ""
	offered := el("fed:ClaimTypesOffered", nil)
	for _, c := range claimTypesOffered {
		offered.children = append(offered.children, el("auth:ClaimType", at("Uri", c[0], "xmlns:auth", nsAuth),
			el("auth:DisplayName", nil, xmlText(c[1])),
			el("auth:Description", nil, xmlText(c[2]))))
	}
	sts := f.role("fed:SecurityTokenServiceType",
		offered,
		el("fed:SecurityTokenServiceEndpoint", nil, endpointReference(f.passive)),
		el("fed:PassiveRequestorEndpoint", nil, endpointReference(f.passive)))
	application := f.role("fed:ApplicationServiceType",
		el("fed:TargetScopes", nil, endpointReference(escapeBraces.Replace(f.entityID))),
		el("fed:ApplicationServiceEndpoint", nil, endpointReference(f.passive)),
		el("fed:PassiveRequestorEndpoint", nil, endpointReference(f.passive)))
	idp := el("IDPSSODescriptor", at("protocolSupportEnumeration", protocolSAML))
	idp.children = append(f.keys(),
		el("SingleLogoutService", at("Binding", bindingRedirect, "Location", f.saml)),
		el("SingleSignOnService", at("Binding", bindingRedirect, "Location", f.saml)),
		el("SingleSignOnService", at("Binding", bindingPost, "Location", f.saml)))

	e := el("EntityDescriptor", at("ID", f.id, "entityID", f.entityID, "xmlns", nsMetadata), sts, application, idp)
	return e, s.sign(e, f.id, 0)
}

// role writes a RoleDescriptor. The prefix fed in xsi:type is a value that canonicalization does not see: its declaration is not
// covered by the signature here, and is covered again at each child.
func (f federation) role(kind string, children ...child) *element {
	return el("RoleDescriptor", at("xsi:type", kind, "protocolSupportEnumeration", nsFederation,
		"xmlns:xsi", nsInstance, "xmlns:fed", nsFederation), append(f.keys(), children...)...)
}

func (f federation) keys() []child {
	var list []child
	for _, der := range f.certificates {
		list = append(list, el("KeyDescriptor", at("use", "signing"),
			el("KeyInfo", at("xmlns", nsSignature),
				el("X509Data", nil,
					el("X509Certificate", nil, xmlText(base64.StdEncoding.EncodeToString(der)))))))
	}
	return list
}

func endpointReference(address string) *element {
	return el("wsa:EndpointReference", at("xmlns:wsa", nsAddressing), el("wsa:Address", nil, xmlText(address)))
}

// escapeBraces: the template issuer of the common document is percent-encoded where it stands as an address.
var escapeBraces = strings.NewReplacer("{", "%7B", "}", "%7D")

// xmlDeclaration stands before the document; a byte order mark can stand before that.
const (
	xmlDeclaration = `<?xml version="1.0" encoding="utf-8"?>`
	byteOrderMark  = "\ufeff"
)
