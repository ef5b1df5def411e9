//! The service's store as components see it; what every store does is in `tandem_engine::store::suite`.

use std::sync::Arc;

use tandem_engine::store::{Command, Pending, StoreError};
use tandem_engine::{
    Fault, Grants, LimitBreach, LimitKind, Limits, MemoryStore, Refusal, RunError, ServiceStore, StoreLimits,
};

use crate::{hostile, output, run};

fn with(store: Arc<dyn ServiceStore>) -> Grants {
    Grants { store: Some(store), ..Grants::default() }
}

fn limited(limits: StoreLimits) -> Grants {
    Grants { limits: Limits { store: limits, ..Limits::default() }, ..with(Arc::new(MemoryStore::default())) }
}

fn defaults() -> StoreLimits {
    Limits::default().store
}

#[tokio::test]
async fn every_function_reaches_the_store() {
    let expected = "[true, false, true] [Some([51]), None, Some([52])] [\"s/c\"] true";
    assert_eq!(output(&hostile(with(Arc::new(MemoryStore::default()))), "store").await, expected);
}

#[tokio::test]
async fn what_is_written_is_there_for_the_next_task_and_the_next_component() {
    let store: Arc<dyn ServiceStore> = Arc::new(MemoryStore::default());
    let (one, other) = (hostile(with(Arc::clone(&store))), hostile(with(store)));
    assert_eq!(output(&one, "remember color blue").await, "");
    assert_eq!(output(&other, "recall color").await, "blue");
    let elsewhere = hostile(with(Arc::new(MemoryStore::default())));
    assert_eq!(output(&elsewhere, "recall color").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_at_a_time_lose_no_count() {
    let component = hostile(with(Arc::new(MemoryStore::default())));
    let all: Vec<_> = (0..40)
        .map(|_| {
            let component = component.clone();
            tokio::spawn(async move { output(&component, "count n").await })
        })
        .collect();
    let mut counts = Vec::new();
    for one in all {
        counts.push(one.await.expect("no execution panics").parse::<u64>().expect("a count is a number"));
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn store_that_is_not_granted_is_refused() {
    let error = run(&hostile(Grants::default()), "recall color").await.expect_err("there is no store");
    assert_eq!((error.fault(), error), (Fault::Component, RunError::Refused(Refusal::Store)));
}

#[tokio::test]
async fn limits_are_named() {
    for (limits, input, kind, limit) in [
        (StoreLimits { key_bytes: 3, ..defaults() }, "remember long x", LimitKind::StoreKeyBytes, 3),
        (StoreLimits { value_bytes: 3, ..defaults() }, "remember k long", LimitKind::StoreValueBytes, 3),
        (StoreLimits { bytes: 4, ..defaults() }, "remember k long", LimitKind::StoreBytes, 4),
        (StoreLimits { keys: 1, ..defaults() }, "store", LimitKind::StoreKeys, 1),
        (StoreLimits { calls: 5, ..defaults() }, "store", LimitKind::StoreCalls, 5),
    ] {
        let error = run(&hostile(limited(limits)), input).await.expect_err("the limit is met");
        assert_eq!(error, RunError::Limit(LimitBreach { kind, limit }));
    }
}

#[tokio::test]
async fn component_that_gets_over_a_full_store_has_an_output() {
    let limits = StoreLimits { bytes: 1_100, ..defaults() };
    assert_eq!(output(&hostile(limited(limits)), "fill 20").await, "10");
}

/// A store whose disk is gone.
#[derive(Debug)]
struct Broken;

impl ServiceStore for Broken {
    fn run(&self, _: Command, _: StoreLimits) -> Pending<'_> {
        Box::pin(std::future::ready(Err(StoreError::Failed("no disk".to_owned()))))
    }
}

#[tokio::test]
async fn store_that_fails_is_the_nodes_fault() {
    let error = run(&hostile(with(Arc::new(Broken))), "recall color").await.expect_err("there is no disk");
    assert!(error.fault() == Fault::Host && error.is_retryable(), "{error:?}");
}
