package hrd

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Index is a Directory in memory, for millions of domains. Its zero value is empty and ready; it is safe for concurrent use.
//
// A lookup takes no lock and allocates nothing: it is never held up, neither by [Index.Set] nor by [Index.Load]. Domains lie in
// many small immutable tables; a writer builds a table anew and puts it in the old one's place.
type Index struct {
	writer sync.Mutex
	count  int        // writer's: domains in all
	held   [][]string // writer's: the same domains, spread by the hash of their connection, as many lists as tables
	tables atomic.Pointer[tables]
}

// tables is all domains, spread over a power of two of tables by the hash of the domain.
type tables struct {
	seed   maphash.Seed
	shards []atomic.Pointer[table]
}

// table is a hash table with linear probing, immutable, with at least one empty slot; an empty slot has no domain.
type table struct{ slots []entry }

// entry keeps its domain's hash, so that a lookup reads no string but the one it looks for.
type entry struct {
	domain, connection string
	hash               uint64
}

// perTable is how many domains a table holds on average at most: few, so that building one anew costs microseconds, but not so
// few that finding the table costs another cache miss.
const perTable = 64

// HomeRealm implements Directory. Its error is always nil.
func (x *Index) HomeRealm(_ context.Context, domain string) (connectionID string, found bool, err error) {
	if domain == "" {
		return "", false, nil
	}
	connectionID, found = x.tables.Load().lookup(domain)
	return connectionID, found, nil
}

// Set makes connectionID the holder of exactly these domains (none: of no domain any more). They are made canonical first.
//
// A domain that another connection holds is *[TakenError], and one that is no domain wraps [ErrInvalid]; then nothing
// changes. Lookups that run beside it see each single domain before or after the change.
func (x *Index) Set(connectionID string, domains []string) error {
	if connectionID == "" {
		return errors.New("hrd: connection id is empty")
	}
	wanted, err := canonicalSet(domains)
	if err != nil {
		return err
	}
	x.writer.Lock()
	defer x.writer.Unlock()
	t := x.room(x.count + len(wanted))
	for _, d := range wanted {
		if holder, found := t.lookup(d); found && holder != connectionID {
			return &TakenError{Domain: d, ConnectionID: holder}
		}
	}
	list := &x.held[t.shard(maphash.String(t.seed, connectionID))]
	*list = slices.Clip(slices.DeleteFunc(*list, func(d string) bool {
		if holder, _ := t.lookup(d); holder != connectionID {
			return false // another connection of the same list
		}
		if _, still := slices.BinarySearch(wanted, d); still {
			return false
		}
		t.replace(d, "")
		x.count--
		return true
	}))
	for _, d := range wanted {
		if _, found := t.lookup(d); !found {
			t.replace(d, connectionID)
			*list = append(*list, d)
			x.count++
		}
	}
	return nil
}

// Load replaces the whole index by the connections and domains that all yields, at one instant. On error (as for
// [Index.Set]; a connection may come several times) nothing changes. What is set while all is read is lost: it replaces everything.
func (x *Index) Load(all iter.Seq2[string, []string]) error {
	fresh := map[string]string{}
	for connectionID, domains := range all {
		if connectionID == "" {
			return errors.New("hrd: connection id is empty")
		}
		wanted, err := canonicalSet(domains)
		if err != nil {
			return err
		}
		for _, d := range wanted {
			if holder, found := fresh[d]; found && holder != connectionID {
				return &TakenError{Domain: d, ConnectionID: holder}
			}
			fresh[d] = connectionID
		}
	}
	seed := maphash.MakeSeed()
	list := make([]entry, 0, len(fresh))
	for d, c := range fresh {
		list = append(list, entry{domain: d, connection: c})
	}
	t, held := spread(seed, list)
	x.writer.Lock()
	defer x.writer.Unlock()
	x.count, x.held = len(list), held
	x.tables.Store(t)
	return nil
}

// Len returns the number of domains.
func (x *Index) Len() int {
	x.writer.Lock()
	defer x.writer.Unlock()
	return x.count
}

// TakenError says that another connection holds the domain.
type TakenError struct{ Domain, ConnectionID string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("hrd: domain %s belongs to another connection", e.Domain)
}

// room returns the tables, after making more of them when n domains need it. The caller holds the writer's lock.
func (x *Index) room(n int) *tables {
	old := x.tables.Load()
	if old != nil && n <= perTable*len(old.shards) {
		return old
	}
	seed, list := maphash.MakeSeed(), make([]entry, 0, n)
	if old != nil {
		for i := range old.shards {
			list = append(list, old.shards[i].Load().entries("")...)
		}
	}
	var t *tables
	t, x.held = spread(seed, list)
	x.tables.Store(t)
	return t
}

// spread makes tables with room to grow to twice the size before their number changes again, and the lists beside them.
func spread(seed maphash.Seed, list []entry) (*tables, [][]string) {
	shards := 1
	for shards*perTable/2 < len(list) {
		shards *= 2
	}
	t := &tables{seed: seed, shards: make([]atomic.Pointer[table], shards)}
	parts, held := make([][]entry, shards), make([][]string, shards)
	for _, e := range list {
		e.hash = maphash.String(seed, e.domain)
		i := t.shard(e.hash)
		parts[i] = append(parts[i], e)
		i = t.shard(maphash.String(seed, e.connection))
		held[i] = append(held[i], e.domain)
	}
	for i := range shards {
		t.shards[i].Store(newTable(parts[i]))
		held[i] = slices.Clip(slices.Clone(held[i]))
	}
	return t, held
}

// shard picks the table by the hash's upper half; the lower half picks the slot.
func (t *tables) shard(hash uint64) int { return int(hash>>32) & (len(t.shards) - 1) }

func (t *tables) lookup(domain string) (string, bool) {
	if t == nil {
		return "", false
	}
	hash := maphash.String(t.seed, domain)
	slots := t.shards[t.shard(hash)].Load().slots
	for i := slot(hash, len(slots)); ; {
		e := &slots[i]
		if e.hash == hash && e.domain == domain {
			return e.connection, true
		}
		if e.domain == "" {
			return "", false
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

// replace gives domain to connection, or for "" to nobody.
func (t *tables) replace(domain, connection string) {
	hash := maphash.String(t.seed, domain)
	shard := &t.shards[t.shard(hash)]
	list := shard.Load().entries(domain)
	if connection != "" {
		list = append(list, entry{domain: domain, connection: connection, hash: hash})
	}
	shard.Store(newTable(list))
}

// newTable keeps a quarter of the slots empty.
func newTable(list []entry) *table {
	t := &table{slots: make([]entry, len(list)+len(list)/3+1)}
	for _, e := range list {
		i := slot(e.hash, len(t.slots))
		for t.slots[i].domain != "" {
			if i++; i == len(t.slots) {
				i = 0
			}
		}
		t.slots[i] = e
	}
	return t
}

// slot spreads the lower half of hashes evenly over n slots.
func slot(hash uint64, n int) int {
	return int((hash & math.MaxUint32) * uint64(n) >> 32) //nolint:gosec // a length is not negative
}

// entries returns what a table holds, but for one domain.
func (t *table) entries(but string) []entry {
	list := make([]entry, 0, len(t.slots))
	for _, e := range t.slots {
		if e.domain != "" && e.domain != but {
			list = append(list, e)
		}
	}
	return list
}

func canonicalSet(domains []string) ([]string, error) {
	out := make([]string, 0, len(domains))
	for _, d := range domains {
		c, err := Canonical(d)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
