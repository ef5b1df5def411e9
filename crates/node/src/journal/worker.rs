//! The journal's threads: each takes all commands that wait, runs them in one transaction, and answers after the commit.

use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::guard::Guard;
use super::schema::{Lock, sequence};
use super::{JournalError, StorageError};

/// Most commands of one transaction.
const GROUP_COMMANDS_MAX: usize = 512;

/// Tells the caller, once the fate of the transaction is known.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// Runs on the connection, or is told why it cannot.
pub(super) type Job = Box<dyn FnOnce(Result<&Connection, StorageError>) -> (Verdict, Answer) + Send>;

/// What is to become of what a command wrote.
pub(super) enum Verdict {
    Keep,
    Undo,
    Abort(StorageError),
}

/// What callers send to a thread.
pub(super) enum Command {
    /// Run this.
    Job(Job),
    /// Close the database, then say so.
    Close(oneshot::Sender<()>),
}

impl Command {
    /// A command that runs `run`, and where its answer will be. The answer comes after the commit.
    pub(super) fn job<T: Send + 'static>(
        run: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, JournalError>>) {
        let (sender, receiver) = oneshot::channel();
        let job = move |connection: Result<&Connection, StorageError>| -> (Verdict, Answer) {
            let result = connection.map_err(JournalError::from).and_then(run);
            let verdict = verdict(&result);
            let answer = move |committed: Result<(), StorageError>| {
                // A caller that went away needs no answer.
                let _ = sender.send(committed.map_err(JournalError::from).and(result));
            };
            (verdict, Box::new(answer))
        };
        (Self::Job(Box::new(job)), receiver)
    }
}

fn verdict<T>(result: &Result<T, JournalError>) -> Verdict {
    match result {
        Ok(_) => Verdict::Keep,
        Err(JournalError::Storage(error)) if error.is_fatal() => Verdict::Abort(error.clone()),
        Err(_) => Verdict::Undo,
    }
}

/// A connection and the thread that owns it.
pub(super) struct Worker {
    pub(super) connection: Connection,
    pub(super) behavior: TransactionBehavior,
    /// Set once, by the worker that meets a fatal fault.
    pub(super) fault: Arc<OnceLock<StorageError>>,
    /// Of the one that writes. Follows every commit before anybody is answered.
    pub(super) guard: Option<Guard>,
    /// Dropped after the connection, because fields are dropped in order.
    pub(super) _lock: Option<Lock>,
}

impl Worker {
    /// Serves until the journal is closed, its last handle is gone, or the database fails.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let (jobs, close) = gather(first, &mut commands);
            if let Err(error) = self.run_group(jobs) {
                tracing::error!(error = %error, cause = %error.source, fatal = error.is_fatal(), "the journal failed");
                if error.is_fatal() {
                    // Before the channel, so that whoever is told that the journal is closed finds the directory free.
                    drop(self);
                    return;
                }
            }
            if let Some(closed) = close {
                drop(self);
                // The caller may have stopped waiting.
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Runs `jobs` in one transaction and answers all. After a fatal fault nothing of the group is kept, or nobody is told that it was, and the
    /// fault is published before anybody is answered.
    fn run_group(&mut self, jobs: Vec<Job>) -> Result<(), StorageError> {
        let mut answers = Vec::with_capacity(jobs.len());
        let mut waiting = jobs.into_iter();
        let end = self.commit_group(&mut waiting, &mut answers);
        if let Err(error) = &end {
            if error.is_fatal() {
                self.fault.get_or_init(|| error.clone());
            }
            answers.extend(waiting.map(|job| job(Err(error.clone())).1));
        }
        answers.into_iter().for_each(|answer| answer(end.clone()));
        end
    }

    fn commit_group(
        &mut self,
        jobs: &mut dyn Iterator<Item = Job>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), StorageError> {
        // Rolls back when it is dropped without a commit.
        let transaction = self.connection.transaction_with_behavior(self.behavior)?;
        for job in jobs {
            transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
            let (verdict, answer) = job(Ok(&transaction));
            answers.push(answer);
            match verdict {
                Verdict::Keep => {}
                Verdict::Undo => _ = transaction.prepare_cached("ROLLBACK TO job")?.execute([])?,
                Verdict::Abort(error) => return Err(error),
            }
            transaction.prepare_cached("RELEASE job")?.execute([])?;
        }
        let Some(guard) = self.guard.as_mut() else {
            return Ok(transaction.commit()?);
        };
        let sequence = sequence(&transaction)?;
        transaction.commit()?;
        Ok(guard.advance(sequence)?)
    }
}

/// The first command and all that wait behind it, up to the bound or a request to close.
fn gather(first: Command, commands: &mut mpsc::Receiver<Command>) -> (Vec<Job>, Option<oneshot::Sender<()>>) {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            Command::Job(job) => jobs.push(job),
            Command::Close(closed) => return (jobs, Some(closed)),
        }
        next = if jobs.len() < GROUP_COMMANDS_MAX { commands.try_recv().ok() } else { None };
    }
    (jobs, None)
}
