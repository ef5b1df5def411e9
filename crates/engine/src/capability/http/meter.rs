//! Counts requests and bytes of one execution, and remembers the first reason for which one was stopped: the component hears of it as an error of HTTP,
//! and may hide it, but the execution's own error names it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::HeaderMap;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use crate::{LimitBreach, LimitKind, Limits, Refusal};

/// Why a request was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    Refused(Refusal),
    Limit(LimitBreach),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LimitBreach> for Stop {
    fn from(breach: LimitBreach) -> Self {
        Self::Limit(breach)
    }
}

/// The counters of one execution, shared by its requests.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Inner>);

struct Inner {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    sent: u64,
    received: u64,
    stopped: Option<Stop>,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner { limits: limits.clone(), counts: Mutex::default() }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        self.counts().stopped.clone()
    }

    /// Remembers `stop`, if it is the first, and gives what the component hears of it.
    pub(super) fn stop(&self, stop: impl Into<Stop>) -> Error {
        let stop = stop.into();
        self.counts().stopped.get_or_insert_with(|| stop.clone());
        stop.into()
    }

    pub(super) fn count_request(&self) -> Result<(), LimitBreach> {
        let mut counts = self.counts();
        counts.requests += 1;
        self.check(LimitKind::HttpRequests, counts.requests)
    }

    /// Counts what the head of a request or response takes, as it is written.
    pub(super) fn count_head(&self, direction: Direction, headers: &HeaderMap) -> Result<(), Error> {
        let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
        self.count_bytes(direction, bytes).map_err(|breach| self.stop(breach))
    }

    fn count_bytes(&self, direction: Direction, bytes: usize) -> Result<(), LimitBreach> {
        let mut counts = self.counts();
        let count = match direction {
            Direction::Sent => &mut counts.sent,
            Direction::Received => &mut counts.received,
        };
        *count = count.saturating_add(bytes as u64);
        self.check(direction.limit(), *count)
    }

    fn check(&self, kind: LimitKind, count: u64) -> Result<(), LimitBreach> {
        let breach = self.0.limits.breach(kind);
        if count > breach.limit { Err(breach) } else { Ok(()) }
    }

    /// What the component hears when the time for its request is over.
    pub(super) fn out_of_time(&self) -> Error {
        self.stop(self.0.limits.breach(LimitKind::HttpTime))
    }
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Sent,
    Received,
}

impl Direction {
    fn limit(self) -> LimitKind {
        match self {
            Self::Sent => LimitKind::HttpRequestBytes,
            Self::Received => LimitKind::HttpResponseBytes,
        }
    }
}

/// A body whose bytes are counted.
pub(super) struct Metered<B> {
    body: B,
    meter: Meter,
    direction: Direction,
}

impl<B> Metered<B> {
    pub(super) fn new(body: B, meter: Meter, direction: Direction) -> Self {
        Self { body, meter, direction }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Error>> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        Poll::Ready(Some(match self.meter.count_bytes(self.direction, bytes) {
            Ok(()) => Ok(frame),
            Err(breach) => Err(self.meter.stop(breach)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A body that must end by a deadline, with no pause longer than the component allows.
pub(super) struct Timed<B> {
    body: B,
    meter: Meter,
    deadline: Instant,
    pause_max: Option<Duration>,
    sleep: Pin<Box<Sleep>>,
}

impl<B> Timed<B> {
    pub(super) fn new(body: B, meter: Meter, deadline: Instant, pause_max: Option<Duration>) -> Self {
        let mut timed = Self { body, meter, deadline, pause_max, sleep: Box::pin(tokio::time::sleep_until(deadline)) };
        timed.rest();
        timed
    }

    fn rest(&mut self) {
        if let Some(pause) = self.pause_max {
            self.sleep.as_mut().reset(self.deadline.min(Instant::now() + pause));
        }
    }

    fn late(&self) -> Error {
        if Instant::now() >= self.deadline { self.meter.out_of_time() } else { Error::ConnectionReadTimeout }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Timed<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(self.late())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.rest();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_reason_is_kept() {
        let meter = Meter::new(&Limits::default());
        assert_eq!(meter.stopped(), None);
        meter.stop(Refusal::HttpTunnel);
        meter.out_of_time();
        assert_eq!(meter.stopped(), Some(Stop::Refused(Refusal::HttpTunnel)));
    }

    #[test]
    fn bytes_of_all_responses_are_summed() {
        let meter = Meter::new(&Limits { http_response_bytes: 10, ..Limits::default() });
        assert_eq!(meter.count_bytes(Direction::Received, 10), Ok(()));
        assert_eq!(meter.count_bytes(Direction::Sent, 10), Ok(()));
        let breach = LimitBreach { kind: LimitKind::HttpResponseBytes, limit: 10 };
        assert_eq!(meter.count_bytes(Direction::Received, 1), Err(breach));
    }

    #[test]
    fn request_after_the_last_is_a_breach() {
        let meter = Meter::new(&Limits { http_requests: 1, ..Limits::default() });
        assert_eq!(meter.count_request(), Ok(()));
        assert_eq!(meter.count_request(), Err(LimitBreach { kind: LimitKind::HttpRequests, limit: 1 }));
    }
}
