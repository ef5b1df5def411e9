//! Executions per second on one thread, on two, and on threads of the engine's own.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tandem_engine::{Component, Engine, EngineConfig, TaskInput};
use tokio::runtime::{Builder, Runtime};

use crate::guests::{self, Guest};
use crate::options::Effort;
use crate::table::{Bar, Row, Table, median};
use crate::time::Stopwatch;

/// How long the threads run in one round.
const WINDOW: Duration = Duration::from_millis(150);
/// Executions in flight: a few per thread, as in a busy node.
const LANES: usize = 8;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let guest = Guest::echo();
    let component = guests::load(&guests::engine(), &guest.bytes);
    let config = EngineConfig { compute_threads: NonZeroUsize::new(2), ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space");
    let handed = guests::load(&engine, &guest.bytes);
    let (one, two) = (threads(1), threads(2));
    let mut samples: [Vec<Rate>; 3] = Default::default();
    for _ in 0..effort.pick(7, 25) {
        samples[0].push(rate(&one, 1, &guest, &component));
        samples[1].push(rate(&two, 2, &guest, &component));
        samples[2].push(rate(&one, 2, &guest, &handed));
    }
    let lost = median(samples.iter().flatten().map(|rate| rate.lost * 100.0).collect());
    let rates = |of: fn(&Rate) -> f64| [0, 1, 2].map(|at| median(samples[at].iter().map(of).collect()));
    let [one, two, _] = rates(|rate| rate.ready);
    // The threads that hand over and those that are handed to wait for each other: only the clock tells what that costs.
    let [_, two_clock, handed] = rates(|rate| rate.clock);
    let row = |what: &str, unit, tandem, beside, bar| Row { what: what.to_owned(), unit, tandem, beside, bar };
    table.push(row("echo on one thread", "/s", one, None, Bar::None));
    table.push(row("echo on two threads, beside one", "/s", two, Some(one), Bar::RatioAtLeast(1.6)));
    table.push(row(
        "echo on the engine's own two threads, beside two, by the clock",
        "/s",
        handed,
        Some(two_clock),
        Bar::None,
    ));
    table.push(row("  time that other processes had meanwhile, left out", "%", lost, None, Bar::None));
}

pub(crate) fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().expect("threads start")
}

/// Executions in a window of time.
pub(crate) struct Rate {
    /// Per second.
    pub(crate) clock: f64,
    /// Per second in which the system let the threads run.
    ready: f64,
    /// Share of the window in which it did not.
    lost: f64,
}

/// Runs as much as `threads` threads can.
pub(crate) fn rate(runtime: &Runtime, threads: usize, guest: &Guest, component: &Component) -> Rate {
    let until = Instant::now() + WINDOW;
    let (watch, started) = (Stopwatch::start(), Instant::now());
    let lanes: Vec<_> = (0..LANES).map(|_| runtime.spawn(lane(component.clone(), guest.task(), until))).collect();
    let count: u64 = lanes.into_iter().map(|lane| runtime.block_on(lane).expect("nothing panics")).sum();
    let (count, lost) = (count as f64, watch.lost(threads));
    let clock = count / started.elapsed().as_secs_f64();
    Rate { clock, ready: clock / (1.0 - lost), lost }
}

async fn lane(component: Component, task: TaskInput, until: Instant) -> u64 {
    let mut count = 0;
    while Instant::now() < until {
        component.run(task.clone()).await.expect("it echoes");
        count += 1;
        if count % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    count
}
