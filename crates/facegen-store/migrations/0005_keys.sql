-- How much a key may ask for; null: as the config says for all, 0: no limit.
ALTER TABLE keys ADD COLUMN requests_per_minute INTEGER CHECK (requests_per_minute >= 0);
ALTER TABLE keys ADD COLUMN queue_share INTEGER CHECK (queue_share >= 0);

-- What waits of each key.
CREATE INDEX generations_waiting ON generations (key_id, priority DESC, id) WHERE state = 'queued';

-- Keys take turns: the one whose last turn is the longest ago comes first. The
-- number of its last turn; 0 when it has had none yet.
ALTER TABLE keys ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;

CREATE INDEX keys_turn ON keys (turn);

CREATE TRIGGER generations_turn AFTER UPDATE OF state ON generations
WHEN NEW.state = 'running'
BEGIN
    UPDATE keys SET turn = (SELECT max(turn) FROM keys) + 1 WHERE id = NEW.key_id;
END;

-- A job that goes back to the queue gives its key the turn back.
CREATE TRIGGER generations_turn_back AFTER UPDATE OF state ON generations
WHEN OLD.state = 'running' AND NEW.state = 'queued'
BEGIN
    UPDATE keys SET turn = 0 WHERE id = NEW.key_id;
END;
