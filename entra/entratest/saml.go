package entratest

import (
	"strings"
	"time"
)

// Names of SAML claims: https://learn.microsoft.com/entra/identity-platform/reference-saml-tokens.
const (
	claimTenantID         = "http://schemas.microsoft.com/identity/claims/tenantid"
	claimObjectID         = "http://schemas.microsoft.com/identity/claims/objectidentifier"
	claimDisplayName      = "http://schemas.microsoft.com/identity/claims/displayname"
	claimIdentityProvider = "http://schemas.microsoft.com/identity/claims/identityprovider"
	claimName             = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
	claimGivenName        = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"
	claimSurname          = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"
	claimEmailAddress     = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
	claimGroups           = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	claimGroupsLink       = "http://schemas.microsoft.com/claims/groups.link"
	claimRole             = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
	claimDirectoryRoles   = "http://schemas.microsoft.com/ws/2008/06/identity/claims/wids"
	claimAuthnMethods     = "http://schemas.microsoft.com/claims/authnmethodsreferences"
	authnMethodPassword   = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"
	maxGroupsSAML         = 150 // https://learn.microsoft.com/entra/identity-platform/reference-saml-tokens, "Groups"
	formatPersistent      = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	formatUnspecified     = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	classPassword         = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
	methodPassword        = "urn:oasis:names:tc:SAML:1.0:am:password"
	bearer20              = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	bearer11              = "urn:oasis:names:tc:SAML:1.0:cm:bearer"
	nsSAML20              = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSAML11              = "urn:oasis:names:tc:SAML:1.0:assertion"
	tokenTypeSAML20       = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
	tokenTypeSAML11       = "urn:oasis:names:tc:SAML:1.0:assertion"
	valueTypeSAMLID       = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID"
)

// assertion is what the fake says of a person, in either version of SAML.
type assertion struct {
	id, issuer, audience, subject string
	issued, notBefore, expires    time.Time
	authenticated                 time.Time
	claims                        []samlClaim
}

// samlClaim is an attribute. One without values is left out, as Entra leaves out empty claims.
type samlClaim struct {
	name   string
	values []string
}

// samlClaimOf makes a samlClaim, dropping empty values.
func samlClaimOf(name string, values ...string) samlClaim {
	c := samlClaim{name: name}
	for _, v := range values {
		if v != "" {
			c.values = append(c.values, v)
		}
	}
	return c
}

// signed returns a as a signed element.
func (a assertion) signed(t TokenType, s xmlSigner) (*element, error) {
	if t == SAML11 {
		// AD FS puts the signature last; the schema of SAML 1.1 has it there (section 5.4.1 of saml-core-1.1).
		s.prefix = "ds"
		e := a.saml11()
		return e, s.sign(e, a.id, len(e.children))
	}
	// SAML 2.0 has it right behind the issuer (saml-core-2.0, section 2.3.3).
	e := a.saml20()
	return e, s.sign(e, a.id, 1)
}

// saml20 writes the assertion element by element as Entra does: a bearer confirmation without data, one audience,
// no Advice, no SessionIndex.
func (a assertion) saml20() *element {
	attributes := el("AttributeStatement", nil)
	for _, c := range a.claims {
		if len(c.values) == 0 {
			continue
		}
		e := el("Attribute", at("Name", c.name))
		for _, v := range c.values {
			e.children = append(e.children, el("AttributeValue", nil, xmlText(xmlClean(v))))
		}
		attributes.children = append(attributes.children, e)
	}
	return el("Assertion", at("ID", a.id, "IssueInstant", samlTime(a.issued), "Version", "2.0", "xmlns", nsSAML20),
		el("Issuer", nil, xmlText(a.issuer)),
		el("Subject", nil,
			el("NameID", at("Format", formatPersistent), xmlText(a.subject)),
			el("SubjectConfirmation", at("Method", bearer20))),
		el("Conditions", at("NotBefore", samlTime(a.notBefore), "NotOnOrAfter", samlTime(a.expires)),
			el("AudienceRestriction", nil, el("Audience", nil, xmlText(a.audience)))),
		attributes,
		el("AuthnStatement", at("AuthnInstant", samlTime(a.authenticated)),
			el("AuthnContext", nil, el("AuthnContextClassRef", nil, xmlText(classPassword)))))
}

