//! Tests of journals that are not what they were: old copies, lost guards, other nodes with the same keys.

use std::path::Path;

use tandem_types::{B256, BatchRoot, PerToken, Weight};
use tempfile::TempDir;

use super::tests::*;
use super::*;

/// A journal that voted for the tasks of these numbers, closed.
async fn voted(numbers: &[u64]) -> TempDir {
    let (directory, journal) = fresh().await;
    vote_for(&journal, numbers).await;
    journal.close().await;
    directory
}

async fn vote_for(journal: &Journal, numbers: &[u64]) {
    for &number in numbers {
        record_results(journal, &[(number, 1)]).await;
        journal.record_vote(Epoch(1), batch(&[(number, 1)])).await.expect("recorded");
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read").map(|entry| entry.expect("read")) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn doubt_of(directory: &TempDir) -> Doubt {
    match try_open(directory.path()) {
        Err(OpenError::Doubt { doubt, .. }) => doubt,
        other => panic!("the journal is not doubted: {:?}", other.err()),
    }
}

/// A journal that was put back from a copy which lacks its last vote.
async fn put_back() -> TempDir {
    let directory = voted(&[1, 2]).await;
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    copy(&data, &backup);
    let journal = open(directory.path());
    vote_for(&journal, &[3]).await;
    journal.close().await;
    copy(&backup, &data);
    directory
}

fn seen(root: BatchRoot, tasks: &[u64]) -> Certified {
    let weight = PerToken { native: Weight::from(2), external: Weight::MAX };
    Certified {
        tx_hash: B256::repeat_byte(0x77),
        block: (9, 1_700_000_009),
        epoch: Epoch(1),
        root,
        is_final: true,
        signed: weight,
        total: weight,
        is_own: Some(true),
        tasks: tasks.iter().map(|number| id(*number)).collect(),
    }
}

fn testimony(certified: Certified) -> Testimony {
    Testimony { certified: vec![certified], ..Testimony::default() }
}

#[tokio::test]
async fn new_journal_signs_nothing_before_it_has_a_floor() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let journal = open(directory.path());
    record_results(&journal, &[(1, 1), (2, 1)]).await;
    let refused = journal.record_vote(Epoch(1), batch(&[(1, 1)])).await;
    assert!(matches!(&refused, Err(error @ JournalError::NoFloor) if !error.is_fatal()), "{refused:?}");
    journal.raise_floor(Floor { number: 1, before: 0 }).await.expect("recorded");
    let refused = journal.record_vote(Epoch(1), batch(&[(1, 1)])).await;
    assert!(matches!(&refused, Err(error @ JournalError::BelowFloor { .. }) if !error.is_fatal()), "{refused:?}");
    journal.record_vote(Epoch(1), batch(&[(2, 1)])).await.expect("above the floor");
    assert!(journal.task(id(1)).await.expect("read").expect("recorded").is_below_floor);
    assert!(!journal.task(id(2)).await.expect("read").expect("recorded").is_below_floor);
}

#[tokio::test]
async fn floor_counts_time_too_and_never_sinks() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    let asked = 1_700_000_000;
    assert_eq!(journal.raise_floor(Floor { number: 0, before: asked }).await.expect("recorded").before, asked);
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("asked for in the floor's second");
    record_results(&journal, &[(2, 1)]).await;
    journal.raise_floor(Floor { number: 0, before: asked + 1 }).await.expect("recorded");
    let refused = journal.record_vote(Epoch(1), batch(&[(2, 1)])).await;
    assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
    let kept = journal.raise_floor(Floor { number: 9, before: 0 }).await.expect("recorded");
    assert_eq!(kept, Floor { number: 9, before: asked + 1 });
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("what was signed is signed the same again");
}

#[tokio::test]
async fn veto_below_the_floor_needs_to_know_what_was_signed() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1), (2, 1)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect("recorded");
    journal.raise_floor(Floor { number: 2, before: 0 }).await.expect("recorded");
    journal.record_veto(Epoch(1), entry(1, 9)).await.expect("another result than the signed one");
    let refused = journal.record_veto(Epoch(1), entry(2, 9)).await;
    assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
}

