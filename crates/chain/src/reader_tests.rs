use alloy::primitives::{Bytes, LogData};
use alloy::sol_types::SolEvent;
use tandem_types::{Address, ManifestHash, Requirement, Task, TaskBlock, keccak256};

use super::*;
use crate::bindings::ServiceManager;
use crate::event::ServiceEvent;
use crate::source::fake::{CONTRACT, FakeChain};

const SERVICE: ServiceId = ServiceId { chain_id: 31_337, manager: CONTRACT };

fn task(number: u64) -> Task {
    Task {
        number,
        workflow: "score".parse().expect("the name is valid"),
        manifest: ManifestHash(B256::repeat_byte(1)),
        handler: Address::repeat_byte(2),
        requester: Address::repeat_byte(3),
        deadline: 1_000,
        requirement: Requirement::NONE,
        input_hash: keccak256(b"game"),
    }
}

fn created(task: &Task, id: B256, input: &'static [u8]) -> LogData {
    ServiceManager::TaskCreated { taskId: id, task: task.into(), input: Bytes::from_static(input) }.encode_log_data()
}

fn true_log(number: u64) -> LogData {
    created(&task(number), task(number).id(SERVICE).0, b"game")
}

fn walk(config: ReaderConfig) -> Walk {
    Walk::new(SERVICE, 3, config)
}

fn at_once() -> ReaderConfig {
    ReaderConfig { confirmations: 0, range_blocks: 100, range_blocks_max: 100, ..ReaderConfig::default() }
}

fn numbers(span: &Span) -> Vec<u64> {
    let number = |event: &PlacedEvent| match &event.event {
        ServiceEvent::TaskCreated { task, .. } => task.number,
        other => panic!("{other:?} was not emitted"),
    };
    span.events.iter().map(number).collect()
}

async fn step(walk: &mut Walk, chain: &FakeChain, cursor: Option<&Cursor>) -> Option<Span> {
    walk.step(chain, cursor).await.expect("the fake chain answers")
}

#[tokio::test]
async fn events_come_in_chain_order_and_the_cursor_is_the_last_block() {
    let chain = FakeChain::with_logs_at([]);
    [(20, 2), (5, 1), (20, 3)].into_iter().for_each(|(block, number)| chain.emit(block, true_log(number)));
    let mut walk = walk(at_once());
    let span = step(&mut walk, &chain, None).await.expect("there are blocks");
    assert_eq!(numbers(&span), [1, 2, 3]);
    assert_eq!((span.cursor.block_number, span.head, span.rewind), (40, 40, None));
    assert_eq!(step(&mut walk, &chain, Some(&span.cursor)).await, None);
}

#[tokio::test]
async fn block_of_an_event_is_asked_for_when_the_endpoint_does_not_send_its_time() {
    let chain = FakeChain::with_logs_at([]);
    chain.emit(20, true_log(1));
    let span = step(&mut walk(at_once()), &chain, None).await.expect("there are blocks");
    let header = chain.header(20).await.expect("the fake chain answers").expect("the block is there");
    let block = TaskBlock { number: 20, hash: header.hash, time: header.timestamp };
    assert_eq!(span.events[0].place.block, block);
}

#[tokio::test]
async fn unconfirmed_blocks_wait() {
    let chain = FakeChain::with_logs_at([]);
    chain.emit(37, true_log(1));
    let span = step(&mut walk(ReaderConfig { confirmations: 4, ..at_once() }), &chain, None).await;
    assert_eq!(span.map(|span| (numbers(&span), span.cursor.block_number)), Some((vec![], 36)));
    let span = step(&mut walk(ReaderConfig { confirmations: 3, ..at_once() }), &chain, None).await;
    assert_eq!(span.map(|span| numbers(&span)), Some(vec![1]));
}

