package wsfed

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
)

// The actions of a message: its wa parameter (WS-Federation 1.2, section 13.2).
const (
	ActionSignIn         = "wsignin1.0"
	ActionSignOut        = "wsignout1.0"
	ActionSignOutCleanup = "wsignoutcleanup1.0"
)

// Message is what a browser brought to the reply address. Nothing in it is verified.
type Message struct {
	Action  string // ActionSignIn or ActionSignOutCleanup
	Context string // wctx
	Result  string // wresult
}

// ParseMessage reads the fields of a request: form holds those of the body only. A sign-in's answer is a POST without protocol parameters in the query; a request
// to clean up is a GET, which providers make in a hidden frame. No parameter may be there twice, for who reads the first and who reads
// the last would see different messages. Other parameters of the reply address itself are ignored. The error is a *VerificationError.
func ParseMessage(method string, query, form url.Values) (*Message, error) {
	inQuery, err := protocolParameters(query)
	if err != nil {
		return nil, err
	}
	inForm, err := protocolParameters(form)
	if err != nil {
		return nil, err
	}
	switch {
	case len(inQuery) > 0 && len(inForm) > 0:
		return nil, refuse(CheckMessage, "parameters both in the query and in the body")
	case method == http.MethodPost && len(inForm) > 0:
		if inForm["wa"] != ActionSignIn {
			return nil, refuse(CheckMessage, "the posted message is not the answer to a sign-in")
		}
		return &Message{Action: ActionSignIn, Context: inForm["wctx"], Result: inForm["wresult"]}, nil
	case method == http.MethodGet && len(inQuery) > 0:
		if !strings.EqualFold(inQuery["wa"], ActionSignOutCleanup) {
			return nil, refuse(CheckMessage, "a sign-in is answered by POST")
		}
		return &Message{Action: ActionSignOutCleanup}, nil
	}
	return nil, refuse(CheckMessage, "no WS-Federation message")
}

// protocolParameters picks out the protocol's own parameters, in whatever case they are written.
func protocolParameters(v url.Values) (map[string]string, error) {
	found := map[string]string{}
	for name, values := range v {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "w") || !entra.Reserved(lower) {
			continue
		}
		if _, twice := found[lower]; twice || len(values) != 1 {
			return nil, refuse(CheckMessage, "a parameter is there twice")
		}
		found[lower] = values[0]
	}
	if pointer := found["wresultptr"]; pointer != "" {
		return nil, refuse(CheckMessage, "the token is given as an address, and addresses from messages are never fetched")
	}
	return found, nil
}
