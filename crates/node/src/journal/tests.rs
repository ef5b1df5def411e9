//! Tests of the journal, all on real files.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tandem_types::{
    Address, B256, ComponentDigest, ManifestHash, OperatorId, Requirement, ResultLeaf, ServiceId, Task, keccak256,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;

pub(super) const CHAIN: u64 = 31_337;
/// Set for the process that is to be killed.
const VICTIM_DIRECTORY: &str = "TANDEM_TEST_VICTIM_JOURNAL";

pub(super) fn identity(operator: u8) -> Identity {
    Identity {
        service: ServiceId { chain_id: CHAIN, manager: Address::repeat_byte(0x5e) },
        operator: OperatorId(Address::repeat_byte(operator)),
    }
}

pub(super) fn place(directory: &Path) -> Place {
    Place { data: directory.join("data"), guard: directory.join("elsewhere/guard") }
}

pub(super) fn try_open(directory: &Path) -> Result<Journal, OpenError> {
    Journal::open(&place(directory), identity(1))
}

pub(super) fn open(directory: &Path) -> Journal {
    try_open(directory).expect("the directory is free and the journal is its own")
}

/// A journal that has just been made, and signs every task.
pub(super) async fn fresh() -> (TempDir, Journal) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let journal = open(directory.path());
    journal.raise_floor(Floor::default()).await.expect("recorded");
    (directory, journal)
}

pub(super) fn task(number: u64) -> RecordedTask {
    let task = Task {
        number,
        workflow: "score".parse().expect("a name"),
        manifest: ManifestHash(B256::repeat_byte(1)),
        handler: Address::repeat_byte(2),
        requester: Address::repeat_byte(3),
        deadline: 2_000_000_000,
        requirement: Requirement::new(6_667, 0, 8_000).expect("below 10 000"),
        input_hash: keccak256(b"game"),
    };
    RecordedTask {
        task_id: task.id(identity(1).service),
        task,
        input: b"game".to_vec(),
        block_number: number,
        block_hash: Some(B256::repeat_byte(4)),
        block_time: Some(1_700_000_000),
    }
}

pub(super) fn id(number: u64) -> TaskId {
    task(number).task_id
}

/// The task, as it is when it is executed.
pub(super) fn ran(number: u64) -> (TaskId, Option<B256>) {
    let RecordedTask { task_id, block_hash, .. } = task(number);
    (task_id, block_hash)
}

pub(super) fn cursor(block_number: u64) -> Cursor {
    Cursor { chain_id: CHAIN, block_number, block_hash: B256::repeat_byte(5) }
}

pub(super) fn result(leaf: u8) -> Outcome {
    Outcome::Result {
        component: ComponentDigest(B256::repeat_byte(6)),
        leaf: ResultLeaf(B256::repeat_byte(leaf)),
        payload: vec![leaf; 3],
        fuel: 7,
        elapsed_ms: 8,
    }
}

fn failure(message: &str) -> Outcome {
    Outcome::Failed { kind: FailureKind::Source, message: message.to_owned(), fuel: 9 }
}

pub(super) fn entry(number: u64, leaf: u8) -> BatchEntry {
    BatchEntry { task_id: id(number), leaf: ResultLeaf(B256::repeat_byte(leaf)) }
}

pub(super) fn pending(leaf: u8, until: u64) -> PendingLeaf {
    PendingLeaf { leaf: ResultLeaf(B256::repeat_byte(leaf)), until, block: 6 }
}

pub(super) fn vetoed() -> Settlement {
    Settlement::Vetoed { tx_hash: B256::repeat_byte(8), block: 5 }
}

/// A batch that says, of the task of each number, that its leaf is of the byte beside it.
pub(super) fn batch(says: &[(u64, u8)]) -> Batch {
    let mut entries: Vec<_> = says.iter().map(|&(number, leaf)| entry(number, leaf)).collect();
    entries.sort_by_key(|entry| entry.task_id);
    Batch::new(entries).expect("ascending by task")
}

pub(super) async fn record(journal: &Journal, numbers: impl IntoIterator<Item = u64>) {
    let tasks = numbers.into_iter().map(task).collect();
    journal.record_span(tasks, vec![], cursor(1)).await.expect("recorded");
}

