//! The leader's side: gather attestations, propose what the policy would accept, count votes, certify.

use std::sync::Arc;

use tandem_crypto::{KeyTable, Signature};
use tandem_types::{Batch, BatchEntry, BatchRoot, Epoch, G1Point, OperatorId, TaskId};

use super::{Agreement, Effect, Fault, Own};
use crate::delivery::{Due, Turn};
use crate::flight::{Flight, Goal, Progress};
use crate::message::{Message, RESULTS_PER_MESSAGE_MAX};
use crate::policy::Stake;
use crate::positions::Positions;
use crate::schedule::Timestamp;

/// Most results that are proposed together: their handlers' gas has to fit one transaction.
const PROPOSED_MAX: usize = RESULTS_PER_MESSAGE_MAX / 2;
/// Most batches of its own that wait for the chain while a leader proposes more. Beyond it agreement would only run ahead of the chain, and certificates would
/// grow too old to be delivered; until then tasks gather for larger batches.
const UNDELIVERED_MAX: usize = 8;
/// Most bytes of results that are proposed together, with what else stands beside each: nodes take transactions of 128 KiB.
const PROPOSED_BYTES_MAX: usize = 96 * 1024;
/// Bytes of calldata that a result takes besides its payload.
const RESULT_BYTES: usize = 512;
/// Most ready tasks that are looked at for one batch.
const CANDIDATES_MAX: usize = 4 * RESULTS_PER_MESSAGE_MAX;
/// Doublings of the pause of a task whose proposals fail.
const DOUBLINGS_MAX: u32 = 8;

/// Which batch an answer is about, and whose answer it is.
pub(super) struct Ballot {
    pub(super) from: OperatorId,
    pub(super) epoch: Epoch,
    pub(super) root: BatchRoot,
}

impl Own {
    /// How many results a batch with this one may have. What was certified and not delivered may have been too much for one transaction, as the gas of handlers
    /// is not known beforehand: it goes in half the company.
    fn company_max(&self) -> usize {
        (PROPOSED_MAX >> self.undelivered.min(PROPOSED_MAX.ilog2())).max(1)
    }
}

impl Agreement {
    pub(super) fn on_attest(
        &mut self,
        now: Timestamp,
        (from, entries): (OperatorId, Vec<BatchEntry>),
        effects: &mut Vec<Effect>,
    ) {
        let slot = self.slot_at(now);
        for entry in entries.into_iter().filter(|entry| !self.closed.contains(&entry.task_id)).collect::<Vec<_>>() {
            if !self.attestations.record(from, entry, slot) {
                effects.push(Effect::Report { operator: from, fault: Fault::Flood });
                return;
            }
            self.weigh(entry.task_id);
        }
    }

    /// Looks how much weight attests this operator's own result of a task.
    pub(super) fn weigh(&mut self, task: TaskId) {
        let (Some(own), Some(keys)) = (self.own.get(&task).copied(), self.table()) else {
            return;
        };
        let table = keys.table();
        let attested = table.weight_of(self.attestations.attesters(&own.result.entry, table).iter());
        let stake = Stake { signed: attested, total: table.total() };
        let is_ready = self.goal(&own).is_some_and(|goal| goal.is_met(&stake));
        if let Some(own) = self.own.get_mut(&task) {
            own.attested = attested.zip_with(own.attested, Ord::max);
        }
        if is_ready {
            self.ready.insert(own.order, task);
        } else {
            self.ready.remove(&own.order);
        }
    }

    /// Proposes when it is this operator's turn and nothing is in flight, and ends the flight when it can end.
    pub(super) fn lead(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.advance(now, effects);
        let Some(keys) = self.table().cloned() else {
            return;
        };
        if self.flight.is_some() || self.ready.is_empty() || self.slot_at(now).leader(keys.table()) != self.me {
            return;
        }
        if self.deliveries.own() >= UNDELIVERED_MAX {
            return;
        }
        let Some((batch, goal)) = self.assemble(now, &keys) else {
            return;
        };
        let epoch = keys.table().epoch();
        effects.push(Effect::Broadcast(Message::Propose { epoch, batch: batch.clone() }));
        effects.push(Effect::Vote { to: self.me, epoch, batch: batch.clone() });
        self.flight = Some(Flight::new(batch, keys, goal, now));
    }

    /// The oldest agreed task, and the others of the same goal whose attesters it shares.
    fn assemble(&self, now: Timestamp, keys: &Arc<KeyTable>) -> Option<(Batch, Goal)> {
        let table = keys.table();
        let mut chosen: Option<(Goal, Positions)> = None;
        let (mut entries, mut bytes, mut most) = (Vec::new(), 0, PROPOSED_MAX);
        let ready = self.ready.values().filter_map(|task| self.own.get(task)).filter(|own| own.not_before <= now);
        for own in ready.take(CANDIDATES_MAX) {
            let (entry, size) = (own.result.entry, own.result.payload_bytes + RESULT_BYTES);
            let most_with_it = most.min(own.company_max());
            let fits = entries.is_empty() || bytes + size <= PROPOSED_BYTES_MAX && entries.len() < most_with_it;
            let of_batch = |goal: &Goal| chosen.is_none_or(|(of_batch, _)| of_batch == *goal);
            let Some(goal) = self.goal(own).filter(of_batch).filter(|_| fits) else {
                continue;
            };
            let attesters = self.attestations.attesters(&entry, table);
            let common = chosen.map_or(attesters, |(_, common)| common.intersection(&attesters));
            if !goal.is_met_by(table, &common) {
                continue;
            }
            chosen = Some((goal, common));
            entries.push(entry);
            (bytes, most) = (bytes + size, most_with_it);
            if entries.len() == most {
                break;
            }
        }
        entries.sort_by_key(|entry| entry.task_id);
        let batch = Batch::new(entries).ok()?;
        chosen.map(|(goal, _)| (batch, goal))
    }

