package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"time"
)

const (
	// feedStep is how often the feed is asked for its number, also where the database tells: a connection that has died quietly tells nothing.
	feedStep = Bound / 4
	// feedPatience is how long an answer may take. Longer than Bound would be of no use.
	feedPatience = Bound
	// feedStart is how long it may take to have a connection that listens. Without an end, one that is dead and was not told so would be waited for until
	// the operating system gives it up, a quarter of an hour later.
	feedStart  = 5 * Bound
	sweepPause = time.Minute
)

// Run follows the feed until ctx ends, and returns its error; the host starts it in a goroutine of its own, once for each Cache. It asks the database for one
// number four times a second, and on PostgreSQL listens on a connection that it keeps to itself, so that a change is seen within milliseconds. A
// database that cannot be reached is tried again until it can. Run also sweeps what has expired (Store.Sweep), every minute, in small steps.
func (c *Cache) Run(ctx context.Context) error {
	if c.store.tx != nil {
		return errors.New("sqlstore: a transaction has no feed")
	}
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("sqlstore: the Cache is running already")
	}
	defer c.running.Store(false)
	f := follower{cache: c}
	for ctx.Err() == nil {
		if err := f.follow(ctx); ctx.Err() == nil {
			f.broken(ctx, err)
			pause(ctx, attempts)
		}
	}
	return ctx.Err()
}

// follower is a Run.
type follower struct {
	cache  *Cache
	silent bool      // the feed is broken, and it was said
	sweep  time.Time // when to sweep next
}

// broken says that the feed is, once until it works again.
func (f *follower) broken(ctx context.Context, err error) {
	if !f.silent {
		f.cache.store.config.Logger.LogAttrs(ctx, slog.LevelWarn, "sqlstore: the feed of changes is broken: connections are read from the database", slog.Any("error", err))
	}
	f.silent = true
}

// follow follows the feed until something breaks.
func (f *follower) follow(ctx context.Context) error {
	s := f.cache.store
	from, wait := querier(s.db), doze
	if s.engine.Listen != nil {
		conn, hear, err := s.listen(ctx)
		if err != nil {
			return err
		}
		defer end(conn)
		from, wait = conn, hear
	}
	for {
		if err := f.cache.ask(ctx, from); err != nil {
			return err
		}
		f.silent = false
		f.sweepStep(ctx)
		step, cancel := context.WithTimeout(ctx, feedStep)
		err := wait(step)
		cancel()
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// listen returns a connection that listens, and how to wait for what it hears.
func (s *Store) listen(ctx context.Context) (conn *sql.Conn, wait func(context.Context) error, err error) {
	ctx, cancel := context.WithTimeout(ctx, feedStart)
	defer cancel()
	if conn, err = s.db.Conn(ctx); err != nil {
		return nil, nil, err
	}
	if wait, err = s.engine.Listen(ctx, conn, s.channel()); err != nil {
		end(conn)
	}
	return conn, wait, err
}

// end closes a connection that listens; it does not go back into the pool.
func end(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }

// doze waits for the end of the context.
func doze(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// ask asks for the feed's number.
func (c *Cache) ask(ctx context.Context, from querier) error {
	s := c.store
	ctx, cancel := context.WithTimeout(ctx, feedPatience)
	defer cancel()
	at := s.config.Now() // before asking: the answer is of this moment or a later one
	var number int64
	err := from.QueryRowContext(ctx, s.sql("SELECT number FROM {feed} WHERE environment = ?"), s.config.Environment).Scan(&number)
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // no row: nobody has written yet
		return err
	}
	c.confirm(number, at)
	return nil
}

// sweepStep sweeps a little, if it is time. As long as there is something it goes on at the next step of the feed, which must not wait for it.
func (f *follower) sweepStep(ctx context.Context) {
	s := f.cache.store
	now := s.config.Now()
	if now.Before(f.sweep) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, feedStep)
	defer cancel()
	removed, err := s.Sweep(ctx)
	if err != nil {
		s.config.Logger.LogAttrs(ctx, slog.LevelWarn, "sqlstore: sweeping what has expired", slog.Any("error", err))
	}
	if removed == 0 {
		f.sweep = now.Add(sweepPause)
	}
}
