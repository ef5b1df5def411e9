//! The scratch directory as a component sees it that uses Rust's standard library; what the tree behind it does is tested there.

use tandem_engine::{
    Component, Fault, Grants, GuestErrorKind, LimitBreach, LimitKind, Limits, RunError, ScratchLimits, TaskInput,
};
use tandem_types::{Determinism, TaskBlock};

use crate::{bytes, engine, output, run};

const LIMITS: ScratchLimits = ScratchLimits { bytes: 100_002, files: 50 };

fn component(scratch: ScratchLimits, determinism: Determinism) -> Component {
    let limits = Limits { scratch, ..Limits::default() };
    engine().load(&bytes("scratch"), Grants { limits, determinism, ..Grants::default() }).expect("it is a service")
}

fn open() -> Component {
    component(LIMITS, Determinism::Open)
}

#[tokio::test]
async fn files_are_written_read_listed_renamed_and_removed() {
    let script = "mkdir /scratch/d;write /scratch/d/b hello;append /scratch/d/b !;read /scratch/d/b;tail /scratch/d/b 4;write /scratch/d/a x;\
                  list /scratch/d;rename /scratch/d/b /scratch/c;read /scratch/c;truncate /scratch/c 2;stat /scratch/c;remove /scratch/d/a;\
                  rmdir /scratch/d;list /scratch";
    let expected = ";;;hello!;o!;;a,b;;hello!;;file 2 0;;;c";
    for determinism in [Determinism::Open, Determinism::Strict] {
        assert_eq!(output(&component(LIMITS, determinism), script).await, expected, "{determinism}");
    }
}

#[tokio::test]
async fn nothing_is_left_for_the_next_execution() {
    let component = open();
    for _ in 0..3 {
        assert_eq!(output(&component, "list /scratch;write /scratch/a x;list /scratch").await, ";;a");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_at_a_time_do_not_see_each_other() {
    let component = open();
    let all: Vec<_> = (0..40)
        .map(|number| {
            let component = component.clone();
            let script = format!("write /scratch/a {number};fill /scratch/b 50000;read /scratch/a;list /scratch");
            tokio::spawn(async move { (number, output(&component, &script).await) })
        })
        .collect();
    for one in all {
        let (number, output) = one.await.expect("no execution panics");
        assert_eq!(output, format!(";;{number};a,b"));
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_directory() {
    let component = component(ScratchLimits::default(), Determinism::Open);
    let script = "?write /scratch/a x;?list /scratch;?list /;?list .;?read /etc/passwd";
    let output = output(&component, script).await;
    assert!(output.split(';').all(|error| !error.is_empty() && !error.contains("root")), "{output}");
    let error = run(&component, "write /scratch/a x").await.expect_err("there is nowhere to write");
    assert!(matches!(&error, RunError::Guest(error) if error.kind == GuestErrorKind::Failed), "{error}");
}

#[tokio::test]
async fn no_path_leads_out() {
    let script = "write /scratch/a x;?read /scratch/../etc/passwd;?read /scratch/../../scratch/a;?read /etc/passwd;?list /scratch/..;\
                  ?write /tmp/a x;?rename /scratch/a /scratch/../b;?symlink /etc/passwd /scratch/l;?link /scratch/a /scratch/l;list /scratch";
    let output = output(&open(), script).await;
    let answers: Vec<_> = output.split(';').collect();
    assert_eq!((answers[0], answers[9]), ("", "a"), "{output}");
    assert!(
        answers[1..9].iter().all(|answer| !answer.is_empty() && !answer.contains("root") && *answer != "x"),
        "{output}"
    );
}

#[tokio::test]
async fn breach_of_a_limit_is_typed() {
    let breach = |kind, limit| RunError::Limit(LimitBreach { kind, limit });
    let cases = [
        ("fill /scratch/a 101000", breach(LimitKind::ScratchBytes, LIMITS.bytes)),
        ("write /scratch/a x;truncate /scratch/a 4000000000000", breach(LimitKind::ScratchBytes, LIMITS.bytes)),
        ("fill /scratch/a 100000;mkdir /scratch/bcd", breach(LimitKind::ScratchBytes, LIMITS.bytes)),
        ("fill /scratch/a 100000;rename /scratch/a /scratch/bcde", breach(LimitKind::ScratchBytes, LIMITS.bytes)),
        ("touch 51", breach(LimitKind::ScratchFiles, LIMITS.files)),
    ];
    for (script, expected) in cases {
        for determinism in [Determinism::Open, Determinism::Strict] {
            let error = run(&component(LIMITS, determinism), script).await.expect_err(script);
            assert_eq!((error.fault(), &error), (Fault::Component, &expected), "{script}");
        }
    }
}

/// `ENOSPC` is 51 here. The C library that Rust's is built on makes 29, `EIO`, of any error of a stream, which is how it writes.
#[tokio::test]
async fn a_component_sees_that_there_is_no_space_and_may_get_over_it() {
    let script = "fill /scratch/a 100000;?write /scratch/b x;?write /scratch/c x;?truncate /scratch/a 200000;?mkdir /scratch/d;\
                  ?rename /scratch/a /scratch/aa;remove /scratch/a;write /scratch/b x;read /scratch/b;list /scratch";
    let full = "StorageFull 51";
    let expected = format!(";Uncategorized 29;{full};{full};{full};{full};;;x;b");
    assert_eq!(output(&open(), script).await, expected);
}

/// Most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") << 10
}

#[tokio::test]
async fn what_only_seems_large_takes_no_memory() {
    const FILES: u64 = 5_000;
    let component = component(ScratchLimits { bytes: 256 << 20, files: FILES + 1 }, Determinism::Open);
    assert_eq!(output(&component, &format!("listings 0 {FILES}")).await, "0");
    let before = peak();
    // As copies, the listings would be 0.6 GB of names.
    assert_eq!(output(&component, &format!("listings 450 {FILES}")).await, "450");
    assert_eq!(output(&component, "resize /scratch/a 260000000 1000;truncate /scratch/a 260000000").await, ";");
    assert!(peak() - before < 64 << 20, "{} bytes", peak() - before);
}

#[tokio::test]
async fn open_files_are_handles_and_bounded() {
    let error = run(&open(), "write /scratch/held x;hold 2000").await.expect_err("they are too many");
    assert!(matches!(error, RunError::Limit(LimitBreach { kind: LimitKind::Handles, .. })), "{error}");
    assert_eq!(output(&open(), "write /scratch/held x;hold 100").await, ";100");
}

#[tokio::test]
async fn times_are_the_blocks_and_runs_are_the_same() {
    let component = component(LIMITS, Determinism::Strict);
    let script =
        "fill /scratch/b 9000;write /scratch/a x;mkdir /scratch/c;stat /scratch/a;stat /scratch/c;list /scratch";
    let task = |time| {
        let block = TaskBlock { time, ..TaskBlock::default() };
        TaskInput { block, ..TaskInput::manual(script.as_bytes().to_vec()) }
    };
    let first = component.run(task(1_700_000_000)).await.expect("it behaves");
    assert_eq!(first.output, b";;;file 1 1700000000;directory 0 1700000000;a,b,c");
    for _ in 0..20 {
        let again = component.run(task(1_700_000_000)).await.expect("it behaves");
        assert_eq!((again.output, again.fuel), (first.output.clone(), first.fuel));
    }
}
