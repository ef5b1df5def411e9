//! Tests of journals that earlier versions left: a file of each is in `fixtures/`.

use tandem_types::{BatchRoot, Requirement};
use tempfile::TempDir;

use super::tests::*;
use super::*;

const FIXTURES: [&str; 5] = [
    include_str!("fixtures/0001.sql"),
    include_str!("fixtures/0002.sql"),
    include_str!("fixtures/0003.sql"),
    include_str!("fixtures/0004.sql"),
    include_str!("fixtures/0005.sql"),
];

fn left_by(version: usize) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(directory.path().join("data")).expect("made");
    // A dump has its tables in the order of their names.
    let fixture = format!("PRAGMA foreign_keys = 0; {}", FIXTURES[version - 1]);
    outside(&directory).execute_batch(&fixture).expect("the fixture is a journal");
    // A journal has its guard from version 4 on; the line is the fixture's.
    if version >= 4 {
        let line = outside(&directory).query_row("SELECT line FROM guard", [], |row| row.get(0)).expect("read");
        Guard::create(&place(directory.path()).guard, guard::Mark { line, sequence: 3 }).expect("written");
    }
    directory
}

fn task_id(number: u64) -> TaskId {
    TaskId(tandem_types::B256::from_slice(format!("{number:032}").as_bytes()))
}

fn says(number: u64, byte: u8) -> BatchEntry {
    BatchEntry { task_id: task_id(number), leaf: leaf(byte).expect("a leaf") }
}

fn versions() -> std::ops::RangeInclusive<usize> {
    1..=FIXTURES.len()
}

/// What a database is made of.
fn schema_of(connection: &Connection) -> Vec<(String, String)> {
    let mut statement = connection
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
        .expect("read");
    let tidy = |sql: String| sql.replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, tidy(row.get(1)?)))).expect("read");
    rows.collect::<rusqlite::Result<_>>().expect("read")
}

#[test]
fn there_is_a_journal_of_every_version() {
    assert_eq!(FIXTURES.len(), schema::VERSION as usize);
    for (version, fixture) in (1..).zip(FIXTURES) {
        assert!(fixture.contains(&format!("PRAGMA user_version = {version};")), "fixture {version}");
    }
}

#[tokio::test]
async fn every_version_comes_to_the_same_schema() {
    let (fresh, journal) = fresh().await;
    journal.close().await;
    for version in versions() {
        let directory = left_by(version);
        open(directory.path()).close().await;
        assert_eq!(schema_of(&outside(&directory)), schema_of(&outside(&fresh)), "from version {version}");
    }
}

#[tokio::test]
async fn nothing_is_lost_from_any_version() {
    for version in versions() {
        let directory = left_by(version);
        let journal = open(directory.path());
        let vetoed = u64::from(version > 1);
        let counts = TaskCounts {
            waiting: 1,
            executed: 2 - vetoed,
            failed: 1,
            delivered: 1,
            expired: 1,
            vetoed,
            ..TaskCounts::default()
        };
        assert_eq!(journal.counts().await.expect("read"), counts, "version {version}");
        assert_eq!(journal.cursor(CHAIN).await.expect("read").map(|cursor| cursor.block_number), Some(77));
        let record = journal.task(task_id(2)).await.expect("read").expect("recorded");
        assert_eq!(record.recorded.task.requirement, Requirement::new(6_667, 6_667, 0).expect("below 10 000"));
        assert_eq!((record.signed, record.outcome.and_then(|outcome| outcome.leaf())), (leaf(2), leaf(2)));
        let delivered = Settlement::Delivered { tx_hash: tandem_types::B256::repeat_byte(8), block: 7, handled: true };
        assert_eq!(record.settlement, Some(delivered), "version {version}");
        let life = journal.life(task_id(1)).await.expect("read").expect("recorded");
        let root = BatchRoot(tandem_types::B256::repeat_byte(0xa1));
        assert_eq!(life.vote, Some((Some(1_700_000_150), Epoch(3), root)), "version {version}");
        journal.close().await;
        let checked = Offline::look(&place(directory.path())).expect("readable").check().expect("read");
        assert_eq!((checked.faults, checked.signed, checked.sequence), (vec![], 2, 2 + vetoed), "version {version}");
    }
}

#[tokio::test]
async fn what_any_version_signed_is_signed_with_nothing_else() {
    for version in versions() {
        let directory = left_by(version);
        let journal = open(directory.path());
        let vote = async |entry| journal.record_vote(Epoch(4), Batch::new(vec![entry]).expect("one is a batch")).await;
        vote(says(1, 1)).await.expect("the same again");
        let twice = vote(says(1, 9)).await;
        assert!(matches!(twice, Err(JournalError::Conflict { .. })), "version {version}: {twice:?}");
        let veto = journal.record_veto(Epoch(4), says(1, 1)).await;
        assert!(matches!(veto, Err(JournalError::VetoOfOwn { .. })), "version {version}: {veto:?}");
        if version > 1 {
            let vetoed = journal.record_veto(Epoch(4), says(6, 0x66)).await;
            vetoed.expect("the same veto again");
            vote(says(6, 6)).await.expect("the own result of a task that was vetoed");
        }
    }
}

#[tokio::test]
async fn triggers_are_read_on_where_they_were_from_version_5() {
    let directory = left_by(5);
    let journal = open(directory.path());
    let trigger = (ManifestHash(tandem_types::B256::repeat_byte(4)), "tick".parse().expect("a name"));
    let cursor = journal.trigger_cursor(trigger.clone()).await.expect("read").expect("recorded");
    assert_eq!((cursor.position, cursor.block_number), (1_700_000_000, 77));
    let early = RecordedTask { task_id: TaskId(tandem_types::B256::repeat_byte(0x99)), ..task(9) };
    let new = journal.record_firings(trigger, vec![(early, false)], cursor).await.expect("recorded");
    assert!(matches!(new[..], [(_, Some(Fate::Ended(Settlement::Delivered { block: 7, .. })))]), "{new:?}");
}