// saml11 writes the assertion as Microsoft's servers write SAML 1.1: prefixed, the subject in each statement, a claim's URI cut
// at its last slash into namespace and name.
func (a assertion) saml11() *element {
	subject := func() *element {
		return el("saml:Subject", nil,
			el("saml:NameIdentifier", at("Format", formatUnspecified), xmlText(a.subject)),
			el("saml:SubjectConfirmation", nil, el("saml:ConfirmationMethod", nil, xmlText(bearer11))))
	}
	attributes := el("saml:AttributeStatement", nil, subject())
	for _, c := range a.claims {
		if len(c.values) == 0 {
			continue
		}
		cut := strings.LastIndexByte(c.name, '/')
		e := el("saml:Attribute", at("AttributeName", c.name[cut+1:], "AttributeNamespace", c.name[:cut]))
		for _, v := range c.values {
			e.children = append(e.children, el("saml:AttributeValue", nil, xmlText(xmlClean(v))))
		}
		attributes.children = append(attributes.children, e)
	}
	return el("saml:Assertion", at("MajorVersion", "1", "MinorVersion", "1", "AssertionID", a.id, "Issuer", a.issuer,
		"IssueInstant", samlTime(a.issued), "xmlns:saml", nsSAML11),
		el("saml:Conditions", at("NotBefore", samlTime(a.notBefore), "NotOnOrAfter", samlTime(a.expires)),
			el("saml:AudienceRestrictionCondition", nil, el("saml:Audience", nil, xmlText(a.audience)))),
		attributes,
		el("saml:AuthenticationStatement", at("AuthenticationMethod", methodPassword, "AuthenticationInstant", samlTime(a.authenticated)),
			subject()))
}

// samlTime writes a time as Entra does: UTC, with milliseconds.
func samlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

const (
	nsTrust      = "http://schemas.xmlsoap.org/ws/2005/02/trust"
	nsPolicy     = "http://schemas.xmlsoap.org/ws/2004/09/policy"
	nsAddressing = "http://www.w3.org/2005/08/addressing"
	nsUtility    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsSecExt     = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsSecExt11   = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
	bearerKey    = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
	requestIssue = "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue"
)

// response wraps a signed token into the RequestSecurityTokenResponse of WS-Trust 2005/02, as Entra answers.
func (a assertion) response(t TokenType, token *element) *element {
	tokenType := tokenTypeSAML20
	var attached, unattached *element // only with SAML 2.0: AD FS leaves them out beside SAML 1.1
	if t == SAML11 {
		tokenType = tokenTypeSAML11
	} else {
		attached = el("t:RequestedAttachedReference", nil, a.reference())
		unattached = el("t:RequestedUnattachedReference", nil, a.reference())
	}
	return el("t:RequestSecurityTokenResponse", at("xmlns:t", nsTrust),
		el("t:Lifetime", nil,
			el("wsu:Created", at("xmlns:wsu", nsUtility), xmlText(samlTime(a.notBefore))),
			el("wsu:Expires", at("xmlns:wsu", nsUtility), xmlText(samlTime(a.expires)))),
		el("wsp:AppliesTo", at("xmlns:wsp", nsPolicy),
			el("wsa:EndpointReference", at("xmlns:wsa", nsAddressing),
				el("wsa:Address", nil, xmlText(a.audience)))),
		el("t:RequestedSecurityToken", nil, token),
		attached,
		unattached,
		el("t:TokenType", nil, xmlText(tokenType)),
		el("t:RequestType", nil, xmlText(requestIssue)),
		el("t:KeyType", nil, xmlText(bearerKey)))
}

func (a assertion) reference() *element {
	return el("SecurityTokenReference", at("d3p1:TokenType", tokenTypeSAML20, "xmlns:d3p1", nsSecExt11, "xmlns", nsSecExt),
		el("KeyIdentifier", at("ValueType", valueTypeSAMLID), xmlText(a.id)))
}
