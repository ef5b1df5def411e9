//! Tests of what the journal keeps of firings, on real files.

use tandem_types::{Address, B256, BatchEntry, ComponentDigest, CronFiring, Firing, LogFiring, ResultLeaf};

use super::tests::{fresh, identity, open};
use super::*;

fn trigger(manifest: u8) -> (ManifestHash, WorkflowId) {
    (ManifestHash(B256::repeat_byte(manifest)), "tick".parse().expect("a name"))
}

/// The firing of a second, anchored in a block, under a manifest.
fn fired(instant: u64, block: u8, manifest: u8) -> RecordedTask {
    let firing = Firing::Cron(CronFiring { instant });
    let (manifest, workflow) = trigger(manifest);
    let task = firing.task(workflow, manifest, (Address::repeat_byte(2), 2_000_000_000 + u64::from(block)));
    RecordedTask {
        task_id: task.id(identity(1).service),
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
    let (directory, journal) = fresh().await;
    assert_eq!(journal.trigger_cursor(trigger(1)).await.expect("read"), None);
    let (first, second) = (fired(6, 3, 1), fired(7, 4, 1));
    let new = record(&journal, vec![(first.clone(), false), (second.clone(), false)]).await;
    assert_eq!(new, [(first.task_id, None), (second.task_id, None)]);
    journal.close().await;
    let journal = open(directory.path());
    assert_eq!(journal.trigger_cursor(trigger(1)).await.expect("read"), Some(cursor(7)));
    assert_eq!(journal.trigger_cursor(trigger(2)).await.expect("read"), None);
    assert_eq!(read(&journal, &first).await.recorded, first);
    assert_eq!(journal.open_tasks(None).await.expect("read").len(), 2);
}

#[tokio::test]
async fn firing_that_comes_again_is_not_new() {
    let (_directory, journal) = fresh().await;
    let task = fired(6, 3, 1);
    record(&journal, vec![(task.clone(), false)]).await;
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, []);
    assert_eq!(read(&journal, &task).await.recorded, task);
}

#[tokio::test]
async fn firing_moves_with_its_anchor_until_it_has_a_result() {
    let (_directory, journal) = fresh().await;
    record(&journal, vec![(fired(6, 3, 1), false)]).await;
    let moved = fired(6, 4, 2);
    record(&journal, vec![(moved.clone(), false)]).await;
    assert_eq!(read(&journal, &moved).await.recorded, moved, "with its manifest and deadline");
    journal.record_outcome((moved.task_id, moved.block_hash), result()).await.expect("recorded");
    record(&journal, vec![(fired(6, 5, 1), false)]).await;
    assert_eq!(read(&journal, &moved).await.recorded, moved, "what the result was computed with");
}

#[tokio::test]
async fn firing_that_came_too_late_is_expired() {
    let (_directory, journal) = fresh().await;
    let task = late(6);
    record(&journal, vec![(task.clone(), true)]).await;
    assert_eq!(read(&journal, &task).await.settlement, Some(Settlement::Expired));
    assert_eq!(journal.counts().await.expect("read").expired, 1);
}

#[tokio::test]
async fn late_look_does_not_end_a_firing_that_is_open() {
    let (_directory, journal) = fresh().await;
    let task = fired(6, 3, 1);
    record(&journal, vec![(task.clone(), false)]).await;
    record(&journal, vec![(late(6), true)]).await;
    let record = read(&journal, &task).await;
    assert_eq!((record.settlement, record.recorded), (None, task));
}

#[tokio::test]
async fn what_others_delivered_before_it_was_seen_is_delivered() {
    let (directory, journal) = fresh().await;
    let task = fired(6, 3, 1);
    say(&journal, &task, delivered()).await;
    journal.close().await;
    let journal = open(directory.path());
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, [(task.task_id, Some(delivered()))]);
    let Fate::Ended(settlement) = delivered() else { panic!("it ended") };
    assert_eq!(read(&journal, &task).await.settlement, Some(settlement));
    assert_eq!(journal.open_tasks(None).await.expect("read"), []);
}

#[tokio::test]
async fn delivery_that_was_missed_counts_more_than_lateness() {
    let (_directory, journal) = fresh().await;
    let task = late(6);
    say(&journal, &task, delivered()).await;
    record(&journal, vec![(task.clone(), true)]).await;
    assert!(matches!(read(&journal, &task).await.settlement, Some(Settlement::Delivered { .. })));
}

#[tokio::test]
async fn last_word_of_the_chain_counts() {
    let (_directory, journal) = fresh().await;
    let task = fired(6, 3, 1);
    let pending = PendingLeaf { leaf: ResultLeaf(B256::repeat_byte(7)), until: 2_000_000_000, block: 5 };
    say(&journal, &task, Fate::Pending(pending)).await;
    assert_eq!(record(&journal, vec![(task.clone(), false)]).await, [(task.task_id, Some(Fate::Pending(pending)))]);
    assert_eq!(read(&journal, &task).await.pending, Some(pending));
    let other = fired(7, 3, 1);
    say(&journal, &other, Fate::Pending(pending)).await;
    say(&journal, &other, delivered()).await;
    assert_eq!(record(&journal, vec![(other.clone(), false)]).await, [(other.task_id, Some(delivered()))]);
}

