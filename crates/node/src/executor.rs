//! Runs components for tasks and journals what came of it. A result reaches the agreement only after the journal has it; a failure of a
//! source or of this node is tried again until the task's deadline, one of the component is not.

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
use crate::workflows::Workflows;

/// Tasks that run or wait for their next attempt at a time.
const TASKS_MAX: usize = 1_024;

/// What every execution shares.
pub(crate) struct Executor {
    pub(crate) service: ServiceId,
    pub(crate) workflows: Workflows,
    pub(crate) journal: Journal,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
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
        mut tasks: mpsc::Receiver<RecordedTask>,
        stop: CancellationToken,
    ) -> Result<(), JournalError> {
        let shared = Arc::new(self);
        let places = Arc::new(Semaphore::new(TASKS_MAX));
        let (failed, mut failures) = mpsc::channel(1);
        let tracker = TaskTracker::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
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
                let ended = stop.run_until_cancelled(shared.attempt_until_deadline(&task)).await;
                if let Some(Err(error)) = ended {
                    // A full channel holds an error already, and one is enough.
                    let _ = failed.try_send(error);
                }
                drop(place);
            });
        }
    }

    async fn attempt_until_deadline(&self, recorded: &RecordedTask) -> Result<(), JournalError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(20)
            .build();
        for pause in backoff {
            if recorded.task.deadline < clock::unix_seconds() || self.attempt(recorded).await? {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
        Ok(())
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
            Outcome::Result { leaf, .. } => {
                let entry = BatchEntry { task_id: recorded.task_id, leaf: *leaf };
                self.announce(own_result(&recorded.task, entry)).await;
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
        let Some(component) = self.workflows.component(*manifest, workflow) else {
            let message = format!("manifest {manifest} with workflow `{workflow}` is not among this node's manifests");
            return Err(Failure { kind: FailureKind::Host, message });
        };
        let input = TaskInput { task_id: recorded.task_id, workflow: workflow.clone(), input: recorded.input.clone() };
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
pub(crate) fn own_result(task: &Task, entry: BatchEntry) -> OwnResult {
    OwnResult { entry, quorum: task.quorum, deadline: Timestamp(task.deadline.saturating_mul(1_000)) }
}

fn kind(error: &RunError) -> FailureKind {
    match error.fault() {
        Fault::Task => FailureKind::Task,
        Fault::Component => FailureKind::Component,
        Fault::Source => FailureKind::Source,
        Fault::Host => FailureKind::Host,
    }
}
