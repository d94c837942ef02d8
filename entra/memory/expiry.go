package memory

import (
	"container/heap"
	"time"
)

// sweepStep is how many expired entries a call removes at most. Each call adds one entry at most, so the sweep gains on any
// traffic, and no call pays for a crowd of an hour ago.
const sweepStep = 16

// expiring is a map whose entries end. The caller holds the lock.
type expiring struct {
	byID  map[string]*entry
	queue queue
}

type entry struct {
	id    string
	until time.Time
	value []byte
	index int // in the queue
}

// live returns the entry with this id, unless it has ended: from the instant after until.
func (x *expiring) live(id string, now time.Time) (*entry, bool) {
	e, ok := x.byID[id]
	if !ok || now.After(e.until) {
		return nil, false
	}
	return e, true
}

// set adds an entry, or replaces the one with its id.
func (x *expiring) set(id string, value []byte, until time.Time) {
	if e, ok := x.byID[id]; ok {
		x.remove(e)
	}
	if x.byID == nil {
		x.byID = map[string]*entry{}
	}
	e := &entry{id: id, until: until, value: value}
	x.byID[id] = e
	heap.Push(&x.queue, e)
}

// extend moves the end of an entry to a later time.
func (x *expiring) extend(e *entry, until time.Time) {
	if until.After(e.until) {
		e.until = until
		heap.Fix(&x.queue, e.index)
	}
}

func (x *expiring) remove(e *entry) {
	delete(x.byID, e.id)
	heap.Remove(&x.queue, e.index)
}

// sweep removes a few entries that have ended.
func (x *expiring) sweep(now time.Time) {
	for range sweepStep {
		if len(x.queue) == 0 || !now.After(x.queue[0].until) {
			return
		}
		x.remove(x.queue[0])
	}
}

// queue is a heap, the first to end on top.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until.Before(q[j].until) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	if e, ok := x.(*entry); ok { // nothing else is pushed
		e.index = len(*q)
		*q = append(*q, e)
	}
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}

func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}
