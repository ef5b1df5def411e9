//! Votes and vetoes: the one place where the journal decides what may be signed.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_types::{Batch, BatchEntry, BatchRoot, Epoch, ResultLeaf, TaskId, keccak256};

use super::column::{Columns, signed};
use super::{Floor, JournalError, StorageError, StorageFault, floor};

/// What was signed for a task, and when that was asked for: a row of the table `signed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignedRow {
    pub(super) entry: BatchEntry,
    pub(super) epoch: Epoch,
    pub(super) root: BatchRoot,
    pub(super) number: u64,
    pub(super) asked_at: u64,
}

impl SignedRow {
    /// The row, if its bytes are what was written.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, JournalError>> {
        let columns = Columns(row);
        let entry = BatchEntry { task_id: TaskId(columns.hash("task_id")?), leaf: ResultLeaf(columns.hash("leaf")?) };
        let (epoch, root) = (Epoch(columns.get("epoch")?), BatchRoot(columns.hash("root")?));
        let found = Self { entry, epoch, root, number: columns.word("number")?, asked_at: columns.word("asked_at")? };
        Ok(if found.checksum() == columns.get::<i64>("checksum")? { Ok(found) } else { Err(found.damaged()) })
    }

    /// The first eight bytes of the hash over all columns.
    fn checksum(&self) -> i64 {
        let mut bytes = Vec::with_capacity(116);
        for hash in [&self.entry.task_id.0, &self.entry.leaf.0, &self.root.0] {
            bytes.extend_from_slice(hash.as_slice());
        }
        bytes.extend_from_slice(&self.epoch.0.to_be_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.asked_at.to_be_bytes());
        let hash = keccak256(&bytes);
        i64::from_be_bytes(hash[..8].try_into().expect("eight bytes"))
    }

    fn damaged(&self) -> JournalError {
        let text = format!("what was signed for task {} is not what was written", self.entry.task_id);
        StorageError::new(StorageFault::Corrupt, std::io::Error::other(text)).into()
    }

    /// Writes the row; `is_imported` says that another journal had it first, and so that the floor does not matter.
    pub(super) fn insert(&self, connection: &Connection, is_imported: bool) -> rusqlite::Result<()> {
        let Self { entry, epoch, root, number, asked_at } = self;
        let mut statement = connection.prepare_cached(
            "INSERT INTO signed (task_id, leaf, epoch, root, number, asked_at, checksum, is_imported)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute(params![
            entry.task_id.0.as_slice(),
            entry.leaf.0.as_slice(),
            epoch.0,
            root.0.as_slice(),
            signed(*number),
            signed(*asked_at),
            self.checksum(),
            is_imported,
        ])?;
        Ok(())
    }
}

/// What the journal knows of a task that somebody wants a signature for.
struct Standing {
    own: Option<ResultLeaf>,
    number: u64,
    asked_at: u64,
}

/// Records a vote. The caller undoes everything when this fails.
pub(super) fn record(connection: &Connection, epoch: Epoch, batch: &Batch) -> Result<(), JournalError> {
    let floor = certain(connection)?;
    for entry in batch.entries() {
        sign(connection, (epoch, batch.root()), entry, floor)?;
    }
    write_vote(connection, (epoch, batch.root()), batch.entries().len() as i64, None)?;
    Ok(())
}

/// Writes that a batch was voted for, now or at `recorded_at`.
pub(super) fn write_vote(
    connection: &Connection,
    (epoch, root): (Epoch, BatchRoot),
    results: i64,
    recorded_at: Option<i64>,
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO vote (epoch, root, results, recorded_at) VALUES (?1, ?2, ?3, coalesce(?4, unixepoch()))
         ON CONFLICT DO NOTHING",
    )?;
    statement.execute(params![epoch.0, root.0.as_slice(), results, recorded_at])
}

/// The floor, if the journal is known to be whole and to know where it begins.
fn certain(connection: &Connection) -> Result<Floor, JournalError> {
    let mut statement = connection.prepare_cached("SELECT doubt FROM guard")?;
    match statement.query_row([], |row| row.get(0))? {
        Some(doubt) => Err(JournalError::Doubted(doubt)),
        None => floor::read(connection)?.ok_or(JournalError::NoFloor),
    }
}

