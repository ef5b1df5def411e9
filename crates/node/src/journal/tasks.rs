//! Tasks, their outcomes and their ends, as SQL.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_types::{B256, ComponentDigest, ManifestHash, Requirement, ResultLeaf, Task, TaskId, WorkflowId};

use super::column::{Columns, signed};
use super::{
    Cursor, Fate, JournalError, Outcome, PendingLeaf, RecordedTask, Settlement, TaskCounts, TaskPosition, TaskRecord,
    bearable, callers, firings,
};

/// Most tasks that one page of open tasks holds.
pub const OPEN_TASKS_PER_PAGE: usize = 256;

pub(super) fn record_span(
    connection: &Connection,
    tasks: &[RecordedTask],
    fates: &[(TaskId, Fate)],
    cursor: Cursor,
) -> Result<Vec<TaskId>, JournalError> {
    let mut new = Vec::new();
    for recorded in tasks {
        if insert(connection, recorded)? {
            new.push(recorded.task_id);
        } else {
            move_block(connection, recorded)?;
        }
    }
    for (task_id, fate) in fates {
        match fate {
            fate if !exists(connection, *task_id)? => firings::record_early(connection, *task_id, *fate)?,
            Fate::Pending(pending) => write_pending(connection, *task_id, *pending)?,
            Fate::Ended(settlement) => _ = settle(connection, *task_id, *settlement)?,
        }
    }
    move_cursor(connection, cursor)?;
    Ok(new)
}

/// Forgets what the chain said in the blocks after `to`; the tasks of which that is true.
pub(super) fn take_back(connection: &Connection, to: u64) -> Result<Vec<TaskId>, JournalError> {
    let mut reopened = std::collections::BTreeSet::new();
    for sql in [
        "UPDATE task SET settled = NULL, settled_at = NULL, tx_hash = NULL, tx_block = NULL, handled = NULL
         WHERE tx_block > ?1 RETURNING task_id",
        "UPDATE task SET pending_leaf = NULL, pending_until = NULL, pending_block = NULL
         WHERE pending_block > ?1 AND settled IS NULL RETURNING task_id",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let tasks = statement.query_map([signed(to)], |row| Columns(row).hash("task_id").map(TaskId))?;
        for task in tasks {
            reopened.insert(task?);
        }
    }
    connection
        .prepare_cached("DELETE FROM early_fate WHERE coalesce(tx_block, pending_block) > ?1")?
        .execute([signed(to)])?;
    callers::take_back(connection, to)?;
    Ok(reopened.into_iter().collect())
}

/// Whether the task was new.
pub(super) fn insert(connection: &Connection, recorded: &RecordedTask) -> rusqlite::Result<bool> {
    let RecordedTask { task_id, task, input, block_number, block_hash, block_time } = recorded;
    let mut statement = connection.prepare_cached(
        "INSERT INTO task (task_id, number, workflow, manifest, handler, requester, deadline, native_bps, external_bps,
                           combined_bps, input_hash, input, block_number, block_hash, block_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (task_id) DO NOTHING",
    )?;
    let inserted = statement.execute(params![
        task_id.0.as_slice(),
        signed(task.number),
        task.workflow.as_str(),
        task.manifest.0.as_slice(),
        task.handler.as_slice(),
        task.requester.as_slice(),
        signed(task.deadline),
        task.requirement.native.get(),
        task.requirement.external.get(),
        task.requirement.combined.get(),
        task.input_hash.as_slice(),
        input,
        signed(*block_number),
        block_hash.as_ref().map(|hash| hash.as_slice()),
        block_time.map(signed),
    ])?;
    Ok(inserted == 1)
}

/// A reorganisation moves tasks to other blocks. What a result was computed with stays with it.
fn move_block(connection: &Connection, recorded: &RecordedTask) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE task SET block_number = ?2, block_hash = ?3, block_time = ?4
         WHERE task_id = ?1 AND block_hash IS NOT ?3
           AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.task_id = task.task_id AND outcome.kind = 'result')",
    )?;
    statement.execute(params![
        recorded.task_id.0.as_slice(),
        signed(recorded.block_number),
        recorded.block_hash.as_ref().map(|hash| hash.as_slice()),
        recorded.block_time.map(signed),
    ])?;
    Ok(())
}

