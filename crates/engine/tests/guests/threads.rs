//! An engine with threads of its own: the same results, the same limits, and nothing left behind when nobody waits.

use std::num::NonZeroUsize;
use std::time::Duration;

use tandem_engine::{Component, Engine, EngineConfig, Grants, LimitKind, Limits, RunError};

use crate::{bytes, output, run};

/// The fixture on one thread and one slot, so that what is left behind would be noticed.
fn component(limits: Limits) -> Component {
    let config =
        EngineConfig { concurrent_max: 1, compute_threads: Some(NonZeroUsize::MIN), ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space for a slot");
    engine.load(&bytes("hostile"), Grants { limits, ..Grants::default() }).expect("the fixture is a service")
}

#[tokio::test]
async fn results_and_limits_are_the_same() {
    let component = component(Limits { fuel: 50_000_000, ..Limits::default() });
    assert_eq!(output(&component, "echo hello").await, "hello");
    let stopped = run(&component, "spin").await.expect_err("it never ends by itself");
    assert!(matches!(stopped, RunError::Limit(breach) if breach.kind == LimitKind::Fuel), "{stopped}");
}

#[tokio::test]
async fn execution_ends_when_nobody_waits_for_it() {
    let component = component(Limits { fuel: Limits::manifest_max().fuel, ..Limits::default() });
    let abandoned = tokio::time::timeout(Duration::from_millis(20), run(&component, "spin")).await;
    assert!(abandoned.is_err(), "it never ends by itself");
    assert_eq!(output(&component, "echo next").await, "next");
}

/// Tokio does not let threads be waited for where others must run.
#[tokio::test]
async fn engine_can_be_dropped_where_nothing_may_block() {
    let component = component(Limits::default());
    assert_eq!(output(&component, "echo hello").await, "hello");
    drop(component);
}
