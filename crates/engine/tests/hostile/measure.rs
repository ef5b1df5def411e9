//! What a piece of work took of this process: time, time of processors, and memory at its peak.

use std::time::{Duration, Instant};

/// What was used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) time: Duration,
    /// Of all threads together: the same however busy the machine is.
    pub(crate) processor: Duration,
    /// Growth at the peak, where the system tells.
    pub(crate) memory_bytes: u64,
}

/// Runs `work` and measures it.
pub(crate) async fn measured<T>(work: impl Future<Output = T>) -> (T, Used) {
    let before = start_of_peak();
    let (start, processor) = (Instant::now(), processor_time());
    let outcome = work.await;
    let (time, processor) = (start.elapsed(), processor_time() - processor);
    (outcome, Used { time, processor, memory_bytes: status("VmHWM:").saturating_sub(before) })
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Makes the peak begin now. Linux only; elsewhere all is zero.
fn start_of_peak() -> u64 {
    // What clears the peak is documented in proc(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    status("VmRSS:")
}

/// A line of the process's status, in bytes.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() << 10
}
