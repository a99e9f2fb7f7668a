-- All moments are milliseconds since 1970 (UTC), from the program's clock. Columns have the
-- names that they have in SQLite, because the same code reads the rows. Texts that are compared
-- by their order are compared by their bytes, whatever the database says.

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must have the encoding UTF8';
    END IF;
END $$;

CREATE TABLE keys (
    id                  BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name                TEXT    NOT NULL,
    role                TEXT    NOT NULL CHECK (role IN ('admin', 'plain')),
    -- SHA-256 of the key; the key itself is kept nowhere.
    hash                BYTEA   NOT NULL UNIQUE,
    created_at          BIGINT  NOT NULL,
    revoked_at          BIGINT,
    -- How much a key may ask for; null: as the config says for all, 0: no limit.
    requests_per_minute BIGINT  CHECK (requests_per_minute >= 0),
    queue_share         BIGINT  CHECK (queue_share >= 0),
    -- Keys are served round robin: the one whose last turn is the longest ago comes first. The
    -- number of its last turn; 0 when it has had none yet. No index, so that a turn rewrites the row alone.
    last_served                BIGINT  NOT NULL DEFAULT 0,
    delivery_turn       BIGINT  NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- There is one key of the environment; its row outlives a change of the key.
CREATE UNIQUE INDEX keys_environment ON keys (name) WHERE name = 'environment';

-- Jobs and images that were sent are numbered together, so that a number asked for by mistake
-- leads to nothing rather than to the image of another. Clients keep it in 32 bits.
CREATE SEQUENCE numbers AS integer MINVALUE 1 MAXVALUE 2147483647 NO CYCLE;

CREATE TABLE generations (
    id              BIGINT  PRIMARY KEY DEFAULT nextval('numbers') CHECK (id BETWEEN 1 AND 2147483647),
    key_id          BIGINT  NOT NULL REFERENCES keys (id),
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    -- JSON of the parsed request.
    request         TEXT    NOT NULL,
    -- Null when the photo came with the request.
    face_url        TEXT,
    file_prefix     TEXT    NOT NULL UNIQUE,
    base_url        TEXT    NOT NULL,
    -- Whether a receiver is notified of its end, and which: host and port.
    webhook         BOOLEAN NOT NULL,
    receiver        TEXT,
    -- The higher one first.
    priority        BIGINT  NOT NULL,
    -- Steps × samples × pixels.
    cost            BIGINT  NOT NULL,
    -- How often work has begun. It only grows: it is the fence of every write.
    attempt         BIGINT  NOT NULL DEFAULT 0,
    -- How many attempts took their process down, and how many ended because their process was
    -- killed while the engine had the job.
    crashes      BIGINT  NOT NULL DEFAULT 0,
    kills           BIGINT  NOT NULL DEFAULT 0,
    -- Whether the engine has the running job, or its photo is decoded for it.
    in_engine       BOOLEAN NOT NULL DEFAULT FALSE,
    -- Which worker has claimed it, and until when.
    claimed_by      TEXT    NOT NULL COLLATE "C" DEFAULT '',
    claimed_at      BIGINT,
    lease_until     BIGINT,
    created_at      BIGINT  NOT NULL,
    finished_at     BIGINT,
    generation_ms   BIGINT,
    failure_code    TEXT,
    failure_message TEXT,
    -- JSON list of sentences.
    warnings        TEXT    NOT NULL DEFAULT '[]',
    expires_at      BIGINT,
    -- When its images were deleted.
    images_deleted_at BIGINT,
    -- What links to the images begin with while they are in a bucket; null while they are in a
    -- directory.
    link_base       TEXT,
    -- Whether the images have to be uploaded later, because the bucket did not take them.
    upload          BOOLEAN NOT NULL DEFAULT FALSE,
    -- JSON of the time of each stage.
    stages          TEXT,
    -- What is known of each image, as JSON with a version.
    images          TEXT,
    -- The name of the engine that made the images.
    engine          TEXT,
    -- When its owner had the job erased: what stays is that there was one.
    erased_at       BIGINT
) WITH (fillfactor = 80);

-- No index has the lease, so that a heartbeat rewrites the row alone.
CREATE INDEX generations_waiting ON generations (key_id, priority DESC, id) WHERE state = 'queued';
CREATE INDEX generations_running ON generations (id) WHERE state = 'running';
CREATE INDEX generations_images ON generations (expires_at) WHERE state = 'succeeded' AND images_deleted_at IS NULL;
CREATE INDEX generations_finished ON generations (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX generations_key ON generations (key_id, id);

-- Photos that came with their requests, apart from the rows that change often. They are
-- compressed already.
CREATE TABLE photos (
    generation_id BIGINT PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    image         BYTEA  NOT NULL
);

ALTER TABLE photos ALTER COLUMN image SET STORAGE EXTERNAL;

CREATE TABLE deliveries (
    id              BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    -- The same for every attempt, and for no other delivery of any server.
    name            TEXT   NOT NULL UNIQUE,
    generation_id   BIGINT NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    key_id          BIGINT NOT NULL REFERENCES keys (id),
    -- A host, or the bucket of a key.
    receiver        TEXT   NOT NULL COLLATE "C",
    kind            TEXT   NOT NULL CHECK (kind IN ('webhook', 'upload')),
    state           TEXT   NOT NULL CHECK (state IN ('queued', 'running', 'delivered', 'dead')),
    attempt         BIGINT NOT NULL DEFAULT 0,
    -- How many of the attempts came before the delivery was asked for again.
    attempts_before BIGINT NOT NULL DEFAULT 0,
    claimed_by      TEXT   NOT NULL COLLATE "C" DEFAULT '',
    run_at          BIGINT NOT NULL,
    lease_until     BIGINT,
    last_error      TEXT,
    -- What every attempt at a webhook sends, from the first attempt on.
    body            TEXT,
    created_at      BIGINT NOT NULL,
    finished_at     BIGINT
);

CREATE INDEX deliveries_running ON deliveries (lease_until) WHERE state = 'running';
CREATE INDEX deliveries_generation ON deliveries (generation_id);
CREATE INDEX deliveries_key ON deliveries (key_id, id);
-- What waits of each key and receiver: what was not tried since it was asked for, and the rest.
CREATE INDEX deliveries_first ON deliveries (kind, key_id, receiver, run_at, id)
WHERE state = 'queued' AND attempt = attempts_before;
CREATE INDEX deliveries_again ON deliveries (kind, key_id, receiver, run_at, id)
WHERE state = 'queued' AND attempt > attempts_before;

-- The buckets that keys have described for their images. What names the signer, and what signs,
-- is sealed by the master key for this key alone.
CREATE TABLE key_buckets (
    key_id            BIGINT PRIMARY KEY REFERENCES keys (id),
    endpoint_url      TEXT   NOT NULL,
    region            TEXT   NOT NULL,
    image_directory   TEXT   NOT NULL,
    public_url        TEXT   NOT NULL,
    access_key_id     BYTEA  NOT NULL,
    secret_access_key BYTEA  NOT NULL,
    set_at            BIGINT NOT NULL
);

-- Requests that must not make a second job.
CREATE TABLE idempotency (
    key_id        BIGINT NOT NULL REFERENCES keys (id),
    -- As the caller calls the request.
    name          TEXT   NOT NULL,
    -- SHA-256 of the parsed request.
    digest        BYTEA  NOT NULL,
    generation_id BIGINT NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (key_id, name)
);

CREATE INDEX idempotency_age ON idempotency (created_at);
CREATE INDEX idempotency_generation ON idempotency (generation_id);

-- Images that callers have sent to get a link.
CREATE TABLE uploads (
    id          BIGINT PRIMARY KEY DEFAULT nextval('numbers') CHECK (id BETWEEN 1 AND 2147483647),
    key_id      BIGINT NOT NULL REFERENCES keys (id),
    file_prefix TEXT   NOT NULL UNIQUE,
    -- The length of the file.
    bytes       BIGINT NOT NULL CHECK (bytes >= 0),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX uploads_key ON uploads (key_id, expires_at, bytes);
CREATE INDEX uploads_expired ON uploads (expires_at, id);

-- When each key asked within the last minute: microseconds since 1970 by the clock of the
-- database. It is not logged, since a minute later nothing of it counts.
CREATE UNLOGGED TABLE request_rates (
    key_id  BIGINT   PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    moments BIGINT[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- What is written to find out whether there is room; it is never committed.
CREATE TABLE writer_probe (
    room BYTEA NOT NULL
);

ALTER TABLE writer_probe ALTER COLUMN room SET STORAGE EXTERNAL;
