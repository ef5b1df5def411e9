-- Version 5: how far each trigger was read, and what the chain said of firings before they were seen here. Firings have no numbers that rise (theirs
-- are 0, or negative as SQLite sees them), so the floor judges them by their time alone. And what a reorganisation takes back is open again.

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
    pending_block INTEGER,
    recorded_at   INTEGER NOT NULL DEFAULT (unixepoch()),
    CHECK ((settled IS NULL) = (pending_leaf IS NOT NULL AND pending_until IS NOT NULL AND pending_block IS NOT NULL)),
    CHECK ((settled IS NULL) = (tx_hash IS NULL AND tx_block IS NULL)),
    CHECK ((settled IS 'delivered') = (handled IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX early_fate_age ON early_fate (recorded_at);

-- What callers signed, as it came: it is placed on the chain, and handed on to other operators, until its task is settled.
CREATE TABLE signed_firing (
    task_id     BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    workflow    TEXT NOT NULL,
    caller      BLOB NOT NULL CHECK (length(caller) = 20),
    key         BLOB NOT NULL CHECK (length(key) = 32),
    instant     INTEGER NOT NULL,
    input       BLOB NOT NULL,
    signature   BLOB NOT NULL,
    -- Whether it has its task, at an anchor that no reorganisation has taken back.
    is_placed   INTEGER NOT NULL DEFAULT 0 CHECK (is_placed IN (0, 1)),
    -- Whether nothing can come of it any more, such as when no manifest has its workflow fire.
    is_void     INTEGER NOT NULL DEFAULT 0 CHECK (is_void IN (0, 1)),
    recorded_at INTEGER NOT NULL DEFAULT (unixepoch()),
    UNIQUE (caller, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX signed_firing_to_place ON signed_firing (recorded_at) WHERE NOT is_placed AND NOT is_void;

-- The block that made a result pending: when it is replaced, the result is not pending any more.
ALTER TABLE task ADD COLUMN pending_block INTEGER;

CREATE INDEX task_firing_time ON task (coalesce(block_time, recorded_at)) WHERE number <= 0;
CREATE INDEX task_recorded ON task (recorded_at);

DROP TRIGGER signed_is_above_floor;
DROP TRIGGER signed_is_kept;
DROP TRIGGER vetoed_is_kept;

CREATE TRIGGER signed_is_above_floor BEFORE INSERT ON signed
WHEN NOT NEW.is_imported AND NOT EXISTS (SELECT 1 FROM floor WHERE
    (NEW.number > 0 AND NEW.number > number AND NEW.asked_at >= before) OR (NEW.number <= 0 AND NEW.asked_at > before))
BEGIN SELECT RAISE(ABORT, 'nothing new is signed below the floor'); END;

CREATE TRIGGER signed_is_kept BEFORE DELETE ON signed
WHEN NOT EXISTS (SELECT 1 FROM floor) OR EXISTS (SELECT 1 FROM floor WHERE
    (OLD.number > 0 AND OLD.number > number AND OLD.asked_at >= before) OR (OLD.number <= 0 AND OLD.asked_at > before))
BEGIN SELECT RAISE(ABORT, 'what was signed is forgotten below the floor only'); END;

CREATE TRIGGER vetoed_is_kept BEFORE DELETE ON vetoed
WHEN NOT EXISTS (SELECT 1 FROM floor) OR EXISTS (SELECT 1 FROM floor WHERE
    (OLD.number > 0 AND OLD.number > number AND OLD.asked_at >= before) OR (OLD.number <= 0 AND OLD.asked_at > before))
BEGIN SELECT RAISE(ABORT, 'what was vetoed is forgotten below the floor only'); END;
