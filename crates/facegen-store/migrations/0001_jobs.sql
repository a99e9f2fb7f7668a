-- All moments are milliseconds since 1970 (UTC), from the program's clock.

CREATE TABLE keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('admin', 'plain')),
    -- SHA-256 of the key; the key itself is kept nowhere.
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- There is one key of the environment; its row outlives a change of the key.
CREATE UNIQUE INDEX keys_environment ON keys (name) WHERE name = 'environment';

CREATE TABLE generations (
    -- Clients keep it in 32 bits.
    id              INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 2147483647),
    key_id          INTEGER NOT NULL REFERENCES keys (id),
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    -- JSON of the parsed request.
    request         TEXT    NOT NULL,
    -- Null when the photograph came with the request.
    face_url        TEXT,
    file_prefix     TEXT    NOT NULL UNIQUE,
    base_url        TEXT    NOT NULL,
    -- Whether its end is told to a receiver.
    webhook         INTEGER NOT NULL CHECK (webhook IN (0, 1)),
    -- The higher one first.
    priority        INTEGER NOT NULL,
    -- Steps × samples × pixels.
    cost            INTEGER NOT NULL,
    -- How often work has begun. It only grows: it is the fence of every write.
    attempt         INTEGER NOT NULL DEFAULT 0,
    -- How many of those attempts ended because their process died.
    breakdowns      INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER,
    claimed_at      INTEGER,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    generation_ms   INTEGER,
    failure_code    TEXT,
    failure_message TEXT,
    -- JSON list of sentences.
    warnings        TEXT    NOT NULL DEFAULT '[]',
    expires_at      INTEGER,
    -- When its pictures were deleted.
    erased_at       INTEGER
) STRICT;

CREATE INDEX generations_queued ON generations (priority DESC, id) WHERE state = 'queued';
CREATE INDEX generations_running ON generations (lease_until) WHERE state = 'running';
CREATE INDEX generations_pictures ON generations (expires_at) WHERE state = 'succeeded' AND erased_at IS NULL;
CREATE INDEX generations_finished ON generations (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX generations_key ON generations (key_id);

-- Photographs that came with their requests.
CREATE TABLE inputs (
    generation_id INTEGER PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    image         BLOB    NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The same for every attempt, and for no other delivery of any server.
    name          TEXT    NOT NULL UNIQUE,
    generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL CHECK (kind IN ('webhook')),
    state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'delivered', 'dead')),
    attempt       INTEGER NOT NULL DEFAULT 0,
    run_at        INTEGER NOT NULL,
    lease_until   INTEGER,
    last_error    TEXT,
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER
) STRICT;

CREATE INDEX deliveries_queued ON deliveries (run_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_running ON deliveries (lease_until) WHERE state = 'running';
CREATE INDEX deliveries_generation ON deliveries (generation_id);

-- However a job ends, its photograph goes and its webhook comes in the same
-- transaction; no statement can forget either.
CREATE TRIGGER generations_end AFTER UPDATE OF state ON generations
WHEN NEW.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
    DELETE FROM inputs WHERE generation_id = NEW.id;
    INSERT INTO deliveries (name, generation_id, kind, state, run_at, created_at)
    SELECT lower(hex(randomblob(16))), NEW.id, 'webhook', 'queued', NEW.finished_at, NEW.finished_at
    WHERE NEW.webhook;
END;

-- What has ended never changes its state again.
CREATE TRIGGER generations_forward BEFORE UPDATE OF state ON generations
WHEN OLD.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
    SELECT RAISE(ABORT, 'the job has already ended');
END;
