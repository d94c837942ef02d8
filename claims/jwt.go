package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// consumers is the tenant of personal Microsoft accounts.
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference (tid)
const consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

// read are the claims that the package, or whoever verifies the token, gives a meaning. A member that differs from one of
// them only in case is refused even where the right one is missing: a reader that ignores case would take it.
// Names and meanings: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference and
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference.
var read = strictjson.NamesOf(
	"iss", "sub", "aud", "exp", "nbf", "iat", "azp", "appid", "nonce", "ver", "idtyp", "act", "actor", "actort", "at_hash", "c_hash",
	"tid", "oid", "sid", "login_hint", "acct", "idp", "auth_time", "acr", "acrs", "amr",
	"email", "xms_edov", "verified_primary_email", "preferred_username", "upn",
	"name", "given_name", "family_name", "picture",
	"groups", "hasgroups", "_claim_names", "_claim_sources", "roles", "wids",
)

// FromVerifiedJWT reads the payload of an Entra ID token. The caller has verified its signature, issuer, audience, times
// and nonce; payload is exactly the bytes that were signed.
//
// It is an error when the payload is not strict JSON (see [ParseObject]), when a claim that is read has another type than
// Entra documents, when iss or sub is missing, or when tid and oid are not both lower-case GUIDs: together they are the
// key of the person. Without scope profile Entra leaves oid out.
func FromVerifiedJWT(payload []byte) (*Identity, error) {
	raw, err := ParseJWT(payload)
	if err != nil {
		return nil, err
	}
	return FromVerifiedClaims(raw)
}

// ParseJWT reads the payload of a token as strictly as FromVerifiedJWT does, and believes none of it: for whoever verifies tokens, and hands the very
// map to FromVerifiedClaims once all is verified. Numbers are json.Number. On error the map is nil.
func ParseJWT(payload []byte) (map[string]any, error) { return parse(payload, read) }

// FromVerifiedClaims is FromVerifiedJWT for a payload that ParseJWT has read already: exactly the bytes that were signed, and unchanged since.
// The identity keeps the map as its Raw.
func FromVerifiedClaims(raw map[string]any) (*Identity, error) {
	r := &reader{raw: raw}
	id := &Identity{
		Issuer:         r.text("iss"),
		Subject:        r.text("sub"),
		TenantID:       r.text("tid"),
		ObjectID:       r.text("oid"),
		SessionID:      r.text("sid"),
		LoginHint:      r.text("login_hint"),
		Username:       firstOf(r.text("preferred_username"), r.text("upn")),
		Name:           r.text("name"),
		GivenName:      r.text("given_name"),
		FamilyName:     r.text("family_name"),
		Picture:        pictureURL(r.text("picture")),
		Groups:         r.groups(),
		Roles:          r.list("roles"),
		DirectoryRoles: r.list("wids"),
		AuthTime:       r.instant("auth_time"),
		Raw:            raw,
	}
	id.Email = r.email()
	id.Kind = kindOf(id.Issuer, id.TenantID, r.text("idp"), scalar(raw["acct"]))
	if r.err != nil {
		return nil, r.err
	}
	switch {
	case id.Issuer == "" || id.Subject == "": // OpenID Connect Core 1.0, section 2
		return nil, errors.New("claims: token lacks iss or sub")
	case id.TenantID == "" || id.ObjectID == "":
		return nil, errors.New("claims: token lacks tid or oid; ask for scope profile")
	case !IsGUID(id.TenantID):
		return nil, errors.New("claims: tid is not a lower-case GUID")
	case !IsGUID(id.ObjectID):
		return nil, errors.New("claims: oid is not a lower-case GUID")
	}
	return id, nil
}

// reader reads claims by their exact names and keeps the first error.
type reader struct {
	raw map[string]any
	err error
}

func (r *reader) fail(name, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("claims: claim %s is not %s", name, want)
	}
}

// text reads a single string; absent and null are "".
func (r *reader) text(name string) string {
	switch v := r.raw[name].(type) {
	case nil:
	case string:
		return v
	default:
		r.fail(name, "a string")
	}
	return ""
}

