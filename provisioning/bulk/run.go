package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// attempts bounds how often a record is decided anew because somebody else's write came between.
const attempts = 5

// Run imports what a reader yields, from where it stands to the end. Memory does not grow with the file: one batch is held.
//
// Bad rows do not end it; they are reported. What ends it is an unreadable file (ErrFile), something that nobody would keep (*NotKeptError), trouble
// of the host's store or functions, and the end of the context. The summary is then of what was reported. Running again, from the start or from the
// last checkpoint, goes on without making anybody twice.
func (i *Import) Run(ctx context.Context, r *Reader) (Summary, error) {
	return i.run(ctx, r, Summary{})
}

// Resume is Run from a checkpoint on; r must be at its beginning, of the same file. Its summary counts what the checkpoint counted too.
func (i *Import) Resume(ctx context.Context, r *Reader, from Checkpoint) (Summary, error) {
	if from.Source != i.authority {
		return Summary{}, errors.New("bulk: the checkpoint is of another source, or of another importer")
	}
	if err := r.Skip(from.Position); err != nil {
		return Summary{}, err
	}
	return i.run(ctx, r, from.Summary)
}

func (i *Import) run(ctx context.Context, r *Reader, total Summary) (Summary, error) {
	p := &planner{Import: i}
	for {
		b, end := p.gather(ctx, r)
		if err := p.store(ctx, b); err != nil {
			return total, err
		}
		for _, e := range b.entries {
			total.count(e.result.Outcome)
			i.cfg.Report(e.result)
		}
		if len(b.entries) > 0 {
			if err := i.cfg.Checkpoint(ctx, Checkpoint{Source: i.authority, Position: b.position, Summary: total}); err != nil {
				return total, fmt.Errorf("bulk: checkpoint: %w", err)
			}
		}
		switch {
		case errors.Is(end, io.EOF):
			return total, nil
		case end != nil:
			return total, end
		}
	}
}

// batch is records that are stored together.
type batch struct {
	entries  []*entry
	names    map[string]bool // keys, addresses and object ids: what two records must not have in common
	position Position        // after the last of them
	bytes    int             // of the file
}

// entry is one record of a batch, in the order of the file.
type entry struct {
	plan   *plan // nil for a row that was bad from the start
	users  []*provisioning.User
	proven bool
	result Result
	next   verdict
}

// gather reads records until the batch is full, or the next one concerns somebody who is in it already: then that one waits.
func (p *planner) gather(ctx context.Context, r *Reader) (*batch, error) {
	b := &batch{names: map[string]bool{}}
	for len(b.entries) < p.cfg.Batch && b.bytes < maxBytes || r.tied { // no checkpoint between two rows that only together are what they are
		w := p.waiting
		p.waiting = nil
		if w == nil {
			rec, err := r.Next()
			if err == nil {
				w, err = p.plan(ctx, rec)
			}
			var bad *Problem
			switch {
			case errors.As(err, &bad):
				b.entries, b.position = append(b.entries, &entry{result: bad.result()}), r.Position()
				b.bytes += held(bad.rows.reveal())
				continue
			case err != nil:
				return b, err
			}
		}
		names := w.names()
		if slices.ContainsFunc(names, func(n string) bool { return b.names[n] }) {
			p.waiting = w
			return b, nil
		}
		for _, n := range names {
			b.names[n] = true
		}
		b.entries, b.position = append(b.entries, &entry{plan: w}), r.Position() // what is read too far waits, so nothing was read since
		b.bytes += held(w.record.rows.reveal())
	}
	return b, nil
}

// names are what finds a user by this record.
func (w *plan) names() []string {
	names := []string{"k" + w.key.Subject}
	for _, a := range w.addresses {
		names = append(names, "a"+a)
	}
	if w.record.ObjectID != "" {
		names = append(names, "o"+w.record.ObjectID)
	}
	return names
}

func (p *Problem) result() Result {
	outcome := Bad
	if p.Skipped {
		outcome = Skipped
	}
	return Result{Line: p.Line, Outcome: outcome, Problem: p}
}

// store looks up, decides and writes a batch. Entries that met somebody else's write are decided anew, alone.
func (p *planner) store(ctx context.Context, b *batch) error {
	open := slices.DeleteFunc(slices.Clone(b.entries), func(e *entry) bool { return e.plan == nil })
	for attempt := 0; len(open) > 0; attempt++ {
		if err := p.lookUp(ctx, open); err != nil {
			return err
		}
		for _, e := range open {
			e.decide(p.Import)
		}
		if p.cfg.DryRun {
			return nil
		}
		open = slices.DeleteFunc(open, func(e *entry) bool { return e.next.outcome == Known || e.next.outcome == Bad })
		if err := p.keep(ctx, open); err != nil {
			return err
		}
		conflicts, err := p.write(ctx, open)
		if err != nil {
			return err
		}
		open = conflicts
		if attempt+1 == attempts {
			for _, e := range open {
				e.refuse(problem(ReasonConflict, "", "the address or the record belongs to another user, or the user changed during each of 5 attempts", "look who has it; then import again"))
			}
			return nil
		}
	}
	return nil
}

// decide sets what is to be done, and the result for when it is.
func (e *entry) decide(i *Import) {
	e.next = i.match(e.plan, e.users, e.proven)
	e.result = Result{Line: e.plan.record.Line, Outcome: e.next.outcome, Unverified: e.plan.unverified}
	if e.next.problem != nil {
		e.refuse(e.next.problem)
		return
	}
	if e.next.user != nil {
		e.result.UserID = e.next.user.ID
	}
	if e.next.outcome == Created || e.next.outcome == Attached {
		e.result.ConnectionID = e.plan.connectionID
	}
}

