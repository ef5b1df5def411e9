//! Logs as an endpoint returns them, and the filter that asks for them. Nothing here says that a log is true.

use alloy::primitives::{Log, LogData};
use alloy::rpc::types::{Filter, Log as RpcLog};
use tandem_types::{Address, B256};

/// One log of a mined block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRecord {
    pub(crate) log: Log,
    pub(crate) block_number: u64,
    pub(crate) block_hash: B256,
    pub(crate) block_time: Option<u64>,
    pub(crate) tx_hash: B256,
    /// Position in its block.
    pub(crate) log_index: u64,
    pub(crate) removed: bool,
}

impl LogRecord {
    /// None for a log of a pending block.
    pub(crate) fn from_rpc(log: RpcLog) -> Option<Self> {
        Some(Self {
            block_number: log.block_number?,
            block_hash: log.block_hash?,
            block_time: log.block_timestamp,
            tx_hash: log.transaction_hash?,
            log_index: log.log_index?,
            removed: log.removed,
            log: log.inner,
        })
    }

    pub(crate) fn data(&self) -> &LogData {
        &self.log.data
    }

    /// Where it stands on the chain.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.block_number, self.log_index)
    }
}

/// Which logs are asked for: of one contract or several, in a range of blocks, by topics. An empty set matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogFilter {
    pub(crate) contracts: Vec<Address>,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) kinds: Vec<B256>,
    /// The event's first indexed value.
    pub(crate) subjects: Vec<B256>,
    /// Its second.
    pub(crate) objects: Vec<B256>,
    /// Its third.
    pub(crate) others: Vec<B256>,
}

impl LogFilter {
    pub(crate) fn to_rpc(&self) -> Filter {
        let filter = Filter::new().from_block(self.first).to_block(self.last);
        let filter = if self.contracts.is_empty() { filter } else { filter.address(self.contracts.clone()) };
        let filter = if self.kinds.is_empty() { filter } else { filter.event_signature(self.kinds.clone()) };
        let filter = if self.subjects.is_empty() { filter } else { filter.topic1(self.subjects.clone()) };
        let filter = if self.objects.is_empty() { filter } else { filter.topic2(self.objects.clone()) };
        if self.others.is_empty() { filter } else { filter.topic3(self.others.clone()) }
    }

    /// Whether the endpoint was right to return `log`.
    pub(crate) fn admits(&self, log: &LogRecord) -> bool {
        let topic = |at: usize, allowed: &[B256]| {
            allowed.is_empty() || log.log.topics().get(at).is_some_and(|topic| allowed.contains(topic))
        };
        !log.removed
            && (self.contracts.is_empty() || self.contracts.contains(&log.log.address))
            && (self.first..=self.last).contains(&log.block_number)
            && topic(0, &self.kinds)
            && topic(1, &self.subjects)
            && topic(2, &self.objects)
            && topic(3, &self.others)
    }
}
