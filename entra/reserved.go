package entra

import "strings"

// Reserved reports whether a parameter belongs to the protocol itself and so may never be set as an upstream parameter, in whatever case it is
// written (OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636, RFC 7521, RFC 9101; WS-Federation 1.2 section 13). The Service asks before it begins,
// and each driver once more about the address it has made.
func Reserved(name string) bool {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return true // a reader that folds letters could take it for one that is
	}
	lower := strings.ToLower(name)
	if lower == "" || reserved[lower] {
		return true
	}
	return strings.HasPrefix(lower, "w") && strings.HasSuffix(lower, "ptr") // wreqptr, wresultptr, …: addresses to fetch from
}

var reserved = map[string]bool{
	"client_id": true, "client_secret": true, "redirect_uri": true, "response_type": true, "response_mode": true,
	"scope": true, "state": true, "nonce": true, "code_challenge": true, "code_challenge_method": true, "code_verifier": true,
	"client_assertion": true, "client_assertion_type": true, "grant_type": true, "resource": true, "registration": true,
	"authorization_details": true, "id_token_hint": true, "post_logout_redirect_uri": true, "request": true,
	"request_uri": true, "claims": true,
	"wa": true, "wtrealm": true, "wreply": true, "wctx": true, "wct": true, "wresult": true, "wreq": true, "wp": true,
	"wres": true, "wencoding": true,
}
