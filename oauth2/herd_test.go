package oauth2_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/lastgood"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

// herd is many tenants that sign in through one Metadata. Each answer takes a second of the bubble's clock; it counts those under way.
type herd struct {
	*fake
	metadata oauth2.Metadata

	mu        sync.Mutex
	now, most int
	asked     int
	knows     func(tenant string) bool
}

func (h *herd) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.asked++
	h.now++
	h.most = max(h.most, h.now)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now--
	}()
	<-time.After(time.Second)
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !h.knows(tenant) {
		return nil, errors.New("no route")
	}
	w := httptest.NewRecorder()
	h.serve(w, r)
	return w.Result(), nil
}

func (h *herd) signIn(t *testing.T, tenant string) error {
	c, err := oauth2.New(h.config(at(tenant), func(c *oauth2.Config) {
		c.Metadata, c.HTTPClient, c.Now = &h.metadata, &http.Client{Transport: h}, time.Now
	}))
	if err == nil {
		_, _, err = c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	}
	return err
}

func tenantNumber(n int) string { return fmt.Sprintf("0e4a4700-0000-4000-8000-%012d", n) }

// TestColdStartOfManyTenants: a process that starts as a thousand tenants sign in asks Entra for no more than 32 documents at a time. Each tenant waits for
// its own turn, and asks once.
func TestColdStartOfManyTenants(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		h := &herd{fake: f, knows: func(string) bool { return true }}
		var group sync.WaitGroup
		for i := range 400 {
			for range 3 {
				group.Go(func() { assert.NoError(t, h.signIn(t, tenantNumber(i))) })
			}
		}
		group.Wait()
		require.Equal(t, 32, h.most)
		require.Equal(t, 2*400, h.asked, "a document and a key set")
	})
}

// TestNamedTenantsCauseNoFlood: a tenant that is not there is asked for once in a while, however often it is named, and thousands of them push out nobody.
func TestNamedTenantsCauseNoFlood(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		h := &herd{fake: f, knows: func(tenant string) bool { return tenant == contoso }}
		require.NoError(t, h.signIn(t, contoso))
		known := h.asked
		for range 1000 {
			require.ErrorContains(t, h.signIn(t, fabrikam), "no route")
			<-time.After(100 * time.Millisecond)
		}
		require.Less(t, h.asked-known, 10, "in some two minutes: after 1, 2, 4, 8, 16, 32 and 60 seconds")

		var group sync.WaitGroup
		for i := range 2000 {
			group.Go(func() {
				err := h.signIn(t, tenantNumber(i))
				assert.True(t, errors.Is(err, lastgood.ErrBusy) || err != nil && strings.Contains(err.Error(), "no route"), err)
			})
		}
		group.Wait()
		require.LessOrEqual(t, h.most, 32)
		before := h.asked
		require.NoError(t, h.signIn(t, contoso))
		require.Equal(t, before, h.asked)
	})
}

// TestTenantsKeptAreBounded: of more authorities than Size the one used longest ago is asked for again.
func TestTenantsKeptAreBounded(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		h := &herd{fake: f, knows: func(string) bool { return true }}
		h.metadata.Size = 2
		for _, n := range []int{1, 2, 1, 3, 1, 2} {
			require.NoError(t, h.signIn(t, tenantNumber(n)))
		}
		require.Equal(t, 2*4, h.asked, "1, 2, 3, and 2 again")
	})
}
