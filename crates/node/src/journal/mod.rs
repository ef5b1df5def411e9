//! The journal: what this operator must still know after a crash, in one SQLite file.
//!
//! Tasks and the cursor behind them, the outcome of each execution, every result that was ever voted for or vetoed, how each
//! task ended, and the service's store. An answer means that the write is on disk: commands wait on a bounded channel, one thread takes all that wait,
//! runs them in one transaction, commits, and answers each (group commit). A command that fails is undone alone. Queries
//! have a thread and a connection of their own, and see every write that was answered before them.
//!
//! What it refuses to do:
//! * **Sign for a second result.** A task is signed with one leaf, ever, and that leaf is the recorded result; the database
//!   itself refuses another, whatever the caller believes.
//! * **Sign both ways.** What was voted for is not vetoed, and what was vetoed is not voted for; the database itself refuses it.
//! * **Change its mind.** The first recorded result of a task is final: a second execution that returns other bytes is answered
//!   with the first.
//! * **Serve two.** A journal belongs to one service and one operator, and one process at a time has it open.
//! * **Sign what it may have signed.** Below the [`Floor`] nothing new is signed. A journal that is older than its [guard](Place::guard) has seen
//!   does not open, nor one that a certificate on the chain proves to be incomplete; see `docs/adr/0017`.
//! * **Go on after a storage fault.** A full, read-only, failing or corrupt disk is a [fatal](JournalError::is_fatal) error, and
//!   every later command is answered with it.
//! * **Hold secrets.** Keys, passwords and the components' secrets never get here.

mod callers;
mod check;
mod column;
mod error;
mod exchange;
mod firings;
mod floor;
mod guard;
mod history;
mod offline;
mod record;
mod retention;
mod schema;
mod store;
mod tasks;
mod votes;
mod witness;
mod worker;

#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod firing_tests;
#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod migration_tests;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, TransactionBehavior};
use tandem_types::{B256, Batch, BatchEntry, Epoch, ManifestHash, TaskId, WorkflowId};
use tokio::sync::{mpsc, oneshot};

pub use callers::TakenIn;
pub use check::{Checked, Fault};
pub use error::{JournalError, OpenError, StorageError, StorageFault};
pub use exchange::Exchanged;
pub use floor::Floor;
use guard::Guard;
pub use guard::{Doubt, Place};
pub use history::{Submission, TASK_STATES, TASKS_MAX, TaskCertificate, TaskCost, TaskLife, TaskQuery, TaskSummary};
pub use offline::Offline;
pub(crate) use record::bearable;
pub use record::{
    Cursor, FAILURE_MESSAGE_BYTES_MAX, FailureKind, Fate, Identity, Outcome, PendingLeaf, RecordedTask, Settlement,
    TaskCounts, TaskPosition, TaskRecord, TriggerCursor, UnknownFailureKind,
};
pub use retention::Pruned;
use schema::{Lock, Trust};
pub use tasks::OPEN_TASKS_PER_PAGE;
pub use witness::{Certified, Testimony};
use worker::{Command, Worker};

/// Commands that may wait before callers do.
const COMMANDS_WAITING_MAX: usize = 4096;

/// A handle to the open journal. Clones share it; the files are released when [`close`](Self::close) returns, or some time
/// after the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Journal {
    writer: mpsc::Sender<Command>,
    reader: mpsc::Sender<Command>,
    fault: Arc<OnceLock<StorageError>>,
}

impl Journal {
    /// Opens the journal at `place`, creating what does not exist. Blocks on the disk, and reads all of the file once. A journal that is new has no
    /// floor, and signs nothing until [`raise_floor`](Self::raise_floor).
    ///
    /// # Errors
    /// [`OpenError`] when another process has it open, when it belongs to another service or operator or to a newer version, when it may not
    /// know all that was signed, and when the disk fails or is damaged.
    pub fn open(place: &Place, identity: Identity) -> Result<Self, OpenError> {
        Self::open_with(place, identity, Trust::Proven)
    }

    /// Opens the journal although it may not know all that was signed: a person says that nothing else signs with this operator's keys.
    /// What may have been signed, up to `floor` and up to what the journal has seen, is not signed anew; the guard is written anew.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for doubts.
    pub fn recover(place: &Place, identity: Identity, floor: Floor) -> Result<Self, OpenError> {
        Self::open_with(place, identity, Trust::Recovered(floor))
    }

