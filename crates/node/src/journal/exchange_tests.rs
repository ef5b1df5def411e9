//! Tests of what was signed as a file: out of one journal, into another.

use std::io::Cursor as Bytes;

use tempfile::TempDir;

use super::tests::*;
use super::*;

/// A journal with two votes and a veto, closed.
async fn source() -> TempDir {
    let (directory, journal) = fresh().await;
    record_results(&journal, &[(1, 1), (2, 2), (3, 3)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 1), (2, 2)])).await.expect("recorded");
    journal.record_veto(Epoch(2), entry(3, 9)).await.expect("recorded");
    journal.close().await;
    directory
}

fn export(directory: &TempDir) -> String {
    let mut file = Vec::new();
    let journal = Offline::look(&place(directory.path())).expect("readable");
    let exported = journal.export(&mut file).expect("written");
    assert_eq!(exported, Exchanged { signed: 2, vetoed: 1, votes: 1 });
    String::from_utf8(file).expect("text")
}

async fn import(journal: &Journal, text: &str) -> Result<Exchanged, JournalError> {
    journal.import(identity(1), Floor { number: 3, before: 0 }, Bytes::new(text.to_owned())).await
}

#[tokio::test]
async fn another_journal_takes_up_what_was_signed() {
    let text = export(&source().await);
    let (_directory, journal) = fresh().await;
    assert_eq!(import(&journal, &text).await.expect("imported"), Exchanged { signed: 2, vetoed: 1, votes: 1 });
    assert_eq!(import(&journal, &text).await.expect("again"), Exchanged::default());
    record_results(&journal, &[(1, 1), (2, 8), (3, 9), (4, 4)]).await;
    journal.record_vote(Epoch(5), batch(&[(1, 1)])).await.expect("the same result");
    for (number, byte) in [(2, 8), (3, 9)] {
        let refused = journal.record_vote(Epoch(5), batch(&[(number, byte)])).await.expect_err("signed otherwise");
        assert!(matches!(refused, JournalError::Conflict { .. } | JournalError::Vetoed { .. }), "{refused:?}");
    }
    journal.record_vote(Epoch(5), batch(&[(4, 4)])).await.expect("asked for afterwards");
    assert_eq!(journal.floor().await.expect("read"), Some(Floor { number: 3, before: 0 }));
}

#[tokio::test]
async fn what_the_export_forgot_is_not_signed_anew() {
    let directory = source().await;
    let journal = open(directory.path());
    journal.raise_floor(Floor { number: 40, before: 50 }).await.expect("recorded");
    journal.close().await;
    let text = export(&directory);
    let (_other, journal) = fresh().await;
    import(&journal, &text).await.expect("imported");
    assert_eq!(journal.floor().await.expect("read"), Some(Floor { number: 40, before: 50 }));
}

#[tokio::test]
async fn files_that_are_not_whole_or_not_ours_change_nothing() {
    let text = export(&source().await);
    let lines: Vec<_> = text.lines().collect();
    let without_last = lines[..lines.len() - 1].join("\n");
    let without_one = text.replacen(&format!("{}\n", lines[1]), "", 1);
    let twice = format!("{text}{text}");
    let cases = [
        (String::new(), "ends before its last line"),
        (without_last, "ends before its last line"),
        (without_one, "should have 4 entries, and has 3"),
        (twice, "goes on after its last line"),
        (lines[1..].join("\n"), "does not begin with its header"),
        (text.replace("\"version\":1", "\"version\":2"), "tandem-signed 1 is known"),
        (text.replace("\"chain_id\":31337", "\"chain_id\":1"), "the journal is of"),
        (text.replace("0101", "0202"), "the journal is of"),
        (text.replace("\"epoch\":2", "\"epoch\":-2"), "invalid value"),
        (text.replace("\"results\"", "\"surprise\""), "unknown field"),
        (format!("{}{}", " ".repeat(5_000), text), "EOF"),
    ];
    let (_directory, journal) = fresh().await;
    for (file, problem) in cases {
        let error = import(&journal, &file).await.expect_err(problem);
        assert!(
            matches!(&error, JournalError::Import { .. }) && error.to_string().contains(problem),
            "{problem}: {error}"
        );
    }
    assert_eq!(journal.floor().await.expect("read"), Some(Floor::default()));
    record_results(&journal, &[(1, 7)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 7)])).await.expect("nothing was imported");
}

