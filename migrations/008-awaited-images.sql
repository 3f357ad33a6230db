-- min_reader: 1
--
-- Imported images that wait to be put into the containerd of this node. Losing it, they can still be pulled.

CREATE TABLE awaited_image (
  name       TEXT    PRIMARY KEY, -- registry/repository:tag; registry/repository@digest where it has no tag
  digest     TEXT    NOT NULL,
  media_type TEXT    NOT NULL,
  size       INTEGER NOT NULL     -- bytes of its manifest or index
) STRICT, WITHOUT ROWID;
