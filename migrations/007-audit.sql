-- min_reader: 1
--
-- What was done through the admin API of this node; never replicated. The newest ten thousand are kept.

CREATE TABLE audit (
  id        INTEGER PRIMARY KEY, -- in the order in which it was done
  at_ms     INTEGER NOT NULL, -- trusted time, ms since the epoch
  caller    TEXT    NOT NULL, -- name of the token, or `socket`
  operation TEXT    NOT NULL, -- as the API's document names it
  subject   TEXT    NOT NULL, -- what it was done to: a reference, a digest, a name
  status    INTEGER NOT NULL, -- what the caller was answered, an HTTP status
  before    TEXT,             -- JSON of what stood there, NULL: nothing did
  after     TEXT              -- JSON of what stands there now, NULL: nothing does, or nothing was done
) STRICT;

CREATE INDEX audit_subject ON audit (subject, id);
