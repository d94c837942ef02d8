package wsfed

import (
	"errors"

	"github.com/tenantdoor/tenantdoor/claims"
)

const bearer11 = "urn:oasis:names:tc:SAML:1.0:cm:bearer"

// readSAML11 reads a SAML 1.1 assertion (core, section 2). Every element is either understood or refused.
func readSAML11(d *document, o readOptions) (*assertion, error) {
	a := &assertion{}
	major, _ := d.attr(0, "MajorVersion")
	minor, _ := d.attr(0, "MinorVersion")
	if major != "1" || minor != "1" {
		return nil, refuse(CheckVersion, "not a SAML 1.1 assertion")
	}
	if err := a.readHeader(d, "AssertionID"); err != nil {
		return nil, err
	}
	var ok bool
	if a.issuer, ok = d.attr(0, "Issuer"); !ok {
		return nil, refuse(CheckIssuer, "the assertion names no issuer")
	}
	var subject *subject11
	conditions := false
	for c := range d.children(0) {
		switch {
		case d.is(c, saml11NS, "Conditions") && !conditions:
			conditions = true
			if err := a.readConditions11(d, c); err != nil {
				return nil, err
			}
		case d.is(c, saml11NS, "Advice"): // may be ignored: core, 2.3.2.2
		case d.is(c, saml11NS, "AttributeStatement"), d.is(c, saml11NS, "AuthenticationStatement"), d.is(c, saml11NS, "AuthorizationDecisionStatement"):
			same, err := a.readStatement11(d, c, o)
			if err != nil {
				return nil, err
			}
			// Statements stand on their own in SAML 1.1: an attribute of one person must not be read beside the authentication of another.
			if subject != nil && *subject != *same {
				return nil, refuse(CheckSubject, "the statements are about different subjects")
			}
			subject = same
		default:
			return nil, refuse(CheckVersion, "the assertion holds an element that is not understood")
		}
	}
	switch {
	case subject == nil:
		return nil, refuse(CheckSubject, "the assertion says nothing about anybody")
	case !conditions:
		return nil, refuse(CheckConditions, "the assertion has no conditions")
	}
	a.subject = subject.name
	return a, nil
}

// readConditions11 reads the conditions that are understood (core, 2.3.2.1); any other makes the assertion indeterminate.
func (a *assertion) readConditions11(d *document, conditions int) error {
	if err := a.readValidity(d, conditions); err != nil {
		return err
	}
	for c := range d.children(conditions) {
		switch {
		case d.is(c, saml11NS, "AudienceRestrictionCondition"):
			if err := a.readAudiences(d, c, saml11NS); err != nil {
				return err
			}
		case d.is(c, saml11NS, "DoNotCacheCondition"): // every assertion is used once only
		default:
			return refuse(CheckConditions, "a condition is not understood")
		}
	}
	return nil
}

// subject11 is what makes two subjects the same: name, and all that qualifies it.
type subject11 struct {
	named                   bool
	name, format, qualifier string
}

func (a *assertion) readStatement11(d *document, statement int, o readOptions) (*subject11, error) {
	var subject *subject11
	for c := range d.children(statement) {
		switch {
		case d.is(c, saml11NS, "Subject") && subject == nil:
			var err error
			if subject, err = readSubject11(d, c, o); err != nil {
				return nil, err
			}
		case d.is(c, saml11NS, "Attribute") && d.is(statement, saml11NS, "AttributeStatement"):
			if err := a.readAttribute11(d, c); err != nil {
				return nil, err
			}
		case d.is(statement, saml11NS, "AttributeStatement"), d.is(c, saml11NS, "Subject"):
			return nil, refuse(CheckVersion, "a statement holds an element that is not understood")
		}
	}
	if subject == nil {
		return nil, refuse(CheckSubject, "a statement names no subject")
	}
	if d.is(statement, saml11NS, "AuthenticationStatement") {
		s, _ := d.attr(statement, "AuthenticationInstant")
		at, err := instant(s)
		if err != nil {
			return nil, &VerificationError{CheckVersion, err}
		}
		a.instants = append(a.instants, at)
	}
	return subject, nil
}

func readSubject11(d *document, i int, o readOptions) (*subject11, error) {
	s := &subject11{}
	confirmed := o.allowMissingConfirmation
	for c := range d.children(i) {
		switch {
		case d.is(c, saml11NS, "NameIdentifier") && !s.named:
			s.named = true
			s.format, _ = d.attr(c, "Format")
			s.qualifier, _ = d.attr(c, "NameQualifier")
			var err error
			if s.name, err = d.text(c); err != nil {
				return nil, &VerificationError{CheckSubject, err}
			}
		case d.is(c, saml11NS, "SubjectConfirmation"):
			if err := readConfirmation11(d, c); err != nil {
				return nil, &VerificationError{CheckConfirmation, err}
			}
			confirmed = true
		default:
			return nil, refuse(CheckSubject, "the subject holds an element that is not understood")
		}
	}
	if !confirmed {
		return nil, refuse(CheckConfirmation, "the subject is not confirmed")
	}
	return s, nil
}

// readConfirmation11 wants the method bearer and nothing else: neither a key nor data that we could not check (core, 2.4.2.3).
func readConfirmation11(d *document, i int) error {
	methods := 0
	for c := range d.children(i) {
		if !d.is(c, saml11NS, "ConfirmationMethod") {
			return errors.New("the confirmation holds an element that is not understood")
		}
		if method, err := d.text(c); err != nil || method != bearer11 {
			return errors.New("the subject is not confirmed as bearer")
		}
		methods++
	}
	if methods == 0 {
		return errors.New("the subject is not confirmed as bearer")
	}
	return nil
}

// readAttribute11 puts the claim's URI together: namespace, slash, name.
func (a *assertion) readAttribute11(d *document, i int) error {
	name, _ := d.attr(i, "AttributeName")
	namespace, _ := d.attr(i, "AttributeNamespace")
	if name == "" || namespace == "" {
		return refuse(CheckClaims, "an attribute has no name or no namespace")
	}
	values, err := readValues(d, i, saml11NS)
	if err != nil {
		return err
	}
	a.attributes = append(a.attributes, claims.Attribute{Name: namespace + "/" + name, Values: values})
	return nil
}
