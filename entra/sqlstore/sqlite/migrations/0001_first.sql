-- Times are microseconds since 1970 in UTC. Hashes are SHA-256 in hex. environment keeps environments apart.

-- One row for each user. The lists are JSON; those that others may look a user up by are in {identities} too.
CREATE TABLE {users} (
  environment   TEXT NOT NULL,
  id            TEXT NOT NULL,
  version       TEXT NOT NULL,
  suspended     INTEGER NOT NULL,
  emergency     INTEGER NOT NULL,
  email_hash    TEXT,              -- of the folded address
  email_claim   TEXT,              -- the same, where addresses are unique
  profile       TEXT NOT NULL,
  keys_held     TEXT NOT NULL,
  pending       TEXT NOT NULL,
  group_list    TEXT NOT NULL,
  groups_at     INTEGER,           -- NULL: groups were never known
  role_list     TEXT NOT NULL,
  organizations TEXT NOT NULL,
  created       INTEGER NOT NULL,
  changed       INTEGER NOT NULL,
  PRIMARY KEY (environment, id)
) STRICT;
CREATE INDEX {prefix}users_email ON {users} (environment, email_hash, id);
CREATE UNIQUE INDEX {prefix}users_claim ON {users} (environment, email_claim);

-- What finds one user. Two users cannot have the same row: this decides every race.
CREATE TABLE {identities} (
  environment  TEXT NOT NULL,
  hash         TEXT NOT NULL,      -- of the key, the pending object id, or the pending address
  kind         TEXT NOT NULL CHECK (kind IN ('key', 'object', 'address')),
  user_id      TEXT NOT NULL,
  connection   TEXT NOT NULL,      -- hash of the connection's id, of an empty one for the key of an imported record
  key_of       TEXT,               -- the same for a key of a connection, of which a user has one
  address_hash TEXT,               -- of the folded pending address
  PRIMARY KEY (environment, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX {prefix}identities_key ON {identities} (environment, user_id, key_of);
-- With the user's id in both indexes of addresses the planner, which has no statistics, prefers them to the primary keys, by which it would read every
-- row of the environment.
CREATE INDEX {prefix}identities_address ON {identities} (environment, address_hash, user_id);
CREATE INDEX {prefix}identities_connection ON {identities} (environment, connection, user_id);

-- One row for each connection; secrets inside are sealed.
CREATE TABLE {connections} (
  environment TEXT NOT NULL,
  id          TEXT NOT NULL,
  version     TEXT NOT NULL,
  name_hash   TEXT NOT NULL,       -- of owner and name
  encoded     TEXT NOT NULL,
  changed     INTEGER NOT NULL,
  PRIMARY KEY (environment, id)
) STRICT;
CREATE UNIQUE INDEX {prefix}connections_name ON {connections} (environment, name_hash);

-- Proven home realm domains, canonical.
CREATE TABLE {domains} (
  environment   TEXT NOT NULL,
  domain        TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  PRIMARY KEY (environment, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX {prefix}domains_connection ON {domains} (environment, connection_id);

-- What connections are listed by: name, application, organization.
CREATE TABLE {listings} (
  environment   TEXT NOT NULL,
  hash          TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  PRIMARY KEY (environment, hash, connection_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX {prefix}listings_connection ON {listings} (environment, connection_id);

-- Counts the changes of connections, so that whoever holds some in memory sees that one has changed.
CREATE TABLE {feed} (
  environment TEXT NOT NULL PRIMARY KEY,
  number      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sign-ins that have begun; sealed.
CREATE TABLE {flows} (
  environment TEXT NOT NULL,
  hash        TEXT NOT NULL,
  sealed      BLOB NOT NULL,
  expires     INTEGER NOT NULL,
  PRIMARY KEY (environment, hash)
) STRICT;
CREATE INDEX {prefix}flows_expires ON {flows} (environment, expires);

-- What was used and may not be used again.
CREATE TABLE {replay} (
  environment TEXT NOT NULL,
  id          TEXT NOT NULL,
  expires     INTEGER NOT NULL,
  PRIMARY KEY (environment, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX {prefix}replay_expires ON {replay} (environment, expires);
