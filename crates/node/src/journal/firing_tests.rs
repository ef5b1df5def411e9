//! Tests of what the journal keeps of firings, on real files.

use tandem_types::{Address, B256, ComponentDigest, CronFiring, Firing, OperatorId, ResultLeaf, ServiceId};
use tempfile::TempDir;

use super::*;

fn identity() -> Identity {
    let service = ServiceId { chain_id: 31_337, manager: Address::repeat_byte(0x5e) };
    Identity { service, operator: OperatorId(Address::repeat_byte(1)) }
}

fn fresh() -> (TempDir, Journal) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let journal = Journal::open(directory.path(), identity()).expect("the directory is free");
    (directory, journal)
}

fn trigger(manifest: u8) -> (ManifestHash, WorkflowId) {
    (ManifestHash(B256::repeat_byte(manifest)), "tick".parse().expect("a name"))
}

/// The firing of a second, anchored in a block, under a manifest.
fn fired(instant: u64, block: u8, manifest: u8) -> RecordedTask {
    let firing = Firing::Cron(CronFiring { instant });
    let (manifest, workflow) = trigger(manifest);
    let task = firing.task(workflow, manifest, (Address::repeat_byte(2), 2_000_000_000 + u64::from(block)));
    RecordedTask {
        task_id: task.id(identity().service),
        task,
        input: firing.input(),
        block_number: block.into(),
        block_hash: Some(B256::repeat_byte(block)),
        block_time: Some(instant),
    }
}

fn late(instant: u64) -> RecordedTask {
    RecordedTask { block_hash: None, block_time: None, ..fired(instant, 1, 1) }
}

fn cursor(position: u64) -> TriggerCursor {
    TriggerCursor { position, block_number: 9, block_hash: B256::repeat_byte(9) }
}

fn result() -> Outcome {
    let (component, leaf) = (ComponentDigest(B256::repeat_byte(6)), ResultLeaf(B256::repeat_byte(7)));
    Outcome::Result { component, leaf, payload: vec![1], fuel: 2, elapsed_ms: 3 }
}

fn delivered() -> Fate {
    Fate::Ended(Settlement::Delivered { tx_hash: B256::repeat_byte(8), block: 5, handled: true })
}

async fn record(journal: &Journal, firings: Vec<(RecordedTask, bool)>) -> Vec<(TaskId, Option<Fate>)> {
    journal.record_firings(trigger(1), firings, cursor(7)).await.expect("recorded")
}

async fn read(journal: &Journal, task: &RecordedTask) -> TaskRecord {
    journal.task(task.task_id).await.expect("read").expect("recorded")
}

async fn say(journal: &Journal, task: &RecordedTask, fate: Fate) {
    let cursor = Cursor { chain_id: 31_337, block_number: 5, block_hash: B256::ZERO };
    journal.record_span(vec![], vec![(task.task_id, fate)], cursor).await.expect("recorded");
}

#[tokio::test]
async fn firings_and_the_cursor_behind_them_survive_a_restart() {
    let (directory, journal) = fresh();
    assert_eq!(journal.trigger_cursor(trigger(1)).await.expect("read"), None);
    let (first, second) = (fired(6, 3, 1), fired(7, 4, 1));
    let new = record(&journal, vec![(first.clone(), false), (second.clone(), false)]).await;
    assert_eq!(new, [(first.task_id, None), (second.task_id, None)]);
    journal.close().await;
    let journal = Journal::open(directory.path(), identity()).expect("it is closed");
    assert_eq!(journal.trigger_cursor(trigger(1)).await.expect("read"), Some(cursor(7)));
    assert_eq!(journal.trigger_cursor(trigger(2)).await.expect("read"), None);
    assert_eq!(read(&journal, &first).await.recorded, first);
    assert_eq!(journal.open_tasks(None).await.expect("read").len(), 2);
}

#[tokio::test]
async fn firing_that_comes_again_is_not_new() {
    let (_directory, journal) = fresh();
    let task = fired(6, 3, 1);
    record(&journal, vec![(task.clone(), false)]).await;
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, []);
    assert_eq!(read(&journal, &task).await.recorded, task);
}

#[tokio::test]
async fn firing_moves_with_its_anchor_until_it_has_a_result() {
    let (_directory, journal) = fresh();
    record(&journal, vec![(fired(6, 3, 1), false)]).await;
    let moved = fired(6, 4, 2);
    record(&journal, vec![(moved.clone(), false)]).await;
    assert_eq!(read(&journal, &moved).await.recorded, moved, "with its manifest and deadline");
    journal.record_outcome(moved.task_id, result()).await.expect("recorded");
    record(&journal, vec![(fired(6, 5, 1), false)]).await;
    assert_eq!(read(&journal, &moved).await.recorded, moved, "what the result was computed with");
}

#[tokio::test]
async fn firing_that_came_too_late_is_expired() {
    let (_directory, journal) = fresh();
    let task = late(6);
    record(&journal, vec![(task.clone(), true)]).await;
    assert_eq!(read(&journal, &task).await.settlement, Some(Settlement::Expired));
    assert_eq!(journal.counts().await.expect("read").expired, 1);
}

#[tokio::test]
async fn late_look_does_not_end_a_firing_that_is_open() {
    let (_directory, journal) = fresh();
    let task = fired(6, 3, 1);
    record(&journal, vec![(task.clone(), false)]).await;
    record(&journal, vec![(late(6), true)]).await;
    let record = read(&journal, &task).await;
    assert_eq!((record.settlement, record.recorded), (None, task));
}

#[tokio::test]
async fn what_others_delivered_before_it_was_seen_is_delivered() {
    let (directory, journal) = fresh();
    let task = fired(6, 3, 1);
    say(&journal, &task, delivered()).await;
    journal.close().await;
    let journal = Journal::open(directory.path(), identity()).expect("it is closed");
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, [(task.task_id, Some(delivered()))]);
    let Fate::Ended(settlement) = delivered() else { panic!("it ended") };
    assert_eq!(read(&journal, &task).await.settlement, Some(settlement));
    assert_eq!(journal.open_tasks(None).await.expect("read"), []);
}

#[tokio::test]
async fn delivery_that_was_missed_counts_more_than_lateness() {
    let (_directory, journal) = fresh();
    let task = late(6);
    say(&journal, &task, delivered()).await;
    record(&journal, vec![(task.clone(), true)]).await;
    assert!(matches!(read(&journal, &task).await.settlement, Some(Settlement::Delivered { .. })));
}

#[tokio::test]
async fn last_word_of_the_chain_counts() {
    let (_directory, journal) = fresh();
    let task = fired(6, 3, 1);
    let pending = PendingLeaf { leaf: ResultLeaf(B256::repeat_byte(7)), until: 2_000_000_000 };
    say(&journal, &task, Fate::Pending(pending)).await;
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, [(task.task_id, Some(Fate::Pending(pending)))]);
    assert_eq!(read(&journal, &task).await.pending, Some(pending));
    let other = fired(7, 3, 1);
    say(&journal, &other, Fate::Pending(pending)).await;
    say(&journal, &other, delivered()).await;
    assert_eq!(record(&journal, vec![(other.clone(), false)]).await, [(other.task_id, Some(delivered()))]);
}
