package wsfed

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// herd is many providers behind one Metadata. Each answer takes a second of the bubble's clock; it counts those under way, in all and at one host.
type herd struct {
	metadata Metadata
	knows    func(tenant string) bool

	mu               sync.Mutex
	now, most, asked int
	hosts            map[string]int
	mostAtHost       int
}

func (h *herd) count(host string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil {
		h.hosts = map[string]int{}
	}
	h.asked += max(n, 0)
	h.now += n
	h.hosts[host] += n
	h.most, h.mostAtHost = max(h.most, h.now), max(h.mostAtHost, h.hosts[host])
}

func (h *herd) RoundTrip(r *http.Request) (*http.Response, error) {
	h.count(r.URL.Host, 1)
	defer h.count(r.URL.Host, -1)
	<-time.After(time.Second)
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	page, status := idpMetadata(strings.Replace(idpCloud.IssuerV1, "{tenantid}", tenant, 1), idpLogin+"/wsfed", idpKeys()[0]), http.StatusOK
	switch {
	case tenant == "adfs":
		page = idpMetadata("https://"+r.URL.Host+"/adfs/services/trust", "https://"+r.URL.Host+"/adfs/ls/", idpKeys()[0])
	case h.knows != nil && !h.knows(tenant):
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), ContentLength: -1, Request: r}, nil
}

func (h *herd) signIn(t *testing.T, change func(*Config)) error {
	c := Config{
		Realm: idpRealm, Reply: idpReply, Cloud: idpCloud, Replay: &onceStore{},
		HTTPClient: &http.Client{Transport: h}, Metadata: &h.metadata, Now: time.Now,
	}
	change(&c)
	p, err := New(c)
	if err == nil {
		_, _, err = p.SignIn(t.Context(), SignInRequest{Context: "c"})
	}
	return err
}

func tenantNumber(n int) func(*Config) {
	return func(c *Config) { c.Tenant = fmt.Sprintf("0e4a4700-0000-4000-8000-%012d", n) }
}

func adfsNumber(n int) func(*Config) {
	return func(c *Config) {
		c.MetadataURL, c.SubjectClaim = fmt.Sprintf("https://adfs%d.idp.invalid/adfs/metadata.xml", n), NameIdentifierClaim
	}
}

// TestColdStartOfManyTenants: a process that starts as hundreds of tenants sign in asks Entra for no more than 32 documents at a time, and each one once.
// Providers elsewhere do not wait for Entra's.
func TestColdStartOfManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(herd)
		var group sync.WaitGroup
		for i := range 300 {
			for range 3 {
				group.Go(func() { assert.NoError(t, h.signIn(t, tenantNumber(i))) })
			}
			group.Go(func() { assert.NoError(t, h.signIn(t, adfsNumber(i))) })
		}
		group.Wait()
		require.Equal(t, 32, h.mostAtHost)
		require.Equal(t, 128, h.most)
		require.Equal(t, 600, h.asked)
		require.Equal(t, 600, h.metadata.cache.Len())
	})
}

// TestNamedTenantsCauseNoFlood: what is not there is asked for once in a while, however often it is named, and thousands of them fill a bounded list.
func TestNamedTenantsCauseNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &herd{knows: func(tenant string) bool { return strings.HasSuffix(tenant, "9999") }}
		require.NoError(t, h.signIn(t, tenantNumber(9999)))
		for range 1000 {
			require.ErrorIs(t, h.signIn(t, tenantNumber(1)), ErrUnavailable)
			<-time.After(100 * time.Millisecond)
		}
		require.Less(t, h.asked, 11, "in some two minutes: after 1, 2, 4, 8, 16, 32 and 60 seconds")

		var group sync.WaitGroup
		for i := range 2000 {
			group.Go(func() { assert.ErrorIs(t, h.signIn(t, tenantNumber(i)), ErrUnavailable) })
		}
		group.Wait()
		require.LessOrEqual(t, h.most, 32)
		require.LessOrEqual(t, h.metadata.cache.Len(), 1001)
		before := h.asked
		require.NoError(t, h.signIn(t, tenantNumber(9999)))
		require.Equal(t, before, h.asked)
	})
}
