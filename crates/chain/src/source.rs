//! What readers need of a chain, so that they can be tested without one. Implementations may lie; readers check what can be checked.

use std::future::Future;

use tandem_types::BlockTag;

use crate::client::{BlockHeader, ChainClient};
use crate::endpoint::Endpoint;
use crate::endpoints::{Witnessed, Witnesses};
use crate::error::RpcError;
use crate::log::{LogFilter, LogRecord};

/// Blocks and logs of one chain, with who says so.
pub(crate) trait ChainSource: Clone + Send + Sync + 'static {
    /// Number of the latest block.
    fn head(&self) -> impl Future<Output = Result<u64, RpcError>> + Send;

    /// Number of the block that is called so.
    fn tagged(&self, tag: BlockTag) -> impl Future<Output = Result<Option<u64>, RpcError>> + Send;

    /// The canonical block of that number.
    fn header(&self, number: u64) -> impl Future<Output = Result<Witnessed<Option<BlockHeader>>, RpcError>> + Send;

    /// Logs of a range of blocks.
    fn logs(&self, filter: &LogFilter) -> impl Future<Output = Result<Witnessed<Vec<LogRecord>>, RpcError>> + Send;

    /// Whether so many say enough.
    fn suffice(&self, by: Witnesses) -> bool;

    /// For errors.
    fn endpoint(&self) -> Endpoint;
}

impl ChainSource for ChainClient {
    async fn head(&self) -> Result<u64, RpcError> {
        self.block_number().await
    }

    async fn tagged(&self, tag: BlockTag) -> Result<Option<u64>, RpcError> {
        self.tagged_block_number(tag).await
    }

    async fn header(&self, number: u64) -> Result<Witnessed<Option<BlockHeader>>, RpcError> {
        self.header(number).await
    }

    async fn logs(&self, filter: &LogFilter) -> Result<Witnessed<Vec<LogRecord>>, RpcError> {
        self.logs(filter).await
    }

