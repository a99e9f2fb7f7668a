-- The buckets that keys have described for their pictures. What names the
-- signer, and what signs, is sealed by the master key for this key alone.
CREATE TABLE key_buckets (
    key_id            INTEGER PRIMARY KEY REFERENCES keys (id),
    endpoint_url      TEXT    NOT NULL,
    region            TEXT    NOT NULL,
    image_directory   TEXT    NOT NULL,
    public_url        TEXT    NOT NULL,
    access_key_id     BLOB    NOT NULL,
    secret_access_key BLOB    NOT NULL,
    set_at            INTEGER NOT NULL
) STRICT;