#[tokio::test]
async fn replaced_cursor_block_rewinds_and_says_so() {
    let chain = FakeChain::with_logs_at([]);
    let mut walk = walk(ReaderConfig { rewind_blocks: 10, ..at_once() });
    let before = step(&mut walk, &chain, None).await.expect("there are blocks").cursor;
    chain.reorganise(36, 1);
    chain.emit(36, true_log(9));
    let span = step(&mut walk, &chain, Some(&before)).await.expect("there are new blocks");
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 30 }));
    assert_eq!(numbers(&span), [9]);
    assert_eq!(span.cursor.block_number, 41);
}

#[tokio::test]
async fn rewinding_stops_at_the_deployment() {
    let chain = FakeChain::with_logs_at([]);
    let mut walk = walk(ReaderConfig { rewind_blocks: 1_000, ..at_once() });
    let before = step(&mut walk, &chain, None).await.expect("there are blocks").cursor;
    chain.reorganise(40, 0);
    let span = step(&mut walk, &chain, Some(&before)).await.expect("the last block is new");
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 2 }));
}

#[tokio::test]
async fn chain_shorter_than_the_cursor_rewinds() {
    let chain = FakeChain::with_logs_at([]);
    let cursor = Cursor { chain_id: 31_337, block_number: 99, block_hash: B256::repeat_byte(9) };
    chain.emit(38, true_log(4));
    let span = step(&mut walk(ReaderConfig { rewind_blocks: 5, ..at_once() }), &chain, Some(&cursor)).await;
    let span = span.expect("blocks are read again");
    assert_eq!((span.rewind, numbers(&span)), (Some(Rewind { from: 99, to: 35 }), vec![4]));
}

#[tokio::test]
async fn logs_that_do_not_fit_together_are_dropped_and_counted() {
    let chain = FakeChain::with_logs_at([4]);
    let honest = task(1);
    chain.emit(5, created(&honest, B256::repeat_byte(5), b"game"));
    chain.emit(6, created(&honest, honest.id(SERVICE).0, b"other game"));
    chain.emit(7, created(&task(2), honest.id(SERVICE).0, b"game"));
    let mut broken = true_log(3);
    broken.data = broken.data.slice(..100);
    chain.emit(8, broken);
    chain.emit(9, true_log(4));
    let span = step(&mut walk(at_once()), &chain, None).await.expect("there are blocks");
    assert_eq!(numbers(&span), [4]);
    assert_eq!(span.rejected.len(), 4);
}

#[tokio::test]
async fn requirement_and_workflow_outside_our_types_are_dropped() {
    let chain = FakeChain::with_logs_at([]);
    for (workflow, bps) in [(B256::ZERO, 1), (task(1).workflow.to_word(), 10_001)] {
        let mut foreign = ServiceManager::Task::from(&task(1));
        (foreign.workflow, foreign.nativeBps) = (workflow, bps);
        let event = ServiceManager::TaskCreated { taskId: B256::ZERO, task: foreign, input: Bytes::new() };
        chain.emit(5, event.encode_log_data());
    }
    let span = step(&mut walk(at_once()), &chain, None).await.expect("there are blocks");
    assert!(matches!(span.rejected[..], [Rejection::Value(_), Rejection::Value(_)]));
}

#[tokio::test]
async fn small_ranges_reach_the_head_and_lose_nothing() {
    let chain = FakeChain::with_logs_at([]).bearing(3);
    (3..=40).for_each(|number| chain.emit(number, true_log(number)));
    let mut walk = walk(at_once());
    let (mut cursor, mut seen) = (None, Vec::new());
    while let Some(span) = step(&mut walk, &chain, cursor.as_ref()).await {
        seen.extend(numbers(&span));
        cursor = Some(span.cursor);
    }
    assert_eq!(seen, (3..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn cursor_of_another_chain_is_refused() {
    let chain = FakeChain::with_logs_at([]);
    let cursor = Cursor { chain_id: 1, block_number: 5, block_hash: B256::ZERO };
    let result = walk(at_once()).step(&chain, Some(&cursor)).await;
    assert_eq!(result, Err(ReadError::Cursor { expected: 31_337, found: 1 }));
}
