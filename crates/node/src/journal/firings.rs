//! Firings, the cursors of their triggers, and what the chain says of firings that were not seen yet, as SQL.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_types::{ManifestHash, TaskId, WorkflowId};

use super::column::{Columns, signed};
use super::tasks::{insert, pending_of, settle, settlement_of, write_pending};
use super::{Fate, JournalError, RecordedTask, Settlement, TriggerCursor};

/// How long an early fate is kept: longer than any deadline and window for vetoes that may follow a firing.
const EARLY_FATE_S: u64 = 90 * 24 * 3_600;

pub(super) fn record(
    connection: &Connection,
    trigger: &(ManifestHash, WorkflowId),
    firings: &[(RecordedTask, bool)],
    cursor: TriggerCursor,
) -> Result<Vec<(TaskId, Option<Fate>)>, JournalError> {
    let new = write(connection, firings)?;
    move_cursor(connection, trigger, cursor)?;
    Ok(new)
}

/// Firings without a cursor behind them: each with whether it is too late for it. Those that were new, with what the chain has said of them.
pub(super) fn write(
    connection: &Connection,
    firings: &[(RecordedTask, bool)],
) -> Result<Vec<(TaskId, Option<Fate>)>, JournalError> {
    let mut new = Vec::new();
    for (recorded, is_late) in firings {
        let task_id = recorded.task_id;
        if !insert(connection, recorded)? {
            move_firing(connection, recorded)?;
            continue;
        }
        let fate = take_early(connection, task_id)?;
        match fate {
            Some(Fate::Pending(pending)) => write_pending(connection, task_id, pending)?,
            Some(Fate::Ended(settlement)) => _ = settle(connection, task_id, settlement)?,
            None if *is_late => _ = settle(connection, task_id, Settlement::Expired)?,
            None => {}
        }
        new.push((task_id, fate));
    }
    Ok(new)
}

/// A reorganisation moves a firing to another anchor, and so perhaps to another manifest and deadline. What a result was computed with stays with it.
fn move_firing(connection: &Connection, recorded: &RecordedTask) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE task SET block_number = ?2, block_hash = ?3, block_time = ?4, manifest = ?5, handler = ?6, deadline = ?7
         WHERE task_id = ?1 AND ?3 IS NOT NULL AND block_hash IS NOT ?3 AND settled IS NULL
           AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.task_id = task.task_id AND outcome.kind = 'result')",
    )?;
    statement.execute(params![
        recorded.task_id.0.as_slice(),
        signed(recorded.block_number),
        recorded.block_hash.as_ref().map(|hash| hash.as_slice()),
        recorded.block_time.map(signed),
        recorded.task.manifest.0.as_slice(),
        recorded.task.handler.as_slice(),
        signed(recorded.task.deadline),
    ])?;
    Ok(())
}

fn move_cursor(
    connection: &Connection,
    (manifest, workflow): &(ManifestHash, WorkflowId),
    cursor: TriggerCursor,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO trigger_cursor (manifest, workflow, position, block_number, block_hash)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![
        manifest.0.as_slice(),
        workflow.as_str(),
        signed(cursor.position),
        signed(cursor.block_number),
        cursor.block_hash.as_slice(),
    ])?;
    Ok(())
}

pub(super) fn cursor(
    connection: &Connection,
    (manifest, workflow): &(ManifestHash, WorkflowId),
) -> Result<Option<TriggerCursor>, JournalError> {
    let read = |row: &Row<'_>| {
        let columns = Columns(row);
        let (position, block_number) = (columns.word("position")?, columns.word("block_number")?);
        Ok(TriggerCursor { position, block_number, block_hash: columns.hash("block_hash")? })
    };
    let mut statement =
        connection.prepare_cached("SELECT * FROM trigger_cursor WHERE manifest = ?1 AND workflow = ?2")?;
    Ok(statement.query_row(params![manifest.0.as_slice(), workflow.as_str()], read).optional()?)
}

/// Keeps what the chain says of a task that is not known: it may be a firing that others saw earlier.
pub(super) fn record_early(connection: &Connection, task_id: TaskId, fate: Fate) -> Result<(), JournalError> {
    let (word, transaction, handled, pending) = match fate {
        Fate::Pending(pending) => (None, None, None, Some(pending)),
        Fate::Ended(Settlement::Delivered { tx_hash, block, handled }) => {
            (Some("delivered"), Some((tx_hash, block)), Some(handled), None)
        }
        Fate::Ended(Settlement::Vetoed { tx_hash, block }) => (Some("vetoed"), Some((tx_hash, block)), None, None),
        // Its own deadline will tell.
        Fate::Ended(Settlement::Expired | Settlement::Skipped) => return Ok(()),
    };
    connection
        .prepare_cached("DELETE FROM early_fate WHERE recorded_at < unixepoch() - ?1")?
        .execute([signed(EARLY_FATE_S)])?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO early_fate (task_id, settled, tx_hash, tx_block, handled, pending_leaf, pending_until, pending_block)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute(params![
        task_id.0.as_slice(),
        word,
        transaction.as_ref().map(|(tx_hash, _)| tx_hash.as_slice()),
        transaction.map(|(_, block)| signed(block)),
        handled,
        pending.as_ref().map(|pending| pending.leaf.0.as_slice()),
        pending.map(|pending| signed(pending.until)),
        pending.map(|pending| signed(pending.block)),
    ])?;
    Ok(())
}

fn take_early(connection: &Connection, task_id: TaskId) -> Result<Option<Fate>, JournalError> {
    let read = |row: &Row<'_>| {
        let columns = Columns(row);
        let ended = settlement_of(&columns)?.map(Fate::Ended);
        Ok(ended.or(pending_of(&columns)?.map(Fate::Pending)))
    };
    let mut statement = connection.prepare_cached("DELETE FROM early_fate WHERE task_id = ?1 RETURNING *")?;
    Ok(statement.query_row([task_id.0.as_slice()], read).optional()?.flatten())
}
