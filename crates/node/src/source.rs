//! Follows the chain: tasks into the journal and on to the executor, what became of them to the agreement, operator tables to everybody.
//!
//! Tasks, their fates and the cursor behind them are journaled in one transaction, so a crash loses none and reads none twice; a
//! reorganisation reads again what is known already, which changes nothing.

pub(crate) mod firings;

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tandem_chain::{
    Cursor, EventReader, HeadWatch, PlacedEvent, ReadError, Rewind, ServiceError, ServiceEvent, ServiceReader,
    SkipReason, Span,
};
use tandem_crypto::KeyTable;
use tandem_protocol::{PendingResult, Timestamp};
use tandem_types::{B256, BatchEntry, ManifestHash, OperatorId, TaskId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agree::AgreeInput;
use crate::clock;
use crate::executor::own_result;
use crate::journal::{self, Fate, Journal, JournalError, Outcome, PendingLeaf, RecordedTask, Settlement, TaskRecord};
use crate::metrics::Metrics;
use crate::status::Status;
use crate::telemetry::{Details, Stage, Traces};
use crate::transport::{Peer, PeerKey, Transport};
use crate::witness::Witness;

/// Longest time between two looks at who the other operators are, and which tasks have expired without a result.
const HOUSEKEEPING_MAX: Duration = Duration::from_secs(30);
/// The same, in looks at the chain.
const HOUSEKEEPING_POLLS: u32 = 100;

/// Longest pause before the chain is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Why the chain is followed no more.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The chain cannot be read, and trying again will not help.
    #[error("cannot read the service's events")]
    Read(#[from] ReadError),
    /// The service cannot be read, and trying again will not help.
    #[error("cannot read the service")]
    Service(#[from] ServiceError),
}

impl SourceError {
    /// The endpoint answered well when the node started, so whatever it says now may pass. Only the journal's end is an end, and a cursor
    /// of another chain.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Journal(error) => !error.is_fatal(),
            Self::Read(error) => !matches!(error, ReadError::Cursor { .. }),
            Self::Service(_) => true,
        }
    }
}

/// Reads one service's chain.
pub(crate) struct Source {
    pub(crate) me: OperatorId,
    pub(crate) reader: EventReader,
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) journal: Journal,
    pub(crate) executor: mpsc::UnboundedSender<TaskId>,
    pub(crate) manifests: Vec<ManifestHash>,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) transport: Transport,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
    pub(crate) status: Status,
    pub(crate) poll: Duration,
    pub(crate) witness: Witness,
    pub(crate) reopened: Reopened,
}

/// Tasks of which a reorganisation has taken back what the chain said. Most of it comes again, so they wait until as much of the new chain is read as was of the
/// old one.
#[derive(Debug, Default)]
pub(crate) struct Reopened {
    tasks: Vec<TaskId>,
    until: u64,
}

impl Source {
    /// Follows the chain until it is told to stop.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot go on; faults of the endpoint that may pass are waited out.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), SourceError> {
        match stop.run_until_cancelled(self.follow()).await {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, SourceError> {
        let service = self.service.id();
        let mut cursor = self.journal.cursor(service.chain_id).await?.map(from_journal);
        self.update_table().await?;
        self.resume().await?;
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING_MAX.min(self.poll * HOUSEKEEPING_POLLS));
        loop {
            let span = self.next_span(cursor.as_ref()).await?;
            if let Some(span) = span {
                cursor = Some(span.cursor);
                self.apply(span).await?;
            } else {
                self.resume_reopened().await?;
                tokio::select! {
                    () = self.reader.rest(self.poll) => {}
                    _ = housekeeping.tick() => self.keep_house().await?,
                }
            }
        }
    }

