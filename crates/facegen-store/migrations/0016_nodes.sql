-- The processes of `facegen serve` on this database.
CREATE TABLE nodes (
    -- The name under which the process claims jobs.
    id         TEXT    PRIMARY KEY,
    role       TEXT    NOT NULL CHECK (role IN ('all', 'api', 'worker')),
    name       TEXT    NOT NULL,
    preset     TEXT    NOT NULL,
    -- JSON list of its engines.
    engines    TEXT    NOT NULL,
    models     INTEGER NOT NULL,
    version    TEXT    NOT NULL,
    draining   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT;

-- Of jobs that only workers of one preset may claim: which.
CREATE TABLE job_presets (
    generation_id INTEGER PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    preset        TEXT    NOT NULL
) STRICT;

-- What all nodes have to agree on, and how often each order was given to them.
CREATE TABLE installation (
    id                     INTEGER PRIMARY KEY CHECK (id = 1),
    -- Derived from the master key, which cannot be computed from it.
    master_key_fingerprint BLOB,
    restarts               INTEGER NOT NULL DEFAULT 0,
    updates                INTEGER NOT NULL DEFAULT 0,
    cleared_caches         INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO installation (id) VALUES (1);
