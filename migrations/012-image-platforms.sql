-- min_reader: 1
--
-- What an image runs on that no index tells of: its config does. Losing it, the configs are read again.

CREATE TABLE image_config (
  digest   TEXT PRIMARY KEY, -- of the config
  platform TEXT              -- JSON of the platform that it names, NULL: it names none
) STRICT, WITHOUT ROWID;
