//! Certified batches until the chain has settled them: who submits when, so that one silent operator does not stop a delivery and
//! not everybody submits at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_crypto::{CertifiedBatch, KeyTable};
use tandem_types::{Batch, BatchEntry, BatchRoot, OperatorId, TaskId};

use crate::schedule::Timestamp;

/// Most certified batches kept. Beyond it the oldest goes; its tasks are still delivered by others, or agreed on again.
const BATCHES_MAX: usize = 4_096;

/// Certified batches whose tasks are not all settled.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    batches: BTreeMap<BatchRoot, Pending>,
}

/// A certified batch with the table that it was certified under.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) certified: CertifiedBatch,
    pub(crate) batch: Batch,
    pub(crate) keys: Arc<KeyTable>,
}

#[derive(Debug)]
struct Pending {
    of: Due,
    open: BTreeSet<TaskId>,
    since: Timestamp,
    due: Timestamp,
    /// Milliseconds until this operator's turn comes again.
    round_ms: u64,
    /// Whether another operator had its turn before.
    steps_in: bool,
    /// Whether this operator proposed it.
    is_own: bool,
}

/// When this operator's turn comes: `rank` operators go before it, and each has `takeover_ms`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) rank: u64,
    pub(crate) operators: u64,
    pub(crate) takeover_ms: u64,
}

impl Turn {
    /// The turn of `me` when `proposer` goes first and the others follow in the order of the table.
    pub(crate) fn of(me: OperatorId, proposer: OperatorId, keys: &KeyTable, takeover_ms: u64) -> Self {
        let table = keys.table();
        let operators = table.entries().len() as u64;
        let position = |operator| table.position(operator).map_or(0, |position| position as u64);
        let rank = (position(me) + operators - position(proposer)) % operators;
        Self { rank, operators, takeover_ms }
    }
}

impl Deliveries {
    /// Keeps a certified batch until all its tasks are settled.
    pub(crate) fn insert(&mut self, of: Due, now: Timestamp, turn: Turn) {
        if self.batches.len() >= BATCHES_MAX {
            let oldest = self.batches.iter().min_by_key(|(_, pending)| pending.since).map(|(root, _)| *root);
            oldest.and_then(|root| self.batches.remove(&root));
        }
        let root = of.batch.root();
        let pending = Pending {
            open: of.batch.entries().iter().map(|entry| entry.task_id).collect(),
            of,
            since: now,
            due: now.plus_ms(turn.rank * turn.takeover_ms),
            round_ms: turn.operators * turn.takeover_ms,
            steps_in: turn.rank > 0,
            is_own: turn.rank == 0,
        };
        self.batches.entry(root).or_insert(pending);
    }

    /// A certificate over a result that is not settled, with all results that it is over.
    pub(crate) fn over(&self, entry: &BatchEntry) -> Option<(&CertifiedBatch, &Batch)> {
        let holds =
            |pending: &&Pending| pending.open.contains(&entry.task_id) && pending.of.batch.entries().contains(entry);
        self.batches.values().find(holds).map(|pending| (&pending.of.certified, &pending.of.batch))
    }

    /// How many this operator proposed.
    pub(crate) fn own(&self) -> usize {
        self.batches.values().filter(|pending| pending.is_own).count()
    }

    pub(crate) fn contains(&self, root: BatchRoot) -> bool {
        self.batches.contains_key(&root)
    }

    /// Notes that a task needs no delivery any more.
    pub(crate) fn close(&mut self, task: TaskId) {
        self.batches.retain(|_, pending| {
            pending.open.remove(&task);
            !pending.open.is_empty()
        });
    }

    /// Forgets the batches that hold a task.
    pub(crate) fn give_up(&mut self, task: TaskId) {
        self.batches.retain(|_, pending| !pending.open.contains(&task));
    }

    /// The batches that are this operator's to submit now, and whether it steps in for another; each comes again a round later while
    /// it is unsettled.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<(Due, bool)> {
        let due = self.batches.values_mut().filter(|pending| pending.due <= now);
        due.map(|pending| {
            pending.due = now.plus_ms(pending.round_ms);
            let steps_in = std::mem::replace(&mut pending.steps_in, true);
            (pending.of.clone(), steps_in)
        })
        .collect()
    }
}
