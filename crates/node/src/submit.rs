//! Brings certified batches to the ServiceManager, one at a time. It sends nothing that would revert: a batch that another operator has
//! brought already costs a simulation, not gas. What fails here comes again with this operator's next turn.

use std::sync::Arc;

use tandem_chain::{Delivery, SendError, ServiceReader, TaskOutput, TransactionManager, TransactionStatus};
use tandem_types::{BatchEntry, BatchRoot};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agree::DueBatch;
use crate::journal::{Journal, JournalError, Outcome};
use crate::metrics::{Metrics, SubmissionOutcome};
use crate::source::chain_of;

/// The contract's error when every task of a batch is settled.
const SUPERSEDED: &str = "NothingToDeliver";

/// Submits what the agreement certifies.
pub(crate) struct Submitter {
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) journal: Journal,
    pub(crate) transactions: TransactionManager,
    pub(crate) metrics: Metrics,
}

impl Submitter {
    /// Submits what comes in, until it is told to stop. A transaction that is under way is left to the chain.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is no more.
    pub(crate) async fn run(
        self,
        mut due: mpsc::Receiver<DueBatch>,
        stop: CancellationToken,
    ) -> Result<(), JournalError> {
        let submit_all = async {
            while let Some(batch) = due.recv().await {
                self.submit(batch).await?;
            }
            Ok(())
        };
        stop.run_until_cancelled(submit_all).await.unwrap_or(Ok(()))
    }

    async fn submit(&self, DueBatch { certified, batch, keys }: DueBatch) -> Result<(), JournalError> {
        let root = batch.root();
        let Some(outputs) = self.outputs(batch.entries()).await? else {
            tracing::info!(%root, "this operator lacks a result of the batch; another one submits it");
            return Ok(());
        };
        let roots = keys.hint(root).roots;
        match Delivery::encode(self.service.id(), &certified, &roots, &outputs) {
            Ok(delivery) => self.send(root, &delivery).await,
            Err(error) => tracing::error!(%root, %error, "the journal's results are not those that were certified"),
        }
        Ok(())
    }

    async fn send(&self, root: BatchRoot, delivery: &Delivery) {
        match delivery.submit(&self.transactions).await {
            Ok(outcome) => {
                let delivered = outcome.status == TransactionStatus::Succeeded;
                self.metrics.submission_gas.inc_by(outcome.gas_used);
                self.metrics.submitted(if delivered {
                    SubmissionOutcome::Delivered
                } else {
                    SubmissionOutcome::Superseded
                });
                let (tx, gas, block) = (outcome.tx_hash, outcome.gas_used, outcome.block_number);
                tracing::info!(%root, %tx, gas, block, delivered, "submitted");
            }
            Err(error) => self.failed(&error, root),
        }
    }

    fn failed(&self, error: &SendError, root: BatchRoot) {
        if error.revert().is_some_and(|revert| revert.name == SUPERSEDED) {
            self.metrics.submitted(SubmissionOutcome::Superseded);
            tracing::debug!(%root, "delivered by another operator");
        } else {
            self.metrics.submitted(SubmissionOutcome::Failed);
            let hint = error.hint().unwrap_or("it is tried again when this operator's turn comes");
            tracing::warn!(%root, error = %chain_of(error), hint, "submission failed");
        }
    }

    /// This operator's own results for a batch; none when it lacks one or has another.
    async fn outputs(&self, entries: &[BatchEntry]) -> Result<Option<Vec<TaskOutput>>, JournalError> {
        let mut outputs = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(record) = self.journal.task(entry.task_id).await? else {
                return Ok(None);
            };
            match record.outcome {
                Some(Outcome::Result { component, leaf, payload, .. }) if leaf == entry.leaf => {
                    outputs.push(TaskOutput { task: record.recorded.task, component, payload });
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(outputs))
    }
}
