//! How much of one endpoint's capacity is used: requests per second, requests at once, and of these only half for logs, so that what is
//! read in bulk leaves room for what cannot wait. Counts, and knows no endpoint.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

/// Requests that may go out in one burst, in seconds' worth of them.
const BURST: Duration = Duration::from_millis(250);

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Something waits for it.
    Single,
    /// Logs, of which there may be many.
    Bulk,
}

/// The limits of one endpoint.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Time between two requests, on average.
    interval: Option<Duration>,
    /// When the next request is due, were they sent evenly.
    due: Mutex<Option<Instant>>,
    all: Semaphore,
    bulk: Semaphore,
}

/// The right to send one request.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    _all: SemaphorePermit<'a>,
    _bulk: Option<SemaphorePermit<'a>>,
}

impl Limits {
    pub(crate) fn new(requests_per_s: Option<u32>, concurrency: usize) -> Self {
        let interval = requests_per_s.map(|requests| Duration::from_secs(1) / requests.max(1));
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let (all, bulk) = (Semaphore::new(concurrency), Semaphore::new(concurrency.div_ceil(2)));
        Self { interval, due: Mutex::default(), all, bulk }
    }

    /// Waits for a turn; none when that takes longer than `patience`.
    pub(crate) async fn admit(&self, load: Load, patience: Duration) -> Option<Permit<'_>> {
        let until = Instant::now() + patience;
        let permit = timeout(patience, self.permit(load)).await.ok()??;
        let pause = self.reserve(Instant::now(), until)?;
        if !pause.is_zero() {
            sleep(pause).await;
        }
        Some(permit)
    }

    async fn permit(&self, load: Load) -> Option<Permit<'_>> {
        let bulk = match load {
            Load::Single => None,
            Load::Bulk => Some(self.bulk.acquire().await.ok()?),
        };
        Some(Permit { _all: self.all.acquire().await.ok()?, _bulk: bulk })
    }

    /// Time until the request may go out; none when that is after `until`, and then it counts for nothing.
    fn reserve(&self, now: Instant, until: Instant) -> Option<Duration> {
        let Some(interval) = self.interval else { return Some(Duration::ZERO) };
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST.saturating_sub(interval)).unwrap_or(now);
        let at = due.map_or(earliest, |due| due.max(earliest));
        if at > until {
            return None;
        }
        *due = Some(at + interval);
        Some(at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn requests_go_out_at_the_rate_after_a_short_burst() {
        let limits = Limits::new(Some(20), 4);
        let began = Instant::now();
        for _ in 0..45 {
            limits.admit(Load::Single, PATIENCE).await.expect("there is time");
        }
        assert_eq!(began.elapsed(), Duration::from_millis(40 * 50));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_rates_have_no_burst() {
        let limits = Limits::new(Some(1), 4);
        let began = Instant::now();
        for _ in 0..3 {
            limits.admit(Load::Single, PATIENCE).await.expect("there is time");
        }
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_wait_is_turned_away_and_does_not_count() {
        let limits = Limits::new(Some(1), 4);
        let patience = Duration::from_millis(1_500);
        assert!(limits.admit(Load::Single, patience).await.is_some());
        assert!(limits.reserve(Instant::now(), Instant::now() + patience).is_some());
        for _ in 0..3 {
            assert!(limits.reserve(Instant::now(), Instant::now() + patience).is_none());
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(limits.reserve(Instant::now(), Instant::now() + patience), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn logs_leave_half_of_the_places_to_others() {
        let limits = Limits::new(None, 4);
        let first = limits.admit(Load::Bulk, PATIENCE).await.expect("two places are for logs");
        let _second = limits.admit(Load::Bulk, PATIENCE).await.expect("two places are for logs");
        assert!(limits.admit(Load::Bulk, PATIENCE).await.is_none(), "the others are not");
        let _third = limits.admit(Load::Single, PATIENCE).await.expect("they are free");
        let _fourth = limits.admit(Load::Single, PATIENCE).await.expect("they are free");
        assert!(limits.admit(Load::Single, PATIENCE).await.is_none());
        drop(first);
        assert!(limits.admit(Load::Bulk, PATIENCE).await.is_some());
    }
}
