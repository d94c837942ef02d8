package sqlstore_test

import (
	"database/sql"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// TestIDs: users are listed in the order in which they were made, as far as the clock tells; the rest of an id is chance.
func TestIDs(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		s := e.store(t, db, sqlstore.Config{Now: func() time.Time { return now }})
		var ids []string
		const year = 365 * 24 * time.Hour
		for _, later := range []time.Duration{0, time.Millisecond, time.Second, 31 * time.Second, time.Hour, 24 * time.Hour, 3 * year, 200 * year} {
			now = now.Add(later)
			u, err := s.Users().Create(t.Context(), provisioning.Change{})
			require.NoError(t, err)
			require.Regexp(t, `^[0-9A-V]{10}[A-Z2-7]{16}$`, u.ID)
			ids = append(ids, u.ID)
		}
		require.True(t, slices.IsSorted(ids), ids)
		var listed []string
		for u, err := range s.Users().Users(t.Context(), provisioning.UserFilter{}) {
			require.NoError(t, err)
			listed = append(listed, u.ID)
		}
		require.Equal(t, ids, listed)
		u, err := s.Users().Create(t.Context(), provisioning.Change{}) // in the same millisecond
		require.NoError(t, err)
		last := ids[len(ids)-1]
		require.Equal(t, last[:10], u.ID[:10])
		require.NotEqual(t, last, u.ID)
	})
}
