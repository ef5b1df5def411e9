//! Forgetting: settled tasks that were asked for long ago, with what was signed for them. First the floor rises above them, so that nothing
//! that is forgotten can be signed again.

use rusqlite::{Connection, params};
use tandem_types::TaskId;

use super::column::{Columns, signed};
use super::{Floor, Journal, JournalError, floor};

/// Most rows of a kind that one command forgets, so that votes never wait long.
const ROWS_MAX: usize = 1_000;

/// What one command forgot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tasks.
    pub tasks: usize,
    /// Rows of all other kinds.
    pub rows: usize,
}

impl Pruned {
    /// Whether there may be more to forget.
    pub fn is_partial(self) -> bool {
        self.tasks >= ROWS_MAX || self.rows >= ROWS_MAX
    }
}

impl Journal {
    /// Forgets settled tasks that were asked for more than `age_s` seconds before `now` (Unix), some at a time. Open tasks stay, and may still be
    /// signed as they were signed before, but not anew. Ages are counted from the newest task when that is before `now`, so that a clock that
    /// runs ahead makes nothing old.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then nothing is forgotten.
    pub async fn prune(&self, now: u64, age_s: u64) -> Result<Pruned, JournalError> {
        self.write(move |connection| prune(connection, (now, age_s))).await
    }
}

fn prune(connection: &Connection, (now, age_s): (u64, u64)) -> Result<Pruned, JournalError> {
    let Some(before) = newest(connection)?.map(|newest| newest.min(now).saturating_sub(age_s)) else {
        return Ok(Pruned::default());
    };
    if floor::read(connection)?.is_none() {
        return Ok(Pruned::default());
    }
    let (requests, firings) = (requests_before(connection, before)?, firings_before(connection, before)?);
    let number = requests.last().map_or(0, |(_, number)| *number);
    let floor = floor::raise(connection, Floor { number, before })?;
    let old: Vec<_> = requests.into_iter().map(|(task_id, _)| task_id).chain(firings).collect();
    let mut rows = 0;
    for task_id in &old {
        for sql in [
            "DELETE FROM outcome WHERE task_id = ?1",
            "DELETE FROM task WHERE task_id = ?1",
            "DELETE FROM signed WHERE task_id = ?1",
            "DELETE FROM vetoed WHERE task_id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([task_id.0.as_slice()])?;
        }
    }
    let limit = ROWS_MAX as i64;
    // Of tasks that are not there any more, such as those of another journal.
    let orphans = "DELETE FROM signed WHERE task_id IN (SELECT task_id FROM signed
                     WHERE (number BETWEEN 1 AND ?1 OR number <= 0 AND asked_at < ?3)
                     AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = signed.task_id) LIMIT ?2)";
    rows += connection.prepare_cached(orphans)?.execute(params![signed(floor.number), limit, signed(floor.before)])?;
    for sql in [
        "DELETE FROM vote WHERE (epoch, root) IN (SELECT epoch, root FROM vote WHERE recorded_at < ?1 LIMIT ?2)",
        "DELETE FROM certificate WHERE (tx_hash, root) IN (SELECT tx_hash, root FROM certificate WHERE block_time < ?1 LIMIT ?2)",
        "DELETE FROM signed_firing WHERE task_id IN (SELECT task_id FROM signed_firing WHERE instant < ?1
           AND NOT EXISTS (SELECT 1 FROM task WHERE task.task_id = signed_firing.task_id) LIMIT ?2)",
        "DELETE FROM submission WHERE tx_hash IN (SELECT tx_hash FROM submission WHERE recorded_at < ?1 LIMIT ?2)",
    ] {
        rows += connection.prepare_cached(sql)?.execute(params![signed(before), limit])?;
    }
    Ok(Pruned { tasks: old.len(), rows })
}

/// When the newest task was asked for, or fired.
fn newest(connection: &Connection) -> Result<Option<u64>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT max(asked_at) AS asked_at FROM (
            SELECT * FROM (SELECT coalesce(block_time, recorded_at) AS asked_at FROM task WHERE number > 0 ORDER BY number DESC, task_id DESC LIMIT 1)
            UNION ALL
            SELECT * FROM (SELECT coalesce(block_time, recorded_at) AS asked_at FROM task WHERE number <= 0 ORDER BY asked_at DESC LIMIT 1))",
    )?;
    Ok(statement.query_row([], |row| Columns(row).word_or_null("asked_at"))?)
}

/// The oldest settled requests, ascending by number, as far as they were asked for before that second.
fn requests_before(connection: &Connection, before: u64) -> Result<Vec<(TaskId, u64)>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT task_id, number, coalesce(block_time, recorded_at) AS asked_at FROM task
         WHERE settled IS NOT NULL AND number > 0 ORDER BY number, task_id LIMIT ?1",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let columns = Columns(row);
        Ok((TaskId(columns.hash("task_id")?), columns.word("number")?, columns.word("asked_at")?))
    };
    let rows = statement.query_map([ROWS_MAX as i64], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let old = rows.into_iter().take_while(|(_, _, asked_at)| *asked_at < before);
    Ok(old.map(|(task_id, number, _)| (task_id, number)).collect())
}

/// The oldest settled firings with anchors before that second.
fn firings_before(connection: &Connection, before: u64) -> Result<Vec<TaskId>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT task_id FROM task WHERE number <= 0 AND coalesce(block_time, recorded_at) < ?1 AND settled IS NOT NULL
         ORDER BY coalesce(block_time, recorded_at) LIMIT ?2",
    )?;
    let rows = statement
        .query_map(params![signed(before), ROWS_MAX as i64], |row| Columns(row).hash("task_id").map(TaskId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
