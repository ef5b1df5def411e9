//! Follows the events of one service from a stored cursor, by `eth_getLogs` alone. Every event is returned at least once, in chain order:
//! after a reorganisation blocks are read again, so what happens downstream must not depend on seeing an event once. Knows nothing of tasks'
//! fates, and stores nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_types::{B256, ServiceId};

use crate::client::{BlockHeader, ChainClient};
use crate::error::RpcError;
use crate::event::{self, PlacedEvent, Rejection};
use crate::log::{LogFilter, LogRecord};
use crate::scan::{RangeSize, Scanner};
use crate::source::ChainSource;

/// The last block whose events were read. Store it together with what they caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The block.
    pub block_number: u64,
    /// Its hash, by which a reorganisation shows.
    pub block_hash: B256,
}

/// How events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Blocks that must follow a block before it is read; 0 reads the latest.
    pub confirmations: u64,
    /// Blocks asked for at once to begin with.
    pub range_blocks: u64,
    /// Most blocks asked for at once.
    pub range_blocks_max: u64,
    /// Most logs in one answer.
    pub logs_max: usize,
    /// Blocks read again when the cursor's block is no longer canonical: the deepest reorganisation that loses nothing.
    pub rewind_blocks: u64,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self { confirmations: 1, range_blocks: 1_000, range_blocks_max: 8_000, logs_max: 50_000, rewind_blocks: 64 }
    }
}

/// What one read brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The events, in chain order.
    pub events: Vec<PlacedEvent>,
    /// Where the next read begins.
    pub cursor: Cursor,
    /// The latest block when the span was read.
    pub head: u64,
    /// That blocks were read again, because the stored cursor's block is not canonical.
    pub rewind: Option<Rewind>,
    /// Logs that were no events.
    pub rejected: Vec<Rejection>,
}

/// A cursor that was moved back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The block that is not canonical any more, or that the chain does not reach any more.
    pub from: u64,
    /// The block after which reading began again.
    pub to: u64,
}

/// Why events could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The endpoint failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The cursor is of another chain.
    #[error("the cursor is of chain {found}, the service on chain {expected}")]
    Cursor {
        /// The service's chain.
        expected: u64,
        /// The cursor's chain.
        found: u64,
    },
    /// The chain changed while it was read.
    #[error("block {0} was replaced while it was read")]
    Moving(u64),
}

impl ReadError {
    /// Whether the same read may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Rpc(error) => error.is_retryable(),
            Self::Cursor { .. } => false,
            Self::Moving(_) => true,
        }
    }
}

/// Reads the events of one service.
#[derive(Debug, Clone)]
pub struct EventReader {
    client: ChainClient,
    walk: Walk,
}

impl EventReader {
    /// A reader for a service that was deployed in that block.
    pub fn new(client: ChainClient, service: ServiceId, deployment_block: u64, config: ReaderConfig) -> Self {
        Self { client, walk: Walk::new(service, deployment_block, config) }
    }

    /// Events after `cursor`, as far as one range of blocks goes; from the deployment on when there is none. None when nothing new is
    /// confirmed.
    ///
    /// # Errors
    /// [`ReadError`]; the cursor stays good.
    pub async fn read(&mut self, cursor: Option<&Cursor>) -> Result<Option<Span>, ReadError> {
        self.walk.step(&self.client, cursor).await
    }

    /// As [`read`](Self::read), but asks every `interval` until there is something new. Dropping it loses nothing.
    ///
    /// # Errors
    /// [`ReadError`]; the cursor stays good.
    pub async fn wait(&mut self, cursor: Option<&Cursor>, interval: Duration) -> Result<Span, ReadError> {
        loop {
            if let Some(span) = self.read(cursor).await? {
                return Ok(span);
            }
            tokio::time::sleep(interval).await;
        }
    }
}

/// The reader's logic, over any source.
#[derive(Debug, Clone)]
struct Walk {
    service: ServiceId,
    deployment_block: u64,
    config: ReaderConfig,
    scanner: Scanner,
}

impl Walk {
    fn new(service: ServiceId, deployment_block: u64, config: ReaderConfig) -> Self {
        let range = RangeSize::new(config.range_blocks, config.range_blocks_max);
        Self { service, deployment_block, config, scanner: Scanner::new(range, config.logs_max) }
    }

