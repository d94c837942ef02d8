package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/hrd"
)

// handler routes the host's own pages beside the library's, below /sso/.
func (h *host) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/sso/", h.service)
	mux.HandleFunc("GET /{$}", h.signInPage)
	mux.HandleFunc("GET /sign-in/sso", h.ssoPage)
	mux.HandleFunc("GET /account", h.accountPage)
	mux.HandleFunc("POST /sign-out", h.signOut)
	mux.HandleFunc("GET /signed-out", h.signedOutPage)
	mux.HandleFunc("GET /connections", h.connectionsPage)
	mux.HandleFunc("GET /connections/{id}", h.connectionPage)
	mux.HandleFunc("POST /connections/{id}/enabled", h.switchConnection)
	mux.Handle("GET /assets/", assets())
	mux.HandleFunc("/", h.notFound)

	// Forms are sent from this site's own pages only. What comes back from Entra is the exception: there the flow that the library sealed
	// into the browser's cookie says that this browser asked for it.
	csrf := http.NewCrossOriginProtection()
	csrf.AddInsecureBypassPattern("POST /sso/callback/")
	return h.oneName(csrf.Handler(mux))
}

// oneName leads browsers that came by another name (127.0.0.1) to the one that cookies and callback URLs are for. It also keeps out pages that
// made their own name point at this machine.
func (h *host) oneName(next http.Handler) http.Handler {
	name := strings.TrimPrefix(h.base, "http://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == name:
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet:
			http.Redirect(w, r, h.base+"/", http.StatusFound)
		default:
			http.Error(w, "This is "+h.base, http.StatusMisdirectedRequest)
		}
	})
}

func (h *host) signInPage(w http.ResponseWriter, r *http.Request) {
	buttons, err := h.service.Buttons(r.Context(), "", "")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "sign-in", signInView{addressForm: addressForm{Discover: discover}, Buttons: buttons, Try: peopleToTry, Fake: h.source.fake != nil})
}

func (h *host) ssoPage(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, "sso", addressForm{Discover: discover})
}

// signedIn is what the library calls when somebody has signed in: the host starts its own session.
func (h *host) signedIn(w http.ResponseWriter, r *http.Request, in *entra.SignIn) {
	if err := h.store.save(r.Context()); err != nil {
		h.fail(w, r, err)
		return
	}
	h.sessions.end(w, r)
	h.sessions.start(w, in)
	http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
}

// showError is what the library calls when a sign-in came to nothing.
func (h *host) showError(w http.ResponseWriter, r *http.Request, e *entra.Error) {
	if errors.Is(e, entra.ErrNoConnection) && r.Method == http.MethodPost {
		domain, err := hrd.Domain(r.PostFormValue("address"))
		if err != nil {
			domain = ""
		}
		h.show(w, r, e.Status(), "no-connection", noConnectionView{addressForm: addressForm{Discover: discover, Problem: true}, Domain: domain, Attempt: e.Attempt})
		return
	}
	h.show(w, r, e.Status(), "error", errorViewOf(e))
}

// fail answers what went wrong in the host itself.
func (h *host) fail(w http.ResponseWriter, r *http.Request, err error) {
	h.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	h.show(w, r, http.StatusInternalServerError, "error", errorView{Heading: "Something went wrong", Public: "This is not your fault. Please try again.", Retry: true})
}

func (h *host) notFound(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusNotFound, "error", errorView{Heading: "No such page", Public: "The address is wrong, or the page is gone."})
}

func (h *host) accountPage(w http.ResponseWriter, r *http.Request) {
	in := h.sessions.current(r)
	if in == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	idToken, err := claimsJSON(in.IDTokenClaims(claims.TokenOptions{}))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	accessToken, err := claimsJSON(in.AccessTokenClaims(claims.TokenOptions{}))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "account", accountViewOf(in, idToken, accessToken))
}

func claimsJSON(set map[string]any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(set, "", "  ")
	return string(text), err
}

// signOut ends the session here and, asked to, at the company's sign-in too, which then sends the browser back.
func (h *host) signOut(w http.ResponseWriter, r *http.Request) {
	in := h.sessions.current(r)
	h.sessions.end(w, r)
	if in == nil || r.PostFormValue("everywhere") == "" {
		http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
		return
	}
	to, err := h.service.SignOut(r.Context(), in.Connection.ID, entra.SignOutOptions{LoginHint: in.Identity.LoginHint, ReturnTo: h.base + "/signed-out"})
	if err != nil || to == "" {
		to = "/signed-out"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signedOutAtProvider is what the library calls when somebody signs out at their company: their sessions here end too. A notice that names no
// session, as WS-Federation's, means the one of the browser that brings it.
func (h *host) signedOutAtProvider(_ context.Context, r *http.Request, n entra.SignOutNotice) error {
	if n.SessionID == "" {
		h.sessions.forget(r)
		return nil
	}
	h.sessions.endAt(n.Issuer, n.SessionID)
	return nil
}

func (h *host) signedOutPage(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, "signed-out", nil)
}

func (h *host) connectionsPage(w http.ResponseWriter, r *http.Request) {
	var rows []connectionRow
	for c, err := range h.store.connections.Connections(r.Context(), entra.Filter{}) {
		if err != nil {
			h.fail(w, r, err)
			return
		}
		rows = append(rows, connectionRowOf(c))
	}
	h.show(w, r, http.StatusOK, "connections", rows)
}

func (h *host) connectionPage(w http.ResponseWriter, r *http.Request) {
	c, err := h.store.connections.Connection(r.Context(), r.PathValue("id"))
	if errors.Is(err, entra.ErrNotFound) {
		h.notFound(w, r)
		return
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	callback, err := h.service.CallbackURL(r.Context(), c)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.show(w, r, http.StatusOK, "connection", connectionViewOf(c, callback, r.URL.Query().Get("saved"), c.Check()))
}

// switchConnection switches a connection on or off. A sign-in that is under way is refused when it comes back to one that is off.
func (h *host) switchConnection(w http.ResponseWriter, r *http.Request) {
	stored, err := h.store.connections.Connection(r.Context(), r.PathValue("id"))
	if errors.Is(err, entra.ErrNotFound) {
		h.notFound(w, r)
		return
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	c := stored.Clone()
	c.Version = r.PostFormValue("version") // of the page that was looked at
	c.Enabled = r.PostFormValue("enabled") == "yes"
	_, _, err = h.registry.Save(r.Context(), entra.Environment("connections page"), c)
	if errors.Is(err, entra.ErrConflict) {
		h.show(w, r, http.StatusConflict, "error", errorView{Heading: "Somebody else changed this connection", Public: "Nothing was saved. Look at it again, then decide."})
		return
	}
	if err == nil {
		err = h.store.save(r.Context())
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	saved := "off"
	if c.Enabled {
		saved = "on"
	}
	http.Redirect(w, r, "/connections/"+c.ID+"?saved="+saved, http.StatusSeeOther) //nolint:gosec // the id is the stored connection's
}
