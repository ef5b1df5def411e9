//! Runs by seed: one, or many on all cores.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::log::Listener;
use crate::plan::Scale;
use crate::report::Report;
use crate::sabotage::Sabotage;
use crate::world::World;

/// Runs so far in this process. Only [`Sabotage::Nondeterminism`] looks at it.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Runs one seed.
pub fn run(seed: u64, scale: Scale, sabotage: Option<Sabotage>) -> Report {
    RUNS.fetch_add(1, Ordering::Relaxed);
    World::new(seed, scale, sabotage, None).run()
}

/// Runs one seed, and tells every line of its audit log.
pub fn run_aloud(seed: u64, scale: Scale, sabotage: Option<Sabotage>, listener: Listener) -> Report {
    RUNS.fetch_add(1, Ordering::Relaxed);
    World::new(seed, scale, sabotage, Some(listener)).run()
}

pub(crate) fn count() -> u64 {
    RUNS.load(Ordering::Relaxed)
}

/// Runs seeds on so many threads, and hands each report over as it comes; false ends it early.
pub fn run_all(
    seeds: std::ops::Range<u64>,
    threads: usize,
    (scale, sabotage): (Scale, Option<Sabotage>),
    mut each: impl FnMut(Report) -> bool,
) {
    let next = AtomicU64::new(seeds.start);
    let (sender, reports) = std::sync::mpsc::sync_channel(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (next, sender, end) = (&next, sender.clone(), seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send(run(seed, scale, sabotage)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for report in reports {
            if !each(report) {
                return;
            }
        }
    });
}
