//! How many blocks an endpoint is asked for at once: as many as bring about as many logs as are wanted, fewer when it complains, more again
//! when it does not. A limit that it named is tried again later only: providers change their plans. Asks nobody.

use crate::excess::Excess;

/// Ranges that must be answered until a limit is doubted.
const TRUST: u32 = 64;

/// How many blocks are asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeSize {
    blocks: u64,
    most: u64,
    /// The most that the endpoint bore, as far as it is known, and how many ranges of that size it has answered since.
    limit: Option<(u64, u32)>,
}

impl RangeSize {
    pub(crate) fn new(blocks: u64, most: u64) -> Self {
        Self { blocks: blocks.clamp(1, most.max(1)), most: most.max(1), limit: None }
    }

    pub(crate) fn blocks(self) -> u64 {
        self.blocks
    }

    /// Last block of a range that begins at `first` and may reach `end`.
    pub(crate) fn last(self, first: u64, end: u64) -> u64 {
        first.saturating_add(self.blocks - 1).min(end)
    }

    /// A range of `asked` blocks brought `found` logs, and `wanted` are as many as should come at once.
    pub(crate) fn answered(&mut self, asked: u64, found: usize, wanted: usize) {
        if found > wanted {
            self.blocks = self.blocks.min((asked / 2).max(1));
            return;
        }
        if asked < self.blocks || found > wanted / 2 {
            return;
        }
        let doubled = self.blocks.saturating_mul(2).min(self.most);
        self.blocks = match &mut self.limit {
            Some((limit, answered)) if doubled > *limit => {
                *answered += 1;
                let limit = *limit;
                if *answered >= TRUST {
                    self.limit = None;
                }
                limit.max(self.blocks)
            }
            _ => doubled,
        };
    }

    /// A range of `asked` blocks was too much; false when that was one block.
    pub(crate) fn refused(&mut self, asked: u64, excess: Option<Excess>) -> bool {
        let proposed = excess.and_then(Excess::proposed).filter(|blocks| (1..asked).contains(blocks));
        self.blocks = proposed.unwrap_or(asked / 2).clamp(1, self.most);
        if matches!(excess, Some(Excess::Range(_))) {
            self.limit = Some((self.blocks, 0));
        }
        asked > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: usize = 100;

    fn answer(range: &mut RangeSize, found: usize) {
        range.answered(range.blocks(), found, WANTED);
    }

    #[test]
    fn ranges_shrink_to_one_block_and_grow_to_the_most() {
        let mut range = RangeSize::new(1_000, 4_000);
        assert_eq!(range.last(5, 2_000), 1_004);
        assert!(range.refused(1_000, None));
        assert_eq!(range.blocks(), 500);
        assert!(!range.refused(1, None));
        assert_eq!(range.blocks(), 1);
        (0..20).for_each(|_| answer(&mut range, 0));
        assert_eq!(range.blocks(), 4_000);
    }

    #[test]
    fn short_last_range_halves_what_was_asked_and_does_not_make_ranges_grow() {
        let mut range = RangeSize::new(1_000, 2_000);
        range.answered(10, 0, WANTED);
        assert_eq!(range.blocks(), 1_000);
        assert!(range.refused(10, None));
        assert_eq!(range.blocks(), 5);
    }

    #[test]
    fn ranges_follow_the_number_of_logs() {
        let mut range = RangeSize::new(1_000, 1 << 20);
        answer(&mut range, 60);
        assert_eq!(range.blocks(), 1_000, "about as many as are wanted");
        answer(&mut range, 50);
        assert_eq!(range.blocks(), 2_000);
        answer(&mut range, 101);
        assert_eq!(range.blocks(), 1_000);
    }

    #[test]
    fn proposed_range_is_taken_unless_it_is_no_shorter() {
        let mut range = RangeSize::new(1_000, 1_000);
        assert!(range.refused(1_000, Some(Excess::Count(Some(300)))));
        assert_eq!(range.blocks(), 300);
        assert!(range.refused(300, Some(Excess::Count(Some(300)))));
        assert_eq!(range.blocks(), 150);
        assert!(range.refused(150, Some(Excess::Range(Some(0)))));
        assert_eq!(range.blocks(), 75);
    }

    #[test]
    fn named_limit_is_kept_for_a_while_and_then_doubted() {
        let mut range = RangeSize::new(10_000, 10_000);
        assert!(range.refused(10_000, Some(Excess::Range(Some(2_048)))));
        (0..TRUST).for_each(|_| answer(&mut range, 0));
        assert_eq!(range.blocks(), 2_048);
        answer(&mut range, 0);
        assert_eq!(range.blocks(), 4_096);
        assert!(range.refused(4_096, Some(Excess::Range(Some(2_048)))));
        assert_eq!(range.blocks(), 2_048);
    }

    #[test]
    fn range_that_was_too_many_logs_grows_again_at_once() {
        let mut range = RangeSize::new(1_000, 1_000);
        assert!(range.refused(1_000, Some(Excess::Count(None))));
        answer(&mut range, 0);
        assert_eq!(range.blocks(), 1_000);
    }
}