    fn suffice(&self, by: Witnesses) -> bool {
        self.suffice(by)
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint().clone()
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A chain in memory whose blocks can be replaced, and which can refuse large ranges.

    use std::sync::{Arc, Mutex, MutexGuard};

    use alloy::primitives::{Log, LogData};
    use tandem_types::{Address, B256, keccak256};
    use url::Url;

    use super::*;
    use crate::error::RpcFailure;

    pub(crate) const CONTRACT: Address = Address::repeat_byte(0xcc);

    #[derive(Default)]
    struct State {
        /// One salt per block: another salt is another block.
        salts: Vec<u64>,
        logs: Vec<LogRecord>,
        /// Blocks that are served with their logs at once.
        bears: u64,
        /// What is said when that is exceeded.
        words: &'static str,
        /// Number of the block that is final.
        finalized: Option<u64>,
        /// Who answers.
        by: Witnesses,
        /// Before that request for logs, counted from now, blocks from the number on are replaced.
        surprise: Option<(u64, u64)>,
        /// Requests for logs: how many blocks each was for.
        asked: Vec<u64>,
    }

    #[derive(Clone)]
    pub(crate) struct FakeChain(Arc<Mutex<State>>);

    fn hash(number: u64, salt: u64) -> B256 {
        keccak256([number.to_be_bytes(), salt.to_be_bytes()].concat())
    }

    impl FakeChain {
        /// 41 blocks, 0 to 40, with an unknown log in some.
        pub(crate) fn with_logs_at(blocks: impl IntoIterator<Item = u64>) -> Self {
            let words = "range too wide";
            let state =
                State { salts: vec![0; 41], bears: u64::MAX, words, by: Witnesses::first(1), ..State::default() };
            let chain = Self(Arc::new(Mutex::new(state)));
            blocks.into_iter().for_each(|number| chain.emit(number, LogData::default()));
            chain
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.0.lock().expect("no test panics while it holds the lock")
        }

        /// Refuses to return logs of more blocks than that.
        pub(crate) fn bearing(self, blocks: u64) -> Self {
            self.bears(blocks, "range too wide");
            self
        }

        /// The same, in those words.
        pub(crate) fn bears(&self, blocks: u64, words: &'static str) {
            (self.state().bears, self.state().words) = (blocks, words);
        }

        /// Appends blocks without logs.
        pub(crate) fn grow(&self, blocks: usize) {
            let length = self.state().salts.len() + blocks;
            self.state().salts.resize(length, 0);
        }

        pub(crate) fn finalize(&self, number: u64) {
            self.state().finalized = Some(number);
        }

        /// Replaces the blocks from `first` on when logs are asked for the `nth` time from now, before they are returned.
        pub(crate) fn surprise(&self, nth: u64, first: u64) {
            self.state().surprise = Some((nth, first));
        }

        /// How many blocks each request for logs was for, since the last look.
        pub(crate) fn asked(&self) -> Vec<u64> {
            std::mem::take(&mut self.state().asked)
        }

        pub(crate) fn filter(&self, first: u64, last: u64) -> LogFilter {
            LogFilter { contracts: vec![CONTRACT], first, last, kinds: Vec::new(), ..LogFilter::default() }
        }

        pub(crate) fn emit(&self, number: u64, data: LogData) {
            let mut state = self.state();
            let block_hash = hash(number, state.salts[number as usize]);
            let log_index = state.logs.iter().filter(|log| log.block_number == number).count() as u64;
            state.logs.push(LogRecord {
                log: Log { address: CONTRACT, data },
                block_number: number,
                block_hash,
                block_time: None,
                tx_hash: B256::with_last_byte(number as u8),
                log_index,
                removed: false,
            });
        }

        /// Replaces all blocks from `first` on by as many empty ones, and appends `more`.
        pub(crate) fn reorganise(&self, first: u64, more: usize) {
            let mut state = self.state();
            state.salts[first as usize..].iter_mut().for_each(|salt| *salt += 1);
            state.logs.retain(|log| log.block_number < first);
            let length = state.salts.len() + more;
            state.salts.resize(length, 7);
        }
    }

    impl ChainSource for FakeChain {
        async fn head(&self) -> Result<u64, RpcError> {
            Ok(self.state().salts.len() as u64 - 1)
        }

        async fn tagged(&self, _: BlockTag) -> Result<Option<u64>, RpcError> {
            Ok(self.state().finalized)
        }

        async fn header(&self, number: u64) -> Result<Witnessed<Option<BlockHeader>>, RpcError> {
            let state = self.state();
            let salt = |number: u64| state.salts.get(number as usize).copied();
            let parent =
                number.checked_sub(1).map_or(B256::ZERO, |parent| hash(parent, salt(parent).unwrap_or_default()));
            let value = salt(number).map(|salt| BlockHeader {
                number,
                hash: hash(number, salt),
                parent_hash: parent,
                timestamp: 12 * number,
            });
            Ok(Witnessed { value, by: state.by })
        }

        async fn logs(&self, filter: &LogFilter) -> Result<Witnessed<Vec<LogRecord>>, RpcError> {
            let surprise = self.state().surprise.take();
            match surprise {
                Some((0, first)) => self.reorganise(first, 0),
                Some((nth, first)) => self.state().surprise = Some((nth - 1, first)),
                None => {}
            }
            let mut state = self.state();
            let blocks = filter.last - filter.first + 1;
            state.asked.push(blocks);
            if blocks > state.bears {
                let failure = RpcFailure::Refused { code: -32000, message: state.words.to_owned() };
                return Err(RpcError { endpoint: self.endpoint(), failure });
            }
            let inside = |log: &&LogRecord| {
                (filter.first..=filter.last).contains(&log.block_number)
                    && filter.block_hash.is_none_or(|hash| hash == log.block_hash)
            };
            Ok(Witnessed { value: state.logs.iter().filter(inside).cloned().collect(), by: state.by })
        }

        fn suffice(&self, by: Witnesses) -> bool {
            by.count() >= 1
        }

        fn endpoint(&self) -> Endpoint {
            Endpoint::from(&Url::parse("http://fake").expect("the literal is a URL"))
        }
    }
}