#[tokio::test]
async fn database_itself_signs_nothing_below_the_floor_and_does_not_sink_it() {
    let (directory, journal) = fresh().await;
    journal.raise_floor(Floor { number: 5, before: 7 }).await.expect("recorded");
    let outside = outside(&directory);
    for sql in [
        "UPDATE floor SET number = 4",
        "UPDATE floor SET before = 6",
        "DELETE FROM floor",
        "UPDATE guard SET sequence = sequence - 1",
        "INSERT INTO signed VALUES (zeroblob(32), zeroblob(32), 1, zeroblob(32), 5, 9, 0, 0)",
        "INSERT INTO signed VALUES (zeroblob(32), zeroblob(32), 1, zeroblob(32), 6, 6, 0, 0)",
    ] {
        let error = outside.execute(sql, []).expect_err(sql);
        assert_eq!(StorageError::from(error).fault, StorageFault::Constraint, "{sql}");
    }
}

#[tokio::test]
async fn old_copy_does_not_open() {
    let directory = put_back().await;
    assert_eq!(doubt_of(&directory), Doubt::Behind { journal: 2, guard: 3 });
    // Nothing was changed by looking.
    assert_eq!(doubt_of(&directory), Doubt::Behind { journal: 2, guard: 3 });
}

/// Backups of every vote, and of the state between any two, are told from the journal.
#[tokio::test]
async fn every_copy_that_lacks_a_vote_is_told() {
    let directory = voted(&[]).await;
    let data = directory.path().join("data");
    for number in 1..=4 {
        copy(&data, &directory.path().join(format!("backup-{number}")));
        let journal = open(directory.path());
        vote_for(&journal, &[number]).await;
        journal.close().await;
    }
    for number in 1..=4 {
        copy(&directory.path().join(format!("backup-{number}")), &data);
        assert_eq!(doubt_of(&directory), Doubt::Behind { journal: number - 1, guard: 4 });
    }
}

#[tokio::test]
async fn recovered_copy_leaves_alone_what_may_have_been_signed() {
    let directory = put_back().await;
    let journal = Journal::recover(&place(directory.path()), identity(1), Floor { number: 3, before: 0 });
    let journal = journal.expect("recovered");
    record_results(&journal, &[(3, 9), (4, 9)]).await;
    let refused = journal.record_vote(Epoch(1), batch(&[(3, 9)])).await;
    assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
    let refused = journal.record_veto(Epoch(1), entry(3, 1)).await;
    assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
    journal.record_vote(Epoch(1), batch(&[(1, 1), (2, 1)])).await.expect("known to be signed so");
    journal.record_vote(Epoch(1), batch(&[(4, 9)])).await.expect("asked for afterwards");
    journal.close().await;
    open(directory.path()).close().await;
}

#[tokio::test]
async fn recovery_counts_what_the_journal_has_seen() {
    let (directory, journal) = fresh().await;
    record(&journal, [1, 7]).await;
    journal.close().await;
    std::fs::remove_file(place(directory.path()).guard).expect("removed");
    let journal = Journal::recover(&place(directory.path()), identity(1), Floor { number: 3, before: 5 });
    let floor = journal.expect("recovered").floor().await.expect("read");
    assert_eq!(floor, Some(Floor { number: 7, before: 5 }));
}

#[tokio::test]
async fn copy_from_before_a_recovery_does_not_open() {
    let directory = voted(&[1]).await;
    let (data, backup) = (directory.path().join("data"), directory.path().join("backup"));
    copy(&data, &backup);
    Journal::recover(&place(directory.path()), identity(1), Floor::default()).expect("recovered").close().await;
    copy(&backup, &data);
    assert_eq!(doubt_of(&directory), Doubt::OtherLine(place(directory.path()).guard));
}

