//! `tandem exec` as a process, on the component that ships and on fixtures. The components are built apart: `make components`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tandem_cli::boxscore::{self, Boxscores};
use tokio::runtime::Runtime;

const KEY: &str = "k3y/with?reserved&characters";
const KEY_IN_URL: &str = "k3y%2Fwith%3Freserved%26characters";
const KNOWN: &str = r#"{"id":"fa15684d-0966-46e7-a3f8-f1d378692109","home_team":"Boise State Broncos","away_team":"Nebraska Cornhuskers","home_score":69,"away_score":79,"status":"closed"}"#;

/// A server for all tests.
static SERVER: LazyLock<(Runtime, Boxscores)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("there are threads");
    let server = runtime.block_on(Boxscores::start(KEY)).expect("there is a free port");
    (runtime, server)
});

fn component(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../components/target/wasm32-wasip2/release")
        .join(name)
        .with_extension("wasm");
    assert!(path.exists(), "{} is missing: run `make components` first", path.display());
    path
}

fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.arg("exec").args(arguments).env_remove("RUST_LOG").env("SPORTRADAR_API_KEY", KEY);
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// `tandem exec` of sports-scores for `game` against the server, with `more` arguments.
fn scores(game: &str, more: &[&str]) -> Command {
    let mut command = tandem(&["--input", game, "--secret-env", "SPORTRADAR_API_KEY"]);
    command
        .arg("--component")
        .arg(component("sports_scores"))
        .args(["--allow-host", &SERVER.1.host(), "--config", &format!("base_url={}", SERVER.1.url())])
        .args(more);
    command
}

fn hostile(input: &str, more: &[&str]) -> Command {
    let mut command = tandem(&["--input", input]);
    command.arg("--component").arg(component("hostile")).args(more);
    command
}

fn output(mut command: Command) -> Output {
    command.output().expect("tandem starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("tandem prints text")
}

/// Asserts that `command` fails with `code`, prints nothing to standard output, and says `parts` on standard error.
fn assert_fails(command: Command, code: i32, parts: &[&str]) {
    let output = output(command);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
    }
}

fn json(command: Command) -> (Value, i32) {
    let output = output(command);
    let value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    (value, output.status.code().expect("tandem exits"))
}

/// A proxy would see what components send, and would be asked for names that were checked here.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    proxy.set_nonblocking(true).expect("it listens");
    let url = format!("http://{}", proxy.local_addr().expect("it is bound"));
    let mut command = scores(boxscore::CLOSED, &[]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, &url);
    }
    assert!(output(command).status.success());
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[test]
fn known_game_is_printed_in_hex_and_utf8() {
    let output = output(scores(boxscore::CLOSED, &[]));
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(stdout.contains(&format!("Result (hex encoded):\n{}\n", hex::encode(KNOWN))), "{stdout}");
    assert!(stdout.contains(&format!("Result (utf8):\n{KNOWN}\n")), "{stdout}");
    assert!(stdout.contains("Fuel:") && stdout.contains("Time:"), "{stdout}");
}

#[test]
fn known_game_as_json() {
    let (value, code) = json(scores(boxscore::CLOSED, &["--json"]));
    assert_eq!(code, 0);
    assert_eq!(value["ok"], true);
    assert_eq!(value["output_utf8"], KNOWN);
    assert_eq!(value["output_hex"], format!("0x{}", hex::encode(KNOWN)));
    assert!(value["fuel"].as_u64().expect("fuel is a number") > 0 && value["elapsed_ms"].is_number());
    assert!(value["component"].as_str().expect("the digest is text").starts_with("sha256:"));
}

#[test]
fn input_comes_as_text_hex_or_file() {
    let directory = tempfile::tempdir().expect("there is room for a file");
    let file = directory.path().join("input");
    std::fs::write(&file, boxscore::CLOSED).expect("the file can be written");
    for input in [format!("0x{}", hex::encode(boxscore::CLOSED)), format!("@{}", file.display())] {
        assert_eq!(json(scores(&input, &["--json"])).0["output_utf8"], KNOWN);
    }
}

