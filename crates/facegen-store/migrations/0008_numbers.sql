-- Jobs and pictures that were sent are numbered together, so that a number asked
-- for by mistake leads to nothing rather than to somebody else's picture.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'generations', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'generations');

UPDATE sqlite_sequence
SET seq = max(seq, coalesce((SELECT max(id) FROM uploads), 0))
WHERE name = 'generations';
