//! `make bench-engine`: what the engine costs beside plain wasmtime, measured in the same run, against the bars it has to meet.
//!
//! Figures are medians over rounds in which all contenders take turns, so that a busy machine slows all of them alike. It refuses to fail on a missed bar:
//! figures are for people to judge, and depend on the machine.

#![allow(clippy::print_stdout, reason = "a program whose result is a table")]

mod execution;
mod guests;
mod many;
mod network;
mod plain;
mod priority;
mod restart;
mod table;

use table::Table;

/// A section of the table: its name and what measures it.
type Section = (&'static str, fn(&mut Table));

const SECTIONS: [Section; 5] = [
    ("execution", execution::measure),
    ("restart", restart::measure),
    ("many", many::measure),
    ("http", network::measure),
    ("priority", priority::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, cache] = &arguments[..]
        && first == restart::CHILD
    {
        return restart::child(cache.as_ref());
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments.iter().find_map(|argument| argument.strip_prefix("--only="));
    let mut table = Table::default();
    for (name, measure) in SECTIONS {
        if only.is_none_or(|only| only == name) {
            eprintln!("measuring {name} ...");
            measure(&mut table);
        }
    }
    if json { println!("{}", table.to_json()) } else { println!("{table}") }
}
