-- min_reader: 1
--
-- What the pods of this node run and lately ran; never replicated. Losing it, only what runs now is known.

CREATE TABLE pod_container (
  key       TEXT    PRIMARY KEY, -- names it: namespace, pod, container and image
  namespace TEXT    NOT NULL, -- of the pod
  pod       TEXT    NOT NULL, -- its name
  container TEXT    NOT NULL, -- its name in the pod
  images    TEXT    NOT NULL, -- JSON list of what the pod names, or may have named: registry/repository:tag, …@digest
  digest    TEXT,             -- of the manifest that it was made from, NULL: not known
  first_ms  INTEGER NOT NULL, -- when it was made first, trusted time
  last_ms   INTEGER NOT NULL, -- when it was last seen, trusted time
  unseen_ms INTEGER NOT NULL  -- for how long it was looked for since and not found; 0: it runs
) STRICT, WITHOUT ROWID;
