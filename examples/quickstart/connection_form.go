package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tenantdoor/tenantdoor/entra"
)

// connectionView is the page of one connection.
type connectionView struct {
	connectionRow
	Tab, Saved           string
	Form                 formView
	Operator, Shared     bool
	Applications, Shares []choice // for whom a shared connection is on
	AllApplications      bool
	OnForNobody          []string // warnings
	Unproven             []domainView
	TenantID             string
	FakeDNS              bool
}

func (h *host) newConnectionPage(w http.ResponseWriter, r *http.Request) {
	who, _ := h.admins.current(r)
	c := &entra.Connection{Strategy: entra.OAuth2, OrganizationID: who.organization, CreateMissingUsers: true, SyncProfile: true, UserGroups: true, UpstreamParams: loginHint}
	h.showNew(w, r, http.StatusOK, formOf(c, nil, nil, who.actor()))
}

// showNew shows the form of a connection that has never been stored.
func (h *host) showNew(w http.ResponseWriter, r *http.Request, status int, form formView) {
	callbacks, err := h.callbacks(r.Context(), &entra.Connection{})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	form.Action, form.Submit = "/connections/new", "Add the connection"
	form.showCallbacks(callbacks)
	h.show(w, r, status, "new-connection", form)
}

func (v *formView) showCallbacks(list []callbackView) {
	for i := range v.Sections {
		if v.Sections[i].ID == callbackSection {
			v.Sections[i].Callbacks = list
		}
	}
}

func (h *host) createConnection(w http.ResponseWriter, r *http.Request) {
	if err := readForm(r); err != nil {
		h.failSaving(w, r, err)
		return
	}
	who, _ := h.admins.current(r)
	c := &entra.Connection{OrganizationID: who.organization}
	saved, found, err := h.saveForm(r, who.actor(), c)
	switch {
	case err == nil:
		http.Redirect(w, r, "/connections/"+url.PathEscape(saved.ID)+"?saved=new", http.StatusSeeOther)
	case found.Err() != nil:
		h.showNew(w, r, http.StatusUnprocessableEntity, formOf(c, r.PostForm, found, who.actor()))
	default:
		h.failSaving(w, r, err)
	}
}

func (h *host) connectionPage(w http.ResponseWriter, r *http.Request) {
	c, by := h.connectionOf(w, r)
	if c == nil {
		return
	}
	h.showConnection(w, r, http.StatusOK, c, by, formOf(c, nil, c.Check(), by))
}

func (h *host) showConnection(w http.ResponseWriter, r *http.Request, status int, c *entra.Connection, by entra.Actor, form formView) {
	callbacks, err := h.callbacks(r.Context(), c)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	form.showCallbacks(callbacks)
	v := connectionView{
		connectionRow: connectionRowOf(c), Tab: "settings", Saved: said(r), Form: form,
		Operator: by.IsEnvironment(), Shared: c.OrganizationID == "", AllApplications: c.AllApplications,
		TenantID: c.TenantID, FakeDNS: h.zone != nil, Unproven: h.challenges(c),
	}
	for _, a := range applications {
		v.Applications = append(v.Applications, choice{Value: a.ID, Label: a.Name, Selected: slices.Contains(c.EnabledApplications, a.ID)})
	}
	for _, o := range organizations {
		v.Shares = append(v.Shares, choice{Value: o.ID, Label: o.Name, Selected: slices.Contains(c.Organizations, o.ID)})
	}
	for _, f := range c.Check() {
		if f.Field == "enabled_applications" {
			v.OnForNobody = append(v.OnForNobody, findingText(f))
		}
	}
	h.show(w, r, status, "connection", v)
}

// saveConnection saves what was changed in the form. What goes wrong comes back beside the fields, with what was typed.
func (h *host) saveConnection(w http.ResponseWriter, r *http.Request) {
	stored, by := h.connectionOf(w, r)
	if stored == nil {
		return
	}
	if err := readForm(r); err != nil {
		h.failSaving(w, r, err)
		return
	}
	c := stored.Clone()
	c.Version = r.PostForm.Get("version") // of the page that was looked at
	_, found, err := h.saveForm(r, by, c)
	form := func(found entra.Findings) formView {
		v := formOf(stored, r.PostForm, found, by)
		v.Version = r.PostForm.Get("version")
		return v
	}
	switch {
	case err == nil:
		http.Redirect(w, r, "/connections/"+url.PathEscape(stored.ID)+"?saved=saved", http.StatusSeeOther)
	case errors.Is(err, entra.ErrConflict):
		v := form(nil)
		v.Version = stored.Version // whoever saves now has seen what they overwrite
		v.Differences = compare(stored, c, by)
		h.showConnection(w, r, http.StatusConflict, stored, by, v)
	case errors.Is(err, entra.ErrTenantChanged):
		v := form(nil)
		v.TenantChanged = stored.EntraDomain
		h.showConnection(w, r, http.StatusConflict, stored, by, v)
	case found.Err() != nil:
		h.showConnection(w, r, http.StatusUnprocessableEntity, stored, by, form(found))
	default:
		h.failSaving(w, r, err)
	}
}

// saveForm fills a connection from the request's form and saves it. The findings hold all that stands in the way, at once.
func (h *host) saveForm(r *http.Request, by entra.Actor, c *entra.Connection) (*entra.Connection, entra.Findings, error) {
	if unread := fill(c, r, by, formSections...); unread != nil {
		_, more, err := h.registry.Preview(r.Context(), by, c)
		if err != nil && more == nil {
			return nil, nil, err
		}
		found := append(unread, more...)
		return nil, found, found.Err()
	}
	saved, found, err := h.registry.Save(r.Context(), by, c)
	var taken *entra.TakenError
	if errors.As(err, &taken) {
		found = append(found, entra.Finding{Field: taken.Field, Problem: fmt.Sprintf("“%s” belongs to another connection", taken.Value), Fix: "choose another, or change that connection first", Severity: entra.SeverityError})
	}
	if err != nil {
		return nil, found, err
	}
	return saved, found, h.store.save(r.Context())
}

// failSaving answers errors of a Registrar that no field explains.
func (h *host) failSaving(w http.ResponseWriter, r *http.Request, err error) {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		h.show(w, r, http.StatusRequestEntityTooLarge, "error", errorView{Heading: "This is too much at once", Public: "Nothing was saved. A form with its file holds at most 4 MB.", Back: "/connections"})
	case errors.Is(err, errForm):
		h.show(w, r, http.StatusBadRequest, "error", errorView{Heading: "The form did not arrive whole", Public: "Nothing was saved. Please try again.", Back: "/connections"})
	case errors.Is(err, entra.ErrNotFound):
		h.notFound(w, r)
	case errors.Is(err, entra.ErrNotAllowed):
		h.show(w, r, http.StatusForbidden, "error", errorView{Heading: "Only the operator may do this", Public: "Nothing was saved.", Back: "/connections"})
	case errors.Is(err, entra.ErrConflict):
		h.show(w, r, http.StatusConflict, "error", errorView{Heading: "Somebody else changed this connection", Public: "Nothing was saved. Look at it again, then decide.", Back: "/connections"})
	default:
		h.fail(w, r, err)
	}
}
