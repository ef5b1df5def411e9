//! Facts that hold for every [`ServiceStore`]; [`check`] panics at the first that does not. For the tests of implementations.

use std::sync::Arc;

use super::{Answer, Command, STORE_BATCH_MAX, ServiceStore, StoreError, StoreLimits};
use crate::{LimitBreach, LimitKind};

/// Small enough to be met.
const LIMITS: StoreLimits = StoreLimits { calls: 1_000, keys: 20, key_bytes: 16, value_bytes: 100, bytes: 1_000 };

/// Runs all of it, each fact on a store that `empty` makes.
///
/// # Panics
/// When the store does not do what a store does.
pub async fn check(mut empty: impl FnMut() -> Arc<dyn ServiceStore>) {
    values_are_read_back(&*empty()).await;
    keys_come_in_order_and_in_pages(&*empty()).await;
    counters_count(&*empty()).await;
    swap_happens_only_if_expected(&*empty()).await;
    limits_are_met_by_their_names(&*empty()).await;
    refused_write_leaves_nothing(&*empty()).await;
    full_store_can_shrink(&*empty()).await;
    nothing_is_lost_between_many(empty()).await;
}

async fn run(store: &dyn ServiceStore, command: Command) -> Result<Answer, StoreError> {
    store.run(command, LIMITS).await
}

async fn answer(store: &dyn ServiceStore, command: Command) -> Answer {
    run(store, command).await.expect("the command is within the limits")
}

fn set(key: &str, value: &[u8]) -> Command {
    Command::Write(vec![(key.to_owned(), Some(value.to_vec()))])
}

fn increment(key: &str, delta: i64) -> Command {
    Command::Increment { key: key.to_owned(), delta }
}

