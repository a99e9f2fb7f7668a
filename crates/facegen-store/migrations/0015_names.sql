-- The names that the API and the code have for these.
ALTER TABLE generations RENAME COLUMN erased_at TO images_deleted_at;
ALTER TABLE generations RENAME COLUMN removed_at TO erased_at;
ALTER TABLE generations RENAME COLUMN breakdowns TO crashes;
ALTER TABLE generations RENAME COLUMN pictures TO images;
ALTER TABLE keys RENAME COLUMN turn TO last_served;
