-- min_reader: 1
--
-- Whoever holds the cluster key can make up any number of nodes: those that this one met have their place before them.

ALTER TABLE member ADD COLUMN was_met INTEGER NOT NULL DEFAULT 0; -- 1: it answered or was connected, under its own key
