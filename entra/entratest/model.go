package entratest

import (
	"maps"
	"slices"
	"strings"
)

// Tenant is one Entra tenant, with what its directory holds.
type Tenant struct {
	ID      string   // a lower-case GUID
	Name    string   // shown on pages and answered by Graph
	Domains []string // verified domains; the first is the default one
	// Personal makes it the tenant of personal Microsoft accounts; at most one may be, and its ID is then cloud.Consumers.
	Personal bool
	// OwnKeys gives the tenant signing keys that no other tenant shares. Entra signs for all work tenants with the same
	// keys, and so does the server when this is false: a verifier that checks the signature alone accepts any tenant's token.
	OwnKeys      bool
	Applications []Application
	Users        []User
	DeletedUsers []User // can be restored still: Graph finds them among its deleted items, and nobody signs in as one
	Groups       []Group
}

// TokenType is the form of an application's WS-Federation tokens.
type TokenType string

// The token types. Entra's default is SAML 2.0.
const (
	SAML20 TokenType = ""
	SAML11 TokenType = "saml1.1"
)

// Application is an app registration, held by the tenant that owns it.
type Application struct {
	ClientID       string // a lower-case GUID, unique over all tenants
	Name           string
	Secrets        []string // values that the token endpoint accepts
	ExpiredSecrets []string // values that it answers with AADSTS7000222
	Certificates   [][]byte // DER; the certificates that client assertions may be signed with
	RedirectURIs   []string // platform Web; compared byte for byte
	ReplyURLs      []string // WS-Federation; nil: RedirectURIs
	Identifiers    []string // application ID URIs accepted as wtrealm; spn:{ClientID} always is
	LogoutURL      string   // front-channel sign-out address; "": none

	MultiTenant      bool // people of every work tenant may sign in
	PersonalAccounts bool // people with a personal Microsoft account may too

	AssignmentRequired bool     // only those in Assigned may sign in (AADSTS50105)
	Assigned           []string // UPNs or object ids of users, object ids of groups; nested groups do not count

	// OptionalClaims of ID tokens: email, xms_edov, login_hint, sid, acct, auth_time, verified_primary_email, upn,
	// given_name, family_name, ipaddr, tenant_ctry.
	OptionalClaims []string
	EdovAs         any // how a true xms_edov is written: nil is true; 1, "1" and "true" have been seen too
	// RemoveUnverifiedEmail leaves the email claim out when its domain's owner is not verified, as Entra does by default for
	// multi-tenant applications made since June 2023.
	RemoveUnverifiedEmail bool

	GroupClaims string // groupMembershipClaims: "", "None", "SecurityGroup", "DirectoryRole", "All" or "ApplicationGroup"; several with commas
	// GroupForm names groups synced from on-premises: "sam_account_name", "dns_domain_and_sam_account_name", "netbios_domain_and_sam_account_name" or
	// "on_premise_security_identifier"; groups of the cloud stay object ids.
	GroupForm  string
	GroupRoles bool // emit_as_roles: groups are in the role claim, and application roles are gone
	HasGroups  bool // past the limit the ID token says hasgroups, as the implicit flow's do, in place of pointing to Graph
	GroupNames bool // emits cloud_displayname in place of object ids; as in Entra, only with "ApplicationGroup"

	GraphPermissions     []string            // application permissions that an admin consented to, such as GroupMember.Read.All
	DelegatedPermissions []string            // delegated permissions that need an admin's consent, and have it
	WantedPermissions    []string            // what an admin's consent to /.default adds to both
	AppRoles             map[string][]string // UPN, or object id of a user or group → values of the roles claim

	TokenType     TokenType
	OwnSigningKey bool // claims mapping: signs with a key published only at ?appid={ClientID}
	Disabled      bool // AADSTS7000112
}

// User is an account in a tenant.
type User struct {
	ID                 string // object id, a lower-case GUID
	UPN                string // unique in its tenant; signs in with it
	DisplayName        string
	GivenName, Surname string
	Mail               string // set at will by a tenant's admin; no evidence of anything
	MailVerified       bool   // the domain's owner is verified: emitted as xms_edov and verified_primary_email
	Guest              bool   // signs in with Mail at this tenant's own endpoint
	HomeTenant         string // of a guest from another Entra tenant: its GUID
	HomeIssuer         string // of a guest from elsewhere: the idp claim, such as google.com, live.com or mail
	Groups             []string
	DirectoryRoles     []string // template ids, emitted as wids where the application asks for directory roles
	Disabled           bool     // AADSTS50057
	Properties         map[string]any
	Manager            string // object id; "": Graph answers none
	Photo              []byte // JPEG or PNG; nil: Graph answers 404
}

