package wsfed

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The readers by themselves: what they do not understand, they refuse, before any other check has a say.

const plain20 = `<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:x="urn:x" ID="_a" IssueInstant="2030-01-02T03:04:05Z" Version="2.0"><Issuer>i</Issuer>` +
	`<Subject><NameID>n</NameID><SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/></Subject>` +
	`<Conditions NotBefore="2030-01-02T03:04:05Z" NotOnOrAfter="2030-01-02T04:04:05Z"><AudienceRestriction><Audience>r</Audience></AudienceRestriction><OneTimeUse/><ProxyRestriction Count="0"/></Conditions>` +
	`<Advice><x:y/></Advice><AttributeStatement><Attribute Name="a"><AttributeValue>1</AttributeValue><AttributeValue/></Attribute></AttributeStatement>` +
	`<AuthnStatement AuthnInstant="2030-01-02T03:04:05Z" SessionIndex="s"/></Assertion>`

const plain11 = `<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion" xmlns:x="urn:x" AssertionID="_a" Issuer="i" IssueInstant="2030-01-02T03:04:05Z" MajorVersion="1" MinorVersion="1">` +
	`<Conditions NotBefore="2030-01-02T03:04:05Z" NotOnOrAfter="2030-01-02T04:04:05Z"><AudienceRestrictionCondition><Audience>r</Audience></AudienceRestrictionCondition><DoNotCacheCondition/></Conditions>` +
	`<Advice><x:y/></Advice><AttributeStatement>` + subject11Form + `<Attribute AttributeNamespace="n" AttributeName="a"><AttributeValue>1</AttributeValue></Attribute></AttributeStatement>` +
	`<AuthenticationStatement AuthenticationInstant="2030-01-02T03:04:05Z">` + subject11Form + `<SubjectLocality/></AuthenticationStatement></Assertion>`

const subject11Form = `<Subject><NameIdentifier>n</NameIdentifier><SubjectConfirmation><ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:bearer</ConfirmationMethod></SubjectConfirmation></Subject>`

func read(t *testing.T, doc string, o readOptions) (*assertion, error) {
	t.Helper()
	for _, v := range versions {
		if strings.Contains(doc, `xmlns="`+v.namespace) {
			return readAssertion([]byte(doc), v, o)
		}
	}
	t.Fatal("no assertion")
	return nil, nil
}

type replacement struct {
	old, with string
	want      Check
}

func refuseReadings(t *testing.T, doc string, changes map[string]replacement) {
	t.Helper()
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, doc, c.old)
			a, err := read(t, strings.Replace(doc, c.old, c.with, 1), readOptions{})
			requireCheck(t, err, c.want)
			assert.Nil(t, a)
		})
	}
}

