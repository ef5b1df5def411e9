//! What the node knows of itself at the moment, for its HTTP API. Written by the loops, read by anyone who may reach the port.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tandem_chain::{ChainClient, EndpointsStatus};
use tandem_crypto::KeyTable;
use tandem_protocol::{Slot, Timestamp};
use tandem_types::{Address, Epoch, OperatorId, PerToken, ServiceId, U256, Weight};

use crate::clock;
use crate::progress::{Follows, Progress, Reading};
use crate::slots::Key;

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
    /// The chains that the node reads, its own first.
    chains: Vec<ChainClient>,
    /// How far the service's events are read.
    events: Mutex<Progress>,
    /// How far the triggers are read, by the id of their chain.
    triggers: Mutex<BTreeMap<u64, ChainTriggers>>,
    /// Workflows that wait for their component.
    awaited: AtomicUsize,
    /// Workflows whose component cannot run here.
    unusable: AtomicUsize,
    table: Mutex<Option<Arc<KeyTable>>>,
    /// What the account has and what it should have, in wei.
    balance: Mutex<Option<(U256, U256)>>,
    started: Timestamp,
}

/// The triggers of one chain.
#[derive(Debug, Default)]
struct ChainTriggers {
    /// That of the one that is furthest behind.
    progress: Progress,
    /// The block up to which all that fired was taken, by trigger. None of those whose manifest is over.
    read_to: BTreeMap<Key, u64>,
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
    /// The service's own events first.
    chains: Vec<Reading>,
    endpoints: Vec<EndpointsStatus>,
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
    /// `chains` are those that the node reads, the service's own first.
    pub(crate) fn new((service, operator): (ServiceId, OperatorId), slot_ms: u64, chains: Vec<ChainClient>) -> Self {
        let (events, triggers, awaited, unusable, table, balance) = Default::default();
        let started = clock::now();
        Self(Arc::new(Shared {
            service,
            operator,
            slot_ms,
            chains,
            events,
            triggers,
            awaited,
            unusable,
            table,
            balance,
            started,
        }))
    }

    /// The service's chain was read at `now`: everything up to `block` of `head`.
    pub(crate) fn read(&self, now: Timestamp, (block, head): (u64, u64)) {
        self.events().read(now, (block, head));
    }

    /// A trigger of a chain was read at `now`, and what fired up to `block` was taken; none when it fires no more.
    pub(crate) fn read_trigger(&self, now: Timestamp, (chain_id, trigger): (u64, &Key), block: Option<u64>) {
        let head = self.head_of(chain_id);
        let mut chains = self.triggers();
        let ChainTriggers { progress, read_to } = chains.entry(chain_id).or_default();
        match block {
            Some(block) => read_to.insert(trigger.clone(), block),
            None => read_to.remove(trigger),
        };
        match read_to.values().min() {
            Some(least) => progress.read(now, (*least, head.unwrap_or(*least).max(*least))),
            None => _ = chains.remove(&chain_id),
        }
    }

    /// The latest block of a chain, as far as its endpoints said.
    fn head_of(&self, chain_id: u64) -> Option<u64> {
        self.0.chains.iter().find(|chain| chain.chain_id() == chain_id)?.endpoints().head()
    }

