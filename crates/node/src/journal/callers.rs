//! What callers signed, as SQL. One caller uses a key once.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_types::{HttpFiring, SignedFiring, TaskId, WorkflowId};

use super::column::{Columns, signed};
use super::{Journal, JournalError};

/// Most firings of one caller that are neither settled nor void.
const OPEN_PER_CALLER_MAX: i64 = 1_000;

/// What became of a firing that was to be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It is new, and on the disk.
    New,
    /// It was there already.
    Known,
    /// Its caller has used the key for something else.
    KeyUsed(TaskId),
    /// Its caller has as many open as it may.
    TooMany,
}

impl Journal {
    /// Takes in what a caller signed. Whether it did is the caller's of this method to know.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then it is not taken in.
    pub async fn take_in(&self, task_id: TaskId, signed: SignedFiring) -> Result<TakenIn, JournalError> {
        self.write(move |connection| take_in(connection, task_id, &signed)).await
    }

    /// What was taken in and has to be placed on the chain, for the first time or again: the oldest, at most `limit`.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn unplaced_firings(&self, limit: usize) -> Result<Vec<SignedFiring>, JournalError> {
        self.read(move |connection| list(connection, UNPLACED, limit)).await
    }

    /// What was taken in and is not settled: the oldest, at most `limit`.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn open_firings(&self, limit: usize) -> Result<Vec<SignedFiring>, JournalError> {
        self.read(move |connection| list(connection, OPEN, limit)).await
    }

    /// Notes that nothing can come of a firing any more.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn void_firing(&self, task_id: TaskId) -> Result<(), JournalError> {
        self.write(move |connection| void(connection, task_id)).await
    }

    /// What a caller signed to have this task; none for other tasks.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn signed_firing(&self, task_id: TaskId) -> Result<Option<SignedFiring>, JournalError> {
        self.read(move |connection| read(connection, task_id)).await
    }
}

const OPEN: &str = "SELECT signed_firing.* FROM signed_firing LEFT JOIN task USING (task_id)
    WHERE NOT is_void AND task.settled IS NULL ORDER BY signed_firing.recorded_at, task_id LIMIT ?1";

const UNPLACED: &str =
    "SELECT * FROM signed_firing WHERE NOT is_placed AND NOT is_void ORDER BY recorded_at, task_id LIMIT ?1";

fn take_in(connection: &Connection, task_id: TaskId, taken: &SignedFiring) -> Result<TakenIn, JournalError> {
    let HttpFiring { workflow, caller, key, instant, input } = &taken.firing;
    let mut statement =
        connection.prepare_cached("SELECT task_id FROM signed_firing WHERE caller = ?1 AND key = ?2")?;
    let known = statement
        .query_row(params![caller.as_slice(), key.as_slice()], |row| Columns(row).hash("task_id").map(TaskId))
        .optional()?;
    match known {
        Some(known) if known == task_id => return Ok(TakenIn::Known),
        Some(known) => return Ok(TakenIn::KeyUsed(known)),
        None => {}
    }
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM signed_firing LEFT JOIN task USING (task_id)
         WHERE caller = ?1 AND NOT is_void AND task.settled IS NULL",
    )?;
    if statement.query_row([caller.as_slice()], |row| row.get::<_, i64>(0))? >= OPEN_PER_CALLER_MAX {
        return Ok(TakenIn::TooMany);
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO signed_firing (task_id, workflow, caller, key, instant, input, signature)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        task_id.0.as_slice(),
        workflow.as_str(),
        caller.as_slice(),
        key.as_slice(),
        signed(*instant),
        input.to_vec(),
        taken.signature.to_vec(),
    ])?;
    Ok(TakenIn::New)
}

fn list(connection: &Connection, sql: &str, limit: usize) -> Result<Vec<SignedFiring>, JournalError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(connection: &Connection, task_id: TaskId) -> Result<Option<SignedFiring>, JournalError> {
    let mut statement = connection.prepare_cached("SELECT * FROM signed_firing WHERE task_id = ?1")?;
    Ok(statement.query_row([task_id.0.as_slice()], row).optional()?)
}

fn void(connection: &Connection, task_id: TaskId) -> Result<(), JournalError> {
    connection
        .prepare_cached("UPDATE signed_firing SET is_void = 1 WHERE task_id = ?1")?
        .execute([task_id.0.as_slice()])?;
    Ok(())
}

/// The firing has its task.
pub(super) fn placed(connection: &Connection, task_id: TaskId) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("UPDATE signed_firing SET is_placed = 1 WHERE task_id = ?1")?
        .execute([task_id.0.as_slice()])
}

/// Firings whose anchors are after block `to` have to be placed again.
pub(super) fn take_back(connection: &Connection, to: u64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE signed_firing SET is_placed = 0
             WHERE task_id IN (SELECT task_id FROM task WHERE block_number > ?1 AND settled IS NULL)",
        )?
        .execute([signed(to)])
}

fn row(row: &Row<'_>) -> rusqlite::Result<SignedFiring> {
    let columns = Columns(row);
    let firing = HttpFiring {
        workflow: columns.text("workflow", str::parse::<WorkflowId>)?,
        caller: columns.address("caller")?,
        key: columns.hash("key")?,
        instant: columns.word("instant")?,
        input: columns.get::<Vec<u8>>("input")?.into(),
    };
    Ok(SignedFiring { firing, signature: columns.get::<Vec<u8>>("signature")?.into() })
}
