-- What links to the pictures begin with while they are in a bucket; null while
-- they are in the folder of the server.
ALTER TABLE generations ADD COLUMN link_base TEXT;

-- Whether the pictures have to be uploaded later, because the bucket did not
-- take them when they were made.
ALTER TABLE generations ADD COLUMN upload INTEGER NOT NULL DEFAULT 0 CHECK (upload IN (0, 1));

-- The table of deliveries with one kind more.
DROP TRIGGER generations_end;

CREATE TABLE deliveries_of_both_kinds (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The same for every attempt, and for no other delivery of any server.
    name          TEXT    NOT NULL UNIQUE,
    generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL CHECK (kind IN ('webhook', 'upload')),
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'delivered', 'dead')),
    attempt       INTEGER NOT NULL DEFAULT 0,
    run_at        INTEGER NOT NULL,
    lease_until   INTEGER,
    last_error    TEXT,
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER
) STRICT;

INSERT INTO deliveries_of_both_kinds
    (id, name, generation_id, kind, state, attempt, run_at, lease_until, last_error, created_at, finished_at)
SELECT id, name, generation_id, kind, state, attempt, run_at, lease_until, last_error, created_at, finished_at
FROM deliveries;

DROP TABLE deliveries;
ALTER TABLE deliveries_of_both_kinds RENAME TO deliveries;

CREATE INDEX deliveries_queued ON deliveries (kind, run_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_running ON deliveries (lease_until) WHERE state = 'running';
CREATE INDEX deliveries_generation ON deliveries (generation_id);

-- However a job ends, its photograph goes, and its webhook and the upload of
-- its pictures come, in the same transaction; no statement can forget any. The
-- bucket has just failed, so it is left alone for five seconds.
CREATE TRIGGER generations_end AFTER UPDATE OF state ON generations
WHEN NEW.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
    DELETE FROM inputs WHERE generation_id = NEW.id;
    INSERT INTO deliveries (name, generation_id, kind, state, run_at, created_at)
    SELECT lower(hex(randomblob(16))), NEW.id, 'webhook', 'queued', NEW.finished_at, NEW.finished_at
    WHERE NEW.webhook;
    INSERT INTO deliveries (name, generation_id, kind, state, run_at, created_at)
    SELECT lower(hex(randomblob(16))), NEW.id, 'upload', 'queued', NEW.finished_at + 5000, NEW.finished_at
    WHERE NEW.upload;
END;