    fn events(&self) -> MutexGuard<'_, Progress> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn triggers(&self) -> MutexGuard<'_, BTreeMap<u64, ChainTriggers>> {
        self.0.triggers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far everything is read, the service's own events first.
    pub(crate) fn readings(&self, now: Timestamp) -> Vec<Reading> {
        let own = self.events().reading((self.0.service.chain_id, Follows::Service), now);
        let triggers = self.triggers();
        let fired = triggers.iter().map(|(id, of)| of.progress.reading((*id, Follows::Triggers), now));
        std::iter::once(own).chain(fired).collect()
    }

    /// Ids of the chains that the node reads, the service's own first.
    pub(crate) fn chain_ids(&self) -> Vec<u64> {
        self.0.chains.iter().map(ChainClient::chain_id).collect()
    }

    /// How the endpoints of each chain are doing.
    pub(crate) fn endpoints(&self) -> Vec<EndpointsStatus> {
        self.0.chains.iter().map(ChainClient::endpoints).collect()
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

    fn account(&self) -> AccountPage {
        let balance_wei = self.balance().map(|(balance, _)| balance.to_string());
        AccountPage { address: self.0.operator.0, balance_wei, is_low: self.is_low() }
    }

    /// The chain answered at `now`, and had nothing new.
    pub(crate) fn alive(&self, now: Timestamp) {
        self.events().alive(now);
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
        self.events().head
    }

    pub(crate) fn is_reading(&self, now: Timestamp) -> bool {
        self.events().silent_ms(now) <= STALE_AFTER_MS
    }

    /// Whether it catches up.
    pub(crate) fn is_behind(&self) -> bool {
        self.events().is_behind()
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
        if self.triggers().values().any(|triggers| triggers.progress.is_behind()) {
            warnings.push("the node catches up with what fired");
        }
        let endpoints = self.endpoints();
        if endpoints.iter().any(EndpointsStatus::is_down) {
            warnings.push("fewer endpoints of a chain answer than have to say the same: nothing new of it is believed");
        } else if endpoints.iter().any(EndpointsStatus::is_degraded) {
            warnings.push("an endpoint fails, is slow, behind, or contradicts others");
        }
        warnings
    }

    pub(crate) fn page(&self, now: Timestamp, connected: usize) -> StatusPage {
        let (problems, own) = (self.problems(now), *self.events());
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
            chains: self.readings(now),
            endpoints: self.endpoints(),
            account: self.account(),
            block: own.block,
            head: own.head,
            epoch: table.map(|table| table.epoch()),
            operators: table.map_or(0, |table| table.entries().len()),
            weight: weight.unwrap_or_default(),
            total: table.map(|table| table.total()).unwrap_or_default(),
            leader: table.map(|table| Slot::at(now, self.0.slot_ms).leader(table)),
            connected,
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::{B256, ManifestHash};

    use super::*;

    fn status() -> Status {
        let service = ServiceId { chain_id: 7, manager: Address::ZERO };
        Status::new((service, OperatorId(Address::repeat_byte(1))), 1_000, Vec::new())
    }

    #[test]
    fn who_catches_up_is_warned_of_it() {
        let status = status();
        status.read(Timestamp(1_000), (100, 10_100));
        assert!(status.is_behind() && status.warnings()[0].contains("with the chain"));
        status.read(Timestamp(60_000), (10_098, 10_100));
        assert!(!status.is_behind() && status.warnings().is_empty());
    }

    fn trigger(name: &str) -> Key {
        (ManifestHash(B256::ZERO), name.parse().expect("a name"))
    }

    fn found(status: &Status) -> Vec<(u64, Follows, u64)> {
        status.readings(Timestamp(3_000)).iter().map(|read| (read.chain_id, read.follows, read.block)).collect()
    }

    #[test]
    fn triggers_of_a_chain_are_as_far_as_the_last_of_them() {
        let (status, now) = (status(), Timestamp(2_000));
        status.read(Timestamp(1_000), (100, 102));
        for (chain_id, name, block) in [(9, "b", 45), (9, "a", 40), (7, "c", 99), (9, "b", 46)] {
            status.read_trigger(now, (chain_id, &trigger(name)), Some(block));
        }
        let own = (7, Follows::Service, 100);
        assert_eq!(found(&status), [own, (7, Follows::Triggers, 99), (9, Follows::Triggers, 40)]);
        assert!(status.is_reading(Timestamp(61_000)) && !status.is_reading(Timestamp(61_001)));
    }

    #[test]
    fn trigger_that_fires_no_more_holds_nothing_up() {
        let (status, now) = (status(), Timestamp(2_000));
        status.read_trigger(now, (9, &trigger("a")), Some(40));
        status.read_trigger(now, (9, &trigger("b")), Some(90));
        status.read_trigger(now, (9, &trigger("a")), None);
        assert_eq!(found(&status)[1..], [(9, Follows::Triggers, 90)]);
        status.read_trigger(now, (9, &trigger("b")), None);
        assert_eq!(found(&status).len(), 1);
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