pub(super) async fn record_results(journal: &Journal, results: &[(u64, u8)]) {
    record(journal, results.iter().map(|&(number, _)| number)).await;
    for &(number, leaf) in results {
        journal.record_outcome(ran(number), result(leaf)).await.expect("recorded");
    }
}

async fn record_fate(journal: &Journal, number: u64, fate: Fate) {
    journal.record_span(vec![], vec![(id(number), fate)], cursor(1)).await.expect("recorded");
}

pub(super) async fn signed(journal: &Journal, number: u64) -> Option<ResultLeaf> {
    journal.task(id(number)).await.expect("read").expect("recorded").signed
}

pub(super) fn leaf(byte: u8) -> Option<ResultLeaf> {
    Some(ResultLeaf(B256::repeat_byte(byte)))
}

/// A second connection, as an operator with `sqlite3` would have.
pub(super) fn outside(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("data/journal.sqlite")).expect("the file is a database")
}

#[tokio::test]
async fn everything_recorded_is_read_back() {
    let (directory, journal) = fresh().await;
    let mut odd = task(7);
    odd.task.deadline = u64::MAX;
    odd.input = vec![];
    (odd.block_hash, odd.block_time) = (None, None);
    let delivered = Settlement::Delivered { tx_hash: B256::repeat_byte(9), block: u64::MAX, handled: false };
    let tasks = vec![odd.clone(), task(8)];
    assert_eq!(journal.record_span(tasks, vec![], cursor(3)).await.expect("recorded"), [id(7), id(8)]);
    journal.record_outcome(ran(8), result(1)).await.expect("recorded");
    journal.record_vote(Epoch(4), batch(&[(8, 1)])).await.expect("recorded");
    record_fate(&journal, 8, Fate::Pending(pending(1, u64::MAX))).await;
    journal.settle(id(8), delivered).await.expect("recorded");
    journal.close().await;

    let journal = open(directory.path());
    let second = TaskRecord {
        recorded: task(8),
        outcome: Some(result(1)),
        signed: leaf(1),
        is_below_floor: false,
        pending: Some(pending(1, u64::MAX)),
        settlement: Some(delivered),
    };
    let first = TaskRecord {
        recorded: odd,
        outcome: None,
        signed: None,
        is_below_floor: false,
        pending: None,
        settlement: None,
    };
    assert_eq!(journal.task(id(7)).await.expect("read"), Some(first));
    assert_eq!(journal.task(id(8)).await.expect("read"), Some(second));
    assert_eq!(journal.task(id(9)).await.expect("read"), None);
    assert_eq!(journal.cursor(CHAIN).await.expect("read"), Some(cursor(1)));
    assert_eq!(journal.cursor(1).await.expect("read"), None);
}

#[tokio::test]
async fn known_tasks_stay_and_only_new_ones_are_returned() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1]).await;
    let mut again = task(1);
    again.input = b"other".to_vec();
    let new = journal.record_span(vec![again, task(2)], vec![], cursor(2)).await.expect("recorded");
    assert_eq!(new, [id(2)]);
    assert_eq!(journal.task(id(1)).await.expect("read").expect("recorded").recorded, task(1));
}

#[tokio::test]
async fn reorganisation_moves_tasks_without_a_result() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    record(&journal, [2]).await;
    let moved = |number| RecordedTask {
        block_number: 99,
        block_hash: Some(B256::repeat_byte(9)),
        block_time: Some(1_700_000_012),
        ..task(number)
    };
    journal.record_span(vec![moved(1), moved(2)], vec![], cursor(2)).await.expect("recorded");
    for (number, expected) in [(1, task(1)), (2, moved(2))] {
        assert_eq!(journal.task(id(number)).await.expect("read").expect("recorded").recorded, expected);
    }
}

#[tokio::test]
async fn tasks_ends_and_cursor_are_recorded_together_or_not_at_all() {
    let (directory, journal) = fresh().await;
    record(&journal, [1]).await;
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON task WHEN NEW.number = 13 BEGIN SELECT RAISE(ABORT, 'no'); END";
    outside(&directory).execute_batch(refuse).expect("a trigger is made");
    let ends = vec![(id(1), Fate::Ended(Settlement::Expired))];
    let error = journal.record_span(vec![task(12), task(13)], ends.clone(), cursor(13)).await.expect_err("refused");
    assert!(!error.is_fatal(), "{error:?}");
    assert_eq!(journal.cursor(CHAIN).await.expect("read"), Some(cursor(1)));
    assert_eq!(journal.task(id(12)).await.expect("read"), None);
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { waiting: 1, ..TaskCounts::default() });

    journal.record_span(vec![task(12)], ends, cursor(12)).await.expect("recorded");
    assert_eq!(journal.cursor(CHAIN).await.expect("read"), Some(cursor(12)));
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { waiting: 1, expired: 1, ..TaskCounts::default() });
}

