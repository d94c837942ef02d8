package entra

import "encoding/json"

// mergeClaims adds to the claims request that a sign-in began with the one that a challenge brought, claim by claim (OpenID Connect Core 1.0, section 5.5). In
// the access token the challenge's claim takes the place of ours, for the resource judges it. What the host itself demanded of the ID token stays demanded
// of the second sign-in's, whatever a challenge says of the same claim. What is not an object counts for nothing; the driver refuses it.
func mergeClaims(first, challenge string) string {
	all, more := claimsOf(json.RawMessage(first)), claimsOf(json.RawMessage(challenge))
	switch {
	case all == nil:
		return challenge
	case more == nil:
		return first
	}
	for part, claims := range more {
		if part == "id_token" {
			all[part] = overlay(claims, all[part])
		} else {
			all[part] = overlay(all[part], claims)
		}
	}
	out, err := json.Marshal(all)
	if err != nil {
		return challenge
	}
	return string(out)
}

// overlay puts the claims of one part of a request over those of another. One that is asked for as it comes (null) is over nothing.
func overlay(below, above json.RawMessage) json.RawMessage {
	claims, more := claimsOf(below), claimsOf(above)
	switch {
	case more == nil:
		return below
	case claims == nil:
		return above
	}
	for claim, how := range more {
		if _, there := claims[claim]; !there || string(how) != "null" {
			claims[claim] = how
		}
	}
	out, err := json.Marshal(claims)
	if err != nil {
		return above
	}
	return out
}

// claimsOf is nil for what is not an object.
func claimsOf(part json.RawMessage) (claims map[string]json.RawMessage) {
	if json.Unmarshal(part, &claims) != nil {
		return nil
	}
	return claims
}