    /// Waits before the chain is asked again, or gives the error back when asking again will not help.
    async fn wait_out(&self, error: SourceError, backoff: &mut ExponentialBackoff) -> Result<(), SourceError> {
        if !error.is_retryable() {
            return Err(error);
        }
        self.metrics.rpc_failures.inc();
        let pause = backoff.next().unwrap_or(PAUSE_MAX);
        tracing::warn!(error = %chain_of(&error), retry_ms = pause.as_millis(), "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The next span, however long the chain takes to answer.
    async fn next_span(&mut self, cursor: Option<&Cursor>) -> Result<Option<Span>, SourceError> {
        let mut backoff = backoff();
        loop {
            match self.reader.read(cursor).await {
                Ok(span) => {
                    self.status.alive(clock::now());
                    return Ok(span);
                }
                Err(error) => self.wait_out(error.into(), &mut backoff).await?,
            }
        }
    }

    /// The newest operator table, however long the chain takes to answer.
    async fn update_table(&mut self) -> Result<(), SourceError> {
        let mut backoff = backoff();
        while let Err(error) = self.refresh_table().await {
            self.wait_out(error, &mut backoff).await?;
        }
        Ok(())
    }

    /// Takes up what an earlier run left open.
    async fn resume(&mut self) -> Result<(), SourceError> {
        let mut after = None;
        loop {
            let page = self.journal.open_tasks(after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.position());
            for record in page {
                self.resume_task(record).await?;
            }
        }
    }

    async fn resume_task(&mut self, record: TaskRecord) -> Result<(), SourceError> {
        if record.is_below_floor {
            return Ok(());
        }
        let is_open = record.is_open(clock::unix_seconds());
        let TaskRecord { recorded, outcome, pending, .. } = record;
        if let Some(pending) = pending {
            self.tell(pending_result(recorded.task_id, pending)).await;
        }
        match outcome {
            Some(Outcome::Result { leaf, payload, .. }) => {
                let entry = BatchEntry { task_id: recorded.task_id, leaf };
                self.tell(AgreeInput::Executed(own_result(&recorded.task, entry, payload.len()))).await;
            }
            Some(Outcome::Failed { kind, .. }) if !kind.is_retryable() => {}
            _ if is_open => self.execute(recorded.task_id),
            _ => self.expire(recorded.task_id).await?,
        }
        Ok(())
    }

    async fn apply(&mut self, span: Span) -> Result<(), SourceError> {
        if let Some(rewind) = span.rewind {
            self.take_back(rewind).await?;
        }
        for rejection in &span.rejected {
            tracing::warn!(%rejection, "a log of the service is malformed");
        }
        let tasks: Vec<_> = span.events.iter().filter_map(task_of).collect();
        let fates: Vec<_> = span.events.iter().filter_map(fate_of).collect();
        self.check_manifests(&span.events);
        let mut backoff = backoff();
        while let Err(error) = self.witness.look(&span.events).await {
            self.wait_out(error, &mut backoff).await?;
        }
        let new = self.record(&tasks, &fates, span.cursor).await?;
        self.metrics.tasks.inc_by(new.len() as u64);
        self.metrics.block.set(span.cursor.block_number);
        self.status.read(clock::now(), (span.cursor.block_number, span.head));
        for (task, fate) in &fates {
            self.follow_fate(*task, *fate).await;
        }
        if span.events.iter().any(changes_table) {
            self.update_table().await?;
        }
        for task in tasks.iter().filter(|task| new.contains(&task.task_id)) {
            tracing::info!(task = %task.task_id, number = task.task.number, block = task.block_number, "task found");
            let workflow = || vec![("tandem.workflow", task.task.workflow.to_string())];
            self.traces.event(task.task_id, Stage::Seen, workflow);
            self.take_up(task, &fates).await?;
        }
        if self.reopened.until <= span.cursor.block_number {
            self.resume_reopened().await?;
        }
        Ok(())
    }

    /// Takes up what was taken back and did not come again.
    async fn resume_reopened(&mut self) -> Result<(), SourceError> {
        for task in std::mem::take(&mut self.reopened).tasks {
            if let Some(record) = self.journal.task(task).await?.filter(|record| record.settlement.is_none()) {
                self.resume_task(record).await?;
            }
        }
        Ok(())
    }

    /// What the chain said in blocks that are no more is not so until it says it again.
    async fn take_back(&mut self, Rewind { from, to, .. }: Rewind) -> Result<(), SourceError> {
        let mut backoff = backoff();
        let reopened = loop {
            match self.journal.take_back(to).await {
                Ok(reopened) => break reopened,
                Err(error) => self.wait_out(error.into(), &mut backoff).await?,
            }
        };
        tracing::warn!(from, to, reopened = reopened.len(), "the chain was reorganised; blocks are read again");
        for task in &reopened {
            self.tell(AgreeInput::Reopened(*task)).await;
        }
        self.reopened.tasks.extend(reopened);
        self.reopened.until = self.reopened.until.max(from);
        Ok(())
    }

    /// Tells the agreement what became of a task.
    async fn follow_fate(&self, task: TaskId, fate: Fate) {
        tracing::info!(%task, ?fate, "the chain says what became of a task");
        self.trace(task, fate);
        match fate {
            Fate::Pending(pending) => self.tell(pending_result(task, pending)).await,
            Fate::Ended(end) => {
                if matches!(end, Settlement::Vetoed { .. }) {
                    self.metrics.vetoed.inc();
                }
                self.tell(AgreeInput::Settled(task)).await;
            }
        }
    }

    fn trace(&self, task: TaskId, fate: Fate) {
        let (stage, transaction) = match fate {
            Fate::Pending(_) => (Stage::Pending, None),
            Fate::Ended(Settlement::Delivered { tx_hash, block, .. }) => (Stage::Delivered, Some((tx_hash, block))),
            Fate::Ended(Settlement::Vetoed { tx_hash, block }) => (Stage::Vetoed, Some((tx_hash, block))),
            Fate::Ended(Settlement::Expired | Settlement::Skipped) => (Stage::Expired, None),
        };
        let says = |(tx_hash, block): (B256, u64)| {
            vec![("tandem.transaction", tx_hash.to_string()), ("tandem.block", block.to_string())]
        };
        self.traces.event(task, stage, || transaction.map(says).unwrap_or_default());
    }

    /// Begins with a new task, unless it is over already, as far as `fates` say.
    async fn take_up(&self, task: &RecordedTask, fates: &[(TaskId, Fate)]) -> Result<(), SourceError> {
        let last = fates.iter().rev().find(|(id, _)| *id == task.task_id).map(|(_, fate)| *fate);
        let now = clock::unix_seconds();
        match last {
            Some(Fate::Ended(_)) => {}
            Some(Fate::Pending(pending)) if now < pending.until => self.execute(task.task_id),
            None if now <= task.task.deadline => self.execute(task.task_id),
            _ => self.expire(task.task_id).await?,
        }
        Ok(())
    }

    /// Records a span, however long the journal is busy.
    async fn record(
        &self,
        tasks: &[RecordedTask],
        fates: &[(TaskId, Fate)],
        cursor: Cursor,
    ) -> Result<Vec<TaskId>, SourceError> {
        let mut backoff = backoff();
        loop {
            match self.journal.record_span(tasks.to_vec(), fates.to_vec(), to_journal(cursor)).await {
                Ok(new) => return Ok(new),
                Err(error) => self.wait_out(error.into(), &mut backoff).await?,
            }
        }
    }

    /// Says in time when a manifest is to come that this node cannot serve.
    fn check_manifests(&self, events: &[PlacedEvent]) {
        for placed in events {
            if let ServiceEvent::ManifestAnnounced { manifest, uri, activation_block, .. } = &placed.event
                && !self.manifests.contains(manifest)
            {
                tracing::error!(
                    %manifest, %uri, activation_block,
                    "a manifest was announced that this node does not have: add it and its components, and restart before it is in force"
                );
            }
        }
    }

    /// Hands a task to the executor.
    fn execute(&self, task: TaskId) {
        if self.executor.send(task).is_err() {
            tracing::debug!("the executor has ended; the task stays in the journal");
        }
    }

    /// Settles a task whose time is over; one whose result is pending the chain settles.
    async fn expire(&self, task: TaskId) -> Result<(), SourceError> {
        if self.journal.settle(task, Settlement::Expired).await?.is_some() {
            self.metrics.expired.inc();
            self.traces.event(task, Stage::Expired, Details::new);
        }
        Ok(())
    }

    async fn tell(&self, input: AgreeInput) {
        if self.agree.send(input).await.is_err() {
            tracing::debug!("the agreement has ended");
        }
    }

    /// Reads the newest operator table and where its operators are.
    async fn refresh_table(&mut self) -> Result<(), SourceError> {
        self.refresh_peers().await?;
        let Some(epoch) = self.service.current_epoch().await? else {
            return Ok(());
        };
        let table = self.service.operator_table(epoch).await?;
        let operators = table.entries().len();
        match KeyTable::new(self.service.domain(), table) {
            Ok(keys) => {
                let keys = Arc::new(keys);
                self.metrics.epoch.set(epoch.0.into());
                self.status.set_table(Arc::clone(&keys));
                tracing::info!(%epoch, operators, "operator table");
                self.tell(AgreeInput::Table(keys)).await;
            }
            Err((operator, error)) => tracing::error!(%operator, %error, %epoch, "a key of the table is malformed"),
        }
        Ok(())
    }

    async fn refresh_peers(&mut self) -> Result<(), SourceError> {
        let others = self.service.peers().await?.into_iter().filter(|peer| peer.operator != self.me);
        let now = clock::unix_seconds();
        let honoured = |(key, until): (B256, u64)| (now <= until).then_some(PeerKey(key));
        let peers: Vec<_> = others
            .map(|peer| Peer {
                operator: peer.operator,
                key: PeerKey(peer.transport_key),
                previous_key: peer.previous_transport_key.and_then(honoured),
                address: peer.socket,
            })
            .collect();
        self.metrics.peers.set(peers.len() as u64);
        self.transport.set_peers(peers);
        Ok(())
    }

    async fn keep_house(&mut self) -> Result<(), SourceError> {
        if let Err(error) = self.refresh_peers().await {
            tracing::warn!(error = %chain_of(&error), "cannot look up the other operators");
        }
        let mut after = None;
        loop {
            let page = self.journal.open_tasks(after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.position());
            // Tasks with a result are the agreement's to expire.
            let now = clock::unix_seconds();
            let is_over =
                |record: &TaskRecord| record.is_expired(now) && !matches!(record.outcome, Some(Outcome::Result { .. }));
            for record in page.into_iter().filter(is_over) {
                self.expire(record.recorded.task_id).await?;
            }
        }
    }
}

/// Waits until it is time to look at the chain again: for a new block where those are announced, and for `poll` at most.
pub(crate) async fn rest(heads: &mut Option<HeadWatch>, poll: Duration) {
    match heads {
        Some(heads) => heads.rest(poll).await,
        None => tokio::time::sleep(poll).await,
    }
}

/// Pauses between attempts to reach the chain.
fn backoff() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(250)).with_max_delay(PAUSE_MAX);
    pauses.without_max_times().build()
}

