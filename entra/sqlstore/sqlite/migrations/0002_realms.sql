-- What an answer over WS-Federation names a connection by, when nobody asked for it. Connections that are stored already come in as they are.
CREATE TABLE {realms} (
  environment   TEXT NOT NULL,
  realm         TEXT NOT NULL,     -- its first 255 code points
  connection_id TEXT NOT NULL,
  PRIMARY KEY (environment, realm, connection_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX {prefix}realms_connection ON {realms} (environment, connection_id);

INSERT INTO {realms} (environment, realm, connection_id)
SELECT environment, realm, id FROM (
  SELECT environment, id, SUBSTR(COALESCE(
    NULLIF(encoded ->> '$.connection.options.realm', ''),
    'spn:' || NULLIF(encoded ->> '$.connection.options.client_id', '')), 1, 255) AS realm
  FROM {connections} WHERE encoded ->> '$.connection.strategy' = 'wsfed:azure_ad'
) AS stored WHERE realm IS NOT NULL;
