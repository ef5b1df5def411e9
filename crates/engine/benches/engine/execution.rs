//! One execution, from task to output, through the public interface, beside plain wasmtime in each of its settings.

use tandem_engine::{Component, TaskInput};
use tokio::runtime::Runtime;

use crate::guests::{self, Guest};
use crate::options::Effort;
use crate::plain::{Fuel, Plain};
use crate::scaling::threads;
use crate::table::{Bar, Row, Table, median};
use crate::time::processor;

const BATCH: u32 = 50;
/// Tandem, and what it is compared with.
const CONTENDERS: [&str; 5] = [
    "Tandem",
    "  plain wasmtime without fuel",
    "  plain wasmtime without fuel, on a stack of its own",
    "  plain wasmtime",
    "  plain wasmtime, on a stack of its own",
];

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let (engine, one) = (guests::engine(), threads(1));
    for guest in [Guest::echo(), Guest::shipped()] {
        let component = guests::load(&engine, &guest.bytes);
        let plain = [Fuel::Off, Fuel::On].map(|fuel| Plain::new(&guest.bytes, fuel));
        let times = times(&one, &guest, &component, &plain, effort.pick(151, 601));
        let best = times[1..].iter().copied().fold(f64::INFINITY, f64::min);
        for (at, (name, time)) in CONTENDERS.into_iter().zip(times).enumerate() {
            let (what, bar) = match at {
                0 => (guest.title(), Bar::RatioAtMost(1.25)),
                _ => (name.to_owned(), Bar::None),
            };
            table.push(Row { what, unit: "us", tandem: time, beside: Some(best), bar });
        }
    }
}

/// Microseconds per execution of each contender.
fn times(runtime: &Runtime, guest: &Guest, component: &Component, plain: &[Plain; 2], rounds: usize) -> [f64; 5] {
    let mut samples: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        samples[0].push(batch(runtime, tandem(component.clone(), guest.task())));
        for (at, plain) in plain.iter().enumerate() {
            samples[1 + 2 * at].push(batch(runtime, direct(plain.clone(), guest.task())));
            samples[2 + 2 * at].push(batch(runtime, waiting(plain.clone(), guest.task())));
        }
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

async fn tandem(component: Component, task: TaskInput) {
    for _ in 0..BATCH {
        std::hint::black_box(component.run(task.clone()).await).ok();
    }
}

async fn direct(plain: Plain, task: TaskInput) {
    (0..BATCH).for_each(|_| plain.run(task.clone()));
}

async fn waiting(plain: Plain, task: TaskInput) {
    for _ in 0..BATCH {
        plain.run_async(task.clone()).await;
    }
}
