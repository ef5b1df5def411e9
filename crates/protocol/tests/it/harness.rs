//! Several operators' state machines on one virtual clock. Messages arrive at once and in order, unless a test cuts them off.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use alloy_primitives::{Address, keccak256};
use tandem_crypto::{CertifiedBatch, CertifiedVeto, KeyTable, SecretKey};
use tandem_protocol::{Agreement, Effect, Fault, Input, Message, OwnResult, PendingResult, Settings, Slot, Timestamp};
use tandem_types::{
    Batch, BatchEntry, Bps, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, Policy, Requirement,
    ResultLeaf, TaskId, Weight,
};

pub(crate) const SLOT_MS: u64 = 1_000;
pub(crate) const TAKEOVER_MS: u64 = 5_000;
pub(crate) const TWO_THIRDS: Policy = Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS };

/// Something that an operator did and the outside can see.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Delivered { by: usize, certified: Box<CertifiedBatch>, batch: Batch },
    Vetoed { by: usize, task: TaskId, certified: Box<CertifiedVeto> },
    Finalized { by: usize, entries: Vec<BatchEntry> },
    Expired { by: usize, task: TaskId, attested: PerToken<Weight> },
    Reported { by: usize, operator: OperatorId, fault: Fault },
}

pub(crate) struct Network {
    pub(crate) now: Timestamp,
    pub(crate) nodes: Vec<Agreement>,
    pub(crate) events: Vec<Event>,
    pub(crate) silent: BTreeSet<usize>,
    /// Operators that sign something else than they are asked to.
    pub(crate) forgers: BTreeSet<usize>,
    /// Operators that attest and never vote.
    pub(crate) abstainers: BTreeSet<usize>,
    pub(crate) keys: Arc<KeyTable>,
    pub(crate) messages: Vec<(usize, Message)>,
}

pub(crate) fn secret(index: usize) -> SecretKey {
    SecretKey::from_random(&[u8::try_from(index + 1).expect("small"); 48]).expect("not zero")
}

pub(crate) fn operator(index: usize) -> OperatorId {
    OperatorId(Address::repeat_byte(u8::try_from(index + 1).expect("small")))
}

pub(crate) fn domain() -> Domain {
    Domain { chain_id: 1, verifying_contract: Address::ZERO }
}

/// Everybody has 10 native and 20 external.
pub(crate) fn key_table(epoch: u32, operators: impl IntoIterator<Item = usize>) -> Arc<KeyTable> {
    weighted_table(epoch, operators.into_iter().map(|index| (index, 10, 20)))
}

/// Operators with their native and external weights.
pub(crate) fn weighted_table(epoch: u32, operators: impl IntoIterator<Item = (usize, u64, u64)>) -> Arc<KeyTable> {
    let entry = |(index, native, external): (usize, u64, u64)| {
        let key = secret(index).public_key();
        let weight = PerToken { native: Weight::from(native), external: Weight::from(external) };
        OperatorEntry { operator: operator(index), key_g1: key.g1(), key_g2: key.g2(), weight }
    };
    let entries = operators.into_iter().map(entry).collect();
    let table = OperatorTable::new(Epoch(epoch), entries).expect("distinct operators make a table");
    Arc::new(KeyTable::new(domain(), table).expect("the keys are points"))
}

pub(crate) fn task(number: u64) -> TaskId {
    TaskId(keccak256(number.to_be_bytes()))
}

pub(crate) fn entry(number: u64, result: u8) -> BatchEntry {
    // As a real leaf, it commits to its task.
    let leaf = keccak256([number.to_be_bytes().as_slice(), &[result]].concat());
    BatchEntry { task_id: task(number), leaf: ResultLeaf(leaf) }
}

impl Network {
    pub(crate) fn new(operators: usize) -> Self {
        Self::with(TWO_THIRDS, key_table(1, 0..operators))
    }

    pub(crate) fn with(policy: Policy, keys: Arc<KeyTable>) -> Self {
        let operators = keys.table().entries().len();
        let settings = Settings { slot_ms: SLOT_MS, vote_grace_ms: 100, takeover_ms: TAKEOVER_MS, shut_out_ms: 60_000 };
        let mut network = Self {
            now: Timestamp(1_000_000_000),
            nodes: (0..operators).map(|index| Agreement::new(operator(index), policy, settings)).collect(),
            events: Vec::new(),
            silent: BTreeSet::new(),
            forgers: BTreeSet::new(),
            abstainers: BTreeSet::new(),
            keys: keys.clone(),
            messages: Vec::new(),
        };
        (0..operators).for_each(|index| network.input(index, Input::Table(keys.clone())));
        network
    }

    pub(crate) fn leader(&self) -> usize {
        let leader = Slot::at(self.now, SLOT_MS).leader(self.keys.table());
        self.keys.table().position(leader).expect("leaders come from the table")
    }

    /// Every operator that is not silent has this result.
    pub(crate) fn execute_all(&mut self, number: u64, result: u8) {
        (0..self.nodes.len()).for_each(|index| self.execute(index, number, result));
    }

    pub(crate) fn execute(&mut self, index: usize, number: u64, result: u8) {
        self.execute_with(index, entry(number, result), Requirement::NONE);
    }

