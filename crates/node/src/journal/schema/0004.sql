-- Version 4: never signing twice also when the files are not what they were. What was signed is counted, checksummed and held against a
-- guard file; below the floor nothing new is signed; and what came of each task is kept with its certificate and its costs.
--
-- The rows of signed_3 and vetoed_3 are copied by the program, which computes the checksums, and the two tables dropped.

DROP VIEW overview;
DROP TRIGGER signed_is_final;
DROP TRIGGER vetoed_is_final;
DROP TRIGGER signed_is_not_vetoed;
DROP TRIGGER vetoed_is_not_signed;

-- What the guard file is compared with.
CREATE TABLE guard (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- Another after each recovery, so that no copy from before is taken for this journal.
    line       BLOB NOT NULL CHECK (length(line) = 16),
    -- Whether the guard file of this line was ever written.
    is_written INTEGER NOT NULL CHECK (is_written IN (0, 1)),
    -- Signatures that were ever recorded, and how many of them were pruned.
    sequence   INTEGER NOT NULL CHECK (sequence >= 0),
    pruned     INTEGER NOT NULL CHECK (pruned BETWEEN 0 AND sequence),
    -- Why nothing is signed until `tandem operator db recover`.
    doubt      TEXT
) STRICT;

INSERT INTO guard VALUES (1, randomblob(16), 0, 0, 0, NULL);

CREATE TRIGGER guard_only_counts_up BEFORE UPDATE ON guard WHEN NEW.sequence < OLD.sequence OR NEW.pruned < OLD.pruned
BEGIN SELECT RAISE(ABORT, 'signatures are never uncounted'); END;

-- Tasks with numbers up to this one, and tasks that were asked for before this second, are not signed anew. None in a journal that was
-- just made: then nothing is signed at all.
CREATE TABLE floor (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    number   INTEGER NOT NULL,
    before   INTEGER NOT NULL
) STRICT;

INSERT INTO floor SELECT 1, 0, 0 FROM meta;

CREATE TRIGGER floor_only_rises BEFORE UPDATE ON floor WHEN NEW.number < OLD.number OR NEW.before < OLD.before
BEGIN SELECT RAISE(ABORT, 'the floor only rises'); END;

CREATE TRIGGER floor_stays BEFORE DELETE ON floor
BEGIN SELECT RAISE(ABORT, 'the floor stays'); END;

ALTER TABLE signed RENAME TO signed_3;
ALTER TABLE vetoed RENAME TO vetoed_3;

