//! How a node follows the chain: `chain::EventReader` on simulated blocks, with cursor, confirmations and rewinds.

use std::rc::Rc;

use super::{Block, Event, ancestry};
use crate::journal::Cursor;

/// Blocks that are read at once.
const RANGE_BLOCKS: u64 = 16;
/// Blocks that are read again when the cursor's block is gone.
const REWIND_BLOCKS: u64 = 64;

/// How a node reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) confirmations: u64,
    pub(crate) rewinds: bool,
}

/// What one read brought.
#[derive(Debug)]
pub(crate) struct Span {
    /// The events, each with its block.
    pub(crate) events: Vec<(Cursor, Event)>,
    pub(crate) cursor: Cursor,
    /// The block after which blocks were read again.
    pub(crate) rewound_to: Option<u64>,
}

impl Reader {
    /// Events after `cursor` as an endpoint with this head has them; none when nothing new is confirmed.
    pub(crate) fn read(&self, head: &Rc<Block>, cursor: Option<Cursor>) -> Option<Span> {
        let first = cursor.map_or(0, |cursor| self.first_after(cursor, head));
        let rewound_to = cursor.filter(|cursor| first <= cursor.number).map(|_| first - 1);
        let end = head.number.checked_sub(self.confirmations)?.min(first + RANGE_BLOCKS - 1);
        if first > end {
            return None;
        }
        let mut blocks: Vec<_> = ancestry(head).skip_while(|block| block.number > end).collect();
        blocks.truncate(usize::try_from(end - first + 1).expect("a range is short"));
        blocks.reverse();
        let place = |block: &Block| Cursor { number: block.number, hash: block.hash };
        let of_block = |block: &Rc<Block>| {
            let place = place(block);
            block.events.iter().map(move |event| (place, event.clone())).collect::<Vec<_>>()
        };
        let events = blocks.iter().flat_map(of_block).collect();
        Some(Span { events, cursor: place(blocks.last()?), rewound_to })
    }

    /// The block after the cursor, or one further back when the cursor's block is not of this chain.
    fn first_after(&self, cursor: Cursor, head: &Rc<Block>) -> u64 {
        let is_canonical = head.at(cursor.number).is_some_and(|block| block.hash == cursor.hash);
        if is_canonical || !self.rewinds {
            return cursor.number + 1;
        }
        (cursor.number.min(head.number).saturating_sub(REWIND_BLOCKS) + 1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Call, Chain, Contract, TaskRequest, Terms};
    use crate::quorum::Conditions;
    use crate::random::Random;

    const READER: Reader = Reader { confirmations: 1, rewinds: true };

    /// A chain of four blocks, with a task in the third.
    fn chain(random: &mut Random) -> Chain {
        let bps = tandem_types::Bps::TWO_THIRDS;
        let policy = tandem_types::Policy::Both { native: bps, external: bps };
        let terms = Terms { policy, window_s: 60, accepts_any_stake: false, delivers_again: false };
        let mut chain = Chain::new(Contract::new(terms, Conditions::default()), 1_000);
        let requirement = tandem_types::Requirement::NONE;
        chain.send(Call::Create(TaskRequest { workflow: "steady", input: 1, deadline: 100, requirement }), 3_000);
        (1..=4).for_each(|second| _ = chain.mine(second * 1_000, random));
        chain
    }

    fn tasks(span: &Span) -> usize {
        span.events.iter().filter(|(_, event)| matches!(event, Event::Created { .. })).count()
    }

    #[test]
    fn nothing_is_read_before_it_is_confirmed() {
        let random = &mut Random::new(1);
        let chain = chain(random);
        let span = READER.read(chain.head(), None).expect("there are blocks");
        assert_eq!((span.cursor.number, tasks(&span)), (3, 1));
        assert!(READER.read(chain.head(), Some(span.cursor)).is_none());
    }

    #[test]
    fn lost_blocks_are_read_again_with_what_came_instead() {
        let random = &mut Random::new(1);
        let mut chain = chain(random);
        let read = READER.read(chain.head(), None).expect("there are blocks").cursor;
        chain.take_back(3, 5_000, random);
        (5..=10).for_each(|second| _ = chain.mine(second * 1_000, random));
        let again = READER.read(chain.head(), Some(read)).expect("there are new blocks");
        assert_eq!(tasks(&again), 1, "the task is mined again, and read again");
        assert_eq!(again.events[0].0.hash, chain.head().at(again.events[0].0.number).expect("it is canonical").hash);
        let blind = Reader { rewinds: false, ..READER }.read(chain.head(), Some(read)).expect("there are new blocks");
        assert!(blind.cursor.number > read.number);
    }

    #[test]
    fn invented_tip_is_never_read() {
        let random = &mut Random::new(1);
        let mut chain = chain(random);
        let tip = chain.head().clone();
        let forged = chain.forged_head(&tip, 1);
        assert_ne!(forged.hash, tip.hash);
        let (true_span, span) = (READER.read(&tip, None), READER.read(&forged, None));
        assert_eq!(span.map(|span| span.cursor), true_span.map(|span| span.cursor));
    }
}
