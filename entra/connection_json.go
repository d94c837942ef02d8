package entra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Bounds of a connection's JSON, in bytes and in objects and lists within each other.
const (
	maxConnection      = 1 << 20
	maxConnectionDepth = 32
)

// whole is what readObject calls the document.
const whole = "JSON"

// member ties a member of the JSON to a field.
type member struct {
	name  string
	field func(*Connection) any // pointer to it
}

// topLevel and options are the members of the JSON, in the order in which they are written.
var (
	topLevel = []member{
		{"id", func(c *Connection) any { return &c.ID }},
		{"name", func(c *Connection) any { return &c.Name }},
		{"display_name", func(c *Connection) any { return &c.DisplayName }},
		{"strategy", func(c *Connection) any { return &c.Strategy }},
		{"enabled_applications", func(c *Connection) any { return &c.EnabledApplications }},
		{"is_all_applications_enabled", func(c *Connection) any { return &c.AllApplications }},
		{"organization_id", func(c *Connection) any { return &c.OrganizationID }},
		{"organizations", func(c *Connection) any { return &c.Organizations }},
		{"version", func(c *Connection) any { return &c.Version }},
	}
	options = append([]member{
		{"client_id", func(c *Connection) any { return &c.ClientID }},
		{"home_realm_domains", func(c *Connection) any { return &c.HomeRealmDomains }},
		{"entra_id_domain", func(c *Connection) any { return &c.EntraDomain }},
		{"is_use_common_endpoint", func(c *Connection) any { return &c.UseCommonEndpoint }},
		{"is_use_custom_domain", func(c *Connection) any { return &c.UseCustomDomain }},
		{"is_sync_user_profile_on_login", func(c *Connection) any { return &c.SyncProfile }},
		{"is_retrieve_provider_user_groups", func(c *Connection) any { return &c.UserGroups }},
		{"is_extended_attributes_required", func(c *Connection) any { return &c.ExtendedProfile }},
		{"is_create_missing_user", func(c *Connection) any { return &c.CreateMissingUsers }},
		{"is_force_show_sso_button", func(c *Connection) any { return &c.AlwaysShowButton }},
		{"is_auto_join_organization_enabled", func(c *Connection) any { return &c.AutoJoinOrganization }},
		{"upstream_params", func(c *Connection) any { return &c.UpstreamParams }},

		{"button_order", func(c *Connection) any { return &c.ButtonOrder }},
		{"tenant_id", func(c *Connection) any { return &c.TenantID }},
		{"allowed_tenants", func(c *Connection) any { return &c.AllowedTenants }},
		{"is_any_tenant_allowed", func(c *Connection) any { return &c.AnyTenant }},
		{"is_trust_emails_enabled", func(c *Connection) any { return &c.TrustEmails }},
		{"is_keep_other_identities", func(c *Connection) any { return &c.KeepOtherIdentities }},
		{"is_mail_provider_domain_allowed", func(c *Connection) any { return &c.AllowMailProviders }},
		{"home_realm_domain_proofs", func(c *Connection) any { return &c.DomainProofs }},
		{"cloud", func(c *Connection) any { return &c.Cloud }},
		{"client_secret_expires_at", func(c *Connection) any { return &c.ClientSecretExpires }},
		{"next_client_secret_expires_at", func(c *Connection) any { return &c.NextClientSecretExpires }},
		{"federated_token_file", func(c *Connection) any { return &c.FederatedTokenFile }},
		{"has_own_signing_keys", func(c *Connection) any { return &c.OwnSigningKeys }},
		{"max_session_seconds", func(c *Connection) any { return &c.MaxSessionSeconds }},
		{"scopes", func(c *Connection) any { return &c.Scopes }},
		{"response_mode", func(c *Connection) any { return &c.ResponseMode }},
		{"realm", func(c *Connection) any { return &c.Realm }},
		{"metadata_url", func(c *Connection) any { return &c.MetadataURL }},
		{"issuer", func(c *Connection) any { return &c.Issuer }},
		{"subject_claim", func(c *Connection) any { return &c.SubjectClaim }},
		{"is_insecure_mutable_subject", func(c *Connection) any { return &c.InsecureMutableSubject }},
		{"is_provider_initiated_allowed", func(c *Connection) any { return &c.AllowProviderInitiated }},
		{"metadata_signers", func(c *Connection) any { return &c.MetadataSigners }},
		{"is_insecure_sha1", func(c *Connection) any { return &c.InsecureSHA1 }},
		{"is_missing_confirmation_allowed", func(c *Connection) any { return &c.AllowMissingConfirmation }},
		{"is_carriage_return_allowed", func(c *Connection) any { return &c.AllowCarriageReturns }},
	}, groupMembers...)
)

// secretMember ties a secret's name to its field.
type secretMember struct {
	name  string
	field func(*Connection) *credential.Secret
}

// secrets are the options that MarshalJSON never writes and EncodeConnection seals.
var secrets = []secretMember{
	{"client_secret", func(c *Connection) *credential.Secret { return &c.ClientSecret }},
	{"next_client_secret", func(c *Connection) *credential.Secret { return &c.NextClientSecret }},
	{"client_certificate", func(c *Connection) *credential.Secret { return &c.ClientCertificate }},
	{"next_client_certificate", func(c *Connection) *credential.Secret { return &c.NextClientCertificate }},
}

