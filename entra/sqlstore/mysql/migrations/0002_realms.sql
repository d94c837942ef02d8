-- What an answer over WS-Federation names a connection by, when nobody asked for it. Connections that are stored already come in as they are.
-- A member that is null reads as the word.
CREATE TABLE IF NOT EXISTS {realms} (
  environment   VARBINARY(64) NOT NULL,
  realm         VARBINARY(1020) NOT NULL,     -- its first 255 code points
  connection_id VARBINARY(255) NOT NULL,
  PRIMARY KEY (environment, realm, connection_id),
  KEY realms_connection (environment, connection_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT IGNORE INTO {realms} (environment, realm, connection_id)
SELECT environment, realm, id FROM (
  SELECT environment, id, SUBSTR(COALESCE(
    NULLIF(NULLIF(JSON_UNQUOTE(JSON_EXTRACT(encoded, '$.connection.options.realm')), ''), 'null'),
    CONCAT('spn:', NULLIF(NULLIF(JSON_UNQUOTE(JSON_EXTRACT(encoded, '$.connection.options.client_id')), ''), 'null'))), 1, 255) AS realm
  FROM {connections} WHERE JSON_UNQUOTE(JSON_EXTRACT(encoded, '$.connection.strategy')) = 'wsfed:azure_ad'
) AS known WHERE realm IS NOT NULL;
