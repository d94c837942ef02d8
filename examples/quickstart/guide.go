package main

import (
	"net/http"

	"github.com/tenantdoor/tenantdoor/entra"
)

// guideView is the library's guide in this host's own look. As an http.Handler the guide is a page by itself.
type guideView struct {
	connectionRow
	Tab      string
	Guide    *entra.Guide
	Manifest string
}

func (h *host) guidePage(w http.ResponseWriter, r *http.Request) {
	c, _ := h.connectionOf(w, r)
	if c == nil {
		return
	}
	guide, err := h.service.SetupGuide(r.Context(), c)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "guide", guideView{connectionRow: connectionRowOf(c), Tab: "guide", Guide: guide, Manifest: guide.ManifestJSON()})
}