// enabledMember is apart from the table: where it is absent, the value follows from another member.
const enabledMember = "is_enabled"

// MarshalJSON writes the shape of Kinde's management API, secrets left out:
//
//	{"id", "name", "display_name", "strategy", "enabled_applications": ["…"], "options": {"client_id", "home_realm_domains": ["…"],
//	  "entra_id_domain", "is_use_common_endpoint", "is_use_custom_domain", "is_sync_user_profile_on_login",
//	  "is_retrieve_provider_user_groups", "is_extended_attributes_required", "is_create_missing_user",
//	  "is_force_show_sso_button", "is_auto_join_organization_enabled", "upstream_params": {"…": {"value" or "alias"}}}}
//
// Our own members, in the same style:
//
//	top level                       is_enabled, version, organization_id, organizations, is_all_applications_enabled
//	tenant                          tenant_id, cloud, allowed_tenants, is_any_tenant_allowed
//	home realm domains, buttons     home_realm_domain_proofs, is_mail_provider_domain_allowed, button_order
//	groups                          group_kind, group_form, is_group_claim_emitted, group_claim, is_group_claim_as_roles, group_source,
//	                                is_group_names_required, group_prefixes, group_list, group_failure, group_max_age_hours, required_groups
//	extended profile                extended_attributes, is_manager_included, is_photo_included
//	linking                         is_trust_emails_enabled, is_keep_other_identities
//	credentials                     client_secret_expires_at, next_client_secret_expires_at, federated_token_file; read but not written:
//	                                client_secret, next_client_secret, client_certificate, next_client_certificate
//	sessions                        max_session_seconds
//	OAuth 2.0                       scopes, response_mode, has_own_signing_keys
//	WS-Federation                   realm, is_provider_initiated_allowed, metadata_signers, is_insecure_sha1,
//	                                is_missing_confirmation_allowed, is_carriage_return_allowed
//	WS-Federation with AD FS        metadata_url, issuer, subject_claim, is_insecure_mutable_subject
//
// A member that would say no more than its absence (false, "", an empty list) is left out, unless it stood in the JSON that
// the connection was read from: what was read comes back equal, unknown members included. The order is always the same.
func (c Connection) MarshalJSON() ([]byte, error) {
	w := objectWriter{connection: &c}
	w.members("", topLevel)
	if c.Enabled != c.enabledByDefault() {
		w.raw(enabledMember, json.RawMessage(strconv.FormatBool(c.Enabled)))
	} else if raw, ok := c.spelled[enabledMember]; ok {
		w.raw(enabledMember, raw)
	}
	w.unknown(c.Unknown)

	o := objectWriter{connection: &c}
	o.members("options.", options)
	o.unknown(c.UnknownOptions)
	w.raw("options", o.bytes())
	return w.bytes(), errors.Join(w.err, o.err)
}

// enabledByDefault is the switch where the JSON has none: an environment-level connection is on for the applications that it
// lists, an organization's waits to be switched on.
func (c *Connection) enabledByDefault() bool { return c.OrganizationID == "" }

type objectWriter struct {
	connection *Connection
	buf        bytes.Buffer
	err        error
}

func (w *objectWriter) members(path string, table []member) {
	for _, m := range table {
		v := reflect.ValueOf(m.field(w.connection)).Elem()
		if isEmpty(v) {
			if raw, ok := w.connection.spelled[path+m.name]; ok {
				w.raw(m.name, raw)
			}
			continue
		}
		raw, err := json.Marshal(v.Interface())
		if err != nil {
			w.err = errors.Join(w.err, fmt.Errorf("entra: connection: %s%s: %w", path, m.name, err))
			continue
		}
		w.raw(m.name, raw)
	}
}

func (w *objectWriter) unknown(members map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		w.raw(name, members[name])
	}
}

func (w *objectWriter) raw(name string, value json.RawMessage) {
	if w.buf.Len() > 0 {
		w.buf.WriteByte(',')
	}
	key, err := json.Marshal(name)
	w.err = errors.Join(w.err, err)
	w.buf.Write(key)
	w.buf.WriteByte(':')
	w.buf.Write(value)
}

