//! What became of a run: whether every task ended as it had to, on the chain and in every honest journal.

use std::collections::BTreeMap;

use tandem_types::TaskId;

use super::World;
use crate::chain::{Block, Entry, Event, Status, ancestry};
use crate::journal::Settlement;
use crate::operator::Operator;
use crate::plan::Power;
use crate::violation::Violation;
use crate::workload;

/// Time that honest operators may take for a veto.
const VETO_MS: u64 = 30_000;

impl World {
    pub(super) fn judge(&mut self) {
        for violation in self.unsettled() {
            self.env.audit.breach(violation);
        }
        for violation in self.delivered_twice().into_iter().chain(self.not_vetoed()) {
            self.env.audit.breach(violation);
        }
    }

    fn delivered_twice(&self) -> Vec<Violation> {
        let mut delivered = BTreeMap::new();
        let mut blocks: Vec<_> = ancestry(self.env.chain.head()).collect();
        blocks.reverse();
        let mut again = Vec::new();
        for block in blocks {
            for event in &block.events {
                if let Event::Delivered { entry, .. } = event
                    && delivered.insert(entry.task_id, block.number).is_some()
                {
                    again.push(Violation::DeliveredTwice { task: entry.task_id, block: block.number });
                }
            }
        }
        again
    }

    /// Falsehoods that passed their window, of which honest operators saw enough after all faults had ended.
    fn not_vetoed(&self) -> Vec<Violation> {
        let plan = &self.env.plan;
        if plan.power != Power::Beyond || !plan.can_veto(&plan.stakes) {
            return Vec::new();
        }
        let blocks: Vec<_> = ancestry(self.env.chain.head()).collect();
        let had_time = |until: u64| until * 1_000 >= plan.began + plan.calm_from + VETO_MS;
        let mut pending = BTreeMap::new();
        let mut missed = Vec::new();
        for event in blocks.iter().rev().flat_map(|block| &block.events) {
            match event {
                Event::Pending { entry, until, .. } => _ = pending.insert(entry.task_id, *until),
                Event::Delivered { entry, evidence: None }
                    if pending.get(&entry.task_id).is_some_and(|until| had_time(*until))
                        && self.env.audit.is_falsehood(entry) =>
                {
                    missed.push(Violation::FalsehoodNotVetoed { task: entry.task_id, leaf: entry.leaf });
                }
                _ => {}
            }
        }
        missed
    }

    /// What is left to do, as the violations that it will be if it is never done.
    pub(super) fn unsettled(&self) -> Vec<Violation> {
        let head = self.env.chain.head();
        let late_ms = self.env.now.saturating_sub(self.env.plan.began + self.env.plan.calm_from);
        let mut open = Vec::new();
        for entry in head.state.entries.values() {
            let is_over = head.time > entry.task.deadline;
            let expected = match entry.status {
                Status::Delivered => Settlement::Delivered,
                Status::Vetoed => Settlement::Vetoed,
                Status::Open if is_over => Settlement::Expired,
                Status::Open | Status::Pending { .. } => {
                    if self.is_owed(head, entry) {
                        open.push(Violation::Undelivered { task: entry.task_id, late_ms });
                    }
                    continue;
                }
            };
            if expected != Settlement::Delivered && self.is_owed(head, entry) {
                open.push(Violation::Undelivered { task: entry.task_id, late_ms });
            }
            open.extend(self.honest().filter_map(|operator| wrongly_settled(operator, entry.task_id, expected)));
        }
        open
    }

    /// Whether honest operators can deliver a task, whatever adversaries do.
    fn is_owed(&self, head: &Block, Entry { task, .. }: &Entry) -> bool {
        let plan = &self.env.plan;
        let workflow = task.workflow.as_str();
        let is_same_for_all = workload::agrees(workflow) && !(plan.reorgs_deeply && workflow == workload::BLOCK);
        let has_time = task.deadline * 1_000 > plan.began + plan.ends;
        let suffices = head.state.stakes().is_some_and(|stakes| plan.suffices(stakes, task.requirement));
        plan.power != Power::Beyond && is_same_for_all && has_time && suffices
    }
}

fn wrongly_settled(operator: &Operator, task: TaskId, expected: Settlement) -> Option<Violation> {
    let by = operator.id();
    let Some(row) = operator.journal().tasks.get(&task) else {
        return Some(Violation::TaskLost { operator: by, task });
    };
    let found = row.settlement;
    (found != Some(expected)).then_some(Violation::WronglySettled { operator: by, task, found, expected })
}
