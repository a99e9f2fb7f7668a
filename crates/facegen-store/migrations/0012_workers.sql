-- Which worker has claimed a running job or delivery. What a former version left
-- running belongs to a worker without a name.
ALTER TABLE generations ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';

-- What every attempt at a webhook sends, from the first attempt on. It is erased
-- with its job.
ALTER TABLE deliveries ADD COLUMN body TEXT;

CREATE TRIGGER deliveries_body_erased AFTER UPDATE OF removed_at ON generations
WHEN NEW.removed_at IS NOT NULL
BEGIN
    UPDATE deliveries SET body = NULL WHERE generation_id = NEW.id;
END;
