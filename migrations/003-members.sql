-- min_reader: 1
--
-- Nodes of the mesh, so that one that starts again finds the others with nothing else to go by. Losing it costs discovery, never a record.

CREATE TABLE member (
  id           TEXT    PRIMARY KEY, -- public key, hex
  body         BLOB    NOT NULL,    -- its last hello as it was signed, verbatim
  signature    BLOB    NOT NULL,    -- Ed25519
  last_seen_ms INTEGER NOT NULL,    -- when it was heard last, trusted time
  unheard_ms   INTEGER NOT NULL     -- uptime of this node since then
) STRICT;

-- Which node a name stands for in mesh.operators: the first that was known by it.
CREATE TABLE member_name (
  name TEXT PRIMARY KEY, -- of a node
  id   TEXT NOT NULL     -- public key, hex
) STRICT, WITHOUT ROWID;
