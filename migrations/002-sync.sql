-- min_reader: 1
--
-- Nodes compare what they hold leaf by leaf. An earlier version leaves the column empty; it is filled at the next start of this one.

ALTER TABLE record ADD COLUMN register INTEGER; -- hash of key and kind, 48 bits (src/ledger/register.ts); NULL: not filled yet

CREATE INDEX record_leaf ON record (register);
