package oauth2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

// The parts of a claims request that are ours to add to (OpenID Connect Core 1.0, section 5.5; access_token is Entra's).
const (
	inIDToken     = "id_token"
	inAccessToken = "access_token"
)

// What is added: when the person signed in, for a demand for a fresh sign-in is checked by it, and that whoever holds the access token can handle
// a claims challenge. https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities
const (
	askAuthTime   = `{"essential":true}`
	askCapability = `{"values":["cp1"]}`
)

var requestNames = strictjson.NamesOf(inIDToken, inAccessToken, "userinfo")

// claimsRequest adds to the host's claims request, "" for none, what else has to be asked for. What the host wrote itself stays as it is. A
// request that answers a challenge declares the capability in any case: whoever got one can handle it.
func claimsRequest(request string, fresh, capable bool) (string, error) {
	all, err := readClaimsRequest(request)
	if err != nil {
		return "", err
	}
	capable = capable || all[inAccessToken] != nil
	if fresh {
		if err := ask(all, inIDToken, "auth_time", askAuthTime); err != nil {
			return "", err
		}
	}
	if capable {
		if err := ask(all, inAccessToken, "xms_cc", askCapability); err != nil {
			return "", err
		}
	}
	if len(all) == 0 || !fresh && !capable {
		return request, nil
	}
	out, err := json.Marshal(all)
	return string(out), err
}

func readClaimsRequest(request string) (map[string]json.RawMessage, error) {
	all := make(map[string]json.RawMessage)
	if request == "" {
		return all, nil
	}
	if err := strictjson.Check([]byte(request), requestNames); err != nil {
		return nil, errors.New("claims request: " + err.Error())
	}
	if err := json.Unmarshal([]byte(request), &all); err != nil {
		return nil, errors.New("claims request: not an object")
	}
	for name, part := range all {
		if string(part) == "null" {
			delete(all, name)
		}
	}
	_, err := demandsOf(all)
	return all, err
}

// ask puts a claim into a part of a request, unless it is there.
func ask(all map[string]json.RawMessage, part, claim, how string) error {
	claims := make(map[string]json.RawMessage)
	if all[part] != nil {
		if err := json.Unmarshal(all[part], &claims); err != nil {
			return errors.New("claims request: " + part + " is not an object")
		}
	}
	if _, there := claims[claim]; !there {
		claims[claim] = json.RawMessage(how)
	}
	out, err := json.Marshal(claims)
	all[part] = out
	return err
}

// demand is what a claims request asks of one claim of the ID token.
type demand struct {
	claim     string
	essential bool
	values    []any // strings, booleans, json.Number
}

// demandsOf reads the demands on the ID token. Those on the access token are for its resource to check.
func demandsOf(all map[string]json.RawMessage) ([]demand, error) {
	if all[inIDToken] == nil {
		return nil, nil
	}
	var claims map[string]*struct {
		Essential bool  `json:"essential"`
		Value     any   `json:"value"`
		Values    []any `json:"values"`
	}
	dec := json.NewDecoder(bytes.NewReader(all[inIDToken]))
	dec.UseNumber() // as the token's claims are read
	if err := dec.Decode(&claims); err != nil {
		return nil, errors.New("claims request: id_token is not an object of claims")
	}
	var list []demand
	for claim, how := range claims {
		if how == nil { // asked for as it comes
			continue
		}
		d := demand{claim: claim, essential: how.Essential, values: how.Values}
		if how.Value != nil {
			d.values = append(d.values, how.Value)
		}
		if slices.ContainsFunc(d.values, func(v any) bool { return !isScalar(v) }) {
			return nil, errors.New("claims request: a value is not a string, a number or a boolean")
		}
		if d.essential || len(d.values) > 0 {
			list = append(list, d)
		}
	}
	return list, nil
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool, json.Number:
		return true
	}
	return false
}

// metBy reports whether the token's claim says what was asked for: of a list, such as acrs, all the values must be in it; a single value must be one of
// those that were named. OpenID Connect lets a provider answer without them, which is why it is looked at here: a step-up that
// the token does not confirm is none (OpenID Connect Core 1.0, section 5.5.1.1).
// https://learn.microsoft.com/entra/identity-platform/developer-guide-conditional-access-authentication-context
func (d demand) metBy(claim any) bool {
	switch claim := claim.(type) {
	case nil:
		return false
	case []any:
		missing := func(v any) bool { return !slices.Contains(claim, v) }
		return len(claim) > 0 && !slices.ContainsFunc(d.values, missing)
	case map[string]any:
		return len(d.values) == 0
	default:
		return len(d.values) == 0 || slices.Contains(d.values, claim)
	}
}

// checkDemands holds the verified token to the claims request of its sign-in.
func checkDemands(token map[string]any, request string) error {
	if request == "" {
		return nil
	}
	all, err := readClaimsRequest(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	demands, err := demandsOf(all)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for _, d := range demands {
		if !d.metBy(token[d.claim]) {
			return refuse(CheckDemand, "the token does not say what was asked for in the claims request")
		}
	}
	return nil
}
