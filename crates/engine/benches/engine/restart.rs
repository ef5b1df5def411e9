//! From the start of a process to its first result, with a component that was compiled before; and what compiling it costs.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tandem_engine::{CacheConfig, Engine, EngineConfig};

use crate::guests::{self, Guest};
use crate::table::{Bar, Row, Table, median, processor};

/// Tells the program that it is the process to be measured.
pub(crate) const CHILD: &str = "--first-result";
const ROUNDS: usize = 21;

pub(crate) fn measure(table: &mut Table) {
    let cache = tempfile::tempdir().expect("there is room");
    let [cold, _] = first_result(cache.path());
    let warm: Vec<_> = (0..ROUNDS).map(|_| first_result(cache.path())).collect();
    let wall = median(warm.iter().map(|[wall, _]| *wall).collect());
    let processor = median(warm.iter().map(|[_, processor]| *processor).collect());
    let row = |what, tandem, beside, bar| Row { what, unit: "ms", tandem, beside, bar };
    table.push(row("first result after a restart, beside a first start", wall, Some(cold), Bar::AtMost(5.0)));
    table.push(row("  processor time of it", processor, None, Bar::None));
    let [load, compile] = load_and_compile(cache.path());
    table.push(row("load from the cache, beside compiling", load, Some(compile), Bar::None));
}

/// Milliseconds, on the clock and of the processor, that a process of its own takes.
fn first_result(cache: &Path) -> [f64; 2] {
    let program = std::env::current_exe().expect("a program knows itself");
    let output = Command::new(program).arg(CHILD).arg(cache).output().expect("it starts again");
    let text = String::from_utf8(output.stdout).expect("it prints numbers");
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("it prints numbers")).collect();
    numbers.try_into().expect("it prints two numbers")
}

/// What [`first_result`] measures: engine, component, first task. The time before `main` is the system's.
pub(crate) fn child(cache: &Path) {
    let (started, guest) = (Instant::now(), Guest::echo());
    let component = guests::load(&engine(cache), &guest.bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(component.run(guest.task())).expect("it echoes");
    println!("{} {}", started.elapsed().as_secs_f64() * 1e3, processor() * 1e3);
}

fn engine(cache: &Path) -> Engine {
    let cache = Some(CacheConfig::new(cache));
    Engine::new(EngineConfig { cache, ..EngineConfig::default() }).expect("there is address space")
}

/// Milliseconds of this thread for a load from the cache, and of all cores' clock for a compilation.
fn load_and_compile(cache: &Path) -> [f64; 2] {
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
    [median((0..ROUNDS).map(|_| load()).collect()), median((0..3).map(|_| compile()).collect())]
}
