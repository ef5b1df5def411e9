//! How one endpoint is doing: how fast it answers, how far it is behind, whether it failed and how long it is left alone for that. Asks
//! nobody; time and chance are handed in.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// The first pause after a failure; each further failure doubles it.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// An endpoint that takes longer on average is asked after those that do not.
const SLOW: Duration = Duration::from_secs(2);
/// Requests for logs that may time out in a row before that is the endpoint's fault and not the requests'.
const LOGS_TIMEOUTS_MAX: u32 = 3;
/// How long an endpoint is doubted that said something else than others who are believed.
const DOUBT: Duration = Duration::from_secs(60);
/// How much one answer counts in the average of times: one part in so many.
const LATENCY_PARTS: u32 = 8;

/// What an endpoint is good for at the moment, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// It answers, in time and from the head of the chain.
    Healthy,
    /// It answers, and takes long.
    Slow,
    /// It answers, and is further behind the foremost endpoint than it may be.
    Behind,
    /// It said something else than as many others as are believed, a moment ago.
    Doubted,
    /// It has not answered yet since the start.
    Unknown,
    /// It failed, and is left alone for a while.
    Paused,
}

/// What was seen of one endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    /// Whether it said which chain it serves.
    pub(crate) is_checked: bool,
    /// Number of its latest block, and when it said so.
    pub(crate) head: Option<(u64, Instant)>,
    pub(crate) latency: Option<Duration>,
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) contradictions: u64,
    pub(crate) last_error: Option<(String, Instant)>,
    /// Whether somebody is asking how it is.
    pub(crate) is_probed: bool,
    failures_in_a_row: u32,
    logs_timeouts_in_a_row: u32,
    paused_until: Option<Instant>,
    doubted_until: Option<Instant>,
}

impl Health {
    /// It answered after that time.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.requests += 1;
        self.latency =
            Some(self.latency.map_or(took, |latency| (latency * (LATENCY_PARTS - 1) + took) / LATENCY_PARTS));
        (self.failures_in_a_row, self.logs_timeouts_in_a_row, self.paused_until) = (0, 0, None);
    }

    /// It did not answer, or not as it should. Returns how long it is left alone; `chance`, from 0 to 1, keeps nodes from coming back all at once.
    pub(crate) fn failed(&mut self, now: Instant, error: String, asked_for: Option<Duration>, chance: f64) -> Duration {
        self.requests += 1;
        self.failures += 1;
        let doubled = PAUSE.saturating_mul(1_u32.checked_shl(self.failures_in_a_row.min(16)).unwrap_or(u32::MAX));
        let backoff = doubled.min(PAUSE_MAX).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        let pause = asked_for.map_or(backoff, |asked_for| asked_for.max(backoff));
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.last_error = Some((error, now));
        self.paused_until = Some(now + pause);
        pause
    }

    /// It did not bear a request for logs, which may have been for too many. Whether it is to be taken for failing.
    pub(crate) fn logs_timed_out(&mut self, now: Instant, error: String) -> bool {
        self.logs_timeouts_in_a_row += 1;
        if self.logs_timeouts_in_a_row >= LOGS_TIMEOUTS_MAX {
            return true;
        }
        self.requests += 1;
        self.last_error = Some((error, now));
        false
    }

    /// It said something else than others; `is_doubted` if these are believed.
    pub(crate) fn contradicted(&mut self, now: Instant, error: String, is_doubted: bool) {
        self.contradictions += 1;
        self.last_error = Some((error, now));
        if is_doubted {
            self.doubted_until = Some(now + DOUBT);
        }
    }

    /// When its pause ends, if it has one.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// What it is good for now; `foremost` is the highest block that any endpoint has.
    pub(crate) fn state(&self, now: Instant, foremost: u64, lag_blocks_max: u64) -> EndpointState {
        match self.head {
            _ if self.paused_until.is_some() => EndpointState::Paused,
            _ if !self.is_checked => EndpointState::Unknown,
            _ if self.doubted_until.is_some_and(|until| now < until) => EndpointState::Doubted,
            Some((head, _)) if foremost.saturating_sub(head) > lag_blocks_max => EndpointState::Behind,
            _ if self.latency.is_some_and(|latency| latency > SLOW) => EndpointState::Slow,
            _ => EndpointState::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(health: &mut Health, now: Instant, chance: f64) -> Duration {
        health.failed(now, "down".to_owned(), None, chance)
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest_and_an_answer_ends_them() {
        let (mut health, now) = (Health { is_checked: true, ..Health::default() }, Instant::now());
        let pauses: Vec<_> = (0..10).map(|_| fail(&mut health, now, 1.0).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(health.state(Instant::now(), 0, 5), EndpointState::Paused);
        health.answered(Duration::from_millis(5));
        assert_eq!(health.state(Instant::now(), 0, 5), EndpointState::Healthy);
        assert_eq!(fail(&mut health, now, 1.0).as_millis(), 250);
    }

    #[tokio::test(start_paused = true)]
    async fn chance_spreads_pauses_over_their_second_half() {
        for (chance, pause) in [(0.0, 125), (0.5, 187), (1.0, 250)] {
            assert_eq!(fail(&mut Health::default(), Instant::now(), chance).as_millis(), pause);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn endpoint_that_asks_for_a_longer_pause_gets_it() {
        let asked_for = Some(Duration::from_secs(7));
        let pause = Health::default().failed(Instant::now(), "busy".to_owned(), asked_for, 1.0);
        assert_eq!(pause, Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn endpoints_behind_or_slow_are_told_from_healthy_ones() {
        let now = Instant::now();
        let at = |head| Health { is_checked: true, head: Some((head, now)), ..Health::default() };
        assert_eq!(at(95).state(Instant::now(), 100, 5), EndpointState::Healthy);
        assert_eq!(at(94).state(Instant::now(), 100, 5), EndpointState::Behind);
        let mut slow = at(100);
        slow.answered(Duration::from_secs(3));
        assert_eq!(slow.state(Instant::now(), 100, 5), EndpointState::Slow);
        (0..20).for_each(|_| slow.answered(Duration::from_millis(10)));
        assert_eq!(slow.state(Instant::now(), 100, 5), EndpointState::Healthy);
        assert_eq!(Health::default().state(Instant::now(), 0, 5), EndpointState::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_requests_for_logs_may_time_out() {
        let (mut health, now) = (Health { is_checked: true, ..Health::default() }, Instant::now());
        assert!(!health.logs_timed_out(now, "slow".to_owned()));
        assert!(!health.logs_timed_out(now, "slow".to_owned()));
        assert_eq!(health.state(Instant::now(), 0, 5), EndpointState::Healthy);
        assert!(health.logs_timed_out(now, "slow".to_owned()));
        health.answered(Duration::from_millis(5));
        assert!(!health.logs_timed_out(now, "slow".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_passes() {
        let mut health = Health { is_checked: true, ..Health::default() };
        let now = Instant::now();
        health.contradicted(now, "who knows".to_owned(), false);
        assert_eq!(health.state(now, 0, 5), EndpointState::Healthy);
        health.contradicted(now, "it is wrong".to_owned(), true);
        assert_eq!(health.state(now + DOUBT / 2, 0, 5), EndpointState::Doubted);
        assert_eq!((health.state(now + DOUBT, 0, 5), health.contradictions), (EndpointState::Healthy, 2));
    }
}
