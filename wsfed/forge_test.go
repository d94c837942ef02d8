package wsfed_test

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/md5" // attacks sign with it
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // attacks sign with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"strings"
	"sync"
	"time"
)

// The forger writes assertions as strings that are already in exclusive canonical form, signs them with test keys, and then bends
// what goes over the wire. It uses neither the verifier nor its XML library, so that both cannot be wrong in the same way.

const (
	tenant      = "11111111-2222-4333-8444-555555555555"
	otherTenant = "99999999-2222-4333-8444-555555555555"
	issuer      = "https://sts.entratest.invalid/" + tenant + "/"
	realm       = "spn:7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910"
	reply       = "https://auth.example.com/sso/wsfed"
	mallory     = "aaaaaaaa-0000-4000-8000-000000000001" // who really signed in
	victim      = "bbbbbbbb-0000-4000-8000-000000000002" // who the attacks want to be

	nsSAML20   = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSAML11   = "urn:oasis:names:tc:SAML:1.0:assertion"
	nsSig      = "http://www.w3.org/2000/09/xmldsig#"
	nsTrust    = "http://schemas.xmlsoap.org/ws/2005/02/trust"
	nsTrust13  = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
	enveloped  = nsSig + "enveloped-signature"
	exclusive  = "http://www.w3.org/2001/10/xml-exc-c14n#"
	inclusive  = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	rsaSHA1    = nsSig + "rsa-sha1"
	rsaMD5     = "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"
	rsaSHA256  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	rsaSHA384  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	rsaSHA512  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	rsaPSS256  = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
	hmacSHA1   = nsSig + "hmac-sha1"
	hmacSHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
	digMD5     = "http://www.w3.org/2001/04/xmldsig-more#md5"
	digSHA1    = nsSig + "sha1"
	digSHA256  = "http://www.w3.org/2001/04/xmlenc#sha256"
	digSHA384  = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	digSHA512  = "http://www.w3.org/2001/04/xmlenc#sha512"

	bearer20 = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	bearer11 = "urn:oasis:names:tc:SAML:1.0:cm:bearer"

	claimTenant  = "http://schemas.microsoft.com/identity/claims/tenantid"
	claimObject  = "http://schemas.microsoft.com/identity/claims/objectidentifier"
	claimDisplay = "http://schemas.microsoft.com/identity/claims/displayname"
	claimName    = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
	claimGroups  = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
)

// forgeNow is the time of every test of the corpus.
var forgeNow = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

var hashes = map[string]crypto.Hash{
	rsaSHA1: crypto.SHA1, rsaMD5: crypto.MD5, rsaSHA256: crypto.SHA256, rsaSHA384: crypto.SHA384, rsaSHA512: crypto.SHA512,
	rsaPSS256: crypto.SHA256, hmacSHA1: crypto.SHA1, hmacSHA256: crypto.SHA256,
	digMD5: crypto.MD5, digSHA1: crypto.SHA1, digSHA256: crypto.SHA256, digSHA384: crypto.SHA384, digSHA512: crypto.SHA512,
}

// keyPair is a signing key with its self-signed certificate.
type keyPair struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

func (k keyPair) base64() string { return base64.StdEncoding.EncodeToString(k.certificate.Raw) }

func newKeyPair(notAfter time.Time) keyPair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "sts.entratest.invalid"},
		NotBefore: forgeNow.AddDate(-5, 0, 0), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return keyPair{key, certificate}
}

// forgeKeys are the keys of the corpus, made once a run.
type forgeKeys struct {
	trusted, second keyPair // in the metadata, for signing
	expired         keyPair // in the metadata, for signing, the certificate out of date: trust comes from the metadata
	encryption      keyPair // in the metadata, for encryption
	otherRole       keyPair // in the metadata, for signing, in another role
	foreign         keyPair // nowhere
}

var keys = sync.OnceValue(func() forgeKeys {
	good, old := forgeNow.AddDate(5, 0, 0), forgeNow.AddDate(-1, 0, 0)
	return forgeKeys{newKeyPair(good), newKeyPair(good), newKeyPair(old), newKeyPair(good), newKeyPair(good), newKeyPair(good)}
})

