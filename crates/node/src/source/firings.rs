//! Follows the triggers that fire by themselves: schedules, blocks, logs. What fires is journaled with the cursor behind it in one transaction, so a crash loses
//! nothing and doubles nothing; firings that come again change nothing, and those that were missed are recorded as expired.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_chain::{
    ChainClient, FiringReader, FiringSpan, FiringsConfig, HeadWatch, ManifestWindow, RpcError, ServiceError,
    ServiceReader, TriggerCursor,
};
use tandem_types::{ManifestHash, TaskId, Trigger, WorkflowId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{SourceError, backoff, chain_of, pending_result, rest};
use crate::agree::AgreeInput;
use crate::chains::AccessConfig;
use crate::clock;
use crate::config::Config;
use crate::journal::{self, Fate, Journal, RecordedTask};
use crate::metrics::Metrics;
use crate::slots::Key;
use crate::status::Status;
use crate::telemetry::{Stage, Traces};

/// Blocks after which a cursor is recorded although nothing fired: what a restart reads again.
const CURSOR_BLOCKS: u64 = 64;
/// Time between two lines in the log while there is much to read.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A manifest has a trigger that this node cannot follow.
#[derive(Debug, thiserror::Error)]
#[error("workflow `{workflow}` is triggered by chain {chain_id}, for which there is no endpoint")]
pub struct UnwatchedChain {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The chain.
    pub chain_id: u64,
}

/// The chains that a node watches, by their ids.
pub(crate) struct WatchedChains {
    chains: BTreeMap<u64, (ChainClient, FiringsConfig)>,
    home: u64,
}

impl WatchedChains {
    /// Connects to all of them.
    ///
    /// # Errors
    /// [`RpcError`] of the first that does not answer, or is another chain.
    pub(crate) async fn connect(config: &Config, home: &ChainClient) -> Result<Self, RpcError> {
        let depth = config.chain.access.depth(config.chain.confirmations);
        let settings = |watched, access: &AccessConfig| FiringsConfig {
            home: depth,
            watched,
            range_blocks_max: access.range_blocks_max,
            rewind_blocks: access.rewind_blocks,
        };
        let mut chains = BTreeMap::new();
        for chain in &config.watched_chains {
            let watched = chain.access.depth(chain.confirmations);
            chains.insert(chain.chain_id, (chain.connect().await?, settings(watched, &chain.access)));
        }
        chains.insert(home.chain_id(), (home.clone(), settings(depth, &config.chain.access)));
        Ok(Self { chains, home: home.chain_id() })
    }

    /// That every trigger can be followed.
    ///
    /// # Errors
    /// [`UnwatchedChain`] for the first that can not.
    pub(crate) fn check(&self, triggers: &[(Key, Trigger)]) -> Result<(), UnwatchedChain> {
        let unwatched = |(_, trigger): &&(Key, Trigger)| {
            trigger.chain().is_some_and(|chain_id| !self.chains.contains_key(&chain_id))
        };
        match triggers.iter().find(unwatched) {
            Some(((_, workflow), trigger)) => {
                let chain_id = trigger.chain().unwrap_or(self.home);
                Err(UnwatchedChain { workflow: workflow.clone(), chain_id })
            }
            None => Ok(()),
        }
    }

    /// The chains, the service's own first.
    pub(crate) fn clients(&self) -> Vec<ChainClient> {
        let clients = self.chains.values().map(|(client, _)| client.clone());
        let (own, others): (Vec<_>, Vec<_>) = clients.partition(|client| client.chain_id() == self.home);
        own.into_iter().chain(others).collect()
    }

    fn reader(&self, trigger: &Trigger) -> Option<FiringReader> {
        let (home, _) = self.chains.get(&self.home)?;
        let (watched, config) = self.chains.get(&trigger.chain().unwrap_or(self.home))?;
        Some(FiringReader::new(home.clone(), watched.clone(), trigger.clone(), *config))
    }
}

/// One trigger of one manifest.
struct Watched {
    key: Key,
    reader: FiringReader,
    cursor: Option<TriggerCursor>,
    /// Block of the cursor that was recorded last.
    recorded_at: u64,
    chain_id: u64,
    is_cron: bool,
    /// When the log last said how far it is.
    told: Option<Instant>,
}

impl Watched {
    /// The block up to which all that fired was taken; none when nothing was read yet. A schedule is read by seconds, up to the cursor's block.
    fn read_to(&self) -> Option<u64> {
        self.cursor.map(|cursor| if self.is_cron { cursor.block_number } else { cursor.position })
    }

    /// Says how far it is, now and then.
    fn tell(&mut self) {
        if self.told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            tracing::info!(workflow = %self.key.1, chain = self.chain_id, block = self.read_to(), "catching up with what fired");
        }
    }
}

