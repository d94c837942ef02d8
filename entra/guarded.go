package entra

import "slices"

// guardedField is a field of a connection that steers whom we trust, whom we let in, or where we fetch from.
type guardedField struct {
	name string // in the JSON
	same func(a, b *Connection) bool

	environment bool // an organization's administrator may not change it …
	mayEnd      bool // … but may switch it off
	off         func(*Connection) bool
	binds       bool // people come from elsewhere once it changes: what the old tenant earned is undone
	highRisk    bool // marked in the audit log
}

// guarded is the one table that a Registrar goes by.
var guarded = []guardedField{
	{name: "organization_id", same: by(func(c *Connection) string { return c.OrganizationID }), environment: true, highRisk: true},
	{name: "organizations", same: byList(func(c *Connection) []string { return c.Organizations }), environment: true},
	{name: "enabled_applications", same: byList(func(c *Connection) []string { return c.EnabledApplications }), environment: true},
	{name: "is_all_applications_enabled", same: by(func(c *Connection) bool { return c.AllApplications }), environment: true},
	{name: "is_use_custom_domain", same: by(func(c *Connection) bool { return c.UseCustomDomain }), environment: true},
	{name: "cloud", same: by(func(c *Connection) string { return c.Cloud }), environment: true, binds: true, highRisk: true},
	{name: "entra_id_domain", same: by(func(c *Connection) string { return c.EntraDomain }), highRisk: true},
	{name: "tenant_id", same: by(func(c *Connection) string { return c.TenantID }), highRisk: true},
	{name: "client_id", same: by(func(c *Connection) string { return c.ClientID }), binds: true, highRisk: true},
	{name: "federated_token_file", same: by(func(c *Connection) string { return c.FederatedTokenFile }), environment: true, highRisk: true},
	{name: "metadata_url", same: by(func(c *Connection) string { return c.MetadataURL }), environment: true, binds: true, highRisk: true},
	{name: "issuer", same: by(func(c *Connection) string { return c.Issuer }), environment: true, binds: true, highRisk: true},
	{name: "subject_claim", same: by(func(c *Connection) string { return c.SubjectClaim }), environment: true, binds: true, highRisk: true},
	{name: "is_insecure_mutable_subject", same: by(func(c *Connection) bool { return c.InsecureMutableSubject }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.InsecureMutableSubject }, highRisk: true},
	{name: "metadata_signers", same: byList(func(c *Connection) []string { return c.MetadataSigners }), environment: true, highRisk: true},
	{name: "is_insecure_sha1", same: by(func(c *Connection) bool { return c.InsecureSHA1 }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.InsecureSHA1 }, highRisk: true},
	{name: "is_missing_confirmation_allowed", same: by(func(c *Connection) bool { return c.AllowMissingConfirmation }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.AllowMissingConfirmation }, highRisk: true},
	{name: "is_carriage_return_allowed", same: by(func(c *Connection) bool { return c.AllowCarriageReturns }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.AllowCarriageReturns }, highRisk: true},
	{name: "is_use_common_endpoint", same: by(func(c *Connection) bool { return c.UseCommonEndpoint }), binds: true, highRisk: true},
	{name: "is_any_tenant_allowed", same: by(func(c *Connection) bool { return c.AnyTenant }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.AnyTenant }, highRisk: true},
	{name: "allowed_tenants", same: byList(func(c *Connection) []string { return c.AllowedTenants }), highRisk: true},
	{name: "is_trust_emails_enabled", same: by(func(c *Connection) bool { return c.TrustEmails }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.TrustEmails }, highRisk: true},
	{name: "is_mail_provider_domain_allowed", same: by(func(c *Connection) bool { return c.AllowMailProviders }), environment: true, mayEnd: true, off: func(c *Connection) bool { return !c.AllowMailProviders }, highRisk: true},
	// What names of groups are worth, and who is let in by them.
	{name: "group_kind", same: by(func(c *Connection) GroupKind { return c.Groups.Kind }), highRisk: true},
	{name: "group_form", same: by(func(c *Connection) GroupForm { return c.Groups.Form }), highRisk: true},
	{name: "group_claim", same: by(func(c *Connection) string { return c.Groups.Claim }), highRisk: true},
	{name: "is_group_claim_as_roles", same: by(func(c *Connection) bool { return c.Groups.AsRoles }), highRisk: true},
	{name: "required_groups", same: byList(func(c *Connection) []string { return c.Groups.Required }), highRisk: true},
	{name: "group_failure", same: by(func(c *Connection) GroupFailure { return c.Groups.OnFailure }), highRisk: true},
	{name: "group_max_age_hours", same: by(func(c *Connection) int { return c.Groups.MaxAgeHours }), highRisk: true},
	{name: "home_realm_domains", same: byList(func(c *Connection) []string { return c.ProvenDomains() }), highRisk: true},
}

func by[T comparable](field func(*Connection) T) func(a, b *Connection) bool {
	return func(a, b *Connection) bool { return field(a) == field(b) }
}

func byList(field func(*Connection) []string) func(a, b *Connection) bool {
	return func(a, b *Connection) bool { return slices.Equal(field(a), field(b)) }
}
