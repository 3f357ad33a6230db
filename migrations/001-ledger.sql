-- min_reader: 1
--
-- Times are ms since the epoch, trusted time, unless a column says otherwise. Digests are `algorithm:hex` and origins hex, so that
-- the byte order of the text is the order of the rules in src/ledger.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY, -- what it is: `min_reader`, `horizon-ms`
  value TEXT NOT NULL     -- decimal where it is a number
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('min_reader', '1');

-- The replicated registers. Only `body` and `signature` are ever sent; every other column is derived from `body`.
CREATE TABLE record (
  id         INTEGER PRIMARY KEY, -- says nothing
  key        TEXT    NOT NULL, -- registry/repository:tag; a block's is the digest, a ban's the origin, a setting's its name
  kind       INTEGER NOT NULL, -- 1 observation, 2 pin, 3 ban, 4 use, 5 keep, 6 warm, 7 setting, 8 block
  origin     TEXT    NOT NULL, -- public key of the node that signed it
  wall_ms    INTEGER NOT NULL, -- the stamp: wall part
  counter    INTEGER NOT NULL, -- the stamp: counter for equal walls
  digest     TEXT    NOT NULL, -- '' where the record has no target (tombstones, uses, bans)
  media_type TEXT,             -- of the target
  size       INTEGER,          -- of the target, bytes
  source     INTEGER,          -- of an observation: 1 upstream, 2 push, 3 import, 4 containerd
  removed    INTEGER NOT NULL, -- 1: a tombstone
  details    TEXT,             -- JSON of the details this version knows, NULL when there are none
  body       BLOB    NOT NULL, -- the signed bytes, verbatim
  signature  BLOB    NOT NULL  -- Ed25519
) STRICT;

-- One row per origin and register; serves point reads and lists in key order.
CREATE UNIQUE INDEX record_register ON record (key, kind, origin);
-- Few and asked for as a whole: blocks and bans, pins. A query must repeat the condition to be served by it.
CREATE INDEX record_kind ON record (kind, key) WHERE kind NOT IN (1, 4);

-- What this node remembers of each digest of a key; never replicated.
CREATE TABLE sighting (
  key           TEXT    NOT NULL, -- registry/repository:tag
  digest        TEXT    NOT NULL,
  origin        TEXT    NOT NULL, -- who saw it
  media_type    TEXT    NOT NULL, -- of the manifest
  size          INTEGER NOT NULL, -- of the manifest, bytes
  source        INTEGER NOT NULL, -- as in record
  wall_ms       INTEGER NOT NULL, -- stamp of that origin's newest record of this digest
  counter       INTEGER NOT NULL, -- of the same stamp
  first_seen_ms INTEGER NOT NULL, -- when this node took it the first time
  last_seen_ms  INTEGER NOT NULL, -- when this node took or confirmed it last
  confirmed_ms  INTEGER,          -- when the tag's owner last confirmed it to this node
  PRIMARY KEY (key, digest, origin)
) STRICT, WITHOUT ROWID;

-- Every pin and removal that was taken, the conflicts among them marked; never replicated.
CREATE TABLE pin_history (
  key         TEXT    NOT NULL, -- registry/repository:tag
  wall_ms     INTEGER NOT NULL, -- its stamp
  counter     INTEGER NOT NULL, -- its stamp
  origin      TEXT    NOT NULL, -- the node it was set on
  digest      TEXT    NOT NULL, -- '' for a removal
  note        TEXT,             -- the operator's words
  author      TEXT,             -- who the operator said he is
  expires_ms  INTEGER,          -- NULL: never
  is_conflict INTEGER NOT NULL, -- 1: made without knowing of the pin it met
  PRIMARY KEY (key, wall_ms, counter, origin, digest)
) STRICT, WITHOUT ROWID;

-- Records too far ahead of trusted time wait here, outside of every register.
CREATE TABLE quarantine (
  key       TEXT    NOT NULL, -- as in record, and so are the next two
  kind      INTEGER NOT NULL,
  origin    TEXT    NOT NULL,
  wall_ms   INTEGER NOT NULL, -- of its stamp: when it may be taken
  body      BLOB    NOT NULL, -- the signed bytes, verbatim
  signature BLOB    NOT NULL, -- Ed25519
  PRIMARY KEY (key, kind, origin)
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_due ON quarantine (wall_ms);

-- Digests that this node's clients were given and hold.
CREATE TABLE held_by_clients (
  key        TEXT    PRIMARY KEY, -- registry/repository:tag
  digest     TEXT    NOT NULL,    -- of the manifest
  media_type TEXT    NOT NULL,    -- of the manifest
  size       INTEGER NOT NULL     -- of the manifest, bytes
) STRICT, WITHOUT ROWID;

-- This node's own settings (mode, what is known of the clock).
CREATE TABLE setting (
  name  TEXT PRIMARY KEY, -- dotted words, units last: `mode`, `clock.offset-ms`
  value TEXT NOT NULL     -- decimal where it is a number
) STRICT, WITHOUT ROWID;

-- Content catalog: what the bytes in the store do not tell. Losing it costs a little time, never an answer.
CREATE TABLE manifest (
  digest     TEXT PRIMARY KEY, -- of the manifest
  media_type TEXT NOT NULL,    -- as upstream served it
  content    TEXT              -- JSON of what the manifest says, NULL where it was not kept
) STRICT, WITHOUT ROWID;

CREATE TABLE content_sighting (
  digest     TEXT NOT NULL, -- of a manifest or blob
  registry   TEXT NOT NULL, -- where it was seen
  repository TEXT NOT NULL, -- in that registry
  PRIMARY KEY (digest, registry, repository)
) STRICT, WITHOUT ROWID;

CREATE TABLE content_use (
  digest TEXT    PRIMARY KEY, -- of a manifest or blob
  at_ms  INTEGER NOT NULL     -- last use
) STRICT, WITHOUT ROWID;

-- The last resolutions; equal ones in a row are one line.
CREATE TABLE resolution (
  id        INTEGER PRIMARY KEY, -- given in the order of the first time
  reference TEXT    NOT NULL, -- what was asked: registry/repository:tag
  first_ms  INTEGER NOT NULL, -- when this answer was given first
  last_ms   INTEGER NOT NULL, -- and last
  count     INTEGER NOT NULL, -- and how often
  digest    TEXT,             -- the answer, NULL when there was none
  source    TEXT    NOT NULL, -- the rung that answered, or `none`
  reason    TEXT    NOT NULL, -- the newest one's words
  said_by   TEXT              -- public key (hex) or endpoint URL, NULL when nobody did
) STRICT;

CREATE INDEX resolution_reference ON resolution (reference, last_ms);
CREATE INDEX resolution_last ON resolution (last_ms);
