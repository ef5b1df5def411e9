//! Brings certified batches, vetoes and results whose time for vetoes is over to the ServiceManager, a few at once and nothing twice. It sends nothing that
//! would revert: what another operator has brought already costs a simulation, not gas. What fails here comes again with this operator's
//! next turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_chain::{
    Delivery, SendError, ServiceReader, TaskOutput, TransactionManager, TransactionOutcome, TransactionStatus,
    UNDER_WAY_MAX,
};
use tandem_crypto::{CertifiedBatch, CertifiedVeto, KeyTable};
use tandem_types::{Batch, BatchEntry, TaskId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agree::Due;
use crate::journal::{Journal, JournalError, Outcome, Submission};
use crate::metrics::{Metrics, SubmissionOutcome};
use crate::source::chain_of;
use crate::telemetry::{Stage, Traces};

/// The contract's errors when somebody else was first: every task of a batch is settled or pending, or a result is pending no more.
const SUPERSEDED: [&str; 2] = ["NothingToDeliver", "NotPending"];

/// What a transaction brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Batch,
    Veto,
    Final,
}

impl What {
    fn kind(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Veto => "veto",
            Self::Final => "final",
        }
    }

    fn done(self) -> SubmissionOutcome {
        match self {
            Self::Batch => SubmissionOutcome::Delivered,
            Self::Veto => SubmissionOutcome::Vetoed,
            Self::Final => SubmissionOutcome::Finalized,
        }
    }
}

impl Due {
    /// What it brings of which task.
    fn what(&self) -> Vec<(What, TaskId)> {
        let of = |what, entries: &[BatchEntry]| entries.iter().map(|entry| (what, entry.task_id)).collect();
        match self {
            Self::Batch { batch, .. } => of(What::Batch, batch.entries()),
            Self::Veto { task, .. } => vec![(What::Veto, *task)],
            Self::Finalize(entries) => of(What::Final, entries),
        }
    }
}

/// Submits what the agreement certifies.
pub(crate) struct Submitter {
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) journal: Journal,
    pub(crate) transactions: Arc<TransactionManager>,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
}

impl Submitter {
    /// Submits what comes in, until it is told to stop. Transactions that are under way are left to the chain.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is no more.
    pub(crate) async fn run(self, mut due: mpsc::Receiver<Due>, stop: CancellationToken) -> Result<(), JournalError> {
        stop.run_until_cancelled(Arc::new(self).submit_all(&mut due)).await.unwrap_or(Ok(()))
    }

    /// What was taken on and is due again meanwhile is left alone: it comes again when it did not help.
    async fn submit_all(self: Arc<Self>, due: &mut mpsc::Receiver<Due>) -> Result<(), JournalError> {
        let (mut submissions, mut under_way) = (JoinSet::new(), BTreeSet::new());
        loop {
            tokio::select! {
                Some(submitted) = submissions.join_next() => {
                    let (what, submitted): (Vec<_>, _) = submitted.expect("no submission panics or is aborted");
                    under_way.retain(|other| !what.contains(other));
                    submitted?;
                }
                next = due.recv(), if submissions.len() < UNDER_WAY_MAX => {
                    let Some(due) = next else { return Ok(()) };
                    let what = due.what();
                    if what.iter().any(|what| under_way.contains(what)) {
                        continue;
                    }
                    under_way.extend(what.iter().copied());
                    let this = Arc::clone(&self);
                    submissions.spawn(async move { (what, this.submit(due).await) });
                }
            }
        }
    }

    async fn submit(&self, due: Due) -> Result<(), JournalError> {
        match due {
            Due::Batch { certified, batch, keys } => self.deliver(&certified, &batch, &keys).await,
            Due::Veto { task, certified, keys } => self.veto(task, &certified, &keys).await,
            Due::Finalize(entries) => self.finalize(&entries).await,
        }
    }

    async fn deliver(&self, certified: &CertifiedBatch, batch: &Batch, keys: &KeyTable) -> Result<(), JournalError> {
        let root = batch.root();
        let Some(outputs) = self.outputs(batch.entries()).await? else {
            tracing::info!(%root, "this operator lacks a result of the batch; another one submits it");
            return Ok(());
        };
        match Delivery::encode(self.service.id(), certified, keys, &outputs) {
            Ok(delivery) => {
                let delivery = delivery.promising(self.service.handler_gas());
                let began = self.traces.begin();
                let failure = self.send((What::Batch, outputs.len()), &delivery).await;
                for entry in batch.entries() {
                    let says = || (vec![("tandem.root", root.to_string())], failure.clone());
                    self.traces.since(began, (entry.task_id, Stage::Submitted), says);
                }
            }
            Err(error) => tracing::error!(%root, %error, "the journal's results are not those that were certified"),
        }
        Ok(())
    }

    async fn veto(&self, task: TaskId, certified: &CertifiedVeto, keys: &KeyTable) -> Result<(), JournalError> {
        if let Some(record) = self.journal.task(task).await? {
            let veto = Delivery::veto(self.service.id(), &record.recorded.task, certified, keys);
            self.send((What::Veto, 1), &veto).await;
        }
        Ok(())
    }

    async fn finalize(&self, entries: &[BatchEntry]) -> Result<(), JournalError> {
        if let Some(outputs) = self.outputs(entries).await? {
            // Without a promise: a simulated block may be of a time before the end of the window.
            self.send((What::Final, outputs.len()), &Delivery::finalize(self.service.id(), &outputs)).await;
        }
        Ok(())
    }

    /// Sends it, and says why it was not done if it was not.
    async fn send(&self, (what, results): (What, usize), delivery: &Delivery) -> Option<String> {
        match delivery.submit(&self.transactions).await {
            Ok(outcome) => {
                let succeeded = outcome.status == TransactionStatus::Succeeded;
                self.metrics.submission_gas.inc_by(outcome.gas_used);
                self.metrics.submitted(if succeeded { what.done() } else { SubmissionOutcome::Superseded });
                let (tx, gas, block) = (outcome.tx_hash, outcome.gas_used, outcome.block_number);
                tracing::info!(?what, %tx, gas, block, succeeded, "submitted");
                self.keep_cost((what, results), &outcome).await;
                (!succeeded).then(|| "the transaction was reverted".to_owned())
            }
            Err(error) => {
                self.failed(what, &error);
                Some(chain_of(&error))
            }
        }
    }

    /// A cost that cannot be kept is no reason to deliver less.
    async fn keep_cost(&self, (what, results): (What, usize), outcome: &TransactionOutcome) {
        let submission = Submission {
            tx_hash: outcome.tx_hash,
            kind: what.kind(),
            results,
            block_number: outcome.block_number,
            gas: outcome.gas_used,
            gas_price: outcome.effective_gas_price,
            is_success: outcome.status == TransactionStatus::Succeeded,
        };
        if let Err(error) = self.journal.record_submission(submission).await {
            tracing::warn!(%error, tx = %outcome.tx_hash, "the journal does not keep what a transaction cost");
        }
    }

    fn failed(&self, what: What, error: &SendError) {
        if error.revert().is_some_and(|revert| SUPERSEDED.contains(&revert.name.as_str())) {
            self.metrics.submitted(SubmissionOutcome::Superseded);
            tracing::debug!(?what, "another operator was first");
        } else {
            self.metrics.submitted(SubmissionOutcome::Failed);
            let hint = error.hint().unwrap_or("it is tried again when this operator's turn comes");
            tracing::warn!(?what, error = %chain_of(error), hint, "submission failed");
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
