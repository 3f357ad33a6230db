-- min_reader: 1
--
-- Tags are looked for by where they came from. Nearly all come from upstream, and those are found by going through the keys.

CREATE INDEX record_source ON record (source, key) WHERE kind = 1 AND source <> 1;