#[test]
fn component_errors_have_messages_of_their_own() {
    let cases = [
        ("", "invalid-input", "the game id is empty"),
        ("../secret", "invalid-input", "the game id is malformed"),
        ("0xff", "invalid-input", "not UTF-8"),
        (boxscore::LIVE, "not-ready", "the game is not closed: its status is `inprogress`"),
        (boxscore::SCHEDULED, "not-ready", "the game is not closed: its status is `scheduled`"),
        (boxscore::MALFORMED, "unavailable", "the boxscore is not the expected JSON"),
        (boxscore::LIMITED, "unavailable", "rate limit is reached (HTTP 429)"),
        (boxscore::FAILING, "unavailable", "answered with HTTP 500"),
        (boxscore::MISTAKEN, "unavailable", "boxscore of another game"),
        ("00000000-0000-4000-8000-00000000ffff", "invalid-input", "no game with this id (HTTP 404)"),
    ];
    for (game, kind, message) in cases {
        assert_fails(scores(game, &[]), 3, &["error: the component returned an error", kind, message]);
    }
}

#[test]
fn wrong_key_is_told_apart() {
    let mut command = scores(boxscore::CLOSED, &[]);
    command.env("SPORTRADAR_API_KEY", "another");
    assert_fails(command, 3, &["refuses the API key (HTTP 401)"]);
}

