package entratest

import "net/http"

func (s *Server) oidcRoutes(_ *http.ServeMux) {}

type grants struct{}

func newGrants() grants { return grants{} }

func loginHint(*account) string { return "" }

func graphError(w http.ResponseWriter, _ *http.Request, status int, _, _ string) {
	w.WriteHeader(status)
}

// GraphHandler serves Graph.
func (s *Server) GraphHandler() http.Handler { return http.NotFoundHandler() }
