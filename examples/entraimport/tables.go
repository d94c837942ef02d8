package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// The command's own tables lie in the same database as the users: what a checkpoint says is stored is then stored, even where a power failure undoes the
// last commits, for those of one database are undone from the last one on.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS entraimport_kept (
		key_hash TEXT PRIMARY KEY, -- provisioning.Key.Hash of an import key that the user holds
		source   TEXT NOT NULL,
		record   TEXT NOT NULL,
		user_id  TEXT NOT NULL,    -- where the user existed before; else empty
		data     TEXT NOT NULL     -- JSON
	)`,
	`CREATE TABLE IF NOT EXISTS entraimport_checkpoints (
		source TEXT NOT NULL,
		file   TEXT NOT NULL,
		data   TEXT NOT NULL, -- JSON
		PRIMARY KEY (source, file)
	)`,
}

func (d *database) makeTables(ctx context.Context) error {
	for _, table := range tables {
		if _, err := d.db.ExecContext(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

// kept is what the user store has no place for.
type kept struct {
	Phone         string                     `json:"phone,omitempty"`
	PhoneVerified bool                       `json:"phone_verified,omitempty"`
	Username      string                     `json:"username,omitempty"`
	Memberships   []membership               `json:"organizations,omitempty"`
	Rest          map[string]json.RawMessage `json:"rest,omitempty"`
}

type membership struct {
	Organization string          `json:"organization,omitempty"`
	Roles        []string        `json:"roles,omitempty"`
	Permissions  []string        `json:"permissions,omitempty"`
	Scopes       json.RawMessage `json:"scopes,omitempty"`
}

// keptStep is how many rows one statement keeps.
const keptStep = 50

// keep is bulk.Config's Keep: the same key may come twice, and is the same row.
func (d *database) keep(ctx context.Context, all []bulk.Kept) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for part := range slices.Chunk(all, keptStep) {
		var values []string
		var args []any
		for _, k := range part {
			data, err := json.Marshal(whatIsKept(k.Record))
			if err != nil {
				return err
			}
			n := len(args)
			values = append(values, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5))
			args = append(args, k.Key.Hash(), k.Key.Authority, k.Key.Subject, k.UserID, string(data))
		}
		//nolint:gosec // numbers of parameters are put together, no values
		text := "INSERT INTO entraimport_kept (key_hash, source, record, user_id, data) VALUES " + strings.Join(values, ", ") + `
			ON CONFLICT (key_hash) DO UPDATE SET user_id = excluded.user_id, data = excluded.data`
		if _, err := tx.ExecContext(ctx, text, args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func whatIsKept(r *bulk.Record) kept {
	k := kept{Phone: r.Phone, PhoneVerified: r.PhoneVerified, Username: r.Username, Rest: r.Rest.Reveal()}
	for _, m := range r.Memberships {
		k.Memberships = append(k.Memberships, membership(m))
	}
	return k
}

// state is a checkpoint with the size that the file of bad rows had then.
type state struct {
	bulk.Checkpoint
	Errors int64 `json:"errors"`
}

func (d *database) saveState(ctx context.Context, source, file string, s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = d.db.ExecContext(ctx, `INSERT INTO entraimport_checkpoints (source, file, data) VALUES ($1, $2, $3) ON CONFLICT (source, file) DO UPDATE SET data = excluded.data`, source, file, string(data))
	return err
}

// loadState returns where an import of the file stopped; a zero state when none has begun.
func (d *database) loadState(ctx context.Context, source, file string) (s state, err error) {
	var data string
	err = d.db.QueryRowContext(ctx, `SELECT data FROM entraimport_checkpoints WHERE source = $1 AND file = $2`, source, file).Scan(&data)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, nil
	case err != nil:
		return s, err
	}
	return s, json.Unmarshal([]byte(data), &s)
}
