//! Vetoes of results that are pending on the chain, and what becomes of those that nobody vetoes.
//!
//! An operator vetoes a pending result when its own is another: never one that it voted for, as it votes for its own only, and never
//! without a result. Shares go to the leader of the slot and the next, every slot again, and whoever leads sums them up.

use tandem_crypto::Signature;
use tandem_types::{BatchEntry, Epoch, G1Point, OperatorId, OperatorTable, TaskId, Weight};

use super::{Agreement, Effect, PendingResult};
use crate::pending::Haste;
use crate::schedule::{Slot, Timestamp};

/// Most vetoes that an operator signs anew in one slot; with more, every slot has another window of them.
const VETOED_PER_SLOT_MAX: usize = 256;
/// Most results that are finalized together: their handlers' gas has to fit one transaction.
const FINALIZED_MAX: usize = 32;

/// Which veto a share is for, and whose share it is.
pub(super) struct Ballot {
    pub(super) from: OperatorId,
    pub(super) epoch: Epoch,
    pub(super) entry: BatchEntry,
}

/// Where an operator stands that may veto: who has no external stake has no veto.
fn vetoer(table: &OperatorTable, operator: OperatorId) -> Option<usize> {
    table.position(operator).filter(|at| table.entries()[*at].weight.external > Weight::ZERO)
}

impl Agreement {
    /// Notes a pending result. There is nothing left to deliver, unless it can be made final before its time.
    pub(super) fn on_pending(&mut self, now: Timestamp, result: PendingResult, effects: &mut Vec<Effect>) {
        let task = result.entry.task_id;
        if self.is_closed(task) || self.policy.veto_threshold().is_none() {
            return;
        }
        let is_new = self.pending.leaf(task) != Some(result.entry.leaf);
        self.pending.insert(result.entry, result.until);
        if !is_new {
            return;
        }
        self.deliveries.close(task);
        if let Some(own) = self.own.get_mut(&task) {
            own.certified = None;
        }
        self.weigh(task);
        self.veto(now, &[task], effects);
    }

    /// Asks for the signature of a veto against each of `tasks` whose pending result is not this operator's.
    pub(super) fn veto(&mut self, now: Timestamp, tasks: &[TaskId], effects: &mut Vec<Effect>) {
        let Some(keys) = self.table().cloned() else {
            return;
        };
        let table = keys.table();
        if vetoer(table, self.me).is_none() {
            return;
        }
        let to: Vec<_> = self.slot_at(now).leaders(table).into_iter().collect();
        for &task_id in tasks {
            let own = self.own_leaf(task_id);
            let pending = self.pending.vetoable(task_id, now).map(|pending| pending.leaf);
            if let (Some(own), Some(leaf)) = (own, pending)
                && own != leaf
            {
                let entry = BatchEntry { task_id, leaf };
                effects.push(Effect::SignVeto { to: to.clone(), epoch: table.epoch(), entry });
            }
        }
    }

    /// The tasks whose pending results this operator vetoes in the slot of `now`.
    pub(super) fn vetoed_in(&self, now: Timestamp) -> Vec<TaskId> {
        let vetoable = self.pending.all_vetoable(now, self.slot_at(now));
        let others = vetoable.filter(|(task, leaf)| self.own_leaf(*task).is_some_and(|own| own != *leaf));
        others.map(|(task, _)| task).take(VETOED_PER_SLOT_MAX).collect()
    }

    pub(super) fn on_veto(&mut self, now: Timestamp, ballot: Ballot, share: &G1Point, effects: &mut Vec<Effect>) {
        let Some(keys) = self.table_of(ballot.epoch).cloned() else {
            return;
        };
        let Some(position) = vetoer(keys.table(), ballot.from) else {
            return;
        };
        let (policy, haste) = (self.policy, self.haste(now));
        let BatchEntry { task_id, leaf } = ballot.entry;
        let Some(pending) = self.pending.vetoable(task_id, now).filter(|pending| pending.leaf == leaf) else {
            return;
        };
        let forgers = match Signature::decode(share) {
            Ok(signature) => {
                pending.share(&keys, position, signature);
                pending.certify(&policy, ballot.epoch, now, haste)
            }
            Err(_) => {
                pending.lose(&keys, position);
                vec![ballot.from]
            }
        };
        forgers.into_iter().for_each(|operator| self.blame_forger(operator, now, effects));
        self.submit_vetoes(now, effects);
    }

    /// What is certified and due: by the leader at once, by others who hold it when it has not helped.
    pub(super) fn submit_vetoes(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let haste = self.haste(now);
        for (task, certified, keys) in self.pending.take_due(now, haste) {
            effects.push(Effect::Veto { task, certified, keys });
        }
    }

    fn haste(&self, now: Timestamp) -> Haste {
        let leads = self.table().is_some_and(|keys| self.slot_at(now).leader(keys.table()) == self.me);
        Haste { leads, slot_ms: self.settings.slot_ms, takeover_ms: self.settings.takeover_ms }
    }

    /// Asks for this operator's own results that nobody has vetoed in time, when it is its turn. Turns begin with the leader at the end
    /// of the window, half a turn after it, so that the chain has a block of that time.
    pub(super) fn finalize(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(keys) = self.table().cloned() else {
            return;
        };
        let table = keys.table();
        let Some(me) = table.position(self.me) else {
            return;
        };
        let (operators, takeover_ms) = (table.entries().len(), self.settings.takeover_ms);
        let mut due = Vec::new();
        for (task_id, pending) in self.pending.passed(now) {
            if self.own.get(&task_id).is_none_or(|own| own.result.entry.leaf != pending.leaf) {
                continue;
            }
            let first = Slot::at(pending.until, self.settings.slot_ms).leader(table);
            let rank = (me + operators - table.position(first).unwrap_or_default()) % operators;
            let first_at = pending.until.plus_ms(rank as u64 * takeover_ms + takeover_ms / 2);
            let at = pending.finalized_at.get_or_insert(first_at);
            if *at <= now {
                *at = now.plus_ms(operators as u64 * takeover_ms);
                due.push(BatchEntry { task_id, leaf: pending.leaf });
            }
        }
        effects.extend(due.chunks(FINALIZED_MAX).map(|entries| Effect::Finalize(entries.to_vec())));
    }
}
