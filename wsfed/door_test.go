package wsfed_test

import (
	"context"
	_ "crypto/md5"  // attacks sign with it
	_ "crypto/sha1" // attacks sign with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// provider serves the metadata of the corpus, through a transport that refuses, and counts, everything else.
type provider struct {
	mu      sync.Mutex
	foreign []string
}

const metadataURL = "https://login.entratest.invalid/" + tenant + "/FederationMetadata/2007-06/FederationMetadata.xml"

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	document := *r.URL
	document.RawQuery = "" // ?appid=
	body, ok := metadataDocuments()[document.String()]
	if !ok {
		p.foreign = append(p.foreign, r.URL.String())
		return nil, fmt.Errorf("the corpus has no %s", r.URL)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

const commonMetadataURL = "https://login.entratest.invalid/common/FederationMetadata/2007-06/FederationMetadata.xml"

var metadataDocuments = sync.OnceValue(func() map[string]string {
	return map[string]string{
		metadataURL:       forgeMetadata(issuer),
		commonMetadataURL: forgeMetadata("https://sts.entratest.invalid/{tenantid}/"),
	}
})

func forgeMetadata(entityID string) string {
	k := keys()
	key := func(use string, pair keyPair) string {
		return `<KeyDescriptor use="` + use + `">` + x509KeyInfo(pair) + `</KeyDescriptor>`
	}
	role := func(kind, inner string) string {
		return `<RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" ` +
			`protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" xsi:type="fed:` + kind + `">` + inner +
			`<fed:PassiveRequestorEndpoint><wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>` +
			`https://login.entratest.invalid/` + tenant + `/wsfed</wsa:Address></wsa:EndpointReference></fed:PassiveRequestorEndpoint></RoleDescriptor>`
	}
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m1" entityID="` + entityID + `">` +
		role("SecurityTokenServiceType",
			key("encryption", k.encryption)+key("signing", k.second)+key("signing", k.expired)+key("signing", k.trusted)) +
		role("ApplicationServiceType", key("signing", k.otherRole)) +
		`</EntityDescriptor>`
}

// replaySpy is a replay store that counts, and can fail.
type replaySpy struct {
	mu    sync.Mutex
	seen  map[string]time.Time
	calls int
	err   error
}

func (s *replaySpy) Remember(_ context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return false, s.err
	}
	if s.seen == nil {
		s.seen = make(map[string]time.Time)
	}
	_, known := s.seen[id]
	s.seen[id] = until
	return !known, nil
}

// door is a relying party of the corpus with what it touches.
type door struct {
	*wsfed.RelyingParty
	replay   *replaySpy
	provider *provider
}

// testCloud is where the corpus lives.
var testCloud = cloud.Cloud{Name: "test", Login: "https://login.entratest.invalid", IssuerV1: "https://sts.entratest.invalid/{tenantid}/"}

// staticProvider knows the trusted key alone.
func staticProvider(issuer string) *wsfed.Provider {
	return &wsfed.Provider{
		Issuer: issuer, SignInURL: "https://login.entratest.invalid/" + tenant + "/wsfed", Certificates: []*x509.Certificate{keys().trusted.certificate},
	}
}

// sharedMetadata keeps the corpus from reading the same document a thousand times.
var sharedMetadata = sync.OnceValue(func() *wsfed.Metadata { return new(wsfed.Metadata) })

// newDoor opens a door pinned to the tenant; change bends its configuration.
func newDoor(t testing.TB, change ...func(*wsfed.Config)) door {
	t.Helper()
	d := door{replay: new(replaySpy), provider: new(provider)}
	c := wsfed.Config{
		Realm: realm, Reply: reply, MetadataURL: metadataURL, Tenant: tenant,
		Cloud:    cloud.Cloud{Name: "test", Login: "https://login.entratest.invalid", IssuerV1: "https://sts.entratest.invalid/{tenantid}/"},
		Metadata: sharedMetadata(), Replay: d.replay, HTTPClient: &http.Client{Transport: d.provider},
		Now: func() time.Time { return forgeNow },
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	d.RelyingParty, err = wsfed.New(c)
	require.NoError(t, err)
	return d
}
