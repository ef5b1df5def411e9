//! What became of tasks, for people: lists, one task's life, costs. Reads, but for the costs of this node's own transactions.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_types::{B256, BatchEntry, BatchRoot, Epoch, PerToken, ResultLeaf, TaskId, Weight, WorkflowId, is_firing};

use super::column::{Columns, signed};
use super::{Journal, JournalError, TaskRecord, tasks};

/// Most tasks of one list.
pub const TASKS_MAX: usize = 1_000;

/// States that a task can be in, as people see them.
pub const TASK_STATES: [&str; 8] =
    ["waiting", "executed", "failed", "pending", "delivered", "vetoed", "expired", "skipped"];

/// A transaction of this node, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submission {
    /// The transaction.
    pub tx_hash: B256,
    /// `batch`, `veto` or `final`.
    pub kind: &'static str,
    /// Results that it brought.
    pub results: usize,
    /// Block that holds it.
    pub block_number: u64,
    /// Gas that it took.
    pub gas: u64,
    /// Wei that were paid per gas.
    pub gas_price: u128,
    /// Whether it did what it was for.
    pub is_success: bool,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// In this state only, one of [`TASK_STATES`], or `open` for all that have not ended.
    pub state: Option<String>,
    /// Of this workflow only.
    pub workflow: Option<WorkflowId>,
    /// Recorded since this second only, in Unix time.
    pub since: u64,
    /// At most so many, and at most [`TASKS_MAX`].
    pub limit: usize,
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskSummary {
    /// Its identity.
    pub task_id: TaskId,
    /// Its number, if it was asked for.
    pub number: Option<u64>,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// One of [`TASK_STATES`].
    pub state: String,
    /// When this node recorded it, in Unix seconds.
    pub recorded_at: u64,
    /// Last second at which it can be delivered.
    pub deadline: u64,
    /// When this node saw its end.
    pub settled_at: Option<u64>,
    /// The transaction that ended it.
    pub tx_hash: Option<B256>,
    /// Why there is no result.
    pub failure: Option<String>,
}

/// The certificate that a task was delivered with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskCertificate {
    /// Table that it was verified under.
    pub epoch: Epoch,
    /// Root of its batch.
    pub root: BatchRoot,
    /// Time of its block, in Unix seconds.
    pub block_time: u64,
    /// Stake of the signers.
    pub signed: PerToken<Weight>,
    /// Stake of all.
    pub total: PerToken<Weight>,
    /// Whether this operator is among the signers, as far as that is known.
    pub is_own: Option<bool>,
}

/// What one transaction of this node cost, and the part of one task.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskCost {
    /// Gas of the whole transaction.
    pub gas: u64,
    /// Results that share it.
    pub results: u64,
    /// Wei of the whole transaction, as a decimal number.
    pub wei: String,
}

/// All that this node knows of a task, with times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLife {
    /// The task, its outcome and its end.
    pub record: TaskRecord,
    /// When this node recorded it, in Unix seconds.
    pub recorded_at: u64,
    /// When it was executed last.
    pub executed_at: Option<u64>,
    /// When it was first voted for, and under which table and root.
    pub vote: Option<(Option<u64>, Epoch, BatchRoot)>,
    /// Results of it that this operator vetoed, and when.
    pub vetoes: Vec<(ResultLeaf, u64)>,
    /// When this node saw its end.
    pub settled_at: Option<u64>,
    /// The certificate that it was delivered with, or made pending by.
    pub certificate: Option<TaskCertificate>,
    /// What this node paid for its delivery, if this node delivered it.
    pub cost: Option<TaskCost>,
}

impl Journal {
    /// Records what a transaction of this node cost.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn record_submission(&self, submission: Submission) -> Result<(), JournalError> {
        self.write(move |connection| Ok(write_submission(connection, &submission)?)).await
    }

    /// Tasks, the newest first.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn tasks(&self, query: TaskQuery) -> Result<Vec<TaskSummary>, JournalError> {
        self.read(move |connection| list(connection, &query)).await
    }

    /// One task with its times.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn life(&self, task_id: TaskId) -> Result<Option<TaskLife>, JournalError> {
        self.read(move |connection| life(connection, task_id)).await
    }

    /// The tasks of that number: more than one only after a reorganisation.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn numbered(&self, number: u64) -> Result<Vec<TaskId>, JournalError> {
        self.read(move |connection| numbered(connection, number)).await
    }
}

fn write_submission(connection: &Connection, submission: &Submission) -> rusqlite::Result<()> {
    let Submission { tx_hash, kind, results, block_number, gas, gas_price, is_success } = submission;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO submission (tx_hash, kind, results, block_number, gas, gas_price, is_success)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        tx_hash.as_slice(),
        kind,
        *results as i64,
        signed(*block_number),
        signed(*gas),
        gas_price.to_string(),
        is_success,
    ])?;
    Ok(())
}

