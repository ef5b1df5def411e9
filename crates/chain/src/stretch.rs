//! The logs of some blocks, read so that all of them are of one chain. Says which block that chain has before them, so that whoever puts
//! stretches together sees where they do not fit.

use std::collections::BTreeMap;

use tandem_types::B256;

use crate::client::BlockHeader;
use crate::endpoints::{Witnessed, Witnesses};
use crate::log::{LogFilter, LogRecord};
use crate::reader::ReadError;
use crate::scan::Scanner;
use crate::source::ChainSource;

/// Logs of blocks that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first block.
    pub(crate) first: u64,
    /// Hash of the block before it.
    pub(crate) base: B256,
    /// The last block.
    pub(crate) tip: BlockHeader,
    /// In chain order.
    pub(crate) logs: Vec<LogRecord>,
    /// The time of each block that holds one of them.
    pub(crate) times: BTreeMap<B256, u64>,
}

impl Stretch {
    /// Reads the blocks of `filter`, or the first of them when these have `enough` logs.
    pub(crate) async fn read<S: ChainSource>(
        source: S,
        scanner: Scanner,
        filter: LogFilter,
        enough: usize,
    ) -> Result<Self, ReadError> {
        let end = canonical(&source, filter.last).await?;
        let (stretch, by) = if filter.first == filter.last {
            Self::one_block(&source, &scanner, filter, end).await?
        } else {
            Self::between(&source, &scanner, filter, (end, enough)).await?
        };
        if !source.suffice(by) || !stretch.fits_together() {
            return Err(ReadError::Moving(stretch.tip.number));
        }
        Ok(Self { times: block_times(&source, &stretch.logs).await?, ..stretch })
    }

    /// One block, by its hash.
    async fn one_block<S: ChainSource>(
        source: &S,
        scanner: &Scanner,
        filter: LogFilter,
        end: Witnessed<BlockHeader>,
    ) -> Result<(Self, Witnesses), ReadError> {
        let tip = end.value;
        let part = scanner.next(source, &LogFilter { block_hash: Some(tip.hash), ..filter }).await?;
        let (first, base) = (tip.number, tip.parent_hash);
        Ok((Self { first, base, tip, logs: part.logs, times: BTreeMap::new() }, end.by.and(part.by)))
    }

    /// Several blocks, read between two looks at the last one: when that is the same, so are all before it.
    async fn between<S: ChainSource>(
        source: &S,
        scanner: &Scanner,
        mut filter: LogFilter,
        (end, enough): (Witnessed<BlockHeader>, usize),
    ) -> Result<(Self, Witnesses), ReadError> {
        let first = filter.first;
        let start = canonical(source, first).await?;
        let (mut logs, mut by) = (Vec::new(), end.by.and(start.by));
        while filter.first <= filter.last && logs.len() < enough.max(1) {
            let part = scanner.next(source, &filter).await?;
            filter.first = part.last + 1;
            by = by.and(part.by);
            logs.extend(part.logs);
        }
        let reached = filter.first - 1;
        let tip = if reached == end.value.number { end } else { canonical(source, reached).await? };
        let after = canonical(source, end.value.number).await?;
        if after.value != end.value {
            return Err(ReadError::Moving(end.value.number));
        }
        let stretch = Self { first, base: start.value.parent_hash, tip: tip.value, logs, times: BTreeMap::new() };
        let starts_here = |log: &LogRecord| log.block_number != first || log.block_hash == start.value.hash;
        match stretch.logs.iter().all(starts_here) {
            true => Ok((stretch, by.and(tip.by).and(after.by))),
            false => Err(ReadError::Moving(first)),
        }
    }

    /// Whether logs of one block name one hash, and those of the last block its hash.
    fn fits_together(&self) -> bool {
        let is_one = |pair: &[LogRecord]| {
            (pair[0].block_number == pair[1].block_number) == (pair[0].block_hash == pair[1].block_hash)
        };
        let ends_here = |log: &LogRecord| log.block_number != self.tip.number || log.block_hash == self.tip.hash;
        self.logs.windows(2).all(is_one) && self.logs.last().is_none_or(ends_here)
    }
}

/// The time of each block that holds a log: as the endpoint sends it along with the log, else asked for.
async fn block_times<S: ChainSource>(source: &S, logs: &[LogRecord]) -> Result<BTreeMap<B256, u64>, ReadError> {
    let mut times: BTreeMap<_, _> = logs.iter().filter_map(|log| Some((log.block_hash, log.block_time?))).collect();
    for log in logs {
        if times.contains_key(&log.block_hash) {
            continue;
        }
        let block = canonical(source, log.block_number).await?.value;
        if block.hash != log.block_hash {
            return Err(ReadError::Moving(log.block_number));
        }
        times.insert(block.hash, block.timestamp);
    }
    Ok(times)
}

/// The block, which the chain reached a moment ago.
pub(crate) async fn canonical<S: ChainSource>(source: &S, number: u64) -> Result<Witnessed<BlockHeader>, ReadError> {
    let Witnessed { value, by } = source.header(number).await?;
    value.map(|value| Witnessed { value, by }).ok_or(ReadError::Moving(number))
}
