//! `make bench-engine`: what the engine costs beside plain wasmtime, measured in the same run, against the bars it has to meet.
//!
//! Figures are medians over rounds in which all contenders take turns, so that a busy machine slows all of them alike. Whether a missed bar is a failure
//! is the caller's choice (`--check`): figures depend on the machine.

#![allow(clippy::print_stdout, reason = "a program whose result is a table")]

mod execution;
mod growth;
mod guests;
mod many;
mod memory;
mod network;
mod options;
mod plain;
mod priority;
mod restart;
mod scaling;
mod table;
mod time;

use std::process::ExitCode;
use std::time::Instant;

use options::{Effort, Options};
use table::Table;

/// A section of the table: its name, what it is about, and what measures it.
type Section = (&'static str, &'static str, fn(&mut Table, Effort));

const SECTIONS: [Section; 7] = [
    ("execution", "one execution beside plain wasmtime", execution::measure),
    ("threads", "two threads beside one", scaling::measure),
    ("restart", "first result of a new process", restart::measure),
    ("many", "500 components in turn", many::measure),
    ("http", "1,000 tasks that wait for a server", network::measure),
    ("priority", "fsync while components compute", priority::measure),
    ("growth", "memory over a million executions", growth::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, cache] = &arguments[..]
        && first == restart::CHILD
    {
        restart::child(cache.as_ref());
        return ExitCode::SUCCESS;
    }
    match Options::parse(&arguments) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            println!("{}", options::help());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}\n\nhint: --help lists what there is");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let mut table = Table::default();
    let wanted = SECTIONS.iter().filter(|(name, ..)| options.only.as_deref().is_none_or(|only| only == *name));
    for (name, what, measure) in wanted {
        eprint!("{name}: {what} ... ");
        let started = Instant::now();
        measure(&mut table, options.effort);
        eprintln!("{:.0} s", started.elapsed().as_secs_f64());
    }
    if options.json {
        println!("{}", table.to_json())
    } else {
        println!("\n{table}")
    }
    match table.missed() {
        0 => ExitCode::SUCCESS,
        missed => {
            eprintln!("{missed} of {} bars missed", table.bars());
            ExitCode::from(u8::from(options.check))
        }
    }
}
