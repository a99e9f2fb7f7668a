-- What is old is found, and so is the oldest image, without a look at all jobs. No job is written
-- while the indexes are made: as long as reading the table three times takes. The version before does not
-- see them.
CREATE INDEX generations_old_images ON generations (images_deleted_at) WHERE images_deleted_at IS NOT NULL;
CREATE INDEX generations_old_rest ON generations (finished_at) WHERE expires_at IS NULL AND finished_at IS NOT NULL;
CREATE INDEX generations_kept ON generations (finished_at)
WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at IS NOT NULL;

-- A photo is sent before its job gets in, so that no other job waits for it. The version before sends
-- it afterwards, as it may.
ALTER TABLE photos ALTER CONSTRAINT photos_generation_id_fkey DEFERRABLE INITIALLY DEFERRED;
