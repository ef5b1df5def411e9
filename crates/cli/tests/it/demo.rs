//! `tandem demo` as a process, and that it leaves none behind.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.arg("demo").args(arguments).current_dir(ROOT).env_remove("RUST_LOG");
    command
}

/// Runs a demo with `--json`: its exit code and its page.
fn play(arguments: &[&str]) -> (Option<i32>, Value) {
    let output: Output = demo(arguments).arg("--json").output().expect("tandem starts");
    let page = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    assert_nothing_runs(&page);
    (output.status.code(), page)
}

fn steps<'a>(page: &'a Value, name: &str) -> Vec<&'a Value> {
    let steps = page["steps"].as_array().expect("there are steps");
    steps.iter().filter(|step| step["step"] == name).map(|step| &step["details"]).collect()
}

fn assert_nothing_runs(page: &Value) {
    for operator in steps(page, "operator") {
        let pid = operator["pid"].as_u64().expect("operators are processes");
        assert!(!is_ours(pid), "operator {pid} still runs");
    }
}

/// Whether the process is an operator: its number may have gone to another one meanwhile.
fn is_ours(pid: u64) -> bool {
    let line = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("operator.toml")
}

#[test]
fn four_operators_deliver_the_known_score() {
    let (code, page) = play(&[]);
    assert_eq!(code, Some(0), "{page}");
    assert_eq!(page["score"]["home_team"], "Boise State Broncos");
    assert_eq!(page["score"]["home_score"], 69);
    assert_eq!(page["score"]["away_team"], "Nebraska Cornhuskers");
    assert_eq!(page["score"]["away_score"], 79);
    assert_eq!(page["score"]["status"], "closed");
    assert_eq!(page["operators"], 4);
    assert!(page["signed_percent"]["native"].as_f64() >= Some(75.0), "{page}");
}

#[test]
fn one_dead_operator_of_four_does_not_matter() {
    let (code, page) = play(&["--kill", "1"]);
    assert_eq!(code, Some(0), "{page}");
    assert_eq!(page["signers"], serde_json::json!([2, 3, 4]));
    assert_eq!(page["signed_percent"]["native"], 75.0);
}

#[test]
fn two_dead_operators_of_four_are_no_quorum() {
    let output = demo(&["--kill", "2", "--deadline", "8"]).output().expect("tandem starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("quorum not reached: native 50.0 % < 66.67 %, ETH 50.0 % < 66.67 %"), "{told}");
}

#[test]
fn a_leader_that_dies_in_the_middle_only_delays() {
    let (code, page) = play(&["--kill-leader"]);
    assert_eq!(code, Some(0), "{page}");
    assert_eq!(page["delivered"], true);
}

#[test]
fn uneven_stakes_are_weighed_per_token() {
    let (code, page) = play(&["--operators", "5", "--stakes", "mixed"]);
    assert_eq!(code, Some(0), "{page}");
    assert!(page["signed_percent"]["external"].as_f64() >= Some(66.67), "{page}");
}

#[test]
fn interrupt_leaves_no_process_behind() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let kept = directory.path().join("demo");
    let kept_text = kept.to_str().expect("the path is text");
    // Nobody can reach a quorum, so it waits until it is interrupted.
    let mut child: Child = demo(&["--kill", "4", "--deadline", "300", "--keep", kept_text])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tandem starts");
    let told = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("it is piped")));
    let asked = told.map_while(Result::ok).any(|line| line.contains("request"));
    assert!(asked, "the demo ended early");
    let group = child.id();
    let status = Command::new("kill").args(["-INT", &group.to_string()]).status().expect("kill runs");
    assert!(status.success());
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(130));
    assert_none_of(&kept);
}

/// No process has the directory in its command line.
fn assert_none_of(directory: &Path) {
    let needle = directory.to_str().expect("the path is text").as_bytes().to_vec();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let processes = std::fs::read_dir("/proc").expect("this is Linux").flatten();
        let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        let left = lines.filter(|line| line.windows(needle.len()).any(|window| window == needle)).count();
        if left == 0 {
            return;
        }
        assert!(Instant::now() < until, "{left} processes are left");
        std::thread::yield_now();
    }
}

#[test]
fn bad_usage_is_said_before_anything_starts() {
    for (arguments, message) in [
        (&["--operators", "3", "--kill", "4"][..], "cannot kill 4 of 3 operators"),
        (&["--operators", "0"][..], "0 is not in 1..=16"),
        (&["--component", "nowhere.wasm"][..], "make components"),
    ] {
        let output = demo(arguments).output().expect("tandem starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(told.contains(message), "{told}");
    }
}
