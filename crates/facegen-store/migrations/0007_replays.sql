-- How many of the attempts came before the delivery was asked for again. Being
-- asked for does not count the attempts down: they tell a sender that was given
-- up for dead from the one after it.
ALTER TABLE deliveries ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;
