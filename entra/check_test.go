package entra_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

func wsfedConnection(c *entra.Connection) { c.Strategy = entra.WSFed }

func adfsConnection(c *entra.Connection) {
	c.Strategy, c.EntraDomain, c.ClientID, c.ClientSecret, c.Realm = entra.WSFed, "", "", credential.Secret{}, "https://app.example/"
	c.MetadataURL = "https://adfs.contoso.com/FederationMetadata/2007-06/FederationMetadata.xml"
	c.Issuer = "http://adfs.contoso.com/adfs/services/trust"
	c.SubjectClaim = "http://schemas.example/objectguid"
}

func TestCheckFindsNothing(t *testing.T) {
	for name, change := range map[string]func(*entra.Connection){
		"OAuth 2.0":     func(*entra.Connection) {},
		"WS-Federation": wsfedConnection,
		"realm alone":   func(c *entra.Connection) { wsfedConnection(c); c.ClientID, c.Realm = "", "spn:app" },
		"AD FS":         adfsConnection,
		"AD FS, mutable subject": func(c *entra.Connection) {
			adfsConnection(c)
			c.SubjectClaim, c.InsecureMutableSubject = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", true
		},
		"AD FS on loopback": func(c *entra.Connection) { adfsConnection(c); c.MetadataURL = "http://localhost:1/metadata.xml" },
		"tenant id":         func(c *entra.Connection) { c.EntraDomain = strings.ToUpper(contosoTenant) },
		"international": func(c *entra.Connection) {
			c.EntraDomain, c.HomeRealmDomains = "bücher.example", []string{"bücher.example"}
		},
		"many tenants": func(c *entra.Connection) {
			c.EntraDomain, c.UseCommonEndpoint, c.AllowedTenants = "", true, []string{contosoTenant, cloud.Consumers}
		},
		"any tenant": func(c *entra.Connection) { c.EntraDomain, c.UseCommonEndpoint, c.AnyTenant = "", true, true },
		"domains": func(c *entra.Connection) {
			c.HomeRealmDomains = []string{"@contoso.com", "Contoso.io.", "contoso.co.uk"}
		},
		"mail provider, allowed": func(c *entra.Connection) {
			c.HomeRealmDomains, c.AllowMailProviders = []string{"gmail.com"}, true
		},
		"upstream": func(c *entra.Connection) {
			c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Value: "select_account"}, "username": {Alias: "login_hint"}, "whr": {Value: "contoso.com"}, "msafed": {Value: "0"}, "x": {Value: strings.Repeat("a", 512)}}
		},
		"form_post": func(c *entra.Connection) { c.ResponseMode = "form_post" },
		"scopes": func(c *entra.Connection) {
			c.Scopes = []string{"User.Read", "https://graph.microsoft.com/GroupMember.Read.All"}
		},
		"organization": func(c *entra.Connection) { c.OrganizationID, c.AutoJoinOrganization, c.TrustEmails = "org", true, true },
		"cloud":        func(c *entra.Connection) { c.Cloud = "usgov" },
		"Unicode name": func(c *entra.Connection) { c.Name, c.DisplayName = "Büro – Zürich", "株式会社コントソ" },
		"unknown kept": func(c *entra.Connection) {
			*c = *read(t, exports["of a later version"])
			c.ClientSecret = secret("x")
			c.AllApplications = true
		},
		"switched off ": func(c *entra.Connection) { c.Enabled, c.AllApplications = false, false },
	} {
		t.Run(name, func(t *testing.T) {
			found := sound(change).Check()
			assert.Empty(t, found)
			assert.NoError(t, found.Err())
		})
	}
}

