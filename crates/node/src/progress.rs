//! How far a chain was read, and when a node that was away will have caught up. Asks nobody; the time is handed in.

use serde::Serialize;
use tandem_protocol::Timestamp;

/// How many blocks behind the head count as catching up, and not as waiting for confirmations.
const BEHIND_BLOCKS: u64 = 64;

/// What is read on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Follows {
    /// What the service's own contracts say.
    Service,
    /// What fires.
    Triggers,
}

/// How far the reading of a chain is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reading {
    pub(crate) chain_id: u64,
    pub(crate) follows: Follows,
    pub(crate) block: u64,
    pub(crate) head: u64,
    pub(crate) behind: u64,
    /// Seconds since the chain was last read without an error; none before the first time.
    pub(crate) read_seconds_ago: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catching_up: Option<CatchingUp>,
}

/// Progress of a node that was away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct CatchingUp {
    pub(crate) blocks_per_second: f64,
    pub(crate) seconds_left: Option<u64>,
}

/// Follows one reading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) block: u64,
    pub(crate) head: u64,
    /// When the chain was last read without an error.
    read_at: Option<Timestamp>,
    /// When the present catching up began, and at which block.
    behind_since: Option<(Timestamp, u64)>,
}

impl Progress {
    /// The chain was read at `now`: everything up to `block` of `head`.
    pub(crate) fn read(&mut self, now: Timestamp, (block, head): (u64, u64)) {
        let is_behind = head.saturating_sub(block) > BEHIND_BLOCKS;
        // After a reorganisation it counts anew.
        let since = self.behind_since.filter(|(_, from)| *from <= block);
        self.behind_since = is_behind.then(|| since.unwrap_or((now, block)));
        (self.block, self.head) = (block, head);
        self.alive(now);
    }

    /// The chain answered at `now`, and had nothing new.
    pub(crate) fn alive(&mut self, now: Timestamp) {
        self.read_at = Some(now);
    }

    /// Milliseconds since it was last read; as long as can be before the first time.
    pub(crate) fn silent_ms(&self, now: Timestamp) -> u64 {
        self.read_at.map_or(u64::MAX, |at| now.0.saturating_sub(at.0))
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.behind_since.is_some()
    }

    pub(crate) fn reading(&self, (chain_id, follows): (u64, Follows), now: Timestamp) -> Reading {
        let (block, head) = (self.block, self.head);
        let behind = head.saturating_sub(block);
        Reading {
            chain_id,
            follows,
            block,
            head,
            behind,
            read_seconds_ago: self.read_at.map(|at| now.0.saturating_sub(at.0) / 1_000),
            catching_up: self
                .behind_since
                .map(|(since, from)| catching_up((now.0.saturating_sub(since.0), block.saturating_sub(from)), behind)),
        }
    }
}

/// Blocks read in so many milliseconds, and when those that are left will be.
fn catching_up((elapsed_ms, read): (u64, u64), left: u64) -> CatchingUp {
    let blocks_per_second = read as f64 * 1_000.0 / elapsed_ms.max(1) as f64;
    let seconds_left = (read > 0).then(|| left.saturating_mul(elapsed_ms) / read / 1_000);
    CatchingUp { blocks_per_second, seconds_left }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: (u64, Follows) = (7, Follows::Triggers);

    #[test]
    fn catching_up_has_a_rate_and_an_end() {
        let mut progress = Progress::default();
        assert_eq!(progress.reading(CHAIN, Timestamp(1)).read_seconds_ago, None);
        progress.read(Timestamp(1_000), (100, 10_100));
        let first = progress.reading(CHAIN, Timestamp(1_000)).catching_up;
        assert_eq!(first.map(|progress| progress.seconds_left), Some(None));
        progress.read(Timestamp(11_000), (2_100, 10_100));
        let reading = progress.reading(CHAIN, Timestamp(13_000));
        assert_eq!((reading.behind, reading.read_seconds_ago), (8_000, Some(2)));
        let at = progress.reading(CHAIN, Timestamp(11_000)).catching_up.expect("it catches up");
        assert_eq!((at.blocks_per_second, at.seconds_left), (200.0, Some(40)));
        progress.read(Timestamp(60_000), (10_098, 10_100));
        assert_eq!(progress.reading(CHAIN, Timestamp(60_000)).catching_up, None);
    }

    #[test]
    fn rate_counts_anew_below_where_it_began() {
        let mut progress = Progress::default();
        progress.read(Timestamp(1_000), (1_000, 10_000));
        progress.read(Timestamp(2_000), (500, 10_000));
        progress.read(Timestamp(4_000), (1_500, 10_000));
        let at = progress.reading(CHAIN, Timestamp(4_000)).catching_up.expect("it catches up");
        assert_eq!((at.blocks_per_second, at.seconds_left), (500.0, Some(17)));
    }
}
