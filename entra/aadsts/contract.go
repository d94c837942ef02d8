package aadsts

import (
	"net/url"
	"time"
)

// Mender is who can mend a problem.
type Mender int

// The menders.
const (
	MenderUnknown     Mender = iota
	MenderUser               // the person who signs in
	MenderTenantAdmin        // an administrator of the customer's tenant
	MenderAppOwner           // whoever owns the app registration (the connection's admin)
	MenderHost               // the host application's developers or operators
)

// Error is an error that Entra answered with, from the token endpoint, a callback or a page.
type Error struct {
	OAuth         string    // error: invalid_grant, interaction_required, …
	SubError      string    // suberror
	Code          int       // AADSTS number, 0 if none
	CorrelationID string    // a GUID or ""
	TraceID       string    // a GUID or ""
	Time          time.Time // Entra's own time of the error, zero if not given
	Claims        string    // claims challenge to send next, if any
	Retry         bool      // trying again may help
	Mender        Mender
}

func (e *Error) Error() string  { panic("sketch") }
func (e *Error) Public() string { panic("sketch") }

// FromTokenResponse reads the error body of the token endpoint. It never returns nil and never keeps the description.
func FromTokenResponse(status int, body []byte) *Error { panic("sketch") }

// FromCallback reads the error parameters of an authorization response; nil if there is no error in it.
// Nothing in it is signed: ids are kept only if they look like GUIDs, the description never.
func FromCallback(v url.Values) *Error { panic("sketch") }
