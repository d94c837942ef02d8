package wsfed_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// transport answers every request itself.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply200(r *http.Request, body io.Reader) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(body), ContentLength: -1,
	}
}

// withMetadata gives the door another document and a cache of its own.
func withMetadata(f transport) func(*wsfed.Config) {
	return func(c *wsfed.Config) {
		c.Metadata, c.HTTPClient = new(wsfed.Metadata), &http.Client{Transport: f}
	}
}

func document(s string) func(*wsfed.Config) {
	return withMetadata(func(r *http.Request) (*http.Response, error) { return reply200(r, strings.NewReader(s)), nil })
}

// TestHostileMetadata: a document that may not speak for the tenant, or that is none, signs nobody in.
func TestHostileMetadata(t *testing.T) {
	good := forgeMetadata(issuer)
	answer := response(token20().signed())
	accept(t, answer, document(good))
	accept(t, answer, document("\ufeff"+`<?xml version="1.0" encoding="utf-8"?>`+"\r\n"+good))

	k := keys()
	entire := func(s string) string { return between(good, s, "</RoleDescriptor>") }
	descriptor := func(use string, pair keyPair) string {
		return `<KeyDescriptor` + use + `>` + x509KeyInfo(pair) + `</KeyDescriptor>`
	}
	onlyKey := func(s string) string { // the sole key of the security token service
		role := entire("<EntityDescriptor")
		keysEnd := strings.LastIndex(role, "</KeyDescriptor>") + len("</KeyDescriptor>")
		keysStart := strings.Index(role, "<KeyDescriptor")
		return strings.Replace(good, role[keysStart:keysEnd], s, 1)
	}
	require.NotNil(t, accept(t, answer, document(onlyKey(descriptor(` use="signing"`, k.trusted)))))
	for name, doc := range map[string]string{
		"entityID of another tenant":              forgeMetadata(strings.Replace(issuer, tenant, otherTenant, 1)),
		"entityID of a stranger":                  forgeMetadata("https://evil.example/"),
		"entityID in another case":                forgeMetadata(strings.ToUpper(issuer)),
		"no entityID":                             strings.Replace(good, "entityID=", "entityId=", 1),
		"the key for encryption only":             onlyKey(descriptor(` use="encryption"`, k.trusted)),
		"the key for nothing in particular":       onlyKey(descriptor("", k.trusted)),
		"the key for an unknown use":              onlyKey(descriptor(` use="Signing"`, k.trusted)),
		"the key in another role only":            onlyKey(descriptor(` use="signing"`, k.second)),
		"no key":                                  onlyKey(""),
		"a certificate that is none":              onlyKey(`<KeyDescriptor use="signing">` + keyInfo(`<X509Data><X509Certificate>AAAA</X509Certificate></X509Data>`) + `</KeyDescriptor>`),
		"the role in another namespace":           strings.Replace(good, `xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"`, `xmlns:fed="urn:x"`, 1),
		"the role of another type":                strings.Replace(good, "fed:SecurityTokenServiceType", "fed:AttributeServiceType", 1),
		"no role":                                 `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + issuer + `"></EntityDescriptor>`,
		"several entities":                        `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + good + `</EntitiesDescriptor>`,
		"a DTD":                                   `<!DOCTYPE x>` + good,
		"a page":                                  `<!doctype html><html><body>Sign in to the Wi-Fi</body></html>`,
		"nothing":                                 "",
		"a passive endpoint without TLS":          strings.Replace(good, "https://login.entratest.invalid/"+tenant+"/wsfed", "http://login.entratest.invalid/wsfed", 1),
		"a passive endpoint that runs":            strings.Replace(good, "https://login.entratest.invalid/"+tenant+"/wsfed", "javascript:alert(1)", 1),
		"past its validUntil":                     strings.Replace(good, ` ID="_m1"`, ` ID="_m1" validUntil="2030-01-01T00:00:00Z"`, 1),
		"signed, and changed since":               strings.Replace(signedMetadata(good, signature{}), k.second.base64(), k.foreign.base64(), 1),
		"signed with a key that it does not show": signedMetadata(good, signature{key: k.foreign.key}),
		"signed with SHA-1":                       signedMetadata(good, signature{method: rsaSHA1, digest: digSHA1}),
		"signed in part":                          signedMetadata(good, signature{reference: ` URI="#_other"`}),
		"signed twice":                            signedMetadata(signedMetadata(good, signature{}), signature{}),
		"signed without enveloping":               signedMetadata(good, signature{transforms: []string{exclusive}}),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, document(doc))
			id, err := d.Verify(t.Context(), []byte(answer))
			require.Error(t, err)
			require.Nil(t, id)
			require.Zero(t, d.replay.calls)
			t.Log(err)
			start, _, err := d.SignIn(t.Context(), wsfed.SignInRequest{Context: "c"})
			if err == nil { // a browser may be sent to an endpoint before anything is verified, but to no other host than this
				u, err := url.Parse(start)
				require.NoError(t, err)
				require.Equal(t, "https://login.entratest.invalid", u.Scheme+"://"+u.Host)
			}
		})
	}
	t.Run("signed", func(t *testing.T) {
		accept(t, answer, document(signedMetadata(good, signature{})))
	})
}

// signedMetadata puts a signature where Entra has it: first.
func signedMetadata(doc string, s signature) string {
	start := strings.Index(doc, "><") + 1
	return doc[:start] + s.element(canonicalMetadata(doc), "_m1") + doc[start:]
}

// canonicalMetadata is exclusive canonicalization of forgeMetadata, which writes the prefix fed where it is used in a value only, and there
// a canonical form does not declare it.
func canonicalMetadata(doc string) string {
	const declaration = ` xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"`
	doc = strings.ReplaceAll(doc, declaration, "")
	doc = strings.ReplaceAll(doc, "<fed:PassiveRequestorEndpoint>", "<fed:PassiveRequestorEndpoint"+declaration+">")
	return doc
}

// TestMetadataFetch: where a document may come from, and how much of it is read.
func TestMetadataFetch(t *testing.T) {
	answer := []byte(response(token20().signed()))
	refused := func(t *testing.T, f transport) {
		t.Helper()
		d := newDoor(t, withMetadata(f))
		id, err := d.Verify(t.Context(), answer)
		require.ErrorIs(t, err, wsfed.ErrUnavailable)
		require.Nil(t, id)
		var verification *wsfed.VerificationError
		require.NotErrorAs(t, err, &verification, "nothing is known of the token")
	}
	for name, location := range map[string]string{
		"elsewhere": "https://evil.example/", "without TLS": "http://login.entratest.invalid/x", "itself": metadataURL, "inside": "http://127.0.0.1/",
	} {
		t.Run("redirect "+name, func(t *testing.T) {
			asked := 0
			refused(t, func(r *http.Request) (*http.Response, error) {
				asked++
				w := reply200(r, strings.NewReader(forgeMetadata(issuer)))
				w.StatusCode, w.Status = http.StatusFound, "302 Found"
				w.Header.Set("Location", location)
				return w, nil
			})
			assert.Equal(t, 1, asked, "followed")
		})
	}
	t.Run("never ends", func(t *testing.T) {
		refused(t, func(r *http.Request) (*http.Response, error) { return reply200(r, endless{}), nil })
	})
	t.Run("100 MB of a good document", func(t *testing.T) {
		refused(t, func(r *http.Request) (*http.Response, error) {
			return reply200(r, io.MultiReader(strings.NewReader(forgeMetadata(issuer)), io.LimitReader(endless{}, 100<<20))), nil
		})
	})
	t.Run("breaks off", func(t *testing.T) {
		refused(t, func(r *http.Request) (*http.Response, error) {
			return reply200(r, io.MultiReader(strings.NewReader(forgeMetadata(issuer)[:1000]), failing{})), nil
		})
	})
	t.Run("not found, with a good document", func(t *testing.T) {
		refused(t, func(r *http.Request) (*http.Response, error) {
			w := reply200(r, strings.NewReader(forgeMetadata(issuer)))
			w.StatusCode, w.Status = http.StatusNotFound, "404 Not Found"
			return w, nil
		})
	})
	t.Run("no network", func(t *testing.T) {
		refused(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte(" "), len(p))), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTamperedFakeMetadata: the fake signs its documents as Entra does. One changed byte, and they speak for nobody.
func TestTamperedFakeMetadata(t *testing.T) {
	s, err := entratest.Start(&entratest.Options{Now: func() time.Time { return forgeNow }})
	require.NoError(t, err)
	defer s.Close()
	for _, mark := range []bool{false, true} {
		s.SetFaults(entratest.Faults{ByteOrderMark: mark})
		for _, path := range []string{entratest.ContosoID, "fabrikam.com", "common"} {
			doc := fetchDocument(t, s, path)
			p, err := wsfed.ParseMetadata(doc)
			require.NoError(t, err)
			require.NotEmpty(t, p.Certificates)
			for i, change := range []struct{ old, with string }{
				{"/wsfed</wsa:Address>", "/wsfee</wsa:Address>"},
				{"https://sts.entratest.invalid/", "https://sts.entratest.invalie/"},
				{"<KeyDescriptor use=\"signing\">", "<KeyDescriptor use=\"signing\"> "},
				{"<DigestValue>", "<DigestValue>A"},
				{"<SignatureValue>", "<SignatureValue>AAAA"},
			} {
				require.Contains(t, string(doc), change.old)
				_, err := wsfed.ParseMetadata(bytes.Replace(doc, []byte(change.old), []byte(change.with), 1))
				require.Error(t, err, fmt.Sprint(i))
			}
		}
	}
}

func fetchDocument(t *testing.T, s *entratest.Server, tenant string) []byte {
	t.Helper()
	w, err := s.Client().Get(s.URL + "/" + tenant + "/FederationMetadata/2007-06/FederationMetadata.xml")
	require.NoError(t, err)
	defer w.Body.Close()
	doc, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return doc
}

// TestUnsafeConfiguration: what could not verify a token cannot be made.
func TestUnsafeConfiguration(t *testing.T) {
	for name, change := range map[string]func(*wsfed.Config){
		"metadata without TLS":                       func(c *wsfed.Config) { c.MetadataURL = strings.Replace(metadataURL, "https", "http", 1) },
		"metadata from a file":                       func(c *wsfed.Config) { c.MetadataURL = "file:///etc/passwd" },
		"metadata with user info":                    func(c *wsfed.Config) { c.MetadataURL = strings.Replace(metadataURL, "https://", "https://a@", 1) },
		"no realm":                                   func(c *wsfed.Config) { c.Realm = "" },
		"no reply":                                   func(c *wsfed.Config) { c.Reply = "" },
		"no replay store":                            func(c *wsfed.Config) { c.Replay = nil },
		"no tenant":                                  func(c *wsfed.Config) { c.Tenant = "" },
		"common as tenant":                           func(c *wsfed.Config) { c.Tenant = "common" },
		"consumers as tenant":                        func(c *wsfed.Config) { c.Tenant = "consumers" },
		"a tenant that leads elsewhere":              func(c *wsfed.Config) { c.Tenant = "a/../b" },
		"an allowed tenant that is no GUID":          func(c *wsfed.Config) { c.Tenant, c.AllowedTenants = "", []string{"contoso.com"} },
		"one tenant and any":                         func(c *wsfed.Config) { c.AnyTenant = true },
		"SolarWinds CVE-2026-28323: no certificates": func(c *wsfed.Config) { c.Provider = &wsfed.Provider{Issuer: issuer} },
		"a certificate that is nil": func(c *wsfed.Config) {
			c.Provider = &wsfed.Provider{Issuer: issuer, Certificates: []*x509.Certificate{nil}}
		},
		"another tenant's provider": func(c *wsfed.Config) { c.Provider = staticProvider(strings.Replace(issuer, tenant, otherTenant, 1)) },
		"a UPN as subject": func(c *wsfed.Config) {
			c.Tenant, c.SubjectClaim = "", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := wsfed.Config{
				Realm: realm, Reply: reply, MetadataURL: metadataURL, Tenant: tenant, Cloud: testCloud, Replay: new(replaySpy),
			}
			change(&c)
			p, err := wsfed.New(c)
			require.Error(t, err)
			require.Nil(t, p)
		})
	}
}

// TestStaticProvider: with keys written down nothing is ever fetched.
func TestStaticProvider(t *testing.T) {
	static := func(c *wsfed.Config) { c.MetadataURL, c.Provider = "", staticProvider(issuer) }
	accept(t, response(token20().signed()), static)
	refuseAll(t, true, []attack{
		{"a key that is not written down", response(token20().sign(signature{key: keys().second.key, keyInfo: x509KeyInfo(keys().second)})), bySignature},
		{"another tenant", bent(token20(), func(k *token) {
			k.issuer = strings.ReplaceAll(k.issuer, tenant, otherTenant)
			k.attributes = strings.ReplaceAll(k.attributes, tenant, otherTenant)
		}), []wsfed.Check{wsfed.CheckTenant, wsfed.CheckIssuer}},
	}, static)
}
