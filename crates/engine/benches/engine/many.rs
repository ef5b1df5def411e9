//! Many components in one engine: what each costs while nobody asks for it, and what it costs to ask them in turn.

use std::path::Path;

use tandem_engine::{CacheConfig, Component, Engine, EngineConfig, TaskInput};
use tokio::runtime::Runtime;

use crate::guests::{self, Guest};
use crate::memory;
use crate::options::Effort;
use crate::plain::Plain;
use crate::scaling::threads;
use crate::table::{Bar, Row, Table, median};
use crate::time::processor;

/// Slots of an engine whose pool keeps 100 memories warm on this machine, which is what wasmtime does when it is not told otherwise.
fn slots_of_100_warm() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(16);
    50 / u32::try_from(cores).unwrap_or(1)
}

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let (count, rounds) = effort.pick((120, 5), (500, 15));
    let guest = Guest::echo();
    let engine = engine(EngineConfig::default().concurrent_max);
    let before = [memory::in_use(), memory::private()];
    let components = load(&engine, &guest, count);
    let idle = [memory::in_use() - before[0], memory::private() - before[1]];
    turn(&threads(1), &guest, &components, components.len());
    let ran = memory::in_use() - before[0];
    let few_warm = load(&self::engine(slots_of_100_warm()), &guest, count);
    let plain = Plain::several(&guest.bytes, count).into_iter().map(Contender::Plain).collect();
    let [tandem, few_warm, plain] = in_turn(&guest, &[components, few_warm, plain], rounds);

    let mut row = |what: String, figures: [f64; 3], bar| {
        let [one, all, faults] = figures;
        table.push(Row { what, unit: "us", tandem: all, beside: Some(one), bar });
        let what = "    page faults of each execution".to_owned();
        table.push(Row { what, unit: "", tandem: faults, beside: None, bar: Bar::None });
    };
    let what = format!("one of {count} components in turn, beside always the same");
    row(what, tandem, Bar::RatioAtMost(2.0));
    row("  with 100 warm memories, as wasmtime has them by default".to_owned(), few_warm, Bar::None);
    row("  plain wasmtime, with as many as Tandem".to_owned(), plain, Bar::None);
    let mut each = |what: &str, total: f64, bar| {
        table.push(Row { what: what.to_owned(), unit: "MiB", tandem: total / f64::from(count), beside: None, bar });
    };
    each("memory of a loaded component", idle[0], Bar::AtMost(1.0));
    each("  of it private", idle[1], Bar::None);
    each("memory of a component that ran", ran, Bar::AtMost(1.0));
}

/// A component in either engine.
#[derive(Clone)]
enum Contender {
    Tandem(Component),
    Plain(Plain),
}

impl Contender {
    async fn run(&self, task: TaskInput) {
        match self {
            Self::Tandem(component) => drop(component.run(task).await.expect("it echoes")),
            Self::Plain(plain) => plain.run_async(task).await,
        }
    }
}

/// Compiled once per build directory: so many compilations are not what is measured.
fn engine(concurrent_max: u32) -> Engine {
    let cache = CacheConfig::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-engine"));
    let config = EngineConfig { concurrent_max, cache: Some(cache), ..EngineConfig::default() };
    Engine::new(config).expect("there is address space")
}

fn load(engine: &Engine, guest: &Guest, count: u32) -> Vec<Contender> {
    let load = |number| {
        if number % 100 == 99 {
            eprint!("{} ", number + 1);
        }
        Contender::Tandem(guests::load(engine, &guest.variant(number)))
    };
    (0..count).map(load).collect()
}

/// For each contender: microseconds of processor time per execution of one component, and of all in turn; page faults per execution of all in turn.
fn in_turn(guest: &Guest, contenders: &[Vec<Contender>; 3], rounds: usize) -> [[f64; 3]; 3] {
    let runtime = threads(1);
    let mut samples: [[Vec<f64>; 3]; 3] = Default::default();
    for _ in 0..rounds {
        for (components, samples) in contenders.iter().zip(&mut samples) {
            let [one, _] = turn(&runtime, guest, &components[..1], components.len());
            let [all, faults] = turn(&runtime, guest, components, components.len());
            samples.iter_mut().zip([one, all, faults]).for_each(|(sample, figure)| sample.push(figure));
        }
    }
    // The first round touches every component's code for the first time.
    samples.map(|samples| samples.map(|sample| median(sample[1..].to_vec())))
}

/// Microseconds of processor time, and page faults, per execution.
fn turn(runtime: &Runtime, guest: &Guest, components: &[Contender], count: usize) -> [f64; 2] {
    let (components, task) = (components.to_vec(), guest.task());
    let timed = async move {
        let before = [processor() * 1e6, memory::faults()];
        for component in components.iter().cycle().take(count) {
            component.run(task.clone()).await;
        }
        [processor() * 1e6 - before[0], memory::faults() - before[1]]
    };
    let figures = runtime.block_on(runtime.spawn(timed)).expect("nothing panics");
    figures.map(|figure| figure / count as f64)
}