-- What a vote was ever given for. These rows outlive their tasks, so they say themselves which those are.
CREATE TABLE signed (
    task_id     BLOB PRIMARY KEY NOT NULL CHECK (length(task_id) = 32),
    leaf        BLOB NOT NULL CHECK (length(leaf) = 32),
    epoch       INTEGER NOT NULL,
    root        BLOB NOT NULL CHECK (length(root) = 32),
    number      INTEGER NOT NULL,
    asked_at    INTEGER NOT NULL,
    -- Over all of the above: a page that was changed on the disk is not believed.
    checksum    INTEGER NOT NULL,
    -- Whether another journal recorded it first.
    is_imported INTEGER NOT NULL DEFAULT 0 CHECK (is_imported IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX signed_number ON signed (number);

CREATE TABLE vetoed (
    task_id     BLOB NOT NULL CHECK (length(task_id) = 32),
    leaf        BLOB NOT NULL CHECK (length(leaf) = 32),
    epoch       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    asked_at    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL DEFAULT (unixepoch()),
    is_imported INTEGER NOT NULL DEFAULT 0 CHECK (is_imported IN (0, 1)),
    PRIMARY KEY (task_id, leaf)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER signed_is_final BEFORE UPDATE ON signed
BEGIN SELECT RAISE(ABORT, 'a task is signed with one result only'); END;

CREATE TRIGGER vetoed_is_final BEFORE UPDATE ON vetoed
BEGIN SELECT RAISE(ABORT, 'a veto is final'); END;

CREATE TRIGGER signed_is_not_vetoed BEFORE INSERT ON vetoed
WHEN EXISTS (SELECT 1 FROM signed WHERE task_id = NEW.task_id AND leaf = NEW.leaf)
BEGIN SELECT RAISE(ABORT, 'a signed result is not vetoed'); END;

CREATE TRIGGER vetoed_is_not_signed BEFORE INSERT ON signed
WHEN EXISTS (SELECT 1 FROM vetoed WHERE task_id = NEW.task_id AND leaf = NEW.leaf)
BEGIN SELECT RAISE(ABORT, 'a vetoed result is not signed'); END;

CREATE TRIGGER signed_counts AFTER INSERT ON signed
BEGIN UPDATE guard SET sequence = sequence + 1; END;

CREATE TRIGGER vetoed_counts AFTER INSERT ON vetoed
BEGIN UPDATE guard SET sequence = sequence + 1; END;

CREATE TRIGGER signed_is_kept BEFORE DELETE ON signed
WHEN EXISTS (SELECT 1 FROM floor WHERE OLD.number > number AND OLD.asked_at >= before)
  OR NOT EXISTS (SELECT 1 FROM floor)
BEGIN SELECT RAISE(ABORT, 'what was signed is forgotten below the floor only'); END;

CREATE TRIGGER vetoed_is_kept BEFORE DELETE ON vetoed
WHEN EXISTS (SELECT 1 FROM floor WHERE OLD.number > number AND OLD.asked_at >= before)
  OR NOT EXISTS (SELECT 1 FROM floor)
BEGIN SELECT RAISE(ABORT, 'what was vetoed is forgotten below the floor only'); END;

CREATE TRIGGER signed_prunes AFTER DELETE ON signed
BEGIN UPDATE guard SET pruned = pruned + 1; END;

CREATE TRIGGER vetoed_prunes AFTER DELETE ON vetoed
BEGIN UPDATE guard SET pruned = pruned + 1; END;

-- When this node executed a task; null in what earlier versions recorded.
ALTER TABLE outcome ADD COLUMN recorded_at INTEGER;

CREATE INDEX task_number ON task (number, task_id);
CREATE INDEX vote_recorded ON vote (recorded_at);

-- Certificates that the chain accepted, as far as this node was running or caught up.
CREATE TABLE certificate (
    tx_hash         BLOB NOT NULL CHECK (length(tx_hash) = 32),
    root            BLOB NOT NULL CHECK (length(root) = 32),
    epoch           INTEGER NOT NULL,
    block_number    INTEGER NOT NULL,
    block_time      INTEGER NOT NULL,
    is_final        INTEGER NOT NULL CHECK (is_final IN (0, 1)),
    -- Weights as decimal text: they have 96 bits.
    signed_native   TEXT NOT NULL,
    signed_external TEXT NOT NULL,
    total_native    TEXT NOT NULL,
    total_external  TEXT NOT NULL,
    -- Whether this operator signed it; null when its table could not be read any more.
    is_own          INTEGER CHECK (is_own IN (0, 1)),
    PRIMARY KEY (tx_hash, root)
) STRICT, WITHOUT ROWID;

CREATE INDEX certificate_time ON certificate (block_time);
CREATE INDEX certificate_root ON certificate (root);

-- Transactions of this node, and what they cost.
CREATE TABLE submission (
    tx_hash      BLOB PRIMARY KEY NOT NULL CHECK (length(tx_hash) = 32),
    kind         TEXT NOT NULL CHECK (kind IN ('batch', 'veto', 'final')),
    results      INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    gas          INTEGER NOT NULL,
    -- Wei per gas, as decimal text.
    gas_price    TEXT NOT NULL,
    is_success   INTEGER NOT NULL CHECK (is_success IN (0, 1)),
    recorded_at  INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT, WITHOUT ROWID;

CREATE INDEX submission_recorded ON submission (recorded_at);
