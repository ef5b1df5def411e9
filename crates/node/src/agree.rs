//! Drives the agreement: feeds it inputs and the time, and performs its effects in order. A vote is in the journal before it is signed,
//! and signed nowhere else; when the journal refuses or fails, nothing is signed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tandem_crypto::{CertifiedBatch, KeyTable, SecretKey};
use tandem_protocol::{Agreement, Effect, Input, Message, OwnResult, Settings, quorum};
use tandem_types::{Batch, Domain, Epoch, OperatorId, PerToken, ServiceId, TaskId, Weight};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::journal::{Journal, JournalError, Settlement};
use crate::metrics::Metrics;
use crate::transport::{Place, Transport};

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(25);

/// What reaches the agreement.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages, the largest")]
pub(crate) enum AgreeInput {
    /// A new operator table.
    Table(Arc<KeyTable>),
    /// A journaled result.
    Executed(OwnResult),
    /// A peer's message. It keeps its place among those of its sender until it is taken, which slows down a sender of too many.
    Received(OperatorId, Message, Place),
    /// The chain has settled a task.
    Settled(TaskId),
    /// Somebody wants to know where a task stands.
    View(TaskId, oneshot::Sender<TaskView>),
}

/// Where a task stands in the agreement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TaskView {
    /// Weight that attested this operator's result, as far as this operator knows.
    pub(crate) attested: PerToken<Weight>,
    /// Weight of the whole table.
    pub(crate) total: PerToken<Weight>,
    /// Whether it is certified.
    pub(crate) is_certified: bool,
}

/// A certified batch for the submitter.
#[derive(Debug)]
pub(crate) struct DueBatch {
    pub(crate) certified: CertifiedBatch,
    pub(crate) batch: Batch,
    pub(crate) keys: Arc<KeyTable>,
}

/// The agreement of one operator and all that its effects need.
pub(crate) struct Agree {
    agreement: Agreement,
    me: OperatorId,
    domain: Domain,
    key: SecretKey,
    journal: Journal,
    transport: Transport,
    deliveries: mpsc::Sender<DueBatch>,
    metrics: Metrics,
}

impl Agree {
    pub(crate) fn new(
        (service, me, settings): (ServiceId, OperatorId, Settings),
        key: SecretKey,
        (journal, transport): (Journal, Transport),
        (deliveries, metrics): (mpsc::Sender<DueBatch>, Metrics),
    ) -> Self {
        let agreement = Agreement::new(me, settings);
        Self { agreement, me, domain: service.into(), key, journal, transport, deliveries, metrics }
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
                    Some(AgreeInput::Executed(result)) => Input::Executed(result),
                    Some(AgreeInput::Received(from, message, _place)) => Input::Received { from, message },
                    Some(AgreeInput::Settled(task)) => Input::Settled(task),
                },
            };
            self.step(input).await?;
        }
    }

    fn answer(&self, task: TaskId, answer: oneshot::Sender<TaskView>) {
        let view = TaskView {
            attested: self.agreement.attested(task).unwrap_or_default(),
            total: self.agreement.table().map(|table| table.table().total()).unwrap_or_default(),
            is_certified: self.agreement.is_certified(task),
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
            Effect::Deliver { certified, batch, keys } => self.deliver(DueBatch { certified, batch, keys }),
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
        let message = match self.journal.record_vote(epoch, batch.clone()).await {
            Ok(()) => {
                self.metrics.votes.inc();
                let share = self.key.sign_batch(&self.domain, epoch, root).encode();
                tracing::debug!(%root, %epoch, proposer = %to, "voted");
                Message::Vote { epoch, root, share }
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::error!(%root, %error, "the journal refuses this vote");
                let tasks = batch.entries().iter().map(|entry| entry.task_id).collect();
                Message::Refuse { epoch, root, tasks }
            }
        };
        if to == self.me {
            return Ok(Some(Input::Received { from: to, message }));
        }
        self.send(to, &message);
        Ok(None)
    }

    fn deliver(&self, due: DueBatch) {
        self.metrics.certificates.inc();
        let (root, epoch) = (due.batch.root(), due.certified.certificate().epoch);
        tracing::info!(%root, %epoch, results = due.batch.entries().len(), "certified, ours to deliver");
        if self.deliveries.try_send(due).is_err() {
            tracing::warn!(%root, "too many deliveries wait; this one comes again, or another operator takes it");
        }
    }

    async fn expire(&self, task: TaskId, attested: PerToken<Weight>) -> Result<(), JournalError> {
        self.metrics.expired.inc();
        let total = self.agreement.table().map(|table| table.table().total()).unwrap_or_default();
        let percent = attested.zip_with(total, quorum::percent);
        tracing::warn!(%task, native = percent.native, external = percent.external, "expired; percent of stake attested");
        match self.journal.settle(task, Settlement::Expired).await {
            Err(error) if error.is_fatal() => Err(error),
            _ => Ok(()),
        }
    }
}
