package hrd

import (
	"hash/maphash"
	"sync/atomic"
)

// table is a hash table with linear probing that one writer changes while any number of readers read it, without a lock.
//
// What a lookup costs among millions is not work but waiting for memory that is not at hand. So a domain lies in its cell, a cell is one cache line, and its
// place follows from the hash: the processor fetches it at the same time as the mark that says whether it is worth a look. A domain that is not there is nearly always
// known by its mark alone.
//
// A mark is changed in one step and never becomes empty again; a cell never changes once its mark says that it is taken. So a reader finds each
// domain as it was before or after a change. What removals leave behind goes when the writer makes a new table in the place of a full one.
type table struct {
	seed  maphash.Seed
	marks []atomic.Uint32 // of the cell with the same number: empty, gone, or 31 bits of the hash
	cells []cell

	// The writer's own.
	live, gone int
	owners     []uint32 // the first cell of a chain, plus one, by the hash of the connection
}

const (
	empty = iota
	gone
	taken // is set in each other mark
)

// cell is one domain and its connection: 64 bytes.
type cell struct {
	text string // the connection
	next uint32 // the writer's own: the next cell of the chain, plus one
	size uint8
	name [inline]byte
}

const (
	inline = 43  // bytes of a domain that lie in its cell; few are longer
	longer = 255 // in place of their number: name begins with the number, and text with the domain
)

func (c *cell) set(domain, connection string) {
	if len(domain) <= inline {
		c.text, c.size = connection, uint8(copy(c.name[:], domain)) //nolint:gosec // at most inline
		return
	}
	c.text, c.size, c.name[0] = domain+connection, longer, uint8(len(domain)) //nolint:gosec // at most maxDomain
}

func (c *cell) is(domain string) bool {
	if c.size == longer {
		return c.text[:c.name[0]] == domain
	}
	return string(c.name[:c.size]) == domain
}

func (c *cell) domain() string {
	if c.size == longer {
		return c.text[:c.name[0]]
	}
	return string(c.name[:c.size])
}

func (c *cell) connection() string {
	if c.size == longer {
		return c.text[c.name[0]:]
	}
	return c.text
}

// newTable has two thirds of its cells for n domains. It is full when four fifths are taken, or were.
func newTable(n int) *table {
	size := n + n/2 + 16
	return &table{seed: maphash.MakeSeed(), marks: make([]atomic.Uint32, size), cells: make([]cell, size), owners: make([]uint32, size/2)}
}

func (t *table) isFull() bool { return t.live+t.gone >= len(t.cells)/5*4 }

// isLoose reports that most of the memory is for nothing.
func (t *table) isLoose() bool { return len(t.cells) > 1000 && t.live < len(t.cells)/4 }

// place returns where the search for a domain begins, and its mark.
func (t *table) place(domain string) (int, uint32) {
	hash := maphash.String(t.seed, domain)
	return spread(hash, len(t.cells)), uint32(hash) | taken //nolint:gosec // half of it
}

// spread maps the upper half of a hash evenly to 0 … n-1.
func spread(hash uint64, n int) int { return int(hash >> 32 * uint64(n) >> 32) } //nolint:gosec // less than n, which is not negative

// find returns a domain's cell, or nil. It is all that readers call.
func (t *table) find(domain string) *cell {
	for i, mark := t.place(domain); ; {
		switch t.marks[i].Load() {
		case mark:
			if c := &t.cells[i]; c.is(domain) {
				return c
			}
		case empty:
			return nil
		}
		if i++; i == len(t.marks) {
			i = 0
		}
	}
}

// add takes in a domain that is not there. The table is not full.
func (t *table) add(domain, connection string) {
	i, mark := t.place(domain)
	for t.marks[i].Load() != empty { // one that is gone may still be read
		if i++; i == len(t.marks) {
			i = 0
		}
	}
	t.cells[i].set(domain, connection)
	first := t.chain(connection)
	t.cells[i].next, *first = *first, uint32(i+1)
	t.live++
	t.marks[i].Store(mark) // readers see it from here on
}

// chain is where the cells begin whose connections have the same hash.
func (t *table) chain(connection string) *uint32 {
	return &t.owners[spread(maphash.String(t.seed, connection), len(t.owners))]
}

// removeUnless removes those domains of a connection that are not to be kept.
func (t *table) removeUnless(connection string, keep func(domain string) bool) {
	for at := t.chain(connection); *at != 0; {
		c := &t.cells[*at-1]
		if c.connection() != connection || keep(c.domain()) {
			at = &c.next
			continue
		}
		t.marks[*at-1].Store(gone)
		t.live--
		t.gone++
		*at = c.next
	}
}

// remade is a new table with all the domains of t, and room for more.
func (t *table) remade(more int) *table {
	next := newTable(t.live + more)
	for i := range t.cells {
		if t.marks[i].Load() >= taken {
			next.add(t.cells[i].domain(), t.cells[i].connection())
		}
	}
	return next
}