    pub(crate) fn execute_with(&mut self, index: usize, entry: BatchEntry, requirement: Requirement) {
        let deadline = self.now.plus_ms(60_000);
        self.input(index, Input::Executed(OwnResult { entry, requirement, deadline, payload_bytes: 200 }));
    }

    /// The chain tells everyone that a result is pending.
    pub(crate) fn pending(&mut self, entry: BatchEntry, until: Timestamp) {
        let input = Input::Pending(PendingResult { entry, until });
        (0..self.nodes.len()).for_each(|index| self.input(index, input.clone()));
    }

    pub(crate) fn receive(&mut self, to: usize, from: usize, message: Message) {
        self.input(to, Input::Received { from: operator(from), message });
    }

    /// Lets time pass in steps of 50 ms.
    pub(crate) fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 50 {
            self.now = self.now.plus_ms(50);
            (0..self.nodes.len()).for_each(|index| self.input(index, Input::Tick));
        }
    }

    pub(crate) fn input(&mut self, index: usize, input: Input) {
        let mut queue = VecDeque::from([(index, input)]);
        while let Some((index, input)) = queue.pop_front() {
            if self.silent.contains(&index) {
                continue;
            }
            for effect in self.nodes[index].step(self.now, input) {
                self.perform(index, effect, &mut queue);
            }
        }
    }

    fn perform(&mut self, by: usize, effect: Effect, queue: &mut VecDeque<(usize, Input)>) {
        match effect {
            Effect::Send { to, message } => self.deliver(by, to, message, queue),
            Effect::Broadcast(message) => {
                let others: Vec<_> = (0..self.nodes.len()).filter(|&index| index != by).collect();
                others.into_iter().for_each(|to| self.deliver(by, operator(to), message.clone(), queue));
            }
            Effect::Vote { .. } if self.abstainers.contains(&by) => {}
            Effect::Vote { to, epoch, batch } => {
                let signed = if self.forgers.contains(&by) { Epoch(epoch.0 + 1) } else { epoch };
                let share = secret(by).sign_batch(&domain(), signed, batch.root()).encode();
                self.deliver(by, to, Message::Vote { epoch, root: batch.root(), share }, queue);
            }
            Effect::Deliver { certified, batch, .. } => {
                self.events.push(Event::Delivered { by, certified: Box::new(certified), batch })
            }
            Effect::SignVeto { to, epoch, entry } => {
                let signed = if self.forgers.contains(&by) { Epoch(epoch.0 + 1) } else { epoch };
                let share = secret(by).sign_veto(&domain(), signed, entry.leaf).encode();
                let message = Message::Veto { epoch, entry, share };
                to.into_iter().for_each(|to| self.deliver(by, to, message.clone(), queue));
            }
            Effect::Veto { task, certified, .. } => {
                self.events.push(Event::Vetoed { by, task, certified: Box::new(certified) });
            }
            Effect::Finalize(entries) => self.events.push(Event::Finalized { by, entries }),
            Effect::Expired { task, attested } => self.events.push(Event::Expired { by, task, attested }),
            Effect::Report { operator, fault } => self.events.push(Event::Reported { by, operator, fault }),
        }
    }

    fn deliver(&mut self, from: usize, to: OperatorId, message: Message, queue: &mut VecDeque<(usize, Input)>) {
        let message = Message::decode(&message.encode()).expect("what an operator encodes decodes");
        self.messages.push((from, message.clone()));
        let to = (0..self.nodes.len()).find(|&index| operator(index) == to).expect("receivers exist");
        queue.push_back((to, Input::Received { from: operator(from), message }));
    }

    /// The deliveries so far: who, and how many signed.
    pub(crate) fn deliveries(&self) -> Vec<(usize, Vec<usize>, Vec<TaskId>)> {
        let delivery = |event: &Event| match event {
            Event::Delivered { by, certified, batch } => {
                let signers = certified.certificate().signers.positions(self.nodes.len()).expect("fits the table");
                Some((*by, signers, batch.entries().iter().map(|entry| entry.task_id).collect()))
            }
            _ => None,
        };
        self.events.iter().filter_map(delivery).collect()
    }

    /// The vetoes submitted so far: by whom, under which table, and who signed.
    pub(crate) fn vetoes(&self) -> Vec<(usize, u32, Vec<usize>)> {
        let veto = |event: &Event| match event {
            Event::Vetoed { by, certified, .. } => {
                let certificate = certified.certificate();
                let signers = certificate.signers.positions(self.nodes.len()).expect("fits the table");
                Some((*by, certificate.epoch.0, signers))
            }
            _ => None,
        };
        self.events.iter().filter_map(veto).collect()
    }

    pub(crate) fn finalizations(&self) -> Vec<(usize, Vec<TaskId>)> {
        let finalization = |event: &Event| match event {
            Event::Finalized { by, entries } => Some((*by, entries.iter().map(|entry| entry.task_id).collect())),
            _ => None,
        };
        self.events.iter().filter_map(finalization).collect()
    }

    pub(crate) fn faults(&self) -> Vec<(usize, OperatorId, Fault)> {
        let fault = |event: &Event| match event {
            Event::Reported { by, operator, fault } => Some((*by, *operator, *fault)),
            _ => None,
        };
        self.events.iter().filter_map(fault).collect()
    }
}
