-- min_reader: 1
--
-- What other nodes dropped because this one promised to keep it. Losing it may cost the last copy of an image.

CREATE TABLE lease (
  digest   TEXT    PRIMARY KEY, -- of a manifest or blob
  until_ms INTEGER NOT NULL     -- on the usage clock (src/keep/usage-clock.ts)
) STRICT, WITHOUT ROWID;
