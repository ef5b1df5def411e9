use alloy::primitives::{Bytes, LogData};
use alloy::sol_types::SolEvent;
use tandem_types::{Address, ManifestHash, Requirement, Task, TaskBlock, keccak256};

use super::*;
use crate::bindings::ServiceManager;
use crate::event::ServiceEvent;
use crate::source::ChainSource;
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

fn walk(chain: &FakeChain, config: ReaderConfig) -> Walk<FakeChain> {
    Walk::new(chain.clone(), course(SERVICE, 3), config)
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

async fn step(walk: &mut Walk<FakeChain>, cursor: Option<&Cursor>) -> Option<Span> {
    walk.step(cursor).await.expect("the fake chain answers").map(|step| judge(SERVICE, &step))
}

#[tokio::test]
async fn events_come_in_chain_order_and_the_cursor_is_the_last_block() {
    let chain = FakeChain::with_logs_at([]);
    [(20, 2), (5, 1), (20, 3)].into_iter().for_each(|(block, number)| chain.emit(block, true_log(number)));
    let mut walk = walk(&chain, at_once());
    let span = step(&mut walk, None).await.expect("there are blocks");
    assert_eq!(numbers(&span), [1, 2, 3]);
    assert_eq!((span.cursor.block_number, span.head, span.rewind), (40, 40, None));
    assert_eq!(step(&mut walk, Some(&span.cursor)).await, None);
}

#[tokio::test]
async fn block_of_an_event_is_asked_for_when_the_endpoint_does_not_send_its_time() {
    let chain = FakeChain::with_logs_at([]);
    chain.emit(20, true_log(1));
    let span = step(&mut walk(&chain, at_once()), None).await.expect("there are blocks");
    let header = chain.header(20).await.expect("the fake chain answers").value.expect("the block is there");
    let block = TaskBlock { number: 20, hash: header.hash, time: header.timestamp };
    assert_eq!(span.events[0].place.block, block);
}

#[tokio::test]
async fn unconfirmed_blocks_wait() {
    let chain = FakeChain::with_logs_at([]);
    chain.emit(37, true_log(1));
    let span = step(&mut walk(&chain, ReaderConfig { confirmations: 4, ..at_once() }), None).await;
    assert_eq!(span.map(|span| (numbers(&span), span.cursor.block_number)), Some((vec![], 36)));
    let span = step(&mut walk(&chain, ReaderConfig { confirmations: 3, ..at_once() }), None).await;
    assert_eq!(span.map(|span| numbers(&span)), Some(vec![1]));
}

#[tokio::test]
async fn replaced_cursor_block_rewinds_and_says_so() {
    let chain = FakeChain::with_logs_at([]);
    let mut walk = walk(&chain, ReaderConfig { rewind_blocks: 10, ..at_once() });
    let before = step(&mut walk, None).await.expect("there are blocks").cursor;
    chain.reorganise(36, 1);
    chain.emit(36, true_log(9));
    let span = step(&mut walk, Some(&before)).await.expect("there are new blocks");
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 30, is_deeper: false }));
    assert_eq!(numbers(&span), [9]);
    assert_eq!(span.cursor.block_number, 41);
}

#[tokio::test]
async fn rewinding_stops_at_the_deployment() {
    let chain = FakeChain::with_logs_at([]);
    let mut walk = walk(&chain, ReaderConfig { rewind_blocks: 1_000, ..at_once() });
    let before = step(&mut walk, None).await.expect("there are blocks").cursor;
    chain.reorganise(40, 0);
    let span = step(&mut walk, Some(&before)).await.expect("the last block is new");
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 2, is_deeper: false }));
}

#[tokio::test]
async fn chain_shorter_than_the_cursor_rewinds() {
    let chain = FakeChain::with_logs_at([]);
    let cursor = Cursor { chain_id: 31_337, block_number: 99, block_hash: B256::repeat_byte(9) };
    chain.emit(38, true_log(4));
    let span = step(&mut walk(&chain, ReaderConfig { rewind_blocks: 5, ..at_once() }), Some(&cursor)).await;
    let span = span.expect("blocks are read again");
    assert_eq!((span.rewind, numbers(&span)), (Some(Rewind { from: 99, to: 35, is_deeper: false }), vec![4]));
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
    let span = step(&mut walk(&chain, at_once()), None).await.expect("there are blocks");
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
    let span = step(&mut walk(&chain, at_once()), None).await.expect("there are blocks");
    assert!(matches!(span.rejected[..], [Rejection::Value(_), Rejection::Value(_)]));
}

#[tokio::test]
async fn small_ranges_reach_the_head_and_lose_nothing() {
    let chain = FakeChain::with_logs_at([]).bearing(3);
    (3..=40).for_each(|number| chain.emit(number, true_log(number)));
    let mut walk = walk(&chain, at_once());
    let (mut cursor, mut seen) = (None, Vec::new());
    while let Some(span) = step(&mut walk, cursor.as_ref()).await {
        seen.extend(numbers(&span));
        cursor = Some(span.cursor);
    }
    assert_eq!(seen, (3..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn cursor_of_another_chain_is_refused() {
    let chain = FakeChain::with_logs_at([]);
    let cursor = Cursor { chain_id: 1, block_number: 5, block_hash: B256::ZERO };
    let result = walk(&chain, at_once()).step(Some(&cursor)).await;
    assert_eq!(result, Err(ReadError::Cursor { expected: 31_337, found: 1 }));
}

/// All numbers up to the end, and the last cursor.
async fn follow(walk: &mut Walk<FakeChain>, mut cursor: Option<Cursor>) -> (Vec<u64>, Option<Cursor>) {
    let mut seen = Vec::new();
    while let Some(span) = step(walk, cursor.as_ref()).await {
        seen.extend(numbers(&span));
        cursor = Some(span.cursor);
    }
    (seen, cursor)
}

#[tokio::test]
async fn reorganisation_is_read_again_from_the_last_block_that_is_the_same() {
    let chain = FakeChain::with_logs_at([]);
    (3..=40).for_each(|number| chain.emit(number, true_log(number)));
    let config = ReaderConfig { range_blocks: 4, range_blocks_max: 4, rewind_blocks: 30, ..at_once() };
    let mut walk = walk(&chain, config);
    let (_, cursor) = follow(&mut walk, None).await;
    chain.reorganise(33, 2);
    chain.emit(39, true_log(100));
    let span = step(&mut walk, cursor.as_ref()).await.expect("the chain is another");
    // Stretches ended at 6, 10, …, 30, 34, 38 and 40.
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 30, is_deeper: false }));
    assert_eq!(numbers(&span), [31, 32]);
    assert_eq!(follow(&mut walk, Some(span.cursor)).await.0, [100]);
}