#[tokio::test]
async fn what_a_reorganisation_takes_back_is_open_again() {
    let (directory, journal) = fresh().await;
    record(&journal, 1..=4).await;
    let delivered = |block| Fate::Ended(Settlement::Delivered { tx_hash: B256::repeat_byte(8), block, handled: true });
    let fates = vec![
        (id(1), delivered(5)),
        (id(2), Fate::Pending(pending(1, 99))),
        (id(2), delivered(7)),
        (id(3), Fate::Ended(Settlement::Vetoed { tx_hash: B256::repeat_byte(8), block: 8 })),
        (id(4), Fate::Ended(Settlement::Expired)),
        (id(9), delivered(7)),
    ];
    journal.record_span(vec![], fates, cursor(9)).await.expect("recorded");
    assert_eq!(journal.take_back(8).await.expect("answered"), []);
    assert_eq!(journal.take_back(6).await.expect("answered").len(), 2);
    let record = async |number| journal.task(id(number)).await.expect("read").expect("recorded");
    assert_eq!((record(2).await.settlement, record(2).await.pending), (None, Some(pending(1, 99))));
    assert_eq!(journal.take_back(5).await.expect("answered"), [id(2)]);
    assert_eq!(record(2).await.pending, None);
    assert!(record(1).await.settlement.is_some() && record(3).await.settlement.is_none());
    let counts = TaskCounts { waiting: 2, delivered: 1, expired: 1, ..TaskCounts::default() };
    assert_eq!(journal.counts().await.expect("read"), counts);
    let early: i64 =
        outside(&directory).query_row("SELECT count(*) FROM early_fate", [], |row| row.get(0)).expect("read");
    assert_eq!(early, 0, "what was heard of a task before it was seen");
}

#[tokio::test]
async fn first_result_is_final() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1]).await;
    assert_eq!(journal.record_outcome(ran(1), result(1)).await.expect("recorded"), result(1));
    for later in [result(2), failure("too late")] {
        assert_eq!(journal.record_outcome(ran(1), later).await.expect("answered"), result(1));
    }
}

#[tokio::test]
async fn failure_gives_way_to_what_comes_later() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1]).await;
    for outcome in [failure("first"), failure("second"), result(1)] {
        assert_eq!(journal.record_outcome(ran(1), outcome.clone()).await.expect("recorded"), outcome);
    }
}

#[tokio::test]
async fn long_message_is_cut_at_a_character() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1]).await;
    let kept = journal.record_outcome(ran(1), failure(&format!("x{}", "é".repeat(600)))).await.expect("recorded");
    assert_eq!(kept, failure(&format!("x{}", "é".repeat(511))));
}

#[tokio::test]
async fn what_is_said_of_unknown_tasks_is_refused() {
    let (_directory, journal) = fresh().await;
    let outcome = journal.record_outcome(ran(1), result(1)).await;
    assert!(matches!(outcome, Err(JournalError::UnknownTask(task_id)) if task_id == id(1)));
    let settled = journal.settle(id(1), Settlement::Expired).await;
    assert!(matches!(settled, Err(JournalError::UnknownTask(task_id)) if task_id == id(1)));
    let ends = vec![(id(1), Fate::Ended(Settlement::Expired))];
    journal.record_span(vec![], ends, cursor(1)).await.expect("ends of unknown tasks are passed over");
}

#[tokio::test]
async fn same_vote_again_is_accepted() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1), (2, 2)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("recorded");
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("the same again");
    journal.record_vote(Epoch(2), batch(&[(1, 1), (2, 2)])).await.expect("the same result in another batch");
    assert_eq!([signed(&journal, 1).await, signed(&journal, 2).await], [leaf(1), leaf(2)]);
}

