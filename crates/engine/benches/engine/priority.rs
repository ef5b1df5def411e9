//! A journal that writes and syncs while components compute as much as they can: on threads like its own, and on the engine's, which step back.

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem_engine::{Component, Engine, EngineConfig};
use tokio::runtime::Runtime;

use crate::guests::{self, Guest};
use crate::options::Effort;
use crate::scaling::{rate, threads};
use crate::table::{Bar, Row, Table, median, quantile};
use crate::time::waited_here;

/// How long each side runs in one round.
const WINDOW: Duration = Duration::from_secs(1);
/// How far the engine's threads step back.
const STEP: i32 = 10;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let guest = Guest::echo();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let config = EngineConfig { compute_threads: Some(cores), ..EngineConfig::default() };
    let (same, lower) = (guests::engine(), Engine::new(config).expect("there is address space"));
    let sides = [guests::load(&lower, &guest.bytes), guests::load(&same, &guest.bytes)];
    let runtime = threads(cores.get());
    let (mut syncs, mut rates): ([Vec<Synced>; 2], [Vec<f64>; 2]) = Default::default();
    for _ in 0..effort.pick(3, 12) {
        for (side, component) in sides.iter().enumerate() {
            let (done, rate) = beside(&runtime, &guest, component, side == 0);
            syncs[side].extend(done);
            rates[side].push(rate);
        }
    }
    let rows: [(&str, Figure, Bar); 3] = [
        ("fsync p50 while components compute, beside same priority", |syncs| at(syncs, 0.5), Bar::None),
        ("fsync p99", |syncs| at(syncs, 0.99), Bar::None),
        ("  mean wait for a processor", waited, Bar::RatioAtMost(1.0)),
    ];
    for (what, figure, bar) in rows {
        let [tandem, other] = [0, 1].map(|side| figure(&syncs[side]));
        table.push(Row { what: what.to_owned(), unit: "ms", tandem, beside: Some(other), bar });
    }
    let (what, [tandem, other]) = ("executions meanwhile, beside same priority".to_owned(), rates.map(median));
    table.push(Row { what, unit: "/s", tandem, beside: Some(other), bar: Bar::None });
}

/// What becomes of many syncs.
type Figure = fn(&[Synced]) -> f64;

/// Milliseconds of one sync: until it was done, and how long of that its thread waited for a processor, which is what priorities are about. The rest
/// is the disk's.
struct Synced {
    took: f64,
    waited: f64,
}

fn at(syncs: &[Synced], share: f64) -> f64 {
    quantile(&mut syncs.iter().map(|sync| sync.took).collect::<Vec<_>>(), share)
}

fn waited(syncs: &[Synced]) -> f64 {
    syncs.iter().map(|sync| sync.waited).sum::<f64>() / syncs.len() as f64
}

/// Each sync while `component` runs without pause, and its executions per second.
fn beside(runtime: &Runtime, guest: &Guest, component: &Component, ahead: bool) -> (Vec<Synced>, f64) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let journal = scope.spawn(|| journal(&ended, ahead));
        let until = Instant::now() + WINDOW;
        let mut rates = Vec::new();
        while Instant::now() < until {
            rates.push(rate(runtime, runtime.metrics().num_workers(), guest, component).clock);
        }
        ended.store(true, Ordering::Relaxed);
        (journal.join().expect("the disk has room"), median(rates))
    })
}

fn journal(ended: &AtomicBool, ahead: bool) -> Vec<Synced> {
    if ahead {
        keep_ahead();
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-journal");
    let mut file = File::create(&path).expect("the directory is writable");
    let mut syncs = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let (started, waited) = (Instant::now(), waited_here());
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("the disk has room");
        let took = started.elapsed().as_secs_f64() * 1e3;
        syncs.push(Synced { took, waited: (waited_here() - waited) * 1e3 });
    }
    std::fs::remove_file(&path).expect("the directory is writable");
    syncs
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
