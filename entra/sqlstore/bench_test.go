package sqlstore_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// onEachBenchmarked runs f on every engine, with a Store that has 10,000 users.
func onEachBenchmarked(b *testing.B, f func(b *testing.B, s *sqlstore.Store)) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			db, err := sql.Open(e.driver, e.empty(b))
			require.NoError(b, err)
			defer db.Close()
			db.SetMaxIdleConns(40)
			s, err := e.over(b.Context(), db, sqlstore.Config{Sealer: sealer})
			require.NoError(b, err)
			require.NoError(b, s.Migrate(b.Context()))
			importMany(b, s, 10_000, 0)
			b.ResetTimer()
			f(b, s)
		})
	}
}

func importMany(b *testing.B, s *sqlstore.Store, n, from int) {
	changes := make([]provisioning.Change, n)
	for i := range changes {
		changes[i] = imported(from + i)
	}
	_, err := s.Users().CreateMany(b.Context(), changes)
	require.NoError(b, err)
}

// BenchmarkCreateMany imports records in thousands.
func BenchmarkCreateMany(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *sqlstore.Store) {
		from := 10_000
		for b.Loop() {
			importMany(b, s, 1000, from)
			from += 1000
		}
		b.ReportMetric(float64(from-10_000)/b.Elapsed().Seconds(), "users/s")
	})
}

// BenchmarkSignIn does what the stores do in a known person's sign-in over OpenID Connect, eight at a time for each processor.
func BenchmarkSignIn(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *sqlstore.Store) {
		var n atomic.Int64
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				i := n.Add(1)
				if first, err := s.Replay().Remember(b.Context(), fmt.Sprintf("%064x", i), time.Now().Add(time.Hour)); err != nil || !first {
					b.Error(first, err)
				}
				k := provisioning.ImportKey("csv", fmt.Sprint(i%10_000))
				if _, err := s.Users().UserByKey(b.Context(), k, provisioning.PendingKey("con_1", strings.Repeat("0", 36))); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
	})
}
