package main

import (
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// formSection is a fieldset. One that folds is closed until it holds something.
type formSection struct {
	id, legend, help string
	folds            bool
	fields           []formField
}

// callbackSection also shows the address to copy.
const callbackSection = "callback"

// realmSection also shows what became of the domains.
const realmSection = "realm"

// formSections are the connection form: the fields in the order in which an admin of Kinde finds them, what is ours beside what it belongs to, and
// what few need at the end.
var formSections = []formSection{
	{id: "names", legend: "Connection", fields: []formField{
		formField{name: "name", label: "Name", help: "Short and lasting: imported users refer to the connection by it."}.
			text(func(c *entra.Connection) *string { return &c.Name }),
		formField{name: "display_name", label: "Display name", help: "What its sign-in button says."}.
			text(func(c *entra.Connection) *string { return &c.DisplayName }),
		one(formField{name: "strategy", label: "Strategy", help: "The protocol. It can be changed later: every user stays."}, func(c *entra.Connection) *entra.Strategy { return &c.Strategy },
			choice{Value: string(entra.OAuth2), Label: "OAuth 2.0 / OpenID Connect"}, choice{Value: string(entra.WSFed), Label: "WS-Federation"}),
		owner(formField{name: "organization_id", label: "Belongs to", operator: true, help: "Shared connections serve applications; an organization’s own serves that customer."}),
	}},
	{id: "app", legend: "App registration", help: "From the app’s overview in the Entra admin center.", fields: []formField{
		formField{name: "entra_id_domain", label: "Entra ID domain", help: "A verified domain of the tenant, such as contoso.com, or its tenant id."}.
			text(func(c *entra.Connection) *string { return &c.EntraDomain }),
		formField{name: "client_id", label: "Client ID", help: "The application (client) id."}.
			text(func(c *entra.Connection) *string { return &c.ClientID }),
		formField{name: "client_secret", label: "Client secret", help: "The secret’s value, not its id."}.
			sealed(func(c *entra.Connection) *credential.Secret { return &c.ClientSecret }),
		formField{name: "client_secret_expires_at", label: "Secret ends on", help: "If you enter it, you are warned in time."}.
			day(func(c *entra.Connection) *time.Time { return &c.ClientSecretExpires }),
	}},
	{id: "credential", legend: "Instead of a secret", folds: true, fields: []formField{
		formField{name: "client_certificate", label: "Client certificate", kind: keyPair, help: "The certificate and its private key as PEM, one after the other. Upload the certificate alone to the app registration."}.
			sealed(func(c *entra.Connection) *credential.Secret { return &c.ClientCertificate }),
		formField{name: "federated_token_file", label: "File with a federated credential", operator: true, help: "In the place of both: the path under which the platform keeps the token, as Kubernetes has it in AZURE_FEDERATED_TOKEN_FILE."}.
			text(func(c *entra.Connection) *string { return &c.FederatedTokenFile }),
	}},
	{id: realmSection, legend: "Home realm discovery", help: "Whoever enters an address of these domains goes straight to this connection.", fields: []formField{
		formField{name: "home_realm_domains", label: "Home realm domains", help: "One on each line. No other connection can have them."}.
			list(func(c *entra.Connection) *[]string { return &c.HomeRealmDomains }),
		formField{name: "is_force_show_sso_button", label: "Always show the sign-in button", help: "Otherwise the button is hidden once a domain is proven."}.
			flag(func(c *entra.Connection) *bool { return &c.AlwaysShowButton }),
	}},
	{id: "tenants", legend: "Whose people may sign in", fields: []formField{
		formField{name: "is_use_common_endpoint", label: "Use common endpoint", help: "For an app that people of several tenants use."}.
			flag(func(c *entra.Connection) *bool { return &c.UseCommonEndpoint }),
		formField{name: "allowed_tenants", label: "Allowed tenants", help: "Tenant ids, one on each line. Empty: only the tenant of the domain above."}.
			list(func(c *entra.Connection) *[]string { return &c.AllowedTenants }),
		formField{name: "is_any_tenant_allowed", label: "Admit any work tenant", operator: true, help: "Anybody can open a tenant of their own."}.
			flag(func(c *entra.Connection) *bool { return &c.AnyTenant }),
	}},
	{id: "users", legend: "Users", fields: []formField{
		formField{name: "is_create_missing_user", label: "Create a user if there is none", help: "Just-in-time provisioning."}.
			flag(func(c *entra.Connection) *bool { return &c.CreateMissingUsers }),
		formField{name: "is_trust_emails_enabled", label: "Trust email addresses", operator: true, help: "Links to existing users by address, where something proves that it is theirs. Best while you migrate only."}.
			flag(func(c *entra.Connection) *bool { return &c.TrustEmails }),
		formField{name: "is_sync_user_profile_on_login", label: "Sync the profile at each sign-in"}.
			flag(func(c *entra.Connection) *bool { return &c.SyncProfile }),
		formField{name: "is_auto_join_organization_enabled", label: "Join the organization", help: "Whoever signs in becomes a member of the organization that the connection belongs to."}.
			flag(func(c *entra.Connection) *bool { return &c.AutoJoinOrganization }),
	}},
	{id: "profile", legend: "Profile and groups", fields: []formField{
		formField{name: "is_extended_attributes_required", label: "Get the extended profile", help: "Job title and more, from Microsoft Graph."}.
			flag(func(c *entra.Connection) *bool { return &c.ExtendedProfile }),
		formField{name: "is_retrieve_provider_user_groups", label: "Get user groups", help: "Options for them are below."}.
			flag(func(c *entra.Connection) *bool { return &c.UserGroups }),
	}},
	{id: "groups", legend: "Group options", folds: true, fields: groupFields},
	{id: "extended", legend: "Profile options", folds: true, fields: []formField{
		formField{name: "extended_attributes", label: "Properties of the extended profile", help: "Graph’s names, such as jobTitle; one on each line. Empty: the usual ones."}.
			list(func(c *entra.Connection) *[]string { return &c.Profile.Fields }),
		formField{name: "is_manager_included", label: "The manager too", help: "It takes the permission User.Read.All."}.
			flag(func(c *entra.Connection) *bool { return &c.Profile.Manager }),
		formField{name: "is_photo_included", label: "Get the photo"}.
			flag(func(c *entra.Connection) *bool { return &c.Profile.Photo }),
	}},
	{id: callbackSection, legend: "Callback URL", help: "Register it in the Entra admin center: your app, Authentication, platform Web.", fields: []formField{
		formField{name: "is_use_custom_domain", label: "Use custom domain", operator: true, help: "The callback URL is then on the host’s custom domain. The quickstart has none."}.
			flag(func(c *entra.Connection) *bool { return &c.UseCustomDomain }),
	}},
	{id: "upstream", legend: "Sent upstream", help: "What is sent along to Entra’s sign-in page.", fields: []formField{
		params(formField{name: "upstream_params", label: "Upstream parameters", help: `As JSON: {"prompt": {"value": "select_account"}} is fixed, {"login_hint": {"alias": "login_hint"}} passes on the address that was typed.`}),
		formField{name: "scopes", label: "Scopes", help: "OAuth 2.0: beyond openid, profile and email, such as User.Read. One on each line."}.
			list(func(c *entra.Connection) *[]string { return &c.Scopes }),
	}},
	{id: "advanced", legend: "Advanced", folds: true, fields: []formField{
		clouds(formField{name: "cloud", label: "Cloud", operator: true}),
		formField{name: "is_keep_other_identities", label: "Keep other ways to sign in", help: "When a user is linked, their email and social sign-in stay."}.
			flag(func(c *entra.Connection) *bool { return &c.KeepOtherIdentities }),
		formField{name: "is_mail_provider_domain_allowed", label: "Domains of mail providers may be home realm domains", operator: true}.
			flag(func(c *entra.Connection) *bool { return &c.AllowMailProviders }),
		formField{name: "has_own_signing_keys", label: "The app has signing keys of its own", help: "Claims mapping in Entra gives it some."}.
			flag(func(c *entra.Connection) *bool { return &c.OwnSigningKeys }),
		formField{name: "button_order", label: "Place of its button", help: "A number: lower ones stand first, equal ones by their names."}.
			count(func(c *entra.Connection) *int { return &c.ButtonOrder }),
		formField{name: "max_session_seconds", label: "Longest session, in seconds", help: "How long somebody stays signed in here at most. Empty: as long as the host likes."}.
			count(func(c *entra.Connection) *int { return &c.MaxSessionSeconds }),
		formField{name: "response_mode", label: "Response mode", help: "OAuth 2.0: query (also when empty) or form_post."}.
			text(func(c *entra.Connection) *string { return &c.ResponseMode }),
		formField{name: "realm", label: "Realm", help: "WS-Federation: the app’s identifier. Empty: spn: and the client id."}.
			text(func(c *entra.Connection) *string { return &c.Realm }),
		formField{name: "is_provider_initiated_allowed", label: "Sign-in may begin at the provider", help: "WS-Federation: an answer that nobody asked for begins a sign-in of our own."}.
			flag(func(c *entra.Connection) *bool { return &c.AllowProviderInitiated }),
	}},
	{id: "adfs", legend: "AD FS and other providers of WS-Federation", folds: true, fields: []formField{
		formField{name: "metadata_url", label: "AD FS metadata address", operator: true, help: "WS-Federation with AD FS in Entra’s place."}.
			text(func(c *entra.Connection) *string { return &c.MetadataURL }),
		formField{name: "issuer", label: "AD FS issuer", operator: true}.
			text(func(c *entra.Connection) *string { return &c.Issuer }),
		formField{name: "subject_claim", label: "AD FS subject claim", operator: true, help: "The URI of a claim that never changes and is never given to somebody else."}.
			text(func(c *entra.Connection) *string { return &c.SubjectClaim }),
		formField{name: "is_insecure_mutable_subject", label: "The subject claim may change hands", operator: true, help: "Insecure: it may be an address or a user name. Whoever inherits the name then inherits the account."}.
			flag(func(c *entra.Connection) *bool { return &c.InsecureMutableSubject }),
		formField{name: "metadata_signers", label: "Certificates that sign the metadata", operator: true, help: "PEM, one after the other. Metadata that none of them signed is then refused."}.
			certificates(func(c *entra.Connection) *[]string { return &c.MetadataSigners }),
		formField{name: "is_insecure_sha1", label: "Accept signatures over SHA-1", operator: true, help: "Insecure: for an old AD FS that can do no better. Whoever finds a collision forges tokens."}.
			flag(func(c *entra.Connection) *bool { return &c.InsecureSHA1 }),
		formField{name: "is_missing_confirmation_allowed", label: "Accept tokens without a subject confirmation", operator: true, help: "For SimpleSAMLphp, which leaves it out of SAML 1.1."}.
			flag(func(c *entra.Connection) *bool { return &c.AllowMissingConfirmation }),
		formField{name: "is_carriage_return_allowed", label: "Read line breaks as AD FS signs them", operator: true, help: "For attributes that hold line breaks: a token whose digest fails is read once more with CR LF."}.
			flag(func(c *entra.Connection) *bool { return &c.AllowCarriageReturns }),
	}},
}

// exchanges are forms of their own: each has the place beside the one of the section above, so that a credential is exchanged without an outage. The first
// field's name is that of the second place in the JSON.
var exchanges = []formSection{
	{id: "client_secret", legend: "Exchange the client secret", help: "Without an outage: the next secret counts where Entra refuses the first. Once it works, have it take the first one’s place.", fields: []formField{
		formField{name: "next_client_secret", label: "Next client secret"}.
			sealed(func(c *entra.Connection) *credential.Secret { return &c.NextClientSecret }),
		formField{name: "next_client_secret_expires_at", label: "It ends on"}.
			day(func(c *entra.Connection) *time.Time { return &c.NextClientSecretExpires }),
	}},
	{id: "client_certificate", legend: "Exchange the client certificate", help: "Without an outage: upload the next certificate to the app registration, then add it here with its key. Of the two the first that is valid signs.", fields: []formField{
		formField{name: "next_client_certificate", label: "Next client certificate", kind: keyPair}.
			sealed(func(c *entra.Connection) *credential.Secret { return &c.NextClientCertificate }),
	}},
}

// groupFields say which groups are meant. What the app emits has to be told, so that Graph's answer is what the token would have held.
var groupFields = []formField{
	one(formField{name: "group_source", label: "Take groups from"}, func(c *entra.Connection) *entra.GroupSource { return &c.Groups.Source },
		choice{Label: "The token; Graph where it has none or too many"}, choice{Value: string(entra.GroupsTokenOnly), Label: "The token only"}, choice{Value: string(entra.GroupsGraph), Label: "Always Graph"}),
	one(formField{name: "group_failure", label: "If they cannot be learned"}, func(c *entra.Connection) *entra.GroupFailure { return &c.Groups.OnFailure },
		choice{Label: "Those known before count for a while"}, choice{Value: string(entra.GroupsRefuse), Label: "Refuse the sign-in"}, choice{Value: string(entra.GroupsForgo), Label: "Go on without groups"}),
	formField{name: "group_max_age_hours", label: "For how many hours", help: "Empty: 24."}.
		count(func(c *entra.Connection) *int { return &c.Groups.MaxAgeHours }),
	formField{name: "required_groups", label: "Required groups", help: "Whoever is in none of them is refused. Object ids, or names where groups come with names; one on each line."}.
		names(func(c *entra.Connection) *[]string { return &c.Groups.Required }),
	formField{name: "group_list", label: "Only these groups", help: "Object ids or names, one on each line. Empty: any."}.
		names(func(c *entra.Connection) *[]string { return &c.Groups.Only }),
	formField{name: "group_prefixes", label: "Only groups whose name begins with", help: "One beginning on each line. Empty: any."}.
		names(func(c *entra.Connection) *[]string { return &c.Groups.Prefixes }),
	formField{name: "is_group_names_required", label: "Find the groups’ names", help: "From Graph, where the token holds object ids."}.
		flag(func(c *entra.Connection) *bool { return &c.Groups.Names }),
	one(formField{name: "group_kind", label: "Groups that the app emits", help: "groupMembershipClaims of its manifest."}, func(c *entra.Connection) *entra.GroupKind { return &c.Groups.Kind },
		choice{Label: "Security groups"}, choice{Value: string(entra.GroupsAll), Label: "All groups"}, choice{Value: string(entra.GroupsAssigned), Label: "Groups assigned to the app"}),
	one(formField{name: "group_form", label: "Form in which it emits them"}, func(c *entra.Connection) *entra.GroupForm { return &c.Groups.Form },
		choice{Label: "Object ids"}, choice{Value: string(entra.GroupSAM), Label: "sAMAccountName"}, choice{Value: string(entra.GroupDNSSAM), Label: "DNS domain and sAMAccountName"},
		choice{Value: string(entra.GroupNetBIOSSAM), Label: "NetBIOS domain and sAMAccountName"}, choice{Value: string(entra.GroupSID), Label: "On-premises SID"}, choice{Value: string(entra.GroupDisplayName), Label: "Display names"}),
	formField{name: "is_group_claim_emitted", label: "The app certainly emits groups", help: "A token without any then says: in none."}.
		flag(func(c *entra.Connection) *bool { return &c.Groups.Emitted }),
	formField{name: "group_claim", label: "Claim that holds them", help: "Empty: groups."}.
		text(func(c *entra.Connection) *string { return &c.Groups.Claim }),
	formField{name: "is_group_claim_as_roles", label: "They are in the claim of roles", help: "emit_as_roles of the app’s optional claims."}.
		flag(func(c *entra.Connection) *bool { return &c.Groups.AsRoles }),
}

func owner(f formField) formField {
	f.kind = pick
	f = f.text(func(c *entra.Connection) *string { return &c.OrganizationID })
	f.choices = func() []choice {
		list := []choice{{Label: "Everybody (shared)"}}
		for _, o := range organizations {
			list = append(list, choice{Value: o.ID, Label: o.Name})
		}
		return list
	}
	return f
}

func clouds(f formField) formField {
	f.kind = pick
	f = f.text(func(c *entra.Connection) *string { return &c.Cloud })
	f.choices = func() []choice {
		list := []choice{{Label: "Public"}}
		for _, name := range cloud.Names()[1:] {
			list = append(list, choice{Value: name, Label: name})
		}
		return list
	}
	return f
}

// everyField are the fields of all forms of a connection.
var everyField = func() []formField {
	var fields []formField
	for _, s := range slices.Concat(formSections, exchanges) {
		fields = append(fields, s.fields...)
	}
	return fields
}()

// inWords names the fields of a finding's advice as the form does.
var inWords = func() *strings.Replacer {
	fields := slices.Clone(everyField)
	slices.SortFunc(fields, func(a, b formField) int { return len(b.name) - len(a.name) }) // one name may begin another
	var pairs []string
	for _, f := range fields {
		if strings.Contains(f.name, "_") { // the others are words of English
			pairs = append(pairs, f.name, "“"+f.label+"”")
		}
	}
	return strings.NewReplacer(pairs...)
}()
