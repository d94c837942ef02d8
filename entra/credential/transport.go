package credential

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
)

var errNotJSON = errors.New("the answer is not JSON")

// whole reads each answer to its end before x/oauth2 sees it. So the bound on its length is an error here, where
// its identity is kept, and x/oauth2 never takes a page or a form for a token.
type whole struct{ next http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 == 2 {
		// RFC 6749 section 5.1: the parameters are in a body of application/json.
		if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, errNotJSON
		}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
