-- What is written to find out whether there is room; it is deleted at once.
CREATE TABLE writer_probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    room BLOB    NOT NULL
) STRICT;
