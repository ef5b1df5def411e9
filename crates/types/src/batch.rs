//! Batches: results agreed together under one signature. Order and size are checked once, here, so that a [`Batch`] is always well formed.

use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};

use crate::{BatchRoot, ResultLeaf, TaskId};

/// Most results that one batch may hold.
pub const RESULTS_PER_BATCH_MAX: usize = 128;

/// One result of a batch, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchEntry {
    /// The task.
    pub task_id: TaskId,
    /// Hash of its result.
    pub leaf: ResultLeaf,
}

/// Why a list of entries is no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No entries.
    #[error("a batch needs at least one result")]
    Empty,
    /// More entries than [`RESULTS_PER_BATCH_MAX`].
    #[error("{0} results in one batch, {RESULTS_PER_BATCH_MAX} are allowed")]
    TooLarge(usize),
    /// Entries out of order, or two for one task.
    #[error("results are not strictly ascending by task id at position {0}")]
    NotAscending(usize),
}

/// Results agreed together, strictly ascending by task id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    entries: Vec<BatchEntry>,
    root: BatchRoot,
}

impl Batch {
    /// # Errors
    /// [`BatchError`] when the list is empty, too long or not strictly ascending.
    pub fn new(entries: Vec<BatchEntry>) -> Result<Self, BatchError> {
        if entries.is_empty() {
            return Err(BatchError::Empty);
        }
        if entries.len() > RESULTS_PER_BATCH_MAX {
            return Err(BatchError::TooLarge(entries.len()));
        }
        if let Some(at) = entries.windows(2).position(|pair| pair[0].task_id >= pair[1].task_id) {
            return Err(BatchError::NotAscending(at + 1));
        }
        let root = merkle_root(&entries);
        Ok(Self { entries, root })
    }

    /// The results, ascending by task id.
    pub fn entries(&self) -> &[BatchEntry] {
        &self.entries
    }

    /// The Merkle root that operators sign.
    pub fn root(&self) -> BatchRoot {
        self.root
    }
}

/// Pairs hash together level by level; an odd last node moves up unchanged.
fn merkle_root(entries: &[BatchEntry]) -> BatchRoot {
    let mut level: Vec<_> = entries.iter().map(|entry| entry.leaf.0).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => keccak256([left.as_slice(), right.as_slice()].concat()),
                [single] => *single,
                _ => unreachable!("chunks(2) yields one or two"),
            })
            .collect();
    }
    BatchRoot(level[0])
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    fn entry(task: u8, leaf: u8) -> BatchEntry {
        BatchEntry { task_id: TaskId(B256::repeat_byte(task)), leaf: ResultLeaf(B256::repeat_byte(leaf)) }
    }

    #[test]
    fn single_leaf_is_its_own_root() {
        let batch = Batch::new(vec![entry(1, 9)]).expect("one entry is a batch");
        assert_eq!(batch.root().0, B256::repeat_byte(9));
    }

    #[test]
    fn odd_node_moves_up() {
        let node = |l: B256, r: B256| keccak256([l.as_slice(), r.as_slice()].concat());
        let [a, b, c] = [1, 2, 3].map(B256::repeat_byte);
        let batch = Batch::new(vec![entry(1, 1), entry(2, 2), entry(3, 3)]).expect("ascending");
        assert_eq!(batch.root().0, node(node(a, b), c));
    }

    #[test]
    fn malformed_lists_are_refused() {
        assert_eq!(Batch::new(vec![]), Err(BatchError::Empty));
        assert_eq!(Batch::new(vec![entry(2, 1), entry(1, 1)]), Err(BatchError::NotAscending(1)));
        assert_eq!(Batch::new(vec![entry(1, 1), entry(1, 2)]), Err(BatchError::NotAscending(1)));
        assert_eq!(Batch::new(vec![entry(1, 1); 129]), Err(BatchError::TooLarge(129)));
    }
}
