//! How far a reader is, and how fast: for logs, metrics and status pages. Decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// Time between two lines in the log while there is much to read.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How far a reader is at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Progress {
    /// The last block that was handed on.
    pub block: u64,
    /// The last block that may be read: it has its confirmations, and its tag.
    pub end: u64,
    /// The latest block of the chain.
    pub head: u64,
    /// Logs that were handed on since the start.
    pub logs: u64,
    /// Blocks that were read again after reorganisations, since the start.
    pub blocks_again: u64,
    /// The catch-up that goes on; none while the reader is at the end.
    pub catch_up: Option<CatchUp>,
}

/// A reader on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CatchUp {
    /// Blocks still to be read.
    pub blocks_left: u64,
    /// Blocks per second since it began.
    pub blocks_per_s: f64,
    /// Logs per second since it began.
    pub logs_per_s: f64,
    /// Seconds until the end at that rate.
    pub eta_s: f64,
}

/// A reader's progress, for whoever wants to know; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ProgressWatch(Arc<Mutex<Tracker>>);

#[derive(Debug, Default)]
struct Tracker {
    progress: Progress,
    /// When the catch-up began, and with how many blocks and logs behind it.
    began: Option<(Instant, u64, u64)>,
    reported: Option<Instant>,
}

impl ProgressWatch {
    /// Now.
    pub fn now(&self) -> Progress {
        self.lock().progress
    }

    fn lock(&self) -> MutexGuard<'_, Tracker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks from `first` to `block` with so many logs are handed on; the reader may go on to `end`, and the chain to `head`.
    pub(crate) fn handed_on(&self, now: Instant, (first, block): (u64, u64), logs: usize, (end, head): (u64, u64)) {
        let mut tracker = self.lock();
        let before = tracker.progress.logs;
        tracker.progress.logs += logs as u64;
        (tracker.progress.block, tracker.progress.end, tracker.progress.head) = (block, end, head);
        if block >= end {
            if tracker.began.take().is_some() {
                tracing::info!(block, "caught up with the chain");
            }
            (tracker.progress.catch_up, tracker.reported) = (None, None);
            return;
        }
        let began = *tracker.began.get_or_insert((now, first, before));
        tracker.progress.catch_up = Some(catch_up(now, began, &tracker.progress));
        tracker.report(now);
    }

    /// There is nothing to read.
    pub(crate) fn idle(&self, (end, head): (u64, u64)) {
        let mut tracker = self.lock();
        (tracker.progress.end, tracker.progress.head, tracker.progress.catch_up) = (end, head, None);
        tracker.began = None;
    }

    /// Blocks are read again.
    pub(crate) fn rewound(&self, blocks: u64) {
        let mut tracker = self.lock();
        tracker.progress.blocks_again += blocks;
        tracker.began = None;
    }
}

impl Tracker {
    fn report(&mut self, now: Instant) {
        let is_new = self.reported.is_none_or(|reported| now.saturating_duration_since(reported) >= REPORT_EVERY);
        if let Some(CatchUp { blocks_left, logs_per_s, eta_s, .. }) = self.progress.catch_up.filter(|_| is_new) {
            let Progress { block, end, .. } = self.progress;
            let (logs_per_s, eta_s) = (logs_per_s.round(), eta_s.round());
            tracing::info!(block, end, blocks_left, logs_per_s, eta_s, "catching up with the chain");
            self.reported = Some(now);
        }
    }
}

fn catch_up(now: Instant, (began, first, logs): (Instant, u64, u64), progress: &Progress) -> CatchUp {
    let seconds = now.saturating_duration_since(began).as_secs_f64().max(1e-3);
    let blocks_left = progress.end - progress.block;
    let blocks_per_s = (progress.block + 1).saturating_sub(first) as f64 / seconds;
    let eta_s = blocks_left as f64 / blocks_per_s.max(1e-3);
    CatchUp { blocks_left, blocks_per_s, logs_per_s: (progress.logs - logs) as f64 / seconds, eta_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rate_and_time_left_follow_what_was_handed_on() {
        let (watch, began) = (ProgressWatch::default(), Instant::now());
        watch.handed_on(began, (1, 100), 10, (1_000, 1_002));
        let later = began + Duration::from_secs(2);
        watch.handed_on(later, (101, 400), 990, (1_000, 1_002));
        let progress = watch.now();
        assert_eq!((progress.block, progress.end, progress.head, progress.logs), (400, 1_000, 1_002, 1_000));
        let expected = CatchUp { blocks_left: 600, blocks_per_s: 200.0, logs_per_s: 500.0, eta_s: 3.0 };
        assert_eq!(progress.catch_up, Some(expected));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_there_is_nothing_to_catch_up_with() {
        let (watch, now) = (ProgressWatch::default(), Instant::now());
        watch.handed_on(now, (1, 100), 10, (1_000, 1_000));
        watch.handed_on(now, (101, 1_000), 10, (1_000, 1_000));
        assert_eq!(watch.now().catch_up, None);
        watch.rewound(7);
        assert_eq!(watch.now().blocks_again, 7);
    }
}
