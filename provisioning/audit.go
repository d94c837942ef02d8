package provisioning

import (
	"encoding/json"
	"time"
)

// Event names what an Audit tells of, in a word for the audit log. The words are stable.
type Event string

// The events. The first five are the outcomes of Provision, one for each action; the others are acts of people.
const (
	EventSignedIn Event = "signed_in"       // a known identity; Decision.Changed and Joined say what was brought up to date
	EventLinked   Event = "linked"          // the identity was added to a user who existed
	EventCreated  Event = "created"         // a new user was made for the identity
	EventVerify   Event = "verify_demanded" // the person must prove the address first; nobody was signed in
	EventRefused  Event = "refused"         // nobody was signed in; Decision.Reason says why

	EventRebound   Event = "rebound"           // an administrator moved an identity: From became Key
	EventUnlinked  Event = "unlinked"          // an administrator took the identity Key away
	EventAssigned  Event = "assigned"          // an administrator let the user wait for a first sign-in through the connection
	EventDropped   Event = "dropped"           // what waited for a first sign-in through the connection was dropped
	EventExported  Event = "exported"          // all that is kept about the user was handed out
	EventErased    Event = "erased"            // all that was kept about the user was deleted
	EventEmergency Event = "emergency_sign_in" // a break-glass user signed in past home realm discovery
)

// eventTexts are one sentence for each event, as an audit page shows it.
var eventTexts = map[Event]string{
	EventSignedIn:  "Signed in through the connection.",
	EventLinked:    "The identity was added to an existing user, at its first sign-in.",
	EventCreated:   "A user was created at the first sign-in of the identity.",
	EventVerify:    "The sign-in waits for the person to prove the address by a mailed code.",
	EventRefused:   "The sign-in was refused.",
	EventRebound:   "An administrator moved the user's identity to another account of the provider.",
	EventUnlinked:  "An administrator removed an identity from the user.",
	EventAssigned:  "An administrator assigned the connection to the user.",
	EventDropped:   "The assignment of the connection to the user was removed.",
	EventExported:  "The user's data was exported.",
	EventErased:    "The user's data was erased.",
	EventEmergency: "An emergency user signed in locally, past single sign-on.",
}

// Explain returns the event as a sentence. It names nobody.
func (e Event) Explain() string {
	if text, ok := eventTexts[e]; ok {
		return text
	}
	return string(e)
}

func (a Action) event() Event {
	switch a {
	case ActionSignIn:
		return EventSignedIn
	case ActionLink:
		return EventLinked
	case ActionCreate:
		return EventCreated
	case ActionVerify:
		return EventVerify
	}
	return EventRefused
}

// Audit is one outcome of Provision, or one act, for the host's audit log. It holds no secret, no address and no name of a person, unless the
// host puts one into Actor.Name or Note: the log may keep it after the user was erased. Its JSON is stable.
type Audit struct {
	Event        Event     `json:"event"`
	Time         time.Time `json:"time"`                    // UTC
	UserID       string    `json:"user_id,omitempty"`       // whom it concerns; "" where that is nobody in particular
	ConnectionID string    `json:"connection_id,omitempty"` // "" where it concerns none
	Key          Key       `json:"key,omitzero"`            // the identity; of a rebind the new one; zero where there is none
	Decision     Decision  `json:"decision,omitzero"`       // of Provision

	// Of acts.
	From  Key    `json:"from,omitzero"`  // of a rebind
	Actor Actor  `json:"actor,omitzero"` // on whose behalf
	Note  string `json:"note,omitempty"` // Order.Note
	Err   error  `json:"-"`              // why the act was refused, an *ActError; nil when it was done
}

// MarshalJSON writes Err as its text, in the member error.
func (a Audit) MarshalJSON() ([]byte, error) {
	type fields Audit // without this method
	out := struct {
		fields
		Err string `json:"error,omitempty"`
	}{fields: fields(a)}
	if a.Err != nil {
		out.Err = a.Err.Error()
	}
	return json.Marshal(out)
}

// Explain returns what happened and why, as a sentence or two for an audit page. It names nobody.
func (a Audit) Explain() string {
	text := a.Event.Explain()
	switch {
	case a.Err != nil:
		return "Refused: " + a.Err.Error()
	case a.Decision.Reason != "":
		return text + " Reason: " + a.Decision.Reason.Explain() + "."
	}
	return text
}
