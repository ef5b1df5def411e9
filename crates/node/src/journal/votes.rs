//! Votes and vetoes: the one place where the journal decides what may be signed.

use rusqlite::{Connection, OptionalExtension, params};
use tandem_types::{Batch, BatchEntry, BatchRoot, Epoch, ResultLeaf, TaskId};

use super::JournalError;
use super::column::Columns;

/// Records a vote. The caller undoes everything when this fails.
pub(super) fn record(connection: &Connection, epoch: Epoch, batch: &Batch) -> Result<(), JournalError> {
    for entry in batch.entries() {
        sign(connection, epoch, batch.root(), entry)?;
    }
    connection
        .prepare_cached("INSERT INTO vote (epoch, root, results) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![epoch.0, batch.root().0.as_slice(), batch.entries().len() as i64])?;
    Ok(())
}

fn sign(connection: &Connection, epoch: Epoch, root: BatchRoot, entry: &BatchEntry) -> Result<(), JournalError> {
    let BatchEntry { task_id, leaf: asked } = *entry;
    let signed = signed_leaf(connection, task_id)?;
    if let Some(signed) = signed.filter(|signed| *signed != asked) {
        return Err(JournalError::Conflict { task_id, signed, asked });
    }
    let own = own_leaf(connection, task_id)?;
    if own != Some(asked) {
        return Err(JournalError::NotOwnResult { task_id, own, asked });
    }
    if is_vetoed(connection, entry)? {
        return Err(JournalError::Vetoed { task_id, leaf: asked });
    }
    if signed.is_none() {
        connection
            .prepare_cached("INSERT INTO signed (task_id, leaf, epoch, root) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![task_id.0.as_slice(), asked.0.as_slice(), epoch.0, root.0.as_slice()])?;
    }
    Ok(())
}

/// Records a veto. Only who has another result vetoes one.
pub(super) fn record_veto(connection: &Connection, epoch: Epoch, entry: BatchEntry) -> Result<(), JournalError> {
    let BatchEntry { task_id, leaf: asked } = entry;
    let (own, signed) = (own_leaf(connection, task_id)?, signed_leaf(connection, task_id)?);
    if own.is_none_or(|own| own == asked) || signed == Some(asked) {
        return Err(JournalError::VetoOfOwn { task_id, own, asked });
    }
    connection
        .prepare_cached("INSERT INTO vetoed (task_id, leaf, epoch) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![task_id.0.as_slice(), asked.0.as_slice(), epoch.0])?;
    Ok(())
}

fn is_vetoed(connection: &Connection, entry: &BatchEntry) -> Result<bool, JournalError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM vetoed WHERE task_id = ?1 AND leaf = ?2")?;
    Ok(statement.exists(params![entry.task_id.0.as_slice(), entry.leaf.0.as_slice()])?)
}

fn signed_leaf(connection: &Connection, task_id: TaskId) -> Result<Option<ResultLeaf>, JournalError> {
    leaf(connection, "SELECT leaf FROM signed WHERE task_id = ?1", task_id)
}

fn own_leaf(connection: &Connection, task_id: TaskId) -> Result<Option<ResultLeaf>, JournalError> {
    leaf(connection, "SELECT leaf FROM outcome WHERE task_id = ?1 AND kind = 'result'", task_id)
}

fn leaf(connection: &Connection, sql: &str, task_id: TaskId) -> Result<Option<ResultLeaf>, JournalError> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([task_id.0.as_slice()], |row| Columns(row).hash("leaf")).optional()?;
    Ok(found.map(ResultLeaf))
}
