//! What the node knows of itself at the moment, for its HTTP API. Written by the loops, read by anyone who may reach the port.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tandem_crypto::KeyTable;
use tandem_protocol::{Slot, Timestamp};
use tandem_types::{Epoch, OperatorId, PerToken, ServiceId, Weight};

/// How long the chain may go unread before the node calls itself unhealthy, in milliseconds.
const STALE_AFTER_MS: u64 = 60_000;

/// The node's present state; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Status(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    service: ServiceId,
    operator: OperatorId,
    slot_ms: u64,
    /// When the chain was last read without an error.
    read_at: AtomicU64,
    block: AtomicU64,
    head: AtomicU64,
    /// Workflows that wait for their component.
    awaited: AtomicUsize,
    /// Workflows whose component cannot run here.
    unusable: AtomicUsize,
    table: Mutex<Option<Arc<KeyTable>>>,
}

/// The answer of `/v1/status`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StatusPage {
    service: ServiceId,
    operator: OperatorId,
    healthy: bool,
    problems: Vec<&'static str>,
    block: u64,
    head: u64,
    epoch: Option<Epoch>,
    operators: usize,
    weight: PerToken<Weight>,
    total: PerToken<Weight>,
    leader: Option<OperatorId>,
    /// Operators that both reach this one and are reached by it.
    connected: usize,
}

impl Status {
    pub(crate) fn new(service: ServiceId, operator: OperatorId, slot_ms: u64) -> Self {
        let (read_at, block, head, awaited, unusable) = Default::default();
        let table = Mutex::default();
        Self(Arc::new(Shared { service, operator, slot_ms, read_at, block, head, awaited, unusable, table }))
    }

    /// The chain was read at `now`: everything up to `block` of `head`.
    pub(crate) fn read(&self, now: Timestamp, (block, head): (u64, u64)) {
        self.0.block.store(block, Ordering::Relaxed);
        self.0.head.store(head, Ordering::Relaxed);
        self.alive(now);
    }

    /// The chain answered at `now`, and had nothing new.
    pub(crate) fn alive(&self, now: Timestamp) {
        self.0.read_at.store(now.0, Ordering::Relaxed);
    }

    /// So many workflows wait for their component.
    pub(crate) fn set_awaited(&self, workflows: usize) {
        self.0.awaited.store(workflows, Ordering::Relaxed);
    }

    /// So many workflows have a component that cannot run here.
    pub(crate) fn set_unusable(&self, workflows: usize) {
        self.0.unusable.store(workflows, Ordering::Relaxed);
    }

    pub(crate) fn set_table(&self, table: Arc<KeyTable>) {
        *self.0.table.lock().unwrap_or_else(PoisonError::into_inner) = Some(table);
    }

    fn table(&self) -> Option<Arc<KeyTable>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What keeps the node from serving; empty when it is healthy.
    pub(crate) fn problems(&self, now: Timestamp) -> Vec<&'static str> {
        let mut problems = Vec::new();
        if now.0.saturating_sub(self.0.read_at.load(Ordering::Relaxed)) > STALE_AFTER_MS {
            problems.push("the chain was not read for a minute");
        }
        match self.table() {
            None => problems.push("the service has no operator table yet"),
            Some(table) if table.table().position(self.0.operator).is_none() => {
                problems.push("this operator is not in the operator table");
            }
            Some(_) => {}
        }
        if self.0.awaited.load(Ordering::Relaxed) > 0 {
            problems.push("a workflow waits for its component; the log says why");
        }
        if self.0.unusable.load(Ordering::Relaxed) > 0 {
            problems.push("a workflow's component cannot run here; the log says why");
        }
        problems
    }

    pub(crate) fn page(&self, now: Timestamp, connected: usize) -> StatusPage {
        let problems = self.problems(now);
        let keys = self.table();
        let table = keys.as_ref().map(|keys| keys.table());
        let weight =
            table.and_then(|table| table.position(self.0.operator).map(|position| table.entries()[position].weight));
        StatusPage {
            service: self.0.service,
            operator: self.0.operator,
            healthy: problems.is_empty(),
            problems,
            block: self.0.block.load(Ordering::Relaxed),
            head: self.0.head.load(Ordering::Relaxed),
            epoch: table.map(|table| table.epoch()),
            operators: table.map_or(0, |table| table.entries().len()),
            weight: weight.unwrap_or_default(),
            total: table.map(|table| table.total()).unwrap_or_default(),
            leader: table.map(|table| Slot::at(now, self.0.slot_ms).leader(table)),
            connected,
        }
    }
}
