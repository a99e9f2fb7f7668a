-- Whether the engine has the running job, or its photograph is decoded for it.
ALTER TABLE generations ADD COLUMN in_engine INTEGER NOT NULL DEFAULT 0 CHECK (in_engine IN (0, 1));

-- How many attempts ended because their process was killed while it was there,
-- by whom is not known. Those that took the process down themselves are counted
-- as breakdowns.
ALTER TABLE generations ADD COLUMN kills INTEGER NOT NULL DEFAULT 0;