    async fn step<S: ChainSource>(&mut self, source: &S, cursor: Option<&Cursor>) -> Result<Option<Span>, ReadError> {
        self.check_chain(cursor)?;
        let head = source.head().await?;
        let rewind = self.rewind(source, cursor, head).await?;
        let first = match (rewind, cursor) {
            (Some(rewind), _) => rewind.to + 1,
            (None, Some(cursor)) => cursor.block_number + 1,
            (None, None) => self.deployment_block,
        };
        let end = head.saturating_sub(self.config.confirmations);
        if first > end || head < self.config.confirmations {
            return Ok(None);
        }
        self.span(source, first, end).await.map(|span| Some(Span { head, rewind, ..span }))
    }

    fn check_chain(&self, cursor: Option<&Cursor>) -> Result<(), ReadError> {
        let expected = self.service.chain_id;
        match cursor {
            Some(cursor) if cursor.chain_id != expected => Err(ReadError::Cursor { expected, found: cursor.chain_id }),
            _ => Ok(()),
        }
    }

    /// How far to go back, if the cursor's block is not on the chain any more.
    async fn rewind<S: ChainSource>(
        &self,
        source: &S,
        cursor: Option<&Cursor>,
        head: u64,
    ) -> Result<Option<Rewind>, ReadError> {
        let Some(cursor) = cursor else { return Ok(None) };
        let canonical = source.header(cursor.block_number).await?;
        if canonical.is_some_and(|block| block.hash == cursor.block_hash) {
            return Ok(None);
        }
        let from = cursor.block_number;
        let to = from.min(head).saturating_sub(self.config.rewind_blocks).max(self.deployment_block.saturating_sub(1));
        tracing::warn!(from, to, "the chain was reorganised below the cursor, reading again");
        Ok(Some(Rewind { from, to }))
    }

    /// One range, read between two looks at its last block, so that all of it is of one chain.
    async fn span<S: ChainSource>(&mut self, source: &S, first: u64, end: u64) -> Result<Span, ReadError> {
        let end = self.scanner.range().last(first, end);
        let before = canonical(source, end).await?;
        let filter = LogFilter {
            contracts: vec![self.service.manager],
            first,
            last: end,
            kinds: event::kinds(),
            ..LogFilter::default()
        };
        let (logs, last) = self.scanner.next(source, &filter).await?;
        let after = canonical(source, end).await?;
        if before != after {
            return Err(ReadError::Moving(end));
        }
        let tip = if last == end { after } else { canonical(source, last).await? };
        let times = block_times(source, &logs).await?;
        Ok(self.judge(&logs, tip, &times))
    }

    fn judge(&self, logs: &[LogRecord], tip: BlockHeader, times: &BTreeMap<B256, u64>) -> Span {
        let cursor = Cursor { chain_id: self.service.chain_id, block_number: tip.number, block_hash: tip.hash };
        let mut span = Span { events: Vec::new(), cursor, head: 0, rewind: None, rejected: Vec::new() };
        for log in logs {
            match self.event(log, tip) {
                Ok(Some(event)) => {
                    span.events.push(PlacedEvent { place: event::place(log, times[&log.block_hash]), event })
                }
                Ok(None) => {}
                Err(rejection) => {
                    tracing::warn!(%rejection, tx = %log.tx_hash, block = log.block_number, "log dropped");
                    span.rejected.push(rejection);
                }
            }
        }
        span
    }

    fn event(&self, log: &LogRecord, tip: BlockHeader) -> Result<Option<event::ServiceEvent>, Rejection> {
        if log.block_number == tip.number && log.block_hash != tip.hash {
            return Err(Rejection::Block(log.block_hash));
        }
        event::decode(self.service, log)
    }
}

/// The time of each block that holds a log: as the endpoint sends it along with the log, else asked for.
async fn block_times<S: ChainSource>(source: &S, logs: &[LogRecord]) -> Result<BTreeMap<B256, u64>, ReadError> {
    let mut times: BTreeMap<_, _> = logs.iter().filter_map(|log| Some((log.block_hash, log.block_time?))).collect();
    for log in logs {
        if times.contains_key(&log.block_hash) {
            continue;
        }
        let block = canonical(source, log.block_number).await?;
        if block.hash != log.block_hash {
            return Err(ReadError::Moving(log.block_number));
        }
        times.insert(block.hash, block.timestamp);
    }
    Ok(times)
}

/// The block, which the chain reached a moment ago.
async fn canonical<S: ChainSource>(source: &S, number: u64) -> Result<BlockHeader, ReadError> {
    source.header(number).await?.ok_or(ReadError::Moving(number))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
