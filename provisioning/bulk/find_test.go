package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// finding is a store that finds many users at once, and must not be asked for one.
type finding struct {
	*memory.Users
	asked []int // how many searches each call had
	spoil func([][]*provisioning.User) ([][]*provisioning.User, error)
}

func (f *finding) UserByKey(context.Context, ...provisioning.Key) (*provisioning.User, error) {
	return nil, errDown
}

func (f *finding) UsersByEmail(context.Context, string) ([]*provisioning.User, error) {
	return nil, errDown
}

func (f *finding) FindMany(ctx context.Context, searches []provisioning.Search) ([][]*provisioning.User, error) {
	f.asked = append(f.asked, len(searches))
	each := make([][]*provisioning.User, len(searches))
	for i, s := range searches {
		var all []*provisioning.User
		for _, k := range s.Keys {
			u, err := f.Users.UserByKey(ctx, k)
			if err == nil {
				all = append(all, u)
			} else if !errors.Is(err, provisioning.ErrNotFound) {
				return nil, err
			}
		}
		for _, a := range s.Addresses {
			list, err := f.Users.UsersByEmail(ctx, a)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		for _, u := range all {
			if !slices.ContainsFunc(each[i], func(o *provisioning.User) bool { return o.ID == u.ID }) {
				each[i] = append(each[i], u)
			}
		}
	}
	if f.spoil != nil {
		return f.spoil(each)
	}
	return each, nil
}

// A store that finds many at once is asked once for each batch, and makes no difference otherwise.
func TestStoreWithFindMany(t *testing.T) {
	batch := func(c *bulk.Config) { c.Batch = 20 }
	want, got := memory.NewUsers(), &finding{Users: memory.NewUsers()}
	for range 2 {
		a, b := mustImport(t, want, mixed(200), batch), mustImport(t, got, mixed(200), batch)
		require.Equal(t, outcomes(a), outcomes(b))
		require.Equal(t, people(want), people(got.Users))
	}
	file := "email,id\nann@contoso.com,1\nben@contoso.com,2\neve@contoso.com,3\n"
	got = &finding{Users: memory.NewUsers()}
	mustImport(t, got, file)
	mustImport(t, got, file, func(c *bulk.Config) { c.DryRun = true })
	require.Equal(t, []int{3, 3}, got.asked)
}

func TestStoreWithoutAnAnswer(t *testing.T) {
	file := "email,id\nann@contoso.com,1\nben@contoso.com,2\n"
	for name, spoil := range map[string]func([][]*provisioning.User) ([][]*provisioning.User, error){
		"trouble":        func([][]*provisioning.User) ([][]*provisioning.User, error) { return nil, errDown },
		"half an answer": func(each [][]*provisioning.User) ([][]*provisioning.User, error) { return each[:1], nil },
		"none":           func([][]*provisioning.User) ([][]*provisioning.User, error) { return nil, nil },
	} {
		store := &finding{Users: memory.NewUsers(), spoil: spoil}
		_, summary, err := importing(t, store, file)
		require.ErrorContains(t, err, "bulk: lines 2 to 3: finding users", name)
		require.Zero(t, summary.Records(), name)
		require.Empty(t, people(store.Users), name)
		if name == "trouble" {
			require.ErrorIs(t, err, errDown)
		}
	}
	_, _, err := importing(t, single{hollow{}}, file)
	require.ErrorContains(t, err, "neither a user nor an error")
	require.ErrorContains(t, err, "bulk: line ")
}

// A store that lists somebody twice, or nobody, makes no two people of one.
func TestStoreThatRepeatsItself(t *testing.T) {
	file := "email,id,connection\nann@contoso.com,%s,contoso\n"
	store := &finding{Users: memory.NewUsers()}
	waits := provisioning.Pending{ConnectionID: "conn_contoso", Address: "ann@contoso.com", Expires: now}
	require.NoError(t, store.Load(&provisioning.User{ID: "u1", Pending: []provisioning.Pending{waits}}))
	store.spoil = func(each [][]*provisioning.User) ([][]*provisioning.User, error) {
		for i := range each {
			each[i] = append(append(each[i], nil), each[i]...)
		}
		return each, nil
	}
	require.Equal(t, []string{"2 attached"}, outcomes(mustImport(t, store, fmt.Sprintf(file, "1"))))
	require.Equal(t, []string{"2 bad duplicate"}, outcomes(mustImport(t, store, fmt.Sprintf(file, "2"))))
}

// hollow answers nothing.
type hollow struct{ nowhere }

func (hollow) UserByKey(context.Context, ...provisioning.Key) (*provisioning.User, error) {
	return nil, nil
}