// TestCheckFindsEachFault changes one thing at a time: exactly that is found, in the right member, with the right severity.
func TestCheckFindsEachFault(t *testing.T) {
	domain := func(d ...string) func(*entra.Connection) {
		return func(c *entra.Connection) { c.HomeRealmDomains = d }
	}
	tenant := func(d string) func(*entra.Connection) { return func(c *entra.Connection) { c.EntraDomain = d } }
	param := func(name, value, alias string) func(*entra.Connection) {
		return func(c *entra.Connection) {
			c.UpstreamParams = map[string]entra.UpstreamParam{name: {Value: value, Alias: alias}}
		}
	}
	adfs := func(change func(*entra.Connection)) func(*entra.Connection) {
		return func(c *entra.Connection) { adfsConnection(c); change(c) }
	}
	common := func(change func(*entra.Connection)) func(*entra.Connection) {
		return func(c *entra.Connection) { c.UseCommonEndpoint = true; change(c) }
	}
	const errorIn, warningIn = "error ", "warning "
	tests := map[string]struct {
		change func(*entra.Connection)
		want   string
	}{
		"session of no time":  {func(c *entra.Connection) { c.MaxSessionSeconds = -1 }, errorIn + "max_session_seconds"},
		"session of ages":     {func(c *entra.Connection) { c.MaxSessionSeconds = 366*24*3600 + 1 }, errorIn + "max_session_seconds"},
		"no name":             {func(c *entra.Connection) { c.Name = "" }, errorIn + "name"},
		"name of two lines":   {func(c *entra.Connection) { c.Name = "a\nb" }, errorIn + "name"},
		"name with an edge":   {func(c *entra.Connection) { c.Name = " a" }, errorIn + "name"},
		"name too long":       {func(c *entra.Connection) { c.Name = strings.Repeat("a", 129) }, errorIn + "name"},
		"name reversed":       {func(c *entra.Connection) { c.Name = "a\u202eb" }, errorIn + "name"},
		"name not UTF-8":      {func(c *entra.Connection) { c.Name = "a\xff" }, errorIn + "name"},
		"display name":        {func(c *entra.Connection) { c.DisplayName = "a\tb" }, errorIn + "display_name"},
		"no strategy":         {func(c *entra.Connection) { c.Strategy = "" }, errorIn + "strategy"},
		"SAML":                {func(c *entra.Connection) { c.Strategy = "saml:azure_ad" }, errorIn + "strategy"},
		"cloud, not a name":   {func(c *entra.Connection) { c.Cloud = "https://evil.example" }, errorIn + "cloud"},
		"no tenant":           {tenant(""), errorIn + "entra_id_domain"},
		"common":              {tenant("common"), errorIn + "entra_id_domain"},
		"Organizations":       {tenant("Organizations"), errorIn + "entra_id_domain"},
		"consumers":           {tenant("consumers"), errorIn + "entra_id_domain"},
		"consumer tenant":     {tenant(strings.ToUpper(cloud.Consumers)), errorIn + "entra_id_domain"},
		"path":                {tenant("a/../b"), errorIn + "entra_id_domain"},
		"path after a domain": {tenant("contoso.com/../common"), errorIn + "entra_id_domain"},
		"escaped path":        {tenant("contoso.com%2f..%2fcommon"), errorIn + "entra_id_domain"},
		"query":               {tenant("contoso.com?x=.example"), errorIn + "entra_id_domain"},
		"URL":                 {tenant("https://contoso.com"), errorIn + "entra_id_domain"},
		"IP address":          {tenant("127.0.0.1"), errorIn + "entra_id_domain"},
		"at":                  {tenant("@contoso.com"), errorIn + "entra_id_domain"},
		"single label":        {tenant("contoso"), errorIn + "entra_id_domain"},
		"white space":         {tenant("contoso.com "), errorIn + "entra_id_domain"},
		"braces":              {tenant("{" + contosoTenant + "}"), errorIn + "entra_id_domain"},
		"pin not a GUID":      {func(c *entra.Connection) { c.TenantID = "contoso.com" }, errorIn + "tenant_id"},
		"pin in upper case":   {func(c *entra.Connection) { c.TenantID = "AAAAAAAA-1111-4111-8111-111111111111" }, errorIn + "tenant_id"},
		"pin of consumers":    {func(c *entra.Connection) { c.TenantID = cloud.Consumers }, errorIn + "tenant_id"},

		"common, an export":     {common(func(*entra.Connection) {}), warningIn + "is_use_common_endpoint"},
		"common, nobody":        {common(func(c *entra.Connection) { c.EntraDomain = "" }), errorIn + "allowed_tenants"},
		"allowed, a domain":     {common(func(c *entra.Connection) { c.AllowedTenants = []string{"contoso.com"} }), errorIn + "allowed_tenants"},
		"allowed, common":       {common(func(c *entra.Connection) { c.AllowedTenants = []string{"common"} }), errorIn + "allowed_tenants"},
		"allowed, empty":        {common(func(c *entra.Connection) { c.AllowedTenants = []string{""} }), errorIn + "allowed_tenants"},
		"allowed, upper case":   {common(func(c *entra.Connection) { c.AllowedTenants = []string{"AAAAAAAA-1111-4111-8111-111111111111"} }), errorIn + "allowed_tenants"},
		"allowed, twice":        {common(func(c *entra.Connection) { c.AllowedTenants = []string{contosoTenant, contosoTenant} }), warningIn + "allowed_tenants"},
		"allowed, no effect":    {func(c *entra.Connection) { c.AllowedTenants = []string{contosoTenant} }, warningIn + "allowed_tenants"},
		"any, not common":       {func(c *entra.Connection) { c.AnyTenant = true }, errorIn + "is_any_tenant_allowed"},
		"any and organization":  {common(func(c *entra.Connection) { c.AnyTenant, c.OrganizationID = true, "org" }), errorIn + "is_any_tenant_allowed"},
		"any and organizations": {common(func(c *entra.Connection) { c.AnyTenant, c.Organizations = true, []string{"org"} }), errorIn + "is_any_tenant_allowed"},
		"any and trust":         {common(func(c *entra.Connection) { c.AnyTenant, c.TrustEmails = true, true }), errorIn + "is_trust_emails_enabled"},
		"several and trust": {common(func(c *entra.Connection) {
			c.TrustEmails, c.AllowedTenants = true, []string{contosoTenant, cloud.Consumers}
		}), warningIn + "is_trust_emails_enabled"},
		"several organizations":  {func(c *entra.Connection) { c.OrganizationID, c.Organizations = "a", []string{"b"} }, errorIn + "organizations"},
		"auto-join into nothing": {func(c *entra.Connection) { c.AutoJoinOrganization = true }, warningIn + "is_auto_join_organization_enabled"},

		"no client":             {func(c *entra.Connection) { c.ClientID = "" }, errorIn + "client_id"},
		"client not a GUID":     {func(c *entra.Connection) { c.ClientID = "contoso" }, errorIn + "client_id"},
		"client in braces":      {func(c *entra.Connection) { c.ClientID = "{" + clientID + "}" }, errorIn + "client_id"},
		"client, WS-Federation": {func(c *entra.Connection) { wsfedConnection(c); c.ClientID = "x" }, errorIn + "client_id"},
		"no realm":              {func(c *entra.Connection) { wsfedConnection(c); c.ClientID = "" }, errorIn + "realm"},
		"realm not a URI":       {func(c *entra.Connection) { wsfedConnection(c); c.Realm = "my app" }, errorIn + "realm"},
		"no secret":             {func(c *entra.Connection) { c.ClientSecret = credential.Secret{} }, warningIn + "client_secret"},
		"no secret for Graph": {func(c *entra.Connection) {
			wsfedConnection(c)
			c.ClientSecret, c.UserGroups = credential.Secret{}, true
		}, warningIn + "client_secret"},
		"secret's id":         {func(c *entra.Connection) { c.ClientSecret = secret(clientID) }, warningIn + "client_secret"},
		"secret with an edge": {func(c *entra.Connection) { c.ClientSecret = secret("s3cr3t ") }, errorIn + "client_secret"},
		"next secret's id":    {func(c *entra.Connection) { c.NextClientSecret = secret(clientID) }, warningIn + "next_client_secret"},

		"AD FS, no metadata":       {adfs(func(c *entra.Connection) { c.MetadataURL = "" }), errorIn + "metadata_url"},
		"AD FS, http":              {adfs(func(c *entra.Connection) { c.MetadataURL = "http://adfs.contoso.com/x" }), errorIn + "metadata_url"},
		"AD FS, file":              {adfs(func(c *entra.Connection) { c.MetadataURL = "file:///etc/passwd" }), errorIn + "metadata_url"},
		"AD FS, user info":         {adfs(func(c *entra.Connection) { c.MetadataURL = "https://a:b@adfs.contoso.com/x" }), errorIn + "metadata_url"},
		"AD FS, no issuer":         {adfs(func(c *entra.Connection) { c.Issuer = "" }), errorIn + "issuer"},
		"AD FS, issuer not a URI":  {adfs(func(c *entra.Connection) { c.Issuer = "adfs" }), errorIn + "issuer"},
		"AD FS, Entra's issuer":    {adfs(func(c *entra.Connection) { c.Issuer = "https://sts.windows.net/" + contosoTenant + "/" }), errorIn + "issuer"},
		"AD FS, China's issuer":    {adfs(func(c *entra.Connection) { c.Issuer = "https://STS.chinacloudapi.cn/" + contosoTenant + "/" }), errorIn + "issuer"},
		"AD FS, no subject":        {adfs(func(c *entra.Connection) { c.SubjectClaim = "" }), errorIn + "subject_claim"},
		"AD FS, subject not a URI": {adfs(func(c *entra.Connection) { c.SubjectClaim = "objectGUID" }), errorIn + "subject_claim"},
		"AD FS, address as subject": {adfs(func(c *entra.Connection) {
			c.SubjectClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
		}), errorIn + "subject_claim"},
		"AD FS, UPN as subject": {adfs(func(c *entra.Connection) {
			c.SubjectClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/UPN"
		}), errorIn + "subject_claim"},
		"AD FS and Entra":             {adfs(func(c *entra.Connection) { c.EntraDomain = "contoso.com" }), errorIn + "entra_id_domain"},
		"AD FS, extended profile":     {adfs(func(c *entra.Connection) { c.ExtendedProfile = true }), warningIn + "is_extended_attributes_required"},
		"AD FS fields, OAuth 2.0":     {func(c *entra.Connection) { c.Issuer = "http://x.example/" }, warningIn + "issuer"},
		"subject claim without AD FS": {func(c *entra.Connection) { wsfedConnection(c); c.SubjectClaim = "http://schemas.example/objectguid" }, errorIn + "subject_claim"},

		"domain is none":          {domain("contoso"), errorIn + "home_realm_domains"},
		"domain is an address":    {domain("ann@contoso.com"), errorIn + "home_realm_domains"},
		"domain is an IP":         {domain("192.0.2.1"), errorIn + "home_realm_domains"},
		"domain is a suffix":      {domain("co.uk"), errorIn + "home_realm_domains"},
		"domain is a private one": {domain("github.io"), errorIn + "home_realm_domains"},
		"domain is a mail one":    {domain("@GMail.com"), errorIn + "home_realm_domains"},
		"domain is for itself":    {domain("*contoso.com"), errorIn + "home_realm_domains"},
		"subdomains of a suffix":  {domain("*.co.uk"), errorIn + "home_realm_domains"},
		"subdomains of mail":      {domain("*.gmail.com"), errorIn + "home_realm_domains"},
		"subdomains twice":        {domain("*.contoso.com", "@*.CONTOSO.com."), errorIn + "home_realm_domains"},
		"subdomains, nested":      {domain("*.*.contoso.com"), errorIn + "home_realm_domains"},
		"domain imitates":         {domain("соntoso.com"), errorIn + "home_realm_domains"},
		"domain twice":            {domain("contoso.com", "@CONTOSO.com."), errorIn + "home_realm_domains"},
		"too many domains":        {domain(make([]string, 10001)...), errorIn + "home_realm_domains"},

		"redirect_uri":       {param("redirect_uri", "https://evil.example", ""), errorIn + "upstream_params"},
		"STATE":              {param("STATE", "x", ""), errorIn + "upstream_params"},
		"request_uri":        {param("request_uri", "https://evil.example", ""), errorIn + "upstream_params"},
		"claims":             {param("claims", "{}", ""), errorIn + "upstream_params"},
		"wreplyptr":          {param("wReplyPtr", "https://evil.example", ""), errorIn + "upstream_params"},
		"reserved as alias":  {param("wctx", "", "login_hint"), errorIn + "upstream_params"},
		"empty parameter":    {param("", "x", ""), errorIn + "upstream_params"},
		"parameter injects":  {param("x&state", "y", ""), errorIn + "upstream_params"},
		"parameter ſtate":    {param("ſtate", "y", ""), errorIn + "upstream_params"},
		"parameter of lines": {param("x\r\ny", "z", ""), errorIn + "upstream_params"},
		"value of lines":     {param("x", "a\r\nb", ""), errorIn + "upstream_params"},
		"value too long":     {param("x", strings.Repeat("a", 513), ""), errorIn + "upstream_params"},
		"neither":            {param("x", "", ""), errorIn + "upstream_params"},
		"both":               {param("x", "a", "b"), errorIn + "upstream_params"},
		"alias not a name":   {param("x", "", "Login Hint"), errorIn + "upstream_params"},
		"twice, other case": {func(c *entra.Connection) {
			c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Value: "login"}, "Prompt": {Value: "none"}}
		}, errorIn + "upstream_params"},
		"hint beside select_account": {func(c *entra.Connection) {
			c.UpstreamParams = map[string]entra.UpstreamParam{"prompt": {Value: "select_account"}, "login_hint": {Alias: "login_hint"}}
		}, warningIn + "upstream_params"},

		"response mode":      {func(c *entra.Connection) { c.ResponseMode = "fragment" }, errorIn + "response_mode"},
		"scopes in one":      {func(c *entra.Connection) { c.Scopes = []string{"User.Read Mail.Read"} }, errorIn + "scopes"},
		"too many scopes":    {func(c *entra.Connection) { c.Scopes = slices.Repeat([]string{"x"}, 33) }, errorIn + "scopes"},
		"empty application":  {func(c *entra.Connection) { c.EnabledApplications = []string{""} }, errorIn + "enabled_applications"},
		"empty organization": {func(c *entra.Connection) { c.Organizations = []string{""} }, errorIn + "organizations"},
		"on for nobody":      {func(c *entra.Connection) { c.AllApplications = false }, warningIn + "enabled_applications"},
		"secret of a stranger": {func(c *entra.Connection) {
			c.UnknownOptions = read(t, `{"options":{"saml_signing_private_key":"s3cr3t"}}`).UnknownOptions
		}, errorIn + "saml_signing_private_key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found := sound(test.change).Check()
			require.Len(t, found, 1, "%v", found)
			f := found[0]
			assert.Equal(t, test.want, f.Severity.String()+" "+f.Field)
			assert.Equal(t, "conn_1", f.ConnectionID)
			assert.NotEmpty(t, f.Problem)
			assert.NotEmpty(t, f.Fix)
			assert.NotEqual(t, aadsts.MenderUnknown, f.Mender)
			assert.NotContains(t, f.String(), "\n")
			assert.NotContains(t, f.String(), "s3cr3t")
			assert.Equal(t, f.Severity == entra.SeverityError, found.Err() != nil)
		})
	}
}

