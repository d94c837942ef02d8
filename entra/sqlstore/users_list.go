package sqlstore

import (
	"context"
	"iter"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Users implements provisioning.UserLister, a few hundred users at a time.
func (s *Users) Users(ctx context.Context, f provisioning.UserFilter) iter.Seq2[*provisioning.User, error] {
	st := s.store
	return func(yield func(*provisioning.User, error) bool) {
		after, more := f.After, true
		for more {
			page, err := st.userPage(ctx, f, after)
			if err != nil {
				yield(nil, st.failed(ctx, "listing users", err, nil))
				return
			}
			more = len(page) == pageSize
			for _, u := range page {
				after = u.ID
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) userPage(ctx context.Context, f provisioning.UserFilter, after string) ([]*provisioning.User, error) {
	if f.ConnectionID == "" {
		return s.users(ctx, s.reader(), inOrder("u", userColumns)+" FROM {users} u WHERE u.environment = ? AND u.id > ? ORDER BY u.id LIMIT ?", s.config.Environment, after, pageSize)
	}
	// CROSS JOIN as in UsersByEmail.
	return s.users(ctx, s.reader(), "SELECT "+userColumns+` FROM (
		SELECT DISTINCT user_id FROM {identities} WHERE environment = ? AND connection = ? AND user_id > ? ORDER BY user_id LIMIT ?
	) f CROSS JOIN {users} u WHERE u.environment = ? AND u.id = f.user_id ORDER BY u.id`, s.config.Environment, connectionHash(f.ConnectionID), after, pageSize, s.config.Environment)
}

// CountUsers implements provisioning.UserLister: one query.
func (s *Users) CountUsers(ctx context.Context, f provisioning.UserFilter) (n int, err error) {
	st := s.store
	text, args := "SELECT COUNT(*) FROM {users} WHERE environment = ? AND id > ?", []any{st.config.Environment, f.After}
	if f.ConnectionID != "" {
		text = "SELECT COUNT(DISTINCT user_id) FROM {identities} WHERE environment = ? AND connection = ? AND user_id > ?"
		args = []any{st.config.Environment, connectionHash(f.ConnectionID), f.After}
	}
	err = st.reader().QueryRowContext(ctx, st.sql(text), args...).Scan(&n)
	return n, st.failed(ctx, "counting users", err, nil)
}
