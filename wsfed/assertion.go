package wsfed

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// assertion is what a SAML assertion says, whichever version. It is read from verified bytes only.
type assertion struct {
	id, issuer              string
	subject                 string // name identifier, "" when there is none
	notBefore, notOnOrAfter time.Time
	audiences               [][]string // one list a restriction
	confirmations           []confirmation
	instants                []time.Time // when the person proved who they are
	issued                  time.Time
	sessionEnd              time.Time // zero: not said
	session                 string
	attributes              []claims.Attribute
}

// confirmation is bearer confirmation data (SAML 2.0 core, 2.4.1.2). Zero fields are not said.
type confirmation struct {
	notBefore, notOnOrAfter time.Time
	recipient               string
	hasRecipient            bool
}

// version is one of the two languages that assertions are written in.
type version struct {
	namespace string
	idName    string
	read      func(d *document, o readOptions) (*assertion, error)
}

type readOptions struct{ allowMissingConfirmation bool }

var versions = [...]*version{
	{saml20NS, "ID", readSAML20},
	{saml11NS, "AssertionID", readSAML11},
}

// verifiedLimits are for bytes that a trusted key has signed. Canonicalization repeats namespace declarations, so they can be longer than what came in.
var verifiedLimits = limits{bytes: 8 << 20, elements: tokenLimits.elements}

// readAssertion reads verified bytes.
func readAssertion(verified []byte, v *version, o readOptions) (*assertion, error) {
	d, err := parse(verified, verifiedLimits)
	if err != nil {
		return nil, &VerificationError{CheckXML, err}
	}
	if !d.is(0, v.namespace, "Assertion") {
		return nil, refuse(CheckEnvelope, "what was signed is not the assertion")
	}
	return v.read(&d, o)
}

// maxLifetime bounds how long an assertion may be valid, and so how long the replay store must remember it.
const maxLifetime = 24 * time.Hour

// freshLeeway is what the clocks may differ by when a fresh sign-in was demanded: less than elsewhere, because it is also how old a
// sign-in may be and still pass for fresh.
const freshLeeway = time.Minute