    fn open_with(place: &Place, identity: Identity, trust: Trust) -> Result<Self, OpenError> {
        let lock = schema::lock(&place.data)?;
        let (writer, guard) = schema::open_writer(place, identity, trust)?;
        let reader = schema::open_reader(&place.data)?;
        let fault = Arc::default();
        let held = (Some(guard), Some(lock));
        Ok(Self {
            writer: spawn("journal-writer", (writer, TransactionBehavior::Immediate), held, &fault)?,
            reader: spawn("journal-reader", (reader, TransactionBehavior::Deferred), (None, None), &fault)?,
            fault,
        })
    }

    /// The mark up to which nothing new is signed; none in a journal that was just made.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn floor(&self) -> Result<Option<Floor>, JournalError> {
        self.read(floor::read).await
    }

    /// Raises the floor, and returns where it is then: it never sinks.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn raise_floor(&self, to: Floor) -> Result<Floor, JournalError> {
        self.write(move |connection| floor::raise(connection, to)).await
    }

    /// Records what the chain says up to `cursor`, and moves the cursor there, in one transaction: tasks that were asked for, and what
    /// became of tasks, in the chain's order. Known tasks without a result move to the block that is given; fates of unknown tasks are kept for firings that are
    /// seen later. Returns the
    /// tasks that were new, in the order given.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then nothing of it is recorded.
    pub async fn record_span(
        &self,
        tasks: Vec<RecordedTask>,
        fates: Vec<(TaskId, Fate)>,
        cursor: Cursor,
    ) -> Result<Vec<TaskId>, JournalError> {
        self.write(move |connection| tasks::record_span(connection, &tasks, &fates, cursor)).await
    }

    /// Forgets what the chain said in the blocks after `to`, which a reorganisation has replaced: ends and pending results. Returns the tasks that are open
    /// again, or whose result is not pending any more.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then nothing is forgotten.
    pub async fn take_back(&self, to: u64) -> Result<Vec<TaskId>, JournalError> {
        self.write(move |connection| tasks::take_back(connection, to)).await
    }

    /// Records what a trigger of a manifest fired, and how far it was read, in one transaction: each firing with whether it is too late for it. Known ones
    /// without a result move to the anchor that is given. Returns those that were new, in the order given, with what the chain has said of them already.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then nothing of it is recorded.
    pub async fn record_firings(
        &self,
        trigger: (ManifestHash, WorkflowId),
        firings: Vec<(RecordedTask, bool)>,
        cursor: TriggerCursor,
    ) -> Result<Vec<(TaskId, Option<Fate>)>, JournalError> {
        self.write(move |connection| firings::record(connection, &trigger, &firings, cursor)).await
    }

    /// Records what a caller's firing came to be: its task, at its anchor, and whether it is too late for it. As of [`record_firings`](Self::record_firings).
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]; then nothing of it is recorded.
    pub async fn record_firing(
        &self,
        firing: RecordedTask,
        is_late: bool,
    ) -> Result<Option<(TaskId, Option<Fate>)>, JournalError> {
        self.write(move |connection| {
            let task_id = firing.task_id;
            let new = firings::write(connection, &[(firing, is_late)])?.pop();
            callers::placed(connection, task_id)?;
            Ok(new)
        })
        .await
    }

    /// How far a trigger of a manifest was read.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn trigger_cursor(
        &self,
        trigger: (ManifestHash, WorkflowId),
    ) -> Result<Option<TriggerCursor>, JournalError> {
        self.read(move |connection| firings::cursor(connection, &trigger)).await
    }

    /// Records what the execution of a task came to for the block with the hash `ran_at`, and returns what is recorded: the first result is final, and a
    /// failure gives way to whatever comes later.
    ///
    /// # Errors
    /// [`JournalError::Moved`] when a reorganisation has moved the task to another block meanwhile: its outcome is another. [`JournalError::UnknownTask`],
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn record_outcome(
        &self,
        (task_id, ran_at): (TaskId, Option<B256>),
        outcome: Outcome,
    ) -> Result<Outcome, JournalError> {
        self.write(move |connection| tasks::record_outcome(connection, (task_id, ran_at), outcome)).await
    }

    /// Records a vote for `batch` under the table of `epoch`. The vote may leave the process only after this has returned `Ok`.
    /// The same vote again is `Ok`.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] when a task of the batch was signed with another leaf, [`JournalError::NotOwnResult`] when the
    /// batch says other than this operator's recorded result, [`JournalError::Vetoed`] when this operator vetoed it,
    /// [`JournalError::BelowFloor`] and [`JournalError::NoFloor`] when it may have been signed before, [`JournalError::Doubted`],
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]. Nothing of the
    /// vote is recorded then.
    pub async fn record_vote(&self, epoch: Epoch, batch: Batch) -> Result<(), JournalError> {
        self.write(move |connection| votes::record(connection, epoch, &batch)).await
    }

    /// Records the veto of a result under the table of `epoch`. The veto may leave the process only after this has returned `Ok`. The
    /// same veto again is `Ok`.
    ///
    /// # Errors
    /// [`JournalError::VetoOfOwn`] when the result is this operator's own, was voted for, or this operator has none;
    /// [`JournalError::BelowFloor`] and [`JournalError::NoFloor`] when it may have been voted for, [`JournalError::Doubted`],
    /// [`JournalError::Storage`] or [`JournalError::Stopped`]. Nothing is recorded then.
    pub async fn record_veto(&self, epoch: Epoch, entry: BatchEntry) -> Result<(), JournalError> {
        self.write(move |connection| votes::record_veto(connection, epoch, entry)).await
    }

    /// Records how a task ended, and returns what is recorded: deliveries and vetoes are the chain's word and replace anything,
    /// nothing else replaces an end, and nothing else ends a task whose result is pending.
    ///
    /// # Errors
    /// [`JournalError::UnknownTask`], [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn settle(&self, task_id: TaskId, settlement: Settlement) -> Result<Option<Settlement>, JournalError> {
        self.write(move |connection| tasks::settle(connection, task_id, settlement)).await
    }

    /// Where the reading of a chain stands.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn cursor(&self, chain_id: u64) -> Result<Option<Cursor>, JournalError> {
        self.read(move |connection| tasks::cursor(connection, chain_id)).await
    }

    /// All that is known of a task.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn task(&self, task_id: TaskId) -> Result<Option<TaskRecord>, JournalError> {
        self.read(move |connection| tasks::task(connection, task_id)).await
    }

    /// The unsettled tasks after a position, ascending by number: at most [`OPEN_TASKS_PER_PAGE`]; fewer end the list.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn open_tasks(&self, after: Option<TaskPosition>) -> Result<Vec<TaskRecord>, JournalError> {
        self.read(move |connection| tasks::open(connection, after)).await
    }

    /// Tasks by state. Reads the unsettled ones only.
    ///
    /// # Errors
    /// [`JournalError::Storage`] or [`JournalError::Stopped`].
    pub async fn counts(&self) -> Result<TaskCounts, JournalError> {
        self.read(tasks::counts).await
    }

    /// Answers what was asked so far, then closes the files and releases the directory. Other clones are answered
    /// [`JournalError::Stopped`] from then on.
    pub async fn close(&self) {
        for worker in [&self.reader, &self.writer] {
            let (closed, done) = oneshot::channel();
            if worker.send(Command::Close(closed)).await.is_ok() {
                // An error says that the worker had ended before: closed is closed.
                let _ = done.await;
            }
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.ask(&self.writer, run).await
    }

    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.ask(&self.reader, run).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        worker: &mpsc::Sender<Command>,
        run: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        if let Some(fault) = self.fault.get() {
            return Err(fault.clone().into());
        }
        let (command, answer) = Command::job(run);
        worker.send(command).await.map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())?
    }

    fn stopped(&self) -> JournalError {
        self.fault.get().map_or(JournalError::Stopped, |fault| fault.clone().into())
    }
}

fn spawn(
    name: &str,
    (connection, behavior): (Connection, TransactionBehavior),
    (guard, lock): (Option<Guard>, Option<Lock>),
    fault: &Arc<OnceLock<StorageError>>,
) -> Result<mpsc::Sender<Command>, OpenError> {
    let (sender, commands) = mpsc::channel(COMMANDS_WAITING_MAX);
    let worker = Worker { connection, behavior, fault: Arc::clone(fault), guard, _lock: lock };
    std::thread::Builder::new().name(name.to_owned()).spawn(move || worker.run(commands)).map_err(OpenError::Thread)?;
    Ok(sender)
}
