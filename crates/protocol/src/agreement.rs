//! The state machine of one operator for one service: inputs in, effects out, nothing else.

mod follow;
mod interface;
mod lead;
mod veto;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tandem_crypto::{CertifiedBatch, KeyTable};
use tandem_types::{Batch, BatchEntry, Epoch, OperatorId, PerToken, Policy, Requirement, ResultLeaf, TaskId, Weight};

use crate::attestations::{ATTESTED_PER_SLOT_MAX, Attestations};
use crate::delivery::Deliveries;
use crate::flight::{Flight, Goal, Patience};
use crate::message::{ATTESTATIONS_PER_MESSAGE_MAX, Message};
use crate::pending::{Pending, Pendings};
use crate::policy::{Conditions, Rule};
use crate::schedule::{Slot, Timestamp};

pub use interface::{Effect, Fault, Input, OwnResult, PendingResult, Settings};

/// Operator tables kept: the newest, and those that batches in flight may still name.
pub(crate) const TABLES_MAX: usize = 3;
/// Settled tasks remembered, so that late proposals about them are refused instead of left waiting.
const CLOSED_MAX: usize = 8_192;

/// Where this operator stands with a task of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) result: OwnResult,
    /// Counts up with every result, so that older tasks go first.
    pub(crate) order: u64,
    /// Since when it is certified. A certificate that is not delivered for a whole round is forgotten, and the task agreed on anew.
    pub(crate) certified: Option<Timestamp>,
    /// The newest table when a certificate was forgotten.
    pub(crate) given_up: Option<Epoch>,
    pub(crate) attested: PerToken<Weight>,
    /// Proposals of this operator that failed for want of votes.
    pub(crate) failures: u32,
    /// Certificates over it that nobody delivered.
    pub(crate) undelivered: u32,
    /// Until then other tasks are proposed first, so that one task cannot hold up all.
    pub(crate) not_before: Timestamp,
}

/// One operator's side of the agreement.
#[derive(Debug)]
pub struct Agreement {
    pub(crate) me: OperatorId,
    pub(crate) settings: Settings,
    policy: Policy,
    conditions: Conditions,
    tables: BTreeMap<Epoch, Arc<KeyTable>>,
    pub(crate) own: BTreeMap<TaskId, Own>,
    /// Own tasks, uncertified, that looked agreed when last seen; by age.
    pub(crate) ready: BTreeMap<u64, TaskId>,
    pub(crate) attestations: Attestations,
    /// Own results that nobody was told of yet. The first after a quiet tick is told at once, and those that come before the next tick with it: the
    /// more results there are, the fewer messages each takes.
    untold: Vec<BatchEntry>,
    /// Whether a result was told since the last quiet tick.
    has_told: bool,
    pub(crate) flight: Option<Flight>,
    /// Proposals with tasks that are not executed yet; the last of each proposer.
    pub(crate) waiting: BTreeMap<OperatorId, follow::Proposal>,
    /// Proposals taken from each operator in this slot.
    pub(crate) proposals: BTreeMap<OperatorId, u32>,
    pub(crate) deliveries: Deliveries,
    /// Results that wait on the chain for vetoes.
    pub(crate) pending: Pendings,
    shut_out: BTreeMap<OperatorId, Timestamp>,
    closed: BTreeSet<TaskId>,
    closed_order: VecDeque<TaskId>,
    slot: Option<Slot>,
    executed: u64,
}

impl Agreement {
    /// The agreement of operator `me` under the service's `policy`, before it knows anything else.
    pub fn new(me: OperatorId, policy: Policy, settings: Settings) -> Self {
        Self {
            me,
            settings,
            policy,
            conditions: Conditions::default(),
            tables: BTreeMap::new(),
            own: BTreeMap::new(),
            ready: BTreeMap::new(),
            attestations: Attestations::default(),
            untold: Vec::new(),
            has_told: false,
            flight: None,
            waiting: BTreeMap::new(),
            proposals: BTreeMap::new(),
            deliveries: Deliveries::default(),
            pending: Pendings::default(),
            shut_out: BTreeMap::new(),
            closed: BTreeSet::new(),
            closed_order: VecDeque::new(),
            slot: None,
            executed: 0,
        }
    }

