//! Stretches that are read while earlier ones are still worked on: a few at a time, handed on in order. Whoever takes one checks that it fits
//! to the one before.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::log::LogFilter;
use crate::reader::ReadError;
use crate::scan::Scanner;
use crate::source::ChainSource;
use crate::stretch::Stretch;

/// How long the end of the chain is taken for the same while there is much to read.
const END_KEPT: Duration = Duration::from_secs(10);

/// Ends its task when it is dropped.
#[derive(Debug)]
struct Flight {
    first: u64,
    last: u64,
    task: JoinHandle<Result<Stretch, ReadError>>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The stretches that are being read.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    flights: VecDeque<Flight>,
    /// The last block that may be read and the latest one, and since when that is known.
    end: Option<(u64, u64, Instant)>,
}

impl Ahead {
    /// The last block that may be read and the latest one, while that is worth believing.
    pub(crate) fn end(&self) -> Option<(u64, u64)> {
        let (end, head, since) = self.end.filter(|_| !self.flights.is_empty())?;
        (since.elapsed() < END_KEPT).then_some((end, head))
    }

    pub(crate) fn set_end(&mut self, (end, head): (u64, u64)) {
        self.end = Some((end, head, Instant::now()));
    }

    pub(crate) fn clear(&mut self) {
        self.flights.clear();
    }

    /// Whether the stretch that begins there is being read.
    pub(crate) fn holds(&self, first: u64) -> bool {
        self.flights.front().is_some_and(|flight| flight.first == first)
    }

    /// The first stretch. None when there is none, or reading it came to nothing. Dropping the future loses nothing.
    pub(crate) async fn take(&mut self) -> Option<Result<Stretch, ReadError>> {
        let flight = self.flights.front_mut()?;
        let result = (&mut flight.task).await;
        let last = flight.last;
        self.flights.pop_front();
        // What is behind a stretch that fell short does not follow on it.
        if !matches!(&result, Ok(Ok(stretch)) if stretch.tip.number == last) {
            self.clear();
        }
        result.ok()
    }

    /// Begins to read what follows on block `after`, up to so many stretches at once.
    pub(crate) fn fill<S: ChainSource>(&mut self, source: &S, plan: &Plan<'_>, after: u64) {
        let Some((end, ..)) = self.end else { return };
        let mut next = self.flights.back().map_or(after, |flight| flight.last).saturating_add(1);
        while self.flights.len() < plan.stretches && next <= end {
            let last = plan.scanner.range().last(next, end);
            let filter = LogFilter { first: next, last, ..plan.filter.clone() };
            let read = Stretch::read(source.clone(), plan.scanner.clone(), filter, plan.logs_max);
            self.flights.push_back(Flight { first: next, last, task: tokio::spawn(read) });
            next = last + 1;
        }
    }
}

/// What is read ahead.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) filter: &'a LogFilter,
    pub(crate) scanner: &'a Scanner,
    /// Stretches at once.
    pub(crate) stretches: usize,
    /// About as many logs as one of them may have.
    pub(crate) logs_max: usize,
}
