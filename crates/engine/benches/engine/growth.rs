//! A million executions leave nothing behind: of those that end well, and of those that crash, fail, log, wait or are given up.

use std::time::Duration;

use tandem_engine::{Component, TaskInput};

use crate::guests::{self, Guest};
use crate::memory;
use crate::options::Effort;
use crate::scaling::threads;
use crate::table::{Bar, Row, Table};

const LANES: u32 = 8;

pub(crate) fn measure(table: &mut Table, effort: Effort) {
    let (count, what) = effort.pick((100_000, "after 100,000 executions"), (1_000_000, "after 1,000,000 executions"));
    let runtime = threads(2);
    let component = guests::load(&guests::engine(), &Guest::echo().bytes);
    let run = |count: u32| {
        let lanes: Vec<_> = (0..LANES).map(|_| runtime.spawn(lane(component.clone(), count / LANES))).collect();
        lanes.into_iter().for_each(|lane| runtime.block_on(lane).expect("nothing panics"));
        memory::in_use()
    };
    // Warm slots and the allocator's own caches fill up once.
    let before = run(count / 10);
    let after = run(count);
    let row = |what: String, tandem, beside, bar| Row { what, unit: "MiB", tandem, beside, bar };
    table.push(row(format!("memory {what}, beside before"), after, Some(before), Bar::None));
    table.push(row("  growth".to_owned(), after - before, None, Bar::AtMost(2.0)));
}

async fn lane(component: Component, count: u32) {
    for at in 0..count {
        let (input, ends): (&str, fn(bool) -> bool) = match at % 1000 {
            0 => ("panic now", |is_ok| !is_ok),
            1 => ("exit", |is_ok| !is_ok),
            2 => ("log 3", |_| true),
            3 => ("remember key value", |is_ok| !is_ok),
            4 => ("get http://127.0.0.1:9/", |is_ok| !is_ok),
            5 => {
                give_up(&component).await;
                continue;
            }
            100..200 => ("fail for a reason", |is_ok| !is_ok),
            200..300 => ("config key-1", |is_ok| is_ok),
            _ => ("echo to be or not to be", |is_ok| is_ok),
        };
        let outcome = component.run(TaskInput::manual(input.as_bytes().to_vec())).await;
        assert!(ends(outcome.is_ok()), "{input}: {outcome:?}");
    }
}

/// Drops an execution while the component waits.
async fn give_up(component: &Component) {
    let waiting = component.run(TaskInput::manual(b"sleep 1000".to_vec()));
    tokio::time::timeout(Duration::from_millis(1), waiting).await.expect_err("it sleeps longer");
}
