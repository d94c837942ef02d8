package sqlstore

import (
	"context"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Reseal seals the stored secrets of all connections with k's current key, and returns how many connections that changed: once after a key was rotated on all
// machines, before the old one is dropped from the keyring. Versions stay, since nothing else has changed. After an error it can be called again.
func (c *Connections) Reseal(ctx context.Context, k *entra.Keyring) (resealed int, err error) {
	s := c.store
	after, more := "", true
	for more {
		page, err := s.connectionPage(ctx, entra.Filter{}, after)
		if err != nil {
			return resealed, s.failed(ctx, "listing connections", err, nil)
		}
		more = len(page) == pageSize
		for _, row := range page {
			after = row.id
			fresh, changed, err := entra.ResealConnection(ctx, row.encoded, k)
			if err != nil {
				return resealed, err
			}
			if !changed {
				continue
			}
			// One that somebody has just written is sealed with the current key already.
			rows, err := s.exec(ctx, "UPDATE {connections} SET encoded = ? WHERE environment = ? AND id = ? AND version = ?", string(fresh), s.config.Environment, row.id, row.version)
			if err != nil {
				return resealed, s.failed(ctx, "sealing a connection anew", err, nil)
			}
			resealed += int(rows)
		}
	}
	return resealed, nil
}
