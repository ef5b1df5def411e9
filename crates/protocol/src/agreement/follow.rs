//! The follower's side: vote for proposals that hold one's own results, and check certificates.

use tandem_crypto::CertifiedBatch;
use tandem_types::{Batch, BatchEntry, Certificate, Epoch, OperatorId, Requirement, TaskId};

use super::{Agreement, Effect, Fault};
use crate::delivery::{Due, Turn};
use crate::message::Message;
use crate::policy::{Rule, Stake, Verdict};
use crate::schedule::Timestamp;

/// Most proposals that are taken from one operator in one slot: each may cost a write to disk and a signature.
const PROPOSALS_PER_SLOT_MAX: u32 = 256;

/// A batch that a leader asks votes for.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) proposer: OperatorId,
    pub(crate) epoch: Epoch,
    pub(crate) batch: Batch,
    pub(crate) received: Timestamp,
}

impl Agreement {
    pub(super) fn on_propose(&mut self, proposal: Proposal, effects: &mut Vec<Effect>) {
        let taken = self.proposals.entry(proposal.proposer).or_default();
        *taken += 1;
        if *taken > PROPOSALS_PER_SLOT_MAX {
            effects.push(Effect::Report { operator: proposal.proposer, fault: Fault::Flood });
            return;
        }
        self.judge(proposal, effects);
    }

    /// Looks again at proposals that waited for a result.
    pub(super) fn reconsider(&mut self, effects: &mut Vec<Effect>) {
        for proposal in std::mem::take(&mut self.waiting).into_values() {
            self.judge(proposal, effects);
        }
    }

    /// Votes, refuses, or keeps the proposal until its tasks are executed.
    fn judge(&mut self, proposal: Proposal, effects: &mut Vec<Effect>) {
        let Proposal { proposer, epoch, .. } = proposal;
        let newest = self.table().map(|keys| keys.table().epoch());
        let Some(keys) = self.table_of(epoch) else {
            // A newer table than ours will come from the chain; an older one than we keep will not come back.
            if newest.is_none_or(|newest| epoch > newest) {
                self.waiting.insert(proposer, proposal);
            }
            return;
        };
        if !self.slot_at(proposal.received).is_led_nearby(proposer, keys.table()) {
            effects.push(Effect::Report { operator: proposer, fault: Fault::OutOfTurn });
            return;
        }
        if keys.table().position(self.me).is_none() {
            return;
        }
        let disputed = self.disputed(&proposal.batch);
        if !disputed.is_empty() {
            let open = disputed.iter().any(|task| !self.is_closed(*task));
            if open {
                effects.push(Effect::Report { operator: proposer, fault: Fault::OtherResult });
            }
            let root = proposal.batch.root();
            effects.push(Effect::Send { to: proposer, message: Message::Refuse { epoch, root, tasks: disputed } });
        } else if proposal.batch.entries().iter().all(|entry| self.own.contains_key(&entry.task_id)) {
            effects.push(Effect::Vote { to: proposer, epoch, batch: proposal.batch });
        } else {
            self.waiting.insert(proposer, proposal);
        }
    }

    /// Tasks of the batch that are closed, or of which this operator has another result.
    fn disputed(&self, batch: &Batch) -> Vec<TaskId> {
        let differs = |task, leaf| self.is_closed(task) || self.own_leaf(task).is_some_and(|own_leaf| own_leaf != leaf);
        batch.entries().iter().filter(|entry| differs(entry.task_id, entry.leaf)).map(|entry| entry.task_id).collect()
    }

    pub(super) fn on_certified(
        &mut self,
        now: Timestamp,
        (from, batch): (OperatorId, Batch),
        certificate: &Certificate,
        effects: &mut Vec<Effect>,
    ) {
        // Without a task of one's own in it there is nothing to deliver, and no requirement to hold it to.
        let concerns_us = batch.entries().iter().any(|entry| self.may_help(entry.task_id, certificate.epoch));
        if !concerns_us || self.deliveries.contains(batch.root()) {
            return;
        }
        let Some(keys) = self.table_of(certificate.epoch).cloned() else {
            return;
        };
        let rule = self.rule_of(&batch);
        let stake_of = |certified: &CertifiedBatch| Stake { signed: certified.signed(), total: keys.table().total() };
        let certified = match keys.verify(batch.root(), certificate) {
            Ok(certified) if rule.may_accept(&stake_of(&certified).at_most(keys.table())) => certified,
            _ => {
                self.shut_out(from, now);
                effects.push(Effect::Report { operator: from, fault: Fault::VoidCertificate });
                return;
            }
        };
        let verdict = rule.judge(&stake_of(&certified));
        if !verdict.is_acceptable() || !self.is_news(&batch, verdict) {
            return;
        }
        let differs = |leaf, task| self.own_leaf(task).is_some_and(|own| own != leaf);
        if batch.entries().iter().any(|entry| differs(entry.leaf, entry.task_id)) {
            effects.push(Effect::Report { operator: from, fault: Fault::OtherResult });
        }
        self.mark_certified(&batch, now);
        let turn = Turn::of(self.me, from, &keys, self.settings.takeover_ms);
        self.deliveries.insert(Due { certified, batch, keys }, now, turn);
        self.deliver_due(now, effects);
    }

    /// Whether a certificate under the table of `epoch` may help an own task on. When one was given up, only those under the table of
    /// then or a newer one are worth another round.
    fn may_help(&self, task: TaskId, epoch: Epoch) -> bool {
        self.own.get(&task).is_some_and(|own| own.given_up.is_none_or(|newest| epoch >= newest))
    }

    /// Whether a verdict helps any of this operator's tasks on: results that are pending already need a final one.
    fn is_news(&self, batch: &Batch, verdict: Verdict) -> bool {
        let helps = |entry: &BatchEntry| {
            let pending = self.pending.leaf(entry.task_id);
            pending.is_none_or(|leaf| leaf == entry.leaf && verdict == Verdict::Final)
        };
        batch.entries().iter().filter(|entry| self.own.contains_key(&entry.task_id)).any(helps)
    }

    /// What a batch is held to: the policy, and what its tasks demand, as far as this operator knows them.
    pub(super) fn rule_of(&self, batch: &Batch) -> Rule {
        let known = batch.entries().iter().filter_map(|entry| self.own.get(&entry.task_id));
        self.rule(known.map(|own| own.result.requirement).fold(Requirement::NONE, Requirement::max))
    }
}