fn move_cursor(connection: &Connection, cursor: Cursor) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO cursor (chain_id, block_number, block_hash) VALUES (?1, ?2, ?3)")?
        .execute(params![signed(cursor.chain_id), signed(cursor.block_number), cursor.block_hash.as_slice()])?;
    Ok(())
}

pub(super) fn cursor(connection: &Connection, chain_id: u64) -> Result<Option<Cursor>, JournalError> {
    let read = |row: &Row<'_>| {
        let columns = Columns(row);
        Ok(Cursor { chain_id, block_number: columns.word("block_number")?, block_hash: columns.hash("block_hash")? })
    };
    let mut statement = connection.prepare_cached("SELECT * FROM cursor WHERE chain_id = ?1")?;
    Ok(statement.query_row([signed(chain_id)], read).optional()?)
}

pub(super) fn record_outcome(
    connection: &Connection,
    (task_id, ran_at): (TaskId, Option<B256>),
    outcome: Outcome,
) -> Result<Outcome, JournalError> {
    let mut statement = connection.prepare_cached("SELECT block_hash FROM task WHERE task_id = ?1")?;
    let found =
        statement.query_row([task_id.0.as_slice()], |row| Columns(row).hash_or_null("block_hash")).optional()?;
    let block = found.ok_or(JournalError::UnknownTask(task_id))?;
    let outcome = bounded(outcome);
    if block == ran_at && write_outcome(connection, task_id, &outcome)? == 1 {
        return Ok(outcome);
    }
    let mut statement = connection.prepare_cached("SELECT * FROM outcome WHERE task_id = ?1 AND kind = 'result'")?;
    let first = statement.query_row([task_id.0.as_slice()], |row| outcome_of(&Columns(row))).optional()?;
    first.ok_or(JournalError::Moved(task_id))
}

fn bounded(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { kind, mut message, fuel } => {
            message.truncate(bearable(&message).len());
            Outcome::Failed { kind, message, fuel }
        }
        result @ Outcome::Result { .. } => result,
    }
}

/// Writes unless a result is there; rows written.
fn write_outcome(connection: &Connection, task_id: TaskId, outcome: &Outcome) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO outcome (task_id, kind, fuel, component, leaf, payload, elapsed_ms, failure, message, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, unixepoch())
         ON CONFLICT (task_id) DO UPDATE SET
            kind = excluded.kind, fuel = excluded.fuel, component = excluded.component, leaf = excluded.leaf,
            payload = excluded.payload, elapsed_ms = excluded.elapsed_ms, failure = excluded.failure, message = excluded.message,
            recorded_at = excluded.recorded_at
         WHERE outcome.kind = 'failed'",
    )?;
    let task_id = task_id.0.as_slice();
    match outcome {
        Outcome::Result { component, leaf, payload, fuel, elapsed_ms } => statement.execute(params![
            task_id,
            "result",
            signed(*fuel),
            component.0.as_slice(),
            leaf.0.as_slice(),
            payload,
            signed(*elapsed_ms),
            None::<&str>,
            None::<&str>,
        ]),
        Outcome::Failed { kind, message, fuel } => statement.execute(params![
            task_id,
            "failed",
            signed(*fuel),
            None::<&[u8]>,
            None::<&[u8]>,
            None::<&[u8]>,
            None::<i64>,
            kind.as_str(),
            message,
        ]),
    }
}

fn exists(connection: &Connection, task_id: TaskId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM task WHERE task_id = ?1")?.exists([task_id.0.as_slice()])
}

/// What the chain says of a result that it keeps. A deadline that was thought to have passed has not, if it was certified in time.
pub(super) fn write_pending(connection: &Connection, task_id: TaskId, pending: PendingLeaf) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE task SET pending_leaf = ?2, pending_until = ?3, pending_block = ?4,
                settled = iif(settled IN ('expired', 'skipped'), NULL, settled),
                settled_at = iif(settled IN ('expired', 'skipped'), NULL, settled_at)
         WHERE task_id = ?1",
    )?;
    let PendingLeaf { leaf, until, block } = pending;
    statement.execute(params![task_id.0.as_slice(), leaf.0.as_slice(), signed(until), signed(block)])?;
    Ok(())
}