func TestReadSAML20(t *testing.T) {
	a, err := read(t, plain20, readOptions{})
	require.NoError(t, err)
	assert.Equal(t, "_a", a.id)
	assert.Equal(t, "i", a.issuer)
	assert.Equal(t, "n", a.subject)
	assert.Equal(t, "s", a.session)
	assert.Equal(t, [][]string{{"r"}}, a.audiences)
	assert.Equal(t, []string{"1", ""}, a.attributes[0].Values)

	const issuer, conditions, authn = "<Issuer>i</Issuer>", "<Conditions ", "<AuthnStatement "
	whole := "<Subject>" + between(plain20, "<Subject>", "</Subject>") + "</Subject>"
	wholeConditions := conditions + between(plain20, conditions, "</Conditions>") + "</Conditions>"
	refuseReadings(t, plain20, map[string]replacement{
		"version":                   {`Version="2.0"`, `Version="2.1"`, CheckVersion},
		"no version":                {` Version="2.0"`, ``, CheckVersion},
		"no id":                     {` ID="_a"`, ``, CheckVersion},
		"no instant":                {`IssueInstant="2030-01-02T03:04:05Z" `, ``, CheckVersion},
		"no issuer":                 {issuer, ``, CheckIssuer},
		"two issuers":               {issuer, issuer + issuer, CheckVersion},
		"issuer of another kind":    {"<Issuer>", `<Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">`, CheckIssuer},
		"issuer with markup":        {issuer, `<Issuer>i<x:y/></Issuer>`, CheckIssuer},
		"no subject":                {whole, ``, CheckSubject},
		"two subjects":              {whole, whole + whole, CheckVersion},
		"two names":                 {"<NameID>n</NameID>", "<NameID>n</NameID><NameID>m</NameID>", CheckSubject},
		"name with markup":          {"<NameID>n</NameID>", "<NameID>n<x:y/>m</NameID>", CheckSubject},
		"encrypted name":            {"<NameID>n</NameID>", "<EncryptedID/>", CheckSubject},
		"no conditions":             {wholeConditions, ``, CheckConditions},
		"two conditions":            {wholeConditions, wholeConditions + wholeConditions, CheckVersion},
		"unknown condition":         {"<OneTimeUse/>", "<x:y/>", CheckConditions},
		"condition elsewhere":       {"<OneTimeUse/>", `<x:OneTimeUse/>`, CheckConditions},
		"no audience but":           {"<Audience>r</Audience>", `<x:Audience>r</x:Audience>`, CheckConditions},
		"unknown element":           {issuer, issuer + "<x:y/>", CheckVersion},
		"known, other language":     {issuer, issuer + "<x:Advice/>", CheckVersion},
		"issuer, other language":    {issuer, "<x:Issuer>i</x:Issuer>", CheckVersion},
		"no authentication instant": {authn + `AuthnInstant="2030-01-02T03:04:05Z"`, authn, CheckVersion},
		"session end unreadable":    {authn, authn + `SessionNotOnOrAfter="x" `, CheckVersion},
		"no attribute name":         {` Name="a"`, ``, CheckClaims},
		"encrypted attribute":       {"<AttributeStatement>", "<AttributeStatement><EncryptedAttribute/>", CheckClaims},
		"value with markup":         {"<AttributeValue>1</AttributeValue>", "<AttributeValue>1<x:y/>2</AttributeValue>", CheckClaims},
		"value of another kind":     {"<AttributeValue/>", "<x:y/>", CheckClaims},
		"holder of key":             {"cm:bearer", "cm:holder-of-key", CheckConfirmation},
		"a key as confirmation":     {`cm:bearer"/>`, `cm:bearer"><SubjectConfirmationData><x:KeyInfo/></SubjectConfirmationData></SubjectConfirmation>`, CheckConfirmation},
		"an identifier beside":      {`cm:bearer"/>`, `cm:bearer"><NameID>m</NameID></SubjectConfirmation>`, CheckConfirmation},
		"an unreadable end":         {`cm:bearer"/>`, `cm:bearer"><SubjectConfirmationData NotOnOrAfter="x"/></SubjectConfirmation>`, CheckConfirmation},
		"two confirmations":         {"</Subject>", `<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/></Subject>`, CheckConfirmation},
	})
}

