package main

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// expiringView is what ends soon, by connection.
type expiringView struct {
	Within      []choice
	Looked      int // how many connections there are
	Connections []expiringConnection
}

type expiringConnection struct {
	ID, Name string
	Findings []findingView
}

// expiringWithin are the spans that the page offers, in days.
var expiringWithin = []int{30, 60, 90}

// expiringPage asks the providers of all connections, so it is the operator's. An organization's administrator finds the same on a connection's page Test.
func (h *host) expiringPage(w http.ResponseWriter, r *http.Request) {
	if who, _ := h.admins.current(r); who.organization != "" {
		h.notFound(w, r)
		return
	}
	v, days := expiringView{}, expiringWithin[0]
	for _, d := range expiringWithin {
		if r.FormValue("days") == strconv.Itoa(d) {
			days = d
		}
	}
	for _, d := range expiringWithin {
		v.Within = append(v.Within, choice{Value: strconv.Itoa(d), Label: strconv.Itoa(d) + " days", Selected: d == days})
	}
	found := map[string]entra.Findings{}
	for f, err := range h.service.Expiring(r.Context(), time.Duration(days)*24*time.Hour) {
		if err != nil {
			h.fail(w, r, err)
			return
		}
		found[f.ConnectionID] = append(found[f.ConnectionID], f)
	}
	for c, err := range h.store.connections.Connections(r.Context(), entra.Filter{}) {
		if err != nil {
			h.fail(w, r, err)
			return
		}
		v.Looked++
		if list := found[c.ID]; list != nil {
			v.Connections = append(v.Connections, expiringConnection{ID: c.ID, Name: cmp.Or(c.DisplayName, c.Name), Findings: findingViews(list)})
		}
	}
	h.show(w, r, http.StatusOK, "expiring", v)
}