// token is an assertion to be: each part is canonical XML and can be bent.
type token struct {
	v11                                                                bool
	id, attrs, issuer, subject, conditions, advice, attributes, authns string
}

// token20 is a good SAML 2.0 token of mallory's, as Entra writes it.
func token20() token {
	return token{
		id:         "_f0000000-0000-4000-8000-000000000001",
		issuer:     element("Issuer", issuer),
		subject:    subject20("mallory-pairwise", confirmation20("")),
		conditions: conditions20(-5*time.Minute, 55*time.Minute, audiences(realm)),
		attributes: attributes20(
			claimTenant, tenant, claimObject, mallory, claimDisplay, "Mallory", claimName, "mallory@contoso.example"),
		authns: authn20(`SessionIndex="s-1"`),
	}
}

// token11 is the same as SAML 1.1.
func token11() token {
	return token{
		v11:        true,
		id:         "_f0000000-0000-4000-8000-000000000011",
		issuer:     issuer,
		conditions: conditions11(-5*time.Minute, 55*time.Minute, audiences11(realm)),
		attributes: attributes11(subject11("mallory-pairwise", bearer11),
			claimTenant, tenant, claimObject, mallory, claimDisplay, "Mallory", claimName, "mallory@contoso.example"),
		authns: authn11(subject11("mallory-pairwise", bearer11)),
	}
}

// as returns the token in the victim's name.
func (k token) as(objectID string) token {
	k.attributes = strings.ReplaceAll(k.attributes, mallory, objectID)
	return k
}

func (k token) withID(id string) token {
	k.id = id
	return k
}

// around returns what stands before and behind the signature.
func (k token) around() (head, tail string) {
	if k.v11 {
		return `<saml:Assertion xmlns:saml="` + nsSAML11 + `"` +
			defaultTo(k.attrs, ` AssertionID="`+k.id+`" IssueInstant="`+stamp(0)+`" Issuer="`+k.issuer+`" MajorVersion="1" MinorVersion="1"`) + `>` +
			k.conditions + k.advice + k.attributes + k.authns, `</saml:Assertion>`
	}
	return `<Assertion xmlns="` + nsSAML20 + `"` +
			defaultTo(k.attrs, ` ID="`+k.id+`" IssueInstant="`+stamp(0)+`" Version="2.0"`) + `>` + k.issuer,
		k.subject + k.conditions + k.advice + k.attributes + k.authns + `</Assertion>`
}

// unsigned returns the canonical assertion without a signature.
func (k token) unsigned() string {
	head, tail := k.around()
	return head + tail
}

// with returns the assertion with s where its signature belongs.
func (k token) with(s string) string {
	head, tail := k.around()
	return head + s + tail
}

// sign returns the assertion with a signature over it.
func (k token) sign(s signature) string { return k.with(s.over(k)) }

// signed returns it as the trusted provider signs it.
func (k token) signed() string { return k.sign(signature{}) }

// signature says how to sign; the zero value is what Entra does, with the trusted key.
type signature struct {
	key         *rsa.PrivateKey
	mac         []byte // an HMAC key, in place of key
	method      string
	digest      string
	c14n        string
	reference   string   // attributes of Reference, with a leading space; "-" is none
	transforms  []string // algorithms; nil: enveloped, exclusive; empty: no Transforms element
	digestOver  string   // what is digested; "": the assertion
	digestValue string   // in place of the digest
	more        string   // a second Reference and the like, at the end of SignedInfo
	keyInfo     string   // "": the trusted certificate; "-": none
	object      string   // behind KeyInfo
	prefix      string   // "ds:"
}

func (s signature) over(k token) string { return s.element(k.unsigned(), k.id) }

