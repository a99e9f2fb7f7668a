-- Who is told of the end of a job: host and port of its webhook, without the port that
-- its scheme has anyway. Null without a webhook.
ALTER TABLE generations ADD COLUMN receiver TEXT;

UPDATE generations
SET receiver = (
    SELECT lower(substr(rest, 1, instr(rest || '/', '/') - 1))
    FROM (
        SELECT replace(replace(replace(substr(url, instr(url, '://') + 3), '\', '/'), '?', '/'), '#', '/') AS rest
        FROM (SELECT json_extract(request, '$.webhook') AS url)
    )
)
WHERE webhook AND json_valid(request);

-- Whose a delivery is, and who receives it: a host, or the bucket of a key. So deliveries
-- are listed and claimed without a look at their jobs.
ALTER TABLE deliveries ADD COLUMN key_id INTEGER REFERENCES keys (id);
ALTER TABLE deliveries ADD COLUMN receiver TEXT NOT NULL DEFAULT '';

UPDATE deliveries
SET (key_id, receiver) = (
    SELECT key_id, iif(kind = 'webhook', coalesce(generations.receiver, ''), 'bucket of key ' || key_id)
    FROM generations WHERE generations.id = generation_id
);

CREATE INDEX deliveries_key ON deliveries (key_id, id);

-- What waits of each key and receiver: what was not tried since it was asked for, and the rest.
DROP INDEX deliveries_queued;
CREATE INDEX deliveries_first ON deliveries (kind, key_id, receiver, run_at, id)
WHERE state = 'queued' AND attempt = attempts_before;
CREATE INDEX deliveries_again ON deliveries (kind, key_id, receiver, run_at, id)
WHERE state = 'queued' AND attempt > attempts_before;

-- Keys take turns here as well.
ALTER TABLE keys ADD COLUMN delivery_turn INTEGER NOT NULL DEFAULT 0;

CREATE INDEX keys_delivery_turn ON keys (delivery_turn);

CREATE TRIGGER deliveries_turn AFTER UPDATE OF state ON deliveries
WHEN NEW.state = 'running'
BEGIN
    UPDATE keys SET delivery_turn = (SELECT max(delivery_turn) FROM keys) + 1 WHERE id = NEW.key_id;
END;

-- As before, with whose each delivery is and who receives it.
DROP TRIGGER generations_end;

CREATE TRIGGER generations_end AFTER UPDATE OF state ON generations
WHEN NEW.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
    DELETE FROM inputs WHERE generation_id = NEW.id;
    INSERT INTO deliveries (name, generation_id, kind, state, run_at, created_at, key_id, receiver)
    SELECT lower(hex(randomblob(16))), NEW.id, 'webhook', 'queued', NEW.finished_at, NEW.finished_at,
           NEW.key_id, coalesce(NEW.receiver, '')
    WHERE NEW.webhook;
    INSERT INTO deliveries (name, generation_id, kind, state, run_at, created_at, key_id, receiver)
    SELECT lower(hex(randomblob(16))), NEW.id, 'upload', 'queued', NEW.finished_at + 5000, NEW.finished_at,
           NEW.key_id, 'bucket of key ' || NEW.key_id
    WHERE NEW.upload;
END;

-- The address of an erased job's webhook goes once it was told of the end.
CREATE TRIGGER deliveries_of_erased AFTER UPDATE OF state ON deliveries
WHEN NEW.kind = 'webhook' AND NEW.state IN ('delivered', 'dead')
BEGIN
    UPDATE generations SET request = json_set(request, '$.webhook', NULL)
    WHERE id = NEW.generation_id AND removed_at IS NOT NULL;
END;

-- What tells the request of an erased job from others goes with it.
CREATE TRIGGER generations_erased AFTER UPDATE OF removed_at ON generations
WHEN NEW.removed_at IS NOT NULL
BEGIN
    UPDATE idempotency SET digest = x'' WHERE generation_id = NEW.id;
END;
