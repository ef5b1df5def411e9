//! `make bench-network`: what the network of operators does, against the bars it has to meet, beside the plain way in the same run.
//!
//! A section is a module with a `measure`, and a line in [`SECTIONS`]. Contenders take turns and figures are medians over rounds, so that a busy machine
//! slows all of them alike. Whether a missed bar is a failure is the caller's choice (`--check`): figures depend on the machine.

#![allow(clippy::print_stdout, reason = "a program whose result is a table")]

mod aggregation;
mod catch_up;
mod chain;
mod crowd;
mod latency;
mod load;
mod operators;
mod options;
mod scale;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use options::{Effort, Options};
use table::Table;

/// A section of the table: its name, what it is about, and what measures it.
type Section = (&'static str, &'static str, fn(&mut Table, Effort));

const SECTIONS: [Section; 5] = [
    ("catch-up", "logs read from Anvil after a long stop", catch_up::measure),
    ("latency", "one task on an idle network", latency::measure),
    ("load", "as many tasks as there are", load::measure),
    ("aggregation", "a hundred signatures become a certificate", aggregation::measure),
    ("scale", "messages and bytes of many operators", scale::measure),
];

fn main() -> ExitCode {
    // It may be installed already; either way there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
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
