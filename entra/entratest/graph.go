package entratest

import "net/http"

func graphError(w http.ResponseWriter, _ *http.Request, status int, _, _ string) {
	w.WriteHeader(status)
}

// GraphHandler serves Graph.
func (s *Server) GraphHandler() http.Handler { return http.NotFoundHandler() }
