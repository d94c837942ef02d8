package entra

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Guide says what to enter at the provider so that a connection works: step by step with values to copy, and for Entra as a manifest to paste. It holds no
// secret. As an http.Handler it is a page of its own, without scripts and without anything from elsewhere; the host decides who may see it.
type Guide struct {
	ConnectionID string       `json:"connection_id,omitempty"`
	Title        string       `json:"title"`
	Steps        []GuideStep  `json:"steps"`
	Manifest     *AppManifest `json:"manifest,omitempty"` // nil with AD FS
	// ConsentURL is where an administrator of the tenant grants the permissions for everybody; "" before the client id is known, and with AD FS. Entra leads from
	// there to the callback URL, where nobody waits for it: where the host can, it sends the administrator by BeginOptions.AdminConsent instead.
	ConsentURL string `json:"consent_url,omitempty"`
}

// GuideStep is one page of the admin center.
type GuideStep struct {
	Title  string       `json:"title"`
	Text   string       `json:"text"`
	Values []GuideValue `json:"values,omitempty"`
}

// GuideValue is what to copy into one of its fields.
type GuideValue struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// SetupGuide returns the guide for a connection, which may still lack what only the provider can tell, its client id for instance. The cloud is that
// of the connection, and callbackURL what Service.CallbackURL says.
func SetupGuide(c *Connection, cl cloud.Cloud, callbackURL string) *Guide {
	b := &guideBuilder{c: c, cloud: cl, callback: callbackURL, guide: &Guide{ConnectionID: c.ID}}
	if c.ADFS() {
		b.adfs()
	} else {
		b.entra()
	}
	return b.guide
}

// SetupGuide returns the guide for a connection of this Service. Errors are those of CallbackURL, and KindConfiguration for an unknown cloud.
func (s *Service) SetupGuide(ctx context.Context, c *Connection) (*Guide, error) {
	cl, err := s.cloud(c)
	if err != nil {
		return nil, err
	}
	callback, err := s.CallbackURL(ctx, c)
	if err != nil {
		return nil, err
	}
	return SetupGuide(c, cl, callback), nil
}

type guideBuilder struct {
	c        *Connection
	cloud    cloud.Cloud
	callback string
	guide    *Guide
}

func (b *guideBuilder) step(title, text string, values ...GuideValue) {
	values = slices.DeleteFunc(values, func(v GuideValue) bool { return v.Value == "" })
	b.guide.Steps = append(b.guide.Steps, GuideStep{Title: title, Text: text, Values: values})
}

// signOutURL is where Entra tells us that somebody signed out; WS-Federation's clean-up comes to the callback itself.
func (b *guideBuilder) signOutURL() string {
	name := b.c.Strategy.short()
	base, ok := strings.CutSuffix(b.callback, "/callback/"+name)
	if !ok || b.c.Strategy == WSFed {
		return ""
	}
	return base + "/signout/" + name
}

// identifier is the realm that has to be registered; Entra knows spn:{client id} by itself.
func (b *guideBuilder) identifier() string {
	if b.c.Strategy != WSFed || strings.HasPrefix(b.c.Realm, "spn:") {
		return ""
	}
	return b.c.Realm
}

// entra follows the menu of an app registration, from the top.
// https://learn.microsoft.com/entra/identity-platform/quickstart-register-app
func (b *guideBuilder) entra() {
	c, m := b.c, b.manifest()
	b.guide.Manifest = m
	b.guide.Title = "Set up " + cmp.Or(c.DisplayName, c.Name, "the connection") + " in Microsoft Entra ID"
	b.step("Register an application",
		"In the Microsoft Entra admin center open App registrations, and create one or open yours. Then copy the Application (client) ID of its overview into the connection. Everything up to the permissions can be pasted at once on the page Manifest; the steps below say the same one by one.",
		GuideValue{"Supported account types", audienceText[m.SignInAudience]}, GuideValue{"Application (client) ID", c.ClientID})
	b.step("Authentication",
		"Add the platform Web, not Single-page application: the browser comes back to this server, whatever the application behind it is. The addresses are compared to the letter.",
		GuideValue{"Redirect URI (platform Web)", b.callback}, GuideValue{"Front-channel logout URL", b.signOutURL()})
	if id := b.identifier(); id != "" {
		b.step("Expose an API", "Set the Application ID URI. It is what the connection calls its realm, and the audience of every token.", GuideValue{"Application ID URI", id})
	}
	b.credentialStep()
	b.claimsStep(m)
	b.permissionStep()
	b.step("Back in the connection", "Enter what the app registration's overview shows: a verified domain of the directory, or the Directory (tenant) ID, and the Application (client) ID. Then run the connection's test.",
		GuideValue{"Domain or tenant", cmp.Or(c.EntraDomain, c.TenantID)})
}

