package wsfed

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
)

// MetadataDocument returns our own federation metadata, to hand to the provider's administrator, or to serve: AD FS reads it from a file
// or an address when a relying party trust is made, and an Entra administrator finds in it what to fill in. It says the realm, the reply address, and with
// which certificate to encrypt, that of the first of Config.DecryptionKeys, where there is one (WS-Federation 1.2, section 3.1.2.2). It holds nothing secret and is not signed.
func (p *RelyingParty) MetadataDocument() []byte {
	var certificate []byte
	if len(p.c.DecryptionKeys) > 0 {
		certificate = p.c.DecryptionKeys[0].Certificate[0]
	}
	return describe(p.c.Realm, p.c.Reply, certificate)
}

// MetadataDocument is that of a connection, see RelyingParty.MetadataDocument; callbackURL is what Service.CallbackURL says. It
// needs nothing of the connection but its realm, so that it can be handed out before the rest is known. Without a realm the error wraps ErrInvalid, and
// ErrUnavailable where DecryptionKeys fails.
func (p Protocol) MetadataDocument(ctx context.Context, c *entra.Connection, callbackURL string) ([]byte, error) {
	if c.WTRealm() == "" {
		return nil, fmt.Errorf("%w: the connection has neither realm nor client id", ErrInvalid)
	}
	var certificate []byte
	if p.DecryptionKeys != nil {
		keys, err := p.DecryptionKeys(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%w: decryption keys: %w", ErrUnavailable, err)
		}
		if err := checkDecryptionKeys(keys); err != nil {
			return nil, fmt.Errorf("%w: decryption keys: %w", ErrInvalid, err)
		}
		if len(keys) > 0 {
			certificate = keys[0].Certificate[0]
		}
	}
	return describe(c.WTRealm(), callbackURL, certificate), nil
}

const description = `<?xml version="1.0" encoding="utf-8"?>
<EntityDescriptor xmlns="` + metadataNS + `" entityID="{realm}">
  <RoleDescriptor xmlns:xsi="` + xsiNS + `" xmlns:fed="` + fedNS + `" xsi:type="fed:ApplicationServiceType" protocolSupportEnumeration="` + fedNS + `">{encryption}
    <fed:TargetScopes>
      <wsa:EndpointReference xmlns:wsa="` + wsaNS + `"><wsa:Address>{realm}</wsa:Address></wsa:EndpointReference>
    </fed:TargetScopes>
    <fed:ApplicationServiceEndpoint>
      <wsa:EndpointReference xmlns:wsa="` + wsaNS + `"><wsa:Address>{reply}</wsa:Address></wsa:EndpointReference>
    </fed:ApplicationServiceEndpoint>
    <fed:PassiveRequestorEndpoint>
      <wsa:EndpointReference xmlns:wsa="` + wsaNS + `"><wsa:Address>{reply}</wsa:Address></wsa:EndpointReference>
    </fed:PassiveRequestorEndpoint>
  </RoleDescriptor>
</EntityDescriptor>
`

const descriptionKey = `
    <KeyDescriptor use="encryption">
      <KeyInfo xmlns="` + xmldsigNS + `"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>
    </KeyDescriptor>`

func describe(realm, reply string, certificate []byte) []byte {
	encryption := ""
	if certificate != nil {
		encryption = strings.Replace(descriptionKey, "{certificate}", base64.StdEncoding.EncodeToString(certificate), 1)
	}
	return []byte(strings.NewReplacer("{realm}", escape(realm), "{reply}", escape(reply), "{encryption}", encryption).Replace(description))
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
