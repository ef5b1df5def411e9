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
}

impl Reader {
    /// Events after `cursor` as an endpoint with this head has them; none when nothing new is confirmed.
    pub(crate) fn read(&self, head: &Rc<Block>, cursor: Option<Cursor>) -> Option<Span> {
        let first = cursor.map_or(0, |cursor| self.first_after(cursor, head));
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
        Some(Span { events: blocks.iter().flat_map(of_block).collect(), cursor: place(blocks.last()?) })
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
