-- Version 2: requirements instead of quorums, results that wait for vetoes, and this operator's vetoes. Tables whose constraints change
-- are made anew; foreign keys are off meanwhile, and checked before the commit.

DROP VIEW overview;

CREATE TABLE task_2 (
    task_id       BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    number        INTEGER NOT NULL,
    workflow      TEXT NOT NULL,
    manifest      BLOB NOT NULL CHECK (length(manifest) = 32),
    handler       BLOB NOT NULL CHECK (length(handler) = 20),
    requester     BLOB NOT NULL CHECK (length(requester) = 20),
    deadline      INTEGER NOT NULL,
    native_bps    INTEGER NOT NULL,
    external_bps  INTEGER NOT NULL,
    combined_bps  INTEGER NOT NULL,
    input_hash    BLOB NOT NULL CHECK (length(input_hash) = 32),
    input         BLOB NOT NULL,
    block_number  INTEGER NOT NULL,
    block_hash    BLOB CHECK (length(block_hash) = 32),
    block_time    INTEGER,
    recorded_at   INTEGER NOT NULL DEFAULT (unixepoch()),
    -- The certified result that waits, or waited, for vetoes.
    pending_leaf  BLOB CHECK (length(pending_leaf) = 32),
    pending_until INTEGER,
    settled       TEXT CHECK (settled IN ('delivered', 'vetoed', 'expired', 'skipped')),
    settled_at    INTEGER,
    tx_hash       BLOB CHECK (length(tx_hash) = 32),
    tx_block      INTEGER,
    handled       INTEGER CHECK (handled IN (0, 1)),
    CHECK ((pending_leaf IS NULL) = (pending_until IS NULL)),
    CHECK ((settled IS 'delivered' OR settled IS 'vetoed') = (tx_hash IS NOT NULL AND tx_block IS NOT NULL)),
    CHECK ((settled IS 'delivered') = (handled IS NOT NULL))
) STRICT;

INSERT INTO task_2 (task_id, number, workflow, manifest, handler, requester, deadline, native_bps, external_bps, combined_bps,
                    input_hash, input, block_number, block_hash, block_time, recorded_at, settled, settled_at, tx_hash, tx_block,
                    handled)
SELECT task_id, number, workflow, manifest, handler, requester, deadline, native_bps, external_bps, 0,
       input_hash, input, block_number, block_hash, block_time, recorded_at, settled, settled_at, tx_hash, tx_block,
       handled
FROM task;

DROP TABLE task;
ALTER TABLE task_2 RENAME TO task;

CREATE INDEX open_task ON task (number, task_id) WHERE settled IS NULL;

CREATE TABLE tally_2 (
    settled TEXT PRIMARY KEY NOT NULL CHECK (settled IN ('delivered', 'vetoed', 'expired', 'skipped')),
    tasks   INTEGER NOT NULL CHECK (tasks >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO tally_2 SELECT settled, tasks FROM tally;
INSERT INTO tally_2 VALUES ('vetoed', 0);
DROP TABLE tally;
ALTER TABLE tally_2 RENAME TO tally;

CREATE TRIGGER tally_settled AFTER UPDATE OF settled ON task WHEN OLD.settled IS NOT NEW.settled
BEGIN
    UPDATE tally SET tasks = tasks - 1 WHERE settled IS OLD.settled;
    UPDATE tally SET tasks = tasks + 1 WHERE settled IS NEW.settled;
END;

-- Results that this operator vetoed. No foreign key: these rows outlive their tasks.
CREATE TABLE vetoed (
    task_id     BLOB NOT NULL CHECK (length(task_id) = 32),
    leaf        BLOB NOT NULL CHECK (length(leaf) = 32),
    epoch       INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL DEFAULT (unixepoch()),
    PRIMARY KEY (task_id, leaf)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER vetoed_is_final BEFORE UPDATE ON vetoed
BEGIN SELECT RAISE(ABORT, 'a veto is final'); END;

CREATE TRIGGER signed_is_not_vetoed BEFORE INSERT ON vetoed
WHEN EXISTS (SELECT 1 FROM signed WHERE task_id = NEW.task_id AND leaf = NEW.leaf)
BEGIN SELECT RAISE(ABORT, 'a signed result is not vetoed'); END;

CREATE TRIGGER vetoed_is_not_signed BEFORE INSERT ON signed
WHEN EXISTS (SELECT 1 FROM vetoed WHERE task_id = NEW.task_id AND leaf = NEW.leaf)
BEGIN SELECT RAISE(ABORT, 'a vetoed result is not signed'); END;

CREATE VIEW overview AS
SELECT task.number,
       '0x' || lower(hex(task.task_id)) AS task_id,
       task.workflow,
       coalesce(task.settled, CASE WHEN task.pending_leaf IS NOT NULL THEN 'pending' END,
                CASE outcome.kind WHEN 'result' THEN 'executed' ELSE outcome.kind END, 'waiting') AS state,
       datetime(task.recorded_at, 'unixepoch') AS recorded,
       datetime(task.deadline, 'unixepoch') AS deadline,
       '0x' || lower(hex(outcome.leaf)) AS leaf,
       '0x' || lower(hex(signed.leaf)) AS signed,
       '0x' || lower(hex(task.pending_leaf)) AS pending,
       datetime(task.pending_until, 'unixepoch') AS pending_until,
       coalesce(outcome.failure || ': ' || outcome.message, '') AS failure,
       '0x' || lower(hex(task.tx_hash)) AS tx_hash
FROM task LEFT JOIN outcome USING (task_id) LEFT JOIN signed USING (task_id);
