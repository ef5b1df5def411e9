//! Many components in one engine: what each costs while nobody asks for it, and what it costs to ask them in turn.

use std::path::Path;

use tandem_engine::{CacheConfig, Component, Engine, EngineConfig};

use crate::execution::threads;
use crate::guests::{self, Guest};
use crate::table::{Bar, Row, Table, median, processor};

const COMPONENTS: u32 = 500;
const ROUNDS: usize = 15;

pub(crate) fn measure(table: &mut Table) {
    // Compiled once per build directory: 500 compilations are not what is measured.
    let cache = CacheConfig::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-engine"));
    let config = EngineConfig { cache: Some(cache), ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space");
    let guest = Guest::echo();
    let before = resident_mib();
    let components: Vec<_> = (0..COMPONENTS).map(|number| guests::load(&engine, &guest.variant(number))).collect();
    let idle = (resident_mib() - before) / f64::from(COMPONENTS);
    let [one, all] = in_turn(&guest, &components);
    let warm = (resident_mib() - before) / f64::from(COMPONENTS);
    let row = |what, unit, tandem, beside, bar| Row { what, unit, tandem, beside, bar };
    table.push(row(
        "one of 500 components in turn, beside always the same",
        "us",
        all,
        Some(one),
        Bar::RatioAtMost(2.0),
    ));
    table.push(row("memory of a loaded component", "MiB", idle, None, Bar::AtMost(1.0)));
    table.push(row("memory of a component that ran", "MiB", warm, None, Bar::AtMost(1.0)));
}

/// Microseconds per execution of one component, and of all in turn.
fn in_turn(guest: &Guest, components: &[Component]) -> [f64; 2] {
    let runtime = threads(1);
    let mut samples: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (components, sample) in [&components[..1], components].into_iter().zip(&mut samples) {
            let (turn, task) = (components.to_vec(), guest.task());
            let timed = async move {
                let before = processor();
                for component in turn.iter().cycle().take(COMPONENTS as usize) {
                    component.run(task.clone()).await.expect("it echoes");
                }
                processor() - before
            };
            let seconds = runtime.block_on(runtime.spawn(timed)).expect("nothing panics");
            sample.push(seconds * 1e6 / f64::from(COMPONENTS));
        }
    }
    // The first round touches every component's code for the first time.
    samples.map(|sample| median(sample[1..].to_vec()))
}

/// Memory of this process that is in use.
pub(crate) fn resident_mib() -> f64 {
    status_mib("VmRSS:")
}

/// A line of `/proc/self/status`; zero where there is none.
pub(crate) fn status_mib(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    kib / 1024.0
}
