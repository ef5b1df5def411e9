//! What an operator still knows after a crash: the commands of `node::journal` and their refusals, on a map instead of SQLite.

use std::collections::{BTreeMap, BTreeSet};

use tandem_types::{B256, Batch, BatchEntry, ResultLeaf, Task, TaskId};

/// Where the reading of the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

/// A task as its log says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) task_id: TaskId,
    pub(crate) task: Task,
    /// The block that asked for it.
    pub(crate) block: Cursor,
}

/// What executing a task came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Result { leaf: ResultLeaf, payload_bytes: usize },
    Failed { is_retryable: bool },
}

impl Outcome {
    pub(crate) fn leaf(&self) -> Option<ResultLeaf> {
        match self {
            Self::Result { leaf, .. } => Some(*leaf),
            Self::Failed { .. } => None,
        }
    }
}

/// A result that the chain keeps for vetoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingLeaf {
    pub(crate) leaf: ResultLeaf,
    /// First second in which it can be vetoed no more.
    pub(crate) until: u64,
    /// The block that says so.
    pub(crate) block: u64,
}

/// How a task ended, in the journal's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its result is on the chain.
    Delivered,
    /// Its result was vetoed.
    Vetoed,
    /// Its deadline passed.
    Expired,
}

/// What the chain says became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pending(PendingLeaf),
    /// How, and the block that says so.
    Ended(Settlement, u64),
}

/// All that is known of a task.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) recorded: Recorded,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) pending: Option<PendingLeaf>,
    pub(crate) settlement: Option<Settlement>,
    /// The block that said so, if the chain did.
    ended_in: Option<u64>,
}

impl Row {
    pub(crate) fn is_open(&self, now: u64) -> bool {
        let can_be_vetoed = self.pending.is_some_and(|pending| now < pending.until);
        self.settlement.is_none() && (now <= self.recorded.task.deadline || can_be_vetoed)
    }

    pub(crate) fn is_expired(&self, now: u64) -> bool {
        now > self.recorded.task.deadline && self.pending.is_none()
    }
}

/// What is to be written.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Span { tasks: Vec<Recorded>, fates: Vec<(TaskId, Fate)>, cursor: Option<Cursor>, rewound_to: Option<u64> },
    Outcome { task: TaskId, outcome: Outcome },
    Vote { batch: Batch },
    Veto { entry: BatchEntry },
    Settle { task: TaskId, settlement: Settlement },
}

/// What a write is answered with, once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The tasks that were new, and those of which a reorganisation took back what the chain had said.
    Span {
        new: Vec<TaskId>,
        reopened: Vec<TaskId>,
    },
    /// The outcome that is recorded.
    Outcome(Outcome),
    Done,
    /// Nothing of it was written.
    Refused,
}

/// The rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    pub(crate) cursor: Option<Cursor>,
    pub(crate) tasks: BTreeMap<TaskId, Row>,
    signed: BTreeMap<TaskId, ResultLeaf>,
    vetoed: BTreeSet<(TaskId, ResultLeaf)>,
}

impl Journal {
    pub(crate) fn apply(&mut self, command: Command) -> Answer {
        match command {
            Command::Span { tasks, fates, cursor, rewound_to } => {
                let reopened = rewound_to.map_or_else(Vec::new, |to| self.take_back(to));
                let new = self.record_span(tasks, &fates, cursor);
                Answer::Span { new, reopened }
            }
            Command::Outcome { task, outcome } => self.record_outcome(task, outcome),
            Command::Vote { batch } => self.record_vote(&batch),
            Command::Veto { entry } => self.record_veto(entry),
            Command::Settle { task, settlement } => {
                self.settle(task, settlement, None);
                Answer::Done
            }
        }
    }

    fn record_span(&mut self, tasks: Vec<Recorded>, fates: &[(TaskId, Fate)], cursor: Option<Cursor>) -> Vec<TaskId> {
        let mut new = Vec::new();
        for recorded in tasks {
            match self.tasks.get_mut(&recorded.task_id) {
                Some(row) if row.outcome.and_then(|outcome| outcome.leaf()).is_none() => {
                    row.recorded.block = recorded.block
                }
                Some(_) => {}
                None => {
                    new.push(recorded.task_id);
                    let row = Row { recorded, outcome: None, pending: None, settlement: None, ended_in: None };
                    self.tasks.insert(row.recorded.task_id, row);
                }
            }
        }
        for (task, fate) in fates {
            match *fate {
                Fate::Pending(pending) => self.keep_pending(*task, pending),
                Fate::Ended(settlement, block) => self.settle(*task, settlement, Some(block)),
            }
        }
        self.cursor = cursor.or(self.cursor);
        new
    }

