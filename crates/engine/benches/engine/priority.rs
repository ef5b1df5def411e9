//! A journal that writes and syncs while components compute as much as they can: on threads like its own, and on the engine's, which step back.

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem_engine::{Component, Engine, EngineConfig};
use tokio::runtime::Runtime;

use crate::execution::{rate, threads};
use crate::guests::{self, Guest};
use crate::table::{Bar, Row, Table, median, quantile};

const WINDOW: Duration = Duration::from_secs(3);
/// How far the engine's threads step back.
const STEP: i32 = 10;

pub(crate) fn measure(table: &mut Table) {
    let guest = Guest::echo();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let config = EngineConfig { compute_threads: Some(cores), ..EngineConfig::default() };
    let (same, lower) = (guests::engine(), Engine::new(config).expect("there is address space"));
    let (same, lower) = (guests::load(&same, &guest.bytes), guests::load(&lower, &guest.bytes));
    let runtime = threads(cores.get());
    let (busy, rate_busy) = beside(&runtime, &guest, &same, false);
    let (calm, rate_calm) = beside(&runtime, &guest, &lower, true);
    let shares = [("fsync p50 while components compute, beside same priority", 0.5), ("fsync p99", 0.99)];
    for (what, share) in shares {
        let [tandem, other] = [&calm, &busy].map(|sample| quantile(&mut sample.clone(), share));
        table.push(Row { what, unit: "ms", tandem, beside: Some(other), bar: Bar::None });
    }
    let what = "executions meanwhile, beside same priority";
    table.push(Row { what, unit: "/s", tandem: rate_calm, beside: Some(rate_busy), bar: Bar::None });
}

/// Milliseconds that each sync takes while `component` runs without pause, and its executions per second.
fn beside(runtime: &Runtime, guest: &Guest, component: &Component, ahead: bool) -> (Vec<f64>, f64) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let journal = scope.spawn(|| journal(&ended, ahead));
        let until = Instant::now() + WINDOW;
        let mut rates = Vec::new();
        while Instant::now() < until {
            rates.push(rate(runtime, guest, component));
        }
        ended.store(true, Ordering::Relaxed);
        (journal.join().expect("the disk has room"), median(rates))
    })
}

fn journal(ended: &AtomicBool, ahead: bool) -> Vec<f64> {
    if ahead {
        keep_ahead();
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-journal");
    let mut file = File::create(&path).expect("the directory is writable");
    let mut times = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let started = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("the disk has room");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&path).expect("the directory is writable");
    times
}

/// Nothing steps below the lowest priority. Started there, this thread goes ahead instead, by as much, where the system lets it.
fn keep_ahead() {
    use rustix::process::{getpriority_process, setpriority_process};
    let Ok(own) = getpriority_process(None) else { return };
    let most = 19 - STEP;
    if own > most && setpriority_process(None, most).is_err() {
        eprintln!("priorities differ by {} instead of {STEP}: start with a lower `nice`", 19 - own);
    }
}
