//! Limits end executions with their name and value, and leave the others alone. The folder `tests/components` has those that guests run into on purpose.

use tandem_engine::{
    COMPONENT_BYTES_MAX, COMPONENT_FUNCTIONS_MAX, EngineConfig, FUNCTION_BYTES_MAX, Fault, Grants, LimitBreach,
    LimitKind, Limits, LoadError, RunError,
};

use crate::{engine, hostile, output, run};

/// The page of limits says what the code does.
#[test]
fn page_has_every_limit_as_it_is() {
    let page = include_str!("../../../../docs/reference/limits.md");
    let (default, most) = (Limits::default(), Limits::manifest_max());
    for kind in LimitKind::ALL {
        let [default, most] =
            [&default, &most].map(|limits| limits.amount(kind).or(kind.fixed()).expect("each has a value"));
        let fault = if kind.fault() == Fault::Source { "source" } else { "component" };
        let deterministic = if kind.is_deterministic() { "yes" } else { "no" };
        let line = format!("| `{kind}` | {} | {default} | {most} | {fault} | {deterministic} | ", unit(kind));
        assert!(page.contains(&line), "docs/reference/limits.md lacks: {line}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, LimitKind::ALL.len());
    let EngineConfig { concurrent_max, connections_max, .. } = EngineConfig::default();
    for text in [
        format!("{COMPONENT_BYTES_MAX} bytes and {COMPONENT_FUNCTIONS_MAX} functions of {FUNCTION_BYTES_MAX} bytes"),
        format!("| executions at a time | {concurrent_max} |"),
        format!("| HTTP connections at a time | | {connections_max};"),
    ] {
        assert!(page.contains(&text), "docs/reference/limits.md lacks: {text}");
    }
}

fn unit(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Fuel => "units",
        LimitKind::ChainGas => "gas",
        LimitKind::CallInput => "bytes",
        LimitKind::Time | LimitKind::HttpTime => "ms",
        LimitKind::Memory | LimitKind::Stack | LimitKind::Output | LimitKind::Log => "bytes",
        kind if kind.name().ends_with("bytes") => "bytes",
        _ => "count",
    }
}

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

/// A call of the host takes the component next to no instructions.
#[tokio::test]
async fn what_the_host_does_uses_fuel() {
    let fuel = async |input: &str| run(&hostile(Grants::default()), input).await.expect("it ends").fuel;
    let (few, many) = (fuel("log 10").await, fuel("log 1000").await);
    assert!(many > few + 990 * 1_000, "{few} for 10 calls and {many} for 1000");
}

#[tokio::test]
async fn work_of_the_host_is_limited_as_instructions_are() {
    let used = run(&hostile(Grants::default()), "log 1000").await.expect("it ends").fuel;
    let with = |fuel| hostile(limited(Limits { fuel, ..Limits::default() }));
    assert_eq!(run(&with(used), "log 1000").await.map(|ran| ran.fuel), Ok(used));
    assert_eq!(breach(Limits { fuel: used - 1, ..Limits::default() }, "log 1000").await.kind, LimitKind::Fuel);
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
