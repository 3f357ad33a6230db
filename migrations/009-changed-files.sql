-- min_reader: 1
--
-- A file may be replaced by another of its size and time, as builds make them that set all times alike.

ALTER TABLE dropped_file ADD COLUMN ctime_ms INTEGER NOT NULL DEFAULT 0; -- when it or its name last changed; 0: not known yet