    pub(super) fn on_vote(&mut self, now: Timestamp, ballot: Ballot, share: &G1Point, effects: &mut Vec<Effect>) {
        let Some((flight, position)) = self.flight_of(&ballot) else {
            return;
        };
        match Signature::decode(share) {
            Ok(signature) => flight.vote(position, signature, now),
            Err(_) => {
                flight.lose(position);
                self.blame_forger(ballot.from, now, effects);
            }
        }
    }

    /// Who sends a share that is not its signature is not listened to for a while.
    pub(super) fn blame_forger(&mut self, operator: OperatorId, now: Timestamp, effects: &mut Vec<Effect>) {
        self.shut_out(operator, now);
        effects.push(Effect::Report { operator, fault: Fault::ForgedShare });
    }

    pub(super) fn on_refuse(&mut self, ballot: Ballot, tasks: &[TaskId]) {
        let Some((flight, position)) = self.flight_of(&ballot) else {
            return;
        };
        flight.lose(position);
        let all: Vec<_> = flight.batch.entries().iter().map(|entry| entry.task_id).collect();
        // Who refuses without a reason takes back its word on all of it.
        let disputed: Vec<_> = all.iter().filter(|task| tasks.contains(task)).copied().collect();
        for task in if disputed.is_empty() { all } else { disputed } {
            self.attestations.withdraw(ballot.from, task);
            self.weigh(task);
        }
    }

    fn flight_of(&mut self, ballot: &Ballot) -> Option<(&mut Flight, usize)> {
        let flight = self.flight.as_mut()?;
        let table = flight.keys.table();
        if flight.batch.root() != ballot.root || table.epoch() != ballot.epoch {
            return None;
        }
        let position = table.position(ballot.from)?;
        Some((flight, position))
    }

    fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let patience = self.patience();
        while let Some(flight) = self.flight.as_mut() {
            match flight.progress(now, patience) {
                Progress::Waiting => return,
                Progress::Faulty(operators) => {
                    operators.into_iter().for_each(|operator| self.blame_forger(operator, now, effects));
                }
                Progress::Refused => self.flight = None,
                Progress::TimedOut => self.give_up(now),
                Progress::Certified(certified) => {
                    let Some(Flight { batch, keys, .. }) = self.flight.take() else {
                        return;
                    };
                    self.mark_certified(&batch, now);
                    let certificate = certified.certificate().clone();
                    effects.push(Effect::Broadcast(Message::Certified { batch: batch.clone(), certificate }));
                    let turn = Turn::of(self.me, self.me, &keys, self.settings.takeover_ms);
                    self.deliveries.insert(Due { certified, batch, keys }, now, turn);
                    self.deliver_due(now, effects);
                }
            }
        }
    }

    /// Ends a flight that found too few votes in time. Those who did not vote lose their word on its tasks until they attest again, and
    /// the tasks go behind all others, for a pause that doubles: an operator that attests and does not vote holds up nothing else.
    fn give_up(&mut self, now: Timestamp) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let silent = flight.silent();
        for task in flight.batch.entries().iter().map(|entry| entry.task_id) {
            silent.iter().for_each(|operator| self.attestations.withdraw(*operator, task));
            self.put_back(task, now);
            self.weigh(task);
        }
    }

    fn put_back(&mut self, task: TaskId, now: Timestamp) {
        let (order, slot_ms) = (self.next_order(), self.settings.slot_ms);
        if let Some(own) = self.own.get_mut(&task) {
            self.ready.remove(&own.order);
            own.order = order;
            own.not_before = now.plus_ms(slot_ms << own.failures.min(DOUBLINGS_MAX));
            own.failures += 1;
        }
    }

    pub(super) fn mark_certified(&mut self, batch: &Batch, now: Timestamp) {
        for entry in batch.entries() {
            if let Some(own) = self.own.get_mut(&entry.task_id) {
                own.certified = Some(now);
                self.ready.remove(&own.order);
            }
        }
    }

    /// What is this operator's turn to deliver. Whoever steps in for another also passes the certificate on, in case the other failed
    /// before all had it.
    pub(super) fn deliver_due(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        for (Due { certified, batch, keys }, steps_in) in self.deliveries.take_due(now) {
            if steps_in {
                let certificate = certified.certificate().clone();
                effects.push(Effect::Broadcast(Message::Certified { batch: batch.clone(), certificate }));
            }
            effects.push(Effect::Deliver { certified, batch, keys });
        }
    }
}
