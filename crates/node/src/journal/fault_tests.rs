//! Tests of disks that fail, with real files: no space, no rights, bytes that changed. Each stops the journal before anything is signed.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::tests::*;
use super::*;

/// Set for the process that meets the fault.
const VICTIM: &str = "TANDEM_TEST_FAULTY_JOURNAL";
const NOBODY: u32 = 65_534;

/// Runs this test binary's `test` again, under a shell that does `prepare` first, and gives back what it printed.
fn run_again(test: &str, directory: &Path, prepare: &str, user: Option<u32>) -> String {
    let name = module_path!().split_once("::").expect("the module is in a crate").1;
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{prepare}\nexec \"$0\" --exact '{name}::{test}' --nocapture"))
        .arg(std::env::current_exe().expect("the test binary"))
        .env(VICTIM, directory);
    if let Some(user) = user {
        command.uid(user);
    }
    let output = command.output().expect("the shell starts");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Meets the fault, if this is the process that is to.
fn is_victim() -> bool {
    let directory = std::env::var_os(VICTIM);
    if let Some(directory) = &directory {
        block_on(sign_until_it_fails(Path::new(directory)));
    }
    directory.is_some()
}

fn may_mount() -> bool {
    Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status().is_ok_and(|status| status.success())
}

/// The same on a disk that `mount` mounts on the directory, for that process alone. What is on the disk then is in the directory afterwards.
fn run_on_small_disk(test: &str, directory: &Path, mount: &str) -> String {
    let name = module_path!().split_once("::").expect("the module is in a crate").1;
    let kept = directory.with_extension("kept");
    let script =
        format!("{mount}\n\"$0\" --exact '{name}::{test}' --nocapture\ncp -r \"$TANDEM_TEST_FAULTY_JOURNAL\" \"$1\"",);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .args([std::env::current_exe().expect("the test binary").as_path(), &kept])
        .env(VICTIM, directory)
        .output()
        .expect("util-linux is installed");
    std::fs::remove_dir(directory).expect("it is empty outside");
    std::fs::rename(&kept, directory).expect("the content of the disk was copied");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Votes for one task after the other and says so, until the journal does not record it.
async fn sign_until_it_fails(directory: &Path) {
    let journal = match try_open(directory) {
        Ok(journal) => journal,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            say(&format!("closed: {error}: {cause}; hint: {}", error.hint()));
            return;
        }
    };
    let _ = journal.raise_floor(Floor::default()).await;
    for number in 1..100_000 {
        if let Err(error) = sign(&journal, number).await {
            assert!(error.is_fatal(), "{error:?}");
            let later = journal.record_vote(Epoch(1), batch(&[(1, 1)])).await.expect_err("nothing more is signed");
            assert!(later.is_fatal(), "{later:?}");
            let JournalError::Storage(error) = error else { panic!("not the storage's: {error:?}") };
            say(&format!("stopped: {error}; hint: {}", error.hint()));
            return;
        }
        say(&format!("signed {number}."));
    }
}

/// Tells the process that started this one, on a line of its own.
fn say(line: &str) {
    writeln!(std::io::stdout(), "\n{line}").expect("the parent reads");
}

async fn sign(journal: &Journal, number: u64) -> Result<(), JournalError> {
    let mut task = task(number);
    task.input = vec![7; 4_000];
    journal.record_span(vec![task], vec![], cursor(number)).await?;
    journal.record_outcome(ran(number), result(1)).await?;
    journal.record_vote(Epoch(1), batch(&[(number, 1)])).await
}

fn last_signed(output: &str) -> u64 {
    let numbers = output.lines().filter_map(|line| line.strip_prefix("signed ")?.strip_suffix('.')?.parse().ok());
    numbers.max().unwrap_or(0)
}

