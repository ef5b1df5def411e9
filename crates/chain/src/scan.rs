//! Logs over any number of blocks, in ranges that the endpoint can bear: halved when it complains, grown again when it does not.
//! Knows nothing of reorganisations; see the `reader` module for that.

use crate::error::{RpcError, RpcFailure};
use crate::log::{LogFilter, LogRecord};
use crate::source::ChainSource;

/// How many blocks are asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeSize {
    blocks: u64,
    most: u64,
}

impl RangeSize {
    pub(crate) fn new(blocks: u64, most: u64) -> Self {
        Self { blocks: blocks.clamp(1, most.max(1)), most: most.max(1) }
    }

    pub(crate) fn blocks(self) -> u64 {
        self.blocks
    }

    /// Last block of a range that begins at `first` and may reach `end`.
    pub(crate) fn last(self, first: u64, end: u64) -> u64 {
        first.saturating_add(self.blocks - 1).min(end)
    }

    pub(crate) fn grow(&mut self) {
        self.blocks = self.blocks.saturating_mul(2).min(self.most);
    }

    /// Half of what was just asked for; false when that was one block.
    pub(crate) fn halve(&mut self, asked: u64) -> bool {
        self.blocks = (asked / 2).max(1);
        asked > 1
    }
}

/// Reads ranges of logs; remembers which size of range the endpoint bears.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    range: RangeSize,
    logs_max: usize,
}

impl Scanner {
    pub(crate) fn new(range: RangeSize, logs_max: usize) -> Self {
        Self { range, logs_max }
    }

    /// Blocks that the next range will hold, at most.
    pub(crate) fn range(&self) -> RangeSize {
        self.range
    }

    /// Logs from `filter.first` on, as far as one range goes, in chain order, and the last block that they cover. Logs that were not asked for are
    /// left out. Ends after at most 64 halvings.
    pub(crate) async fn next<S: ChainSource>(
        &mut self,
        source: &S,
        filter: &LogFilter,
    ) -> Result<(Vec<LogRecord>, u64), RpcError> {
        loop {
            let last = self.range.last(filter.first, filter.last);
            let asked = last - filter.first + 1;
            let part = LogFilter { last, ..filter.clone() };
            match self.admitted(source, &part).await {
                Ok(logs) => {
                    self.range.grow();
                    return Ok((logs, last));
                }
                Err(error) if error.may_be_too_much() && self.range.halve(asked) => {
                    tracing::debug!(%error, blocks = self.range.blocks(), "asking for fewer blocks at once");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// All logs of `filter`.
    pub(crate) async fn all<S: ChainSource>(
        &mut self,
        source: &S,
        mut filter: LogFilter,
    ) -> Result<Vec<LogRecord>, RpcError> {
        let mut logs = Vec::new();
        while filter.first <= filter.last {
            let (part, last) = self.next(source, &filter).await?;
            logs.extend(part);
            filter.first = last + 1;
        }
        Ok(logs)
    }

    async fn admitted<S: ChainSource>(&self, source: &S, filter: &LogFilter) -> Result<Vec<LogRecord>, RpcError> {
        let mut logs = source.logs(filter).await?;
        if logs.len() > self.logs_max {
            let failure = RpcFailure::TooManyLogs { found: logs.len(), limit: self.logs_max };
            return Err(RpcError { endpoint: source.endpoint(), failure });
        }
        logs.retain(|log| filter.admits(log));
        logs.sort_by_key(LogRecord::place);
        logs.dedup_by_key(|log| log.place());
        Ok(logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fake::FakeChain;

    #[test]
    fn ranges_shrink_to_one_block_and_grow_to_the_limit() {
        let mut range = RangeSize::new(1_000, 4_000);
        assert_eq!(range.last(5, 2_000), 1_004);
        assert!(range.halve(1_000));
        assert_eq!(range.blocks(), 500);
        assert!(!range.halve(1));
        assert_eq!(range.blocks(), 1);
        (0..20).for_each(|_| range.grow());
        assert_eq!(range.blocks(), 4_000);
    }

    #[test]
    fn a_short_last_range_halves_what_was_asked() {
        let mut range = RangeSize::new(1_000, 1_000);
        assert!(range.halve(10));
        assert_eq!(range.blocks(), 5);
    }

    #[tokio::test]
    async fn every_log_is_read_once_from_an_endpoint_that_bears_three_blocks() {
        let chain = FakeChain::with_logs_at([0, 1, 5, 9, 10, 31]).bearing(3);
        let mut scanner = Scanner::new(RangeSize::new(16, 16), 100);
        let logs = scanner.all(&chain, chain.filter(0, 40)).await.expect("small ranges are answered");
        assert_eq!(logs.iter().map(|log| log.block_number).collect::<Vec<_>>(), [0, 1, 5, 9, 10, 31]);
    }

    #[tokio::test]
    async fn an_endpoint_that_bears_nothing_is_an_error() {
        let chain = FakeChain::with_logs_at([]).bearing(0);
        let mut scanner = Scanner::new(RangeSize::new(16, 16), 100);
        assert!(scanner.all(&chain, chain.filter(0, 40)).await.is_err());
    }

    #[tokio::test]
    async fn more_logs_than_allowed_halve_the_range() {
        let chain = FakeChain::with_logs_at([1, 2, 3, 4]);
        let mut scanner = Scanner::new(RangeSize::new(16, 16), 2);
        let logs = scanner.all(&chain, chain.filter(0, 10)).await.expect("two blocks at a time are few logs");
        assert_eq!(logs.len(), 4);
    }
}