// credentialStep is about what the connection proves the application with: what it has, or a secret.
func (b *guideBuilder) credentialStep() {
	const title = "Certificates & secrets"
	c := b.c
	certificates := b.certificates()
	switch {
	case c.FederatedTokenFile != "":
		b.step(title, "Add a federated credential for the identity under which this server runs, with its issuer and subject as the platform names them. There is no secret.",
			GuideValue{"Audience", b.cloud.FederationAudience})
	case len(certificates) > 0:
		b.step(title, "Upload each certificate to the app registration. They hold no private key.", certificates...)
	case c.Strategy == OAuth2 || c.UserGroups || c.ExtendedProfile: // signing people in over WS-Federation needs none
		b.step(title, "Create a client secret and copy its Value, which is shown only once, into the connection; the Secret ID beside it is not the secret. Note when it ends. A certificate or a federated credential, where the host has one, does instead.")
	}
}

// certificates are those that the connection signs with, without their keys.
func (b *guideBuilder) certificates() []GuideValue {
	pairs, err := b.c.keyPairs()
	if err != nil {
		return nil // Check says so
	}
	values := make([]GuideValue, 0, len(pairs))
	for _, p := range pairs {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})
		values = append(values, GuideValue{"Certificate, good until " + p.Certificate.NotAfter.UTC().Format(time.DateOnly), string(text)})
	}
	return values
}

// claimsStep lists what tokens are to carry.
func (b *guideBuilder) claimsStep(m *AppManifest) {
	kind, list := "ID", m.OptionalClaims.IDToken
	if b.c.Strategy == WSFed {
		kind, list = "SAML", m.OptionalClaims.SAML2Token
	}
	var names []string
	for _, claim := range list {
		if claim.Name != "groups" {
			names = append(names, claim.Name)
		}
	}
	text := "Add the optional claims for tokens of type " + kind + "."
	if slices.Contains(names, "xms_edov") {
		text += " xms_edov says whether Entra knows the owner of an address's domain; where the page does not offer it, paste the manifest's optionalClaims."
	}
	var groups []string
	for _, one := range b.groupClaims() {
		groups = append(groups, groupText[one])
	}
	values := []GuideValue{{"Optional claims (" + kind + ")", strings.Join(names, ", ")}, {"Groups claim", strings.Join(groups, "; ")}}
	if b.emitsGroups() {
		values = append(values, GuideValue{"Emit groups as", strings.Join(b.groupForm(), ", ")})
	}
	b.step("Token configuration", text, values...)
}

func (b *guideBuilder) permissionStep() {
	var values []GuideValue
	for _, p := range b.permissions() {
		kind := "Delegated"
		if p.Application {
			kind = "Application"
		}
		values = append(values, GuideValue{"Microsoft Graph, " + kind, p.Name})
	}
	text := "Add the permissions."
	if len(values) == 0 {
		return
	}
	if b.c.ClientID != "" {
		b.guide.ConsentURL = b.cloud.Login + "/" + url.PathEscape(consentTenant(b.c)) + "/adminconsent?" + url.Values{"client_id": {b.c.ClientID}}.Encode()
		values = append(values, GuideValue{"Consent by link", b.guide.ConsentURL})
	}
	text += " Then an administrator of the tenant grants them for everybody: by the button “Grant admin consent” of the admin center, or by the link. The link ends at a page of this server which says that nobody here waited for the answer; the permissions are granted all the same."
	b.step("API permissions", text, values...)
}

// consentTenant is never common, which the consent page does not know.
// https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent#construct-the-url-for-granting-tenant-wide-admin-consent
func consentTenant(c *Connection) string {
	if own := c.ownTenant(); !c.UseCommonEndpoint && own != "" {
		return own
	}
	return "organizations"
}

// adfs follows the assistant for a relying party trust.
// https://learn.microsoft.com/windows-server/identity/ad-fs/operations/create-a-relying-party-trust
func (b *guideBuilder) adfs() {
	c := b.c
	b.guide.Title = "Set up " + cmp.Or(c.DisplayName, c.Name, "the connection") + " in AD FS"
	b.step("Add a relying party trust", "In AD FS Management add a relying party trust, claims aware, and enter its data by hand.", GuideValue{"Relying party trust identifier", c.WTRealm()})
	b.step("Configure the URL", "Enable support for the WS-Federation Passive protocol. The secure hash algorithm is SHA-256.", GuideValue{"Relying party WS-Federation Passive protocol URL", b.callback})
	b.step("Edit the claim issuance policy",
		"Issue the claim that identifies a person, from objectGUID or another attribute that never changes, and whatever else of name, address and groups is wanted.",
		GuideValue{"Identifying claim", c.SubjectClaim}, GuideValue{"Address", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"},
		GuideValue{"First name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"}, GuideValue{"Last name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"})
	b.step("Back in the connection", "Enter the address of the federation metadata, and the issuer exactly as the metadata's entityID has it.",
		GuideValue{"Metadata address", c.MetadataURL}, GuideValue{"Issuer", c.Issuer})
}

// ManifestJSON is the manifest as text to paste; "" with AD FS.
func (g *Guide) ManifestJSON() string {
	if g.Manifest == nil {
		return ""
	}
	out, err := json.MarshalIndent(g.Manifest, "", "  ")
	if err != nil {
		return "" // strings and booleans only: it cannot happen
	}
	return string(out)
}