#[tokio::test]
async fn journal_without_its_guard_does_not_open() {
    let directory = voted(&[]).await;
    let guard = place(directory.path()).guard;
    std::fs::remove_file(&guard).expect("removed");
    assert_eq!(doubt_of(&directory), Doubt::NoGuard(guard.clone()));
    std::fs::write(&guard, [0; 1_024]).expect("written");
    assert_eq!(doubt_of(&directory), Doubt::Damaged(guard));
}

#[tokio::test]
async fn guard_without_its_journal_begins_no_new_one() {
    let directory = voted(&[1]).await;
    std::fs::remove_dir_all(directory.path().join("data")).expect("removed");
    let path = place(directory.path()).guard;
    for _ in 0..2 {
        assert_eq!(doubt_of(&directory), Doubt::NoJournal { path: path.clone(), sequence: 1 });
    }
    let journal = Journal::recover(&place(directory.path()), identity(1), Floor { number: 8, before: 0 });
    assert_eq!(journal.expect("recovered").floor().await.expect("read"), Some(Floor { number: 8, before: 0 }));
}

/// The guard is written after the commit and before the answer, so a crash between the two leaves a journal that is ahead.
#[tokio::test]
async fn crash_between_commit_and_guard_is_no_doubt() {
    let directory = voted(&[1]).await;
    let guard = place(directory.path()).guard;
    let before = std::fs::read(&guard).expect("read");
    let journal = open(directory.path());
    vote_for(&journal, &[2]).await;
    journal.close().await;
    std::fs::write(&guard, before).expect("written");
    let journal = open(directory.path());
    assert_eq!(signed(&journal, 2).await, leaf(1));
    journal.close().await;
    assert_ne!(std::fs::read(&guard).expect("read").len(), 0);
    open(directory.path()).close().await;
}

#[tokio::test]
async fn guard_that_cannot_be_written_keeps_the_journal_shut() {
    let (directory, journal) = fresh().await;
    journal.close().await;
    let nowhere = Place { guard: "/proc/guard".into(), ..place(directory.path()) };
    let recovered = Journal::recover(&nowhere, identity(1), Floor::default());
    assert!(matches!(recovered, Err(OpenError::Guard { .. })), "{:?}", recovered.err());
}

#[tokio::test]
async fn own_certificate_that_the_journal_does_not_know_ends_signing_for_good() {
    let (directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1), (2, 1)]).await;
    let known = batch(&[(1, 1)]);
    journal.record_vote(Epoch(1), known.clone()).await.expect("recorded");
    assert_eq!(journal.witness(testimony(seen(known.root(), &[1]))).await.expect("answered"), None);
    let others = Certified { is_own: Some(false), ..seen(BatchRoot(B256::repeat_byte(3)), &[2]) };
    assert_eq!(journal.witness(testimony(others)).await.expect("answered"), None);
    let unknown = seen(BatchRoot(B256::repeat_byte(4)), &[2]);
    let doubt = journal.witness(testimony(unknown)).await.expect("answered").expect("a doubt");
    assert!(doubt.contains("another node signs with the same keys"), "{doubt}");
    let refused = journal.record_vote(Epoch(1), batch(&[(2, 1)])).await;
    assert!(matches!(&refused, Err(error @ JournalError::Doubted(_)) if error.is_fatal()), "{refused:?}");
    let refused = journal.record_veto(Epoch(1), entry(2, 9)).await;
    assert!(matches!(refused, Err(JournalError::Doubted(_))), "{refused:?}");
    journal.close().await;
    assert_eq!(doubt_of(&directory), Doubt::Recorded(doubt));
    Journal::recover(&place(directory.path()), identity(1), Floor::default()).expect("recovered").close().await;
    open(directory.path()).close().await;
}