func TestCheckFindsAllAtOnce(t *testing.T) {
	c := &entra.Connection{
		Name: "", Strategy: "x", EntraDomain: "common", ClientID: "y", UseCommonEndpoint: true, AnyTenant: true, OrganizationID: "org", AutoJoinOrganization: true, TrustEmails: true,
		HomeRealmDomains: []string{"gmail.com", "co.uk"}, UpstreamParams: map[string]entra.UpstreamParam{"state": {Value: "x"}, "": {}}, ResponseMode: "z", ClientSecret: secret(clientID),
	}
	err := c.Check().Err()
	var invalid *entra.InvalidError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
		assert.Contains(t, err.Error(), f.Problem)
	}
	assert.Equal(t, []string{
		"name", "strategy", "entra_id_domain", "is_any_tenant_allowed", "is_auto_join_organization_enabled", "is_trust_emails_enabled", "client_id",
		"home_realm_domains", "home_realm_domains", "upstream_params", "upstream_params", "upstream_params", "response_mode",
	}, fields)
	assert.NotContains(t, err.Error(), clientID)
}

func TestCheckSaysWhatToDoInsteadOfCommon(t *testing.T) {
	for _, word := range []string{"common", "ORGANIZATIONS", "consumers"} {
		found := sound(func(c *entra.Connection) { c.EntraDomain = word }).Check()
		require.Len(t, found, 1)
		assert.Contains(t, found[0].Problem, "many tenants")
		assert.Contains(t, found[0].Fix, "allowed_tenants")
	}
}

func TestReservedNames(t *testing.T) {
	for name := range strings.FieldsSeq(`client_id client_secret redirect_uri response_type response_mode scope state nonce code_challenge code_challenge_method
		code_verifier client_assertion client_assertion_type grant_type resource registration authorization_details id_token_hint post_logout_redirect_uri
		request request_uri claims wa wtrealm wreply wctx wct wresult wreq wp wres wencoding wreqptr wresultptr wattrptr wpseudoptr STATE Redirect_Uri WReqPtr`) {
		assert.True(t, entra.Reserved(name), name)
	}
	for _, name := range []string{"login_hint", "prompt", "domain_hint", "username", "whr", "wfresh", "wauth", "msafed", "ptr"} {
		assert.False(t, entra.Reserved(name), name)
	}
}