#[tokio::test]
async fn contradiction_is_refused_whole_and_named() {
    let text = export(&source().await);
    let (_directory, journal) = fresh().await;
    record_results(&journal, &[(2, 8)]).await;
    journal.record_vote(Epoch(1), batch(&[(2, 8)])).await.expect("recorded");
    let error = import(&journal, &text).await.expect_err("signed otherwise").to_string();
    assert!(error.contains(&id(2).to_string()) && error.contains("here"), "{error}");
    assert_eq!(journal.floor().await.expect("read"), Some(Floor::default()));
    record_results(&journal, &[(1, 7)]).await;
    journal.record_vote(Epoch(1), batch(&[(1, 7)])).await.expect("nothing of the file was kept");
}

#[tokio::test]
async fn export_is_the_same_twice_and_survives_a_round() {
    let directory = source().await;
    let text = export(&directory);
    assert_eq!(export(&directory), text);
    let (other, journal) = fresh().await;
    import(&journal, &text).await.expect("imported");
    journal.close().await;
    let header = |text: &str| text.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(header(&export(&other)), header(&text));
}

#[tokio::test]
async fn sound_journal_has_no_faults() {
    let directory = source().await;
    let checked = Offline::look(&place(directory.path())).expect("readable").check().expect("read");
    assert_eq!(checked.faults, []);
    assert_eq!((checked.tasks, checked.signed, checked.sequence), (3, 2, 3));
    assert_eq!(checked.version, schema::VERSION);
}

#[tokio::test]
async fn every_fault_is_found_with_what_to_do() {
    let cases = [
        (
            "DROP TRIGGER signed_is_kept; DROP TRIGGER signed_prunes; DELETE FROM signed WHERE number = 1",
            "that are not there",
        ),
        ("DROP TRIGGER signed_is_final; UPDATE signed SET epoch = 77 WHERE number = 1", "is not what was written"),
        (
            "DROP TRIGGER signed_is_final; UPDATE signed SET leaf = zeroblob(32) WHERE number = 1",
            "other than its own result",
        ),
        (
            "DROP TRIGGER signed_is_not_vetoed; INSERT INTO vetoed SELECT task_id, leaf, 1, 1, 1, 1, 0 FROM signed",
            "signed and vetoed",
        ),
        ("DELETE FROM task WHERE number = 1", "refers to a task that is not there"),
        ("DELETE FROM meta", "does not say whose it is"),
        ("UPDATE store_usage SET bytes = 5", "the store is not as large"),
        ("UPDATE guard SET doubt = 'a reason'", "nothing is signed with this journal: a reason"),
        ("UPDATE guard SET line = zeroblob(16)", "another journal's"),
    ];
    for (sql, problem) in cases {
        let directory = source().await;
        let looked = Offline::look(&place(directory.path())).expect("readable");
        let outside = outside(&directory);
        outside.execute_batch(&format!("PRAGMA foreign_keys = 0; {sql}")).expect(sql);
        let faults = looked.check().expect("read").faults;
        let found = faults.iter().find(|fault| fault.problem.contains(problem));
        assert!(found.is_some_and(|fault| !fault.remedy.is_empty()), "{sql}: {faults:?}");
    }
}

#[tokio::test]
async fn compact_gives_back_what_is_free_and_keeps_the_rest() {
    let (directory, journal) = fresh().await;
    let large = |number| RecordedTask { input: vec![1; 4_000], ..task(number) };
    journal.record_span((1..=400).map(large).collect(), vec![], cursor(1)).await.expect("recorded");
    journal.record_outcome(ran(400), result(1)).await.expect("recorded");
    journal.record_vote(Epoch(1), batch(&[(400, 1)])).await.expect("recorded");
    journal.close().await;
    outside(&directory).execute_batch("DELETE FROM task WHERE number < 400").expect("written");
    let (before, after) = Offline::compact(&place(directory.path())).expect("compacted");
    assert!(after * 4 < before, "{before} to {after}");
    let journal = open(directory.path());
    assert_eq!(signed(&journal, 400).await, leaf(1));
}
