//! Firings that callers sign: taken in from them over HTTP or from other operators, journaled before anything else is done with them, placed at their
//! anchors on the service's chain, and handed on until they are settled.
//!
//! Who takes one in first does not matter, and may die right afterwards: it tells all operators, and whoever leads a slot tells them again of what is still
//! open. Nothing is believed but the caller's signature.

pub(crate) mod front;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tandem_chain::{Anchor, AnchorReader, CallerError, HeadWatch, ServiceReader, verify_caller};
use tandem_protocol::Message;
use tandem_types::{
    Firing, HttpTrigger, INPUT_BYTES_MAX, OperatorId, ServiceId, SignedFiring, TaskId, Trigger, WorkflowId,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::journal::{Journal, JournalError, RecordedTask, TakenIn};
use crate::metrics::Metrics;
use crate::slots::Key;
use crate::source::firings::{Starter, Timeline};
use crate::source::{SourceError, chain_of, rest};
use crate::status::Status;
use crate::transport::Transport;

/// How far a caller's clock may be ahead, in seconds.
const AHEAD_S: u64 = 60;
/// Firings that are placed or handed on at a time.
const PAGE: usize = 64;

/// Why a firing is not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is nothing of that name that callers start.
    #[error("no workflow `{0}` of this service is started by callers")]
    Workflow(WorkflowId),
    /// The manifest does not name the caller.
    #[error("the manifest does not let {0} start this workflow")]
    Caller(tandem_types::Address),
    /// It is not the caller's.
    #[error(transparent)]
    Signature(#[from] CallerError),
    /// It is too early or too late for it.
    #[error(
        "it was signed for second {instant}, and now is {now}: it is taken in from {AHEAD_S} seconds before until {deadline_s} after"
    )]
    Time {
        /// What it was signed for.
        instant: u64,
        /// The time.
        now: u64,
        /// Seconds that it has.
        deadline_s: u64,
    },
    /// Too much for a component.
    #[error("the input has {0} bytes, at most {INPUT_BYTES_MAX} are taken in")]
    Input(usize),
    /// The caller has used the key.
    #[error("the caller has used this key for task {0}")]
    Key(TaskId),
    /// The caller has too much open.
    #[error("the caller has too many tasks open: wait until some are settled")]
    TooMany,
    /// The disk does not answer.
    #[error("the journal does not answer")]
    Journal(#[from] JournalError),
}

/// Where firings are taken in; cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    me: OperatorId,
    service: ServiceId,
    triggers: Vec<(Key, HttpTrigger)>,
    journal: Journal,
    transport: Transport,
    status: Status,
    metrics: Metrics,
    /// Rings when there is something to place.
    bell: Notify,
}

impl Desk {
    pub(crate) fn new(
        (me, service): (OperatorId, ServiceId),
        triggers: &[(Key, Trigger)],
        (journal, transport): (Journal, Transport),
        (status, metrics): (Status, Metrics),
    ) -> Self {
        let of_callers = |(key, trigger): &(Key, Trigger)| match trigger {
            Trigger::Http(http) => Some((key.clone(), http.clone())),
            _ => None,
        };
        let triggers = triggers.iter().filter_map(of_callers).collect();
        Self(Arc::new(Inner { me, service, triggers, journal, transport, status, metrics, bell: Notify::new() }))
    }

    /// Whether callers start anything.
    pub(crate) fn is_needed(&self) -> bool {
        !self.0.triggers.is_empty()
    }

    /// Who reads which chains, for whom.
    pub(crate) fn reads(&self) -> (ServiceId, OperatorId, Vec<u64>) {
        (self.0.service, self.0.me, self.0.status.chain_ids())
    }

    /// Takes in what a caller brought, tells the other operators, and returns its task and whether it was new.
    pub(crate) async fn take_in(&self, signed: SignedFiring) -> Result<(TaskId, bool), Refusal> {
        let (task, is_new) = self.keep(signed.clone()).await?;
        if is_new {
            self.tell_all(signed);
        }
        Ok((task, is_new))
    }

    /// Journals what a caller signed, however it came here.
    async fn keep(&self, signed: SignedFiring) -> Result<(TaskId, bool), Refusal> {
        let inner = &*self.0;
        self.check(&signed, clock::unix_seconds())?;
        let task = signed.task_id(inner.service);
        match inner.journal.take_in(task, signed).await? {
            TakenIn::New => {
                inner.metrics.calls.inc();
                inner.bell.notify_one();
                Ok((task, true))
            }
            TakenIn::Known => Ok((task, false)),
            TakenIn::KeyUsed(other) => Err(Refusal::Key(other)),
            TakenIn::TooMany => Err(Refusal::TooMany),
        }
    }

    /// That it may be taken in; what costs most comes last.
    fn check(&self, signed: &SignedFiring, now: u64) -> Result<(), Refusal> {
        let firing = &signed.firing;
        let triggers = || self.0.triggers.iter().filter(|((_, workflow), _)| *workflow == firing.workflow);
        if triggers().next().is_none() {
            return Err(Refusal::Workflow(firing.workflow.clone()));
        }
        let Some(deadline_s) = triggers()
            .filter(|(_, trigger)| trigger.callers.contains(&firing.caller))
            .map(|(_, trigger)| trigger.deadline_s)
            .max()
        else {
            return Err(Refusal::Caller(firing.caller));
        };
        let instant = firing.instant;
        if instant > now.saturating_add(AHEAD_S) || instant.saturating_add(deadline_s) < now {
            return Err(Refusal::Time { instant, now, deadline_s });
        }
        if firing.input.len() > INPUT_BYTES_MAX {
            return Err(Refusal::Input(firing.input.len()));
        }
        Ok(verify_caller(signed, self.0.service)?)
    }