#[tokio::test]
async fn certificate_over_tasks_below_the_floor_proves_nothing() {
    let (_directory, journal) = fresh().await;
    record(&journal, [1, 2]).await;
    journal.raise_floor(Floor { number: 1, before: 0 }).await.expect("recorded");
    let root = BatchRoot(B256::repeat_byte(4));
    assert_eq!(journal.witness(testimony(seen(root, &[1]))).await.expect("answered"), None);
    assert_eq!(journal.witness(testimony(seen(root, &[77]))).await.expect("answered"), None, "of an unknown task");
    let asked = vec![(id(77), (77, 1_700_000_000))];
    let of_this_span = Testimony { asked, ..testimony(seen(root, &[77])) };
    assert!(journal.witness(of_this_span).await.expect("answered").is_some());
}

#[tokio::test]
async fn own_veto_that_the_journal_does_not_know_ends_signing() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    journal.record_veto(Epoch(1), entry(1, 9)).await.expect("recorded");
    let vetoed = |leaf| Testimony { vetoed: vec![entry(1, leaf)], ..Testimony::default() };
    assert_eq!(journal.witness(vetoed(9)).await.expect("answered"), None);
    assert!(journal.witness(vetoed(8)).await.expect("answered").is_some());
}

#[tokio::test]
async fn one_life_is_told_with_times_certificate_and_cost() {
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1)]).await;
    let voted = batch(&[(1, 1)]);
    journal.record_vote(Epoch(1), voted.clone()).await.expect("recorded");
    let certified = seen(voted.root(), &[1]);
    journal.witness(testimony(certified.clone())).await.expect("recorded");
    let tx_hash = certified.tx_hash;
    let submission = Submission {
        tx_hash,
        kind: "batch",
        results: 2,
        block_number: 9,
        gas: 200_000,
        gas_price: 1 << 70,
        is_success: true,
    };
    journal.record_submission(submission).await.expect("recorded");
    journal.settle(id(1), Settlement::Delivered { tx_hash, block: 9, handled: true }).await.expect("recorded");
    let life = journal.life(id(1)).await.expect("read").expect("recorded");
    assert!(life.executed_at.is_some() && life.settled_at.is_some() && life.recorded_at > 0);
    assert_eq!(life.vote.map(|(at, epoch, root)| (at.is_some(), epoch, root)), Some((true, Epoch(1), voted.root())));
    let certificate = life.certificate.expect("kept");
    assert_eq!((certificate.signed, certificate.is_own), (certified.signed, Some(true)));
    let cost = life.cost.expect("kept");
    assert_eq!((cost.results, cost.wei), (2, (200_000u128 << 70).to_string()));
    assert_eq!(journal.life(id(2)).await.expect("read"), None);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_as_asked() {
    let (_directory, journal) = fresh().await;
    record(&journal, 1..=5).await;
    record_results(&journal, &[(2, 1), (4, 1)]).await;
    journal.settle(id(4), Settlement::Expired).await.expect("recorded");
    let numbers = async |query: TaskQuery| -> Vec<u64> {
        journal.tasks(query).await.expect("read").iter().filter_map(|task| task.number).collect()
    };
    let all = TaskQuery { limit: 10, ..TaskQuery::default() };
    assert_eq!(numbers(all.clone()).await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers(TaskQuery { limit: 2, ..all.clone() }).await, [5, 4]);
    for (state, expected) in
        [("open", vec![5, 3, 2, 1]), ("executed", vec![2]), ("expired", vec![4]), ("vetoed", vec![])]
    {
        assert_eq!(numbers(TaskQuery { state: Some(state.to_owned()), ..all.clone() }).await, expected, "{state}");
    }
    let workflow = Some("other".parse().expect("a name"));
    assert_eq!(numbers(TaskQuery { workflow, ..all.clone() }).await, [0; 0]);
    assert_eq!(numbers(TaskQuery { since: u64::MAX >> 1, ..all }).await, [0; 0]);
    assert_eq!(journal.numbered(3).await.expect("read"), [id(3)]);
}

