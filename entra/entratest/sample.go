package entratest

import (
	"fmt"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// The sample's tenants and applications.
const (
	ContosoID  = "c0a70500-0000-4000-8000-000000000001" // contoso.com, contoso.onmicrosoft.com
	FabrikamID = "fab71ca0-0000-4000-8000-000000000002" // fabrikam.com, fabrikam.onmicrosoft.com
	PersonalID = cloud.Consumers

	// ContosoApp is a single-tenant app with OpenID Connect and all optional claims that tenantdoor reads.
	ContosoApp    = "c0a70500-0000-4000-8000-0000000000a1"
	ContosoSecret = "test-secret-of-contoso-app-not-a-real-one"
	// ContosoSAML11App is a single-tenant app whose WS-Federation tokens are SAML 1.1.
	ContosoSAML11App = "c0a70500-0000-4000-8000-0000000000a2"
	// ContosoOwnKeyApp signs with a key of its own, published only at ?appid=.
	ContosoOwnKeyApp = "c0a70500-0000-4000-8000-0000000000a3"
	// ContosoAssignedApp admits only those who are assigned to it: Maya, and the group Engineering, which is Ann.
	ContosoAssignedApp = "c0a70500-0000-4000-8000-0000000000a4"
	// MultiTenantApp belongs to Contoso; people of every work tenant, and personal accounts, may sign in.
	MultiTenantApp    = "c0a70500-0000-4000-8000-0000000000a5"
	MultiTenantSecret = "test-secret-of-multi-tenant-app-not-a-real-one"
	// ContosoNamesApp emits the groups assigned to it, Engineering and Portal admins, by their names.
	ContosoNamesApp = "c0a70500-0000-4000-8000-0000000000a6"
	// FabrikamApp is a single-tenant app for WS-Federation with SAML 2.0 tokens; OpenID Connect works too.
	FabrikamApp    = "fab71ca0-0000-4000-8000-0000000000b1"
	FabrikamSecret = "test-secret-of-fabrikam-app-not-a-real-one"
	// PersonalApp is for personal accounts only.
	PersonalApp    = "9e450a10-0000-4000-8000-0000000000d1"
	PersonalSecret = "test-secret-of-personal-app-not-a-real-one"

	// ExpiredSecret is the expired secret of every app of the sample.
	ExpiredSecret = "test-secret-that-has-expired"
)

// The sample's people, as they sign in.
const (
	Ann     = "ann@contoso.com"     // has groups, one of them nested in another
	Ben     = "ben@contoso.com"     // has no groups
	Mallory = "mallory@contoso.com" // whose mail an admin set to Bob's address: no evidence
	Maya    = "maya@contoso.com"    // is in 1,000 groups: too many for any token
	Carl    = "carl@contoso.com"    // is disabled
	Ada     = "ada@contoso.com"     // is a global administrator, and has no groups
	Bob     = "bob@fabrikam.com"    // has groups; also a guest of Contoso
	Tina    = "tina@fabrikam.com"
	Gus     = "gus@gmail.com"   // a guest of Contoso with a Google account
	Pia     = "pia@outlook.com" // a personal Microsoft account
)

// Object ids of the sample's people.
const (
	AnnID     = "c0a70500-0000-4000-8000-000000000101"
	BenID     = "c0a70500-0000-4000-8000-000000000102"
	MalloryID = "c0a70500-0000-4000-8000-000000000103"
	MayaID    = "c0a70500-0000-4000-8000-000000000104"
	CarlID    = "c0a70500-0000-4000-8000-000000000105"
	AdaID     = "c0a70500-0000-4000-8000-000000000106"
	// BobGuestID and GusID are guests of Contoso: a guest's object id is the inviting tenant's.
	BobGuestID = "c0a70500-0000-4000-8000-000000000111"
	GusID      = "c0a70500-0000-4000-8000-000000000112"
	BobID      = "fab71ca0-0000-4000-8000-000000000201"
	TinaID     = "fab71ca0-0000-4000-8000-000000000202"
	// PiaID is zero-padded, as object ids of personal accounts are.
	PiaID = "00000000-0000-0000-1a2b-3c4d5e6f7081"
)

// Object ids of the sample's groups.
const (
	ContosoEngineering = "c0a70500-0000-4000-8000-00000000e001" // Ann; nested in ContosoStaff
	ContosoStaff       = "c0a70500-0000-4000-8000-00000000e002"
	ContosoAdmins      = "c0a70500-0000-4000-8000-00000000e003" // Ann
	ContosoNewsletter  = "c0a70500-0000-4000-8000-00000000e004" // Ann; a distribution list, not a security group
	FabrikamSales      = "fab71ca0-0000-4000-8000-00000000e101" // Bob
	FabrikamStaff      = "fab71ca0-0000-4000-8000-00000000e102" // Bob and Tina
)

const sampleCallback = "http://localhost:8080/sso/callback/"

// Sample returns Contoso, Fabrikam and the tenant of personal accounts. Its redirect URIs are
// http://localhost:8080/sso/callback/oauth2 and …/wsfed; Server.AddRedirectURI registers more.
func Sample() []Tenant { return []Tenant{sampleContoso(), sampleFabrikam(), samplePersonal()} }

func sampleApp(clientID, name, secret string) Application {
	return Application{
		ClientID:       clientID,
		Name:           name,
		Secrets:        []string{secret},
		ExpiredSecrets: []string{ExpiredSecret},
		RedirectURIs:   []string{sampleCallback + "oauth2"},
		ReplyURLs:      []string{sampleCallback + "wsfed"},
		OptionalClaims: []string{"email", "xms_edov", "login_hint", "sid", "acct", "auth_time", "given_name", "family_name"},
		GroupClaims:    "SecurityGroup",

		GraphPermissions:     []string{"GroupMember.Read.All", "User.Read.All"},
		DelegatedPermissions: []string{"GroupMember.Read.All"},
		WantedPermissions:    []string{"GroupMember.Read.All", "User.Read.All"},
	}
}

func sampleContoso() Tenant {
	main := sampleApp(ContosoApp, "Contoso Portal", ContosoSecret)
	main.Identifiers = []string{"https://portal.contoso.com"}
	main.AppRoles = map[string][]string{Ann: {"Portal.Admin"}}
	saml11 := sampleApp(ContosoSAML11App, "Contoso Archive", ContosoSecret)
	saml11.TokenType = SAML11
	ownKey := sampleApp(ContosoOwnKeyApp, "Contoso Payroll", ContosoSecret)
	ownKey.OwnSigningKey = true
	assigned := sampleApp(ContosoAssignedApp, "Contoso Lab", ContosoSecret)
	assigned.AssignmentRequired, assigned.Assigned = true, []string{Maya, ContosoEngineering}
	names := sampleApp(ContosoNamesApp, "Contoso Directory", ContosoSecret)
	names.GroupClaims, names.GroupNames, names.Assigned = "ApplicationGroup", true, []string{ContosoEngineering, ContosoAdmins}
	multi := sampleApp(MultiTenantApp, "Northwind Tasks", MultiTenantSecret)
	multi.MultiTenant, multi.PersonalAccounts = true, true

	t := Tenant{
		ID: ContosoID, Name: "Contoso", Domains: []string{"contoso.com", "contoso.onmicrosoft.com"},
		Applications: []Application{main, saml11, ownKey, assigned, multi, names},
		Groups: []Group{
			{ID: ContosoEngineering, Name: "Engineering", SecurityEnabled: true, MemberOf: []string{ContosoStaff}},
			{ID: ContosoStaff, Name: "All staff", SecurityEnabled: true},
			{ID: ContosoAdmins, Name: "Portal admins", SecurityEnabled: true, OnPremises: "portal-admins"},
			{ID: ContosoNewsletter, Name: "Newsletter"},
		},
		Users: []User{
			{
				ID: AnnID, UPN: Ann, DisplayName: "Ann Archer", GivenName: "Ann", Surname: "Archer", Mail: Ann, MailVerified: true,
				Groups:     []string{ContosoEngineering, ContosoAdmins, ContosoNewsletter},
				Properties: map[string]any{"jobTitle": "Principal engineer", "department": "Platform", "officeLocation": "Lisbon", "preferredLanguage": "pt-PT"},
				Photo:      samplePhoto(),
			},
			{ID: BenID, UPN: Ben, DisplayName: "Ben Bauer", GivenName: "Ben", Surname: "Bauer", Mail: Ben, MailVerified: true},
			{ID: MalloryID, UPN: Mallory, DisplayName: "Mallory Moss", GivenName: "Mallory", Surname: "Moss", Mail: Bob},
			{ID: MayaID, UPN: Maya, DisplayName: "Maya Many", GivenName: "Maya", Surname: "Many", Mail: Maya, MailVerified: true},
			{ID: CarlID, UPN: Carl, DisplayName: "Carl Closed", GivenName: "Carl", Surname: "Closed", Mail: Carl, Disabled: true},
			{
				ID: AdaID, UPN: Ada, DisplayName: "Ada Admin", GivenName: "Ada", Surname: "Admin", Mail: Ada, MailVerified: true,
				DirectoryRoles: []string{GlobalAdministrator},
			},
			{
				ID: BobGuestID, UPN: "bob_fabrikam.com#EXT#@contoso.onmicrosoft.com", DisplayName: "Bob Brandt", Mail: Bob, MailVerified: true,
				Guest: true, HomeTenant: FabrikamID, Groups: []string{ContosoStaff},
			},
			{
				ID: GusID, UPN: "gus_gmail.com#EXT#@contoso.onmicrosoft.com", DisplayName: "Gus Grant", Mail: Gus, MailVerified: true,
				Guest: true, HomeIssuer: "google.com",
			},
		},
	}
	maya := &t.Users[3]
	for i := range 1000 {
		id := fmt.Sprintf("c0a70500-0000-4000-8000-0000001%05x", i)
		t.Groups = append(t.Groups, Group{ID: id, Name: fmt.Sprintf("Project %04d", i+1), SecurityEnabled: true})
		maya.Groups = append(maya.Groups, id)
	}
	return t
}

func sampleFabrikam() Tenant {
	app := sampleApp(FabrikamApp, "Fabrikam Orders", FabrikamSecret)
	app.Identifiers = []string{"https://orders.fabrikam.com"}
	return Tenant{
		ID: FabrikamID, Name: "Fabrikam", Domains: []string{"fabrikam.com", "fabrikam.onmicrosoft.com"},
		Applications: []Application{app},
		Groups: []Group{
			{ID: FabrikamSales, Name: "Sales", SecurityEnabled: true},
			{ID: FabrikamStaff, Name: "Everyone", SecurityEnabled: true},
		},
		Users: []User{
			{
				ID: BobID, UPN: Bob, DisplayName: "Bob Brandt", GivenName: "Bob", Surname: "Brandt", Mail: Bob, MailVerified: true,
				Groups: []string{FabrikamSales, FabrikamStaff}, Properties: map[string]any{"jobTitle": "Sales lead", "department": "Sales"},
			},
			{ID: TinaID, UPN: Tina, DisplayName: "Tina Trent", GivenName: "Tina", Surname: "Trent", Mail: Tina, MailVerified: true, Groups: []string{FabrikamStaff}},
		},
	}
}

func samplePersonal() Tenant {
	app := sampleApp(PersonalApp, "Home Album", PersonalSecret)
	app.PersonalAccounts, app.GroupClaims, app.GraphPermissions = true, "", nil
	return Tenant{
		ID: PersonalID, Name: "Personal accounts", Personal: true,
		Applications: []Application{app},
		Users: []User{{
			ID: PiaID, UPN: Pia, DisplayName: "Pia Poole", GivenName: "Pia", Surname: "Poole", Mail: Pia, MailVerified: true,
		}},
	}
}
