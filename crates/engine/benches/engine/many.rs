//! Many components in one engine: what each costs while nobody asks for it, and what it costs to ask them in turn.

use std::path::Path;

use tandem_engine::{CacheConfig, Component, Engine, EngineConfig};
use tokio::runtime::Runtime;

use crate::guests::{self, Guest};
use crate::memory;
use crate::options::Effort;
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
    let [one, all, faults] = in_turn(&guest, &components, rounds);
    let ran = memory::in_use() - before[0];
    let few_warm = self::engine(slots_of_100_warm());
    let [one_of_few, all_of_few, faults_of_few] = in_turn(&guest, &load(&few_warm, &guest, count), rounds);

    let row = |what, unit, tandem, beside, bar| Row { what, unit, tandem, beside, bar };
    let what = format!("one of {count} components in turn, beside always the same");
    table.push(row(what, "us", all, Some(one), Bar::RatioAtMost(2.0)));
    table.push(row("  page faults of each execution".to_owned(), "", faults, None, Bar::None));
    let what = "  with 100 warm memories, as wasmtime has them by default".to_owned();
    table.push(row(what, "us", all_of_few, Some(one_of_few), Bar::None));
    table.push(row("    page faults of each execution".to_owned(), "", faults_of_few, None, Bar::None));
    let each = |what: &str, total: f64, bar| row(what.to_owned(), "MiB", total / f64::from(count), None, bar);
    table.push(each("memory of a loaded component", idle[0], Bar::AtMost(1.0)));
    table.push(each("  of it private", idle[1], Bar::None));
    table.push(each("memory of a component that ran", ran, Bar::AtMost(1.0)));
}

/// Compiled once per build directory: so many compilations are not what is measured.
fn engine(concurrent_max: u32) -> Engine {
    let cache = CacheConfig::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-engine"));
    let config = EngineConfig { concurrent_max, cache: Some(cache), ..EngineConfig::default() };
    Engine::new(config).expect("there is address space")
}

fn load(engine: &Engine, guest: &Guest, count: u32) -> Vec<Component> {
    let load = |number| {
        if number % 100 == 99 {
            eprint!("{} ", number + 1);
        }
        guests::load(engine, &guest.variant(number))
    };
    (0..count).map(load).collect()
}

/// Microseconds of processor time per execution of one component, and of all in turn; page faults per execution of all in turn.
fn in_turn(guest: &Guest, components: &[Component], rounds: usize) -> [f64; 3] {
    let runtime = threads(1);
    let mut samples: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        let [one, _] = turn(&runtime, guest, &components[..1], components.len());
        let [all, faults] = turn(&runtime, guest, components, components.len());
        samples.iter_mut().zip([one, all, faults]).for_each(|(sample, figure)| sample.push(figure));
    }
    // The first round touches every component's code for the first time.
    samples.map(|sample| median(sample[1..].to_vec()))
}

fn turn(runtime: &Runtime, guest: &Guest, components: &[Component], count: usize) -> [f64; 2] {
    let (components, task) = (components.to_vec(), guest.task());
    let timed = async move {
        let before = [processor() * 1e6, memory::faults()];
        for component in components.iter().cycle().take(count) {
            component.run(task.clone()).await.expect("it echoes");
        }
        [processor() * 1e6 - before[0], memory::faults() - before[1]]
    };
    let figures = runtime.block_on(runtime.spawn(timed)).expect("nothing panics");
    figures.map(|figure| figure / count as f64)
}
