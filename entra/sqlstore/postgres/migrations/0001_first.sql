-- Times are microseconds since 1970 in UTC: to_timestamp(expires / 1e6). Hashes are SHA-256 in hex. environment keeps environments apart.
-- Identifiers are compared byte for byte (COLLATE "C"), whatever the order of the database is.

-- One row for each user. The lists are JSON; those that others may look a user up by are in {identities} too.
CREATE TABLE {users} (
  environment   TEXT COLLATE "C" NOT NULL,
  id            TEXT COLLATE "C" NOT NULL,
  version       TEXT COLLATE "C" NOT NULL,
  suspended     BOOLEAN NOT NULL,
  emergency     BOOLEAN NOT NULL,
  email_hash    TEXT COLLATE "C",              -- of the folded address
  email_claim   TEXT COLLATE "C",              -- the same, where addresses are unique
  profile       JSON NOT NULL,
  keys_held     JSON NOT NULL,
  pending       JSON NOT NULL,
  group_list    JSON NOT NULL,
  groups_at     BIGINT,           -- NULL: groups were never known
  role_list     JSON NOT NULL,
  organizations JSON NOT NULL,
  created       BIGINT NOT NULL,
  changed       BIGINT NOT NULL,
  PRIMARY KEY (environment, id)
);
CREATE INDEX {prefix}users_email ON {users} (environment, email_hash);
CREATE UNIQUE INDEX {prefix}users_claim ON {users} (environment, email_claim);

-- What finds one user. Two users cannot have the same row: this decides every race.
CREATE TABLE {identities} (
  environment  TEXT COLLATE "C" NOT NULL,
  hash         TEXT COLLATE "C" NOT NULL,      -- of the key, the pending object id, or the pending address
  kind         TEXT NOT NULL CHECK (kind IN ('key', 'object', 'address')),
  user_id      TEXT COLLATE "C" NOT NULL,
  connection   TEXT COLLATE "C" NOT NULL,      -- hash of the connection's id, of an empty one for the key of an imported record
  key_of       TEXT COLLATE "C",               -- the same for a key of a connection, of which a user has one
  address_hash TEXT COLLATE "C",               -- of the folded pending address
  PRIMARY KEY (environment, hash)
);
CREATE UNIQUE INDEX {prefix}identities_key ON {identities} (environment, user_id, key_of);
CREATE INDEX {prefix}identities_address ON {identities} (environment, address_hash);
CREATE INDEX {prefix}identities_connection ON {identities} (environment, connection, user_id);

-- One row for each connection; secrets inside are sealed.
CREATE TABLE {connections} (
  environment TEXT COLLATE "C" NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  version     TEXT COLLATE "C" NOT NULL,
  name_hash   TEXT COLLATE "C" NOT NULL,       -- of owner and name
  encoded     JSON NOT NULL,
  changed     BIGINT NOT NULL,
  PRIMARY KEY (environment, id)
);
CREATE UNIQUE INDEX {prefix}connections_name ON {connections} (environment, name_hash);

-- Proven home realm domains, canonical.
CREATE TABLE {domains} (
  environment   TEXT COLLATE "C" NOT NULL,
  domain        TEXT COLLATE "C" NOT NULL,
  connection_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (environment, domain)
);
CREATE INDEX {prefix}domains_connection ON {domains} (environment, connection_id);

-- What connections are listed by: name, application, organization.
CREATE TABLE {listings} (
  environment   TEXT COLLATE "C" NOT NULL,
  hash          TEXT COLLATE "C" NOT NULL,
  connection_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (environment, hash, connection_id)
);
CREATE INDEX {prefix}listings_connection ON {listings} (environment, connection_id);

-- Counts the changes of connections, so that whoever holds some in memory sees that one has changed.
CREATE TABLE {feed} (
  environment TEXT COLLATE "C" PRIMARY KEY,
  number      BIGINT NOT NULL
);

-- Sign-ins that have begun; sealed.
CREATE TABLE {flows} (
  environment TEXT COLLATE "C" NOT NULL,
  hash        TEXT COLLATE "C" NOT NULL,
  sealed      BYTEA NOT NULL,
  expires     BIGINT NOT NULL,
  PRIMARY KEY (environment, hash)
);
CREATE INDEX {prefix}flows_expires ON {flows} (environment, expires);

-- What was used and may not be used again.
CREATE TABLE {replay} (
  environment TEXT COLLATE "C" NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  expires     BIGINT NOT NULL,
  PRIMARY KEY (environment, id)
);
CREATE INDEX {prefix}replay_expires ON {replay} (environment, expires);
