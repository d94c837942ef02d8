package ownstore

import "database/sql"

// Existing is the table that the host had before. Addresses are in lower case, as provisioning.Fold writes them.
const Existing = `CREATE TABLE users (
  id             INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
  email          TEXT UNIQUE,
  email_verified INTEGER NOT NULL DEFAULT 0,
  password_hash  TEXT,
  disabled       INTEGER NOT NULL DEFAULT 0
);`

// Added is what comes beside it. The unique columns decide every race. SQLite compares text byte for byte; elsewhere the columns need a binary collation.
const Added = `
CREATE TABLE sso_users (user_id INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE, version INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE sso_keys (
  hash          TEXT PRIMARY KEY, -- Key.Hash
  user_id       INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  connection_id TEXT,             -- NULL for the key of an import: those are not limited
  UNIQUE (user_id, connection_id)
);
CREATE TABLE sso_pending (
  user_id       INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  connection_id TEXT NOT NULL,
  object_id     TEXT,
  address       TEXT, -- folded
  UNIQUE (connection_id, object_id), -- NULLs are never equal
  UNIQUE (connection_id, address)
);
CREATE INDEX sso_pending_user ON sso_pending (user_id);
CREATE INDEX sso_pending_address ON sso_pending (address);`

// Open opens the host's database file. A transaction takes the write lock at once and waits for it; in an engine with row locks, load says FOR UPDATE.
func Open(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(30000)&_pragma=journal_mode(wal)&_pragma=foreign_keys(1)")
}
