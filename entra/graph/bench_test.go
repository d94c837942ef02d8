package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// latency delays every request, as a tenant far away does.
type latency struct {
	by   time.Duration
	next http.RoundTripper
}

func (l latency) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(l.by)
	return l.next.RoundTrip(r)
}

// TestRoundTripsFor5000: at most six requests bring 5,000 groups, as whomever and with or without names.
func TestRoundTripsFor5000(t *testing.T) {
	for _, as := range []graph.Caller{asMe(), asApp()} {
		for _, q := range []graph.GroupQuery{{}, {Names: true}, {SecurityOnly: true}, {SecurityOnly: true, Names: true}} {
			c, f := newFake(directory(5000, nil))
			got, err := c.Groups(t.Context(), as, q)
			require.NoError(t, err)
			require.Len(t, got, 5000)
			require.LessOrEqual(t, len(f.requests), 6, "%+v", q)
		}
	}
}

// Benchmark5000Groups with 50 ms between us and Graph, beside the naive way: page after page, of Graph's own size and of the largest.
func Benchmark5000Groups(b *testing.B) {
	f := &fake{answer: directory(5000, nil), bearers: map[string]int{}}
	far := &http.Client{Transport: latency{50 * time.Millisecond, f}}
	b.Run("Client", func(b *testing.B) {
		c := graph.New(graph.Config{HTTPClient: far})
		for b.Loop() {
			got, err := c.Groups(b.Context(), asMe(), graph.GroupQuery{Names: true})
			require.NoError(b, err)
			require.Len(b, got, 5000)
		}
	})
	for _, size := range []int{100, 999} {
		b.Run(fmt.Sprintf("Pages of %d", size), func(b *testing.B) {
			for b.Loop() {
				for from := 0; from < 5000; from += size {
					q := url.Values{"$select": {"id,displayName"}, "$top": {"999"}, "$count": {"true"}, "$skiptoken": {fmt.Sprint(from)}}
					r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group?"+q.Encode(), nil)
					require.NoError(b, err)
					r.Header.Set("Authorization", "Bearer "+bearer)
					r.Header.Set("ConsistencyLevel", "eventual")
					res, err := far.Do(r)
					require.NoError(b, err)
					require.Equal(b, 200, res.StatusCode)
					var page struct {
						Value []struct{ ID, DisplayName string }
					}
					require.NoError(b, json.NewDecoder(res.Body).Decode(&page))
					require.NoError(b, res.Body.Close())
				}
			}
		})
	}
}
