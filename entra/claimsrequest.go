package entra

import (
	"encoding/json"
	"maps"
)

// mergeClaims puts the claims request that a challenge brought over the one that the sign-in began with, claim by claim (OpenID Connect Core 1.0,
// section 5.5): a step-up that the host demanded is demanded of the second sign-in too. What is not an object counts for nothing; the driver refuses it.
func mergeClaims(first, challenge string) string {
	var all, more map[string]json.RawMessage
	if first == "" || json.Unmarshal([]byte(first), &all) != nil {
		return challenge
	}
	if challenge == "" || json.Unmarshal([]byte(challenge), &more) != nil {
		return first
	}
	for part, claims := range more {
		all[part] = overlay(all[part], claims)
	}
	out, err := json.Marshal(all)
	if err != nil {
		return challenge
	}
	return string(out)
}

// overlay puts the claims of one part of a request over those of another.
func overlay(below, above json.RawMessage) json.RawMessage {
	var claims, more map[string]json.RawMessage
	if json.Unmarshal(below, &claims) != nil || json.Unmarshal(above, &more) != nil || claims == nil || more == nil {
		return above
	}
	maps.Copy(claims, more)
	out, err := json.Marshal(claims)
	if err != nil {
		return above
	}
	return out
}
