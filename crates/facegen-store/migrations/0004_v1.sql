-- What is told of a success beyond the documented API: JSON of the time of each
-- stage, and of the verdicts of the safety checker. Null until then.
ALTER TABLE generations ADD COLUMN stages TEXT;
ALTER TABLE generations ADD COLUMN verdicts TEXT;

-- When its owner had the job erased: what stays is that there was one.
ALTER TABLE generations ADD COLUMN removed_at INTEGER;

-- Requests that must not make a second job.
CREATE TABLE idempotency (
    key_id        INTEGER NOT NULL REFERENCES keys (id),
    -- As the caller calls the request.
    name          TEXT    NOT NULL,
    -- SHA-256 of the parsed request.
    digest        BLOB    NOT NULL,
    generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (key_id, name)
) STRICT;

CREATE INDEX idempotency_age ON idempotency (created_at);
CREATE INDEX idempotency_generation ON idempotency (generation_id);
