//! From the start of a process to its first result, with a component that was compiled before; and what compiling it costs.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tandem_engine::{CacheConfig, Engine, EngineConfig};

use crate::guests::{self, Guest};
use crate::options::Effort;
use crate::table::{Bar, Row, Table, median};
use crate::time::{Stopwatch, processor};

/// Tells the program that it is the process to be measured.
pub(crate) const CHILD: &str = "--first-result";

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let rounds = effort.pick(15, 51);
    let cache = tempfile::tempdir().expect("there is room");
    // Compiling takes all cores: on the clock.
    let [_, cold, _] = first_result(cache.path());
    let warm: Vec<_> = (0..rounds).map(|_| first_result(cache.path())).collect();
    let [ready, clock, processor] = [0, 1, 2].map(|at| median(warm.iter().map(|times| times[at]).collect()));
    let row = |what: &str, tandem, beside, bar| Row { what: what.to_owned(), unit: "ms", tandem, beside, bar };
    table.push(row("first result after a restart, beside a first start", ready, Some(cold), Bar::AtMost(5.0)));
    table.push(row("  with the time that other processes had meanwhile", clock, None, Bar::None));
    table.push(row("  processor time", processor, None, Bar::None));
    let [load, compile] = load_and_compile(cache.path(), rounds);
    table.push(row("load from the cache, beside compiling", load, Some(compile), Bar::None));
}

/// Milliseconds that a process of its own takes: ready or running, on the clock, on the processor.
fn first_result(cache: &Path) -> [f64; 3] {
    let program = std::env::current_exe().expect("a program knows itself");
    let output = Command::new(program).arg(CHILD).arg(cache).output().expect("it starts again");
    let text = String::from_utf8(output.stdout).expect("it prints numbers");
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("it prints numbers")).collect();
    numbers.try_into().expect("it prints three numbers")
}

/// What [`first_result`] measures: engine, component, first task. The time before `main` is the system's.
pub(crate) fn child(cache: &Path) {
    let guest = Guest::echo();
    let (watch, before, started) = (Stopwatch::start(), processor(), Instant::now());
    let component = guests::load(&engine(cache), &guest.bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(component.run(guest.task())).expect("it echoes");
    let times = [watch.seconds(1), started.elapsed().as_secs_f64(), processor() - before].map(|time| time * 1e3);
    println!("{} {} {}", times[0], times[1], times[2]);
}

fn engine(cache: &Path) -> Engine {
    let cache = Some(CacheConfig::new(cache));
    Engine::new(EngineConfig { cache, ..EngineConfig::default() }).expect("there is address space")
}

/// Milliseconds of this thread for a load from the cache, and of all cores' clock for a compilation.
fn load_and_compile(cache: &Path, rounds: usize) -> [f64; 2] {
    let guest = Guest::echo();
    let load = || {
        let engine = engine(cache);
        let before = processor();
        guests::load(&engine, &guest.bytes);
        (processor() - before) * 1e3
    };
    let compile = || {
        let engine = guests::engine();
        let started = Instant::now();
        guests::load(&engine, &guest.bytes);
        started.elapsed().as_secs_f64() * 1e3
    };
    [median((0..rounds).map(|_| load()).collect()), median((0..3).map(|_| compile()).collect())]
}
