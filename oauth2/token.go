package oauth2

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// maxToken bounds an ID token, in bytes. With 200 groups Entra's have about 12 KB.
const maxToken = 128 << 10

// idToken is an ID token taken apart; nothing in it is verified.
type idToken struct {
	raw     string
	kid     string
	parsed  *jose.JSONWebSignature
	payload []byte
	claims  idClaims
}

// idClaims are the claims that decide whether a token is accepted. What it says of the person is read later, by package claims.
type idClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Tenant    string          `json:"tid"`
	Audience  audience        `json:"aud"`
	Party     *string         `json:"azp"`
	PartyV1   *string         `json:"appid"` // azp as v1.0 has it
	Expires   *numericDate    `json:"exp"`
	NotBefore *numericDate    `json:"nbf"`
	IssuedAt  *numericDate    `json:"iat"`
	AuthTime  *numericDate    `json:"auth_time"`
	Nonce     string          `json:"nonce"`
	Version   string          `json:"ver"`
	IDType    json.RawMessage `json:"idtyp"`
	Act       json.RawMessage `json:"act"`
	Actor     json.RawMessage `json:"actor"`
	ActorT    json.RawMessage `json:"actort"`
	AtHash    *string         `json:"at_hash"`
	CHash     *string         `json:"c_hash"`
}

var (
	claimNames = strictjson.NamesOf("iss", "sub", "tid", "oid", "aud", "azp", "appid", "exp", "nbf", "iat", "auth_time", "nonce", "ver", "idtyp",
		"act", "actor", "actort", "at_hash", "c_hash", "_claim_names", "_claim_sources")
	headerNames = strictjson.NamesOf("alg", "kid", "typ", "crit")
)

// parseToken reads a token without believing any of it. A token that could be read in two ways is refused here, before it can cause
// anything. Algorithms: RFC 8725, section 3.1.
func parseToken(raw string, algorithms []string) (*idToken, error) {
	if len(raw) > maxToken || strings.Count(raw, ".") != 2 {
		return nil, refuse(CheckForm, "not a JWT of bearable size")
	}
	header, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(algorithms, header.Algorithm) {
		return nil, refuse(CheckAlgorithm, "the signature algorithm is not accepted")
	}
	accepted := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, alg := range algorithms {
		accepted[i] = jose.SignatureAlgorithm(alg)
	}
	parsed, err := jose.ParseSignedCompact(raw, accepted)
	if err != nil {
		return nil, refuse(CheckForm, "not a signed JWT")
	}
	t := &idToken{raw: raw, kid: header.KeyID, parsed: parsed, payload: parsed.UnsafePayloadWithoutVerification()}
	if err := strictjson.Check(t.payload, claimNames); err != nil {
		return nil, refuse(CheckForm, "claims: "+err.Error())
	}
	if err := json.Unmarshal(t.payload, &t.claims); err != nil {
		return nil, refuse(CheckForm, "a claim has the wrong type")
	}
	return t, nil
}

type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
}

func parseHeader(raw string) (header, error) {
	encoded, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return header{}, refuse(CheckForm, "the header is not base64url")
	}
	if err := strictjson.Check(data, headerNames); err != nil {
		return header{}, refuse(CheckForm, "header: "+err.Error())
	}
	var h header
	if err := json.Unmarshal(data, &h); err != nil {
		return header{}, refuse(CheckForm, "a member of the header has the wrong type")
	}
	if h.Critical != nil { // RFC 7515, section 4.1.11: Entra uses no extension, and one would change what the rest means
		return header{}, refuse(CheckForm, "the header has critical extensions")
	}
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") { // RFC 8725, section 3.11: a token of another kind is not an ID token
		return header{}, refuse(CheckForm, "the header names another type of token")
	}
	return h, nil
}

// audience is a string or a list of strings (RFC 7519, section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var list []*string
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, s := range list {
			if s == nil {
				return errors.New("null is no audience")
			}
			*a = append(*a, *s)
		}
		return nil
	}
	var one *string
	if err := json.Unmarshal(data, &one); err != nil || one == nil {
		return errors.New("not an audience")
	}
	*a = audience{*one}
	return nil
}

// numericDate is seconds since 1970 as a JSON number (RFC 7519, section 2); a string is none. Its range ends with the year 9999.
type numericDate struct{ time.Time }

const endOfTime = 253402300800

// UnmarshalJSON implements json.Unmarshaler.
func (d *numericDate) UnmarshalJSON(data []byte) error {
	sec, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil { // a fraction is allowed
		f, err := strconv.ParseFloat(string(data), 64)
		if err != nil || !(f > 0 && f < endOfTime) {
			return errors.New("not a NumericDate")
		}
		sec = int64(f)
	}
	if sec <= 0 || sec >= endOfTime {
		return errors.New("not a NumericDate of our times")
	}
	d.Time = time.Unix(sec, 0)
	return nil
}