// checkTimes holds the validity against now (SAML 2.0 core, 2.5.1.2). Both ends must be there.
func (a *assertion) checkTimes(now time.Time, skew time.Duration) error {
	switch {
	case a.notBefore.IsZero() || a.notOnOrAfter.IsZero():
		return refuse(CheckConditions, "the conditions set no beginning or no end")
	case a.notBefore.After(now.Add(skew)), a.issued.After(now.Add(skew)):
		return refuse(CheckNotYetValid, "the token becomes valid at %s; is the clock right?", later(a.notBefore, a.issued).UTC().Format(time.RFC3339))
	case !now.Add(-skew).Before(a.notOnOrAfter):
		return refuse(CheckExpired, "the token expired at %s", a.notOnOrAfter.UTC().Format(time.RFC3339))
	case !a.notBefore.Before(a.notOnOrAfter):
		return refuse(CheckConditions, "the token is valid at no time")
	case a.notOnOrAfter.Sub(a.notBefore) > maxLifetime:
		return refuse(CheckConditions, "the token is valid for more than a day")
	case !a.sessionEnd.IsZero() && !now.Add(-skew).Before(a.sessionEnd):
		return refuse(CheckExpired, "the provider's session ended at %s", a.sessionEnd.UTC().Format(time.RFC3339))
	}
	for _, instant := range a.instants {
		if instant.After(now.Add(skew)) {
			return refuse(CheckNotYetValid, "the authentication lies in the future")
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// checkAudience wants the realm in every restriction, byte for byte (SAML 2.0 core, 2.5.1.4: restrictions are and-ed, audiences or-ed).
func (a *assertion) checkAudience(realm string) error {
	if len(a.audiences) == 0 {
		return refuse(CheckAudience, "the token names no audience")
	}
	for _, restriction := range a.audiences {
		if !slices.Contains(restriction, realm) {
			return refuse(CheckAudience, "the token for realm %s was issued for %s", quote(realm), quote(strings.Join(restriction, " ")))
		}
	}
	return nil
}

// checkConfirmation holds bearer confirmation data, where there is any, against time and our own address (SAML 2.0 profiles, 4.1.4.3).
func (a *assertion) checkConfirmation(reply string, now time.Time, skew time.Duration) error {
	for _, c := range a.confirmations {
		switch {
		case !c.notBefore.IsZero() && c.notBefore.After(now.Add(skew)):
			return refuse(CheckConfirmation, "the subject confirmation is not valid yet")
		case !c.notOnOrAfter.IsZero() && !now.Add(-skew).Before(c.notOnOrAfter):
			return refuse(CheckConfirmation, "the subject confirmation has expired")
		case c.hasRecipient && c.recipient != reply:
			return refuse(CheckConfirmation, "the subject is confirmed for another recipient than %s", quote(reply))
		}
	}
	return nil
}

// authTime is the earliest instant at which the person proved who they are; zero when the token does not say.
func (a *assertion) authTime() time.Time {
	var first time.Time
	for _, instant := range a.instants {
		if first.IsZero() || instant.Before(first) {
			first = instant
		}
	}
	return first
}

// checkFreshness holds a demand for a fresh sign-in against the token's own word.
func (a *assertion) checkFreshness(since time.Time, skew time.Duration) error {
	switch at := a.authTime(); {
	case since.IsZero():
		return nil
	case at.IsZero():
		return refuse(CheckFreshness, "a fresh sign-in was demanded, and the token does not say when the person signed in")
	case at.Add(min(skew, freshLeeway)).Before(since.Truncate(time.Second)):
		return refuse(CheckFreshness, "a sign-in at %s or later was demanded, and the person signed in at %s",
			since.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkIssued holds the token's age against the request that it answers.
func (a *assertion) checkIssued(since time.Time, skew time.Duration) error {
	if a.issued.Add(skew).Before(since.Truncate(time.Second)) {
		return refuse(CheckIssued, "the sign-in began at %s, and the token was issued at %s", since.UTC().Format(time.RFC3339), a.issued.UTC().Format(time.RFC3339))
	}
	return nil
}

// single returns the value of an attribute that must be there once, with one value.
func (a *assertion) single(name string) (string, error) {
	var value string
	found := false
	for _, attribute := range a.attributes {
		if attribute.Name != name {
			continue
		}
		if found || len(attribute.Values) != 1 || attribute.Values[0] == "" {
			return "", errors.New("the claim " + name + " has not exactly one value")
		}
		value, found = attribute.Values[0], true
	}
	if !found {
		return "", errors.New("the token has no claim " + name)
	}
	return value, nil
}

// instant reads an xs:dateTime with a time zone; one without means a different time to everybody.
func instant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, errors.New("a time cannot be read") // the parser's error repeats the value
	}
	return t, nil
}

// optionalInstant reads an attribute that may be missing.
func optionalInstant(d *document, i int, name string) (time.Time, error) {
	s, ok := d.attr(i, name)
	if !ok {
		return time.Time{}, nil
	}
	return instant(s)
}

// readValidity reads NotBefore and NotOnOrAfter of Conditions.
func (a *assertion) readValidity(d *document, conditions int) (err error) {
	if a.notBefore, err = optionalInstant(d, conditions, "NotBefore"); err != nil {
		return &VerificationError{CheckConditions, err}
	}
	if a.notOnOrAfter, err = optionalInstant(d, conditions, "NotOnOrAfter"); err != nil {
		return &VerificationError{CheckConditions, err}
	}
	return nil
}

// readAudiences reads one restriction.
func (a *assertion) readAudiences(d *document, restriction int, ns string) error {
	list := []string{}
	for c := range d.children(restriction) {
		if !d.is(c, ns, "Audience") {
			return refuse(CheckConditions, "an audience restriction holds something else")
		}
		audience, err := d.text(c)
		if err != nil {
			return &VerificationError{CheckConditions, err}
		}
		list = append(list, audience)
	}
	a.audiences = append(a.audiences, list)
	return nil
}

// readHeader reads what both versions say in the same attributes.
func (a *assertion) readHeader(d *document, idName string) error {
	var ok bool
	if a.id, ok = d.attr(0, idName); !ok || !isID(a.id) {
		return refuse(CheckVersion, "the assertion has no valid %s", idName)
	}
	s, _ := d.attr(0, "IssueInstant")
	var err error
	if a.issued, err = instant(s); err != nil {
		return &VerificationError{CheckVersion, err}
	}
	return nil
}

// readValues reads the values of an attribute: text, each of them, or the token is refused.
func readValues(d *document, attribute int, ns string) ([]string, error) {
	var values []string
	for c := range d.children(attribute) {
		if !d.is(c, ns, "AttributeValue") {
			return nil, refuse(CheckClaims, "an attribute holds something else than values")
		}
		value, err := d.text(c)
		if err != nil {
			return nil, &VerificationError{CheckClaims, err}
		}
		values = append(values, value)
	}
	return values, nil
}
