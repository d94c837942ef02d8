package main

import (
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// trouble is something that the fake Entra can be told to do wrong, to see what a sign-in makes of it.
type trouble struct {
	ID, Label, What string
	faults          entratest.Faults
}

var troubles = []trouble{
	{ID: "none", Label: "Everything works"},
	{
		ID: "throttled", Label: "Graph is busy for a moment",
		What:   "The next two requests are answered 429 with Retry-After: 1. Maya’s sign-in takes a little longer, and has all her groups.",
		faults: entratest.Faults{Throttle: 2, RetryAfter: time.Second},
	},
	{
		ID: "graph-down", Label: "Graph is down",
		What:   "Maya signs in with the groups that were known before, or without any claim of groups; never with some of them.",
		faults: entratest.Faults{Fail: map[string]int{entratest.EndpointGraph: -1}},
	},
	{
		ID: "overage", Label: "Everybody is in too many groups",
		What:   "Every token points to Graph for the groups.",
		faults: entratest.Faults{Overage: true},
	},
	{
		ID: "token-down", Label: "The token endpoint is down",
		What:   "OAuth 2.0 cannot be finished. WS-Federation does not need it.",
		faults: entratest.Faults{Fail: map[string]int{entratest.EndpointToken: -1}},
	},
	{
		ID: "forged", Label: "Tokens are signed by a stranger",
		What:   "Nobody is signed in.",
		faults: entratest.Faults{UnknownKey: true},
	},
}

type troubleView struct {
	Saved    bool
	Troubles []trouble
	Now      string
}

func (h *host) troublePage(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, "trouble", troubleView{Saved: r.URL.Query().Has("saved"), Troubles: troubles, Now: h.troubled()})
}

func (h *host) makeTrouble(w http.ResponseWriter, r *http.Request) {
	for _, t := range troubles {
		if t.ID == r.PostFormValue("trouble") {
			h.source.fake.SetFaults(t.faults)
			h.trouble.Store(&t)
			http.Redirect(w, r, "/trouble?saved", http.StatusSeeOther)
			return
		}
	}
	h.notFound(w, r)
}

// troubled is the id of the trouble that was chosen last.
func (h *host) troubled() string {
	if t := h.trouble.Load(); t != nil {
		return t.ID
	}
	return troubles[0].ID
}
