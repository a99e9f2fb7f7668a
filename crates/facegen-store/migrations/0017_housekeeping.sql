-- What is old is found, and so is the oldest image, without a look at all jobs.
CREATE INDEX generations_old_images ON generations (images_deleted_at) WHERE images_deleted_at IS NOT NULL;
CREATE INDEX generations_old_rest ON generations (finished_at) WHERE expires_at IS NULL AND finished_at IS NOT NULL;
CREATE INDEX generations_kept ON generations (finished_at)
WHERE state = 'succeeded' AND images_deleted_at IS NULL AND expires_at IS NOT NULL;
