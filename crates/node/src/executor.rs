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
use crate::journal::{FailureKind, Journal, JournalError, Outcome, RecordedTask, bearable};
use crate::metrics::{ExecutionOutcome, Metrics};
use crate::telemetry::{Details, Stage, Traces};
use crate::workflows::{MissingComponent, Workflows};

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
    pub(crate) traces: Traces,
    pub(crate) attempts: Semaphore,
}

/// Why an execution did not give a result.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// There is nothing to execute.
    #[error(transparent)]
    Component(#[from] MissingComponent),
    /// The journal's row has no block, and a component's time and chain are those of the block.
    #[error(
        "the task was recorded by a version that did not keep the block {number} that it was asked for in, so it cannot be executed here; the other operators \
         can, and tasks that are asked for from now on can be executed here too"
    )]
    NoBlock {
        /// Number of the block.
        number: u64,
    },
    /// The execution ended without an output.
    #[error(transparent)]
    Run(#[from] RunError),
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
            // Before the attempt, or a component that comes meanwhile would be missed.
            let settled = self.workflows.settled();
            match self.attempt_open(task).await {
                Ok(true) => return Ok(()),
                Err(error) if error.is_fatal() => return Err(error),
                Err(JournalError::Moved(_)) => {
                    tracing::info!(%task, "it was moved to another block while it was executed, executing it anew");
                    continue;
                }
                Err(error) => tracing::warn!(%task, %error, "the journal refuses an outcome"),
                Ok(false) => {}
            }
            // A component has come, perhaps the one that the task waits for; or it is time again.
            let _ = tokio::time::timeout(pauses.next().unwrap_or(PAUSE_MAX), settled).await;
        }
    }

    /// Executes once, if the task is still open; true when there is nothing more to try.
    async fn attempt_open(&self, task: TaskId) -> Result<bool, JournalError> {
        let _place = self.attempts.acquire().await.expect("the semaphore is never closed");
        match self.journal.task(task).await? {
            // What may not be signed need not be executed: its time passes, or the others bring its result.
            Some(record) if record.is_below_floor => Ok(true),
            Some(record) if record.is_open(clock::unix_seconds()) => self.attempt(&record.recorded).await,
            _ => Ok(true),
        }
    }

    /// Executes once; true when there is nothing more to try.
    async fn attempt(&self, recorded: &RecordedTask) -> Result<bool, JournalError> {
        let began = self.traces.begin();
        let outcome = match self.execute(recorded).await {
            Ok((component, execution)) => self.result(recorded, component, execution),
            Err(failure) => failure.outcome(),
        };
        self.count(recorded.task_id, &outcome);
        let recorded_outcome = self.journal.record_outcome((recorded.task_id, recorded.block_hash), outcome).await?;
        self.traces.since(began, (recorded.task_id, Stage::Executed), || says(&recorded_outcome));
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
        let component = self.workflows.component(*manifest, workflow)?;
        let block = recorded.block().ok_or(Failure::NoBlock { number: recorded.block_number })?;
        let input =
            TaskInput { task_id: recorded.task_id, workflow: workflow.clone(), block, input: recorded.input.clone() };
        Ok((component.digest(), component.run(input).await?))
    }

    fn result(&self, recorded: &RecordedTask, component: ComponentDigest, execution: Execution) -> Outcome {
        let Execution { output, fuel, elapsed, .. } = execution;
        self.metrics.execution_seconds.observe(elapsed.as_secs_f64());
        let result = TaskResult {
            task_digest: recorded.task.digest(self.service),
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

/// What a trace says of an execution.
fn says(outcome: &Outcome) -> (Details, Option<String>) {
    match outcome {
        Outcome::Result { leaf, fuel, .. } => {
            (vec![("tandem.leaf", leaf.to_string()), ("tandem.fuel", fuel.to_string())], None)
        }
        Outcome::Failed { kind, message, .. } => {
            (vec![("tandem.fault", kind.as_str().to_owned())], Some(message.clone()))
        }
    }
}

/// What the agreement needs to know of a result.
pub(crate) fn own_result(task: &Task, entry: BatchEntry, payload_bytes: usize) -> OwnResult {
    let deadline = Timestamp(task.deadline.saturating_mul(1_000));
    OwnResult { entry, requirement: task.requirement, deadline, payload_bytes }
}

impl Failure {
    /// No longer than the journal keeps it: it is logged with every attempt, and some of it are others' words.
    fn outcome(&self) -> Outcome {
        Outcome::Failed { kind: self.kind(), message: bearable(&self.to_string()).to_owned(), fuel: 0 }
    }

    /// Whose fault it is. What this node lacks may come while the task is open: another reading of the chain brings the block.
    fn kind(&self) -> FailureKind {
        let fault = match self {
            Self::Component(MissingComponent::OnlyCalled(_)) => return FailureKind::Task,
            Self::Component(MissingComponent::Manifest { .. }) | Self::NoBlock { .. } => return FailureKind::Host,
            Self::Component(MissingComponent::Awaited(_)) => return FailureKind::Source,
            Self::Component(MissingComponent::Unusable(unusable)) => unusable.fault,
            Self::Run(error) => error.fault(),
        };
        match fault {
            Fault::Task => FailureKind::Task,
            Fault::Component => FailureKind::Component,
            Fault::Source => FailureKind::Source,
            Fault::Host => FailureKind::Host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::FAILURE_MESSAGE_BYTES_MAX;
    use crate::workflows::Unusable;

    #[test]
    fn long_message_is_cut_at_a_character_before_it_is_logged() {
        let failure = Failure::from(RunError::Trap { reason: "é".repeat(FAILURE_MESSAGE_BYTES_MAX) });
        let Outcome::Failed { message, .. } = failure.outcome() else { panic!("it is a failure") };
        assert!((FAILURE_MESSAGE_BYTES_MAX - 1..=FAILURE_MESSAGE_BYTES_MAX).contains(&message.len()), "{message}");
        assert!(failure.to_string().starts_with(&message));
    }

    #[test]
    fn component_that_cannot_run_is_tried_again_only_where_this_node_lends_too_little() {
        for (fault, kind, is_retryable) in
            [(Fault::Component, FailureKind::Component, false), (Fault::Host, FailureKind::Host, true)]
        {
            let unusable = Unusable { reason: "bad magic".to_owned(), fault };
            let failure = Failure::from(MissingComponent::Unusable(unusable));
            assert!(failure.kind() == kind && failure.kind().is_retryable() == is_retryable);
            assert_eq!(failure.to_string(), "the workflow's component cannot run on this node: bad magic");
        }
    }

    #[test]
    fn task_without_a_block_is_this_nodes_failure_and_says_so() {
        let failure = Failure::NoBlock { number: 77 };
        assert!(failure.kind() == FailureKind::Host && failure.kind().is_retryable());
        assert!(failure.to_string().contains("did not keep the block 77"), "{failure}");
    }

    #[test]
    fn task_for_a_workflow_that_is_only_called_is_not_tried_again() {
        let failure = Failure::from(MissingComponent::OnlyCalled("price".parse().expect("a name")));
        assert!(failure.kind() == FailureKind::Task && !failure.kind().is_retryable());
        assert!(failure.to_string().contains("workflow `price` has the trigger `call`"), "{failure}");
    }
}