fn task_of(placed: &PlacedEvent) -> Option<RecordedTask> {
    let ServiceEvent::TaskCreated { task_id, task, input } = &placed.event else {
        return None;
    };
    let block = placed.place.block;
    Some(RecordedTask {
        task_id: *task_id,
        task: task.clone(),
        input: input.clone(),
        block_number: block.number,
        block_hash: Some(block.hash),
        block_time: Some(block.time),
    })
}

fn fate_of(placed: &PlacedEvent) -> Option<(TaskId, Fate)> {
    let (tx_hash, block) = (placed.place.tx_hash, placed.place.block.number);
    match placed.event {
        ServiceEvent::TaskPending { task_id, leaf, until } => {
            Some((task_id, Fate::Pending(PendingLeaf { leaf, until, block })))
        }
        ServiceEvent::TaskDelivered { task_id, handled, .. } => {
            Some((task_id, Fate::Ended(Settlement::Delivered { tx_hash, block, handled })))
        }
        ServiceEvent::TaskVetoed { task_id, .. } => Some((task_id, Fate::Ended(Settlement::Vetoed { tx_hash, block }))),
        ServiceEvent::TaskSkipped { task_id, reason: SkipReason::Expired } => {
            Some((task_id, Fate::Ended(Settlement::Expired)))
        }
        _ => None,
    }
}

/// Whether the operator table, or what counts in it, is another one.
fn changes_table(placed: &PlacedEvent) -> bool {
    matches!(
        placed.event,
        ServiceEvent::TableRefreshed { .. } | ServiceEvent::TableCorrected { .. } | ServiceEvent::WeightRevoked { .. }
    )
}

fn pending_result(task_id: TaskId, PendingLeaf { leaf, until, .. }: PendingLeaf) -> AgreeInput {
    let until = Timestamp(until.saturating_mul(1_000));
    AgreeInput::Pending(PendingResult { entry: BatchEntry { task_id, leaf }, until })
}

fn from_journal(cursor: journal::Cursor) -> Cursor {
    let journal::Cursor { chain_id, block_number, block_hash } = cursor;
    Cursor { chain_id, block_number, block_hash }
}

fn to_journal(cursor: Cursor) -> journal::Cursor {
    let Cursor { chain_id, block_number, block_hash } = cursor;
    journal::Cursor { chain_id, block_number, block_hash }
}

/// An error with its causes, on one line.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
