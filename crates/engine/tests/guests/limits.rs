//! Each limit ends an execution with its own name and value, and leaves the others alone.

use std::time::{Duration, Instant};

use tandem_engine::{Fault, Grants, LimitBreach, LimitKind, Limits, LoadError, RunError};

use crate::{engine, hostile, output, run};

fn limited(limits: Limits) -> Grants {
    Grants { limits, ..Grants::default() }
}

async fn breach(limits: Limits, input: &str) -> LimitBreach {
    match run(&hostile(limited(limits)), input).await {
        Err(RunError::Limit(breach)) => breach,
        other => panic!("expected a breach, not {other:?}"),
    }
}

#[tokio::test]
async fn busy_loop_uses_up_its_fuel() {
    let found = breach(Limits { fuel: 1_000_000, ..Limits::default() }, "spin").await;
    assert_eq!(found, LimitBreach { kind: LimitKind::Fuel, limit: 1_000_000 });
}

#[tokio::test]
async fn busy_loop_with_fuel_meets_its_time() {
    let limits = Limits { fuel: Limits::manifest_max().fuel, time: Duration::from_millis(100), ..Limits::default() };
    let started = Instant::now();
    assert_eq!(breach(limits, "spin").await, LimitBreach { kind: LimitKind::Time, limit: 100 });
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn sleeper_meets_its_time() {
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    assert_eq!(breach(limits, "sleep 60000").await, LimitBreach { kind: LimitKind::Time, limit: 50 });
}

#[tokio::test]
async fn hoarder_meets_its_memory() {
    let limits = Limits { memory_bytes: 8 << 20, ..Limits::default() };
    assert_eq!(breach(limits, "grow").await, LimitBreach { kind: LimitKind::Memory, limit: 8 << 20 });
}

#[tokio::test]
async fn first_page_counts_as_memory_too() {
    let limits = Limits { memory_bytes: 1 << 16, ..Limits::default() };
    assert_eq!(breach(limits, "echo").await.kind, LimitKind::Memory);
}

#[tokio::test]
async fn tables_are_limited() {
    let limits = Limits { table_elements: 1, ..Limits::default() };
    assert_eq!(breach(limits, "echo").await, LimitBreach { kind: LimitKind::TableElements, limit: 1 });
}

#[tokio::test]
async fn endless_recursion_meets_the_stack() {
    assert_eq!(breach(Limits::default(), "recurse").await.kind, LimitKind::Stack);
}

#[tokio::test]
async fn output_may_be_as_large_as_its_limit_and_no_larger() {
    let limits = Limits { output_bytes: 1000, ..Limits::default() };
    assert_eq!(breach(limits.clone(), "output 1001").await, LimitBreach { kind: LimitKind::Output, limit: 1000 });
    assert_eq!(output(&hostile(limited(limits)), "output 1000").await.len(), 1000);
}

#[tokio::test]
async fn crash_is_the_components_fault() {
    for input in ["panic now", "exit"] {
        let error = run(&hostile(Grants::default()), input).await.expect_err("it crashes");
        assert!(matches!(error, RunError::Trap { .. }), "{error:?}");
        assert!(error.is_guest_fault() && !error.is_retryable());
    }
}

#[tokio::test]
async fn kind_of_the_guests_error_decides_the_fault() {
    let error = run(&hostile(Grants::default()), "no such verb").await.expect_err("the verb is unknown");
    assert_eq!((error.fault(), error.to_string().as_str()), (Fault::Task, "unknown verb"));
}

#[tokio::test]
async fn fuel_is_the_same_every_time() {
    let component = hostile(Grants::default());
    let first = run(&component, "echo hello").await.expect("it echoes").fuel;
    assert!(first > 0);
    for _ in 0..20 {
        assert_eq!(run(&component, "echo hello").await.expect("it echoes").fuel, first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning_neighbours_let_others_run() {
    let spinner = hostile(limited(Limits {
        fuel: Limits::manifest_max().fuel,
        time: Duration::from_secs(2),
        ..Limits::default()
    }));
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let spinner = spinner.clone();
            tokio::spawn(async move { run(&spinner, "spin").await })
        })
        .collect();
    assert_eq!(output(&hostile(Grants::default()), "echo fair").await, "fair");
    spinning.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_executions_than_slots_wait_for_their_turn() {
    let component = hostile(Grants::default());
    let all: Vec<_> = (0..100)
        .map(|number| {
            let component = component.clone();
            tokio::spawn(async move { output(&component, &format!("echo {number}")).await })
        })
        .collect();
    for (number, one) in all.into_iter().enumerate() {
        assert_eq!(one.await.expect("no execution panics"), number.to_string());
    }
}

#[tokio::test]
async fn limit_above_the_nodes_is_refused_at_load() {
    let grants = limited(Limits { memory_bytes: 64 << 30, ..Limits::default() });
    let error = engine().load(&crate::bytes("hostile"), grants).expect_err("no node lends 64 GiB");
    assert!(matches!(error, LoadError::LimitAboveNode { kind: LimitKind::Memory, .. }), "{error:?}");
}