// Group is a group of a tenant.
type Group struct {
	ID, Name        string
	SecurityEnabled bool
	OnPremises      string // sAMAccountName, of a group synced from Active Directory
	DNSDomain       string // of such a group: its domain, as DNS and as NetBIOS names it, and its SID
	NetBIOSDomain   string
	SID             string
	MemberOf        []string // ids of the groups that this one is nested in
}

// cloneTenants copies deeply: what the server holds never changes under a handler, nor under whoever declared it.
func cloneTenants(tenants []Tenant) []Tenant {
	out := slices.Clone(tenants)
	for i := range out {
		t := &out[i]
		t.Domains = slices.Clone(t.Domains)
		t.Applications = slices.Clone(t.Applications)
		for j := range t.Applications {
			t.Applications[j].detach()
		}
		t.Users, t.DeletedUsers = cloneUsers(t.Users), cloneUsers(t.DeletedUsers)
		t.Groups = slices.Clone(t.Groups)
		for j := range t.Groups {
			t.Groups[j].MemberOf = slices.Clone(t.Groups[j].MemberOf)
		}
	}
	return out
}

func cloneUsers(users []User) []User {
	out := slices.Clone(users)
	for i := range out {
		u := &out[i]
		u.Groups, u.DirectoryRoles, u.Photo = slices.Clone(u.Groups), slices.Clone(u.DirectoryRoles), slices.Clone(u.Photo)
		u.Properties = maps.Clone(u.Properties)
	}
	return out
}

func (a *Application) detach() {
	for _, list := range []*[]string{
		&a.Secrets, &a.ExpiredSecrets, &a.RedirectURIs, &a.ReplyURLs, &a.Identifiers, &a.Assigned, &a.OptionalClaims,
		&a.GraphPermissions, &a.DelegatedPermissions, &a.WantedPermissions,
	} {
		*list = slices.Clone(*list)
	}
	a.Certificates = slices.Clone(a.Certificates)
	a.AppRoles = maps.Clone(a.AppRoles)
}

// group returns the tenant's group with this id, or nil.
func (t *Tenant) group(id string) *Group {
	for i := range t.Groups {
		if strings.EqualFold(t.Groups[i].ID, id) {
			return &t.Groups[i]
		}
	}
	return nil
}

// user returns the tenant's user with this object id or UPN, or nil.
func (t *Tenant) user(idOrUPN string) *User {
	for i := range t.Users {
		if u := &t.Users[i]; strings.EqualFold(u.ID, idOrUPN) || strings.EqualFold(u.UPN, idOrUPN) {
			return u
		}
	}
	return nil
}

// signInName is what a person types: guests use the address that they were invited with.
func (u *User) signInName() string {
	if u.Guest && u.Mail != "" {
		return u.Mail
	}
	return u.UPN
}

// transitiveGroups returns the groups of a user, nested ones included, each once, direct ones first.
func (t *Tenant) transitiveGroups(u *User) []*Group {
	byID := make(map[string]*Group, len(t.Groups))
	for i := range t.Groups {
		byID[strings.ToLower(t.Groups[i].ID)] = &t.Groups[i]
	}
	var out []*Group
	seen := make(map[string]bool)
	for queue := slices.Clone(u.Groups); len(queue) > 0; {
		id := strings.ToLower(queue[0])
		queue = queue[1:]
		if g := byID[id]; g != nil && !seen[id] {
			seen[id] = true
			out = append(out, g)
			queue = append(queue, g.MemberOf...)
		}
	}
	return out
}

// wants tells whether the application has this optional claim.
func (a *Application) wants(claim string) bool { return slices.Contains(a.OptionalClaims, claim) }

// admits tells whether the application lets this user in, by assignment. Nested groups do not count.
// https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal
func (a *Application) admits(u *User) bool {
	if !a.AssignmentRequired {
		return true
	}
	for _, who := range a.Assigned {
		if strings.EqualFold(who, u.UPN) || strings.EqualFold(who, u.ID) {
			return true
		}
		if slices.ContainsFunc(u.Groups, func(id string) bool { return strings.EqualFold(id, who) }) {
			return true
		}
	}
	return false
}

// answersTo tells whether the application may be named by this wtrealm.
func (a *Application) answersTo(realm string) bool {
	return realm == "spn:"+a.ClientID || slices.Contains(a.Identifiers, realm)
}

// replyURLs are the addresses that WS-Federation may answer to; the first is the default.
func (a *Application) replyURLs() []string {
	if a.ReplyURLs != nil {
		return a.ReplyURLs
	}
	return a.RedirectURIs
}
