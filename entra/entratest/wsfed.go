package entratest

import "net/http"

// wsfedRoutes adds the WS-Federation endpoints.
func (s *Server) wsfedRoutes(_ *http.ServeMux) {}
