-- Version 3: the service's store, and how much it holds.

CREATE TABLE store (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE store_usage (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    keys     INTEGER NOT NULL CHECK (keys >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

INSERT INTO store_usage VALUES (1, 0, 0);

CREATE TRIGGER store_insert AFTER INSERT ON store
BEGIN UPDATE store_usage SET keys = keys + 1, bytes = bytes + octet_length(NEW.key) + length(NEW.value); END;

CREATE TRIGGER store_update AFTER UPDATE ON store
BEGIN UPDATE store_usage SET bytes = bytes + length(NEW.value) - length(OLD.value); END;

CREATE TRIGGER store_delete AFTER DELETE ON store
BEGIN UPDATE store_usage SET keys = keys - 1, bytes = bytes - octet_length(OLD.key) - length(OLD.value); END;