pub(super) fn settle(
    connection: &Connection,
    task_id: TaskId,
    settlement: Settlement,
) -> Result<Option<Settlement>, JournalError> {
    let found = {
        let mut statement = connection.prepare_cached("SELECT * FROM task WHERE task_id = ?1")?;
        let read = |row: &Row<'_>| Ok((settlement_of(&Columns(row))?, pending_of(&Columns(row))?));
        statement.query_row([task_id.0.as_slice()], read).optional()?
    };
    let is_from_chain = matches!(settlement, Settlement::Delivered { .. } | Settlement::Vetoed { .. });
    match found.ok_or(JournalError::UnknownTask(task_id))? {
        (first @ Some(_), _) if !is_from_chain => Ok(first),
        (None, Some(_)) if !is_from_chain => Ok(None),
        _ => {
            write_settlement(connection, task_id, settlement)?;
            Ok(Some(settlement))
        }
    }
}

fn write_settlement(connection: &Connection, task_id: TaskId, settlement: Settlement) -> rusqlite::Result<()> {
    let (word, transaction, handled) = match settlement {
        Settlement::Delivered { tx_hash, block, handled } => ("delivered", Some((tx_hash, block)), Some(handled)),
        Settlement::Vetoed { tx_hash, block } => ("vetoed", Some((tx_hash, block)), None),
        Settlement::Expired => ("expired", None, None),
        Settlement::Skipped => ("skipped", None, None),
    };
    let mut statement = connection.prepare_cached(
        "UPDATE task SET settled = ?2, settled_at = unixepoch(), tx_hash = ?3, tx_block = ?4, handled = ?5
         WHERE task_id = ?1",
    )?;
    statement.execute(params![
        task_id.0.as_slice(),
        word,
        transaction.as_ref().map(|(tx_hash, _)| tx_hash.as_slice()),
        transaction.map(|(_, block)| signed(block)),
        handled,
    ])?;
    Ok(())
}

/// The columns of a [`TaskRecord`]; `tasks` says which.
macro_rules! select_records {
    ($tasks:literal) => {
        concat!(
            "SELECT task.*, outcome.kind, outcome.fuel, outcome.component, outcome.leaf, outcome.payload, outcome.elapsed_ms,
                    outcome.failure, outcome.message, signed.leaf AS signed_leaf,
                    signed.leaf IS NULL AND EXISTS (SELECT 1 FROM floor WHERE task.number BETWEEN 1 AND floor.number
                        OR coalesce(task.block_time, task.recorded_at) < floor.before + (task.number <= 0)) AS is_below_floor
             FROM task LEFT JOIN outcome USING (task_id) LEFT JOIN signed USING (task_id) ",
            $tasks
        )
    };
}

pub(super) fn task(connection: &Connection, task_id: TaskId) -> Result<Option<TaskRecord>, JournalError> {
    let mut statement = connection.prepare_cached(select_records!("WHERE task.task_id = ?1"))?;
    Ok(statement.query_row([task_id.0.as_slice()], record_of).optional()?)
}

