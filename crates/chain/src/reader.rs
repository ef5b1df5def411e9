//! Follows logs from a stored cursor, by `eth_getLogs` alone: the events of one service, or any logs. Everything is returned at least once, in
//! chain order: after a reorganisation blocks are read again, so what happens downstream must not depend on seeing a log once. Knows nothing of
//! tasks' fates, and stores nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_types::{Address, B256, BlockTag, ServiceId};

use crate::client::ChainClient;
use crate::error::RpcError;
use crate::event::{self, EventPlace, PlacedEvent, Rejection};
use crate::log::{LogFilter, LogRecord};
use crate::progress::ProgressWatch;
use crate::wake::HeadWatch;
use crate::walk::{Course, Step, Walk};

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

/// How logs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Blocks that must follow a block before it is read; 0 reads the latest.
    pub confirmations: u64,
    /// What the chain must call the block, or one above it, besides.
    pub tag: Option<BlockTag>,
    /// Blocks asked for at once to begin with.
    pub range_blocks: u64,
    /// Most blocks asked for at once.
    pub range_blocks_max: u64,
    /// Most logs in one answer. Ranges are chosen to bring at most half as many.
    pub logs_max: usize,
    /// Ranges that are read while earlier ones are worked on, when there is much to read. Each may hold as many logs.
    pub ranges_ahead: usize,
    /// The deepest reorganisation that loses nothing, in blocks. That many are read again when a reorganisation happened while nobody looked.
    pub rewind_blocks: u64,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self {
            confirmations: 1,
            tag: None,
            range_blocks: 100,
            range_blocks_max: 10_000,
            logs_max: 20_000,
            ranges_ahead: 4,
            rewind_blocks: 256,
        }
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
    /// Whether the chain is another one at all blocks that are kept: below them, too, something may have changed, which is not read again.
    pub is_deeper: bool,
}

/// Why logs could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The endpoint failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The cursor is of another chain.
    #[error("the cursor is of chain {found}, and is used on chain {expected}")]
    Cursor {
        /// The chain that is read.
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

/// Which logs are read: an empty set matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Contracts that emit them.
    pub addresses: Vec<Address>,
    /// Values allowed for each of the four topics.
    pub topics: [Vec<B256>; 4],
}

impl From<LogQuery> for LogFilter {
    fn from(query: LogQuery) -> Self {
        let [kinds, subjects, objects, details] = query.topics;
        Self { contracts: query.addresses, kinds, subjects, objects, details, ..Self::default() }
    }
}

/// One log of any contract, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLog {
    /// Where.
    pub place: EventPlace,
    /// The contract.
    pub address: Address,
    /// Its topics, at most four.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Vec<u8>,
}

/// What one read of any logs brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpan {
    /// The logs, in chain order.
    pub logs: Vec<ChainLog>,
    /// Where the next read begins.
    pub cursor: Cursor,
    /// The latest block when the span was read.
    pub head: u64,
    /// That blocks were read again, because the stored cursor's block is not canonical.
    pub rewind: Option<Rewind>,
}

/// Reads any logs of one chain.
#[derive(Debug)]
pub struct LogReader {
    chain_id: u64,
    walk: Walk<ChainClient>,
}

impl LogReader {
    /// A reader that begins with that block.
    pub fn new(client: ChainClient, query: LogQuery, first_block: u64, config: ReaderConfig) -> Self {
        let chain_id = client.chain_id();
        Self { chain_id, walk: Walk::new(client, Course { chain_id, first_block, filter: query.into() }, config) }
    }

    /// Logs after `cursor`, as far as one range of blocks goes; from the first block on when there is none. None when nothing new is confirmed.
    ///
    /// # Errors
    /// [`ReadError`]; the cursor stays good.
    pub async fn read(&mut self, cursor: Option<&Cursor>) -> Result<Option<LogSpan>, ReadError> {
        let step = self.walk.step(cursor).await?;
        Ok(step.map(|step| LogSpan {
            logs: step.stretch.logs.iter().map(|log| chain_log(&step, log)).collect(),
            cursor: cursor_of(self.chain_id, &step),
            head: step.head,
            rewind: step.rewind,
        }))
    }

    /// How far it is.
    pub fn progress(&self) -> ProgressWatch {
        self.walk.progress().clone()
    }
}

fn chain_log(step: &Step, log: &LogRecord) -> ChainLog {
    ChainLog {
        place: event::place(log, step.stretch.times[&log.block_hash]),
        address: log.log.address,
        topics: log.log.topics().to_vec(),
        data: log.data().data.to_vec(),
    }
}

fn cursor_of(chain_id: u64, step: &Step) -> Cursor {
    Cursor { chain_id, block_number: step.stretch.tip.number, block_hash: step.stretch.tip.hash }
}

/// Reads the events of one service.
#[derive(Debug)]
pub struct EventReader {
    service: ServiceId,
    walk: Walk<ChainClient>,
    heads: Option<HeadWatch>,
}

impl EventReader {
    /// A reader for a service that was deployed in that block.
    pub fn new(client: ChainClient, service: ServiceId, deployment_block: u64, config: ReaderConfig) -> Self {
        Self { service, walk: Walk::new(client, course(service, deployment_block), config), heads: None }
    }

    /// Lets new blocks end [`rest`](Self::rest), too.
    pub fn woken_by(self, heads: HeadWatch) -> Self {
        Self { heads: Some(heads), ..self }
    }

    /// Events after `cursor`, as far as one range of blocks goes; from the deployment on when there is none. None when nothing new is
    /// confirmed.
    ///
    /// # Errors
    /// [`ReadError`]; the cursor stays good.
    pub async fn read(&mut self, cursor: Option<&Cursor>) -> Result<Option<Span>, ReadError> {
        let step = self.walk.step(cursor).await?;
        Ok(step.map(|step| judge(self.service, &step)))
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
            self.rest(interval).await;
        }
    }

    /// Waits before the next read: for `interval`, or until a new block is announced.
    pub async fn rest(&mut self, interval: Duration) {
        match &mut self.heads {
            None => tokio::time::sleep(interval).await,
            Some(heads) => heads.rest(interval).await,
        }
    }

    /// How far it is.
    pub fn progress(&self) -> ProgressWatch {
        self.walk.progress().clone()
    }
}

fn course(service: ServiceId, deployment_block: u64) -> Course {
    let query = LogQuery { addresses: vec![service.manager], topics: [event::kinds(), vec![], vec![], vec![]] };
    Course { chain_id: service.chain_id, first_block: deployment_block, filter: query.into() }
}

/// The events among the logs.
fn judge(service: ServiceId, step: &Step) -> Span {
    let mut span = Span {
        events: Vec::new(),
        cursor: cursor_of(service.chain_id, step),
        head: step.head,
        rewind: step.rewind,
        rejected: Vec::new(),
    };
    for log in &step.stretch.logs {
        match event::decode(service, log) {
            Ok(Some(event)) => {
                let place = event::place(log, step.stretch.times[&log.block_hash]);
                span.events.push(PlacedEvent { place, event });
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

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
