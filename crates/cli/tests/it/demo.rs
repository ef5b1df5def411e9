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

/// A demo under a policy that delivers the known score.
fn delivers(arguments: &[&str]) -> Value {
    let (code, page) = play(arguments);
    assert_eq!(code, Some(0), "{page}");
    assert_eq!((&page["delivered"], &page["verdict"]), (&true.into(), &"final".into()), "{page}");
    assert_eq!(page["score"]["home_score"], 69);
    page
}

/// A demo under a policy that refuses, by the contract or for want of a certificate.
fn refuses(arguments: &[&str], verdict: &str, error: &str) -> Value {
    let (code, page) = play(&[arguments, &["--deadline", "6"]].concat());
    assert_eq!(code, Some(3), "{page}");
    assert_eq!((&page["delivered"], &page["verdict"]), (&false.into(), &verdict.into()), "{page}");
    assert_eq!(page["error"], error, "{page}");
    assert!(page.get("score").is_none());
    page
}

#[test]
fn combined_value_decides_at_the_oracles_prices() {
    let page = delivers(&["--policy", "combined", "--operators", "5", "--stakes", "native-first", "--kill", "1"]);
    assert_eq!(page["policy"]["kind"], "combined");
    assert_eq!(page["prices"]["external"], "300000000000");
    // 40 % of the native token and 94.1 % of ETH make 67.1 %, as native counts for at most a half.
    assert!(page["signed_percent"]["native"].as_f64() < Some(50.0), "{page}");
    let error = "quorum not reached: combined value 50.00 % < 66.67 %";
    refuses(&["--policy", "combined", "--kill", "2"], "refused", error);
}

#[test]
fn combined_value_is_not_known_when_the_feeds_fall_silent() {
    let error = "quorum not reached: price of the native token is not known";
    let page = refuses(&["--policy", "combined", "--stale-prices"], "refused", error);
    assert_eq!(page["attested_percent"]["native"], 100.0, "all agreed, and it was not enough");
}

#[test]
fn veto_policy_delivers_at_once_when_too_few_are_left_to_veto() {
    let page = delivers(&["--policy", "veto", "--dissent", "1"]);
    assert_eq!((&page["waited"], &page["signers"]), (&false.into(), &serde_json::json!([2, 3, 4])));
}

#[test]
fn veto_policy_delivers_after_the_window_when_nobody_vetoes() {
    let page = delivers(&["--policy", "veto", "--stakes", "external-first", "--kill", "1"]);
    assert_eq!(page["waited"], true);
    assert!(page["seconds"].as_f64() >= Some(3.0), "{page}");
    assert_eq!(steps(&page, "pending")[0]["signers"], serde_json::json!([2, 3, 4]));
}

#[test]
fn operators_with_another_answer_veto_a_pending_result() {
    let arguments = ["--policy", "veto", "--stakes", "external-first", "--dissent", "1"];
    let page = refuses(&arguments, "vetoed", "vetoed: ETH 60.0 % ≥ 33.34 %, by operators 1");
    assert_eq!(page["signers"], serde_json::json!([1]));
    assert_eq!(steps(&page, "pending").len(), 1, "it was certified first");
}

#[test]
fn veto_policy_refuses_without_the_native_token() {
    refuses(&["--policy", "veto", "--kill", "2"], "refused", "quorum not reached: native 50.0 % < 66.67 %");
}

#[test]
fn external_token_alone_certifies_once_the_native_one_has_failed() {
    let weak = ["--policy", "both-or-fallback", "--stakes", "native-first", "--kill", "1"];
    let error = "quorum not reached: native 40.0 % < 66.67 %, ETH 92.3 % ≥ 66.67 %";
    let page = refuses(&weak, "refused", error);
    assert_eq!(page["fallback"], false);
    let page = delivers(&[weak.as_slice(), &["--native-crash"]].concat());
    assert_eq!((&page["fallback"], &page["signers"]), (&true.into(), &serde_json::json!([2, 3, 4])));
}

#[test]
fn fallback_policy_is_both_while_the_native_token_is_well() {
    delivers(&["--policy", "both-or-fallback"]);
}

#[test]
fn either_token_is_enough_and_neither_is_refused() {
    let page = delivers(&["--policy", "either", "--stakes", "external-first", "--kill", "1"]);
    assert_eq!(page["signed_percent"], serde_json::json!({ "native": 93.75, "external": 40.0 }));
    let error = "quorum not reached: native 50.0 % < 66.67 %, ETH 50.0 % < 66.67 %";
    refuses(&["--policy", "either", "--kill", "2"], "refused", error);
}

#[test]
fn single_token_decides_and_the_other_has_no_say() {
    delivers(&["--policy", "single", "--stakes", "native-first", "--kill", "1"]);
    let error = "quorum not reached: ETH 40.0 % < 66.67 %";
    refuses(&["--policy", "single", "--stakes", "external-first", "--kill", "1"], "refused", error);
}

#[test]
fn dissent_that_leaves_too_few_is_refused() {
    let error = "quorum not reached: native 50.0 % < 66.67 %, ETH 50.0 % < 66.67 %";
    refuses(&["--dissent", "2"], "refused", error);
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
        (&["--dissent", "4", "--kill", "1"][..], "cannot mislead 4 of 3 operators"),
        (&["--stale-prices"][..], "--stale-prices needs --policy combined"),
        (&["--native-crash", "--policy", "veto"][..], "--native-crash needs --policy both-or-fallback"),
        (&["--operators", "0"][..], "0 is not in 1..=16"),
        (&["--component", "nowhere.wasm"][..], "make components"),
    ] {
        let output = demo(arguments).output().expect("tandem starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(told.contains(message), "{told}");
    }
}
