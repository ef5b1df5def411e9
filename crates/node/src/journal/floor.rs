//! The floor: what was asked for, or fired, up to it is not signed anew. It only rises, and says in a few bytes what a journal without rows cannot:
//! that something may have been signed.
//!
//! The numbers of requests rise with time. Firings have no such number, so only their time counts; and as several may share a second, the floor's own
//! second is below it for them.

use rusqlite::{Connection, OptionalExtension, params};
use tandem_types::is_firing;

use super::JournalError;
use super::column::{Columns, signed};

/// A mark in the service's tasks. What lies at or below it is signed only as it was signed before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Floor {
    /// Tasks with numbers up to this one are below.
    pub number: u64,
    /// So are tasks that were asked for before this second, in Unix time of the chain, and firings up to it.
    pub before: u64,
}

impl Floor {
    /// Whether a task of that number, asked for at that second or with its anchor there, may be signed anew.
    pub fn is_above(&self, number: u64, asked_at: u64) -> bool {
        match is_firing(number) {
            true => asked_at > self.before,
            false => number > self.number && asked_at >= self.before,
        }
    }

    /// The floor that forbids what either does.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { number: self.number.max(other.number), before: self.before.max(other.before) }
    }
}

/// The journal's floor; none in one that was just made.
pub(super) fn read(connection: &Connection) -> Result<Option<Floor>, JournalError> {
    let mut statement = connection.prepare_cached("SELECT number, before FROM floor")?;
    let read =
        |columns: Columns<'_, '_>| Ok(Floor { number: columns.word("number")?, before: columns.word("before")? });
    Ok(statement.query_row([], |row| read(Columns(row))).optional()?)
}

/// Raises the floor, in no respect below what it was.
pub(super) fn raise(connection: &Connection, to: Floor) -> Result<Floor, JournalError> {
    let floor = read(connection)?.unwrap_or_default().max(to);
    connection
        .prepare_cached(
            "INSERT INTO floor (only_row, number, before) VALUES (1, ?1, ?2)
             ON CONFLICT (only_row) DO UPDATE SET number = excluded.number, before = excluded.before",
        )?
        .execute(params![signed(floor.number), signed(floor.before)])?;
    Ok(floor)
}

/// The floor over every request and firing that the journal has seen.
pub(super) fn seen(connection: &Connection) -> Result<Floor, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT coalesce(max(number), 0) FROM (SELECT number FROM task UNION ALL SELECT number FROM signed)
                 WHERE number BETWEEN 1 AND 9223372036854775806) AS number,
                (SELECT coalesce(max(asked_at), 0) FROM
                    (SELECT number, coalesce(block_time, recorded_at) AS asked_at FROM task UNION ALL SELECT number, asked_at FROM signed)
                 WHERE number <= 0) AS before",
    )?;
    let read =
        |columns: Columns<'_, '_>| Ok(Floor { number: columns.word("number")?, before: columns.word("before")? });
    Ok(statement.query_row([], |row| read(Columns(row)))?)
}