/// Begins with tasks that were fired.
#[derive(Clone)]
pub(crate) struct Starter {
    pub(crate) executor: mpsc::UnboundedSender<TaskId>,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
}

impl Starter {
    /// Begins with a new task, unless it is over already.
    pub(crate) async fn take_up(&self, task: TaskId, workflow: &WorkflowId, (fate, is_late): (Option<Fate>, bool)) {
        self.metrics.tasks.inc();
        tracing::info!(%task, %workflow, ?fate, is_late, "a trigger fired");
        self.traces.event(task, Stage::Seen, || vec![("tandem.workflow", workflow.to_string())]);
        match fate {
            Some(Fate::Ended(_)) => return,
            Some(Fate::Pending(pending)) => self.tell(pending_result(task, pending)).await,
            None if is_late => {
                self.metrics.expired.inc();
                return;
            }
            None => {}
        }
        if self.executor.send(task).is_err() {
            tracing::debug!("the executor has ended; the task stays in the journal");
        }
    }

    async fn tell(&self, input: AgreeInput) {
        if self.agree.send(input).await.is_err() {
            tracing::debug!("the agreement has ended");
        }
    }
}

/// Follows the triggers of one service.
pub(crate) struct Firings {
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) journal: Journal,
    pub(crate) starter: Starter,
    pub(crate) status: Status,
    pub(crate) poll: Duration,
    /// What wakes it besides.
    pub(crate) heads: Option<HeadWatch>,
}