func TestReadSAML11(t *testing.T) {
	a, err := read(t, plain11, readOptions{})
	require.NoError(t, err)
	assert.Equal(t, "_a", a.id)
	assert.Equal(t, "i", a.issuer)
	assert.Equal(t, "n", a.subject)
	assert.Equal(t, "n/a", a.attributes[0].Name)
	assert.Len(t, a.instants, 1)

	confirmation := "<SubjectConfirmation>" + between(plain11, "<SubjectConfirmation>", "</SubjectConfirmation>") + "</SubjectConfirmation>"
	unconfirmed := strings.ReplaceAll(plain11, confirmation, "")
	_, err = read(t, unconfirmed, readOptions{})
	requireCheck(t, err, CheckConfirmation)
	_, err = read(t, unconfirmed, readOptions{allowMissingConfirmation: true})
	require.NoError(t, err)
	_, err = read(t, strings.Replace(plain11, "cm:bearer", "cm:holder-of-key", 1), readOptions{allowMissingConfirmation: true})
	requireCheck(t, err, CheckConfirmation)

	statement := "<AttributeStatement>" + between(plain11, "<AttributeStatement>", "</AttributeStatement>") + "</AttributeStatement>"
	authentication := "<AuthenticationStatement " + between(plain11, "<AuthenticationStatement ", "</AuthenticationStatement>") + "</AuthenticationStatement>"
	wholeConditions := "<Conditions " + between(plain11, "<Conditions ", "</Conditions>") + "</Conditions>"
	refuseReadings(t, plain11, map[string]replacement{
		"major version":           {`MajorVersion="1"`, `MajorVersion="2"`, CheckVersion},
		"minor version":           {`MinorVersion="1"`, `MinorVersion="0"`, CheckVersion},
		"no issuer":               {` Issuer="i"`, ``, CheckIssuer},
		"no conditions":           {wholeConditions, ``, CheckConditions},
		"two conditions":          {wholeConditions, wholeConditions + wholeConditions, CheckVersion},
		"unknown condition":       {"<DoNotCacheCondition/>", "<Condition/>", CheckConditions},
		"unknown element":         {"<Advice>", "<x:y/><Advice>", CheckVersion},
		"no statement":            {statement + authentication, ``, CheckSubject},
		"another subject":         {"<NameIdentifier>n", "<NameIdentifier>m", CheckSubject},
		"another format":          {"<NameIdentifier>n", `<NameIdentifier Format="f">n`, CheckSubject},
		"another qualifier":       {"<NameIdentifier>n", `<NameIdentifier NameQualifier="q">n`, CheckSubject},
		"no name in one":          {"<NameIdentifier>n</NameIdentifier>", ``, CheckSubject},
		"two names":               {"<NameIdentifier>n</NameIdentifier>", `<NameIdentifier>n</NameIdentifier><NameIdentifier>m</NameIdentifier>`, CheckSubject},
		"no subject":              {subject11Form, ``, CheckSubject},
		"two subjects":            {subject11Form, subject11Form + subject11Form, CheckVersion},
		"unknown in a statement":  {"<Attribute ", "<x:y/><Attribute ", CheckVersion},
		"attribute elsewhere":     {subject11Form + "<Attribute ", subject11Form + `<Attribute AttributeName="y" `, CheckXML},
		"no attribute name":       {` AttributeName="a"`, ``, CheckClaims},
		"no attribute namespace":  {` AttributeNamespace="n"`, ``, CheckClaims},
		"value with markup":       {"<AttributeValue>1", "<AttributeValue>1<x:y/>", CheckClaims},
		"no method":               {"<ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:bearer</ConfirmationMethod>", ``, CheckConfirmation},
		"another method beside":   {"</ConfirmationMethod>", "</ConfirmationMethod><ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:sender-vouches</ConfirmationMethod>", CheckConfirmation},
		"a key beside":            {"</ConfirmationMethod>", "</ConfirmationMethod><x:KeyInfo/>", CheckConfirmation},
		"instant unreadable":      {`AuthenticationInstant="2030`, `AuthenticationInstant="x`, CheckVersion},
		"validity unreadable":     {`NotBefore="2030`, `NotBefore="x`, CheckConditions},
		"end unreadable":          {`NotOnOrAfter="2030`, `NotOnOrAfter="x`, CheckConditions},
		"audience with markup":    {"<Audience>r", "<Audience>r<x:y/>", CheckConditions},
		"instant without a zone":  {`IssueInstant="2030-01-02T03:04:05Z"`, `IssueInstant="2030-01-02T03:04:05"`, CheckVersion},
		"another language inside": {"<Assertion ", "<Assertion ID='_a' AssertionID='_b' ", CheckXML},
	})
}

func TestWhatWasSignedMustBeTheAssertion(t *testing.T) {
	_, err := readAssertion([]byte(plain11), versions[0], readOptions{})
	requireCheck(t, err, CheckEnvelope)
}