#[tokio::test]
async fn vote_for_a_second_result_is_refused_whole() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1), (2, 2), (3, 3)]).await;
    journal.record_vote(Epoch(1), batch(&[(2, 2)])).await.expect("recorded");
    let refused = journal.record_vote(Epoch(2), batch(&[(1, 1), (2, 9), (3, 3)])).await;
    let Err(JournalError::Conflict { task_id, signed: was, asked }) = refused else {
        panic!("not a conflict: {refused:?}");
    };
    assert_eq!((task_id, Some(was), Some(asked)), (id(2), leaf(2), leaf(9)));
    assert_eq!(
        [signed(&journal, 1).await, signed(&journal, 2).await, signed(&journal, 3).await],
        [None, leaf(2), None]
    );
    journal.record_vote(Epoch(2), batch(&[(1, 1), (3, 3)])).await.expect("the others are free to be signed");
}

#[tokio::test]
async fn vote_for_other_than_the_own_result_is_refused() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    record(&journal, [2, 3]).await;
    journal.record_outcome(ran(3), failure("no result")).await.expect("recorded");
    for (number, own) in [(1, leaf(1)), (2, None), (3, None), (4, None)] {
        let refused = journal.record_vote(Epoch(1), batch(&[(number, 9)])).await;
        assert!(
            matches!(&refused, Err(error @ JournalError::NotOwnResult { own: found, .. }) if *found == own && !error.is_fatal()),
            "{number}: {refused:?}"
        );
    }
    let votes: u32 = outside(&_directory).query_row("SELECT count(*) FROM vote", [], |row| row.get(0)).expect("read");
    assert_eq!(votes, 0);
}

#[tokio::test]
async fn database_itself_refuses_a_second_leaf_and_a_second_result() {
    let (directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("recorded");
    let outside = outside(&directory);
    let veto =
        "INSERT INTO vetoed (task_id, leaf, epoch, number, asked_at) VALUES (zeroblob(32), randomblob(32), 1, 1, 1)";
    outside.execute(veto, []).expect("a veto of a task that was not signed");
    for sql in [
        "UPDATE signed SET leaf = zeroblob(32)",
        "INSERT INTO signed SELECT task_id, zeroblob(32), epoch, root, number, asked_at, 0, 0 FROM signed",
        "DELETE FROM signed",
        "DELETE FROM vetoed",
        "UPDATE outcome SET leaf = zeroblob(32)",
        "UPDATE outcome SET kind = 'failed'",
        "INSERT INTO vetoed SELECT task_id, leaf, epoch, 1, 1, 0, 0 FROM signed",
        "UPDATE vetoed SET leaf = zeroblob(32)",
        "INSERT INTO signed SELECT task_id, leaf, epoch, zeroblob(32), 1, 1, 0, 0 FROM vetoed",
    ] {
        let error = outside.execute(sql, []).expect_err(sql);
        assert_eq!(StorageError::from(error).fault, StorageFault::Constraint, "{sql}");
    }
}

#[tokio::test]
async fn word_of_the_chain_replaces_any_end_and_nothing_else_does() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1]).await;
    let delivered = |block| Settlement::Delivered { tx_hash: B256::repeat_byte(1), block, handled: true };
    for (asked, kept) in [
        (Settlement::Expired, Settlement::Expired),
        (Settlement::Skipped, Settlement::Expired),
        (delivered(1), delivered(1)),
        (Settlement::Expired, delivered(1)),
        (vetoed(), vetoed()),
        (Settlement::Skipped, vetoed()),
        (delivered(2), delivered(2)),
    ] {
        assert_eq!(journal.settle(id(1), asked).await.expect("answered"), Some(kept));
    }
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { delivered: 1, ..TaskCounts::default() });
}

#[tokio::test]
async fn pending_result_keeps_its_task_open_until_the_chain_ends_it() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    journal.settle(id(1), Settlement::Expired).await.expect("recorded");
    record_fate(&journal, 1, Fate::Pending(pending(2, 90))).await;
    assert_eq!(journal.settle(id(1), Settlement::Expired).await.expect("answered"), None);
    let open = journal.open_tasks(None).await.expect("read");
    assert_eq!(open.iter().map(|record| record.pending).collect::<Vec<_>>(), [Some(pending(2, 90))]);
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { pending: 1, ..TaskCounts::default() });
    record_fate(&journal, 1, Fate::Ended(vetoed())).await;
    record_fate(&journal, 1, Fate::Pending(pending(2, 90))).await;
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { vetoed: 1, ..TaskCounts::default() });
    record_fate(&journal, 2, Fate::Pending(pending(2, 90))).await;
    assert_eq!(journal.task(id(2)).await.expect("read"), None, "unknown tasks are passed over");
}

