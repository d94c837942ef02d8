-- Times are microseconds since 1970 in UTC. Hashes are SHA-256 in hex. environment keeps environments apart.
-- Identifiers are bytes or hashes: a collation could merge them. Every statement may be run again, since none can be taken back.

-- One row for each user. The lists are JSON; those that others may look a user up by are in {identities} too.
CREATE TABLE IF NOT EXISTS {users} (
  environment   VARBINARY(64) NOT NULL,
  id            VARBINARY(255) NOT NULL,
  version       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  suspended     BOOLEAN NOT NULL,
  emergency     BOOLEAN NOT NULL,
  email_hash    CHAR(64) CHARACTER SET ascii COLLATE ascii_bin,              -- of the folded address
  email_claim   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin,              -- the same, where addresses are unique
  profile       LONGTEXT NOT NULL,
  keys_held     LONGTEXT NOT NULL,
  pending       LONGTEXT NOT NULL,
  group_list    LONGTEXT NOT NULL,
  groups_at     BIGINT,           -- NULL: groups were never known
  role_list     LONGTEXT NOT NULL,
  organizations LONGTEXT NOT NULL,
  created       BIGINT NOT NULL,
  changed       BIGINT NOT NULL,
  PRIMARY KEY (environment, id),
  KEY users_email (environment, email_hash),
  UNIQUE KEY users_claim (environment, email_claim)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- What finds one user. Two users cannot have the same row: this decides every race.
CREATE TABLE IF NOT EXISTS {identities} (
  environment  VARBINARY(64) NOT NULL,
  hash         CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,      -- of the key, the pending object id, or the pending address
  kind         ENUM('key', 'object', 'address') NOT NULL,
  user_id      VARBINARY(255) NOT NULL,
  connection   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,      -- hash of the connection's id, of an empty one for the key of an imported record
  key_of       CHAR(64) CHARACTER SET ascii COLLATE ascii_bin,               -- the same for a key of a connection, of which a user has one
  address_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin,               -- of the folded pending address
  PRIMARY KEY (environment, hash),
  UNIQUE KEY identities_key (environment, user_id, key_of),
  KEY identities_address (environment, address_hash),
  KEY identities_connection (environment, connection, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- One row for each connection; secrets inside are sealed.
CREATE TABLE IF NOT EXISTS {connections} (
  environment VARBINARY(64) NOT NULL,
  id          VARBINARY(255) NOT NULL,
  version     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name_hash   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,       -- of owner and name
  encoded     LONGTEXT NOT NULL,
  changed     BIGINT NOT NULL,
  PRIMARY KEY (environment, id),
  UNIQUE KEY connections_name (environment, name_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- Proven home realm domains, canonical.
CREATE TABLE IF NOT EXISTS {domains} (
  environment   VARBINARY(64) NOT NULL,
  domain        VARBINARY(255) NOT NULL,
  connection_id VARBINARY(255) NOT NULL,
  PRIMARY KEY (environment, domain),
  KEY domains_connection (environment, connection_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- What connections are listed by: name, application, organization.
CREATE TABLE IF NOT EXISTS {listings} (
  environment   VARBINARY(64) NOT NULL,
  hash          CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  connection_id VARBINARY(255) NOT NULL,
  PRIMARY KEY (environment, hash, connection_id),
  KEY listings_connection (environment, connection_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- Counts the changes of connections, so that whoever holds some in memory sees that one has changed.
CREATE TABLE IF NOT EXISTS {feed} (
  environment VARBINARY(64) NOT NULL PRIMARY KEY,
  number      BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- Sign-ins that have begun; sealed.
CREATE TABLE IF NOT EXISTS {flows} (
  environment VARBINARY(64) NOT NULL,
  hash        CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sealed      MEDIUMBLOB NOT NULL,
  expires     BIGINT NOT NULL,
  PRIMARY KEY (environment, hash),
  KEY flows_expires (environment, expires)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- What was used and may not be used again.
CREATE TABLE IF NOT EXISTS {replay} (
  environment VARBINARY(64) NOT NULL,
  id          VARBINARY(64) NOT NULL,
  expires     BIGINT NOT NULL,
  PRIMARY KEY (environment, id),
  KEY replay_expires (environment, expires)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
