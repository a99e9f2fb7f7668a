-- However a job ends, its photo goes, and its webhook and the upload of its images come, in the
-- same transaction; no statement can forget any. The bucket has just failed, so it is left
-- alone for five seconds.
CREATE FUNCTION generations_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM photos WHERE generation_id = NEW.id;
    IF NEW.webhook THEN
        INSERT INTO deliveries (name, generation_id, key_id, receiver, kind, state, run_at, created_at)
        VALUES (replace(gen_random_uuid()::text, '-', ''), NEW.id, NEW.key_id, coalesce(NEW.receiver, ''),
                'webhook', 'queued', NEW.finished_at, NEW.finished_at);
    END IF;
    IF NEW.upload THEN
        INSERT INTO deliveries (name, generation_id, key_id, receiver, kind, state, run_at, created_at)
        VALUES (replace(gen_random_uuid()::text, '-', ''), NEW.id, NEW.key_id, 'bucket of key ' || NEW.key_id,
                'upload', 'queued', NEW.finished_at + 5000, NEW.finished_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_end AFTER UPDATE OF state ON generations
FOR EACH ROW WHEN (NEW.state IN ('succeeded', 'failed', 'cancelled'))
EXECUTE FUNCTION generations_end();

-- What has ended never changes its state again.
CREATE FUNCTION generations_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the job has already ended' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER generations_forward BEFORE UPDATE OF state ON generations
FOR EACH ROW WHEN (OLD.state IN ('succeeded', 'failed', 'cancelled'))
EXECUTE FUNCTION generations_forward();

-- Keys are served round robin.
CREATE FUNCTION generations_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE keys SET last_served = (SELECT max(last_served) FROM keys) + 1 WHERE id = NEW.key_id;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_turn AFTER UPDATE OF state ON generations
FOR EACH ROW WHEN (NEW.state = 'running')
EXECUTE FUNCTION generations_turn();

-- A job that goes back to the queue gives its key the turn back.
CREATE FUNCTION generations_turn_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE keys SET last_served = 0 WHERE id = NEW.key_id AND last_served <> 0;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_turn_back AFTER UPDATE OF state ON generations
FOR EACH ROW WHEN (OLD.state = 'running' AND NEW.state = 'queued')
EXECUTE FUNCTION generations_turn_back();

CREATE FUNCTION deliveries_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE keys SET delivery_turn = (SELECT max(delivery_turn) FROM keys) + 1 WHERE id = NEW.key_id;
    RETURN NULL;
END $$;

CREATE TRIGGER deliveries_turn AFTER UPDATE OF state ON deliveries
FOR EACH ROW WHEN (NEW.state = 'running')
EXECUTE FUNCTION deliveries_turn();

-- The address of an erased job's webhook goes once it was notified of the end.
CREATE FUNCTION deliveries_of_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE generations SET request = jsonb_set(request::jsonb, '{webhook}', 'null', FALSE)::text
    WHERE id = NEW.generation_id AND erased_at IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER deliveries_of_erased AFTER UPDATE OF state ON deliveries
FOR EACH ROW WHEN (NEW.kind = 'webhook' AND NEW.state IN ('delivered', 'dead'))
EXECUTE FUNCTION deliveries_of_erased();

-- The digest of an erased job's request goes with it, and so does the body of its webhook.
CREATE FUNCTION generations_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency SET digest = '' WHERE generation_id = NEW.id;
    UPDATE deliveries SET body = NULL WHERE generation_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER generations_erased AFTER UPDATE OF erased_at ON generations
FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL)
EXECUTE FUNCTION generations_erased();
