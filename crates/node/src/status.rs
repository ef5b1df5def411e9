//! What the node knows of itself at the moment, for its HTTP API. Written by the loops, read by anyone who may reach the port.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tandem_crypto::KeyTable;
use tandem_protocol::{Slot, Timestamp};
use tandem_types::{Address, Epoch, OperatorId, PerToken, ServiceId, U256, Weight};

use crate::clock;

/// How long the chain may go unread before the node calls itself unhealthy, in milliseconds.
const STALE_AFTER_MS: u64 = 60_000;

/// How many blocks behind the head count as catching up, and not as waiting for confirmations.
const BEHIND_BLOCKS: u64 = 64;

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
    /// When the present catching up began, and at which block.
    behind_since: Mutex<Option<(Timestamp, u64)>>,
    /// What the account has and what it should have, in wei.
    balance: Mutex<Option<(U256, U256)>>,
    started: Timestamp,
}

/// How far the reading of the chain is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reading {
    chain_id: u64,
    block: u64,
    head: u64,
    behind: u64,
    /// Seconds since the chain was last read without an error; none before the first time.
    read_seconds_ago: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catching_up: Option<CatchingUp>,
}

/// Progress of a node that was away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct CatchingUp {
    blocks_per_second: f64,
    seconds_left: Option<u64>,
}

/// What pays for deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccountPage {
    address: Address,
    /// Wei, as a decimal number; none before the chain was asked.
    balance_wei: Option<String>,
    is_low: bool,
}

