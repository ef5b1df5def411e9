//! The first block of the service's chain that is not before a firing. It gives a task its time, its state and its manifest.

use tandem_types::TaskBlock;

use super::window::ManifestWindow;
use super::{Depth, canonical, check, task_block};
use crate::client::BlockHeader;
use crate::reader::ReadError;
use crate::source::ChainSource;

/// The service's chain, as far as one manifest is concerned.
pub(super) struct Home<'a, S> {
    pub(super) source: &'a S,
    /// First block of the manifest.
    pub(super) first: u64,
    /// Time of the block before it.
    pub(super) since: u64,
    /// Its last block, or the last that is believed.
    pub(super) last: BlockHeader,
    /// Whether that is its last.
    is_over: bool,
    /// What fired before this second can not be delivered any more.
    pub(super) late: u64,
}

/// Where a firing belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// To this manifest, at this block.
    Anchored(TaskBlock),
    /// To this manifest, and it is too late for it.
    TooLate,
    /// To another manifest.
    Elsewhere,
    /// Its anchor is not there yet.
    NotYet,
}

impl<'a, S: ChainSource> Home<'a, S> {
    /// None while no block of the manifest is believed.
    pub(super) async fn open(
        source: &'a S,
        window: &ManifestWindow,
        (depth, late): (Depth, u64),
    ) -> Result<Option<Self>, ReadError> {
        let Some(believed) = depth.last(source).await? else { return Ok(None) };
        let (first, end) = (window.first, window.end.unwrap_or(u64::MAX));
        if believed < first || end <= first {
            return Ok(None);
        }
        let last = canonical(source, believed.min(end - 1)).await?;
        let since = match first.checked_sub(1) {
            Some(before) => canonical(source, before).await?.timestamp,
            None => 0,
        };
        Ok(Some(Self { source, first, since, last, is_over: believed >= end, late }))
    }

    /// Places what fired at `time`; in `own`, if that is a block of this chain.
    pub(super) async fn place(&self, time: u64, own: Option<TaskBlock>) -> Result<Placed, ReadError> {
        if let Some(block) = own {
            return Ok(if time < self.late { Placed::TooLate } else { Placed::Anchored(block) });
        }
        if time <= self.since && self.first > 0 {
            return Ok(Placed::Elsewhere);
        }
        if time > self.last.timestamp {
            return Ok(if self.is_over { Placed::Elsewhere } else { Placed::NotYet });
        }
        if time < self.late {
            return Ok(Placed::TooLate);
        }
        let anchor = first_at(self.source, time, (self.first, self.last)).await?;
        Ok(Placed::Anchored(task_block(&anchor)))
    }

    /// That what was read of it is of one chain.
    pub(super) async fn check(&self) -> Result<(), ReadError> {
        check(self.source, &self.last).await
    }
}

/// The first block from `first` to `last` that is not before `time`, which `last` is not. Looks near `last` first: what fires fired lately.
pub(super) async fn first_at<S: ChainSource>(
    source: &S,
    time: u64,
    (first, last): (u64, BlockHeader),
) -> Result<BlockHeader, ReadError> {
    let (mut found, mut step) = (last, 1);
    // The first block that is not known to be before `time`.
    let mut low = first;
    while found.number > low {
        let probe = canonical(source, found.number.saturating_sub(step).max(low)).await?;
        if probe.timestamp < time {
            low = probe.number + 1;
            break;
        }
        found = probe;
        step *= 2;
    }
    while found.number > low {
        let probe = canonical(source, low + (found.number - low) / 2).await?;
        if probe.timestamp < time {
            low = probe.number + 1;
        } else {
            found = probe;
        }
    }
    Ok(found)
}
