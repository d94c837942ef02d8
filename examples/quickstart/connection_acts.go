package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// act is one thing that the pages do to a connection besides saving its form. It returns the word that says so on the page after it.
type act func(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection) (word string, err error)

// acting makes a handler of an act: it finds the connection, keeps what was done, and shows the connection again.
func (h *host) acting(do act) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
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
		word, err := do(r.Context(), r, by, c)
		var invalid *entra.InvalidError
		switch {
		case errors.As(err, &invalid):
			h.showConnection(w, r, http.StatusUnprocessableEntity, stored, by, formOf(stored, nil, invalid.Faults, by))
			return
		case err != nil:
			h.failSaving(w, r, err)
			return
		}
		if err := h.store.save(r.Context()); err != nil {
			h.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/connections/"+url.PathEscape(stored.ID)+"?saved="+word, http.StatusSeeOther)
	}
}

// switchConnection switches a connection on or off. A sign-in that is under way is refused when it comes back to one that is off.
func (h *host) switchConnection(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection) (string, error) {
	c.Enabled = r.PostFormValue("enabled") == "yes"
	_, _, err := h.registry.Save(ctx, by, c)
	if c.Enabled {
		return "on", err
	}
	return "off", err
}

// chooseApplications says for whom a shared connection is on.
func (h *host) chooseApplications(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection) (string, error) {
	c.AllApplications = r.PostFormValue("all") == "yes"
	c.EnabledApplications = slices.DeleteFunc(slices.Clone(r.PostForm["application"]), func(id string) bool {
		_, ok := applicationByID(id)
		return !ok
	})
	c.Organizations = slices.DeleteFunc(slices.Clone(r.PostForm["organization"]), func(id string) bool { return organizations.name(id) == "" })
	_, _, err := h.registry.Save(ctx, by, c)
	return "apps", err
}

// changeSecret exchanges a secret or a certificate without an outage: the next one is added, both are accepted for a while, then it takes the first one's
// place. Or it clears one.
func (h *host) changeSecret(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection) (string, error) {
	var err error
	switch name := r.PostForm.Get("name"); r.PostForm.Get("do") {
	case "add":
		err = h.addNext(ctx, r, by, c, name)
	case "promote":
		_, err = h.registry.PromoteSecret(ctx, by, c.ID, c.Version, name)
	default:
		_, err = h.registry.ClearSecret(ctx, by, c.ID, c.Version, name)
	}
	return "secret", err
}

// addNext takes what an exchange's form holds into the second place.
func (h *host) addNext(ctx context.Context, r *http.Request, by entra.Actor, c *entra.Connection, name string) error {
	i := slices.IndexFunc(exchanges, func(s formSection) bool { return s.id == name })
	if i < 0 {
		return entra.ErrNotFound
	}
	next := exchanges[i].fields[0]
	found := fill(c, r, by, exchanges[i])
	if found == nil && !next.stored(c) {
		found = entra.Findings{{Field: next.name, Problem: "is missing", Severity: entra.SeverityError}}
	}
	if err := found.Err(); err != nil {
		return err
	}
	_, _, err := h.registry.Save(ctx, by, c)
	return err
}

// confirmTenant accepts that the connection's domain went to another tenant.
func (h *host) confirmTenant(ctx context.Context, _ *http.Request, by entra.Actor, c *entra.Connection) (string, error) {
	_, _, err := h.registry.ConfirmTenant(ctx, by, c.ID)
	return "tenant", err
}

type deleteView struct {
	connectionRow
	Users int
}

// deletePage asks once more, and says who depends on the connection.
func (h *host) deletePage(w http.ResponseWriter, r *http.Request) {
	c, _ := h.connectionOf(w, r)
	if c == nil {
		return
	}
	users, err := h.store.users.CountUsers(r.Context(), provisioning.UserFilter{ConnectionID: c.ID})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "delete", deleteView{connectionRow: connectionRowOf(c), Users: users})
}

// deleteConnection deletes one that nobody depends on, or whose number of users the admin has seen.
func (h *host) deleteConnection(w http.ResponseWriter, r *http.Request) {
	c, by := h.connectionOf(w, r)
	if c == nil {
		return
	}
	remove := h.registry.Delete
	if r.PostFormValue("users") != "" {
		remove = h.registry.DeleteInUse
	}
	err := remove(r.Context(), by, c.ID, r.PostFormValue("version"))
	var used *entra.InUseError
	if errors.As(err, &used) {
		h.show(w, r, http.StatusConflict, "delete", deleteView{connectionRow: connectionRowOf(c), Users: used.Users})
		return
	}
	if err != nil {
		h.failSaving(w, r, err)
		return
	}
	if err := h.store.save(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/connections?saved=deleted", http.StatusSeeOther)
}
