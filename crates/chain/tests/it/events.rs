//! Events of a real service, read across ranges and reorganisations.

use std::time::Duration;

use tandem_chain::{Cursor, EventReader, PlacedEvent, ReaderConfig, Rewind, ServiceEvent, Span};

use crate::support::{self, Network};

fn numbers(span: &Span) -> Vec<u64> {
    let number = |event: &ServiceEvent| match event {
        ServiceEvent::TaskCreated { task, .. } => Some(task.number),
        _ => None,
    };
    span.events.iter().filter_map(|placed| number(&placed.event)).collect()
}

async fn all(reader: &mut EventReader) -> (Vec<u64>, Cursor) {
    let (mut seen, mut cursor) = (Vec::new(), None);
    while let Some(span) = reader.read(cursor.as_ref()).await.expect("anvil answers") {
        seen.extend(numbers(&span));
        cursor = Some(span.cursor);
    }
    (seen, cursor.expect("there are blocks"))
}

#[tokio::test]
async fn small_ranges_bring_the_same_events_as_large_ones() {
    let network = Network::bare().await;
    for _ in 0..3 {
        network.create_task().await;
        network.anvil.mine(5).await.expect("anvil mines");
    }
    let small = ReaderConfig { confirmations: 0, range_blocks: 1, range_blocks_max: 2, ..ReaderConfig::default() };
    let large = ReaderConfig { confirmations: 0, ..ReaderConfig::default() };
    assert_eq!(all(&mut support::reader(&network, small)).await.0, [1, 2, 3]);
    assert_eq!(all(&mut support::reader(&network, large)).await.0, [1, 2, 3]);
}

#[tokio::test]
async fn unconfirmed_task_is_seen_once_blocks_follow() {
    let network = Network::bare().await;
    network.create_task().await;
    let mut reader = support::reader(&network, ReaderConfig { confirmations: 2, ..ReaderConfig::default() });
    let (seen, cursor) = all(&mut reader).await;
    assert!(seen.is_empty());
    let interval = Duration::from_millis(10);
    let (span, mined) = tokio::join!(reader.wait(Some(&cursor), interval), network.anvil.mine(2));
    mined.expect("anvil mines");
    let span = span.expect("anvil answers");
    assert!(span.cursor.block_number > cursor.block_number);
    let rest = reader.read(Some(&span.cursor)).await.expect("anvil answers");
    let seen: Vec<_> = numbers(&span).into_iter().chain(rest.iter().flat_map(numbers)).collect();
    assert_eq!(seen, [1]);
}

#[tokio::test]
async fn reorganised_cursor_block_rewinds_and_the_new_chain_is_read() {
    let network = Network::bare().await;
    let config = ReaderConfig { confirmations: 0, rewind_blocks: 6, ..ReaderConfig::default() };
    let mut reader = support::reader(&network, config);
    network.anvil.mine(8).await.expect("anvil mines");
    let lost = network.create_task().await;
    let (seen, stale) = all(&mut reader).await;
    assert_eq!(seen, [1]);

    network.anvil.reorganise(3).await.expect("anvil reorganises");
    let next = network.create_task().await;
    let span = reader.read(Some(&stale)).await.expect("anvil answers").expect("the chain is another");
    let rewind = span.rewind.expect("the cursor's block is gone");
    assert_eq!(rewind, Rewind { from: stale.block_number, to: stale.block_number - 6, is_deeper: false });
    let created = |placed: &PlacedEvent| match placed.event {
        ServiceEvent::TaskCreated { task_id, .. } => Some((task_id, placed.place.block.number)),
        _ => None,
    };
    let tasks: Vec<_> = span.events.iter().filter_map(created).collect();
    let [(first, block), second] = tasks[..] else { panic!("two tasks were created: {tasks:?}") };
    assert_eq!(first, lost.task_id, "the transaction was mined again, so it is the same task");
    assert_ne!(block, lost.outcome.block_number);
    assert_eq!(second, (next.task_id, next.outcome.block_number));
    assert_eq!(reader.read(Some(&span.cursor)).await.expect("anvil answers"), None);
}
