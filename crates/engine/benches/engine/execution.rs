//! One execution, from task to output, through the public interface: alone, and on two threads.

use std::time::{Duration, Instant};

use tandem_engine::Component;
use tokio::runtime::{Builder, Runtime};

use crate::guests::{self, Guest};
use crate::plain::Plain;
use crate::table::{Bar, Row, Table, median, processor};

const ROUNDS: usize = 601;
const BATCH: u32 = 50;
/// How long the threads run in one round.
const WINDOW: Duration = Duration::from_millis(150);

pub(crate) fn measure(table: &mut Table) {
    let (engine, one) = (guests::engine(), threads(1));
    for (guest, rows) in [
        (Guest::echo(), ["echo of 256 bytes", "  plain wasmtime, on a stack of its own"]),
        (Guest::shipped(), ["sports-scores, to its first check", "  plain wasmtime, on a stack of its own"]),
    ] {
        let component = guests::load(&engine, &guest.bytes);
        let plain = Plain::new(&guest.bytes);
        let [ours, direct, yielding] = times(&one, &guest, &component, &plain);
        let best = direct.min(yielding);
        table.push(Row { what: rows[0], unit: "us", tandem: ours, beside: Some(best), bar: Bar::RatioAtMost(1.25) });
        table.push(Row { what: rows[1], unit: "us", tandem: yielding, beside: Some(best), bar: Bar::None });
    }
    let guest = Guest::echo();
    let component = guests::load(&engine, &guest.bytes);
    scaling(table, &guest, &component);
}

pub(crate) fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().expect("threads start")
}

/// Microseconds per execution: Tandem, plain wasmtime on the caller's stack, plain wasmtime on its own stack.
fn times(runtime: &Runtime, guest: &Guest, component: &Component, plain: &Plain) -> [f64; 3] {
    let mut samples: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        samples[0].push(batch(runtime, ours(component.clone(), guest)));
        samples[1].push(batch(runtime, direct(plain.clone(), guest)));
        samples[2].push(batch(runtime, yielding(plain.clone(), guest)));
    }
    // The first round warms up.
    samples.map(|sample| median(sample[1..].to_vec()))
}

/// Microseconds of a worker's processor time per execution.
fn batch(runtime: &Runtime, work: impl Future<Output = ()> + Send + 'static) -> f64 {
    let timed = async {
        let before = processor();
        work.await;
        processor() - before
    };
    let seconds = runtime.block_on(runtime.spawn(timed)).expect("nothing panics");
    seconds * 1e6 / f64::from(BATCH)
}

fn ours(component: Component, guest: &Guest) -> impl Future<Output = ()> + Send + use<> {
    let task = guest.task();
    async move {
        for _ in 0..BATCH {
            std::hint::black_box(component.run(task.clone()).await).ok();
        }
    }
}

async fn repeat(plain: Plain, task: tandem_engine::TaskInput) {
    for _ in 0..BATCH {
        plain.run_async(task.clone()).await;
    }
}

fn direct(plain: Plain, guest: &Guest) -> impl Future<Output = ()> + Send + use<> {
    let task = guest.task();
    async move { (0..BATCH).for_each(|_| plain.run(task.clone())) }
}

fn yielding(plain: Plain, guest: &Guest) -> impl Future<Output = ()> + Send + use<> {
    repeat(plain, guest.task())
}

/// Executions per second on one thread and on two.
fn scaling(table: &mut Table, guest: &Guest, component: &Component) {
    let runtimes = [threads(1), threads(2)];
    let mut samples: [Vec<f64>; 2] = Default::default();
    for _ in 0..15 {
        for (runtime, sample) in runtimes.iter().zip(&mut samples) {
            sample.push(rate(runtime, guest, component));
        }
    }
    let [one, two] = samples.map(median);
    let row = |what, tandem, beside, bar| Row { what, unit: "/s", tandem, beside, bar };
    table.push(row("echo on one thread", one, None, Bar::None));
    table.push(row("echo on two threads, beside one", two, Some(one), Bar::RatioAtLeast(1.6)));
}

/// Executions per second, four at a time per thread, as many as a node has in flight when it is busy.
pub(crate) fn rate(runtime: &Runtime, guest: &Guest, component: &Component) -> f64 {
    let until = Instant::now() + WINDOW;
    let lanes: Vec<_> = (0..8).map(|_| runtime.spawn(lane(component.clone(), guest.task(), until))).collect();
    let started = Instant::now();
    let count: u64 = lanes.into_iter().map(|lane| runtime.block_on(lane).expect("nothing panics")).sum();
    count as f64 / started.elapsed().as_secs_f64()
}

async fn lane(component: Component, task: tandem_engine::TaskInput, until: Instant) -> u64 {
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