    /// Takes one input at time `now`, and says what is to be done.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Table(table) => {
                self.adopt(table);
                self.reconsider(&mut effects);
            }
            Input::Conditions(conditions) => self.on_conditions(now, conditions),
            Input::Executed(result) => self.on_executed(now, result, &mut effects),
            Input::Received { from, message } => self.on_message(now, (from, message), &mut effects),
            Input::Pending(result) => self.on_pending(now, result, &mut effects),
            Input::Settled(task) => self.close(task),
            Input::Reopened(task) => self.reopen(task),
            Input::Tick => self.on_tick(now, &mut effects),
        }
        self.lead(now, &mut effects);
        effects
    }

    /// The weight that attested this operator's result of an open task, as far as it is known here.
    pub fn attested(&self, task: TaskId) -> Option<PerToken<Weight>> {
        self.own.get(&task).map(|own| own.attested)
    }

    /// Whether an open task is certified.
    pub fn is_certified(&self, task: TaskId) -> bool {
        self.own.get(&task).is_some_and(|own| own.certified.is_some())
    }

    /// The certificate over this operator's result of an open task, with all results that it is over.
    pub fn certificate(&self, task: TaskId) -> Option<(&CertifiedBatch, &Batch)> {
        self.deliveries.over(&self.own.get(&task)?.result.entry)
    }

    /// The newest operator table.
    pub fn table(&self) -> Option<&Arc<KeyTable>> {
        self.tables.last_key_value().map(|(_, table)| table)
    }

    /// The operator table of `epoch`, while it is kept.
    pub fn table_of(&self, epoch: Epoch) -> Option<&Arc<KeyTable>> {
        self.tables.get(&epoch)
    }

    pub(crate) fn slot_at(&self, now: Timestamp) -> Slot {
        Slot::at(now, self.settings.slot_ms)
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { grace_ms: self.settings.vote_grace_ms, total_ms: self.settings.slot_ms / 2 }
    }

    pub(crate) fn is_closed(&self, task: TaskId) -> bool {
        self.closed.contains(&task)
    }

    pub(crate) fn is_shut_out(&self, operator: OperatorId, now: Timestamp) -> bool {
        self.shut_out.get(&operator).is_some_and(|until| now < *until)
    }

    pub(crate) fn shut_out(&mut self, operator: OperatorId, now: Timestamp) {
        self.shut_out.insert(operator, now.plus_ms(self.settings.shut_out_ms));
    }

    fn adopt(&mut self, table: Arc<KeyTable>) {
        self.tables.insert(table.table().epoch(), table);
        while self.tables.len() > TABLES_MAX {
            self.tables.pop_first();
        }
        self.weigh_all();
    }

    fn on_conditions(&mut self, now: Timestamp, conditions: Conditions) {
        if self.conditions == conditions {
            return;
        }
        self.conditions = conditions;
        if let Some(flight) = self.flight.as_mut() {
            flight.reconsider(conditions, now);
        }
        self.weigh_all();
    }

    fn weigh_all(&mut self) {
        let tasks: Vec<_> = self.own.keys().copied().collect();
        tasks.into_iter().for_each(|task| self.weigh(task));
    }

    /// What it takes to help a task on: a certificate that the chain accepts, or one that is final when the result is pending already.
    /// Nothing helps a task that is certified, of which another result is pending, or whose window has passed.
    pub(crate) fn goal(&self, own: &Own) -> Option<Goal> {
        let entry = own.result.entry;
        let pending = self.pending.get(entry.task_id);
        let can_be_waved_through = |pending: &Pending| pending.leaf == entry.leaf && pending.finalized_at.is_none();
        let is_open = own.certified.is_none() && pending.is_none_or(can_be_waved_through);
        is_open.then(|| Goal { rule: self.rule(own.result.requirement), is_final: pending.is_some() })
    }

    /// What a batch that demands `requirement` is held to.
    pub(crate) fn rule(&self, requirement: Requirement) -> Rule {
        Rule { policy: self.policy, requirement, conditions: self.conditions }
    }

    fn on_executed(&mut self, now: Timestamp, result: OwnResult, effects: &mut Vec<Effect>) {
        let task = result.entry.task_id;
        if self.is_closed(task) || self.own.contains_key(&task) {
            return;
        }
        let own = Own {
            result,
            order: self.next_order(),
            certified: None,
            given_up: None,
            attested: PerToken::default(),
            failures: 0,
            undelivered: 0,
            not_before: now,
        };
        self.own.insert(task, own);
        self.untold.push(result.entry);
        self.attestations.record(self.me, result.entry, self.slot_at(now));
        if !self.has_told {
            self.tell(now, effects);
        }
        self.weigh(task);
        self.veto(now, &[task], effects);
        self.reconsider(effects);
    }

    fn on_message(&mut self, now: Timestamp, (from, message): (OperatorId, Message), effects: &mut Vec<Effect>) {
        let is_member = self.tables.values().any(|table| table.table().position(from).is_some());
        if !is_member || self.is_shut_out(from, now) {
            return;
        }
        match message {
            Message::Attest(entries) => self.on_attest(now, (from, entries), effects),
            Message::Propose { epoch, batch } => {
                self.on_propose(follow::Proposal { proposer: from, epoch, batch, received: now }, effects);
            }
            Message::Vote { epoch, root, share } => {
                self.on_vote(now, lead::Ballot { from, epoch, root }, &share, effects)
            }
            Message::Refuse { epoch, root, tasks } => self.on_refuse(lead::Ballot { from, epoch, root }, &tasks),
            Message::Certified { batch, certificate } => {
                self.on_certified(now, (from, batch), &certificate, effects);
            }
            // The daemon's.
            Message::Forward(_) => {}
            Message::Veto { epoch, entry, share } => {
                self.on_veto(now, veto::Ballot { from, epoch, entry }, &share, effects);
            }
        }
    }

    /// The place behind all tasks that are there.
    pub(crate) fn next_order(&mut self) -> u64 {
        self.executed += 1;
        self.executed
    }

    fn on_tick(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.tell(now, effects);
        let slot = self.slot_at(now);
        if self.slot != Some(slot) {
            self.slot = Some(slot);
            self.on_slot(now, effects);
        }
        self.deliver_due(now, effects);
        self.submit_vetoes(now, effects);
        self.finalize(now, effects);
    }

    /// A new slot: what has expired goes, and what is uncertified is attested to the slot's leader and the next.
    fn on_slot(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.expire(now, effects);
        let slot = self.slot_at(now);
        self.attestations.prune(slot);
        self.proposals.clear();
        self.shut_out.retain(|_, until| now < *until);
        let oldest_proposal = now.0.saturating_sub(2 * self.settings.slot_ms);
        self.waiting.retain(|_, proposal| proposal.received.0 >= oldest_proposal);
        self.forget_undelivered(now);
        let window = self.window(slot);
        let attested: Vec<_> = window.iter().map(|entry| entry.task_id).collect();
        self.attest(now, window, effects);
        let vetoed = self.vetoed_in(now);
        self.veto(now, &vetoed, effects);
        let ready: Vec<_> = self.ready.values().copied().collect();
        ready.into_iter().chain(attested).for_each(|task| self.weigh(task));
    }

    /// Certificates that nobody has delivered in a whole round of turns are worth nothing, as when their table has expired or lost weight:
    /// they go, so that they are not in the way of others over the same results, and their tasks are open again.
    fn forget_undelivered(&mut self, now: Timestamp) {
        let newest = self.table().map(|table| table.table().epoch());
        let operators = self.table().map_or(1, |table| table.table().entries().len() as u64);
        let round_ms = (operators + 1) * self.settings.takeover_ms;
        let is_stale = |own: &&mut Own| own.certified.is_some_and(|since| since.plus_ms(round_ms) <= now);
        let stale: Vec<_> = self
            .own
            .values_mut()
            .filter(is_stale)
            .map(|own| {
                (own.certified, own.given_up, own.undelivered) = (None, newest, own.undelivered + 1);
                own.result.entry.task_id
            })
            .collect();
        for task in stale {
            self.deliveries.give_up(task);
            self.weigh(task);
        }
    }

    /// The uncertified results that are attested in `slot`: all, or a window of them that is the same for all operators and another in
    /// every slot, so that tasks which are never agreed on do not crowd out the others.
    fn window(&self, slot: Slot) -> Vec<BatchEntry> {
        let start = slot.window_start();
        let tasks = self.own.range(start..).chain(self.own.range(..start));
        let uncertified = tasks.filter(|(_, own)| self.goal(own).is_some()).map(|(_, own)| own.result.entry);
        uncertified.take(ATTESTED_PER_SLOT_MAX).collect()
    }

    /// Attests the results that nobody was told of.
    fn tell(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let untold = std::mem::take(&mut self.untold);
        self.has_told = !untold.is_empty();
        let open: Vec<_> = untold.into_iter().filter(|entry| self.own.contains_key(&entry.task_id)).collect();
        self.attest(now, open, effects);
    }

    fn attest(&mut self, now: Timestamp, entries: Vec<BatchEntry>, effects: &mut Vec<Effect>) {
        let Some(table) = self.table().filter(|table| table.table().position(self.me).is_some()).cloned() else {
            return;
        };
        let slot = self.slot_at(now);
        for entry in &entries {
            self.attestations.record(self.me, *entry, slot);
        }
        for to in slot.leaders(table.table()).into_iter().filter(|leader| *leader != self.me) {
            for chunk in entries.chunks(ATTESTATIONS_PER_MESSAGE_MAX) {
                effects.push(Effect::Send { to, message: Message::Attest(chunk.to_vec()) });
            }
        }
    }

    fn expire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let expired: Vec<_> = self
            .own
            .iter()
            .filter(|(task, own)| own.result.deadline < now && self.pending.leaf(**task).is_none())
            .map(|(task, own)| (*task, own.attested))
            .collect();
        for (task, attested) in expired {
            effects.push(Effect::Expired { task, attested });
            self.close(task);
        }
    }

    /// Forgets an open task for good.
    fn close(&mut self, task: TaskId) {
        if let Some(own) = self.own.remove(&task) {
            self.ready.remove(&own.order);
        }
        self.attestations.forget(task);
        self.deliveries.close(task);
        self.pending.remove(task);
        if self.closed.insert(task) {
            self.closed_order.push_back(task);
        }
        if self.closed_order.len() > CLOSED_MAX
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
    }

    /// Forgets what the chain said of a task. A certificate over it was used up by what was taken back: whether it is accepted once more depends on
    /// the chain's new tables, so the task is agreed on again.
    fn reopen(&mut self, task: TaskId) {
        if self.closed.remove(&task) {
            self.closed_order.retain(|closed| *closed != task);
        }
        self.pending.remove(task);
        self.deliveries.close(task);
        if let Some(own) = self.own.get_mut(&task) {
            own.certified = None;
        }
        self.weigh(task);
    }

    /// The leaf of this operator's own result.
    pub(crate) fn own_leaf(&self, task: TaskId) -> Option<ResultLeaf> {
        self.own.get(&task).map(|own| own.result.entry.leaf)
    }
}
