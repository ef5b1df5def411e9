//! Hostile guests: every folder of `tests/components` is one, with what must come of it. A new folder is a new test, and one that lacks a file fails.
//!
//! Each guest is run twice. Once by itself: it must end as `expect.toml` says, within its limits of time and memory and a fifth more. Once beside a
//! well-behaved component of another service on the same engine, which must keep its rate within a fifth.

mod case;
mod guest;
mod measure;
mod neighbour;
mod outcome;
mod server;
mod text;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // What is measured is of the process.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials()).exit();
}

fn folders() -> Vec<String> {
    let entries =
        std::fs::read_dir(text::root().join("tests/components")).expect("the folder of hostile guests is there");
    let entries = entries.map(|entry| entry.expect("it is readable"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn trials() -> Vec<Trial> {
    folders()
        .into_iter()
        .flat_map(|name| {
            let alone = Trial::test(format!("ends::{name}"), {
                let name = name.clone();
                move || outcome::ends(&name).map_err(Failed::from)
            });
            let beside = Trial::test(format!("neighbour::{name}"), move || {
                neighbour::keeps_its_rate(&name).map_err(Failed::from)
            });
            [alone, beside]
        })
        .collect()
}