#[tokio::test]
async fn outcome_of_an_anchor_that_is_no_more_is_refused() {
    let (_directory, journal) = fresh().await;
    let (begun, moved) = (fired(6, 3, 1), fired(6, 4, 2));
    record(&journal, vec![(begun.clone(), false)]).await;
    // It moves while it is executed.
    record(&journal, vec![(moved.clone(), false)]).await;
    let failed = Outcome::Failed { kind: FailureKind::Task, message: "no".to_owned(), fuel: 1 };
    for outcome in [result(), failed] {
        let refused = journal.record_outcome((begun.task_id, begun.block_hash), outcome).await;
        assert!(matches!(refused, Err(JournalError::Moved(task)) if task == begun.task_id), "{refused:?}");
        assert_eq!(read(&journal, &begun).await.outcome, None);
    }
    let kept = journal.record_outcome((moved.task_id, moved.block_hash), result()).await.expect("recorded");
    assert_eq!(kept, result());
    assert_eq!(read(&journal, &moved).await.recorded, moved, "the row is that of the result");
    // The first result is final, whoever asks.
    let again = journal.record_outcome((begun.task_id, begun.block_hash), result()).await.expect("answered");
    assert_eq!(again, result());
}

async fn vote(journal: &Journal, task: &RecordedTask) -> Result<(), JournalError> {
    journal.record_outcome((task.task_id, task.block_hash), result()).await.expect("recorded");
    let leaf = ResultLeaf(B256::repeat_byte(7));
    journal.record_vote(Epoch(1), Batch::new(vec![BatchEntry { task_id: task.task_id, leaf }]).expect("one")).await
}

fn log(position: u64, time: u64) -> RecordedTask {
    let fired = LogFiring {
        chain_id: 1,
        tx_hash: B256::repeat_byte(1),
        position,
        emitter: Address::ZERO,
        topics: vec![],
        data: Default::default(),
    };
    let firing = Firing::Log(fired);
    let task = firing.task(trigger(1).1, trigger(1).0, (Address::repeat_byte(2), 2_000_000_000));
    RecordedTask { task_id: task.id(identity(1).service), task, block_time: Some(time), ..fired_at(time) }
}

fn fired_at(time: u64) -> RecordedTask {
    fired(time, 3, 1)
}

#[tokio::test]
async fn floor_judges_firings_by_their_time_alone() {
    let (_directory, journal) = fresh().await;
    journal.raise_floor(Floor { number: 1_000, before: 50 }).await.expect("recorded");
    for (task, is_above) in
        [(fired_at(49), false), (fired_at(50), false), (fired_at(51), true), (log(1, 50), false), (log(2, 51), true)]
    {
        record(&journal, vec![(task.clone(), false)]).await;
        let answer = vote(&journal, &task).await;
        assert_eq!(answer.is_ok(), is_above, "{answer:?}");
        let is_below_floor = read(&journal, &task).await.is_below_floor;
        assert_eq!(is_below_floor, !is_above);
    }
}

#[tokio::test]
async fn firings_are_forgotten_with_age_and_leave_requests_alone() {
    const DAY_S: u64 = 24 * 3_600;
    let (directory, journal) = fresh().await;
    for day in 1..=20 {
        for task in [fired_at(day * DAY_S), log(day, day * DAY_S)] {
            record(&journal, vec![(task.clone(), false)]).await;
            vote(&journal, &task).await.expect("above the floor");
            journal.settle(task.task_id, Settlement::Expired).await.expect("recorded");
        }
    }
    let pruned = journal.prune(20 * DAY_S, 10 * DAY_S).await.expect("pruned");
    assert_eq!(pruned.tasks, 18);
    assert_eq!(journal.floor().await.expect("read"), Some(Floor { number: 0, before: 10 * DAY_S }));
    assert_eq!(journal.prune(20 * DAY_S, 10 * DAY_S).await.expect("pruned").tasks, 0);
    let again = log(3, 3 * DAY_S);
    record(&journal, vec![(again.clone(), false)]).await;
    assert!(matches!(vote(&journal, &again).await, Err(JournalError::BelowFloor { .. })));
    // Requests that came meanwhile are signed as ever.
    let request = RecordedTask { block_time: Some(20 * DAY_S), ..super::tests::task(1) };
    let cursor = super::tests::cursor(9);
    journal.record_span(vec![request.clone()], vec![], cursor).await.expect("recorded");
    vote(&journal, &request).await.expect("above the floor");
    journal.close().await;
    let checked = Offline::look(&super::tests::place(directory.path())).expect("readable").check().expect("read");
    assert_eq!((checked.faults, checked.sequence), (vec![], 41));
}

#[tokio::test]
async fn recovery_counts_the_firings_that_the_journal_has_seen() {
    let (directory, journal) = fresh().await;
    record(&journal, vec![(fired_at(70), false), (log(1, 80), false)]).await;
    journal.close().await;
    let recovered = Journal::recover(&super::tests::place(directory.path()), identity(1), Floor::default());
    let floor = recovered.expect("recovered").floor().await.expect("read");
    assert_eq!(floor, Some(Floor { number: 0, before: 80 }));
}

#[tokio::test]
async fn firings_are_listed_without_numbers() {
    let (_directory, journal) = fresh().await;
    record(&journal, vec![(fired_at(70), false), (log(1, 80), false)]).await;
    let listed = journal.tasks(TaskQuery { limit: 10, ..TaskQuery::default() }).await.expect("read");
    assert_eq!(listed.iter().map(|task| task.number).collect::<Vec<_>>(), [None, None]);
    assert_eq!(journal.numbered(0).await.expect("read"), []);
}
