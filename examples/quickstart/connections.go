package main

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
)

// connectionOf returns the request's connection, if the browser's admin may see it: another organization's is none. It answers by itself where
// there is none, and then returns nil.
func (h *host) connectionOf(w http.ResponseWriter, r *http.Request) (*entra.Connection, entra.Actor) {
	who, _ := h.admins.current(r)
	c, err := h.store.connections.Connection(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, entra.ErrNotFound), err == nil && who.organization != "" && who.organization != c.OrganizationID:
		h.notFound(w, r)
		return nil, entra.Actor{}
	case err != nil:
		h.fail(w, r, err)
		return nil, entra.Actor{}
	}
	return c, who.actor()
}

// actorView says whom the browser acts as, and offers the others.
type actorView struct {
	Operator bool
	Name     string
	Choices  []choice
}

func actorViewOf(who admin) actorView {
	v := actorView{Operator: who.organization == "", Name: "the operator", Choices: []choice{{Label: "The operator", Selected: who.organization == ""}}}
	for _, o := range organizations {
		v.Choices = append(v.Choices, choice{Value: o.ID, Label: "Administrator of " + o.Name, Selected: o.ID == who.organization})
		if o.ID == who.organization {
			v.Name = "an administrator of " + o.Name
		}
	}
	return v
}

type connectionsView struct {
	Actor         actorView
	Own, Shared   []connectionRow // Shared: those of the operator's that the administrator's organization uses
	Sample, Saved string          // Sample: what of it could be loaded
}

type connectionRow struct {
	ID, Version, Name, Protocol, Domains, Owner, On string
	Enabled                                         bool
}

func connectionRowOf(c *entra.Connection) connectionRow {
	return connectionRow{
		ID: c.ID, Version: c.Version, Name: cmp.Or(c.DisplayName, c.Name), Protocol: protocols[c.Strategy], Domains: strings.Join(c.HomeRealmDomains, ", "),
		Owner: cmp.Or(organizations.name(c.OrganizationID), "Shared"), On: onFor(c), Enabled: c.Enabled,
	}
}

// onFor says in words for whom a connection is on.
func onFor(c *entra.Connection) string {
	var names []string
	for _, a := range applications {
		if slices.Contains(c.EnabledApplications, a.ID) {
			names = append(names, a.Name)
		}
	}
	for _, o := range c.Organizations {
		names = append(names, cmp.Or(organizations.name(o), o))
	}
	switch {
	case !c.Enabled:
		return "Off"
	case c.OrganizationID != "":
		return "On"
	case c.AllApplications:
		return "On for every application"
	case len(names) == 0:
		return "On for nobody"
	}
	return "On for " + strings.Join(names, ", ")
}

// saidAfter are the lines that a page opens with, by the query's word.
var saidAfter = map[string]string{
	"on":        "Switched on.",
	"off":       "Switched off. Sign-ins that are under way are refused.",
	"new":       "Saved. Test it, then switch it on.",
	"saved":     "Saved. New sign-ins go by it.",
	"apps":      "Saved for whom it is on.",
	"proven":    "Proven. Its people find their way from now on.",
	"unproven":  "No domain could be proven. Nothing has changed.",
	"published": "The record is in the fake DNS. Have it looked for.",
	"secret":    "Saved what became of the secret or certificate.",
	"tenant":    "The new tenant is confirmed.",
	"deleted":   "Deleted.",
	"sample":    "The sample is loaded.",
}

func said(r *http.Request) string { return saidAfter[r.URL.Query().Get("saved")] }

func (h *host) connectionsPage(w http.ResponseWriter, r *http.Request) {
	who, _ := h.admins.current(r)
	v := connectionsView{Actor: actorViewOf(who), Saved: said(r)}
	there := map[string]bool{}
	for c, err := range h.store.connections.Connections(r.Context(), entra.Filter{Organization: who.organization}) {
		if err != nil {
			h.fail(w, r, err)
			return
		}
		there[c.ID] = true
		if row := connectionRowOf(c); who.organization == "" || c.OrganizationID == who.organization {
			v.Own = append(v.Own, row)
		} else {
			v.Shared = append(v.Shared, row)
		}
	}
	if h.source.fake != nil && v.Actor.Operator && slices.ContainsFunc(h.source.connections, func(c *entra.Connection) bool { return !there[c.ID] }) {
		v.Sample = "Contoso and Fabrikam"
	}
	h.show(w, r, http.StatusOK, "connections", v)
}

// loadSample adds what is missing of the sample.
func (h *host) loadSample(w http.ResponseWriter, r *http.Request) {
	who, _ := h.admins.current(r)
	if who.organization != "" {
		h.notFound(w, r)
		return
	}
	if err := h.addConnections(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/connections?saved=sample", http.StatusSeeOther)
}
