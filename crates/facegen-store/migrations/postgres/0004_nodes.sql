-- Tables alone are added: a column more would break the statements that running processes of the
-- version before have prepared.

-- The processes of `facegen serve` on this database.
CREATE TABLE nodes (
    -- The name under which the process claims jobs.
    id         TEXT    PRIMARY KEY COLLATE "C",
    role       TEXT    NOT NULL COLLATE "C" CHECK (role IN ('all', 'api', 'worker')),
    name       TEXT    NOT NULL COLLATE "C",
    preset     TEXT    NOT NULL,
    -- JSON list of its engines.
    engines    TEXT    NOT NULL,
    models     BIGINT  NOT NULL,
    version    TEXT    NOT NULL,
    draining   BIGINT  NOT NULL,
    started_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
) WITH (fillfactor = 50);

-- Of jobs that only workers of one preset may claim: which.
CREATE TABLE job_presets (
    generation_id BIGINT PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    preset        TEXT   NOT NULL
);

-- What all nodes have to agree on, and how often each order was given to them.
CREATE TABLE installation (
    id                     BIGINT PRIMARY KEY CHECK (id = 1),
    -- Derived from the master key, which cannot be computed from it.
    master_key_fingerprint BYTEA,
    restarts               BIGINT NOT NULL DEFAULT 0,
    updates                BIGINT NOT NULL DEFAULT 0,
    cleared_caches         BIGINT NOT NULL DEFAULT 0,
    -- The latest migration that a program has to know to work on this database. A migration that
    -- takes something away that former programs use raises it.
    required_migration     BIGINT NOT NULL DEFAULT 4
);

INSERT INTO installation (id) VALUES (1);
