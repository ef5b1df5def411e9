//! From a cursor to the end of the chain, stretch by stretch: nothing is handed on that does not follow on what was handed on before, and
//! when the chain is another one below, it goes back to where it was still the same. Stores nothing.

use tandem_types::B256;
use tokio::time::Instant;

use crate::ahead::{Ahead, Plan};
use crate::checkpoints::Checkpoints;
use crate::log::LogFilter;
use crate::progress::ProgressWatch;
use crate::range::RangeSize;
use crate::reader::{Cursor, ReadError, ReaderConfig, Rewind};
use crate::scan::Scanner;
use crate::source::ChainSource;
use crate::stretch::Stretch;

/// What is followed.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) chain_id: u64,
    /// Where reading begins without a cursor.
    pub(crate) first_block: u64,
    /// Which logs; the range does not matter.
    pub(crate) filter: LogFilter,
}

/// A stretch, and how it follows on the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) stretch: Stretch,
    pub(crate) head: u64,
    pub(crate) rewind: Option<Rewind>,
}

/// How far the chain goes.
#[derive(Debug, Clone, Copy)]
struct Tip {
    head: u64,
    /// The last block that may be read.
    end: Option<u64>,
}

/// Follows logs over any source.
#[derive(Debug)]
pub(crate) struct Walk<S> {
    source: S,
    course: Course,
    config: ReaderConfig,
    scanner: Scanner,
    checkpoints: Checkpoints,
    ahead: Ahead,
    progress: ProgressWatch,
}

impl<S: ChainSource> Walk<S> {
    pub(crate) fn new(source: S, course: Course, config: ReaderConfig) -> Self {
        let range = RangeSize::new(config.range_blocks, config.range_blocks_max);
        let (checkpoints, ahead, progress) = Default::default();
        Self { source, course, config, scanner: Scanner::new(range, config.logs_max), checkpoints, ahead, progress }
    }

    pub(crate) fn progress(&self) -> &ProgressWatch {
        &self.progress
    }

    /// The blocks that were handed on, as far as they are remembered.
    #[cfg(test)]
    pub(crate) fn checkpoints(&self) -> Vec<(u64, B256)> {
        self.checkpoints.below(u64::MAX)
    }

    /// What follows on the cursor, as far as one stretch goes; none when nothing new may be read.
    pub(crate) async fn step(&mut self, cursor: Option<&Cursor>) -> Result<Option<Step>, ReadError> {
        self.check_chain(cursor)?;
        if let Some(step) = self.step_ahead(cursor).await? {
            return Ok(Some(step));
        }
        self.ahead.clear();
        let tip = self.tip().await?;
        let first = cursor.map_or(self.course.first_block, |cursor| cursor.block_number.saturating_add(1));
        let Some(end) = tip.end.filter(|end| first <= *end) else {
            return self.step_back(cursor, tip).await;
        };
        let stretch = self.read(first, end).await?;
        if cursor.is_some_and(|cursor| cursor.block_hash != stretch.base) {
            return self.step_back(cursor, tip).await;
        }
        Ok(Some(self.hand_on(stretch, None, (end, tip.head))))
    }

    /// The first of what is being read ahead, if it follows on the cursor.
    async fn step_ahead(&mut self, cursor: Option<&Cursor>) -> Result<Option<Step>, ReadError> {
        let Some(cursor) = cursor.filter(|cursor| self.ahead.holds(cursor.block_number + 1)) else {
            return Ok(None);
        };
        let end = match self.ahead.end() {
            Some(end) => end,
            None => {
                let tip = self.tip().await?;
                (tip.end.unwrap_or(0), tip.head)
            }
        };
        let stretch = match self.ahead.take().await {
            Some(stretch) => stretch?,
            None => return Ok(None),
        };
        Ok((stretch.base == cursor.block_hash).then(|| self.hand_on(stretch, None, end)))
    }

