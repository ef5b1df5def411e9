//! Clocks that a busy machine does not disturb.

use std::path::Path;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Seconds of processor time that this thread has used. On a quiet machine the same as the clock's; on a busy one, what an execution costs nevertheless.
pub(crate) fn processor() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

/// The same for all threads of this process.
pub(crate) fn processors() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The clock, without the time in which threads could have run but the system let others.
pub(crate) struct Stopwatch {
    started: Instant,
    waited: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let waited = waited();
        Self { started: Instant::now(), waited }
    }

    /// Seconds since the start, for the work of `threads` threads.
    pub(crate) fn seconds(&self, threads: usize) -> f64 {
        let clock = self.started.elapsed().as_secs_f64();
        clock - (waited() - self.waited) / threads as f64
    }

    /// Share of the time that others had.
    pub(crate) fn lost(&self, threads: usize) -> f64 {
        1.0 - self.seconds(threads) / self.started.elapsed().as_secs_f64()
    }
}

/// Seconds that this thread spent ready to run without a processor; zero where the system does not count them.
pub(crate) fn waited_here() -> f64 {
    waited_in(Path::new("/proc/thread-self"))
}

/// The same for all threads of this process.
fn waited() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    threads.flatten().map(|thread| waited_in(&thread.path())).sum()
}

fn waited_in(thread: &Path) -> f64 {
    let counts = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanoseconds: f64 = counts.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default();
    nanoseconds / 1e9
}