#[test]
fn live_game_is_read_when_it_is_allowed() {
    let (value, _) = json(scores(boxscore::LIVE, &["--config", "allow_live=true", "--json"]));
    let score = value["output_utf8"].as_str().expect("there is an output");
    assert!(score.ends_with(r#""home_score":41,"away_score":38,"status":"inprogress"}"#), "{score}");
}

#[test]
fn game_without_points_is_told_apart() {
    assert_fails(scores(boxscore::SCHEDULED, &["--config", "allow_live=true"]), 3, &["no points yet"]);
}

#[test]
fn config_that_does_not_fit_is_named() {
    assert_fails(scores(boxscore::CLOSED, &["--config", "allow_live=maybe"]), 3, &["(failed)", "allow_live"]);
    assert_fails(scores(boxscore::CLOSED, &["--config", "base_url=nonsense"]), 3, &["(failed)", "not a valid URL"]);
}

#[test]
fn missing_secret_has_a_hint() {
    let mut command = tandem(&["--input", boxscore::CLOSED]);
    command.arg("--component").arg(component("sports_scores"));
    assert_fails(command, 3, &["secret SPORTRADAR_API_KEY is not supplied", "\n\nhint: ", "--secret-env"]);
}

#[test]
fn server_that_is_down_is_said_so() {
    let more = ["--config", "base_url=http://127.0.0.1:9", "--allow-host", "127.0.0.1:9"];
    assert_fails(scores(boxscore::CLOSED, &more), 3, &["(unavailable)", "Sportradar cannot be reached: no connection"]);
}

#[test]
fn host_that_is_not_granted_is_refused_with_a_hint() {
    let mut command = tandem(&["--input", boxscore::CLOSED, "--secret-env", "SPORTRADAR_API_KEY"]);
    command.arg("--component").arg(component("sports_scores"));
    assert_fails(
        command,
        5,
        &["HTTP host `api.sportradar.com` is not granted", "hint: grant it with --allow-host api.sportradar.com"],
    );
}

#[test]
fn limits_are_told_apart() {
    assert_fails(hostile("spin", &["--fuel", "1000000"]), 4, &["used all of its 1000000 fuel", "--fuel"]);
    let spinning = ["--fuel", "1000000000000", "--time-limit", "0.2"];
    assert_fails(hostile("spin", &spinning), 4, &["ran longer than 200 ms", "--time-limit"]);
    assert_fails(hostile("grow", &["--memory-limit", "8"]), 4, &["more than 8 MiB of memory", "--memory-limit"]);
    assert_fails(hostile("output 16385", &[]), 4, &["more than 16 KiB of output"]);
}

#[test]
fn strict_component_runs_in_a_block_of_the_time_that_is_given() {
    let run = || {
        let mut command = tandem(&["--strict", "100", "--json"]);
        command.arg("--component").arg(component("twap"));
        command.args(["--input", r#"{"window":100,"points":[[0,"100"],[60,"200"],[90,"50"]]}"#]);
        let (value, code) = json(command);
        assert_eq!(code, 0);
        (value["output_utf8"].clone(), value["fuel"].clone())
    };
    let first = run();
    assert_eq!(first.0, r#"{"average":"125","from":0,"to":100}"#);
    assert_eq!(run(), first);
}

#[test]
fn component_that_is_not_strict_is_refused_by_its_import() {
    let mut command = tandem(&["--input", "x", "--strict", "1"]);
    command.arg("--component").arg(component("sports_scores"));
    assert_fails(command, 7, &["imports `", "profile `strict` forbids", "hint: run it without --strict"]);
    assert_fails(hostile("x", &["--strict", "1", "--store"]), 2, &["--store"]);
}

#[test]
fn store_is_there_when_it_is_granted() {
    let (value, code) = json(hostile("count n", &["--store", "--json"]));
    assert_eq!((&value["output_utf8"], code), (&Value::from("1"), 0));
    assert_fails(hostile("count n", &[]), 5, &["the service's store is not granted", "hint: grant it with --store"]);
}

#[test]
fn crash_shows_what_the_component_said() {
    assert_fails(hostile("panic on purpose", &[]), 6, &["the component crashed", "told to panic: on purpose"]);
}

#[test]
fn json_errors_carry_the_values() {
    let (value, code) = json(hostile("spin", &["--fuel", "1000000", "--json"]));
    assert_eq!((code, &value["ok"]), (4, &Value::Bool(false)));
    assert_eq!((&value["error"]["limit"], &value["error"]["limit_value"]), (&"fuel".into(), &1_000_000.into()));

    let (value, code) = json(hostile("get http://10.0.0.1/", &["--json"]));
    assert_eq!((code, &value["error"]["kind"], &value["error"]["host"]), (5, &"refused".into(), &"10.0.0.1".into()));

    let (value, code) = json(scores("x", &["--json"]));
    assert_eq!((code, &value["error"]["code"]), (3, &"invalid-input".into()));
}

#[test]
fn what_is_no_service_is_refused() {
    let directory = tempfile::tempdir().expect("there is room for a file");
    let file = directory.path().join("module.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0").expect("the file can be written");
    let module = file.to_str().expect("the path is text");
    assert_fails(tandem(&["--input", "", "--component", module]), 7, &["core WebAssembly module", "wasm32-wasip2"]);
    let sockets = component("sockets");
    let sockets = sockets.to_str().expect("the path is text");
    let strict = tandem(&["--input", "", "--component", sockets, "--strict", "0"]);
    assert_fails(strict, 7, &["imports `wasi:", "`strict` forbids", "hint: run it without --strict"]);
    assert_fails(tandem(&["--input", "connect 127.0.0.1:1", "--component", sockets]), 3, &["PermissionDenied"]);
}

#[test]
fn bad_usage_is_found_before_anything_runs() {
    let missing = ["--input", "x", "--component", "no-such-file.wasm"];
    assert_fails(tandem(&missing), 2, &["cannot read no-such-file.wasm", "caused by", "hint: build it"]);
    assert_fails(hostile("0xzz", &[]), 2, &["not hexadecimal", "hint:"]);
    assert_fails(hostile("@no-such-file", &[]), 2, &["cannot read no-such-file"]);
    assert_fails(hostile("x", &["--secret-env", "NO_SUCH_VARIABLE"]), 2, &["NO_SUCH_VARIABLE is not set"]);
    assert_fails(hostile("x", &["--config", "novalue"]), 2, &["KEY=VALUE"]);
    assert_fails(hostile("x", &["--allow-host", "https://a.b"]), 2, &["not a host or host:port"]);
    assert_fails(hostile("x", &["--fuel", "0"]), 2, &["--fuel"]);
    assert_fails(hostile("x", &["--time-limit", "0"]), 2, &["--time-limit"]);
    assert_fails(hostile(&"x".repeat(16_385), &[]), 2, &["16385 bytes"]);
}

#[test]
fn compiled_code_is_kept_for_the_next_run() {
    use std::os::unix::fs::MetadataExt as _;
    let directory = tempfile::tempdir().expect("there is room");
    let kept = || {
        let mut command = hostile("echo hello", &[]);
        command.env("XDG_CACHE_HOME", directory.path());
        assert!(text(&output(command).stdout).trim().ends_with("hello"));
        let files = std::fs::read_dir(directory.path().join("tandem/components")).expect("it was made");
        let files = files.map(|file| file.expect("it is readable"));
        let mut files: Vec<_> =
            files.map(|file| (file.file_name(), file.metadata().expect("it is readable").ino())).collect();
        files.sort();
        files
    };
    let first = kept();
    assert_eq!(first.len(), 2, "the key and one component");
    assert_eq!(kept(), first, "nothing is written anew");
}

#[test]
fn help_lists_the_exit_codes() {
    let output = output(tandem(&["--help"]));
    assert!(text(&output.stdout).contains("Exit codes:"));
}

fn assert_no_key(mut command: Command) {
    let output = command.output().expect("tandem starts");
    for stream in [&output.stdout, &output.stderr] {
        for spelling in [KEY, KEY_IN_URL] {
            assert!(!text(stream).contains(spelling), "{command:?}:\n{}", text(stream));
        }
    }
}

#[test]
fn key_is_printed_nowhere() {
    let games = ["", boxscore::CLOSED, boxscore::LIVE, boxscore::MALFORMED, boxscore::LIMITED, boxscore::FAILING];
    let bad_urls =
        ["base_url=http://127.0.0.1:9", "base_url=nonsense", "base_url=http://bad host", "path=no/slash{id}"];
    let mut commands: Vec<_> = games.iter().map(|game| scores(game, &[])).collect();
    commands.extend(bad_urls.iter().map(|url| scores(boxscore::CLOSED, &["--config", url])));
    commands
        .push(scores(boxscore::CLOSED, &["--config", "base_url=http://127.0.0.1:9", "--allow-host", "127.0.0.1:9"]));
    commands.push(scores(boxscore::CLOSED, &["--fuel", "20000"]));
    commands.push(hostile("leak SPORTRADAR_API_KEY", &["--secret-env", "SPORTRADAR_API_KEY"]));
    // Also when somebody asks for the crates that see the request.
    let mut insistent = scores(boxscore::CLOSED, &[]);
    insistent.env("RUST_LOG", "trace,wasmtime_wasi_http=trace,wasmtime=trace,hyper=trace,rustls=trace");
    assert_no_key(insistent);
    for mut command in commands {
        command.env("RUST_LOG", "trace");
        assert_no_key(command);
    }
}

#[test]
fn firing_is_checked_before_anything_runs() {
    let errand = component("errand");
    let exec = |trigger: &str, input: &str| {
        let mut command = tandem(&["--trigger", trigger, "--input", input, "--strict", "7"]);
        command.arg("--component").arg(&errand);
        let output = output(command);
        (output.status.code(), text(&output.stderr).to_owned())
    };
    for (trigger, input) in
        [("cron", "soon"), ("cron", r#"{"instant":-1}"#), ("block", "7"), ("log", r#"{"chain_id":1}"#)]
    {
        let (code, stderr) = exec(trigger, input);
        assert_eq!(code, Some(2), "{trigger} {input}: {stderr}");
        assert!(stderr.contains(&format!("--input is not what the trigger `{trigger}` fires")), "{stderr}");
    }
    // What fired reaches the component, which knows no such verb.
    for (trigger, input) in [("cron", "7"), ("cron", r#"{ "instant": 7 }"#), ("block", r#"{"number":7,"chain_id":1}"#)]
    {
        let (code, stderr) = exec(trigger, input);
        assert_eq!(code, Some(3), "{trigger} {input}: {stderr}");
        assert!(stderr.contains("unknown verb"), "{stderr}");
    }
}