pub(super) fn list(connection: &Connection, query: &TaskQuery) -> Result<Vec<TaskSummary>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (
            SELECT task.task_id, number, workflow, task.recorded_at, deadline, settled, settled_at, tx_hash, message,
                   coalesce(settled, CASE WHEN pending_leaf IS NOT NULL THEN 'pending' END,
                            CASE kind WHEN 'result' THEN 'executed' ELSE kind END, 'waiting') AS state
            FROM task LEFT JOIN outcome USING (task_id) ORDER BY task.recorded_at DESC, number DESC, task.task_id)
         WHERE (?1 IS NULL OR state = ?1 OR (?1 = 'open' AND settled IS NULL)) AND (?2 IS NULL OR workflow = ?2) AND recorded_at >= ?3
         ORDER BY recorded_at DESC, number DESC, task_id LIMIT ?4",
    )?;
    let workflow = query.workflow.as_ref().map(WorkflowId::as_str);
    let limit = query.limit.min(TASKS_MAX) as i64;
    let rows = statement.query_map(params![query.state, workflow, signed(query.since), limit], summary)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<TaskSummary> {
    let columns = Columns(row);
    Ok(TaskSummary {
        task_id: TaskId(columns.hash("task_id")?),
        number: Some(columns.word("number")?).filter(|number| !is_firing(*number)),
        workflow: columns.text("workflow", str::parse::<WorkflowId>)?,
        state: columns.get("state")?,
        recorded_at: columns.word("recorded_at")?,
        deadline: columns.word("deadline")?,
        settled_at: columns.word_or_null("settled_at")?,
        tx_hash: columns.hash_or_null("tx_hash")?,
        failure: columns.get("message")?,
    })
}

pub(super) fn numbered(connection: &Connection, number: u64) -> Result<Vec<TaskId>, JournalError> {
    let mut statement =
        connection.prepare_cached("SELECT task_id FROM task WHERE number = ?1 AND number > 0 ORDER BY task_id")?;
    let rows = statement.query_map([signed(number)], |row| Columns(row).hash("task_id").map(TaskId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn life(connection: &Connection, task_id: TaskId) -> Result<Option<TaskLife>, JournalError> {
    let Some(record) = tasks::task(connection, task_id)? else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT task.recorded_at, task.settled_at, task.tx_hash, outcome.recorded_at AS executed_at,
                signed.epoch, signed.root, vote.recorded_at AS voted_at
         FROM task LEFT JOIN outcome USING (task_id) LEFT JOIN signed USING (task_id)
              LEFT JOIN vote ON vote.epoch = signed.epoch AND vote.root = signed.root
         WHERE task.task_id = ?1",
    )?;
    let mut rows = statement.query([task_id.0.as_slice()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let columns = Columns(row);
    let root = columns.hash_or_null("root")?.map(BatchRoot);
    let vote = match root {
        Some(root) => Some((columns.word_or_null("voted_at")?, Epoch(columns.get("epoch")?), root)),
        None => None,
    };
    let tx_hash = columns.hash_or_null("tx_hash")?;
    Ok(Some(TaskLife {
        recorded_at: columns.word("recorded_at")?,
        executed_at: columns.word_or_null("executed_at")?,
        settled_at: columns.word_or_null("settled_at")?,
        certificate: certificate(connection, tx_hash, root)?,
        cost: tx_hash.map(|tx_hash| cost(connection, tx_hash)).transpose()?.flatten(),
        vetoes: vetoes(connection, task_id)?,
        record,
        vote,
    }))
}

fn vetoes(connection: &Connection, task_id: TaskId) -> Result<Vec<(ResultLeaf, u64)>, JournalError> {
    let mut statement =
        connection.prepare_cached("SELECT leaf, recorded_at FROM vetoed WHERE task_id = ?1 ORDER BY recorded_at")?;
    let read = |row: &Row<'_>| Ok((ResultLeaf(Columns(row).hash("leaf")?), Columns(row).word("recorded_at")?));
    let rows = statement.query_map([task_id.0.as_slice()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The certificate of the delivery, or of the root that this operator voted for.
fn certificate(
    connection: &Connection,
    tx_hash: Option<B256>,
    root: Option<BatchRoot>,
) -> Result<Option<TaskCertificate>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM certificate WHERE tx_hash = ?1
         UNION ALL SELECT * FROM certificate WHERE root = ?2 AND ?1 IS NULL LIMIT 1",
    )?;
    let tx_hash = tx_hash.as_ref().map(|hash| hash.as_slice());
    let root = root.as_ref().map(|root| root.0.as_slice());
    Ok(statement.query_row(params![tx_hash, root], certificate_of).optional()?)
}

fn certificate_of(row: &Row<'_>) -> rusqlite::Result<TaskCertificate> {
    let columns = Columns(row);
    let weight = |name: &str| columns.weight(name);
    Ok(TaskCertificate {
        epoch: Epoch(columns.get("epoch")?),
        root: BatchRoot(columns.hash("root")?),
        block_time: columns.word("block_time")?,
        signed: PerToken { native: weight("signed_native")?, external: weight("signed_external")? },
        total: PerToken { native: weight("total_native")?, external: weight("total_external")? },
        is_own: columns.get("is_own")?,
    })
}

fn cost(connection: &Connection, tx_hash: B256) -> Result<Option<TaskCost>, JournalError> {
    let mut statement = connection
        .prepare_cached("SELECT gas, gas_price, results FROM submission WHERE tx_hash = ?1 AND is_success")?;
    let read = |row: &Row<'_>| {
        let columns = Columns(row);
        let (gas, results) = (columns.word("gas")?, columns.word("results")?);
        let price = columns.text("gas_price", str::parse::<u128>)?;
        Ok(TaskCost { gas, results, wei: price.saturating_mul(gas.into()).to_string() })
    };
    Ok(statement.query_row([tx_hash.as_slice()], read).optional()?)
}

/// What is wanted of a batch entry elsewhere.
pub(super) fn entry_of(columns: &Columns<'_, '_>) -> rusqlite::Result<BatchEntry> {
    Ok(BatchEntry { task_id: TaskId(columns.hash("task_id")?), leaf: ResultLeaf(columns.hash("leaf")?) })
}
