package wsfed

import (
	"errors"

	"github.com/tenantdoor/tenantdoor/claims"
)

const bearer20 = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// readSAML20 reads a SAML 2.0 assertion (core, section 2). Every element is either understood or refused.
func readSAML20(d *document, o readOptions) (*assertion, error) {
	a := &assertion{}
	if v, _ := d.attr(0, "Version"); v != "2.0" {
		return nil, refuse(CheckVersion, "not a SAML 2.0 assertion")
	}
	if err := a.readHeader(d, "ID"); err != nil {
		return nil, err
	}
	once := map[string]bool{}
	for c := range d.children(0) {
		name := d.name(c)
		read, known := elements20[name]
		if !known || !d.is(c, saml20NS, name) {
			return nil, refuse(CheckVersion, "the assertion holds an element that is not understood")
		}
		if once[name] && !repeats20[name] {
			return nil, refuse(CheckVersion, "the assertion holds more than one %s", name)
		}
		once[name] = true
		if read == nil {
			continue
		}
		if err := read(a, d, c); err != nil {
			return nil, err
		}
	}
	switch {
	case !once["Issuer"]:
		return nil, refuse(CheckIssuer, "the assertion names no issuer")
	case !once["Subject"]:
		return nil, refuse(CheckSubject, "the assertion names no subject")
	case !once["Conditions"]:
		return nil, refuse(CheckConditions, "the assertion has no conditions")
	}
	return a, nil
}

var (
	elements20 = map[string]func(*assertion, *document, int) error{
		"Issuer":                 (*assertion).readIssuer20,
		"Subject":                (*assertion).readSubject20,
		"Conditions":             (*assertion).readConditions20,
		"AuthnStatement":         (*assertion).readAuthn20,
		"AttributeStatement":     (*assertion).readAttributes20,
		"Advice":                 nil, // may be ignored: core, 2.6.1
		"AuthzDecisionStatement": nil, // says what the person may do elsewhere
	}
	repeats20 = map[string]bool{"AuthnStatement": true, "AttributeStatement": true, "AuthzDecisionStatement": true}
)

func (a *assertion) readIssuer20(d *document, i int) error {
	if format, ok := d.attr(i, "Format"); ok && format != "urn:oasis:names:tc:SAML:2.0:nameid-format:entity" {
		return refuse(CheckIssuer, "the issuer is not an entity")
	}
	var err error
	if a.issuer, err = d.text(i); err != nil {
		return &VerificationError{CheckIssuer, err}
	}
	return nil
}

// readSubject20 wants bearer confirmation and nothing else (core, 2.4). Entra sends it bare.
func (a *assertion) readSubject20(d *document, subject int) error {
	named := false
	for c := range d.children(subject) {
		switch {
		case d.is(c, saml20NS, "NameID") && !named:
			named = true
			var err error
			if a.subject, err = d.text(c); err != nil {
				return &VerificationError{CheckSubject, err}
			}
		case d.is(c, saml20NS, "SubjectConfirmation"):
			confirmed, err := readConfirmation20(d, c)
			if err != nil {
				return &VerificationError{CheckConfirmation, err}
			}
			a.confirmations = append(a.confirmations, confirmed)
		default:
			return refuse(CheckSubject, "the subject holds an element that is not understood")
		}
	}
	if len(a.confirmations) == 0 {
		return refuse(CheckConfirmation, "the subject is not confirmed")
	}
	return nil
}

func readConfirmation20(d *document, i int) (c confirmation, err error) {
	if method, _ := d.attr(i, "Method"); method != bearer20 {
		return c, errors.New("the subject is not confirmed as bearer")
	}
	data, err := d.child(i, saml20NS, "SubjectConfirmationData")
	if err != nil {
		return c, err
	}
	for child := range d.children(i) {
		if child != data {
			return c, errors.New("the subject is confirmed by an identifier of its own")
		}
	}
	if data < 0 {
		return c, nil
	}
	for range d.children(data) {
		return c, errors.New("the confirmation data holds an element that is not understood") // a key, of holder-of-key
	}
	if _, ok := d.attr(data, "InResponseTo"); ok {
		return c, errors.New("the confirmation answers a SAML request, and WS-Federation has none")
	}
	if c.notBefore, err = optionalInstant(d, data, "NotBefore"); err != nil {
		return c, err
	}
	if c.notOnOrAfter, err = optionalInstant(d, data, "NotOnOrAfter"); err != nil {
		return c, err
	}
	c.recipient, c.hasRecipient = d.attr(data, "Recipient")
	return c, nil
}

// readConditions20 reads the conditions that are understood; any other makes the assertion indeterminate (core, 2.5.1).
func (a *assertion) readConditions20(d *document, conditions int) error {
	if err := a.readValidity(d, conditions); err != nil {
		return err
	}
	for c := range d.children(conditions) {
		switch {
		case d.is(c, saml20NS, "AudienceRestriction"):
			if err := a.readAudiences(d, c, saml20NS); err != nil {
				return err
			}
		case d.is(c, saml20NS, "OneTimeUse"), // every assertion is used once only
			d.is(c, saml20NS, "ProxyRestriction"): // binds whoever issues assertions of their own: core, 2.5.1.6
		default:
			return refuse(CheckConditions, "a condition is not understood")
		}
	}
	return nil
}

func (a *assertion) readAuthn20(d *document, statement int) error {
	s, _ := d.attr(statement, "AuthnInstant")
	at, err := instant(s)
	if err != nil {
		return &VerificationError{CheckVersion, err}
	}
	end, err := optionalInstant(d, statement, "SessionNotOnOrAfter")
	if err != nil {
		return &VerificationError{CheckVersion, err}
	}
	if a.instants = append(a.instants, at); a.sessionEnd.IsZero() || !end.IsZero() && end.Before(a.sessionEnd) {
		a.sessionEnd = end
	}
	if index, ok := d.attr(statement, "SessionIndex"); ok && a.session == "" {
		a.session = index
	}
	return nil
}

func (a *assertion) readAttributes20(d *document, statement int) error {
	for c := range d.children(statement) {
		name, _ := d.attr(c, "Name")
		if !d.is(c, saml20NS, "Attribute") || name == "" {
			return refuse(CheckClaims, "an attribute has no name or is encrypted")
		}
		values, err := readValues(d, c, saml20NS)
		if err != nil {
			return err
		}
		a.attributes = append(a.attributes, claims.Attribute{Name: name, Values: values})
	}
	return nil
}
