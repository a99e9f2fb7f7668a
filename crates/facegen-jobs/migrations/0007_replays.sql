-- How many of the attempts came before the delivery was asked for again. The
-- attempts themselves are never counted down: they tell a sender that was
-- given up for dead from the one after it.
ALTER TABLE deliveries ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;
