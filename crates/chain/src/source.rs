//! What readers need of a chain, so that they can be tested without one. Implementations may lie; readers check what can be checked.

use std::future::Future;

use tandem_types::Tag;

use crate::client::{BlockHeader, ChainClient};
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::log::{LogFilter, LogRecord};

/// Blocks and logs of one chain.
pub(crate) trait ChainSource: Send + Sync {
    /// Number of the latest block.
    fn head(&self) -> impl Future<Output = Result<u64, RpcError>> + Send;

    /// The canonical block of that number.
    fn header(&self, number: u64) -> impl Future<Output = Result<Option<BlockHeader>, RpcError>> + Send;

    /// Number of the latest block that the chain calls so; none when it has none yet.
    fn tagged(&self, tag: Tag) -> impl Future<Output = Result<Option<u64>, RpcError>> + Send;

    /// Logs of a range of blocks.
    fn logs(&self, filter: &LogFilter) -> impl Future<Output = Result<Vec<LogRecord>, RpcError>> + Send;

    /// For errors.
    fn endpoint(&self) -> Endpoint;
}

impl ChainSource for ChainClient {
    async fn head(&self) -> Result<u64, RpcError> {
        self.block_number().await
    }

    async fn header(&self, number: u64) -> Result<Option<BlockHeader>, RpcError> {
        self.block(number).await
    }

    async fn tagged(&self, tag: Tag) -> Result<Option<u64>, RpcError> {
        Ok(self.tagged_block(tag).await?.map(|block| block.number))
    }

    async fn logs(&self, filter: &LogFilter) -> Result<Vec<LogRecord>, RpcError> {
        self.logs(filter).await
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint().clone()
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A chain in memory whose blocks can be replaced, and which can refuse large ranges.

    use std::sync::Mutex;

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
    }

    pub(crate) struct FakeChain {
        state: Mutex<State>,
        bears: u64,
    }

    fn hash(number: u64, salt: u64) -> B256 {
        keccak256([number.to_be_bytes(), salt.to_be_bytes()].concat())
    }

    impl FakeChain {
        /// 41 blocks, 0 to 40, with an unknown log in some.
        pub(crate) fn with_logs_at(blocks: impl IntoIterator<Item = u64>) -> Self {
            let chain = Self { state: Mutex::new(State { salts: vec![0; 41], logs: Vec::new() }), bears: u64::MAX };
            blocks.into_iter().for_each(|number| chain.emit(number, LogData::default()));
            chain
        }

        /// Refuses to return logs of more blocks than that.
        pub(crate) fn bearing(self, blocks: u64) -> Self {
            Self { bears: blocks, ..self }
        }

        pub(crate) fn filter(&self, first: u64, last: u64) -> LogFilter {
            LogFilter { contracts: vec![CONTRACT], first, last, kinds: Vec::new(), ..LogFilter::default() }
        }

        pub(crate) fn emit(&self, number: u64, data: LogData) {
            let mut state = self.state.lock().expect("no test panics while it holds the lock");
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
            let mut state = self.state.lock().expect("no test panics while it holds the lock");
            state.salts[first as usize..].iter_mut().for_each(|salt| *salt += 1);
            state.logs.retain(|log| log.block_number < first);
            let length = state.salts.len() + more;
            state.salts.resize(length, 7);
        }
    }

    impl ChainSource for FakeChain {
        async fn head(&self) -> Result<u64, RpcError> {
            Ok(self.state.lock().expect("no test panics while it holds the lock").salts.len() as u64 - 1)
        }

        async fn header(&self, number: u64) -> Result<Option<BlockHeader>, RpcError> {
            let state = self.state.lock().expect("no test panics while it holds the lock");
            let salt = state.salts.get(number as usize);
            Ok(salt.map(|&salt| BlockHeader { number, hash: hash(number, salt), timestamp: 12 * number }))
        }

        /// What is safe is 8 blocks deep, what is final 16.
        async fn tagged(&self, tag: Tag) -> Result<Option<u64>, RpcError> {
            let depth = match tag {
                Tag::Safe => 8,
                Tag::Finalized => 16,
            };
            Ok(self.head().await?.checked_sub(depth))
        }

        async fn logs(&self, filter: &LogFilter) -> Result<Vec<LogRecord>, RpcError> {
            if filter.last - filter.first + 1 > self.bears {
                let failure = RpcFailure::Refused { code: -32000, message: "range too wide".to_owned() };
                return Err(RpcError { endpoint: self.endpoint(), failure });
            }
            let state = self.state.lock().expect("no test panics while it holds the lock");
            let inside = |log: &&LogRecord| (filter.first..=filter.last).contains(&log.block_number);
            Ok(state.logs.iter().filter(inside).cloned().collect())
        }

        fn endpoint(&self) -> Endpoint {
            Endpoint::from(&Url::parse("http://fake").expect("the literal is a URL"))
        }
    }
}
