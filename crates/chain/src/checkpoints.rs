//! The last blocks that a reader handed on, by which it finds where another chain begins. In memory: after a restart only the cursor is known.

use std::collections::VecDeque;

use tandem_types::B256;

/// Most blocks that are remembered, whatever the window.
const CHECKPOINTS_MAX: usize = 4_096;

/// Numbers and hashes, ascending.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints(VecDeque<(u64, B256)>);

impl Checkpoints {
    /// The block was handed on with all before it. Of those more than `window` blocks before it, one is kept.
    pub(crate) fn push(&mut self, number: u64, hash: B256, window: u64) {
        self.forget_from(number);
        self.0.push_back((number, hash));
        let oldest = number.saturating_sub(window);
        while self.0.len() > CHECKPOINTS_MAX || self.0.get(1).is_some_and(|(second, _)| *second <= oldest) {
            self.0.pop_front();
        }
    }

    /// Blocks from `number` on are read again.
    pub(crate) fn forget_from(&mut self, number: u64) {
        while self.0.back().is_some_and(|(last, _)| *last >= number) {
            self.0.pop_back();
        }
    }

    /// Those below `number`, ascending.
    pub(crate) fn below(&self, number: u64) -> Vec<(u64, B256)> {
        self.0.iter().copied().take_while(|(other, _)| *other < number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(checkpoints: &Checkpoints) -> Vec<u64> {
        checkpoints.below(u64::MAX).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn window_and_one_block_before_it_are_kept() {
        let mut checkpoints = Checkpoints::default();
        for number in [1, 5, 8, 12, 20] {
            checkpoints.push(number, B256::ZERO, 10);
        }
        assert_eq!(numbers(&checkpoints), [8, 12, 20]);
    }

    #[test]
    fn blocks_that_are_read_again_are_forgotten() {
        let mut checkpoints = Checkpoints::default();
        [1, 2, 3, 4].into_iter().for_each(|number| checkpoints.push(number, B256::ZERO, 10));
        checkpoints.forget_from(3);
        assert_eq!(numbers(&checkpoints), [1, 2]);
        checkpoints.push(2, B256::repeat_byte(1), 10);
        assert_eq!(checkpoints.below(3), [(1, B256::ZERO), (2, B256::repeat_byte(1))]);
        assert_eq!(checkpoints.below(2), [(1, B256::ZERO)]);
    }
}