/// The answer of `/v1/status`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StatusPage {
    service: ServiceId,
    operator: OperatorId,
    healthy: bool,
    problems: Vec<&'static str>,
    warnings: Vec<&'static str>,
    version: &'static str,
    up_seconds: u64,
    block: u64,
    head: u64,
    chains: Vec<Reading>,
    account: AccountPage,
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
        let (table, behind_since, balance) = Default::default();
        let started = clock::now();
        Self(Arc::new(Shared {
            service,
            operator,
            slot_ms,
            read_at,
            block,
            head,
            awaited,
            unusable,
            table,
            behind_since,
            balance,
            started,
        }))
    }

    /// The chain was read at `now`: everything up to `block` of `head`.
    pub(crate) fn read(&self, now: Timestamp, (block, head): (u64, u64)) {
        self.0.block.store(block, Ordering::Relaxed);
        self.0.head.store(head, Ordering::Relaxed);
        let mut since = self.0.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (head.saturating_sub(block) > BEHIND_BLOCKS).then(|| since.unwrap_or((now, block)));
        drop(since);
        self.alive(now);
    }

    /// The account has so much, and is to have so much at least, in wei.
    pub(crate) fn set_balance(&self, balance: U256, least: U256) {
        *self.0.balance.lock().unwrap_or_else(PoisonError::into_inner) = Some((balance, least));
    }

    fn balance(&self) -> Option<(U256, U256)> {
        *self.0.balance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_low(&self) -> bool {
        self.balance().is_some_and(|(balance, least)| balance < least)
    }

    fn reading(&self, now: Timestamp) -> Reading {
        let (block, head) = (self.0.block.load(Ordering::Relaxed), self.0.head.load(Ordering::Relaxed));
        let behind = head.saturating_sub(block);
        let read_at = self.0.read_at.load(Ordering::Relaxed);
        let since = *self.0.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        Reading {
            chain_id: self.0.service.chain_id,
            block,
            head,
            behind,
            read_seconds_ago: (read_at > 0).then(|| now.0.saturating_sub(read_at) / 1_000),
            catching_up: since
                .map(|(since, from)| progress((now.0.saturating_sub(since.0), block.saturating_sub(from)), behind)),
        }
    }

    fn account(&self) -> AccountPage {
        let balance_wei = self.balance().map(|(balance, _)| balance.to_string());
        AccountPage { address: self.0.operator.0, balance_wei, is_low: self.is_low() }
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

    /// The newest operator table.
    pub(crate) fn table(&self) -> Option<Arc<KeyTable>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slot that `now` is in, if this operator leads it.
    pub(crate) fn led_slot(&self, now: Timestamp) -> Option<Slot> {
        let (slot, table) = (Slot::at(now, self.0.slot_ms), self.table()?);
        (slot.leader(table.table()) == self.0.operator).then_some(slot)
    }

    /// What keeps the node from serving; empty when it is healthy.
    pub(crate) fn problems(&self, now: Timestamp) -> Vec<&'static str> {
        let mut problems = Vec::new();
        if !self.is_reading(now) {
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

    pub(crate) fn head(&self) -> u64 {
        self.0.head.load(Ordering::Relaxed)
    }

    pub(crate) fn is_reading(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.0.read_at.load(Ordering::Relaxed)) <= STALE_AFTER_MS
    }

    /// Whether it catches up.
    pub(crate) fn is_behind(&self) -> bool {
        self.0.behind_since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether an operator is in the newest table.
    pub(crate) fn is_member(&self, operator: OperatorId) -> bool {
        self.table().is_some_and(|table| table.table().position(operator).is_some())
    }

    pub(crate) fn is_in_table(&self) -> bool {
        self.is_member(self.0.operator)
    }

    pub(crate) fn has_components(&self) -> bool {
        self.0.awaited.load(Ordering::Relaxed) + self.0.unusable.load(Ordering::Relaxed) == 0
    }

    /// What does not keep the node from serving yet, but will.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.is_low() {
            warnings.push("the account that pays for deliveries is low: send it the chain's own token");
        }
        if self.is_behind() {
            warnings.push("the node catches up with the chain");
        }
        warnings
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
            warnings: self.warnings(),
            version: env!("CARGO_PKG_VERSION"),
            up_seconds: now.0.saturating_sub(self.0.started.0) / 1_000,
            chains: vec![self.reading(now)],
            account: self.account(),
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

/// Blocks read in so many milliseconds, and when those that are left will be.
fn progress((elapsed_ms, read): (u64, u64), left: u64) -> CatchingUp {
    let blocks_per_second = read as f64 * 1_000.0 / elapsed_ms.max(1) as f64;
    let seconds_left = (read > 0).then(|| left.saturating_mul(elapsed_ms) / read / 1_000);
    CatchingUp { blocks_per_second, seconds_left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let service = ServiceId { chain_id: 7, manager: Address::ZERO };
        Status::new(service, OperatorId(Address::repeat_byte(1)), 1_000)
    }

    #[test]
    fn catching_up_has_a_rate_and_an_end() {
        let status = status();
        status.read(Timestamp(1_000), (100, 10_100));
        assert_eq!(status.reading(Timestamp(1_000)).catching_up.map(|progress| progress.seconds_left), Some(None));
        status.read(Timestamp(11_000), (2_100, 10_100));
        let reading = status.reading(Timestamp(13_000));
        assert_eq!((reading.behind, reading.read_seconds_ago), (8_000, Some(2)));
        status.read(Timestamp(11_000), (2_100, 10_100));
        let progress = status.reading(Timestamp(11_000)).catching_up.expect("it catches up");
        assert_eq!((progress.blocks_per_second, progress.seconds_left), (200.0, Some(40)));
        assert!(!status.warnings().is_empty());
        status.read(Timestamp(60_000), (10_098, 10_100));
        assert_eq!(status.reading(Timestamp(60_000)).catching_up, None);
        assert!(status.warnings().is_empty());
    }

    #[test]
    fn account_is_low_below_its_least() {
        let status = status();
        assert_eq!(status.account().balance_wei, None);
        assert!(!status.account().is_low);
        status.set_balance(U256::from(9), U256::from(10));
        assert!(status.account().is_low && status.warnings()[0].contains("low"));
        status.set_balance(U256::from(10), U256::from(10));
        assert!(!status.account().is_low);
        assert_eq!(status.account().balance_wei.as_deref(), Some("10"));
    }
}
