//! Drives the agreement: feeds it inputs and the time, and performs its effects in order. Votes and vetoes are in the journal before they
//! are signed, and signed nowhere else; when the journal refuses or fails, nothing is signed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tandem_crypto::{CertifiedBatch, CertifiedVeto, KeyRing, KeyTable};
use tandem_protocol::policy::{Conditions, percent};
use tandem_protocol::{Agreement, Effect, Input, Message, OwnResult, PendingResult};
use tandem_types::{Batch, BatchEntry, Epoch, OperatorId, PerToken, TaskId, Weight};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::api::pages::{CertificatePage, TaskView};
use crate::clock;
use crate::journal::{Journal, JournalError, Settlement};
use crate::metrics::Metrics;
use crate::telemetry::{Details, Stage, Traces};
use crate::transport::{Place, Transport};

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(25);

/// What reaches the agreement.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages, the largest")]
pub(crate) enum AgreeInput {
    /// A new operator table.
    Table(Arc<KeyTable>),
    /// What the policy depends on besides stake.
    Conditions(Conditions),
    /// A journaled result.
    Executed(OwnResult),
    /// A peer's message. It keeps its place among those of its sender until it is taken, which slows down a sender of too many.
    Received(OperatorId, Message, Place),
    /// The chain keeps a result pending.
    Pending(PendingResult),
    /// The chain has settled a task.
    Settled(TaskId),
    /// The chain has taken back what it said of a task.
    Reopened(TaskId),
    /// Somebody wants to know where a task stands.
    View(TaskId, oneshot::Sender<TaskView>),
}

/// What the submitter is to bring to the chain.
#[derive(Debug)]
pub(crate) enum Due {
    /// A certified batch.
    Batch { certified: CertifiedBatch, batch: Batch, keys: Arc<KeyTable> },
    /// The veto of a task's pending result.
    Veto { task: TaskId, certified: CertifiedVeto, keys: Arc<KeyTable> },
    /// Pending results of this operator that nobody can veto any more.
    Finalize(Vec<BatchEntry>),
}

/// The agreement of one operator and all that its effects need.
pub(crate) struct Agree {
    agreement: Agreement,
    me: OperatorId,
    keys: KeyRing,
    journal: Journal,
    transport: Transport,
    due: mpsc::Sender<Due>,
    metrics: Metrics,
    traces: Traces,
}

