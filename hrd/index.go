package hrd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Index is a Directory in memory, for millions of domains. Its zero value is empty and ready; it is safe for concurrent use.
//
// A lookup takes no lock and allocates nothing: it is never held up, neither by [Index.Set] nor by [Index.Load]. A change takes about a microsecond; when the
// table is full, after a fifth as many changes as there are domains, the writer copies all into a new one, which takes some tenths of a second for a million.
type Index struct {
	writer sync.Mutex
	table  atomic.Pointer[table]
}

// HomeRealm implements Directory. Its error is always nil.
func (x *Index) HomeRealm(_ context.Context, domain string) (connectionID string, found bool, err error) {
	t := x.table.Load()
	if t == nil {
		return "", false, nil
	}
	if c := t.find(domain); c != nil {
		return c.connection(), true, nil
	}
	return "", false, nil
}

// Set makes connectionID the holder of exactly these domains (none: of no domain any more). They are what [Listed] accepts, and made canonical first.
//
// A domain that another connection holds is *[TakenError], and one that is no domain wraps [ErrInvalid]; then nothing
// changes. Lookups that run beside it see each single domain before or after the change.
func (x *Index) Set(connectionID string, domains []string) error {
	wanted, err := listedSet(connectionID, domains)
	if err != nil {
		return err
	}
	x.writer.Lock()
	defer x.writer.Unlock()
	t := x.table.Load()
	if t == nil {
		t = newTable(len(wanted))
	}
	if err := t.othersHold(connectionID, wanted); err != nil {
		return err
	}
	t.removeUnless(connectionID, func(domain string) bool {
		_, still := slices.BinarySearch(wanted, domain)
		return still
	})
	t = t.put(connectionID, wanted)
	if t.isLoose() {
		t = t.remade(0)
	}
	x.table.Store(t)
	return nil
}

// Load replaces the whole index by the connections and domains that all yields, at one instant. On error (as for
// [Index.Set]; a connection may come several times) nothing changes. What is set while all is read is lost: it replaces everything.
func (x *Index) Load(all iter.Seq2[string, []string]) error {
	fresh := newTable(0)
	for connectionID, domains := range all {
		wanted, err := listedSet(connectionID, domains)
		if err != nil {
			return err
		}
		if err := fresh.othersHold(connectionID, wanted); err != nil {
			return err
		}
		fresh = fresh.put(connectionID, wanted)
	}
	x.writer.Lock()
	defer x.writer.Unlock()
	x.table.Store(fresh)
	return nil
}

// Len returns the number of domains.
func (x *Index) Len() int {
	x.writer.Lock()
	defer x.writer.Unlock()
	if t := x.table.Load(); t != nil {
		return t.live
	}
	return 0
}

// othersHold reports a domain that another connection holds.
func (t *table) othersHold(connectionID string, domains []string) error {
	for _, d := range domains {
		if c := t.find(d); c != nil && c.connection() != connectionID {
			return &TakenError{Domain: d, ConnectionID: c.connection()}
		}
	}
	return nil
}

// put adds those domains that are not there, in t or in a larger table with all of t's.
func (t *table) put(connectionID string, domains []string) *table {
	for i, d := range domains {
		if t.find(d) != nil {
			continue
		}
		if t.isFull() {
			t = t.remade(len(domains) - i)
		}
		t.add(d, connectionID)
	}
	return t
}

// TakenError says that another connection holds the domain.
type TakenError struct{ Domain, ConnectionID string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("hrd: domain %s belongs to another connection", e.Domain)
}

// listedSet is the domains of a connection in canonical form, sorted, each once.
func listedSet(connectionID string, domains []string) ([]string, error) {
	if connectionID == "" {
		return nil, errors.New("hrd: connection id is empty")
	}
	out := make([]string, 0, len(domains))
	for _, d := range domains {
		c, err := Listed(d)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