pub(super) fn open(connection: &Connection, after: Option<TaskPosition>) -> Result<Vec<TaskRecord>, JournalError> {
    let mut statement = connection.prepare_cached(select_records!(
        "WHERE task.settled IS NULL AND (task.number, task.task_id) > (?1, ?2) ORDER BY task.number, task.task_id LIMIT ?3"
    ))?;
    let (number, task_id) = after.map_or((i64::MIN, [0; 32]), |at| (signed(at.number), at.task_id.0.0));
    let rows = statement.query_map(params![number, task_id, OPEN_TASKS_PER_PAGE as i64], record_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<TaskRecord> {
    let columns = Columns(row);
    Ok(TaskRecord {
        recorded: recorded_of(&columns)?,
        outcome: if columns.get::<Option<String>>("kind")?.is_some() { Some(outcome_of(&columns)?) } else { None },
        signed: columns.hash_or_null("signed_leaf")?.map(ResultLeaf),
        is_below_floor: columns.get("is_below_floor")?,
        pending: pending_of(&columns)?,
        settlement: settlement_of(&columns)?,
    })
}

fn recorded_of(columns: &Columns<'_, '_>) -> rusqlite::Result<RecordedTask> {
    Ok(RecordedTask {
        task_id: TaskId(columns.hash("task_id")?),
        task: task_of(columns)?,
        input: columns.get("input")?,
        block_number: columns.word("block_number")?,
        block_hash: columns.hash_or_null("block_hash")?,
        block_time: columns.get::<Option<i64>>("block_time")?.map(i64::cast_unsigned),
    })
}

fn task_of(columns: &Columns<'_, '_>) -> rusqlite::Result<Task> {
    Ok(Task {
        number: columns.word("number")?,
        workflow: columns.text("workflow", |name| name.parse::<WorkflowId>())?,
        manifest: ManifestHash(columns.hash("manifest")?),
        handler: columns.address("handler")?,
        requester: columns.address("requester")?,
        deadline: columns.word("deadline")?,
        requirement: requirement_of(columns)?,
        input_hash: columns.hash("input_hash")?,
    })
}

fn requirement_of(columns: &Columns<'_, '_>) -> rusqlite::Result<Requirement> {
    let [native, external, combined] = ["native_bps", "external_bps", "combined_bps"].map(|name| columns.get(name));
    Requirement::new(native?, external?, combined?).map_err(|error| columns.refused("native_bps", error))
}

pub(super) fn pending_of(columns: &Columns<'_, '_>) -> rusqlite::Result<Option<PendingLeaf>> {
    let Some(leaf) = columns.hash_or_null("pending_leaf")? else { return Ok(None) };
    let block = columns.word_or_null("pending_block")?.unwrap_or(0);
    Ok(Some(PendingLeaf { leaf: ResultLeaf(leaf), until: columns.word("pending_until")?, block }))
}

fn outcome_of(columns: &Columns<'_, '_>) -> rusqlite::Result<Outcome> {
    let fuel = columns.word("fuel")?;
    if columns.get::<String>("kind")? == "result" {
        return Ok(Outcome::Result {
            component: ComponentDigest(columns.hash("component")?),
            leaf: ResultLeaf(columns.hash("leaf")?),
            payload: columns.get("payload")?,
            fuel,
            elapsed_ms: columns.word("elapsed_ms")?,
        });
    }
    Ok(Outcome::Failed { kind: columns.text("failure", str::parse)?, message: columns.get("message")?, fuel })
}

pub(super) fn settlement_of(columns: &Columns<'_, '_>) -> rusqlite::Result<Option<Settlement>> {
    let Some(word) = columns.get::<Option<String>>("settled")? else { return Ok(None) };
    Ok(Some(match word.as_str() {
        "expired" => Settlement::Expired,
        "skipped" => Settlement::Skipped,
        "vetoed" => Settlement::Vetoed { tx_hash: columns.hash("tx_hash")?, block: columns.word("tx_block")? },
        _ => Settlement::Delivered {
            tx_hash: columns.hash("tx_hash")?,
            block: columns.word("tx_block")?,
            handled: columns.get("handled")?,
        },
    }))
}

pub(super) fn counts(connection: &Connection) -> Result<TaskCounts, JournalError> {
    let mut open = connection.prepare_cached(
        "SELECT count(*) FILTER (WHERE pending_leaf IS NULL AND kind IS NULL) AS waiting,
                count(*) FILTER (WHERE pending_leaf IS NULL AND kind = 'result') AS executed,
                count(*) FILTER (WHERE pending_leaf IS NULL AND kind = 'failed') AS failed,
                count(pending_leaf) AS pending
         FROM task LEFT JOIN outcome USING (task_id) WHERE settled IS NULL",
    )?;
    let mut ended = connection.prepare_cached("SELECT tasks FROM tally WHERE settled = ?1")?;
    let mut ended = |word: &str| ended.query_row([word], |row| Columns(row).word("tasks"));
    Ok(open.query_row([], |row| {
        let columns = Columns(row);
        Ok(TaskCounts {
            waiting: columns.word("waiting")?,
            executed: columns.word("executed")?,
            failed: columns.word("failed")?,
            pending: columns.word("pending")?,
            vetoed: ended("vetoed")?,
            delivered: ended("delivered")?,
            expired: ended("expired")?,
            skipped: ended("skipped")?,
        })
    })?)
}
