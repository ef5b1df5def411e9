-- Version 1. Identifiers and hashes are blobs: hex(task_id) shows them, and the view `overview` does so for whole tasks.
-- 64-bit words of the chain are stored with their bits, so one of 2^63 or more shows as a negative number.

CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    chain_id INTEGER NOT NULL,
    manager  BLOB NOT NULL CHECK (length(manager) = 20),
    operator BLOB NOT NULL CHECK (length(operator) = 20)
) STRICT;

CREATE TABLE cursor (
    chain_id     INTEGER PRIMARY KEY,
    block_number INTEGER NOT NULL,
    block_hash   BLOB NOT NULL CHECK (length(block_hash) = 32)
) STRICT;

CREATE TABLE task (
    task_id      BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    number       INTEGER NOT NULL,
    workflow     TEXT NOT NULL,
    manifest     BLOB NOT NULL CHECK (length(manifest) = 32),
    handler      BLOB NOT NULL CHECK (length(handler) = 20),
    requester    BLOB NOT NULL CHECK (length(requester) = 20),
    deadline     INTEGER NOT NULL,
    native_bps   INTEGER NOT NULL,
    external_bps INTEGER NOT NULL,
    input_hash   BLOB NOT NULL CHECK (length(input_hash) = 32),
    input        BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    block_hash   BLOB CHECK (length(block_hash) = 32),
    block_time   INTEGER,
    recorded_at  INTEGER NOT NULL DEFAULT (unixepoch()),
    settled      TEXT CHECK (settled IN ('delivered', 'expired', 'skipped')),
    settled_at   INTEGER,
    tx_hash      BLOB CHECK (length(tx_hash) = 32),
    tx_block     INTEGER,
    handled      INTEGER CHECK (handled IN (0, 1)),
    CHECK ((settled IS 'delivered') = (tx_hash IS NOT NULL AND tx_block IS NOT NULL AND handled IS NOT NULL))
) STRICT;

CREATE INDEX open_task ON task (number, task_id) WHERE settled IS NULL;

CREATE TABLE outcome (
    task_id    BLOB PRIMARY KEY NOT NULL REFERENCES task,
    kind       TEXT NOT NULL CHECK (kind IN ('result', 'failed')),
    fuel       INTEGER NOT NULL,
    component  BLOB CHECK (length(component) = 32),
    leaf       BLOB CHECK (length(leaf) = 32),
    payload    BLOB,
    elapsed_ms INTEGER,
    failure    TEXT CHECK (failure IN ('task', 'component', 'source', 'host')),
    message    TEXT,
    CHECK ((kind = 'result') = (component IS NOT NULL AND leaf IS NOT NULL AND payload IS NOT NULL AND elapsed_ms IS NOT NULL)),
    CHECK ((kind = 'failed') = (failure IS NOT NULL AND message IS NOT NULL))
) STRICT;

CREATE TRIGGER result_is_final BEFORE UPDATE ON outcome WHEN OLD.kind = 'result'
BEGIN SELECT RAISE(ABORT, 'a recorded result is final'); END;

-- What a vote was ever given for. No foreign key: these rows outlive their tasks.
CREATE TABLE signed (
    task_id BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    leaf    BLOB NOT NULL CHECK (length(leaf) = 32),
    epoch   INTEGER NOT NULL,
    root    BLOB NOT NULL CHECK (length(root) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER signed_is_final BEFORE UPDATE ON signed
BEGIN SELECT RAISE(ABORT, 'a task is signed with one result only'); END;

CREATE TABLE vote (
    epoch       INTEGER NOT NULL,
    root        BLOB NOT NULL CHECK (length(root) = 32),
    results     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL DEFAULT (unixepoch()),
    PRIMARY KEY (epoch, root)
) STRICT, WITHOUT ROWID;

-- Settled tasks by kind, so that counting them does not read them.
CREATE TABLE tally (
    settled TEXT PRIMARY KEY NOT NULL CHECK (settled IN ('delivered', 'expired', 'skipped')),
    tasks   INTEGER NOT NULL CHECK (tasks >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO tally VALUES ('delivered', 0), ('expired', 0), ('skipped', 0);

CREATE TRIGGER tally_settled AFTER UPDATE OF settled ON task WHEN OLD.settled IS NOT NEW.settled
BEGIN
    UPDATE tally SET tasks = tasks - 1 WHERE settled IS OLD.settled;
    UPDATE tally SET tasks = tasks + 1 WHERE settled IS NEW.settled;
END;

CREATE VIEW overview AS
SELECT task.number,
       '0x' || lower(hex(task.task_id)) AS task_id,
       task.workflow,
       coalesce(task.settled, CASE outcome.kind WHEN 'result' THEN 'executed' ELSE outcome.kind END, 'waiting') AS state,
       datetime(task.recorded_at, 'unixepoch') AS recorded,
       datetime(task.deadline, 'unixepoch') AS deadline,
       '0x' || lower(hex(outcome.leaf)) AS leaf,
       '0x' || lower(hex(signed.leaf)) AS signed,
       coalesce(outcome.failure || ': ' || outcome.message, '') AS failure,
       '0x' || lower(hex(task.tx_hash)) AS tx_hash
FROM task LEFT JOIN outcome USING (task_id) LEFT JOIN signed USING (task_id);
