-- The name of the engine that made the pictures, e.g. cuda:0.
ALTER TABLE generations ADD COLUMN engine TEXT;
