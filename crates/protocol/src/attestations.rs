//! What a leader knows of the others' results. An attestation is a hint for proposing, never a proof: only votes count.

use std::collections::BTreeMap;

use tandem_types::{BatchEntry, OperatorId, OperatorTable, ResultLeaf, TaskId};

use crate::positions::Positions;
use crate::schedule::Slot;

/// Most open tasks that an operator attests anew in one slot; with more, every slot has another window of them.
pub(crate) const ATTESTED_PER_SLOT_MAX: usize = 4_096;

/// Most attestations kept for one operator: the windows of the slots for which they are kept, and as many new ones.
const PER_OPERATOR_MAX: usize = 4 * ATTESTED_PER_SLOT_MAX;
/// Slots for which an attestation is kept: those in which its receiver may lead, and one for skewed clocks.
const SLOTS_KEPT: u64 = 3;

/// Attestations of the last few slots, per task.
#[derive(Debug, Default)]
pub(crate) struct Attestations {
    tasks: BTreeMap<TaskId, BTreeMap<OperatorId, Attestation>>,
    count: BTreeMap<OperatorId, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Attestation {
    leaf: ResultLeaf,
    slot: Slot,
}

impl Attestations {
    /// Records what `from` says; false when it has used up its share of the memory.
    pub(crate) fn record(&mut self, from: OperatorId, entry: BatchEntry, slot: Slot) -> bool {
        let count = self.count.entry(from).or_default();
        let of_task = self.tasks.entry(entry.task_id).or_default();
        if !of_task.contains_key(&from) {
            if *count >= PER_OPERATOR_MAX {
                if of_task.is_empty() {
                    self.tasks.remove(&entry.task_id);
                }
                return false;
            }
            *count += 1;
        }
        of_task.insert(from, Attestation { leaf: entry.leaf, slot });
        true
    }

    /// The operators of `table` that attested exactly this result.
    pub(crate) fn attesters(&self, entry: &BatchEntry, table: &OperatorTable) -> Positions {
        let of_task = self.tasks.get(&entry.task_id).into_iter().flatten();
        of_task
            .filter(|(_, attestation)| attestation.leaf == entry.leaf)
            .filter_map(|(operator, _)| table.position(*operator))
            .collect()
    }

    /// Forgets what `from` said of a task.
    pub(crate) fn withdraw(&mut self, from: OperatorId, task: TaskId) {
        if let Some(of_task) = self.tasks.get_mut(&task)
            && of_task.remove(&from).is_some()
        {
            uncount(&mut self.count, from);
            if of_task.is_empty() {
                self.tasks.remove(&task);
            }
        }
    }

    /// Forgets everything about a task.
    pub(crate) fn forget(&mut self, task: TaskId) {
        for operator in self.tasks.remove(&task).into_iter().flatten().map(|(operator, _)| operator) {
            uncount(&mut self.count, operator);
        }
    }

    /// Forgets what is too old to matter in `slot`.
    pub(crate) fn prune(&mut self, slot: Slot) {
        let count = &mut self.count;
        self.tasks.retain(|_, of_task| {
            of_task.retain(|operator, attestation| {
                let keep = attestation.slot.0 + SLOTS_KEPT > slot.0;
                if !keep {
                    uncount(count, *operator);
                }
                keep
            });
            !of_task.is_empty()
        });
    }
}

fn uncount(count: &mut BTreeMap<OperatorId, usize>, operator: OperatorId) {
    if let Some(left) = count.get_mut(&operator) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            count.remove(&operator);
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, B256};

    use super::*;

    fn entry(task: u64) -> BatchEntry {
        let mut id = B256::ZERO;
        id[..8].copy_from_slice(&task.to_be_bytes());
        BatchEntry { task_id: TaskId(id), leaf: ResultLeaf(B256::ZERO) }
    }

    #[test]
    fn memory_of_one_operator_is_bounded_and_comes_back() {
        let mut attestations = Attestations::default();
        let operator = OperatorId(Address::ZERO);
        let all = (0..PER_OPERATOR_MAX as u64).all(|task| attestations.record(operator, entry(task), Slot(1)));
        assert!(all);
        assert!(!attestations.record(operator, entry(1 << 40), Slot(1)));
        assert_eq!(attestations.tasks.len(), PER_OPERATOR_MAX);
        assert!(attestations.record(operator, entry(3), Slot(1)), "a known task may be attested again");
        attestations.forget(entry(0).task_id);
        attestations.withdraw(operator, entry(1).task_id);
        assert!(attestations.record(operator, entry(1 << 40), Slot(2)));
        attestations.prune(Slot(4));
        assert_eq!(attestations.tasks.len(), 1);
        attestations.prune(Slot(5));
        assert!(attestations.tasks.is_empty() && attestations.count.is_empty());
    }
}
