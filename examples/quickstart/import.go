package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tenantdoor/tenantdoor/entra"
)

// maxImported bounds the connections of one export: each is looked up at its provider while the browser waits.
const maxImported = 100

// importView is the page that takes exports, and says what became of each connection.
type importView struct {
	Problem  string
	Outcomes []outcomeView
}

// Most is how many connections the page takes at once.
func (importView) Most() int { return maxImported }

// outcomeView is what became of one connection of an export.
type outcomeView struct {
	Name, ID string // ID: of what was stored
	Findings []findingView
}

func (h *host) importPage(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, "import", importView{})
}

// importConnections reads an export: one connection, a list of them, or what the management API answers. Each is saved or not by itself.
func (h *host) importConnections(w http.ResponseWriter, r *http.Request) {
	who, _ := h.admins.current(r)
	export, err := exportOf(r)
	var list []json.RawMessage
	if err == nil {
		list, err = connectionsIn(export)
	}
	if err != nil {
		h.show(w, r, http.StatusUnprocessableEntity, "import", importView{Problem: sentence(err.Error())})
		return
	}
	var v importView
	for i, raw := range list {
		v.Outcomes = append(v.Outcomes, h.importOne(r.Context(), who, i, raw, r.FormValue("off") == "yes"))
	}
	if err := h.store.save(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "import", v)
}

// exportOf returns the file that was chosen, else the text that was pasted.
func exportOf(r *http.Request) ([]byte, error) {
	if readForm(r) != nil {
		return nil, errors.New("the file is longer than 4 MB, or was not sent whole")
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		return []byte(r.FormValue("export")), nil // no file was chosen
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err == nil && len(data) == 0 {
		return []byte(r.FormValue("export")), nil
	}
	return data, err
}

// connectionsIn takes an export apart: {…}, [{…}, …], {"connection": {…}} or {"connections": [{…}, …]}.
func connectionsIn(export []byte) ([]json.RawMessage, error) {
	export = bytes.TrimSpace(bytes.TrimPrefix(export, []byte("\xef\xbb\xbf"))) // Windows' editors begin with a byte order mark
	var list []json.RawMessage
	if len(export) == 0 {
		return nil, errors.New("choose a file, or paste what is in it")
	}
	if export[0] == '[' {
		if json.Unmarshal(export, &list) != nil {
			return nil, errors.New("this is not JSON")
		}
	} else {
		var answer struct {
			Connection  json.RawMessage   `json:"connection"`
			Connections []json.RawMessage `json:"connections"`
		}
		if json.Unmarshal(export, &answer) != nil {
			return nil, errors.New("this is not JSON")
		}
		switch {
		case answer.Connections != nil:
			list = answer.Connections
		case answer.Connection != nil:
			list = []json.RawMessage{answer.Connection}
		default:
			list = []json.RawMessage{export}
		}
	}
	switch n := len(list); {
	case n == 0:
		return nil, errors.New("there is no connection in it")
	case n > maxImported:
		return nil, fmt.Errorf("it holds %d connections, and at most %d are imported at once: part it into several files", n, maxImported)
	}
	return list, nil
}

// importOne saves one connection of an export.
func (h *host) importOne(ctx context.Context, who admin, i int, raw json.RawMessage, off bool) outcomeView {
	v := outcomeView{Name: fmt.Sprintf("Connection %d", i+1)}
	fault := func(field, problem, fix string) outcomeView {
		v.Findings = append(v.Findings, findingViews(entra.Findings{{Field: field, Problem: problem, Fix: fix, Severity: entra.SeverityError}})...)
		return v
	}
	var c entra.Connection
	if err := c.UnmarshalJSON(raw); err != nil {
		return fault("", err.Error(), "")
	}
	v.Name = rowName(&c, v.Name)
	c.Version = "" // of the store that it comes from; here it is new
	if who.organization != "" {
		c.OrganizationID = who.organization
	}
	c.Enabled = c.Enabled && !off
	saved, found, err := h.registry.Save(ctx, who.actor(), &c)
	v.Findings = findingViews(found)
	var taken *entra.TakenError
	var refused *entra.NotAllowedError
	switch {
	case err == nil:
		v.ID, v.Name = saved.ID, rowName(saved, v.Name)
		v.Findings = append(v.Findings, findingViews(h.unknownApplications(saved))...)
	case found.Err() != nil:
	case errors.As(err, &taken):
		return fault(taken.Field, fmt.Sprintf("“%s” belongs to another connection", taken.Value), "change it in the file, or change that connection first")
	case errors.Is(err, entra.ErrConflict):
		return fault("", "a connection with this id is here already", "delete it first, or leave the id out of the file")
	case errors.As(err, &refused):
		v.Findings = append(v.Findings, findingViews(refused.Faults)...)
	default:
		return fault("", "it could not be stored", "try again")
	}
	return v
}

func rowName(c *entra.Connection, otherwise string) string {
	if name := connectionRowOf(c).Name; name != "" {
		return name
	}
	return otherwise
}

// unknownApplications warns of applications that another system knows and this one does not.
func (h *host) unknownApplications(c *entra.Connection) entra.Findings {
	var found entra.Findings
	for _, id := range c.EnabledApplications {
		if _, ok := applicationByID(id); !ok {
			found = append(found, entra.Finding{Field: "enabled_applications", Problem: fmt.Sprintf("no application here has the id %q", id), Fix: "choose the applications on the connection’s page", Severity: entra.SeverityWarning})
		}
	}
	return found
}