    /// Forgets what the chain said in the blocks after `to`; the tasks of which that is true.
    fn take_back(&mut self, to: u64) -> Vec<TaskId> {
        let mut reopened = Vec::new();
        for (task, row) in &mut self.tasks {
            let has_end = row.ended_in.is_some_and(|block| block > to);
            let is_pending = row.settlement.is_none() && row.pending.is_some_and(|pending| pending.block > to);
            if has_end {
                (row.settlement, row.ended_in) = (None, None);
            }
            if row.settlement.is_none() && row.pending.is_some_and(|pending| pending.block > to) {
                row.pending = None;
            }
            if has_end || is_pending {
                reopened.push(*task);
            }
        }
        reopened
    }

    fn keep_pending(&mut self, task: TaskId, pending: PendingLeaf) {
        if let Some(row) = self.tasks.get_mut(&task) {
            row.pending = Some(pending);
            row.settlement = row.settlement.filter(|settlement| *settlement != Settlement::Expired);
        }
    }

    /// The chain's word replaces anything; nothing else replaces an end, or ends what is pending.
    fn settle(&mut self, task: TaskId, settlement: Settlement, block: Option<u64>) {
        if let Some(row) = self.tasks.get_mut(&task)
            && (settlement != Settlement::Expired || (row.settlement.is_none() && row.pending.is_none()))
        {
            row.settlement = Some(settlement);
            row.ended_in = block.filter(|_| settlement != Settlement::Expired);
        }
    }

    fn record_outcome(&mut self, task: TaskId, outcome: Outcome) -> Answer {
        let Some(row) = self.tasks.get_mut(&task) else {
            return Answer::Refused;
        };
        let first = row.outcome.filter(|first| first.leaf().is_some()).unwrap_or(outcome);
        row.outcome = Some(first);
        Answer::Outcome(first)
    }

    fn record_vote(&mut self, batch: &Batch) -> Answer {
        let may_sign = |entry: &BatchEntry| {
            let signed = self.signed.get(&entry.task_id);
            signed.is_none_or(|signed| *signed == entry.leaf)
                && self.own_leaf(entry.task_id) == Some(entry.leaf)
                && !self.vetoed.contains(&(entry.task_id, entry.leaf))
        };
        if !batch.entries().iter().all(may_sign) {
            return Answer::Refused;
        }
        self.signed.extend(batch.entries().iter().map(|entry| (entry.task_id, entry.leaf)));
        Answer::Done
    }

    fn record_veto(&mut self, entry: BatchEntry) -> Answer {
        let own = self.own_leaf(entry.task_id);
        if own.is_none_or(|own| own == entry.leaf) || self.signed.get(&entry.task_id) == Some(&entry.leaf) {
            return Answer::Refused;
        }
        self.vetoed.insert((entry.task_id, entry.leaf));
        Answer::Done
    }

    fn own_leaf(&self, task: TaskId) -> Option<ResultLeaf> {
        self.tasks.get(&task)?.outcome?.leaf()
    }

    pub(crate) fn has_signed(&self, entry: &BatchEntry) -> bool {
        self.signed.get(&entry.task_id) == Some(&entry.leaf)
    }

    pub(crate) fn has_vetoed(&self, entry: &BatchEntry) -> bool {
        self.vetoed.contains(&(entry.task_id, entry.leaf))
    }

    /// The tasks that have no end, in the order of their numbers.
    pub(crate) fn open_tasks(&self) -> Vec<Row> {
        let mut open: Vec<_> = self.tasks.values().filter(|row| row.settlement.is_none()).cloned().collect();
        open.sort_by_key(|row| (row.recorded.task.number, row.recorded.task_id));
        open
    }

