//! The chain as a witness: a certificate or a veto that this operator signed, and that the journal knows nothing of, proves that the journal is
//! an old copy or that another node signs with the same keys. Then nothing is signed any more.

use rusqlite::{Connection, OptionalExtension, params};
use tandem_types::{B256, BatchEntry, BatchRoot, Epoch, PerToken, TaskId, Weight};

use super::column::{Columns, signed};
use super::{Floor, Journal, JournalError, floor, votes};

/// A certificate over a batch that the chain accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The transaction that brought it.
    pub tx_hash: B256,
    /// Number and time of its block.
    pub block: (u64, u64),
    /// Table that it was verified under.
    pub epoch: Epoch,
    /// What was signed.
    pub root: BatchRoot,
    /// Whether nothing could stop its results.
    pub is_final: bool,
    /// Stake of the signers.
    pub signed: PerToken<Weight>,
    /// Stake of all.
    pub total: PerToken<Weight>,
    /// Whether this operator is among the signers; none when the table cannot be read any more.
    pub is_own: Option<bool>,
    /// Tasks that the transaction settled or made pending.
    pub tasks: Vec<TaskId>,
}

/// What the chain shows of this operator's signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Testimony {
    /// Certificates, this operator's or not.
    pub certified: Vec<Certified>,
    /// Results that this operator vetoed, as the chain says.
    pub vetoed: Vec<BatchEntry>,
    /// Number and time of the tasks that were asked for in the same blocks, and so may not be in the journal yet.
    pub asked: Vec<(TaskId, (u64, u64))>,
}

impl Journal {
    /// Keeps the certificates, and compares them with what this journal signed. Returns why nothing may be signed any more, if so: the
    /// journal keeps that too, and does not open again until it is recovered.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn witness(&self, testimony: Testimony) -> Result<Option<String>, JournalError> {
        self.write(move |connection| witness(connection, &testimony)).await
    }

    /// Has the journal sign nothing any more until it is recovered, and says why.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn doubt(&self, reason: String) -> Result<(), JournalError> {
        self.write(move |connection| write_doubt(connection, &reason)).await
    }
}

fn witness(connection: &Connection, testimony: &Testimony) -> Result<Option<String>, JournalError> {
    let floor = floor::read(connection)?.unwrap_or_default();
    let mut doubt = None;
    for certified in &testimony.certified {
        keep(connection, certified)?;
        if certified.is_own == Some(true)
            && !is_voted(connection, certified)?
            && any_above(connection, (&certified.tasks, testimony), floor)?
        {
            doubt.get_or_insert_with(|| {
                let Certified { root, epoch, tx_hash, .. } = certified;
                format!(
                    "the chain has a certificate with this operator's signature over {root} under table {epoch} in transaction {tx_hash}, and the journal does \
                     not know of it: it is an old copy, or another node signs with the same keys"
                )
            });
        }
    }
    for entry in &testimony.vetoed {
        if !votes::is_vetoed(connection, entry)? && any_above(connection, (&[entry.task_id], testimony), floor)? {
            doubt.get_or_insert_with(|| {
                let BatchEntry { task_id, leaf } = entry;
                format!(
                    "the chain has this operator's veto of result {leaf} of task {task_id}, and the journal does not know of it: it is an old copy, or another \
                     node signs with the same keys"
                )
            });
        }
    }
    if let Some(reason) = &doubt {
        write_doubt(connection, reason)?;
    }
    Ok(doubt)
}

fn keep(connection: &Connection, certified: &Certified) -> rusqlite::Result<()> {
    let Certified { tx_hash, block, epoch, root, is_final, signed: weight, total, is_own, tasks: _ } = certified;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO certificate (tx_hash, root, epoch, block_number, block_time, is_final, signed_native, signed_external,
                                             total_native, total_external, is_own)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    statement.execute(params![
        tx_hash.as_slice(),
        root.0.as_slice(),
        epoch.0,
        signed(block.0),
        signed(block.1),
        is_final,
        weight.native.units().to_string(),
        weight.external.units().to_string(),
        total.native.units().to_string(),
        total.external.units().to_string(),
        is_own,
    ])?;
    Ok(())
}

fn is_voted(connection: &Connection, certified: &Certified) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM vote WHERE epoch = ?1 AND root = ?2")?;
    statement.exists(params![certified.epoch.0, certified.root.0.as_slice()])
}

/// Whether one of the tasks lies above the floor: what lies below may have been signed before the journal began, or was forgotten.
fn any_above(
    connection: &Connection,
    (tasks, testimony): (&[TaskId], &Testimony),
    floor: Floor,
) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT number, coalesce(block_time, recorded_at) AS asked_at FROM task WHERE task_id = ?1")?;
    for task in tasks {
        let read = |row: &rusqlite::Row<'_>| Ok((Columns(row).word("number")?, Columns(row).word("asked_at")?));
        let recorded = statement.query_row([task.0.as_slice()], read).optional()?;
        let asked = recorded.or_else(|| testimony.asked.iter().find(|(id, _)| id == task).map(|(_, asked)| *asked));
        if asked.is_some_and(|(number, asked_at)| floor.is_above(number, asked_at)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn write_doubt(connection: &Connection, reason: &str) -> Result<(), JournalError> {
    connection.prepare_cached("UPDATE guard SET doubt = coalesce(doubt, ?1)")?.execute([reason])?;
    Ok(())
}