// element returns the Signature element over canonical, in canonical form itself but for the Signature's own namespace.
func (s signature) element(canonical, id string) string {
	info := s.signedInfo(canonical, id)
	declare := ` xmlns="` + nsSig + `"`
	if s.prefix != "" {
		declare = ` xmlns:` + strings.TrimSuffix(s.prefix, ":") + `="` + nsSig + `"`
	}
	value := s.value(strings.Replace(info, "SignedInfo>", "SignedInfo"+declare+">", 1))
	keyInfo := s.keyInfo
	switch keyInfo {
	case "":
		keyInfo = x509KeyInfo(keys().trusted)
	case "-":
		keyInfo = ""
	}
	return s.named(`<{p}Signature`+declare+`>`) + info +
		s.named(`<{p}SignatureValue>`+value+`</{p}SignatureValue>`) + keyInfo + s.object + s.named(`</{p}Signature>`)
}

func (s signature) named(template string) string {
	return strings.ReplaceAll(template, "{p}", s.prefix)
}

// signedInfo is canonical but for its namespace declaration.
func (s signature) signedInfo(canonical, id string) string {
	transforms := s.transforms
	if transforms == nil {
		transforms = []string{enveloped, exclusive}
	}
	var list strings.Builder
	for _, algorithm := range transforms {
		list.WriteString(`<{p}Transform Algorithm="` + algorithm + `"></{p}Transform>`)
	}
	if list.Len() > 0 {
		wrapped := "<{p}Transforms>" + list.String() + "</{p}Transforms>"
		list.Reset()
		list.WriteString(wrapped)
	}
	reference := defaultTo(s.reference, ` URI="#`+id+`"`)
	if reference == "-" {
		reference = ""
	}
	digest := defaultTo(s.digest, digSHA256)
	value := s.digestValue
	if value == "" {
		h := hashes[digest].New()
		_, _ = io.WriteString(h, defaultTo(s.digestOver, canonical))
		value = base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return s.named(`<{p}SignedInfo>` +
		`<{p}CanonicalizationMethod Algorithm="` + defaultTo(s.c14n, exclusive) + `"></{p}CanonicalizationMethod>` +
		`<{p}SignatureMethod Algorithm="` + defaultTo(s.method, rsaSHA256) + `"></{p}SignatureMethod>` +
		`<{p}Reference` + reference + `>` + list.String() +
		`<{p}DigestMethod Algorithm="` + digest + `"></{p}DigestMethod>` +
		`<{p}DigestValue>` + value + `</{p}DigestValue></{p}Reference>` + s.more + `</{p}SignedInfo>`)
}

// value signs the canonical SignedInfo.
func (s signature) value(info string) string {
	method := defaultTo(s.method, rsaSHA256)
	hash, known := hashes[method]
	if !known {
		hash = crypto.SHA256
	}
	if strings.Contains(method, "hmac") {
		mac := hmac.New(hash.New, s.mac)
		_, _ = io.WriteString(mac, info)
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	key := s.key
	if key == nil {
		key = keys().trusted.key
	}
	h := hash.New()
	_, _ = io.WriteString(h, info)
	var value []byte
	var err error
	if method == rsaPSS256 {
		value, err = rsa.SignPSS(rand.Reader, key, hash, h.Sum(nil), nil)
	} else {
		value, err = rsa.SignPKCS1v15(rand.Reader, key, hash, h.Sum(nil))
	}
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(value)
}

// x509KeyInfo shows the certificates of these keys, in one X509Data.
func x509KeyInfo(pairs ...keyPair) string {
	list := ""
	for _, k := range pairs {
		list += element("X509Certificate", k.base64())
	}
	return keyInfo(element("X509Data", list))
}

func keyInfo(inner string) string { return `<KeyInfo xmlns="` + nsSig + `">` + inner + `</KeyInfo>` }

// response wraps a token, or whatever is in its place, as Entra does.
func response(inner string) string { return rstr(requested(inner)) }

func requested(inner string) string {
	return `<t:RequestedSecurityToken>` + inner + `</t:RequestedSecurityToken>`
}

func rstr(children string) string {
	return `<t:RequestSecurityTokenResponse xmlns:t="` + nsTrust + `"><wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy">` +
		`<wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>` + realm + `</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>` +
		children + `<t:RequestType>http://schemas.xmlsoap.org/ws/2005/02/trust/Issue</t:RequestType></t:RequestSecurityTokenResponse>`
}

// collection is the envelope of WS-Trust 1.3.
func collection(responses ...string) string {
	out := `<trust:RequestSecurityTokenResponseCollection xmlns:trust="` + nsTrust13 + `">`
	for _, r := range responses {
		out += `<trust:RequestSecurityTokenResponse><trust:RequestedSecurityToken>` + r +
			`</trust:RequestedSecurityToken></trust:RequestSecurityTokenResponse>`
	}
	return out + `</trust:RequestSecurityTokenResponseCollection>`
}

func element(name, inner string) string { return "<" + name + ">" + inner + "</" + name + ">" }

func subject20(nameID, confirmations string) string {
	return `<Subject><NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + nameID + `</NameID>` + confirmations + `</Subject>`
}

// confirmation20 is bearer; data is the attributes of confirmation data, "" for none.
func confirmation20(data string) string {
	if data != "" {
		data = `<SubjectConfirmationData ` + data + `></SubjectConfirmationData>`
	}
	return `<SubjectConfirmation Method="` + bearer20 + `">` + data + `</SubjectConfirmation>`
}

func conditions20(notBefore, notOnOrAfter time.Duration, inner string) string {
	return `<Conditions NotBefore="` + stamp(notBefore) + `" NotOnOrAfter="` + stamp(notOnOrAfter) + `">` + inner + `</Conditions>`
}

// audiences is one restriction.
func audiences(list ...string) string {
	inner := ""
	for _, a := range list {
		inner += element("Audience", a)
	}
	return element("AudienceRestriction", inner)
}

// attributes20 takes names and values in turn.
func attributes20(pairs ...string) string {
	inner := ""
	for i := 0; i+1 < len(pairs); i += 2 {
		inner += attribute20(pairs[i], pairs[i+1])
	}
	return element("AttributeStatement", inner)
}

func attribute20(name string, values ...string) string {
	inner := ""
	for _, v := range values {
		inner += element("AttributeValue", v)
	}
	return `<Attribute Name="` + name + `">` + inner + `</Attribute>`
}

func authn20(attrs string) string {
	if attrs != "" {
		attrs = " " + attrs
	}
	return `<AuthnStatement AuthnInstant="` + stamp(-time.Second) + `"` + attrs + `><AuthnContext><AuthnContextClassRef>` +
		`urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext></AuthnStatement>`
}

func subject11(name, method string) string {
	return `<saml:Subject><saml:NameIdentifier>` + name + `</saml:NameIdentifier><saml:SubjectConfirmation><saml:ConfirmationMethod>` +
		method + `</saml:ConfirmationMethod></saml:SubjectConfirmation></saml:Subject>`
}

func conditions11(notBefore, notOnOrAfter time.Duration, inner string) string {
	return `<saml:Conditions NotBefore="` + stamp(notBefore) + `" NotOnOrAfter="` + stamp(notOnOrAfter) + `">` + inner + `</saml:Conditions>`
}

func audiences11(list ...string) string {
	inner := ""
	for _, a := range list {
		inner += element("saml:Audience", a)
	}
	return element("saml:AudienceRestrictionCondition", inner)
}

func attributes11(subject string, pairs ...string) string {
	inner := subject
	for i := 0; i+1 < len(pairs); i += 2 {
		cut := strings.LastIndexByte(pairs[i], '/')
		inner += `<saml:Attribute AttributeName="` + pairs[i][cut+1:] + `" AttributeNamespace="` + pairs[i][:cut] + `">` +
			element("saml:AttributeValue", pairs[i+1]) + `</saml:Attribute>`
	}
	return element("saml:AttributeStatement", inner)
}

func authn11(subject string) string {
	return `<saml:AuthenticationStatement AuthenticationInstant="` + stamp(-time.Second) +
		`" AuthenticationMethod="urn:oasis:names:tc:SAML:1.0:am:password">` + subject + `</saml:AuthenticationStatement>`
}

// stamp is forgeNow and d, as xs:dateTime.
func stamp(d time.Duration) string { return forgeNow.Add(d).Format("2006-01-02T15:04:05.000Z") }

func defaultTo(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
