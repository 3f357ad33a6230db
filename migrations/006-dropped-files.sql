-- min_reader: 1
--
-- Files of the drop folder that need not be looked at again. Losing it imports them once more, the oldest first.

CREATE TABLE dropped_file (
  path     TEXT    PRIMARY KEY, -- within the folder
  size     INTEGER NOT NULL,    -- bytes
  mtime_ms INTEGER NOT NULL,    -- as the file system has it
  hash     TEXT,                -- sha256 of its bytes, hex; NULL: not read to the end
  outcome  TEXT    NOT NULL     -- imported or refused
) STRICT, WITHOUT ROWID;
