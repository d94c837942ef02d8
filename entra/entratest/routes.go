package entratest

import (
	"net/http"
	"strings"
)

// Handler serves the login host: OpenID Connect, WS-Federation, and the pages.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.oidcRoutes(mux)
	s.wsfedRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.log(r, "")
		http.NotFound(w, r)
	})
	return mux
}

// parameters finds a request's parameters: in the query of a GET, in the form of a POST. The account page posts back to
// the query of the request that showed it.
func parameters(r *http.Request) (map[string][]string, *failure) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return nil, fail(9002313, "The form cannot be read.")
		}
		if r.PostForm.Get("entratest") == "" {
			values = r.PostForm
		}
	}
	for name, list := range values {
		if len(list) > 1 {
			return nil, fail(9000411, strings.ToLower(name))
		}
	}
	return values, nil
}