    /// Reads again from where the chain is still the one that was read; none when it is so at the cursor.
    async fn step_back(&mut self, cursor: Option<&Cursor>, tip: Tip) -> Result<Option<Step>, ReadError> {
        let back = match cursor {
            Some(cursor) => self.rewind(cursor, tip.head).await?,
            None => None,
        };
        let Some((rewind, base)) = back else {
            self.progress.idle((tip.end.unwrap_or(0), tip.head));
            return Ok(None);
        };
        let Some(end) = tip.end.filter(|end| rewind.to < *end) else {
            return Ok(None);
        };
        let stretch = self.read(rewind.to + 1, end).await?;
        if base.is_some_and(|base| base != stretch.base) {
            return Err(ReadError::Moving(rewind.to));
        }
        self.progress.rewound(rewind.from - rewind.to.min(rewind.from));
        Ok(Some(self.hand_on(stretch, Some(rewind), (end, tip.head))))
    }

    fn check_chain(&self, cursor: Option<&Cursor>) -> Result<(), ReadError> {
        let expected = self.course.chain_id;
        match cursor {
            Some(cursor) if cursor.chain_id != expected => Err(ReadError::Cursor { expected, found: cursor.chain_id }),
            _ => Ok(()),
        }
    }

    async fn tip(&mut self) -> Result<Tip, ReadError> {
        let head = self.source.head().await?;
        let confirmed = head.checked_sub(self.config.confirmations);
        let end = match self.config.tag {
            None => confirmed,
            Some(tag) => self.source.tagged(tag).await?.and_then(|tagged| confirmed.map(|end| end.min(tagged))),
        };
        self.ahead.set_end((end.unwrap_or(0), head));
        Ok(Tip { head, end })
    }

    /// One range from `first` on.
    async fn read(&self, first: u64, end: u64) -> Result<Stretch, ReadError> {
        let last = self.scanner.range().last(first, end);
        let filter = LogFilter { first, last, ..self.course.filter.clone() };
        Stretch::read(self.source.clone(), self.scanner.clone(), filter, self.config.logs_max).await
    }

    /// How far to go back, if the cursor's block is not on the chain any more, and the hash of the block there if it was read.
    async fn rewind(&self, cursor: &Cursor, head: u64) -> Result<Option<(Rewind, Option<B256>)>, ReadError> {
        if self.is_canonical((cursor.block_number, cursor.block_hash)).await? {
            return Ok(None);
        }
        let from = cursor.block_number;
        let known = self.checkpoints.below(from);
        let same = self.last_canonical(&known).await?;
        let window_end = from.min(head).saturating_sub(self.config.rewind_blocks);
        let lowest = self.course.first_block.saturating_sub(1);
        let to = same.map_or(window_end, |(number, _)| number).max(lowest);
        let is_deeper = same.is_none() && known.first().is_some_and(|(oldest, _)| *oldest <= window_end);
        if is_deeper {
            tracing::error!(
                from,
                to,
                "the chain was reorganised deeper than what is kept; blocks below may have changed"
            );
        }
        tracing::warn!(from, to, "the chain was reorganised below the cursor, reading again");
        let base = same.filter(|(number, _)| *number == to).map(|(_, hash)| hash);
        Ok(Some((Rewind { from, to, is_deeper }, base)))
    }

    async fn is_canonical(&self, (number, hash): (u64, B256)) -> Result<bool, ReadError> {
        Ok(self.source.header(number).await?.value.is_some_and(|block| block.hash == hash))
    }

    /// The highest of the blocks that is still on the chain: with it, all before it are.
    async fn last_canonical(&self, known: &[(u64, B256)]) -> Result<Option<(u64, B256)>, ReadError> {
        let (mut same, mut other) = (0, known.len());
        while same < other {
            let middle = (same + other) / 2;
            if self.is_canonical(known[middle]).await? {
                same = middle + 1;
            } else {
                other = middle;
            }
        }
        Ok(same.checked_sub(1).map(|last| known[last]))
    }

    fn hand_on(&mut self, stretch: Stretch, rewind: Option<Rewind>, (end, head): (u64, u64)) -> Step {
        self.checkpoints.forget_from(stretch.first);
        self.checkpoints.push(stretch.tip.number, stretch.tip.hash, self.config.rewind_blocks);
        self.progress.handed_on(Instant::now(), (stretch.first, stretch.tip.number), stretch.logs.len(), (end, head));
        let plan = Plan {
            filter: &self.course.filter,
            scanner: &self.scanner,
            stretches: self.config.ranges_ahead,
            logs_max: self.config.logs_max,
        };
        self.ahead.fill(&self.source, &plan, stretch.tip.number);
        Step { stretch, head, rewind }
    }
}
