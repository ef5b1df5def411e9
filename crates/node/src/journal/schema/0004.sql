-- Version 4: how far each trigger was read, and what the chain said of firings before they were seen here.

CREATE TABLE trigger_cursor (
    manifest     BLOB NOT NULL CHECK (length(manifest) = 32),
    workflow     TEXT NOT NULL,
    position     INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    block_hash   BLOB NOT NULL CHECK (length(block_hash) = 32),
    PRIMARY KEY (manifest, workflow)
) STRICT, WITHOUT ROWID;

-- A firing that others have delivered before this operator saw it fire. Ends replace what is pending.
CREATE TABLE early_fate (
    task_id       BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    settled       TEXT CHECK (settled IN ('delivered', 'vetoed')),
    tx_hash       BLOB CHECK (length(tx_hash) = 32),
    tx_block      INTEGER,
    handled       INTEGER CHECK (handled IN (0, 1)),
    pending_leaf  BLOB CHECK (length(pending_leaf) = 32),
    pending_until INTEGER,
    recorded_at   INTEGER NOT NULL DEFAULT (unixepoch()),
    CHECK ((settled IS NULL) = (pending_leaf IS NOT NULL AND pending_until IS NOT NULL)),
    CHECK ((settled IS NULL) = (tx_hash IS NULL AND tx_block IS NULL)),
    CHECK ((settled IS 'delivered') = (handled IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX early_fate_age ON early_fate (recorded_at);
