-- Pictures that callers have sent to get a link. The file is in the folder of
-- the server for as long as the row is there.
CREATE TABLE uploads (
    -- Clients keep it in 32 bits.
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 2147483647),
    key_id      INTEGER NOT NULL REFERENCES keys (id),
    file_prefix TEXT    NOT NULL UNIQUE,
    -- The length of the file.
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_key ON uploads (key_id, expires_at, bytes);
CREATE INDEX uploads_expired ON uploads (expires_at, id);
