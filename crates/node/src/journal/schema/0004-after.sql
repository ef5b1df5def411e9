-- The end of version 4, once the rows are copied.

DROP TABLE signed_3;
DROP TABLE vetoed_3;

CREATE TRIGGER signed_is_above_floor BEFORE INSERT ON signed
WHEN NOT NEW.is_imported AND NOT EXISTS (SELECT 1 FROM floor WHERE NEW.number > number AND NEW.asked_at >= before)
BEGIN SELECT RAISE(ABORT, 'nothing new is signed below the floor'); END;

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
