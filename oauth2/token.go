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

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// maxToken bounds an ID token, in bytes. With 200 groups Entra's have about 12 KB.
const maxToken = 128 << 10

// idToken is an ID token taken apart; nothing in it is verified.
type idToken struct {
	raw     string
	kid     string
	parsed  *jose.JSONWebSignature
	payload []byte         // what all was read from; compared with what the signature was about
	all     map[string]any // every claim
	claims  idClaims
}

// idClaims are the claims that decide whether a token is accepted. What it says of the person is read later, by package claims.
type idClaims struct {
	Issuer, Subject, Tenant, Nonce, Version string

	Audience []string
	Party    *string // azp, or as v1.0 has it
	PartyV1  *string // appid

	Expires, NotBefore, IssuedAt, AuthTime *time.Time

	IDType        any // idtyp, where hasIDType
	hasIDType     bool
	hasActor      bool // somebody acts for somebody else
	AtHash, CHash *string
}

var headerNames = strictjson.NamesOf("alg", "kid", "typ", "crit")

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
	if !slices.Contains(algorithms, header.algorithm) {
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
	t := &idToken{raw: raw, kid: header.keyID, parsed: parsed, payload: parsed.UnsafePayloadWithoutVerification()}
	if t.all, err = claims.ParseJWT(t.payload); err != nil {
		return nil, refuse(CheckForm, err.Error())
	}
	if t.claims, err = readClaims(t.all); err != nil {
		return nil, refuse(CheckForm, "a claim has the wrong type")
	}
	return t, nil
}

type header struct{ algorithm, keyID string }

func parseHeader(raw string) (header, error) {
	encoded, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return header{}, refuse(CheckForm, "the header is not base64url")
	}
	all, err := strictjson.Parse(data, headerNames)
	if err != nil {
		return header{}, refuse(CheckForm, "header: "+err.Error())
	}
	r := typed{all: all}
	h, kind := header{algorithm: r.text("alg"), keyID: r.text("kid")}, r.text("typ")
	switch _, critical := all["crit"]; {
	case r.err != nil:
		return header{}, refuse(CheckForm, "a member of the header has the wrong type")
	case critical: // RFC 7515, section 4.1.11: Entra uses no extension, and one would change what the rest means
		return header{}, refuse(CheckForm, "the header has critical extensions")
	case kind != "" && !strings.EqualFold(kind, "JWT"): // RFC 8725, section 3.11: a token of another kind is not an ID token
		return header{}, refuse(CheckForm, "the header names another type of token")
	}
	return h, nil
}

// readClaims reads the claims that decide, each in its one type.
func readClaims(all map[string]any) (idClaims, error) {
	r := typed{all: all}
	c := idClaims{
		Issuer: r.text("iss"), Subject: r.text("sub"), Tenant: r.text("tid"), Nonce: r.text("nonce"), Version: r.text("ver"),
		Audience: r.audience(), Party: r.optional("azp"), PartyV1: r.optional("appid"),
		Expires: r.date("exp"), NotBefore: r.date("nbf"), IssuedAt: r.date("iat"), AuthTime: r.date("auth_time"),
		AtHash: r.optional("at_hash"), CHash: r.optional("c_hash"),
	}
	c.IDType, c.hasIDType = all["idtyp"]
	for _, name := range []string{"act", "actor", "actort", "actortoken"} {
		if _, there := all[name]; there { // with whatever value: null too says that somebody thought of it
			c.hasActor = true
		}
	}
	return c, r.err
}

var errType = errors.New("wrong type")

// typed reads members and keeps whether one had another type than it must have. null is absent.
type typed struct {
	all map[string]any
	err error
}

func (r *typed) optional(name string) *string {
	switch v := r.all[name].(type) {
	case nil:
		return nil
	case string:
		return &v
	}
	r.err = errType
	return nil
}

func (r *typed) text(name string) string {
	if s := r.optional(name); s != nil {
		return *s
	}
	return ""
}

// audience is a string or a list of strings (RFC 7519, section 4.1.3).
func (r *typed) audience() []string {
	v, there := r.all["aud"]
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		list := make([]string, 0, len(v))
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				r.err = errType
				return nil
			}
			list = append(list, s)
		}
		return list
	}
	if there {
		r.err = errType
	}
	return nil
}

// endOfTime is the end of the year 9999.
const endOfTime = 253402300800

// date is seconds since 1970 as a JSON number (RFC 7519, section 2); a string is none, and so is a number outside of our times. A fraction is allowed.
func (r *typed) date(name string) *time.Time {
	var sec int64
	switch v := r.all[name].(type) {
	case nil:
		return nil
	case json.Number:
		var err error
		if sec, err = strconv.ParseInt(v.String(), 10, 64); err != nil {
			if f, err := strconv.ParseFloat(v.String(), 64); err == nil && f > 0 && f < endOfTime {
				sec = int64(f)
			}
		}
	}
	if sec <= 0 || sec >= endOfTime {
		r.err = errType
		return nil
	}
	at := time.Unix(sec, 0)
	return &at
}