func (w *objectWriter) bytes() []byte { return []byte("{" + w.buf.String() + "}") }

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// UnmarshalJSON reads the shape that MarshalJSON writes, and secrets in clear if there are any (client_secret, client_certificate and the
// next of each); a secret that is absent, null or empty is no secret, which on a change means "as it was" (see Registrar.Save). What the
// connection held before is gone; on error it is unchanged.
//
// Without is_enabled the connection is on when it is environment-level, and off when it is an organization's. Members that are
// not known are kept. Refused: a member given twice, and one that differs from a known one only in case, since another reader
// would see another connection. No error repeats a value.
func (c *Connection) UnmarshalJSON(data []byte) error {
	if err := checkDocument(data); err != nil {
		return err
	}
	var read Connection
	top, err := readObject(whole, compact(data))
	if err != nil {
		return err
	}
	opts, err := readObject("options", top["options"])
	if err != nil {
		return err
	}
	delete(top, "options")
	enabled, said := top[enabledMember]
	delete(top, enabledMember)
	if read.Unknown, err = read.take("", top, topLevel); err != nil {
		return err
	}
	if err := read.takeSecrets(opts); err != nil {
		return err
	}
	if read.UnknownOptions, err = read.take("options.", opts, options); err != nil {
		return err
	}
	read.Enabled = read.enabledByDefault()
	if said {
		if err := json.Unmarshal(enabled, &read.Enabled); err != nil {
			return wrongType(enabledMember)
		}
		if read.Enabled == read.enabledByDefault() {
			read.spell(enabledMember, enabled)
		}
	}
	*c = read
	return nil
}

// take reads the members of a table and returns those that are in none.
func (c *Connection) take(path string, object map[string]json.RawMessage, table []member) (map[string]json.RawMessage, error) {
	for _, m := range table {
		raw, ok := object[m.name]
		if !ok {
			continue
		}
		delete(object, m.name)
		p := m.field(c)
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields() // within upstream_params and the proofs, where there is no place to keep them
		if err := dec.Decode(p); err != nil {
			return nil, wrongType(path + m.name)
		}
		if v := reflect.ValueOf(p).Elem(); isEmpty(v) {
			v.SetZero()
			c.spell(path+m.name, raw)
		}
	}
	for name := range object {
		if known := knownAs(path, name); known != "" {
			return nil, fmt.Errorf("entra: connection: member %q differs from %q only in case", clipText(name), known)
		}
	}
	if len(object) == 0 {
		return nil, nil
	}
	return object, nil
}

func (c *Connection) takeSecrets(object map[string]json.RawMessage) error {
	for _, s := range secrets {
		var clear *string
		if raw, ok := object[s.name]; ok && json.Unmarshal(raw, &clear) != nil {
			return wrongType("options." + s.name)
		}
		delete(object, s.name)
		if clear == nil {
			continue
		}
		if err := s.field(c).UnmarshalText([]byte(*clear)); err != nil {
			return fmt.Errorf("entra: connection: options.%s: %w", s.name, err)
		}
	}
	return nil
}

func (c *Connection) spell(path string, raw json.RawMessage) {
	if c.spelled == nil {
		c.spelled = map[string]json.RawMessage{}
	}
	c.spelled[path] = compact(raw)
}

// knownAs returns the known member that a name could be taken for, by a reader that ignores case as encoding/json does.
func knownAs(path, name string) string {
	table, own := topLevel, []string{"options", enabledMember}
	if path != "" {
		table, own = options, nil
		for _, s := range secrets {
			own = append(own, s.name)
		}
	}
	for _, m := range table {
		own = append(own, m.name)
	}
	for _, known := range own {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// readObject reads the members of an object as they stand; absent and null are an empty one, except for the whole.
func readObject(what string, data json.RawMessage) (map[string]json.RawMessage, error) {
	object := map[string]json.RawMessage{}
	if what != whole && (len(data) == 0 || string(data) == "null") {
		return object, nil
	}
	if len(data) == 0 || data[0] != '{' || json.Unmarshal(data, &object) != nil {
		return nil, fmt.Errorf("entra: connection: %s is not an object", what)
	}
	for name, raw := range object {
		object[name] = compact(raw)
	}
	return object, nil
}

// checkDocument refuses what two readers could read differently: a member given twice (RFC 8259, section 4), at any depth,
// and bytes that are not UTF-8.
func checkDocument(data []byte) error {
	switch {
	case len(data) > maxConnection:
		return fmt.Errorf("entra: connection: JSON is longer than %d bytes", maxConnection)
	case !utf8.Valid(data) || !json.Valid(data):
		return errors.New("entra: connection: not JSON")
	}
	return checkTwice(json.NewDecoder(bytes.NewReader(data)), 0)
}

func checkTwice(dec *json.Decoder, depth int) error {
	if depth > maxConnectionDepth {
		return fmt.Errorf("entra: connection: JSON is nested deeper than %d levels", maxConnectionDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return errors.New("entra: connection: not JSON")
	}
	open, nested := tok.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			tok, err := dec.Token()
			name, ok := tok.(string)
			switch {
			case err != nil || !ok:
				return errors.New("entra: connection: not JSON")
			case seen[name]:
				return fmt.Errorf("entra: connection: member %q is given twice", clipText(name))
			}
			seen[name] = true
		}
		if err := checkTwice(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing bracket
	return err
}

// compact brings a value into the form in which encoding/json writes it, so that reading and writing again changes nothing.
func compact(raw json.RawMessage) json.RawMessage {
	var tight, out bytes.Buffer
	if json.Compact(&tight, raw) != nil {
		return raw
	}
	json.HTMLEscape(&out, tight.Bytes())
	return out.Bytes()
}

func wrongType(member string) error {
	return fmt.Errorf("entra: connection: %s has the wrong type, or holds something unknown", member)
}