    fn tell_all(&self, signed: SignedFiring) {
        let Some(keys) = self.0.status.table() else { return };
        let bytes = Bytes::from(Message::Forward(Box::new(signed)).encode());
        for operator in keys.table().entries().iter().map(|entry| entry.operator).filter(|it| *it != self.0.me) {
            if let Err(error) = self.0.transport.send(operator, bytes.clone()) {
                tracing::debug!(%error, "a caller's firing was not handed on");
            }
        }
    }

    /// What the manifest says of a workflow's callers.
    fn trigger(&self, key: &Key) -> Option<&HttpTrigger> {
        self.0.triggers.iter().find(|(known, _)| known == key).map(|(_, trigger)| trigger)
    }
}

/// Places on the chain what was taken in, and hands it on.
pub(crate) struct Callers {
    pub(crate) desk: Desk,
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) anchors: AnchorReader,
    pub(crate) starter: Starter,
    pub(crate) poll: Duration,
    /// What wakes it besides.
    pub(crate) heads: Option<HeadWatch>,
}

impl Callers {
    /// Runs until it is told to stop; `forwarded` is what other operators hand on.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot go on; faults of endpoints that may pass are waited out.
    pub(crate) async fn run(
        mut self,
        mut forwarded: mpsc::Receiver<SignedFiring>,
        stop: CancellationToken,
    ) -> Result<(), SourceError> {
        if !self.desk.is_needed() {
            stop.cancelled().await;
            return Ok(());
        }
        let taking = async {
            while let Some(signed) = forwarded.recv().await {
                match self.desk.clone().keep(signed).await {
                    Ok(_) => {}
                    Err(Refusal::Journal(error)) if error.is_fatal() => return Err(error.into()),
                    Err(refusal) => tracing::debug!(%refusal, "what another operator handed on is not taken in"),
                }
            }
            Ok(())
        };
        let desk = self.desk.clone();
        let placing =
            Self::place_on(&mut self.heads, self.poll, (&desk, &self.service), (&self.anchors, &self.starter));
        let both = async { tokio::try_join!(taking, placing).map(drop) };
        stop.run_until_cancelled(both).await.unwrap_or(Ok(()))
    }

    async fn place_on(
        heads: &mut Option<HeadWatch>,
        poll: Duration,
        (desk, service): (&Desk, &ServiceReader),
        (anchors, starter): (&AnchorReader, &Starter),
    ) -> Result<(), SourceError> {
        let (mut timeline, mut told_in) = (Timeline::default(), None);
        loop {
            let placing = Placing { desk, service, anchors, starter };
            match placing.look(&mut timeline).await {
                Ok(()) => {}
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => {
                    desk.0.metrics.rpc_failures.inc();
                    tracing::warn!(error = %chain_of(&error), "cannot place callers' firings, trying again");
                }
            }
            let slot = desk.0.status.led_slot(clock::now());
            if slot.is_some() && slot != told_in {
                told_in = slot;
                for signed in desk.0.journal.open_firings(PAGE).await? {
                    desk.tell_all(signed);
                }
            }
            tokio::select! {
                () = rest(heads, poll) => {}
                () = desk.0.bell.notified() => {}
            }
        }
    }
}

/// One look at what is to be placed.
struct Placing<'a> {
    desk: &'a Desk,
    service: &'a ServiceReader,
    anchors: &'a AnchorReader,
    starter: &'a Starter,
}

impl Placing<'_> {
    async fn look(&self, timeline: &mut Timeline) -> Result<(), SourceError> {
        let firings = self.desk.0.journal.unplaced_firings(PAGE).await?;
        if firings.is_empty() {
            return Ok(());
        }
        timeline.update(self.service).await?;
        for signed in firings {
            self.place(timeline, signed).await?;
        }
        Ok(())
    }

    async fn place(&self, timeline: &Timeline, signed: SignedFiring) -> Result<(), SourceError> {
        let journal = &self.desk.0.journal;
        let (id, instant, workflow) =
            (signed.task_id(self.service.id()), signed.firing.instant, signed.firing.workflow.clone());
        let (window, block) = match self.anchors.find(timeline.windows(), &workflow, instant).await? {
            Anchor::Block(window, block) => (window, block),
            Anchor::NotYet => return Ok(()),
            Anchor::Nowhere => return Ok(journal.void_firing(id).await?),
        };
        let key = (window.manifest, workflow.clone());
        let (Some(trigger), Some(handler)) = (self.desk.trigger(&key), window.fires_for(&workflow)) else {
            return Ok(journal.void_firing(id).await?);
        };
        if !trigger.callers.contains(&signed.firing.caller) {
            return Ok(journal.void_firing(id).await?);
        }
        let firing = Firing::Http(signed.firing);
        let task =
            firing.task(workflow.clone(), window.manifest, (handler, instant.saturating_add(trigger.deadline_s)));
        let is_late = task.deadline < clock::unix_seconds();
        let recorded = RecordedTask {
            task_id: id,
            task,
            input: firing.input(),
            block_number: block.number,
            block_hash: Some(block.hash),
            block_time: Some(block.time),
        };
        if let Some((task, fate)) = journal.record_firing(recorded, is_late).await? {
            self.starter.take_up(task, &workflow, (fate, is_late)).await;
        }
        Ok(())
    }
}
