package entra

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxDiscoverJSON bounds what a page's script posts, in bytes: an address has 320 at most, a return address 1024.
const maxDiscoverJSON = 8 << 10

// jsonAnswer is what a page's script gets: where to go, or what went wrong. Its members are the same for every address.
type jsonAnswer struct {
	URL   string     `json:"url,omitempty"`
	Error *jsonError `json:"error,omitempty"`
}

type jsonError struct {
	Kind    string `json:"kind"`    // Kind.String
	Message string `json:"message"` // Error.Public
	Attempt string `json:"attempt"`
}

// serveDiscover answers the address form. What it answers depends on the domain alone, and it looks nowhere but there: an answer takes as long for
// somebody who has an account as for somebody who has none.
func (s *Service) serveDiscover(w http.ResponseWriter, r *http.Request) {
	address, returnTo, err := readAddress(r)
	if err != nil {
		s.showError(w, r, s.fail(r.Context(), "discover", newAttempt(), nil, err))
		return
	}
	o, err := s.requestOptions(r, returnTo, "")
	if err != nil {
		s.showError(w, r, err)
		return
	}
	d, err := s.BeginByAddress(r.Context(), address, o)
	switch {
	case err != nil:
		s.showError(w, r, err)
	case isJSON(r):
		d.SetCookies(w, r)
		secureHeaders(w)
		writeJSON(w, http.StatusOK, jsonAnswer{URL: d.URL})
	default:
		d.Redirect(w, r)
	}
}

// readAddress reads the form or the JSON. A page of another origin can post neither as JSON (its browser asks first, and nothing of ours allows it) nor, by a
// form, more than send its visitor to their own sign-in page.
func readAddress(r *http.Request) (address, returnTo string, err error) {
	if !isJSON(r) {
		a, err := ReadArrival(r)
		if err != nil {
			return "", "", err
		}
		return a.Form.Get("address"), a.Form.Get("return_to"), nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxDiscoverJSON))
	if err != nil {
		return "", "", NewError(KindFlow, errors.New("the JSON is too large, or broke off"))
	}
	refused := NewError(KindFlow, errors.New("the body is not one JSON object of the texts address and return_to"))
	if checkDocument(body) != nil {
		return "", "", refused
	}
	members, err := readObject(whole, body)
	if err != nil {
		return "", "", refused
	}
	for name, raw := range members {
		var text *string
		if json.Unmarshal(raw, &text) != nil || text == nil {
			return "", "", refused
		}
		switch name {
		case "address":
			address = *text
		case "return_to":
			returnTo = *text
		default:
			return "", "", refused
		}
	}
	return address, returnTo, nil
}

// isJSON reports whether a request posts JSON, and so wants JSON.
func isJSON(r *http.Request) bool {
	mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mt == "application/json" && r.Method == http.MethodPost
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller has gone
}