fn swap(key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Command {
    Command::CompareAndSwap {
        key: key.to_owned(),
        expected: expected.map(<[u8]>::to_vec),
        new: new.map(<[u8]>::to_vec),
    }
}

async fn get(store: &dyn ServiceStore, key: &str) -> Option<Vec<u8>> {
    match answer(store, Command::Get(vec![key.to_owned()])).await {
        Answer::Values(mut values) if values.len() == 1 => values.remove(0),
        other => panic!("one key has one value, not {other:?}"),
    }
}

async fn keys(store: &dyn ServiceStore, prefix: &str, after: Option<&str>, max: usize) -> Vec<String> {
    let command = Command::Keys { prefix: prefix.to_owned(), after: after.map(str::to_owned), max };
    match answer(store, command).await {
        Answer::Keys(keys) => keys,
        other => panic!("keys were asked for, not {other:?}"),
    }
}

async fn values_are_read_back(store: &dyn ServiceStore) {
    let rows = vec![("a".to_owned(), Some(vec![1])), ("ü\0".to_owned(), Some(vec![])), ("a".to_owned(), Some(vec![2]))];
    assert_eq!(answer(store, Command::Write(rows)).await, Answer::Written);
    let keys = ["ü\0", "none", "a"].map(str::to_owned).to_vec();
    assert_eq!(answer(store, Command::Get(keys)).await, Answer::Values(vec![Some(vec![]), None, Some(vec![2])]));
    answer(store, Command::Write(vec![("a".to_owned(), None), ("none".to_owned(), None)])).await;
    assert_eq!(get(store, "a").await, None);
}

async fn keys_come_in_order_and_in_pages(store: &dyn ServiceStore) {
    for key in ["b", "a/2", "a", "a/10", "a/1", "a0", "é"] {
        answer(store, set(key, b"")).await;
    }
    assert_eq!(keys(store, "", None, 64).await, ["a", "a/1", "a/10", "a/2", "a0", "b", "é"]);
    assert_eq!(keys(store, "a/", None, 2).await, ["a/1", "a/10"]);
    assert_eq!(keys(store, "a/", Some("a/10"), 2).await, ["a/2"]);
    assert_eq!(keys(store, "a/", Some("Z"), 1).await, ["a/1"]);
    assert!(keys(store, "a/", Some("b"), 2).await.is_empty());
}

async fn counters_count(store: &dyn ServiceStore) {
    assert_eq!(answer(store, increment("n", 5)).await, Answer::Count(5));
    assert_eq!(answer(store, increment("n", -7)).await, Answer::Count(-2));
    assert_eq!(get(store, "n").await, Some((-2i64).to_le_bytes().to_vec()));
    answer(store, set("text", b"five")).await;
    assert_eq!(run(store, increment("text", 1)).await, Err(StoreError::NotACounter));
    answer(store, increment("large", i64::MAX)).await;
    assert_eq!(run(store, increment("large", 1)).await, Err(StoreError::NotACounter));
    assert_eq!(answer(store, increment("large", 0)).await, Answer::Count(i64::MAX));
}

async fn swap_happens_only_if_expected(store: &dyn ServiceStore) {
    assert_eq!(answer(store, swap("k", Some(b"x"), Some(b"y"))).await, Answer::Swapped(false));
    assert_eq!(answer(store, swap("k", None, Some(b"x"))).await, Answer::Swapped(true));
    assert_eq!(answer(store, swap("k", None, Some(b"z"))).await, Answer::Swapped(false));
    assert_eq!(answer(store, swap("k", Some(b"x"), Some(b""))).await, Answer::Swapped(true));
    assert_eq!(answer(store, swap("k", Some(b""), None)).await, Answer::Swapped(true));
    assert_eq!(get(store, "k").await, None);
}

async fn limits_are_met_by_their_names(store: &dyn ServiceStore) {
    let many = |keys: usize| (0..keys).map(|key| (key.to_string(), Some(vec![]))).collect::<Vec<_>>();
    let long = "k".repeat(17);
    for (command, kind, limit) in [
        (set(&long, b""), LimitKind::StoreKeyBytes, 16),
        (increment(&long, 1), LimitKind::StoreKeyBytes, 16),
        (swap(&long, None, None), LimitKind::StoreKeyBytes, 16),
        (set("k", &[0; 101]), LimitKind::StoreValueBytes, 100),
        (swap("k", None, Some(&[0; 101])), LimitKind::StoreValueBytes, 100),
        (Command::Write(many(21)), LimitKind::StoreKeys, 20),
        (Command::Write(many(STORE_BATCH_MAX + 1)), LimitKind::StoreBatch, 64),
        (Command::Get(vec![String::new(); STORE_BATCH_MAX + 1]), LimitKind::StoreBatch, 64),
        (Command::Keys { prefix: String::new(), after: None, max: STORE_BATCH_MAX + 1 }, LimitKind::StoreBatch, 64),
    ] {
        assert_eq!(run(store, command).await, Err(StoreError::Limit(LimitBreach { kind, limit })));
    }
    answer(store, Command::Write(many(20))).await;
    let breach = LimitBreach { kind: LimitKind::StoreKeys, limit: 20 };
    assert_eq!(run(store, set("one more", b"")).await, Err(StoreError::Limit(breach)));
}

async fn refused_write_leaves_nothing(store: &dyn ServiceStore) {
    answer(store, set("0", b"old")).await;
    let rows = (0..11).map(|key| (key.to_string(), Some(vec![0; 100]))).collect();
    let breach = LimitBreach { kind: LimitKind::StoreBytes, limit: 1_000 };
    assert_eq!(run(store, Command::Write(rows)).await, Err(StoreError::Limit(breach)));
    assert_eq!((keys(store, "", None, 64).await, get(store, "0").await), (vec!["0".to_owned()], Some(b"old".to_vec())));
}

async fn full_store_can_shrink(store: &dyn ServiceStore) {
    answer(store, Command::Write((0..9).map(|key| (key.to_string(), Some(vec![0; 100]))).collect())).await;
    let smaller = StoreLimits { keys: 1, bytes: 1, ..LIMITS };
    assert_eq!(store.run(set("0", &[0; 99]), smaller).await, Ok(Answer::Written));
    let breach = LimitBreach { kind: LimitKind::StoreBytes, limit: 1 };
    assert_eq!(store.run(set("0", &[0; 100]), smaller).await, Err(StoreError::Limit(breach)));
}

/// Fifty that increment, and fifty that swap until they succeed.
async fn nothing_is_lost_between_many(store: Arc<dyn ServiceStore>) {
    let all: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                match number % 2 {
                    0 => _ = answer(&*store, increment("count", 1)).await,
                    _ => grow(&*store).await,
                }
            })
        })
        .collect();
    for one in all {
        one.await.expect("no command panics");
    }
    assert_eq!(get(&*store, "count").await, Some(50i64.to_le_bytes().to_vec()));
    assert_eq!(get(&*store, "grown").await, Some(vec![b'x'; 50]));
}

async fn grow(store: &dyn ServiceStore) {
    loop {
        let old = get(store, "grown").await;
        let new = [old.as_deref().unwrap_or_default(), b"x"].concat();
        if answer(store, swap("grown", old.as_deref(), Some(&new))).await == Answer::Swapped(true) {
            return;
        }
    }
}