/// All that was answered is there, the guard agrees, and the journal goes on.
async fn assert_sound(directory: &Path, signed_up_to: u64) {
    let journal = open(directory);
    for number in 1..=signed_up_to {
        assert_eq!(signed(&journal, number).await, leaf(1), "task {number}");
    }
    sign(&journal, 200_000).await.expect("there is room again");
    journal.close().await;
    let checked = Offline::look(&place(directory)).expect("readable").check().expect("read");
    assert_eq!(checked.faults, []);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[test]
fn file_that_may_not_grow_stops_signing_with_a_message() {
    if is_victim() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    // In blocks of 512 bytes; a write beyond is an error instead of a signal.
    let output = run_again(
        "file_that_may_not_grow_stops_signing_with_a_message",
        directory.path(),
        "trap '' XFSZ\nulimit -f 1000",
        None,
    );
    let signed = last_signed(&output);
    assert!(
        signed > 0 && output.contains("stopped: the database cannot be read or written; hint: check the disk"),
        "{output}"
    );
    block_on(assert_sound(directory.path(), signed));
}

#[test]
fn full_disk_stops_signing_with_a_message() {
    if is_victim() {
        return;
    }
    if !may_mount() {
        // The journal's own test of a full database remains.
        eprintln!("this system gives its users no mounts of their own: there is no small disk to fill");
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("small");
    std::fs::create_dir(&path).expect("made");
    // A disk of its own, as far as the system lets this user have one; its content is carried out before it is gone with the process.
    let test = "full_disk_stops_signing_with_a_message";
    let mount = "mount -t tmpfs -o size=600k tmpfs \"$TANDEM_TEST_FAULTY_JOURNAL\" || exit 9";
    let output = run_on_small_disk(test, &path, mount);
    let signed = last_signed(&output);
    assert!(signed > 0 && output.contains("stopped: no space is left for the database; hint: make room"), "{output}");
    block_on(assert_sound(&path, signed));
}

#[test]
fn directory_that_cannot_be_written_does_not_open() {
    if is_victim() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    block_on(async { open(directory.path()).close().await });
    let allow = |mode| {
        let data = directory.path().join("data");
        let files = std::fs::read_dir(&data).expect("read").map(|entry| entry.expect("read").path());
        for file in files {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("set");
        }
        for path in [directory.path(), &data] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode | 0o111)).expect("set");
        }
    };
    allow(0o444);
    // Who may do anything is not stopped by rights: then it is somebody else.
    let is_root = std::fs::metadata(directory.path()).expect("read").uid() == 0;
    let output =
        run_again("directory_that_cannot_be_written_does_not_open", directory.path(), "", is_root.then_some(NOBODY));
    allow(0o600);
    assert!(output.contains("closed: cannot use") && output.contains("ermission denied"), "{output}");
    assert!(output.contains("hint: check the path, its owner and its rights"), "{output}");
    assert_eq!(last_signed(&output), 0);
}

/// Whichever byte of the file changes, the journal says that it did, or says the truth.
#[tokio::test]
async fn no_changed_byte_makes_the_journal_sign_otherwise() {
    const TASKS: u64 = 12;
    let (directory, journal) = fresh().await;
    for number in 1..=TASKS {
        let mut small = task(number);
        small.input = vec![];
        journal.record_span(vec![small], vec![], cursor(number)).await.expect("recorded");
        journal.record_outcome(ran(number), result(1)).await.expect("recorded");
        journal.record_vote(Epoch(1), batch(&[(number, 1)])).await.expect("recorded");
    }
    journal.close().await;
    let file = directory.path().join("data/journal.sqlite");
    let whole = std::fs::read(&file).expect("read");
    let (mut told, mut harmless) = (0, 0);
    // A step that is no multiple of anything in the format, from the second page on: the first ones are the headers'.
    for at in (100..whole.len()).step_by(601) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&file, changed).expect("written");
        match try_open(directory.path()) {
            Err(error) => {
                assert!(
                    matches!(
                        error,
                        OpenError::Storage { .. } | OpenError::Doubt { .. } | OpenError::OtherIdentity { .. }
                    ),
                    "{at}: {error:?}"
                );
                told += 1;
            }
            Ok(journal) => {
                harmless += u64::from(signs_only_what_it_signed(&journal, TASKS).await);
                journal.close().await;
            }
        }
    }
    assert!(told > 0 && harmless > 0, "{told} told, {harmless} harmless");
}

/// Whether every task is known to be signed as it was; those of which it cannot be said are not signed otherwise.
async fn signs_only_what_it_signed(journal: &Journal, tasks: u64) -> bool {
    let mut is_whole = true;
    for number in 1..=tasks {
        // Another result comes, as if the component had answered differently this time.
        let _ = journal.record_outcome(ran(number), result(9)).await;
        let other = journal.record_vote(Epoch(2), batch(&[(number, 9)])).await;
        assert!(other.is_err(), "task {number} was signed otherwise");
        is_whole &= journal.record_vote(Epoch(2), batch(&[(number, 1)])).await.is_ok();
    }
    is_whole
}
