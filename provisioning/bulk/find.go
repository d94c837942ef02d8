package bulk

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// search asks for whom a record may mean.
func (w *plan) search() provisioning.Search {
	keys := []provisioning.Key{w.key}
	if object := w.record.ObjectID; object != "" && w.connectionID != "" {
		keys = append(keys, provisioning.PendingKey(w.connectionID, object))
		if w.tenantID != "" {
			keys = append(keys, provisioning.Key{ConnectionID: w.connectionID, Authority: w.tenantID, Subject: object})
		}
	}
	return provisioning.Search{Keys: keys, Addresses: w.addresses}
}

// searchError is the store's trouble with one search.
type searchError struct {
	search int
	err    error
}

func (e *searchError) Error() string { return e.err.Error() }
func (e *searchError) Unwrap() error { return e.err }

// findMany finds the users of all searches, in as few steps as the store can, else several searches at once.
func (i *Import) findMany(ctx context.Context, searches []provisioning.Search) ([][]*provisioning.User, error) {
	if many, ok := i.cfg.Users.(provisioning.BulkFinder); ok {
		each, err := many.FindMany(ctx, searches)
		if err == nil && len(each) != len(searches) {
			err = fmt.Errorf("the store answered for %d of %d", len(each), len(searches))
		}
		return each, err
	}
	each := make([][]*provisioning.User, len(searches))
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(i.cfg.Parallel)
	for n, s := range searches {
		group.Go(func() (err error) {
			if each[n], err = i.find(looking, s); err != nil {
				return &searchError{n, err}
			}
			return nil
		})
	}
	return each, group.Wait()
}

// find finds the users of one search; whoever holds its first key, alone.
func (i *Import) find(ctx context.Context, s provisioning.Search) (all []*provisioning.User, err error) {
	for keys := s.Keys; len(keys) > 0; keys = keys[1:] { // of most people none is known, which one question tells
		u, err := i.cfg.Users.UserByKey(ctx, keys...)
		if errors.Is(err, provisioning.ErrNotFound) {
			break
		}
		switch {
		case err != nil:
			return nil, err
		case u == nil:
			return nil, errors.New("the store returned neither a user nor an error")
		case u.Holds(s.Keys[0]):
			return []*provisioning.User{u}, nil
		}
		all = add(all, u) // whoever has a later key
	}
	for _, a := range s.Addresses {
		list, err := i.cfg.Users.UsersByEmail(ctx, a)
		if err != nil {
			return nil, err
		}
		all = add(all, list...)
	}
	return all, nil
}

// add adds users, each once.
func add(all []*provisioning.User, more ...*provisioning.User) []*provisioning.User {
	for _, u := range more {
		if u != nil && find(all, func(o *provisioning.User) bool { return o.ID == u.ID }) == nil {
			all = append(all, u)
		}
	}
	return all
}
