package sqlstore

import "context"

// sweepStep is how many rows of a table one call of Sweep removes at most: few enough for a transaction that is in nobody's way.
const sweepStep = 1000

// Sweep removes flows and replay ids of the environment that have expired, a thousand of each at most, and returns how many. A host calls it once in a
// while, again at once as long as it returns more than 0; Cache.Run does so.
func (s *Store) Sweep(ctx context.Context) (removed int, err error) {
	now := micro(s.config.Now())
	for _, t := range []struct{ table, key string }{{"{flows}", "hash"}, {"{replay}", "id"}} {
		// The outer condition is checked again for a row that somebody has just kept for longer.
		rows, err := s.exec(ctx, "DELETE FROM "+t.table+" WHERE environment = ? AND expires < ? AND "+t.key+" IN (SELECT "+t.key+" FROM (SELECT "+t.key+" FROM "+t.table+
			" WHERE environment = ? AND expires < ? ORDER BY expires LIMIT ?) AS old)", s.config.Environment, now, s.config.Environment, now, sweepStep)
		if err != nil {
			return removed, s.failed(ctx, "sweeping", err, nil)
		}
		removed += int(rows)
	}
	return removed, nil
}