// list reads a list of strings, or a single one. A list with anything else in it is no list.
func (r *reader) list(name string) []string {
	switch v := r.raw[name].(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok || s == "" {
				r.fail(name, "a list of strings")
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	r.fail(name, "a list of strings")
	return nil
}

// groups reads the three states. An overage signal wins over a list: the list cannot be whole then.
// The address in _claim_sources is never used, here or elsewhere.
func (r *reader) groups() Groups { return r.groupsIn("groups") }

// groupsIn reads the groups from a claim of that name.
func (r *reader) groupsIn(claim string) Groups {
	switch names := r.raw["_claim_names"].(type) {
	case nil:
	case map[string]any:
		_, others := names["groups"]
		if _, ours := names[claim]; ours || others {
			return OverageGroups()
		}
	default:
		r.fail("_claim_names", "an object")
	}
	if truth(r.raw["hasgroups"]) {
		return OverageGroups()
	}
	if r.raw[claim] == nil {
		return Groups{}
	}
	return groupsFrom(r.list(claim))
}

// instant reads a NumericDate (RFC 7519, section 2) in whole seconds.
func (r *reader) instant(name string) time.Time {
	switch v := r.raw[name].(type) {
	case nil:
		return time.Time{}
	case json.Number:
		// The year 9999 is where other representations of time end.
		if sec, err := strconv.ParseInt(v.String(), 10, 64); err == nil && sec > 0 && sec < 253402300800 {
			return time.Unix(sec, 0).UTC()
		}
	}
	r.fail(name, "a time in whole seconds since 1970")
	return time.Time{}
}

// email takes the address with the best evidence: verified_primary_email, email with xms_edov, email, and for display
// the name that the person signs in with.
func (r *reader) email() Email {
	address := r.text("email")
	if !isAddress(address) {
		address = ""
	}
	var evidence []Evidence
	if verified := slices.DeleteFunc(r.list("verified_primary_email"), func(s string) bool { return !isAddress(s) }); len(verified) > 0 {
		if !slices.Contains(verified, address) {
			return Email{Address: verified[0], Evidence: []Evidence{EvidenceVerifiedPrimaryEmail}}
		}
		evidence = append(evidence, EvidenceVerifiedPrimaryEmail)
	}
	if address == "" { // xms_edov speaks of the claim email only
		return Email{Address: addressOf(r.text("preferred_username"), r.text("upn"))}
	}
	if truth(r.raw["xms_edov"]) {
		evidence = append(evidence, EvidenceDomainOwnerVerified)
	}
	return Email{Address: address, Evidence: evidence}
}

// addressOf returns the first name that can stand for an address. The user names that Entra makes up for guests
// (ann_gmail.com#EXT#@contoso.onmicrosoft.com) cannot.
func addressOf(names ...string) string {
	for _, s := range names {
		if isAddress(s) && !strings.Contains(strings.ToUpper(s), "#EXT#") {
			return s
		}
	}
	return ""
}

// isAddress accepts what can be shown as an address: one "@", nothing that hides or splits. RFC 5321, section 4.5.3.1.3,
// bounds its length.
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > 254 || strings.Contains(domain, "@") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, c) })
}

// truth reads a claim that Entra has sent as true, 1, "1" and "true". Anything else is not true.
func truth(v any) bool {
	switch s := scalar(v); s {
	case "true", "1":
		return true
	}
	return false
}

// scalar returns a boolean, number or string as text.
func scalar(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case string:
		return strings.ToLower(v)
	}
	return ""
}

// kindOf says what sort of account signed in. acct is "0" for a member and "1" for a guest; idp names who proved the
// person's identity, and is the issuer itself for accounts of the tenant. Neither given: unknown.
func kindOf(issuer, tenant, idp, acct string) Kind {
	u, err := url.Parse(issuer)
	switch {
	case tenant == consumers:
		return KindPersonal
	case err != nil:
		return KindUnknown
	case u.Hostname() == "ciamlogin.com" || strings.HasSuffix(u.Hostname(), ".ciamlogin.com"):
		return KindExternal
	case acct == "1", idp != "" && !isOwnIssuer(idp, issuer, tenant):
		return KindGuest
	case acct == "0", acct == "" && idp != "":
		return KindMember
	}
	return KindUnknown
}

// isOwnIssuer reports whether idp is the tenant itself: its issuer, or its v1.0 issuer, in which Entra writes idp also
// where iss has the v2.0 form. The host is compared too: a federated provider may call itself anything.
func isOwnIssuer(idp, issuer, tenant string) bool {
	if idp == issuer {
		return true
	}
	for _, host := range []string{"sts.windows.net", "sts.chinacloudapi.cn"} {
		if idp == "https://"+host+"/"+tenant+"/" {
			return true
		}
	}
	return false
}

// pictureURL keeps an https address and nothing that a page could run.
func pictureURL(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return s
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
