//! Runs components for tasks and journals what came of it. A result reaches the agreement only after the journal has it; a failure of a
//! source or of this node is tried again while the task is open, one of the component is not.
//!
//! A task that waits for its next attempt costs a timer and its id: what it needs is read from the journal when it runs. So the tasks
//! that wait hold up neither those that can run nor the reading of the chain.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tandem_engine::{Execution, Fault, RunError, TaskInput};
use tandem_protocol::{OwnResult, Timestamp};
use tandem_types::{BatchEntry, ComponentDigest, ServiceId, Task, TaskId, TaskResult};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agree::AgreeInput;
use crate::clock;
use crate::journal::{FailureKind, Journal, JournalError, Outcome, RecordedTask};
use crate::metrics::{ExecutionOutcome, Metrics};
use crate::workflows::{Missing, Workflows};

/// Tasks that are read from the journal and run at a time; the engine bounds how many of them compute.
pub(crate) const ATTEMPTS_MAX: usize = 512;
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What every execution shares.
pub(crate) struct Executor {
    pub(crate) service: ServiceId,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) journal: Journal,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
    pub(crate) attempts: Semaphore,
}

/// An execution that did not give a result.
struct Failure {
    kind: FailureKind,
    message: String,
}

impl Executor {
    /// Executes what comes in, until it is told to stop.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is no more; then nothing may be attested.
    pub(crate) async fn run(
        self,
        mut tasks: mpsc::UnboundedReceiver<TaskId>,
        stop: CancellationToken,
    ) -> Result<(), JournalError> {
        let shared = Arc::new(self);
        let (failed, mut failures) = mpsc::channel(1);
        let tracker = TaskTracker::new();
        loop {
            let task = tokio::select! {
                task = tasks.recv() => task,
                Some(error) = failures.recv() => return Err(error),
                () = stop.cancelled() => None,
            };
            let Some(task) = task else {
                return Ok(());
            };
            let (shared, failed, stop) = (Arc::clone(&shared), failed.clone(), stop.clone());
            tracker.spawn(async move {
                if let Some(Err(error)) = stop.run_until_cancelled(shared.attempt_until_settled(task)).await {
                    // A full channel holds an error already, and one is enough.
                    let _ = failed.try_send(error);
                }
            });
        }
    }

    async fn attempt_until_settled(&self, task: TaskId) -> Result<(), JournalError> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            match self.attempt_open(task).await {
                Ok(true) => return Ok(()),
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => tracing::warn!(%task, %error, "the journal refuses an outcome"),
                Ok(false) => {}
            }
            tokio::time::sleep(pauses.next().unwrap_or(PAUSE_MAX)).await;
        }
    }

    /// Executes once, if the task is still open; true when there is nothing more to try.
    async fn attempt_open(&self, task: TaskId) -> Result<bool, JournalError> {
        let _place = self.attempts.acquire().await.expect("the semaphore is never closed");
        match self.journal.task(task).await? {
            Some(record) if record.is_open(clock::unix_seconds()) => self.attempt(&record.recorded).await,
            _ => Ok(true),
        }
    }

    /// Executes once; true when there is nothing more to try.
    async fn attempt(&self, recorded: &RecordedTask) -> Result<bool, JournalError> {
        let outcome = match self.execute(recorded).await {
            Ok((component, execution)) => self.result(recorded, component, execution),
            Err(Failure { kind, message }) => Outcome::Failed { kind, message, fuel: 0 },
        };
        self.count(recorded.task_id, &outcome);
        let recorded_outcome = self.journal.record_outcome(recorded.task_id, outcome).await?;
        match &recorded_outcome {
            Outcome::Result { leaf, payload, .. } => {
                let entry = BatchEntry { task_id: recorded.task_id, leaf: *leaf };
                self.announce(own_result(&recorded.task, entry, payload.len())).await;
                Ok(true)
            }
            Outcome::Failed { kind, .. } => Ok(!kind.is_retryable()),
        }
    }

    /// Hands a journaled result to the agreement.
    async fn announce(&self, result: OwnResult) {
        if self.agree.send(AgreeInput::Executed(result)).await.is_err() {
            tracing::debug!("the agreement has ended; the result stays in the journal");
        }
    }

    async fn execute(&self, recorded: &RecordedTask) -> Result<(ComponentDigest, Execution), Failure> {
        let Task { manifest, workflow, .. } = &recorded.task;
        let component = self.workflows.component(*manifest, workflow).map_err(missing)?;
        let Some(block) = recorded.block() else {
            let message = "an earlier version recorded the task without its block".to_owned();
            return Err(Failure { kind: FailureKind::Host, message });
        };
        let input =
            TaskInput { task_id: recorded.task_id, workflow: workflow.clone(), block, input: recorded.input.clone() };
        match component.run(input).await {
            Ok(execution) => Ok((component.digest(), execution)),
            Err(error) => Err(Failure { kind: kind(&error), message: error.to_string() }),
        }
    }

    fn result(&self, recorded: &RecordedTask, component: ComponentDigest, execution: Execution) -> Outcome {
        let Execution { output, fuel, elapsed, .. } = execution;
        self.metrics.execution_seconds.observe(elapsed.as_secs_f64());
        let result = TaskResult {
            task_id: recorded.task_id,
            component,
            chain_id: self.service.chain_id,
            handler: recorded.task.handler,
            payload: output,
        };
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Outcome::Result { component, leaf: result.leaf(), payload: result.payload, fuel, elapsed_ms }
    }

    fn count(&self, task: TaskId, outcome: &Outcome) {
        match outcome {
            Outcome::Result { leaf, payload, fuel, elapsed_ms, .. } => {
                self.metrics.executed(ExecutionOutcome::Result);
                tracing::info!(%task, %leaf, bytes = payload.len(), fuel, elapsed_ms, "executed");
            }
            Outcome::Failed { kind, message, .. } => {
                self.metrics.executed(match kind {
                    FailureKind::Task => ExecutionOutcome::Task,
                    FailureKind::Component => ExecutionOutcome::Component,
                    FailureKind::Source => ExecutionOutcome::Source,
                    FailureKind::Host => ExecutionOutcome::Host,
                });
                tracing::warn!(%task, fault = kind.as_str(), %message, "execution failed");
            }
        }
    }
}

/// What the agreement needs to know of a result.
pub(crate) fn own_result(task: &Task, entry: BatchEntry, payload_bytes: usize) -> OwnResult {
    let deadline = Timestamp(task.deadline.saturating_mul(1_000));
    OwnResult { entry, requirement: task.requirement, deadline, payload_bytes }
}

/// Both may be here when the task is tried again.
fn missing(missing: Missing) -> Failure {
    let kind = match missing {
        Missing::Unknown(..) => FailureKind::Host,
        Missing::Awaited(_) => FailureKind::Source,
    };
    Failure { kind, message: missing.to_string() }
}

fn kind(error: &RunError) -> FailureKind {
    match error.fault() {
        Fault::Task => FailureKind::Task,
        Fault::Component => FailureKind::Component,
        Fault::Source => FailureKind::Source,
        Fault::Host => FailureKind::Host,
    }
}