impl Firings {
    /// Follows the triggers until it is told to stop.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot go on; faults of endpoints that may pass are waited out.
    pub(crate) async fn run(
        self,
        (triggers, chains): (Vec<(Key, Trigger)>, WatchedChains),
        stop: CancellationToken,
    ) -> Result<(), SourceError> {
        if triggers.is_empty() {
            stop.cancelled().await;
            return Ok(());
        }
        match stop.run_until_cancelled(self.follow(triggers, chains)).await {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn follow(
        &self,
        triggers: Vec<(Key, Trigger)>,
        chains: WatchedChains,
    ) -> Result<std::convert::Infallible, SourceError> {
        let mut watched = Vec::new();
        for (key, trigger) in triggers {
            if matches!(trigger, Trigger::Http(_)) {
                continue;
            }
            let Some(reader) = chains.reader(&trigger) else { continue };
            let cursor = self.journal.trigger_cursor(key.clone()).await?.map(from_journal);
            watched.push(Watched {
                key,
                reader,
                recorded_at: cursor.map_or(0, |cursor| cursor.block_number),
                cursor,
                chain_id: trigger.chain().unwrap_or(chains.home),
                is_cron: matches!(trigger, Trigger::Cron(_)),
                told: None,
            });
        }
        let (mut timeline, mut heads) = (Timeline::default(), self.heads.clone());
        let mut pauses = backoff();
        loop {
            match self.look(&mut timeline, &mut watched).await {
                Ok(()) => {
                    pauses = backoff();
                    rest(&mut heads, self.poll).await;
                }
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => {
                    self.starter.metrics.rpc_failures.inc();
                    let pause = pauses.next().unwrap_or(super::PAUSE_MAX);
                    tracing::warn!(error = %chain_of(&error), retry_ms = pause.as_millis(), "cannot read triggers, trying again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Reads every trigger once, or as long as there is more at once. One that fails does not keep the others from their turn.
    async fn look(&self, timeline: &mut Timeline, watched: &mut [Watched]) -> Result<(), SourceError> {
        timeline.update(&self.service).await?;
        let mut failed = None;
        for trigger in watched {
            let manifest = trigger.key.0;
            for window in timeline.windows.iter().filter(|window| window.manifest == manifest) {
                if let Err(error) = self.read(trigger, window).await {
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn read(&self, trigger: &mut Watched, window: &ManifestWindow) -> Result<(), SourceError> {
        let Some(handler) = window.fires_for(&trigger.key.1) else { return Ok(()) };
        loop {
            let Some(span) = trigger.reader.read(window, trigger.cursor.as_ref(), clock::unix_seconds()).await? else {
                // There is no more to come of a manifest that is over.
                self.report(trigger, window.end.is_none());
                return Ok(());
            };
            let more = span.more;
            self.apply(trigger, (window.manifest, handler), span).await?;
            if !more {
                self.report(trigger, true);
                return Ok(());
            }
            if !trigger.is_cron {
                self.report(trigger, true);
            }
            trigger.tell();
        }
    }

    fn report(&self, trigger: &Watched, fires: bool) {
        let block = trigger.read_to().filter(|_| fires);
        self.status.read_trigger(clock::now(), (trigger.chain_id, &trigger.key), block);
    }

    async fn apply(
        &self,
        trigger: &mut Watched,
        (manifest, handler): (ManifestHash, tandem_types::Address),
        span: FiringSpan,
    ) -> Result<(), SourceError> {
        let FiringSpan { fired, cursor, .. } = span;
        let far = cursor.block_number.abs_diff(trigger.recorded_at) >= CURSOR_BLOCKS;
        if fired.is_empty() && !far && trigger.cursor.is_some() {
            trigger.cursor = Some(cursor);
            return Ok(());
        }
        let service = self.service.id();
        let firings = fired.into_iter().map(|fired| {
            let task = fired.firing.task(trigger.key.1.clone(), manifest, (handler, fired.deadline));
            let recorded = RecordedTask {
                task_id: task.id(service),
                task,
                input: fired.firing.input(),
                block_number: fired.anchor.map_or(cursor.block_number, |block| block.number),
                block_hash: fired.anchor.map(|block| block.hash),
                block_time: fired.anchor.map(|block| block.time),
            };
            (recorded, fired.anchor.is_none())
        });
        let firings: Vec<_> = firings.collect();
        let late: std::collections::HashSet<_> =
            firings.iter().filter(|(_, is_late)| *is_late).map(|(recorded, _)| recorded.task_id).collect();
        let new = self.journal.record_firings(trigger.key.clone(), firings, to_journal(cursor)).await?;
        (trigger.cursor, trigger.recorded_at) = (Some(cursor), cursor.block_number);
        for (task, fate) in new {
            self.starter.take_up(task, &trigger.key.1, (fate, late.contains(&task))).await;
        }
        Ok(())
    }
}

/// When which manifest is in force.
#[derive(Default)]
pub(crate) struct Timeline {
    known: Option<(ManifestHash, ManifestHash, u64)>,
    windows: Vec<ManifestWindow>,
}

impl Timeline {
    /// The manifests that were announced, ascending.
    pub(crate) fn windows(&self) -> &[ManifestWindow] {
        &self.windows
    }

    /// Reads the announcements again when there is a new one.
    pub(crate) async fn update(&mut self, service: &ServiceReader) -> Result<(), ServiceError> {
        let schedule = service.manifest_schedule().await?;
        if self.known != Some(schedule) {
            self.windows = service.manifest_windows().await?;
            self.known = Some(schedule);
        }
        Ok(())
    }
}

fn from_journal(cursor: journal::TriggerCursor) -> TriggerCursor {
    let journal::TriggerCursor { position, block_number, block_hash } = cursor;
    TriggerCursor { position, block_number, block_hash }
}

fn to_journal(cursor: TriggerCursor) -> journal::TriggerCursor {
    let TriggerCursor { position, block_number, block_hash } = cursor;
    journal::TriggerCursor { position, block_number, block_hash }
}
