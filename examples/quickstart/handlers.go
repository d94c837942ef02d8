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
	mux.HandleFunc("POST /place", choosePlace)
	h.adminPages(mux)
	mux.Handle("GET /assets/", assets())
	mux.HandleFunc("/", h.notFound)

	// Forms are sent from this site's own pages only. What comes back from Entra is the exception: there the flow that the library sealed
	// into the browser's cookie says that this browser asked for it.
	csrf := http.NewCrossOriginProtection()
	csrf.AddInsecureBypassPattern("POST /sso/callback/")
	return http.MaxBytesHandler(h.oneName(csrf.Handler(mux)), maxSent)
}

// adminPages are where connections are made. A real host lets nobody see them who is no admin.
func (h *host) adminPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /connections", h.connectionsPage)
	mux.HandleFunc("POST /connections/as", h.act)
	mux.HandleFunc("POST /connections/sample", h.loadSample)
	mux.HandleFunc("GET /connections/new", h.newConnectionPage)
	mux.HandleFunc("POST /connections/new", h.createConnection)
	mux.HandleFunc("GET /connections/import", h.importPage)
	mux.HandleFunc("POST /connections/import", h.importConnections)
	mux.HandleFunc("GET /connections/expiring", h.expiringPage)
	mux.HandleFunc("GET /connections/{id}", h.connectionPage)
	mux.HandleFunc("POST /connections/{id}", h.saveConnection)
	mux.HandleFunc("POST /connections/{id}/enabled", h.acting(h.switchConnection))
	mux.HandleFunc("POST /connections/{id}/applications", h.acting(h.chooseApplications))
	mux.HandleFunc("POST /connections/{id}/domains", h.acting(h.proveDomain))
	mux.HandleFunc("POST /connections/{id}/secret", h.acting(h.changeSecret))
	mux.HandleFunc("POST /connections/{id}/tenant", h.acting(h.confirmTenant))
	mux.HandleFunc("GET /connections/{id}/test", h.testPage)
	mux.HandleFunc("POST /connections/{id}/test", h.beginTest)
	mux.HandleFunc("GET /connections/{id}/guide", h.guidePage)
	mux.HandleFunc("GET /connections/{id}/delete", h.deletePage)
	mux.HandleFunc("POST /connections/{id}/delete", h.deleteConnection)
	if h.source.fake != nil {
		mux.HandleFunc("POST /connections/{id}/publish", h.acting(h.publishRecord))
		mux.HandleFunc("GET /trouble", h.troublePage)
		mux.HandleFunc("POST /trouble", h.makeTrouble)
	}
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
	p := placeOf(r)
	buttons, err := h.service.Buttons(r.Context(), p.Application.ID, p.Organization)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	v := signInView{addressForm: addressForm{Discover: discover}, Buttons: buttons, Universal: p.Application.UniversalSSO, Place: placeViewOf(p)}
	v.Blank = true
	for _, err := range h.store.connections.Connections(r.Context(), entra.Filter{}) {
		if err != nil {
			h.fail(w, r, err)
			return
		}
		v.Blank = false
		break
	}
	if h.source.fake != nil && !v.Blank {
		v.Try = peopleToTry
	}
	h.show(w, r, http.StatusOK, "sign-in", v)
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
	if h.testFailed(r, e) {
		h.showTestError(w, r, e.ConnectionID, e)
		return
	}
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
