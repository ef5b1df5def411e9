//! Logs over any number of blocks, in ranges that the endpoints can bear. Knows nothing of reorganisations; see the `walk` module for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::endpoints::Witnesses;
use crate::error::{RpcError, RpcFailure};
use crate::log::{LogFilter, LogRecord};
use crate::range::RangeSize;
use crate::source::ChainSource;

/// Reads ranges of logs; remembers which size of range the endpoints bear. Clones share what was learned.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    range: Arc<Mutex<RangeSize>>,
    logs_max: usize,
}

/// The logs of one range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// In chain order.
    pub(crate) logs: Vec<LogRecord>,
    /// The last block that they cover.
    pub(crate) last: u64,
    /// Who says so.
    pub(crate) by: Witnesses,
}

impl Scanner {
    /// At most `logs_max` logs come with one answer, and ranges are chosen to bring at most half as many.
    pub(crate) fn new(range: RangeSize, logs_max: usize) -> Self {
        Self { range: Arc::new(Mutex::new(range)), logs_max }
    }

    /// Blocks that the next range will hold, at most.
    pub(crate) fn range(&self) -> RangeSize {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, RangeSize> {
        self.range.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs from `filter.first` on, as far as one range goes. Logs that were not asked for are left out. Ends after at most 64 halvings.
    pub(crate) async fn next<S: ChainSource>(&self, source: &S, filter: &LogFilter) -> Result<Part, RpcError> {
        loop {
            let last = self.range().last(filter.first, filter.last);
            let asked = last - filter.first + 1;
            match self.admitted(source, LogFilter { last, ..filter.clone() }).await {
                Ok(part) => {
                    self.lock().answered(asked, part.logs.len(), self.logs_max / 2);
                    return Ok(part);
                }
                Err(error) if error.may_be_too_much() && self.lock().refused(asked, error.excess()) => {
                    tracing::debug!(%error, blocks = self.range().blocks(), "asking for fewer blocks at once");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// All logs of `filter`.
    pub(crate) async fn all<S: ChainSource>(
        &self,
        source: &S,
        mut filter: LogFilter,
    ) -> Result<Vec<LogRecord>, RpcError> {
        let mut logs = Vec::new();
        while filter.first <= filter.last {
            let part = self.next(source, &filter).await?;
            logs.extend(part.logs);
            filter.first = part.last + 1;
        }
        Ok(logs)
    }

    async fn admitted<S: ChainSource>(&self, source: &S, filter: LogFilter) -> Result<Part, RpcError> {
        let answer = source.logs(&filter).await?;
        let mut logs = answer.value;
        if logs.len() > self.logs_max {
            let failure = RpcFailure::TooManyLogs { found: logs.len(), limit: self.logs_max };
            return Err(RpcError { endpoint: source.endpoint(), failure });
        }
        logs.retain(|log| filter.admits(log));
        logs.sort_by_key(LogRecord::place);
        logs.dedup_by_key(|log| log.place());
        Ok(Part { logs, last: filter.last, by: answer.by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fake::FakeChain;

    fn scanner(logs_max: usize) -> Scanner {
        Scanner::new(RangeSize::new(16, 16), logs_max)
    }

    #[tokio::test]
    async fn every_log_is_read_once_from_an_endpoint_that_bears_three_blocks() {
        let chain = FakeChain::with_logs_at([0, 1, 5, 9, 10, 31]).bearing(3);
        let logs = scanner(100).all(&chain, chain.filter(0, 40)).await.expect("small ranges are answered");
        assert_eq!(logs.iter().map(|log| log.block_number).collect::<Vec<_>>(), [0, 1, 5, 9, 10, 31]);
    }

    #[tokio::test]
    async fn limit_that_the_endpoint_names_is_asked_for_next_and_kept() {
        let chain = FakeChain::with_logs_at([]);
        chain.bears(7, "exceed maximum block range: 7");
        scanner(100).all(&chain, chain.filter(0, 40)).await.expect("small ranges are answered");
        assert_eq!(chain.asked(), [16, 7, 7, 7, 7, 7, 6]);
    }

    #[tokio::test]
    async fn rate_limit_is_no_reason_to_ask_for_fewer_blocks() {
        let chain = FakeChain::with_logs_at([]);
        chain.bears(7, "rate limit exceeded");
        assert!(scanner(100).all(&chain, chain.filter(0, 40)).await.is_err());
        assert_eq!(chain.asked(), [16]);
    }

    #[tokio::test]
    async fn endpoint_that_bears_nothing_is_an_error() {
        let chain = FakeChain::with_logs_at([]).bearing(0);
        assert!(scanner(100).all(&chain, chain.filter(0, 40)).await.is_err());
    }

    #[tokio::test]
    async fn more_logs_than_allowed_halve_the_range() {
        let chain = FakeChain::with_logs_at([1, 2, 3, 4]);
        let logs = scanner(2).all(&chain, chain.filter(0, 10)).await.expect("two blocks at a time are few logs");
        assert_eq!(logs.len(), 4);
    }
}