#[test]
fn task_is_open_until_its_deadline_and_while_its_result_waits() {
    let mut record = TaskRecord {
        recorded: task(1),
        outcome: None,
        signed: None,
        is_below_floor: false,
        pending: None,
        settlement: None,
    };
    let deadline = record.recorded.task.deadline;
    assert!(record.is_open(deadline) && !record.is_open(deadline + 1));
    assert!(!record.is_expired(deadline) && record.is_expired(deadline + 1));
    record.pending = Some(pending(1, deadline + 9));
    assert!(record.is_open(deadline + 8) && !record.is_open(deadline + 9));
    assert!(!record.is_expired(deadline + 9));
    record.settlement = Some(vetoed());
    assert!(!record.is_open(deadline));
}

#[tokio::test]
async fn other_results_are_vetoed_and_the_own_is_not() {
    let (directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    record(&journal, [2]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("recorded");
    for _ in 0..2 {
        journal.record_veto(Epoch(1), entry(1, 9)).await.expect("another result, and the same again");
    }
    journal.record_veto(Epoch(2), entry(1, 8)).await.expect("a third result");
    for (number, own) in [(1, leaf(1)), (2, None), (3, None)] {
        let refused = journal.record_veto(Epoch(1), entry(number, 1)).await;
        assert!(
            matches!(&refused, Err(error @ JournalError::VetoOfOwn { own: found, .. }) if *found == own && !error.is_fatal()),
            "{number}: {refused:?}"
        );
    }
    let vetoes: u32 = outside(&directory).query_row("SELECT count(*) FROM vetoed", [], |row| row.get(0)).expect("read");
    assert_eq!(vetoes, 2);
}

#[tokio::test]
async fn vetoed_result_is_never_signed() {
    let (directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    // Nobody gets there by the journal's own commands: a vetoed result is not the own one.
    let veto = "INSERT INTO vetoed (task_id, leaf, epoch, number, asked_at) SELECT task_id, leaf, 1, 1, 1 FROM outcome";
    outside(&directory).execute(veto, []).expect("written");
    let refused = journal.record_vote(Epoch(1), batch(&[(1, 1)])).await;
    assert!(matches!(&refused, Err(error @ JournalError::Vetoed { .. }) if !error.is_fatal()), "{refused:?}");
    assert_eq!(signed(&journal, 1).await, None);
}

#[tokio::test]
async fn every_task_is_counted_in_one_state() {
    let (_directory, journal) = fresh().await;
    record(&journal, 1..=8).await;
    journal.record_outcome(ran(2), result(1)).await.expect("recorded");
    journal.record_outcome(ran(3), failure("no")).await.expect("recorded");
    let delivered = Settlement::Delivered { tx_hash: B256::ZERO, block: 1, handled: true };
    record_fate(&journal, 7, Fate::Pending(pending(1, 2))).await;
    for (number, settlement) in [(4, delivered), (5, Settlement::Expired), (6, Settlement::Skipped), (8, vetoed())] {
        journal.settle(id(number), settlement).await.expect("recorded");
    }
    let one_each =
        TaskCounts { waiting: 1, executed: 1, failed: 1, pending: 1, delivered: 1, vetoed: 1, expired: 1, skipped: 1 };
    assert_eq!(journal.counts().await.expect("read"), one_each);
}

#[tokio::test]
async fn open_tasks_come_in_order_page_by_page() {
    let (_directory, journal) = fresh().await;
    let all = OPEN_TASKS_PER_PAGE as u64 + 10;
    record(&journal, (1..=all).rev()).await;
    journal.settle(id(5), Settlement::Expired).await.expect("recorded");
    let first = journal.open_tasks(None).await.expect("read");
    let last = first.last().expect("a full page").position();
    let second = journal.open_tasks(Some(last)).await.expect("read");
    assert_eq!(first.len(), OPEN_TASKS_PER_PAGE);
    let numbers: Vec<_> = first.iter().chain(&second).map(|record| record.recorded.task.number).collect();
    assert_eq!(numbers, (1..=all).filter(|number| *number != 5).collect::<Vec<_>>());
}

#[tokio::test]
async fn failing_command_of_a_group_is_undone_alone() {
    let (_directory, journal) = fresh().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = journal.write(move |_| {
        held.recv().expect("released");
        Ok(())
    });
    let fails = journal.write(|connection| {
        tasks::record_span(connection, &[task(2)], &[], cursor(2))?;
        Err::<(), _>(JournalError::UnknownTask(id(2)))
    });
    let first = journal.record_span(vec![task(1)], vec![], cursor(1));
    let last = journal.record_outcome(ran(1), result(1));
    let let_go = async { release.send(()).expect("held") };
    let (held, first, failed, last, ()) = tokio::join!(hold, first, fails, last, let_go);
    held.expect("the group is committed");
    assert_eq!(first.expect("recorded"), [id(1)]);
    assert!(matches!(failed, Err(JournalError::UnknownTask(_))));
    assert_eq!(last.expect("recorded"), result(1));
    assert_eq!(journal.task(id(2)).await.expect("read"), None);
    assert_eq!(journal.cursor(CHAIN).await.expect("read"), Some(cursor(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_producers_are_all_answered() {
    const PRODUCERS: u64 = 32;
    const TASKS_EACH: u64 = 20;
    let (_directory, journal) = fresh().await;
    let mut producers = JoinSet::new();
    for producer in 0..PRODUCERS {
        let journal = journal.clone();
        producers.spawn(async move {
            for number in producer * TASKS_EACH + 1..=(producer + 1) * TASKS_EACH {
                record_results(&journal, &[(number, 1)]).await;
                journal.record_vote(Epoch(1), batch(&[(number, 1)])).await.expect("recorded");
                assert_eq!(signed(&journal, number).await, leaf(1), "an answered write is seen");
            }
        });
    }
    while let Some(ended) = producers.join_next().await {
        ended.expect("no producer failed");
    }
    let executed = PRODUCERS * TASKS_EACH;
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { executed, ..TaskCounts::default() });
}

#[tokio::test]
async fn closed_journal_answers_so_and_can_be_opened_again() {
    let (directory, journal) = fresh().await;
    let other = journal.clone();
    journal.close().await;
    for closed in [journal.counts().await, other.counts().await] {
        assert!(matches!(closed, Err(JournalError::Stopped)));
    }
    open(directory.path()).close().await;
}

#[tokio::test]
async fn directory_in_use_is_refused_by_name() {
    let (directory, _journal) = fresh().await;
    let error = try_open(directory.path()).expect_err("in use");
    assert!(matches!(&error, OpenError::Locked(path) if *path == place(directory.path()).data));
    assert!(error.to_string().contains(&directory.path().display().to_string()));
}

#[tokio::test]
async fn journal_of_another_is_refused() {
    let (directory, journal) = fresh().await;
    journal.close().await;
    let elsewhere = Identity { service: ServiceId { chain_id: 1, ..identity(1).service }, ..identity(1) };
    for asked in [identity(2), elsewhere] {
        let error = Journal::open(&place(directory.path()), asked).expect_err("another's");
        assert!(matches!(error, OpenError::OtherIdentity { found, .. } if *found == identity(1)));
    }
    open(directory.path()).close().await;
}

#[tokio::test]
async fn newer_schema_is_refused_and_left_alone() {
    let (directory, journal) = fresh().await;
    journal.close().await;
    outside(&directory).pragma_update(None, "user_version", 99).expect("written");
    let error = try_open(directory.path()).expect_err("newer");
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known: schema::VERSION, .. }), "{error:?}");
    let version: u32 = outside(&directory).pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
    assert_eq!(version, 99);
}

#[tokio::test]
async fn full_disk_stops_the_journal_and_loses_nothing_answered() {
    let (directory, journal) = fresh().await;
    record(&journal, [1]).await;
    journal
        .write(|connection| {
            let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        })
        .await
        .expect("the limit is set");
    let mut large = task(2);
    large.input = vec![0; 1 << 20];
    let error = journal.record_span(vec![large], vec![], cursor(2)).await.expect_err("no room");
    assert!(matches!(&error, JournalError::Storage(error) if error.fault == StorageFault::Full), "{error:?}");
    assert!(error.is_fatal());
    let vote = journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect_err("stopped");
    assert!(vote.is_fatal() && matches!(&vote, JournalError::Storage(error) if error.fault == StorageFault::Full));
    journal.close().await;
    let journal = open(directory.path());
    assert_eq!(journal.counts().await.expect("read"), TaskCounts { waiting: 1, ..TaskCounts::default() });
    assert_eq!(journal.cursor(CHAIN).await.expect("read"), Some(cursor(1)));
}

#[tokio::test]
async fn read_only_database_is_fatal() {
    let (_directory, journal) = fresh().await;
    journal.write(|connection| Ok(connection.pragma_update(None, "query_only", true)?)).await.expect("set");
    let error = journal.record_span(vec![task(1)], vec![], cursor(1)).await.expect_err("not writable");
    assert!(matches!(&error, JournalError::Storage(error) if error.fault == StorageFault::ReadOnly), "{error:?}");
    assert!(error.is_fatal());
}

#[tokio::test]
async fn corrupt_pages_are_fatal() {
    let (directory, journal) = fresh().await;
    record(&journal, 1..=500).await;
    journal.close().await;
    let file = directory.path().join("data/journal.sqlite");
    let mut bytes = std::fs::read(&file).expect("read");
    let pages = bytes.len() / 4096;
    bytes[30 * 4096..(pages - 1) * 4096].fill(0xee);
    let journal = open(directory.path());
    std::fs::write(&file, bytes).expect("written");

    let mut after = None;
    let error = loop {
        match journal.open_tasks(after).await {
            Ok(page) => after = Some(page.last().expect("a corrupt page comes first").position()),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, JournalError::Storage(error) if error.fault == StorageFault::Corrupt), "{error:?}");
    let write = journal.record_span(vec![], vec![], cursor(2)).await.expect_err("nothing is written any more");
    assert!(write.is_fatal());
    journal.close().await;
    let error = try_open(directory.path()).expect_err("it is told before anything is signed");
    assert!(matches!(&error, OpenError::Storage { source, .. } if source.fault == StorageFault::Corrupt), "{error:?}");
    assert!(error.hint().contains("db check"), "{}", error.hint());
}

/// Runs itself as a second process that records, executes and votes as fast as it can, and kills that in the middle.
#[test]
fn killed_process_loses_no_answered_write() {
    if let Some(directory) = std::env::var_os(VICTIM_DIRECTORY) {
        return record_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    for round in 0..3 {
        let answered = kill_after(directory.path(), round * 1_000_000 + 1, 300);
        let journal = open(directory.path());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            for number in &answered {
                let record = journal.task(id(*number)).await.expect("read").expect("answered, so recorded");
                assert_eq!((record.outcome, record.signed), (Some(result(1)), leaf(1)), "task {number}");
            }
            journal.close().await;
        });
    }
}

/// The numbers of the tasks whose votes were answered before the kill.
fn kill_after(directory: &Path, first: u64, answers: usize) -> Vec<u64> {
    let name = module_path!().split_once("::").expect("the module is in a crate").1;
    let mut victim = Command::new(std::env::current_exe().expect("the test binary"))
        .args(["--exact", &format!("{name}::killed_process_loses_no_answered_write"), "--nocapture"])
        .env(VICTIM_DIRECTORY, directory)
        .env("TANDEM_TEST_FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut numbers = Vec::new();
    // A line that was cut off by the kill is an answer that nobody saw.
    let number =
        |line: String| line.strip_prefix("answered ").and_then(|rest| rest.strip_suffix('.')?.parse::<u64>().ok());
    while numbers.len() < answers {
        numbers.extend(number(lines.next().expect("the process works until it is killed")));
    }
    victim.kill().expect("killed");
    numbers.extend(lines.filter_map(&number));
    victim.wait().expect("gone");
    numbers
}

fn record_until_killed(directory: &Path) {
    let first: u64 = std::env::var("TANDEM_TEST_FIRST").expect("set").parse().expect("a number");
    let journal = open(directory);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        journal.raise_floor(Floor::default()).await.expect("recorded");
        let mut producers = JoinSet::new();
        for producer in 0..16 {
            let journal = journal.clone();
            producers.spawn(async move {
                for number in (first + producer..).step_by(16) {
                    record_results(&journal, &[(number, 1)]).await;
                    journal.record_vote(Epoch(1), batch(&[(number, 1)])).await.expect("recorded");
                    writeln!(std::io::stdout(), "\nanswered {number}.").expect("the parent reads");
                }
            });
        }
        producers.join_all().await;
    });
}
