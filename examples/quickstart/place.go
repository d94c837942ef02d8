package main

import (
	"net/http"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
)

// place is where somebody signs in: which application, at which customer. In a real auth server the application's own request says it
// (client_id, org_code), and the server checks it; here the sign-in page offers the choice and a cookie keeps it.
type place struct {
	Application  application
	Organization string // "" for none in particular
}

const placeCookie = "quickstart_place"

// placeOf reads the cookie. What is not in the host's own lists is nowhere.
func placeOf(r *http.Request) place {
	p := place{Application: applications[0]}
	sent, err := r.Cookie(placeCookie)
	if err != nil {
		return p
	}
	app, org, _ := strings.Cut(sent.Value, ":")
	if a, ok := applicationByID(app); ok {
		p.Application = a
	}
	if organizations.name(org) != "" {
		p.Organization = org
	}
	return p
}

// choosePlace keeps the choice of the sign-in page's form.
func choosePlace(w http.ResponseWriter, r *http.Request) {
	app, _ := applicationByID(r.PostFormValue("application"))
	org := r.PostFormValue("organization")
	if organizations.name(org) == "" {
		org = ""
	}
	http.SetCookie(w, &http.Cookie{Name: placeCookie, Value: app.ID + ":" + org, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // as the session's cookie
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// beginOptions tells the library's handlers which application and organization a sign-in is for.
func beginOptions(r *http.Request) (entra.BeginOptions, error) {
	p := placeOf(r)
	return entra.BeginOptions{Application: p.Application.ID, Organization: p.Organization}, nil
}