#[tokio::test]
async fn reorganisation_below_all_that_is_kept_is_said_to_be_one() {
    let chain = FakeChain::with_logs_at([]);
    let config = ReaderConfig { range_blocks: 2, range_blocks_max: 2, rewind_blocks: 10, ..at_once() };
    let mut walk = walk(&chain, config);
    let (_, cursor) = follow(&mut walk, None).await;
    chain.reorganise(5, 0);
    let span = step(&mut walk, cursor.as_ref()).await.expect("the chain is another");
    assert_eq!(span.rewind, Some(Rewind { from: 40, to: 30, is_deeper: true }));
}

#[tokio::test]
async fn chain_that_changes_below_the_cursor_while_it_is_read_loses_nothing() {
    let chain = FakeChain::with_logs_at([]);
    let config = ReaderConfig { rewind_blocks: 10, ..at_once() };
    let mut walk = walk(&chain, config);
    let (_, cursor) = follow(&mut walk, None).await;
    chain.grow(5);
    // The header at the end is read before, so the stretch is not of one chain.
    chain.surprise(0, 38);
    assert_eq!(walk.step(cursor.as_ref()).await, Err(ReadError::Moving(45)));
    chain.emit(39, true_log(7));
    let (seen, _) = follow(&mut walk, cursor).await;
    assert_eq!(seen, [7]);
}

#[tokio::test]
async fn chain_that_changes_while_stretches_are_read_ahead_loses_nothing() {
    for nth in 0..12 {
        let chain = FakeChain::with_logs_at([]);
        (3..=40).for_each(|number| chain.emit(number, true_log(number)));
        let config = ReaderConfig { range_blocks: 3, range_blocks_max: 3, rewind_blocks: 30, ..at_once() };
        let mut walk = walk(&chain, config);
        let mut cursor = None;
        chain.surprise(nth, 20);
        for _ in 0..100 {
            match walk.step(cursor.as_ref()).await {
                Ok(Some(step)) => cursor = Some(judge(SERVICE, &step).cursor),
                Ok(None) => break,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        chain.emit(20, true_log(100));
        let end = cursor.expect("there are blocks");
        let canonical = chain.header(end.block_number).await.expect("the fake chain answers").value;
        assert_eq!((end.block_number, Some(end.block_hash)), (40, canonical.map(|block| block.hash)), "{nth}");
        // What the walk believes to have handed on is the chain as it is.
        let known = walk.checkpoints();
        for (number, hash) in known {
            let header = chain.header(number).await.expect("the fake chain answers").value;
            assert_eq!(header.map(|block| block.hash), Some(hash), "{nth}: block {number}");
        }
    }
}

#[tokio::test]
async fn stretches_read_ahead_come_in_order_and_completely() {
    let chain = FakeChain::with_logs_at([]);
    (3..=40).for_each(|number| (0..3).for_each(|part| chain.emit(number, true_log(10 * number + part))));
    let config = ReaderConfig { range_blocks: 2, range_blocks_max: 64, logs_max: 12, ranges_ahead: 5, ..at_once() };
    let (seen, cursor) = follow(&mut walk(&chain, config), None).await;
    assert_eq!(seen, (3..=40).flat_map(|number| (0..3).map(move |part| 10 * number + part)).collect::<Vec<_>>());
    assert_eq!(cursor.map(|cursor| cursor.block_number), Some(40));
}

#[tokio::test]
async fn only_tagged_blocks_with_their_confirmations_are_read() {
    let chain = FakeChain::with_logs_at([]);
    let config = ReaderConfig { tag: Some(BlockTag::Finalized), confirmations: 5, ..at_once() };
    let mut walk = walk(&chain, config);
    assert_eq!(step(&mut walk, None).await, None, "no block is final yet");
    for (finalized, expected) in [(20, 20), (38, 35)] {
        chain.finalize(finalized);
        let (_, cursor) = follow(&mut walk, None).await;
        assert_eq!(cursor.map(|cursor| cursor.block_number), Some(expected));
    }
}

#[tokio::test]
async fn progress_says_how_much_is_left() {
    let chain = FakeChain::with_logs_at([]);
    chain.emit(4, true_log(1));
    let config = ReaderConfig { range_blocks: 10, range_blocks_max: 10, ..at_once() };
    let mut walk = walk(&chain, config);
    let span = step(&mut walk, None).await.expect("there are blocks");
    let progress = walk.progress().now();
    assert_eq!((progress.block, progress.end, progress.logs), (12, 40, 1));
    assert_eq!(progress.catch_up.map(|catch_up| catch_up.blocks_left), Some(28));
    follow(&mut walk, Some(span.cursor)).await;
    assert_eq!((walk.progress().now().block, walk.progress().now().catch_up), (40, None));
}