fn sign(
    connection: &Connection,
    (epoch, root): (Epoch, BatchRoot),
    entry: &BatchEntry,
    floor: Floor,
) -> Result<(), JournalError> {
    let BatchEntry { task_id, leaf: asked } = *entry;
    let signed = signed_leaf(connection, task_id)?;
    if let Some(signed) = signed.filter(|signed| *signed != asked) {
        return Err(JournalError::Conflict { task_id, signed, asked });
    }
    let standing = standing(connection, task_id)?;
    let own = standing.as_ref().and_then(|standing| standing.own);
    let Some(Standing { number, asked_at, .. }) = standing.filter(|_| own == Some(asked)) else {
        return Err(JournalError::NotOwnResult { task_id, own, asked });
    };
    if is_vetoed(connection, entry)? {
        return Err(JournalError::Vetoed { task_id, leaf: asked });
    }
    if signed.is_some() {
        return Ok(());
    }
    if !floor.is_above(number, asked_at) {
        return Err(JournalError::BelowFloor { task_id, floor });
    }
    Ok(SignedRow { entry: *entry, epoch, root, number, asked_at }.insert(connection, false)?)
}

/// Records a veto. Only who has another result vetoes one, and below the floor only who knows what it signed: it could be this very result.
pub(super) fn record_veto(connection: &Connection, epoch: Epoch, entry: BatchEntry) -> Result<(), JournalError> {
    let floor = certain(connection)?;
    let BatchEntry { task_id, leaf: asked } = entry;
    let signed = signed_leaf(connection, task_id)?;
    let standing = standing(connection, task_id)?;
    let own = standing.as_ref().and_then(|standing| standing.own);
    let Some(Standing { number, asked_at, .. }) = standing.filter(|_| own.is_some_and(|own| own != asked)) else {
        return Err(JournalError::VetoOfOwn { task_id, own, asked });
    };
    if signed == Some(asked) {
        return Err(JournalError::VetoOfOwn { task_id, own, asked });
    }
    if is_vetoed(connection, &entry)? {
        return Ok(());
    }
    if signed.is_none() && !floor.is_above(number, asked_at) {
        return Err(JournalError::BelowFloor { task_id, floor });
    }
    Ok(write_veto(connection, (entry, epoch), (number, asked_at), false).map(|_| ())?)
}

pub(super) fn write_veto(
    connection: &Connection,
    (entry, epoch): (BatchEntry, Epoch),
    (number, asked_at): (u64, u64),
    is_imported: bool,
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO vetoed (task_id, leaf, epoch, number, asked_at, is_imported) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?;
    let (task_id, leaf) = (entry.task_id.0.as_slice(), entry.leaf.0.as_slice());
    statement.execute(params![
        task_id,
        leaf,
        epoch.0,
        super::column::signed(number),
        super::column::signed(asked_at),
        is_imported
    ])
}

pub(super) fn is_vetoed(connection: &Connection, entry: &BatchEntry) -> Result<bool, JournalError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM vetoed WHERE task_id = ?1 AND leaf = ?2")?;
    Ok(statement.exists(params![entry.task_id.0.as_slice(), entry.leaf.0.as_slice()])?)
}

/// What was signed for a task; an error when that cannot be said for certain.
pub(super) fn signed_leaf(connection: &Connection, task_id: TaskId) -> Result<Option<ResultLeaf>, JournalError> {
    let mut statement = connection.prepare_cached("SELECT * FROM signed WHERE task_id = ?1")?;
    let found = statement.query_row([task_id.0.as_slice()], SignedRow::read).optional()?;
    Ok(found.transpose()?.map(|row| row.entry.leaf))
}

fn standing(connection: &Connection, task_id: TaskId) -> Result<Option<Standing>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT task.number, coalesce(task.block_time, task.recorded_at) AS asked_at, outcome.leaf
         FROM task LEFT JOIN outcome ON outcome.task_id = task.task_id AND outcome.kind = 'result'
         WHERE task.task_id = ?1",
    )?;
    let read = |columns: Columns<'_, '_>| {
        let own = columns.hash_or_null("leaf")?.map(ResultLeaf);
        Ok(Standing { own, number: columns.word("number")?, asked_at: columns.word("asked_at")? })
    };
    Ok(statement.query_row([task_id.0.as_slice()], |row| read(Columns(row))).optional()?)
}
