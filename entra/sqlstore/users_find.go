package sqlstore

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// FindMany implements provisioning.BulkFinder: three queries for every few hundred keys and addresses tell who is found, and one reads them.
func (s *Users) FindMany(ctx context.Context, searches []provisioning.Search) ([][]*provisioning.User, error) {
	st := s.store
	if err := ctx.Err(); err != nil {
		return nil, st.failed(ctx, "finding users", err, nil)
	}
	asked := map[string][]int{} // what finds a user → the searches that ask for it
	var keys, addresses []string
	for i, search := range searches {
		for _, k := range search.Keys {
			keys = ask(asked, keys, k.Hash(), i)
		}
		for _, a := range search.Addresses {
			if a != "" {
				addresses = ask(asked, addresses, hash("address", a), i)
			}
		}
	}
	each := make([][]*provisioning.User, len(searches))
	err := st.reading(ctx, func(q querier) error {
		found, err := st.findMany(ctx, q, keys, addresses)
		for _, u := range found {
			for i, search := range searchers(asked, u) {
				if i > 0 {
					u = u.Clone()
				}
				each[search] = append(each[search], u)
			}
		}
		return err
	})
	if err != nil {
		return nil, st.failed(ctx, "finding users", err, nil)
	}
	return each, nil
}

// ask notes that a search asks for a hash, and lists the hash once.
func ask(asked map[string][]int, list []string, hash string, search int) []string {
	if asked[hash] == nil {
		list = append(list, hash)
	}
	asked[hash] = append(asked[hash], search)
	return list
}

// searchers returns the searches that a user is an answer to, each once. It goes by what was read of the user, who may have changed since the user was found.
func searchers(asked map[string][]int, u *provisioning.User) []int {
	var list []int
	for _, h := range foundBy(u) {
		list = append(list, asked[h]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// foundBy returns the hashes by which FindMany finds a user.
func foundBy(u *provisioning.User) []string {
	list := []string{hash("address", provisioning.Fold(u.Profile.Email))}
	for _, k := range u.Keys {
		list = append(list, k.Hash())
	}
	for _, p := range u.Pending {
		list = append(list, hash("address", provisioning.Fold(p.Address)))
		if p.ObjectID != "" {
			list = append(list, provisioning.PendingKey(p.ConnectionID, p.ObjectID).Hash())
		}
	}
	return list
}

// findMany returns who holds one of the keys or has one of the addresses, by their hashes; each once.
func (s *Store) findMany(ctx context.Context, q querier, keys, addresses []string) (list []*provisioning.User, err error) {
	found := map[string]bool{} // ids
	for _, by := range []struct {
		columns, table, column string
		values                 []string
	}{
		{"user_id", "identities", "hash", keys},
		{"user_id", "identities", "address_hash", addresses},
		{"id", "users", "email_hash", addresses},
	} {
		if err := s.collect(ctx, q, found, by.columns, by.table, by.column, by.values); err != nil {
			return nil, err
		}
	}
	queries, err := s.among(userColumns, "users", "id", slices.Collect(maps.Keys(found)))
	for _, about := range queries {
		some, err := s.users(ctx, q, about.text, about.args...)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, err
}

// collect adds one column of the rows that have one of the values in another.
func (s *Store) collect(ctx context.Context, q querier, into map[string]bool, what, table, column string, values []string) error {
	queries, err := s.among(what, table, column, values)
	if err != nil {
		return err
	}
	for _, about := range queries {
		rows, err := q.QueryContext(ctx, s.sql(about.text), about.args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var value string
			if err := rows.Scan(&value); err != nil {
				return errors.Join(err, rows.Close())
			}
			into[value] = true
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// query is a statement with its parameters.
type query struct {
	text string
	args []any
}

// among returns the queries for columns of the environment's rows that have one of the values in a column, which has an index; none for no values.
func (s *Store) among(columns, table, column string, values []string) (list []query, err error) {
	if len(values) == 0 {
		return nil, nil
	}
	if s.engine.Among != nil {
		all, err := s.engine.Values(values)
		return []query{{s.engine.Among(columns, "{"+table+"}", column), []any{all, s.config.Environment}}}, err
	}
	for part := range slices.Chunk(values, insertStep) {
		args := []any{s.config.Environment}
		for _, v := range part {
			args = append(args, v)
		}
		list = append(list, query{"SELECT " + columns + " FROM {" + table + "} u WHERE u.environment = ? AND u." + column + " IN (" + marks(len(part)) + ")", args})
	}
	return list, nil
}

// reading runs f, which reads many rows, in a transaction where the engine has something to set for that.
func (s *Store) reading(ctx context.Context, f func(querier) error) error {
	if s.engine.Bulk == "" || s.tx != nil { // in a transaction of the host's it would stay
		return f(s.reader())
	}
	return s.transaction(ctx, func(u unit) error {
		if _, err := u.ExecContext(ctx, s.engine.Bulk); err != nil {
			return err
		}
		return f(u)
	})
}