impl Agree {
    pub(crate) fn new(
        agreement: Agreement,
        (me, keys): (OperatorId, KeyRing),
        (journal, transport): (Journal, Transport),
        due: mpsc::Sender<Due>,
        (metrics, traces): (Metrics, Traces),
    ) -> Self {
        Self { agreement, me, keys, journal, transport, due, metrics, traces }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is no more: without it nothing may be signed.
    pub(crate) async fn run(
        mut self,
        mut inputs: mpsc::Receiver<AgreeInput>,
        stop: CancellationToken,
    ) -> Result<(), JournalError> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let input = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => Input::Tick,
                input = inputs.recv() => match input {
                    None => return Ok(()),
                    Some(AgreeInput::View(task, answer)) => {
                        self.answer(task, answer);
                        continue;
                    }
                    Some(AgreeInput::Table(table)) => Input::Table(table),
                    Some(AgreeInput::Conditions(conditions)) => Input::Conditions(conditions),
                    Some(AgreeInput::Executed(result)) => Input::Executed(result),
                    Some(AgreeInput::Pending(result)) => Input::Pending(result),
                    Some(AgreeInput::Received(from, message, _place)) => Input::Received { from, message },
                    Some(AgreeInput::Settled(task)) => Input::Settled(task),
                    Some(AgreeInput::Reopened(task)) => Input::Reopened(task),
                },
            };
            self.step(input).await?;
        }
    }

    fn answer(&self, task: TaskId, answer: oneshot::Sender<TaskView>) {
        let certificate = self.agreement.certificate(task);
        let view = TaskView {
            attested: self.agreement.attested(task).unwrap_or_default(),
            total: self.agreement.table().map(|table| table.table().total()).unwrap_or_default(),
            is_certified: self.agreement.is_certified(task),
            certificate: certificate.map(|(certified, batch)| CertificatePage::new(batch, certified.certificate())),
        };
        // Who asked may have gone.
        let _ = answer.send(view);
    }

    async fn step(&mut self, input: Input) -> Result<(), JournalError> {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.agreement.step(clock::now(), input) {
                inputs.extend(self.perform(effect).await?);
            }
        }
        Ok(())
    }

    /// Performs one effect; what comes of it at once is the next input.
    async fn perform(&mut self, effect: Effect) -> Result<Option<Input>, JournalError> {
        match effect {
            Effect::Send { to, message } => self.send(to, &message),
            Effect::Broadcast(message) => self.broadcast(&message),
            Effect::Vote { to, epoch, batch } => return self.vote(to, epoch, batch).await,
            Effect::SignVeto { to, epoch, entry } => return self.veto(&to, epoch, entry).await,
            Effect::Deliver { certified, batch, keys } => self.deliver(certified, batch, keys),
            Effect::Veto { task, certified, keys } => {
                tracing::info!(%task, leaf = %certified.leaf(), "enough operators veto");
                self.submit(Due::Veto { task, certified, keys });
            }
            Effect::Finalize(entries) => self.submit(Due::Finalize(entries)),
            Effect::Expired { task, attested } => self.expire(task, attested).await?,
            Effect::Report { operator, fault } => {
                self.metrics.faults.inc();
                tracing::warn!(%operator, %fault, "another operator is at fault");
            }
        }
        Ok(None)
    }

    fn send(&self, to: OperatorId, message: &Message) {
        self.post(to, Bytes::from(message.encode()));
    }

    /// A message that cannot be queued is a lost message, which the agreement lives with.
    fn post(&self, to: OperatorId, bytes: Bytes) {
        if let Err(error) = self.transport.send(to, bytes) {
            tracing::debug!(%error, "message not sent");
        }
    }

    fn broadcast(&self, message: &Message) {
        let Some(table) = self.agreement.table() else {
            return;
        };
        let bytes = Bytes::from(message.encode());
        let others = table.table().entries().iter().map(|entry| entry.operator).filter(|operator| *operator != self.me);
        others.for_each(|operator| self.post(operator, bytes.clone()));
    }

    async fn vote(&mut self, to: OperatorId, epoch: Epoch, batch: Batch) -> Result<Option<Input>, JournalError> {
        let root = batch.root();
        let refusal = || {
            let tasks = batch.entries().iter().map(|entry| entry.task_id).collect();
            Message::Refuse { epoch, root, tasks }
        };
        let Some((keys, position)) = self.place(epoch) else {
            tracing::error!(%root, %epoch, "the operator table holds a key that this node does not have; it cannot vote");
            return Ok(self.answer_to(to, refusal()));
        };
        let message = match self.journal.record_vote(epoch, batch.clone()).await {
            Ok(()) => match self.keys.sign_batch(&keys, position, root) {
                Ok(signature) => {
                    self.metrics.votes.inc();
                    self.trace(Stage::Voted, &batch, epoch);
                    tracing::debug!(%root, %epoch, proposer = %to, "voted");
                    Message::Vote { epoch, root, share: signature.encode() }
                }
                Err(_) => refusal(),
            },
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::error!(%root, %error, "the journal refuses this vote");
                refusal()
            }
        };
        Ok(self.answer_to(to, message))
    }

    /// Vetoes a result. What one receiver gets the next gets too; for this operator itself it is the next input.
    async fn veto(
        &mut self,
        to: &[OperatorId],
        epoch: Epoch,
        entry: BatchEntry,
    ) -> Result<Option<Input>, JournalError> {
        let Some((keys, position)) = self.place(epoch) else {
            tracing::error!(%epoch, "the operator table holds a key that this node does not have; it cannot veto");
            return Ok(None);
        };
        match self.journal.record_veto(epoch, entry).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "the journal refuses this veto");
                return Ok(None);
            }
        }
        let Ok(signature) = self.keys.sign_veto(&keys, position, entry.leaf) else {
            return Ok(None);
        };
        self.metrics.vetoes.inc();
        tracing::info!(task = %entry.task_id, leaf = %entry.leaf, %epoch, "vetoed");
        let message = Message::Veto { epoch, entry, share: signature.encode() };
        Ok(to.iter().fold(None, |own, receiver| own.or(self.answer_to(*receiver, message.clone()))))
    }

    /// The table of `epoch` and this operator's place in it, if it can sign there.
    fn place(&self, epoch: Epoch) -> Option<(Arc<KeyTable>, usize)> {
        let keys = self.agreement.table_of(epoch)?;
        let position = keys.table().position(self.me)?;
        self.keys.holds(keys, position).then(|| (Arc::clone(keys), position))
    }

    /// Sends a message, or gives it back as an input when it is for this operator itself.
    fn answer_to(&self, to: OperatorId, message: Message) -> Option<Input> {
        if to == self.me {
            return Some(Input::Received { from: to, message });
        }
        self.send(to, &message);
        None
    }

    fn deliver(&self, certified: CertifiedBatch, batch: Batch, keys: Arc<KeyTable>) {
        self.metrics.certificates.inc();
        let (root, epoch) = (batch.root(), certified.certificate().epoch);
        tracing::info!(%root, %epoch, results = batch.entries().len(), "certified, ours to deliver");
        self.trace(Stage::Certified, &batch, epoch);
        self.submit(Due::Batch { certified, batch, keys });
    }

    fn submit(&self, due: Due) {
        if self.due.try_send(due).is_err() {
            tracing::warn!("too much waits for the chain; this comes again, or another operator takes it");
        }
    }

    fn trace(&self, stage: Stage, batch: &Batch, epoch: Epoch) {
        let says = || vec![("tandem.root", batch.root().to_string()), ("tandem.epoch", epoch.to_string())];
        batch.entries().iter().for_each(|entry| self.traces.event(entry.task_id, stage, says));
    }

    async fn expire(&self, task: TaskId, attested: PerToken<Weight>) -> Result<(), JournalError> {
        self.metrics.expired.inc();
        self.traces.event(task, Stage::Expired, Details::new);
        let total = self.agreement.table().map(|table| table.table().total()).unwrap_or_default();
        let percent = attested.zip_with(total, percent);
        tracing::warn!(%task, native = percent.native, external = percent.external, "expired; percent of stake attested");
        match self.journal.settle(task, Settlement::Expired).await {
            Err(error) if error.is_fatal() => Err(error),
            _ => Ok(()),
        }
    }
}