func (e *entry) refuse(p *Problem) {
	e.result = Result{Line: e.plan.record.Line, Outcome: Bad, Problem: p.at(e.plan.record.rows.reveal()...), Unverified: e.plan.unverified}
}

// lookUp finds everybody whom the entries may mean.
func (p *planner) lookUp(ctx context.Context, entries []*entry) error {
	searches := make([]provisioning.Search, len(entries))
	for n, e := range entries {
		searches[n] = e.plan.search()
	}
	each, err := p.findMany(ctx, searches)
	var one *searchError
	switch {
	case errors.As(err, &one):
		return fmt.Errorf("bulk: line %d: finding users: %w", entries[one.search].plan.record.Line, one.err)
	case err != nil:
		return fmt.Errorf("bulk: lines %d to %d: finding users: %w", entries[0].plan.record.Line, entries[len(entries)-1].plan.record.Line, err)
	}
	for n, e := range entries {
		e.users = add(nil, each[n]...)
		if p.cfg.By.environment {
			continue
		}
		if e.proven, err = p.provesAddresses(ctx, e.plan); err != nil {
			return fmt.Errorf("bulk: line %d: asking whose the domain is: %w", e.plan.record.Line, err)
		}
	}
	return nil
}

// keep hands over what the store has no place for, before anything is written.
func (p *planner) keep(ctx context.Context, entries []*entry) error {
	if p.cfg.Keep == nil {
		return nil
	}
	var all []Kept
	for _, e := range entries {
		r := e.plan.record
		if len(r.toKeep()) == 0 && len(r.Rest.values()) == 0 {
			continue
		}
		k := Kept{Key: keyOf(e.plan, e.next), Organization: p.cfg.By.organization, Record: r}
		if e.next.user != nil {
			k.UserID = e.next.user.ID
		}
		if e.plan.unverified || !p.cfg.By.environment { // the file's word does not count, so nobody is to read it
			told := *r
			told.EmailVerified, told.PhoneVerified = false, false
			k.Record = &told
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil
	}
	if err := p.cfg.Keep(ctx, all); err != nil {
		return fmt.Errorf("bulk: line %d: keeping what the store has no place for: %w", all[0].Record.Line, err)
	}
	return nil
}

// write writes what was decided, and returns the entries that met somebody else's write.
func (p *planner) write(ctx context.Context, entries []*entry) (conflicts []*entry, err error) {
	var fresh []*entry
	for _, e := range entries {
		if e.next.outcome == Created {
			fresh = append(fresh, e)
			continue
		}
		_, err := p.cfg.Users.Update(ctx, e.next.user.ID, p.change(e.plan, e.next))
		if errors.Is(err, provisioning.ErrNotFound) { // erased meanwhile
			err = provisioning.ErrConflict
		}
		if conflicts, err = e.written(ctx, err, conflicts); err != nil {
			return nil, err
		}
	}
	each, err := p.create(ctx, fresh)
	if err != nil {
		return nil, err
	}
	for n, e := range fresh {
		if conflicts, err = e.written(ctx, each[n], conflicts); err != nil {
			return nil, err
		}
	}
	return conflicts, nil
}

// create makes the users, as many at once as the store can.
func (p *planner) create(ctx context.Context, entries []*entry) ([]error, error) {
	changes := make([]provisioning.Change, len(entries))
	for n, e := range entries {
		changes[n] = p.change(e.plan, e.next)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	if many, ok := p.cfg.Users.(provisioning.BulkCreator); ok {
		each, err := many.CreateMany(ctx, changes)
		switch {
		case err != nil:
			return nil, fmt.Errorf("bulk: lines %d to %d: creating users: %w", entries[0].plan.record.Line, entries[len(entries)-1].plan.record.Line, err)
		case len(each) != len(changes):
			return nil, fmt.Errorf("bulk: creating users: the store answered for %d of %d", len(each), len(changes))
		}
		return each, nil
	}
	each := make([]error, len(changes))
	for n, c := range changes {
		if _, each[n] = p.cfg.Users.Create(ctx, c); each[n] != nil && !ofTheRecord(each[n]) {
			return nil, fmt.Errorf("bulk: line %d: creating the user: %w", entries[n].plan.record.Line, each[n])
		}
	}
	return each, nil
}

func ofTheRecord(err error) bool {
	return errors.Is(err, provisioning.ErrConflict) || errors.Is(err, provisioning.ErrEmailTaken)
}

// written settles what the store said of one entry.
func (e *entry) written(ctx context.Context, err error, conflicts []*entry) ([]*entry, error) {
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, provisioning.ErrConflict):
		return append(conflicts, e), nil
	case errors.Is(err, provisioning.ErrEmailTaken):
		e.refuse(problem(ReasonEmailTaken, "email", "another user has this address, and addresses are unique here", "remove the other user, or correct the address"))
	case e.next.outcome != Created:
		return nil, fmt.Errorf("bulk: line %d: updating the user: %w", e.plan.record.Line, err)
	default: // CreateMany says what is wrong with this one
		bad := problem(ReasonStoreRefused, "", "the user store refuses this user", "look into the store's own error")
		bad.Err = err
		e.refuse(bad)
	}
	return conflicts, nil
}