    /// Loses what was executed, signed and vetoed, as a journal does that is restored from an old copy.
    pub(crate) fn forget(&mut self) {
        self.signed.clear();
        self.vetoed.clear();
        self.tasks.values_mut().for_each(|row| row.outcome = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId(B256::repeat_byte(1));

    fn leaf(byte: u8) -> ResultLeaf {
        ResultLeaf(B256::repeat_byte(byte))
    }

    fn entry(byte: u8) -> BatchEntry {
        BatchEntry { task_id: TASK, leaf: leaf(byte) }
    }

    fn vote(byte: u8) -> Command {
        Command::Vote { batch: Batch::new(vec![entry(byte)]).expect("one entry is a batch") }
    }

    fn result(byte: u8) -> Command {
        Command::Outcome { task: TASK, outcome: Outcome::Result { leaf: leaf(byte), payload_bytes: 1 } }
    }

    /// A journal with one task, which has this result.
    fn executed(byte: u8) -> Journal {
        let request = crate::chain::TaskRequest {
            workflow: "steady",
            input: 1,
            deadline: 100,
            requirement: tandem_types::Requirement::NONE,
        };
        let block = Cursor { number: 1, hash: B256::ZERO };
        let recorded = Recorded { task_id: TASK, task: request.task(1), block };
        let mut journal = Journal::default();
        let span = Command::Span { tasks: vec![recorded], fates: Vec::new(), cursor: Some(block), rewound_to: None };
        let new = |new| Answer::Span { new, reopened: Vec::new() };
        assert_eq!(journal.apply(span.clone()), new(vec![TASK]));
        assert_eq!(journal.apply(span), new(Vec::new()));
        journal.apply(result(byte));
        journal
    }

    #[test]
    fn only_the_first_result_is_ever_signed() {
        let mut journal = executed(7);
        assert_eq!(journal.apply(vote(8)), Answer::Refused);
        assert_eq!(journal.apply(vote(7)), Answer::Done);
        let first = Outcome::Result { leaf: leaf(7), payload_bytes: 1 };
        assert_eq!(journal.apply(result(8)), Answer::Outcome(first), "the first result is final");
        assert!(journal.has_signed(&entry(7)) && !journal.has_signed(&entry(8)));
    }

    #[test]
    fn what_is_signed_is_not_vetoed_and_the_other_way_round() {
        let mut journal = executed(7);
        assert_eq!(journal.apply(Command::Veto { entry: entry(7) }), Answer::Refused);
        assert_eq!(journal.apply(Command::Veto { entry: entry(8) }), Answer::Done);
        assert_eq!(journal.apply(vote(8)), Answer::Refused);
    }

    #[test]
    fn only_the_chain_replaces_an_end() {
        let mut journal = executed(7);
        let settle = |settlement| Command::Settle { task: TASK, settlement };
        journal.apply(settle(Settlement::Expired));
        journal.apply(settle(Settlement::Delivered));
        journal.apply(settle(Settlement::Expired));
        assert_eq!(journal.tasks[&TASK].settlement, Some(Settlement::Delivered));
        assert!(journal.open_tasks().is_empty());
    }

    #[test]
    fn what_is_taken_back_is_open_again() {
        let mut journal = executed(7);
        let span = |fates, rewound_to| Command::Span { tasks: Vec::new(), fates, cursor: None, rewound_to };
        let pending = PendingLeaf { leaf: leaf(7), until: 50, block: 4 };
        journal.apply(span(vec![(TASK, Fate::Pending(pending)), (TASK, Fate::Ended(Settlement::Delivered, 6))], None));
        let nothing = Answer::Span { new: Vec::new(), reopened: Vec::new() };
        let reopened = Answer::Span { new: Vec::new(), reopened: vec![TASK] };
        assert_eq!(journal.apply(span(Vec::new(), Some(6))), nothing);
        assert_eq!(journal.apply(span(Vec::new(), Some(5))), reopened);
        assert_eq!((journal.tasks[&TASK].settlement, journal.tasks[&TASK].pending), (None, Some(pending)));
        assert_eq!(journal.apply(span(Vec::new(), Some(3))), reopened);
        assert_eq!(journal.tasks[&TASK].pending, None);
        journal.apply(Command::Settle { task: TASK, settlement: Settlement::Expired });
        assert_eq!(journal.apply(span(Vec::new(), Some(0))), nothing, "no block said that it expired");
    }
}