/// A journal with a task per day, the last of which is the newest; the first is still open, and signed.
async fn daily(days: u64) -> (TempDir, Journal) {
    let (directory, journal) = fresh().await;
    for number in 1..=days {
        let mut recorded = task(number);
        recorded.block_time = Some(number * DAY_S);
        journal.record_span(vec![recorded], vec![], cursor(number)).await.expect("recorded");
        journal.record_outcome(ran(number), result(1)).await.expect("recorded");
        if number != 2 {
            journal.record_vote(Epoch(1), batch(&[(number, 1)])).await.expect("recorded");
        }
        if number != 1 {
            journal.settle(id(number), Settlement::Expired).await.expect("recorded");
        }
    }
    (directory, journal)
}

const DAY_S: u64 = 24 * 3_600;

#[tokio::test]
async fn settled_tasks_are_forgotten_with_age_and_never_signed_again() {
    let (directory, journal) = daily(20).await;
    let pruned = journal.prune(20 * DAY_S, 10 * DAY_S).await.expect("pruned");
    assert_eq!((pruned.tasks, pruned.is_partial()), (8, false));
    for number in 2..=9 {
        assert_eq!(journal.task(id(number)).await.expect("read"), None, "task {number}");
    }
    for number in [1, 10, 20] {
        assert!(journal.task(id(number)).await.expect("read").is_some(), "task {number}");
    }
    assert_eq!(journal.floor().await.expect("read"), Some(Floor { number: 9, before: 10 * DAY_S }));
    // They come again, by a reorganisation or another reading of the chain, with another result.
    let again = |number: u64| RecordedTask { block_time: Some(number * DAY_S), ..task(number) };
    journal.record_span(vec![again(2), again(3)], vec![], cursor(21)).await.expect("recorded");
    for number in [2, 3] {
        journal.record_outcome(ran(number), result(7)).await.expect("recorded");
        let refused = journal.record_vote(Epoch(1), batch(&[(number, 7)])).await;
        assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
        let refused = journal.record_veto(Epoch(1), entry(number, 1)).await;
        assert!(matches!(refused, Err(JournalError::BelowFloor { .. })), "{refused:?}");
    }
    journal.record_vote(Epoch(2), batch(&[(1, 1)])).await.expect("the open task, as before");
    journal.close().await;
    let checked = Offline::look(&place(directory.path())).expect("readable").check().expect("read");
    assert_eq!((checked.faults, checked.sequence), (vec![], 19));
    open(directory.path()).close().await;
}

#[tokio::test]
async fn clock_that_runs_ahead_makes_nothing_old() {
    let (_directory, journal) = daily(20).await;
    assert_eq!(journal.prune(u64::MAX >> 2, 30 * DAY_S).await.expect("answered").tasks, 0);
    assert_eq!(journal.floor().await.expect("read"), Some(Floor::default()));
}

#[tokio::test]
async fn journal_under_load_does_not_grow_beyond_what_it_keeps() {
    let (directory, journal) = fresh().await;
    let pages =
        || -> i64 { outside(&directory).pragma_query_value(None, "page_count", |row| row.get(0)).expect("read") };
    let mut sizes = Vec::new();
    for day in 1..=30u64 {
        let numbers = move || day * 200..(day + 1) * 200;
        let on_day = move |number| RecordedTask { block_time: Some(day * DAY_S), input: vec![7; 500], ..task(number) };
        journal.record_span(numbers().map(on_day).collect(), vec![], cursor(day)).await.expect("recorded");
        let run = move |connection: &Connection| {
            for number in numbers() {
                tasks::record_outcome(connection, ran(number), result(1))?;
                votes::record(connection, Epoch(1), &batch(&[(number, 1)]))?;
                tasks::settle(connection, id(number), Settlement::Expired)?;
            }
            Ok(())
        };
        journal.write(run).await.expect("recorded");
        while journal.prune(day * DAY_S, 5 * DAY_S).await.expect("pruned").is_partial() {}
        sizes.push(pages());
    }
    assert!(sizes[29] <= sizes[9] + 8, "{sizes:?}");
    let kept = journal.tasks(TaskQuery { limit: TASKS_MAX, ..TaskQuery::default() }).await.expect("read");
    assert!(kept.len() <= TASKS_MAX);
    assert!(sizes[29] < 2_000, "{sizes:?}");
}
